/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The log: is there nothing to replay?
 *
 * It is a ring of sectors of 512 bytes. The first word of each is the number of the round in which
 * it was written (its cycle), which replaces what belongs there; only in the header of a record it
 * is the second word, after a magic. So in a log at rest:
 *
 *	sectors [0, head)	cycle c
 *	sectors [head, end)	cycle c - 1; zero if never written, which is the same with c = 1
 *
 * A log that xfs_repair has made anew begins with cycle c > 1, and leaves some sectors behind the
 * first record zero before older cycles begin. No record lies there, and none behind it is newer.
 *
 * A record is header(s), then data; it may go on at the beginning of the ring, with the next cycle.
 * Unmounting writes, last of all, one record that holds one operation and nothing else, marked
 * "unmount"; mkfs and xfs_repair begin a log with the same. So the log is clean when the record
 * that ends at the head is one of those. The kernel finds the head by bisection
 * (xlog_find_head(), xlog_check_unmount_rec()); here all of the log is read, 2 GiB at most, and
 * anything that is not as above is a doubt.
 *
 * A frozen filesystem has no such record, and the log is not looked at. What stands in its place is
 * the kernel's freeze: xfs_fs_freeze() calls xfs_log_quiesce() (older ones through
 * xfs_quiesce_attr()), which forces the log and waits until the list of what is logged and not
 * written back (the AIL) is empty. So all metadata is in its place. Then one more record of the
 * superblock is logged, so that a copy that is made now has a log to be replayed and its unlinked
 * inodes are freed; it has counters only, which are not relied on.
 */
#include "disk/fs/fs_xfs.h"

#include <stdlib.h>
#include "common/digest.h"

#define SECTOR			512u
#define PIECE			(256u << 10)

#define RECORD_MAGIC		0xfeedbabeu
#define RECORD_HEADER		324u		/* bytes that mean something */
#define RECORD_HEADER_PADDED	328u		/* what a checksum of a 64-bit kernel covers */
#define RECORD_HEADER_MORE	260u		/* of each further header */
#define RECORD_CRC		32u
#define RECORD_DATA_MAX		(256u << 10)	/* XLOG_MAX_RECORD_BSIZE */
#define RECORD_HEADER_DATA	(32u << 10)	/* bytes of data that one header serves */

#define CLIENT_LOG		0xaau
#define OP_UNMOUNT		0x20u
#define UNMOUNT_MAGIC		0x556eu		/* "Un", in the order of the machine */
#define UNMOUNT_MAGIC_SWAPPED	0x6e55u

#define NOWHERE			UINT64_MAX

struct shape {
	uint64_t sectors;
	uint64_t head;
	uint32_t cycle;			/* before the head */
	uint64_t newest, oldest;	/* last header before, and behind the head */
	bool old;			/* sectors of the cycle before have begun */
};

static int needs_recovery(struct fs_xfs *x)
{
	return fs_xfs_doubt(x, "log needs recovery");
}

static bool all_zero(const uint8_t *p)
{
	static const uint8_t zero[SECTOR];

	return memcmp(p, zero, SECTOR) == 0;
}

/* The next sector of the ring, at i. False: this is no log at rest. */
static bool take_sector(struct shape *s, const uint8_t *p, uint64_t i)
{
	bool header = get_be32(p) == RECORD_MAGIC;
	uint32_t cycle = get_be32(header ? p + 4 : p);

	if (i == 0) {
		s->cycle = cycle;
		if (cycle == 0 || cycle == RECORD_MAGIC)
			return false;
	}
	if (s->head == NOWHERE && cycle != s->cycle)
		s->head = i;
	if (s->head == NOWHERE) {
		if (header)
			s->newest = i;
		return true;
	}
	if (cycle == s->cycle - 1) {
		s->old = true;
		if (header)
			s->oldest = i;
		return true;
	}
	return !s->old && cycle == 0 && all_zero(p);
}

static int find_shape(struct fs_xfs *x, struct shape *s)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(PIECE);
	int r;

	if (!buf)
		return err_nomem(x->err);
	for (uint64_t at = 0; at < x->log_length; at += PIECE) {
		size_t n = (size_t)MIN((uint64_t)PIECE, x->log_length - at);

		r = space_read(x->space, buf, n, x->log_offset + at, x->err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i += SECTOR)
			if (!take_sector(s, buf + i, (at + i) / SECTOR))
				return needs_recovery(x);
	}
	if (s->head == NOWHERE)
		s->head = s->sectors;
	return 1;
}

/* n sectors of the ring, beginning at any number. */
static int read_ring(struct fs_xfs *x, const struct shape *s, uint8_t *buf, uint64_t start,
		     uint64_t n)
{
	int r = 0;

	for (uint64_t i = 0; i < n && r == 0; i++)
		r = space_read(x->space, buf + i * SECTOR, SECTOR,
			       x->log_offset + (start + i) % s->sectors * SECTOR, x->err);
	return r;
}

/* p: headers sectors, then len bytes of data. */
static uint32_t record_crc(const struct fs_xfs *x, const uint8_t *p, size_t header,
			   uint32_t headers, uint32_t len)
{
	static const uint8_t zero[4];
	uint32_t crc;

	crc = digest_crc32c(0, p, RECORD_CRC);
	crc = digest_crc32c(crc, zero, sizeof(zero));
	crc = digest_crc32c(crc, p + RECORD_CRC + 4, header - RECORD_CRC - 4);
	if (x->log_v2)
		for (uint32_t i = 1; i < DIV_ROUND_UP(len, RECORD_HEADER_DATA) && i < headers; i++)
			crc = digest_crc32c(crc, p + i * SECTOR, RECORD_HEADER_MORE);
	return digest_crc32c(crc, p + headers * SECTOR, len);
}

/* Kernels since 3.8 write a checksum, with a header of their own padding. */
static bool record_crc_good(const struct fs_xfs *x, const uint8_t *p, uint32_t headers,
			    uint32_t len)
{
	uint32_t crc = get_le32(p + RECORD_CRC);

	return crc == 0 || crc == record_crc(x, p, RECORD_HEADER_PADDED, headers, len) ||
	       crc == record_crc(x, p, RECORD_HEADER, headers, len);
}

static bool is_unmount(const uint8_t *op)
{
	unsigned int magic = get_be16(op + 12);

	return op[8] == CLIENT_LOG && (op[9] & OP_UNMOUNT) &&
	       (magic == UNMOUNT_MAGIC || magic == UNMOUNT_MAGIC_SWAPPED);
}

static int check_record(struct fs_xfs *x, const struct shape *s)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	uint64_t start = s->newest != NOWHERE ? s->newest : s->oldest, n;
	uint32_t cycle = s->newest != NOWHERE ? s->cycle : s->cycle - 1;
	uint32_t size, len, headers = 1;
	uint8_t h[SECTOR];
	int r;

	if (start == NOWHERE)
		return needs_recovery(x);
	r = read_ring(x, s, h, start, 1);
	if (r < 0)
		return r;
	len = get_be32(h + 12);
	size = get_be32(h + 320);
	if (get_be32(h) != RECORD_MAGIC || get_be32(h + 4) != cycle ||
	    get_be32(h + 8) != (x->log_v2 ? 2 : 1) ||
	    get_be64(h + 16) != ((uint64_t)cycle << 32 | start))
		return needs_recovery(x);
	if (len == 0 || len > RECORD_DATA_MAX || size > RECORD_DATA_MAX)
		return needs_recovery(x);
	if (memcmp(h + 304, x->uuid, sizeof(x->uuid)) != 0)
		return fs_xfs_doubt(x, "the log is another filesystem's");
	if (x->log_v2 && size > RECORD_HEADER_DATA)
		headers = DIV_ROUND_UP(size, RECORD_HEADER_DATA);
	n = headers + DIV_ROUND_UP(len, SECTOR);
	/* It ends at the head, if need be after a turn of the ring. */
	if (n > s->sectors ||
	    start + n != (s->newest != NOWHERE ? s->head : s->sectors + s->head) ||
	    get_be32(h + 40) != 1)
		return needs_recovery(x);

	buf = malloc(n * SECTOR);
	if (!buf)
		return err_nomem(x->err);
	r = read_ring(x, s, buf, start, n);
	if (r < 0)
		return r;
	if (!is_unmount(buf + headers * SECTOR))
		return needs_recovery(x);
	if (!record_crc_good(x, buf, headers, len))
		return fs_xfs_doubt(x, "checksum of the log's last record is wrong");
	return 1;
}

int fs_xfs_log_check(struct fs_xfs *x)
{
	struct shape s = {
		.sectors = x->log_length / SECTOR, .head = NOWHERE,
		.newest = NOWHERE, .oldest = NOWHERE,
	};
	int r;

	r = find_shape(x, &s);
	if (r > 0)
		r = check_record(x, &s);
	if (r <= 0)
		return r;
	x->head = ((uint64_t)s.cycle << 32) + s.head;
	if (s.head == s.sectors)
		x->head = ((uint64_t)s.cycle + 1) << 32;
	return 1;
}
