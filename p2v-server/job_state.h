/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * job.json: the job's struct to JSON and back. The file may be hand-edited or torn: it is checked
 * in full.
 */
#ifndef P2V_SERVER_JOB_STATE_H
#define P2V_SERVER_JOB_STATE_H

#include <jansson.h>
#include "p2v-server/job.h"

/* Fill j (name, store and dirfd are set) from its job.json. -ENOENT, -EBADMSG, -EIO. */
int job_state_load(struct job *j, struct err *err);
/* As written to the file. */
int job_state_json(const struct job *j, json_t **ret, struct err *err);

#endif
