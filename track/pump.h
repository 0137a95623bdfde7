/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the tiers that read events from a ring: a thread that empties it every few milliseconds, and
 * a call that empties it now. Both run the same function, never at the same time.
 *
 * An event that happened before pump_now() was called has been taken when it returns, or the
 * function has failed; what comes later is taken later, which only marks a granule once more.
 */
#ifndef P2V_TRACK_PUMP_H
#define P2V_TRACK_PUMP_H

#include "common/cleanup.h"
#include "common/err.h"

struct pump;

/* Take all there is, without waiting; -errno ends the pump. */
typedef int pump_fn(void *opaque);

int pump_new(pump_fn *fn, void *opaque, struct pump **ret, struct err *err);
void pump_free(struct pump *p);
DEFINE_CLEANUP(struct pump *, pump_free)
/* 0, or the first failure of the function, now or before. */
int pump_now(struct pump *p);

#endif
