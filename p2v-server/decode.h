/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoding of chunks, and holding them against their SHA-256, by several threads in front of the
 * writers.
 *
 *	receiver	decode_submit(a) decode_submit(b) ...	any image, in the order of arrival
 *	workers		take them in that order, finish in any
 *	writer of a	decode_wait(a), write, decode_release(a)
 *
 * A chunk is taken up only when fewer than decode_ahead() are between that and their release, so
 * the memory lent to decoded chunks is bounded by as many of 1 MiB, whatever a little data on the
 * wire unpacks to; what waits to be taken up is what the credit allows.
 *
 * No deadlock: each writer waits for its image's chunks in the order in which they were submitted.
 * So of the chunks that were taken up and not released the one submitted first is always the one
 * its writer waits for next, and nothing but its decoding has to come before its release.
 *
 * With threads = 0 nothing is done before decode_wait(), which decodes (the serial twin): for one
 * thread that does everything.
 *
 * Locked inside, as a chunk's result goes to whoever waits for that chunk, which neither queue nor
 * pool can do.
 */
#ifndef P2V_SERVER_DECODE_H
#define P2V_SERVER_DECODE_H

#include "common/cleanup.h"
#include "common/err.h"
#include "p2v-server/chunk.h"

#define DECODE_THREADS_MAX	64u

struct decode;

/* One per chunk, zeroed before it is submitted; the owner frees it after its release. */
struct decode_ticket {
	struct decode_ticket *next;
	struct chunk *chunk;
	uint8_t *spare;			/* lent to the chunk, or NULL */
	bool done;
	int code;			/* then: 0, or -errno with *err filled */
	struct err *err;
};

/* One per processor, but no more than one job can use. */
unsigned int decode_threads_default(void);
unsigned int decode_ahead(unsigned int threads);
/* What was given as --threads: 0 to DECODE_THREADS_MAX, else -EINVAL. */
int decode_threads_check(int threads, struct err *err);

int decode_new(unsigned int threads, struct decode **ret, struct err *err);
/* Every ticket is released. */
void decode_free(struct decode *d);
DEFINE_CLEANUP(struct decode *, decode_free)
bool decode_is_serial(const struct decode *d);

/* err: for what went wrong, until decode_wait() returns. */
void decode_submit(struct decode *d, struct decode_ticket *t, struct chunk *c, struct err *err);
/* Until the chunk is decoded: chunk_write() may follow. As chunk_decode(). */
int decode_wait(struct decode *d, struct decode_ticket *t);
/* After decode_wait(), when the chunk is written or given up. */
void decode_release(struct decode *d, struct decode_ticket *t);

#endif
