/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CHECKs that wait for their answer: what the agent says its chunks are, held against the journal
 * when a flush has brought the journal as far as the CHECK.
 *
 *	checks_add() --> waiting --[checks_answer(): journal]--> differing --checks_next()--> DIFFER
 *
 * A chunk that was sent once more after the CHECK is not in the journal then, and counts as
 * different; whoever sent it knows.
 *
 * What differed is remembered until it has been sent again: no FINISH is taken before.
 *
 * Memory: 32 bytes for each chunk that waits, CHECKS_MAX at most; 48 for each range that differs.
 * One thread.
 */
#ifndef P2V_SERVER_CHECKS_H
#define P2V_SERVER_CHECKS_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "p2v-server/journal.h"
#include "wire/msg.h"

#define CHECKS_MAX	(1u << 20)	/* digests */

struct checks;

int checks_new(uint16_t ndisks, struct checks **ret, struct err *err);
void checks_free(struct checks *c);
DEFINE_CLEANUP(struct checks *, checks_free)

/* id: as the flushes' that are answered. -E2BIG: too many wait. */
int checks_add(struct checks *c, uint64_t id, const struct msg_digests *d, struct err *err);
/* The journal has all of what was sent up to id. */
int checks_answer(struct checks *c, const struct journal *j, uint64_t id, struct err *err);
/*
 * Take out ranges that differ, of one disk, rising and apart: at most PROTO_HAVE_MAX, whose array
 * ranges the caller has. False: there are none.
 */
bool checks_next(struct checks *c, struct msg_range *ranges, struct msg_have *ret);
/* Some differ and were not taken yet, or wait. */
bool checks_pending(const struct checks *c);
/* These are being sent again. -ENOMEM. */
int checks_sent(struct checks *c, uint16_t disk, uint64_t offset, uint64_t length,
		struct err *err);
/* Some wait, or differed and were not sent again since: the copy is not the source. */
bool checks_open(const struct checks *c);

#endif
