/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What follows when a job is complete, and its agent waits with a machine that is held: a command
 * of the administrator (receive --on-complete), such as p2v-server takeover, that starts the
 * virtual machine and sees whether it serves.
 *
 * It is run by the shell with P2V_JOB and P2V_STORE in its environment. Its exit status is the
 * answer; the last line that it printed is the reason. When the agent is gone, or somebody wants us
 * to leave, it is ended (SIGTERM), for the source may serve again.
 */
#ifndef P2V_SERVER_ON_COMPLETE_H
#define P2V_SERVER_ON_COMPLETE_H

#include "common/err.h"
#include "p2v-server/job.h"

#define ON_COMPLETE_WHY_MAX	256

/*
 * 1: it serves; 0: it does not, and why, one line, escaped; -errno of tick(), which is called twice
 * a second, or of starting the shell.
 */
int on_complete_run(const char *command, const struct job *j, int (*tick)(void *opaque),
		    void *opaque, char why[static ON_COMPLETE_WHY_MAX], struct err *err);

#endif
