/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See journal.h. */
#include "p2v-server/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "wire/proto.h"

#define RECORD_SIZE	64u
#define MAGIC		"p2vjrnl1"
#define CRC_AT		60u
#define LOAD_RECORDS	4096u
#define APPEND_RECORDS	1024u

static void seal(uint8_t *rec)
{
	put_be32(rec + CRC_AT, digest_crc32c(0, rec, CRC_AT));
}

static bool sealed(const uint8_t *rec)
{
	return get_be32(rec + CRC_AT) == digest_crc32c(0, rec, CRC_AT);
}

static void encode(const struct journal_record *r, uint8_t *p)
{
	memset(p, 0, RECORD_SIZE);
	p[0] = (uint8_t)r->type;
	p[1] = r->reason;
	put_be16(p + 2, r->disk);
	put_be64(p + 8, r->offset);
	put_be64(p + 16, r->length);
	memcpy(p + 24, r->sha256, SHA256_LEN);
	seal(p);
}

static void decode(const uint8_t *p, struct journal_record *r)
{
	*r = (struct journal_record){
		.type = (enum journal_type)p[0],
		.reason = p[1],
		.disk = get_be16(p + 2),
		.offset = get_be64(p + 8),
		.length = get_be64(p + 16),
	};
	memcpy(r->sha256, p + 24, SHA256_LEN);
}

static bool whole_chunks(const struct journal_disk *d, uint64_t offset, uint64_t length)
{
	return offset % PROTO_CHUNK_SIZE == 0 &&
	       (length % PROTO_CHUNK_SIZE == 0 || offset + length == d->size);
}

static bool valid(const struct journal *j, const struct journal_record *r)
{
	const struct journal_disk *d;

	if (r->disk >= j->ndisks)
		return false;
	d = &j->disks[r->disk];
	if (r->length == 0 || !range_inside(r->offset, r->length, d->size))
		return false;
	switch (r->type) {
	case JOURNAL_DATA:
		return whole_chunks(d, r->offset, r->length) && r->length <= PROTO_CHUNK_SIZE;
	case JOURNAL_ZERO:
		return whole_chunks(d, r->offset, r->length) &&
		       (r->reason == PROTO_ZERO_FREE || r->reason == PROTO_ZERO_ZERO);
	case JOURNAL_REVOKE:
		return whole_chunks(d, r->offset, r->length);
	case JOURNAL_BAD:
		return true;
	}
	return false;
}

static int apply(struct journal *j, const struct journal_record *r)
{
	struct journal_disk *d = &j->disks[r->disk];
	uint64_t first = r->offset / PROTO_CHUNK_SIZE,
		 n = DIV_ROUND_UP(r->length, PROTO_CHUNK_SIZE);

	switch (r->type) {
	case JOURNAL_DATA:
		d->state[first] = CHUNK_DATA;
		memcpy(d->sha256[first], r->sha256, SHA256_LEN);
		return 0;
	case JOURNAL_ZERO:
		memset(d->state + first, r->reason == PROTO_ZERO_FREE ? CHUNK_FREE : CHUNK_ZERO, n);
		return 0;
	case JOURNAL_REVOKE:
		memset(d->state + first, CHUNK_ABSENT, n);
		return extents_remove(&d->bad, r->offset, r->length);
	case JOURNAL_BAD:
		return extents_add(&d->bad, r->offset, r->length, 0);
	}
	return 0;
}

static void header(uint8_t *p, const uint8_t *uuid, uint16_t ndisks)
{
	memset(p, 0, RECORD_SIZE);
	memcpy(p, MAGIC, 8);
	put_be32(p + 8, ndisks);
	memcpy(p + 12, uuid, 16);
	seal(p);
}

static int alloc_disks(struct journal *j, const uint64_t *sizes, uint16_t ndisks, struct err *err)
{
	j->disks = calloc(ndisks, sizeof(*j->disks));
	if (!j->disks)
		return err_nomem(err);
	j->ndisks = ndisks;
	for (uint16_t i = 0; i < ndisks; i++) {
		struct journal_disk *d = &j->disks[i];

		d->size = sizes[i];
		d->nchunks = DIV_ROUND_UP(sizes[i], PROTO_CHUNK_SIZE);
		d->state = calloc(d->nchunks, 1);
		d->sha256 = calloc(d->nchunks, SHA256_LEN);
		if (!d->state || !d->sha256)
			return err_nomem(err);
	}
	return 0;
}

/* Replay records up to the first that is torn or makes no sense; everything behind it is doubt. */
static int replay(struct journal *j, uint64_t size, const char *name, struct err *err)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(LOAD_RECORDS * RECORD_SIZE);

	if (!buf)
		return err_nomem(err);
	j->end = RECORD_SIZE;
	while (size - j->end >= RECORD_SIZE) {
		uint64_t n = MIN((size - j->end) / RECORD_SIZE, (uint64_t)LOAD_RECORDS);
		int r = fdio_pread_full(j->fd, buf, n * RECORD_SIZE, j->end);

		if (r < 0)
			return err_code(err, -r, "cannot read the journal %s", name);
		for (uint64_t i = 0; i < n; i++) {
			struct journal_record rec;

			decode(buf + i * RECORD_SIZE, &rec);
			if (!sealed(buf + i * RECORD_SIZE) || !valid(j, &rec))
				return 0;
			if (apply(j, &rec) < 0)
				return err_nomem(err);
			j->end += RECORD_SIZE;
		}
	}
	return 0;
}

static int load(struct journal *j, const uint8_t *uuid, const char *name, bool readonly,
		uint64_t *ret_cut, struct err *err)
{
	uint8_t want[RECORD_SIZE], got[RECORD_SIZE];
	struct stat st;
	int r;

	header(want, uuid, j->ndisks);
	if (fstat(j->fd, &st) < 0)
		return err_errno(err, "cannot stat the journal %s", name);
	if ((uint64_t)st.st_size < RECORD_SIZE) {
		/* New, or the machine died while it was made: nothing was durable yet. */
		if (readonly)
			return err_set(err, EBADMSG, "the journal %s is empty", name);
		if (ftruncate(j->fd, 0) < 0)
			return err_errno(err, "cannot truncate the journal %s", name);
		r = fdio_pwrite_full(j->fd, want, RECORD_SIZE, 0);
		if (r < 0)
			return err_code(err, -r, "cannot write the journal %s", name);
		if (fsync(j->fd) < 0)
			return err_errno(err, "cannot sync the journal %s", name);
		j->end = RECORD_SIZE;
		return 0;
	}
	r = fdio_pread_full(j->fd, got, RECORD_SIZE, 0);
	if (r < 0)
		return err_code(err, -r, "cannot read the journal %s", name);
	if (memcmp(want, got, RECORD_SIZE) != 0)
		return err_set(err, EBADMSG, "the journal %s is not this job's, or damaged", name);
	r = replay(j, (uint64_t)st.st_size, name, err);
	if (r < 0)
		return r;
	if (ret_cut)
		*ret_cut = (uint64_t)st.st_size - j->end;
	/* Synced, lest a part of the tail comes back behind what is appended next. */
	if (!readonly && (uint64_t)st.st_size != j->end &&
	    (ftruncate(j->fd, (off_t)j->end) < 0 || fsync(j->fd) < 0))
		return err_errno(err, "cannot cut the torn tail of the journal %s", name);
	return 0;
}

int journal_open(int dirfd, const char *name, const uint8_t uuid[static 16], const uint64_t *sizes,
		 uint16_t ndisks, bool readonly, struct journal **ret, uint64_t *ret_cut,
		 struct err *err)
{
	CLEANUP(journal_free) struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_nomem(err);
	j->fd = openat(dirfd, name,
		       (readonly ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return err_errno(err, "cannot open the journal %s", name);
	r = alloc_disks(j, sizes, ndisks, err);
	if (r < 0)
		return r;
	if (ret_cut)
		*ret_cut = 0;
	r = load(j, uuid, name, readonly, ret_cut, err);
	if (r < 0)
		return r;
	if (!readonly && fsync(dirfd) < 0)
		return err_errno(err, "cannot sync the job folder");
	*ret = TAKE_PTR(j);
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	for (uint16_t i = 0; j->disks && i < j->ndisks; i++) {
		free(j->disks[i].state);
		free(j->disks[i].sha256);
		extents_done(&j->disks[i].bad);
	}
	free(j->disks);
	fd_close(j->fd);
	free(j);
}

static int append(struct journal *j, const struct journal_record *v, size_t n, struct err *err)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(APPEND_RECORDS * RECORD_SIZE);
	uint64_t end = j->end;

	if (!buf)
		return err_nomem(err);
	for (size_t done = 0; done < n;) {
		size_t k = MIN(n - done, (size_t)APPEND_RECORDS);
		int r;

		for (size_t i = 0; i < k; i++)
			encode(&v[done + i], buf + i * RECORD_SIZE);
		r = fdio_pwrite_full(j->fd, buf, k * RECORD_SIZE, end);
		if (r < 0)
			return err_code(err, -r, "cannot write the journal");
		end += k * RECORD_SIZE;
		done += k;
	}
	if (n > 0 && fdatasync(j->fd) < 0)
		return err_errno(err, "cannot sync the journal");
	for (size_t i = 0; i < n; i++)
		if (apply(j, &v[i]) < 0)
			return err_nomem(err);
	j->end = end;
	return 0;
}

int journal_append(struct journal *j, const struct journal_record *v, size_t n, struct err *err)
{
	int r;

	if (j->broken)
		return err_set(err, EIO, "the journal could not be written before");
	for (size_t i = 0; i < n; i++)
		if (!valid(j, &v[i]))
			return err_set(err, EINVAL,
				       "a journal record for disk %u, offset 0x%" PRIx64
				       ", length %" PRIu64 " is not whole chunks of the disk",
				       v[i].disk, v[i].offset, v[i].length);
	r = append(j, v, n, err);
	j->broken = r < 0;
	return r;
}

int journal_have(const struct journal *j, uint16_t disk, struct bitmap **ret, struct err *err)
{
	const struct journal_disk *d = &j->disks[disk];
	CLEANUP(bitmap_free) struct bitmap *b = NULL;

	if (bitmap_new(d->size, PROTO_CHUNK_SIZE, &b) < 0)
		return err_nomem(err);
	for (uint64_t i = 0; i < d->nchunks; i++)
		if (d->state[i] != CHUNK_ABSENT)
			bitmap_set_range(b, i * PROTO_CHUNK_SIZE, 1);
	*ret = TAKE_PTR(b);
	return 0;
}

bool journal_complete(const struct journal *j)
{
	for (uint16_t i = 0; i < j->ndisks; i++)
		if (memchr(j->disks[i].state, CHUNK_ABSENT, j->disks[i].nchunks))
			return false;
	return true;
}

uint64_t journal_bad_bytes(const struct journal *j)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < j->ndisks; i++)
		sum += extents_bytes(&j->disks[i].bad);
	return sum;
}

void journal_totals(const struct journal *j, uint16_t disk, uint64_t ret[static 4])
{
	const struct journal_disk *d = &j->disks[disk];

	memset(ret, 0, 4 * sizeof(*ret));
	for (uint64_t i = 0; i < d->nchunks; i++)
		ret[d->state[i]] += MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - i * PROTO_CHUNK_SIZE);
}
