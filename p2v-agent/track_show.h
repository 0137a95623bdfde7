/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What p2v-agent track says of a tracker, for people and for programs, on standard output. */
#ifndef P2V_AGENT_TRACK_SHOW_H
#define P2V_AGENT_TRACK_SHOW_H

#include "track/track.h"

struct track_show {
	struct track *track;
	const struct sysroot *root;
	bool quiet;		/* nothing is in flight */
	bool status;		/* of one that runs, not of a trial */
	bool owned;		/* by a running process */
	uint64_t seconds;	/* that a trial took */
};

int track_show_text(const struct track_show *s, struct err *err);
int track_show_json(const struct track_show *s, struct err *err);
/* No tracker at all, for --status. */
int track_show_absent(bool json, struct err *err);

#endif
