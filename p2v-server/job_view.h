/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job as show, list, the report and other programs see it. */
#ifndef P2V_SERVER_JOB_VIEW_H
#define P2V_SERVER_JOB_VIEW_H

#include <jansson.h>
#include "p2v-server/job.h"

/*
 * {"name","uuid","state","consistency","created","updated","agent","compressed",
 *  "images":[{"disk","source","path","replica","virtual_size","digest",
 *             "durable","data","zero","free","bad":[...]}],
 *  "domain_xml","report","report_html","plan","warnings":[...]}
 *
 * path is the file to use now: the partial image, the verified replica, or after finish the fixed
 * overlay over it. Absolute paths; null for what does not exist yet. digest is the replica's
 * content's (the whole virtual disk), null before verification. plan is the one in force, null when
 * nothing was planned or it cannot be read.
 */
int job_view_json(const struct job *j, json_t **ret, struct err *err);

#endif
