/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of chunks that are being patched could not be read at the source.
 *
 * The journal forgets it of a chunk that is taken off, for whoever sends a chunk says again what of
 * it is unreadable. But a PATCH sends a few blocks, and says nothing of the rest, which is zeroes
 * in place of what could not be read, as before. So it is kept here, and goes back to the journal
 * with the patched chunk.
 *
 * Memory: 24 bytes for each range. One thread.
 */
#ifndef P2V_SERVER_UNREAD_H
#define P2V_SERVER_UNREAD_H

#include "common/cleanup.h"
#include "p2v-server/journal.h"

struct unread;

int unread_new(uint16_t ndisks, struct unread **ret, struct err *err);
void unread_free(struct unread *u);
DEFINE_CLEANUP(struct unread *, unread_free)

/* The journal is about to forget what it has of this range. -ENOMEM. */
int unread_keep(struct unread *u, const struct journal *j, uint16_t disk, uint64_t offset,
		uint64_t length, struct err *err);
/* Other bytes are there now. -ENOMEM. */
int unread_written(struct unread *u, uint16_t disk, uint64_t offset, uint64_t length,
		   struct err *err);
/* Say it to the journal again, of the chunks that these n records make durable. As the journal. */
int unread_restore(const struct unread *u, struct journal *j, const struct journal_record *v,
		   size_t n, struct err *err);

#endif
