/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The used-block maps of disks that are written to: a short freeze, so that what filesystems know
 * is on the disks, a look at it, and the tracker's word that it did not change while it was read.
 */
#ifndef P2V_AGENT_HOT_HOT_MAP_H
#define P2V_AGENT_HOT_HOT_MAP_H

#include "p2v-agent/quiesce/quiesce.h"
#include "p2v-agent/source.h"
#include "track/track.h"

struct hot_map_config {
	struct source *source;
	struct track *track;		/* on since before this */
	const size_t *tracked;		/* of each disk: which of the tracker's */
	struct quiesce *quiesce;	/* prepared */
	const struct sysroot *root;
	bool all_used;			/* no look, only a freeze, to know how long it takes */
};

struct hot_map {
	const struct bitmap **used;	/* per disk; NULL: everything */
	struct bitmap **dirty;		/* per disk: harvested meanwhile */
	double still;			/* seconds: the freeze and thaw, without the look */
};

/* The maps are the source's from then on: used of each disk is set. */
int hot_map_make(const struct hot_map_config *cfg, struct hot_map *ret, struct err *err);
void hot_map_done(struct hot_map *m, size_t n);

#endif
