/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of the images is durable: an append-only file of fixed-size records, one per chunk or run
 * of chunks, and its picture in memory. It is the only thing resume trusts.
 *
 *	header, 64 bytes	"p2vjrnl1", u32 number of disks, 16 bytes job uuid, zeroes,
 *				u32 CRC-32C of the 60 bytes before
 *	record, 64 bytes	u8 type, u8 reason, u16 disk, u32 zero, u64 offset, u64 length,
 *				32 bytes SHA-256, u32 zero, u32 CRC-32C of the 60 bytes before
 *
 * All big-endian (docs/job-format.md). A record is appended only after the image that holds its
 * data was flushed, and the file is synced before anybody is told. A torn tail (a crash while
 * appending) is cut off at load: the chunks it would have named are sent again.
 *
 * Before a durable chunk may be overwritten its record is revoked (JOURNAL_REVOKE, synced), so a
 * crash in between cannot leave a digest that the image does not have. What of it was unreadable on
 * the source is forgotten with it: the chunk is sent again, and it is said again.
 *
 * One thread.
 */
#ifndef P2V_SERVER_JOURNAL_H
#define P2V_SERVER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bitmap.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/extent.h"

enum journal_type { JOURNAL_DATA = 1, JOURNAL_ZERO = 2, JOURNAL_BAD = 3, JOURNAL_REVOKE = 4 };

enum chunk_state {
	CHUNK_ABSENT,			/* not durable */
	CHUNK_DATA,			/* written; has a digest */
	CHUNK_ZERO,			/* read on the source, all zero */
	CHUNK_FREE,			/* not read: nobody used it */
};

struct journal_record {
	enum journal_type type;
	uint8_t reason;			/* ZERO: enum proto_zero_reason */
	uint16_t disk;
	uint64_t offset, length; /* DATA: one chunk; ZERO, REVOKE: whole chunks; BAD: sectors */
	uint8_t sha256[SHA256_LEN];	/* DATA */
};

struct journal_disk {
	uint64_t size, nchunks;
	uint8_t *state;			/* enum chunk_state per chunk */
	/* Per chunk; valid for CHUNK_DATA, and what it was last for one that is revoked. */
	uint8_t (*sha256)[SHA256_LEN];
	struct extents bad;		/* unreadable on the source, zero-filled */
};

struct journal {
	int fd;
	uint64_t end;			/* bytes of valid file */
	bool broken;			/* an append failed: what lies behind end is unknown */
	uint16_t ndisks;
	struct journal_disk *disks;
};

/*
 * Open (or create) name below dirfd for disks of these sizes. An existing file must carry the same
 * uuid and number of disks (-EBADMSG otherwise); *ret_cut (may be NULL) = bytes of torn tail
 * removed.
 */
int journal_open(int dirfd, const char *name, const uint8_t uuid[static 16], const uint64_t *sizes,
		 uint16_t ndisks, bool readonly, struct journal **ret, uint64_t *ret_cut,
		 struct err *err);
void journal_free(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_free)

/*
 * Append n records, sync, then apply them to the picture in memory. -EINVAL: a range that is not
 * whole chunks. After any other failure the journal takes nothing more (-EIO): parts of the failed
 * append may be in the file, and a record written over its beginning would be followed by its rest.
 */
int journal_append(struct journal *j, const struct journal_record *v, size_t n, struct err *err);
/* Chunks that are durable, granularity PROTO_CHUNK_SIZE. */
int journal_have(const struct journal *j, uint16_t disk, struct bitmap **ret, struct err *err);
bool journal_complete(const struct journal *j);
uint64_t journal_bad_bytes(const struct journal *j);
/* Bytes of the disk in each chunk state, indexed by enum chunk_state. */
void journal_totals(const struct journal *j, uint16_t disk, uint64_t ret[static 4]);

#endif
