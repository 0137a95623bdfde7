/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Halving on error. One bad sector in a range of n costs about 2 log2(n) extra reads; a range that
 * is bad throughout costs about 2 n plus the retries, which is the price of knowing it exactly.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include "disk/reader.h"

static int read_disk(void *opaque, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return disk_read(opaque, buf, len, offset, err);
}

void reader_init(struct reader *r, const struct disk *d, enum reader_mode mode)
{
	*r = (struct reader){
		.read = read_disk,
		.opaque = (void *)d,
		.sector = d->logical_sector,
		.mode = mode,
		.name = d->path,
	};
}

/* A single sector, which has failed once: 0 read after all, 1 given up, else -errno. */
static int retry_sector(const struct reader *r, uint8_t *buf, uint64_t offset, struct err *err)
{
	for (int i = 1; i < READER_RETRIES; i++) {
		int rc = r->read(r->opaque, buf, r->sector, offset, err);

		if (rc >= 0)
			return 0;
		if (rc != -EIO)
			return rc;
	}
	return 1;
}

static int read_range(const struct reader *r, uint8_t *buf, size_t len, uint64_t offset,
		      struct extents *bad, struct err *err)
{
	size_t left;
	int rc, rc_right;

	rc = r->read(r->opaque, buf, len, offset, err);
	if (rc != -EIO)
		return rc < 0 ? rc : 0;

	if (len > r->sector) {
		left = len / r->sector / 2 * r->sector;
		rc = read_range(r, buf, left, offset, bad, err);
		if (rc < 0)
			return rc;
		rc_right = read_range(r, buf + left, len - left, offset + left, bad, err);
		return rc_right < 0 ? rc_right : rc | rc_right;
	}

	rc = retry_sector(r, buf, offset, err);
	if (rc <= 0)
		return rc;
	if (r->mode == READER_STOP)
		return err_set(err, EIO, "cannot read %s: unreadable sector at 0x%" PRIx64, r->name,
			       offset);
	memset(buf, 0, r->sector);
	if (bad && extents_add(bad, offset, r->sector, 0) < 0)
		return err_nomem(err);
	return 1;
}

int reader_read(const struct reader *r, void *buf, size_t len, uint64_t offset, struct extents *bad,
		struct err *err)
{
	int rc;

	assert(r->sector > 0 && offset % r->sector == 0 && len % r->sector == 0);
	assert(bad || r->mode == READER_STOP);
	if (len == 0)
		return 0;
	rc = read_range(r, buf, len, offset, bad, err);
	if (rc >= 0)
		err_reset(err);		/* attempts that were made good left their text there */
	return rc;
}
