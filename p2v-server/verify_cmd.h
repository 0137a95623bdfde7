/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verification of a complete job for people: with progress, the result in the job's state. */
#ifndef P2V_SERVER_VERIFY_CMD_H
#define P2V_SERVER_VERIFY_CMD_H

#include "p2v-server/job.h"

/* The job is locked. -EILSEQ: it does not hold what was sent (state damaged). Saves the job. */
int verify_images(struct job *j, unsigned int threads, struct err *err);

#endif
