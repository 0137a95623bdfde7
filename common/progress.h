/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person or a program sees of a long operation. progress.c computes rate and ETA and
 * renders; it owns no thread: the owner calls progress_tick() from its loop, at least once a
 * second.
 *
 * done counts *acknowledged* work (bytes the far end has confirmed), never bytes merely issued;
 * skipped bytes are counted apart, by reason. The rate is smoothed with a fixed ageing factor
 * over one-second samples; after 5 s without advance the display says "stalled".
 *
 * On a terminal: one line rewritten at most 5 times a second. Otherwise a plain line every 10 s
 * and at the end. events_fd >= 0 gets one JSON object per line, at the start and the end of a phase
 * and once a second in between:
 *	{"event":"progress","time":...,"phase":"copy","disk":"sda","done":N,"total":N,
 *	 "rate":bytes_per_s,"eta":seconds|null,"stalled":bool,
 *	 "skipped":{"free":N,"zero":N,"unchanged":N,"bad":N}}
 * done includes what was skipped, so it ends at total; time is in seconds since 1970. A reader who
 * does not keep up misses progress events, never another one (that waits); one who has gone gets
 * no more.
 *
 * p may be NULL everywhere: then nothing is shown. All is for the owner's thread but
 * progress_log_hook(), which any thread may call.
 */
#ifndef P2V_COMMON_PROGRESS_H
#define P2V_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"

enum progress_skip {
	PROGRESS_SKIP_FREE,		/* the used-block map says nobody uses it */
	PROGRESS_SKIP_ZERO,		/* read, and all zero */
	PROGRESS_SKIP_UNCHANGED,	/* already durable at the far end */
	PROGRESS_SKIP_BAD,		/* unreadable, zero-filled by request */
	PROGRESS_SKIP_COUNT
};

struct progress;

/* stream_fd: where the line goes (2, or -1 for none); events_fd -1 for none. */
int progress_new(int stream_fd, int events_fd, struct progress **ret) WARN_UNUSED;
void progress_free(struct progress *p);		/* finishes the line */
DEFINE_CLEANUP(struct progress *, progress_free)

/* Start a phase ("copy", "verify") on a thing ("sda") of total bytes; counters restart at zero. */
void progress_begin(struct progress *p, const char *phase, const char *thing, uint64_t total);
void progress_set_total(struct progress *p, uint64_t total);
void progress_done(struct progress *p, uint64_t bytes);			/* += bytes */
void progress_set_done(struct progress *p, uint64_t bytes); /* = bytes: when somebody else counts */
void progress_skip(struct progress *p, enum progress_skip why,
		   uint64_t bytes); /* += bytes, counts as done */
void progress_tick(struct progress *p);
void progress_end(struct progress *p); /* last line of the phase: amount, time, mean rate */
/*
 * A free event for events_fd: {"event":NAME,"time":T, ...members of json}. json is the text of an
 * object, whose members do not replace these two, or NULL.
 */
void progress_event(struct progress *p, const char *name, const char *json);
/* Step aside for a log line: pass to log_set_hook(). */
void progress_log_hook(bool before, void *progress);

/* Pure pieces, exposed for tests. */
struct progress_rate {
	double rate;			/* bytes per second, smoothed */
	uint64_t last_done;
	double last_time, last_advance;	/* seconds, monotonic */
	bool primed;
};
void progress_rate_update(struct progress_rate *r, double now, uint64_t done);
bool progress_rate_stalled(const struct progress_rate *r, double now);
const char *progress_skip_name(enum progress_skip why);

#endif
