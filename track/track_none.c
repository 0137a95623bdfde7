/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last tier: it tracks nothing, says so, and calls everything dirty (see track.c). */
#include "track/state.h"

static int none_start(struct track *t, struct err *err)
{
	(void)t;
	(void)err;
	return 0;
}

static void none_check(struct track *t, size_t disk, unsigned int *reasons, uint64_t *misses,
		       uint64_t *overruns)
{
	(void)t;
	(void)disk;
	(void)misses;
	(void)overruns;
	*reasons |= TRACK_REASON_ABSENT;
}

static void none_remove(struct track *t)
{
	(void)t;
}

const struct track_ops track_none_ops = {
	.tier = TRACK_NONE,
	.start = none_start,
	.check = none_check,
	.leave = track_deallocate,
	.remove = none_remove,
};
