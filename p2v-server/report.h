/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report of a job: report.json for programs, report.html for people (one file, no scripts, no
 * outside resources). Both say what was copied, what was changed in the guest, with diffs and how
 * to take each change back, and what to do next.
 */
#ifndef P2V_SERVER_REPORT_H
#define P2V_SERVER_REPORT_H

#include "p2v-server/job.h"
#include "postfix/fix.h"

/*
 * fixes may be NULL (none were run). Sets j->report and j->report_html; the caller saves the job.
 */
int report_write(struct job *j, const struct fix_report *fixes, struct err *err);
/* The JSON alone. */
int report_json(const struct job *j, const struct fix_report *fixes, json_t **ret, struct err *err);
/* The page from the JSON and the journal; malloc'd. */
int report_html(const json_t *report, const struct journal *journal, char **ret, struct err *err);

#endif
