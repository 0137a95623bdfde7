/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP become a flag and a readable descriptor; nothing else happens in the
 * handler. A second SIGINT restores the default action, so an impatient user can still kill, with
 * the third. A SIGHUP that is ignored at the start (nohup) stays ignored. SIGPIPE is ignored.
 * System calls are restarted: whoever waits polls quit_fd(). Call quit_init() once, from main,
 * before threads start; the rest from any thread.
 */
#ifndef P2V_COMMON_QUIT_H
#define P2V_COMMON_QUIT_H

#include <stdbool.h>
#include "common/err.h"

int quit_init(struct err *err);
bool quit_requested(void);
int quit_signal(void);		/* the signal, or 0 */
int quit_fd(void);		/* readable once a signal came; never drained */

#endif
