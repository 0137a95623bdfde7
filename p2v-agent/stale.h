/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The chunks of a round as the ranges that STALE tells before them: those in which anything
 * changed, disk by disk, rising and apart. Pure.
 */
#ifndef P2V_AGENT_STALE_H
#define P2V_AGENT_STALE_H

#include "common/bitmap.h"
#include "wire/msg.h"

#define STALE_RANGES	4096u		/* in one message */

struct stale {
	const struct bitmap *const *maps;	/* per disk, of the round */
	size_t n, disk;
	uint64_t pos;				/* as far as they have been told */
};

void stale_init(struct stale *s, const struct bitmap *const *maps, size_t n);
/* The next message's; its ranges are good until the next call of this thread. False: no more. */
bool stale_next(struct stale *s, struct msg_have *ret);

#endif
