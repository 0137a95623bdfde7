/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which job a tracker belongs to: a small file beside its pins, in memory, that an agent leaves
 * for the one that comes after it.
 *
 *	begun	the tracker is on, and nothing of the job was sent before it was
 *	uuid	of that job
 *
 * With it, what HAVE names was sent while the tracker watched, and need not be compared. A tracker
 * that is started afresh has no ticket until it has one of a job without a chunk, or of one that
 * was compared as a whole. It is gone with the machine's next boot, as the tracker is.
 */
#ifndef P2V_AGENT_HOT_TICKET_H
#define P2V_AGENT_HOT_TICKET_H

#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"

/* Whether there is one of this job. */
bool ticket_has(const char *dir, const uint8_t uuid[static 16]);
int ticket_write(const char *dir, const uint8_t uuid[static 16], struct err *err);
void ticket_remove(const char *dir);

#endif
