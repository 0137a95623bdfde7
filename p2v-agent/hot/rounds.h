/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rounds of a live conversion: what has changed is sent again and again, until so little is
 * left that it can be sent while the machine stands still.
 *
 *	COPY  -> all that is used, once
 *	REST  -> WRITE BACK -> CHANGES -> REST ...	smaller each time, then in sync
 *	REST  -> WRITE BACK -> CHANGES -> FREEZE -> LAST -> THAW -> done
 *
 * Two maps of each disk, of the tracker's granule:
 *
 *	pending	harvested from the tracker, and not durable at the far end. Only a round that is
 *		durable as a whole takes bits off
 *	kept	what the image has of the source: used when it was copied, or sent since. All else
 *		reads as zeroes there
 *
 * The moment. Everything is frozen, the tracker is harvested for the last time, its marks are sent
 * and made durable, and only then is thawed. When thawing says that all stood still from beginning
 * to end, the images are the disks of one moment. When it does not (the watchdog was faster), what
 * was sent was just another round, and it is tried again.
 *
 * A connection that is lost ends a freeze at once. What was pending stays pending, and HAVE says
 * which chunks the server lost with the round; these are sent as a whole.
 *
 * The tracker may doubt itself (track_audit()): then the moment is not trusted before the digests
 * of all that may be wrong have been compared, still frozen; what differs is sent.
 *
 * While nothing else is to be done, a patrol reads chunks that should be the same, a few at a time,
 * and compares them: so at the end not the tracker alone says that they are.
 *
 * One thread, but for writing back (task.h).
 */
#ifndef P2V_AGENT_HOT_ROUNDS_H
#define P2V_AGENT_HOT_ROUNDS_H

#include "common/progress.h"
#include "p2v-agent/hot/forecast.h"
#include "p2v-agent/pass.h"
#include "p2v-agent/quiesce/quiesce.h"
#include "p2v-agent/source.h"
#include "track/track.h"

enum rounds_when { ROUNDS_NOW, ROUNDS_AT, ROUNDS_ON_COMMAND };

struct rounds_config {
	const struct source *source;
	struct track *track;
	const size_t *tracked;		/* of each disk of source: which of the tracker's */
	struct quiesce *quiesce;
	uint64_t max_freeze_ns;		/* cut over only when less is foreseen */
	uint64_t interval_ns;		/* between rounds, in sync */
	enum rounds_when when;
	int64_t at;			/* ROUNDS_AT: seconds since the epoch */
	struct progress *const *progress;
	/*
	 * Whether what HAVE names in a job of this uuid was sent while this tracker watched, so
	 * that it need not be compared. sent: from now on it is so, for there was nothing before,
	 * or all of it was compared and sent.
	 */
	bool (*vouched)(void *opaque, const uint8_t uuid[static PROTO_UUID_LEN], bool sent);
	void *opaque;
};

struct rounds;

/* used: of each disk, NULL for everything; what is dirty already is the tracker's to know. */
int rounds_new(const struct rounds_config *cfg, const struct bitmap *const *used,
	       const struct forecast *forecast, struct rounds **ret, struct err *err);
void rounds_free(struct rounds *r);	/* thaws */
DEFINE_CLEANUP(struct rounds *, rounds_free)
/* These have changed, too, or are in doubt: sent with the next round. */
void rounds_add(struct rounds *r, size_t disk, const struct bitmap *changed);
struct pass_rounds rounds_ops(struct rounds *r);
/* A connection has ended before it was done: nothing stays frozen, or held. */
void rounds_lost(void *opaque);

struct rounds_report {
	unsigned int rounds, freezes;
	/* Of the moment that the job is of, since which the hold has lasted; 0: there is none. */
	uint64_t frozen_ns;
	uint64_t last_bytes;		/* sent in it */
	double foreseen;		/* seconds, before it */
	enum track_verdict verdict;	/* the worst of all disks */
	unsigned int reasons;		/* enum track_reason */
	uint64_t patrolled;		/* bytes that a patrol compared, while in sync */
	uint64_t repaired;		/* bytes of chunks that a comparison found to differ */
	const char *consistency;
};
const struct rounds_report *rounds_report(const struct rounds *r);

#endif
