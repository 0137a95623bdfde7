/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Verification beside the copy: while data still comes, what is durable already is read back and
 * held against its SHA-256, so that little is left to be read when the agent is finished.
 *
 *	target: journalled --early_add()--> pending --[read, compare]--> mark
 *	target: will change --early_revoke()-----------x--------------------x
 *	verify: early_mark(), instead of reading the chunk
 *
 * A mark is a hash of the 16 L2 entries through which the chunk was read. Whether a marked chunk
 * may pass for verified at the end rests on this:
 *
 * 1. The mark is of the version that counts. A chunk that is journalled is changed only after
 *    early_revoke(), which takes the mark back, and one that is just being read gets none. So from
 *    the reading to the end no message changed the chunk.
 * 2. Nothing moved it. At the end the image's tables are read anew from the file, with a reader
 *    that knows nothing of this one; a marked chunk whose entries are not those of the mark is read
 *    again. So the bytes lie where they lay when they were found to be right.
 * 3. Nothing else was written there. The writer writes a raw cluster only where an entry that it
 *    makes, or has, points to. A write to a cluster of a marked chunk would leave two entries that
 *    point there, or one and a table; and to be given out, or given back to the filesystem when the
 *    image is closed, the cluster would have had to be free, of refcount 0. qcow2_read_shared()
 *    finds all of these, and such a chunk is read again. What is past that (a program that writes
 *    to the image, a disk that rots) could come a moment after any verification, too.
 * 4. Tables that are read while the writer changes them may be torn. Then what they lead to does
 *    not match the digest, or the entries are not those of the end. A wrong mark would take both.
 * 5. Only chunks of raw clusters are marked: packed frames share host clusters, so that 3 could not
 *    be told of them. Chunks of zeroes need no mark, as the tables alone show what they are.
 *
 * Reads past the page cache like all of verification (qcow2_read.h).
 *
 * Pace. One thread with the lowest priority for processor and disk takes one chunk at a time, and
 * only while the target says that the writers have nothing to do, and have had nothing for two
 * milliseconds. So it works where the link is slower than disk and processors, and stands still
 * elsewhere.
 *
 * Memory: 8 bytes and one bit for each chunk of 1 MiB, one reader.
 *
 * The journal is read under the lock of this module, and only of chunks that are pending: the
 * target changes those after early_revoke() only.
 */
#ifndef P2V_SERVER_EARLY_H
#define P2V_SERVER_EARLY_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "p2v-server/job.h"
#include "p2v-server/journal.h"

struct early;

/* The images have their .partial names. Both must outlive the thread: early_stop(). */
int early_new(const struct job *j, const struct journal *journal, struct early **ret,
	      struct err *err);
void early_free(struct early *e);
DEFINE_CLEANUP(struct early *, early_free)

/* All below is the target's thread's. These chunks' data is journalled. */
void early_add(struct early *e, uint16_t disk, uint64_t offset, uint64_t length);
/* These chunks are about to change, or to be taken back. */
void early_revoke(struct early *e, uint16_t disk, uint64_t offset, uint64_t length);
/* Whether the writers have nothing to do. */
void early_idle(struct early *e, bool idle);

/* Ends the thread. Marks stay. */
void early_stop(struct early *e);
/* The mark of a chunk, 0: none. */
uint64_t early_mark(struct early *e, uint16_t disk, uint64_t chunk);
uint64_t early_bytes(struct early *e);	/* of all marked chunks */
/* Chunks that wait, or are being read. */
uint64_t early_pending(struct early *e);

#endif
