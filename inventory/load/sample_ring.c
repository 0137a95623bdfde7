/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/digest.h"
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/load/sample_code.h"

#define MAGIC		"p2vload1"
#define BLOCK		64u		/* of the header, and of a place */
#define CRC_AT		60u
#define DAY		UINT32_C(86400)

struct sample_ring {
	int fd;
	bool recording;
	char *path;			/* escaped, for messages */
	uint32_t interval, nrecords;
	uint16_t ndisks, nnics;		/* places */
	size_t size;			/* of a record */
	uint64_t data;			/* where the records begin */
	uint64_t newest;		/* number of the newest record; 0 none */
	uint64_t at;			/* number of the next to read; 0: not begun */
	size_t left_out;
	/* One record, encoded and decoded; the names of its devices are the places' */
	uint8_t *buf;
	struct sample_record rec;
	bool *disk_taken, *nic_taken;	/* a damaged place is taken and has no name */
	int32_t *disk_place, *nic_place;/* of a record that is written */
};

static void seal(uint8_t *p)
{
	put_be32(p + CRC_AT, digest_crc32c(0, p, CRC_AT));
}

static bool sealed(const uint8_t *p)
{
	return get_be32(p + CRC_AT) == digest_crc32c(0, p, CRC_AT);
}

void sample_ring_free(struct sample_ring *r)
{
	if (!r)
		return;
	fd_close(r->fd);
	free(r->path);
	free(r->buf);
	free(r->disk_taken);
	free(r->nic_taken);
	free(r->disk_place);
	free(r->nic_place);
	sample_window_record_done(&r->rec);
	free(r);
}

uint32_t sample_ring_interval(const struct sample_ring *r)
{
	return r->interval;
}

uint32_t sample_ring_capacity(const struct sample_ring *r)
{
	return r->nrecords;
}

uint64_t sample_ring_size(const struct sample_ring *r)
{
	return r->data + (uint64_t)r->nrecords * r->size;
}

size_t sample_ring_left_out(const struct sample_ring *r)
{
	return r->left_out;
}

static int new_ring(const char *path, struct sample_ring **ret, struct err *err)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = calloc(1, sizeof(*r));
	char shown[256];

	if (!r)
		return err_nomem(err);
	r->fd = -1;
	r->path = text_format("%s", text_escape_str(path, shown, sizeof(shown)));
	if (!r->path)
		return err_nomem(err);
	*ret = TAKE_PTR(r);
	return 0;
}

/* What follows from the numbers in the header. */
static int shape(struct sample_ring *r, struct err *err)
{
	size_t ndisks = MAX(r->ndisks, 1), nnics = MAX(r->nnics, 1);

	r->size = sample_code_size(r->ndisks, r->nnics);
	r->data = BLOCK * (1 + (uint64_t)r->ndisks + r->nnics);
	r->buf = malloc(r->size);
	r->rec.disks = calloc(ndisks, sizeof(*r->rec.disks));
	r->rec.nics = calloc(nnics, sizeof(*r->rec.nics));
	r->disk_taken = calloc(ndisks, sizeof(*r->disk_taken));
	r->nic_taken = calloc(nnics, sizeof(*r->nic_taken));
	r->disk_place = calloc(SAMPLE_DEVICES_MAX, sizeof(*r->disk_place));
	r->nic_place = calloc(SAMPLE_DEVICES_MAX, sizeof(*r->nic_place));
	if (!r->buf || !r->rec.disks || !r->rec.nics || !r->disk_taken || !r->nic_taken ||
	    !r->disk_place || !r->nic_place)
		return err_nomem(err);
	return 0;
}

static void encode_header(const struct sample_ring *r, uint8_t *p)
{
	memset(p, 0, BLOCK);
	memcpy(p, MAGIC, 8);
	put_be32(p + 8, r->interval);
	put_be32(p + 12, r->nrecords);
	put_be16(p + 16, r->ndisks);
	put_be16(p + 18, r->nnics);
	put_be16(p + 20, SAMPLE_SERIES);
	put_be16(p + 22, SAMPLE_WINDOW_SERVICES);
	seal(p);
}

static int decode_header(struct sample_ring *r, const uint8_t *p, struct err *err)
{
	static const uint8_t zero[CRC_AT - 24];

	if (memcmp(p, MAGIC, 7) != 0)
		return err_set(err, EBADMSG, "%s is no ring of samples", r->path);
	if (p[7] != MAGIC[7])
		return err_set(err, EBADMSG, "%s is a ring of samples of another version", r->path);
	r->interval = get_be32(p + 8);
	r->nrecords = get_be32(p + 12);
	r->ndisks = get_be16(p + 16);
	r->nnics = get_be16(p + 18);
	if (!sealed(p) || r->interval < 1 || r->interval > SAMPLE_RING_INTERVAL_MAX ||
	    r->nrecords < 1 || r->nrecords > SAMPLE_RING_DAYS_MAX * DAY ||
	    r->ndisks > SAMPLE_DEVICES_MAX || r->nnics > SAMPLE_DEVICES_MAX ||
	    get_be16(p + 20) != SAMPLE_SERIES || get_be16(p + 22) != SAMPLE_WINDOW_SERVICES ||
	    memcmp(p + 24, zero, sizeof(zero)) != 0)
		return err_set(err, EBADMSG, "the header of %s is damaged", r->path);
	return 0;
}

static uint64_t place_of(const struct sample_ring *r, bool disk, size_t i)
{
	return BLOCK * (1 + (disk ? 0 : (uint64_t)r->ndisks) + i);
}

static int load_places(struct sample_ring *r, bool disk, struct err *err)
{
	struct sample_device_stat *v = disk ? r->rec.disks : r->rec.nics;
	bool *taken = disk ? r->disk_taken : r->nic_taken;
	size_t n = disk ? r->ndisks : r->nnics;

	for (size_t i = 0; i < n; i++) {
		static const uint8_t zero[BLOCK];
		uint8_t p[BLOCK];
		int e = fdio_pread_full(r->fd, p, sizeof(p), place_of(r, disk, i));

		if (e < 0)
			return err_code(err, -e, "cannot read %s", r->path);
		taken[i] = memcmp(p, zero, sizeof(p)) != 0;
		if (!taken[i] || !sealed(p) || p[0] == 0 || p[SAMPLE_NAME_MAX - 1] != 0)
			continue;
		/* The names were words when they were written; a hostile file's are as well. */
		text_escape_str((const char *)p, v[i].name, sizeof(v[i].name));
	}
	return 0;
}

/* Where record number seq is, or would be. */
static uint64_t offset_of(const struct sample_ring *r, uint64_t seq)
{
	return r->data + seq % r->nrecords * r->size;
}

/* One look at every record: the file is read once, in order. */
static int find_newest(struct sample_ring *r, struct err *err)
{
	for (uint64_t i = 0; i < r->nrecords; i++) {
		uint64_t seq;
		int e = fdio_pread_full(r->fd, r->buf, r->size, r->data + i * r->size);

		if (e < 0)
			return err_code(err, -e, "cannot read %s", r->path);
		seq = sample_code_seq(r->buf, r->size);
		/* A number that belongs elsewhere, or leaves no room for more, was made up. */
		if (seq % r->nrecords == i && seq < INT64_MAX)
			r->newest = MAX(r->newest, seq);
	}
	return 0;
}

static int load(struct sample_ring *r, struct err *err)
{
	uint8_t p[BLOCK];
	struct stat st;
	int e;

	if (fstat(r->fd, &st) < 0)
		return err_errno(err, "cannot stat %s", r->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "%s is not a regular file", r->path);
	if ((uint64_t)st.st_size < BLOCK)
		return err_set(err, EBADMSG, "%s is no ring of samples", r->path);
	e = fdio_pread_full(r->fd, p, sizeof(p), 0);
	if (e < 0)
		return err_code(err, -e, "cannot read %s", r->path);
	e = decode_header(r, p, err);
	if (e == 0)
		e = shape(r, err);
	if (e < 0)
		return e;
	if (sample_ring_size(r) > SAMPLE_RING_SIZE_MAX)
		return err_set(err, EBADMSG, "%s is larger than a ring can be", r->path);
	if ((uint64_t)st.st_size != sample_ring_size(r))
		return err_set(err, EBADMSG, "%s has %" PRIu64 " bytes, its header says %" PRIu64,
			       r->path, (uint64_t)st.st_size, sample_ring_size(r));
	e = load_places(r, true, err);
	if (e == 0)
		e = load_places(r, false, err);
	return e == 0 ? find_newest(r, err) : e;
}

static int lock(struct sample_ring *r, struct err *err)
{
	if (flock(r->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, "cannot lock %s", r->path);
	return err_set(err, EBUSY, "somebody records to %s already", r->path);
}

static int sync_folder(const char *path, struct err *err)
{
	CLEANUP(mem_free) char *dir = strdup(path);
	CLEANUP(fd_close) int fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return err_nomem(err);
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, "cannot sync the folder of the new ring");
	return 0;
}

/* The room is taken now, so that a disk that fills up later does not stop the recorder. */
static int make(struct sample_ring *r, const struct sample_ring_options *o, struct err *err)
{
	uint32_t days = o->days ? o->days : SAMPLE_RING_DAYS;
	uint8_t p[BLOCK];
	int e;

	r->interval = o->interval ? o->interval : SAMPLE_RING_INTERVAL;
	r->nrecords = days * DAY / r->interval;
	r->ndisks = (uint16_t)MIN(o->ndisks + SAMPLE_RING_SPARE, (size_t)SAMPLE_DEVICES_MAX);
	r->nnics = (uint16_t)MIN(o->nnics + SAMPLE_RING_SPARE, (size_t)SAMPLE_DEVICES_MAX);
	e = shape(r, err);
	if (e < 0)
		return e;
	if (sample_ring_size(r) > SAMPLE_RING_SIZE_MAX) {
		err_set(err, EFBIG, "the ring would take %" PRIu64 " MiB",
			sample_ring_size(r) / MIB);
		err_hint(err, "ask for fewer days, or for a longer interval");
		return -EFBIG;
	}
	if (fallocate(r->fd, 0, 0, (off_t)sample_ring_size(r)) < 0 &&
	    (errno != EOPNOTSUPP || ftruncate(r->fd, (off_t)sample_ring_size(r)) < 0))
		return err_errno(err, "cannot make %s of %" PRIu64 " MiB", r->path,
				 DIV_ROUND_UP(sample_ring_size(r), MIB));
	/* Last the header: a file without one is no ring. */
	if (fdatasync(r->fd) < 0)
		return err_errno(err, "cannot sync %s", r->path);
	encode_header(r, p);
	e = fdio_pwrite_full(r->fd, p, sizeof(p), 0);
	if (e < 0)
		return err_code(err, -e, "cannot write %s", r->path);
	if (fsync(r->fd) < 0)
		return err_errno(err, "cannot sync %s", r->path);
	return 0;
}

/*
 * Under another name until it is complete, so that what has the name is a ring or somebody else's
 * file, which is left alone. link() and not rename(): that one replaces.
 */
static int make_new(struct sample_ring *r, const char *path, const struct sample_ring_options *o,
		    struct err *err)
{
	CLEANUP(mem_free) char *tmp = text_format("%s.tmp", path);
	int e;

	if (!tmp)
		return err_nomem(err);
	r->fd = open(tmp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (r->fd < 0)
		return err_errno(err, "cannot make %s", r->path);
	e = lock(r, err);
	if (e < 0)
		return e;
	if (ftruncate(r->fd, 0) < 0)
		e = err_errno(err, "cannot truncate %s", r->path);
	else
		e = make(r, o, err);
	if (e == 0 && link(tmp, path) < 0)
		e = errno == EEXIST ? err_set(err, EBUSY, "somebody makes %s, too", r->path) :
				      err_errno(err, "cannot make %s", r->path);
	/* Left by a recorder that was killed, or ours: under the lock it may go. */
	unlink(tmp);
	return e == 0 ? sync_folder(path, err) : e;
}

static int same_options(const struct sample_ring *r, const struct sample_ring_options *o,
			struct err *err)
{
	uint32_t days = o->days;

	if ((o->interval && o->interval != r->interval) ||
	    (days && days * DAY / r->interval != r->nrecords)) {
		err_set(err, EEXIST, "%s has %.1f days of records, one every %u s", r->path,
			(double)r->nrecords * r->interval / DAY, r->interval);
		err_hint(err, "leave the options out, or record to another file");
		return -EEXIST;
	}
	return 0;
}

int sample_ring_create(const char *path, const struct sample_ring_options *o,
		       struct sample_ring **ret, struct err *err)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = NULL;
	int e;

	if (o->days > SAMPLE_RING_DAYS_MAX || o->interval > SAMPLE_RING_INTERVAL_MAX)
		return err_set(err, EINVAL, "a ring has 1 to %u days and intervals of 1 to %u s",
			       SAMPLE_RING_DAYS_MAX, SAMPLE_RING_INTERVAL_MAX);
	e = new_ring(path, &r, err);
	if (e < 0)
		return e;
	r->recording = true;
	r->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0 && errno != ENOENT)
		return err_errno(err, "cannot open %s", r->path);
	if (r->fd < 0) {
		e = make_new(r, path, o, err);
	} else {
		e = lock(r, err);
		if (e == 0)
			e = load(r, err);
		if (e == 0)
			e = same_options(r, o, err);
	}
	if (e < 0)
		return e;
	*ret = TAKE_PTR(r);
	return 0;
}

int sample_ring_open(const char *path, struct sample_ring **ret, struct err *err)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = NULL;
	int e = new_ring(path, &r, err);

	if (e < 0)
		return e;
	/* Not to wait for a pipe. */
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0)
		return err_errno(err, "cannot open %s", r->path);
	e = load(r, err);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(r);
	return 0;
}

/* The place by that name, a new one, or -1: none is left. */
static int take_place(struct sample_ring *r, bool disk, const char *name, int32_t *ret,
		      struct err *err)
{
	struct sample_device_stat *v = disk ? r->rec.disks : r->rec.nics;
	bool *taken = disk ? r->disk_taken : r->nic_taken;
	size_t n = disk ? r->ndisks : r->nnics;
	uint8_t p[BLOCK] = { 0 };
	int e;

	*ret = -1;
	for (size_t i = 0; i < n; i++)
		if (taken[i] && strcmp(v[i].name, name) == 0) {
			*ret = (int32_t)i;
			return 0;
		}
	for (size_t i = 0; i < n; i++) {
		if (taken[i])
			continue;
		memcpy(p, name, strnlen(name, SAMPLE_NAME_MAX - 1));
		seal(p);
		/* After a failure it is written anew: no record refers to it yet. */
		e = fdio_pwrite_full(r->fd, p, sizeof(p), place_of(r, disk, i));
		if (e < 0)
			return err_code(err, -e, "cannot write %s", r->path);
		if (fdatasync(r->fd) < 0)
			return err_errno(err, "cannot sync %s", r->path);
		memcpy(v[i].name, p, SAMPLE_NAME_MAX);
		taken[i] = true;
		*ret = (int32_t)i;
		return 0;
	}
	return 0;
}

static int take_places(struct sample_ring *r, bool disk, const struct sample_device_stat *v,
		       size_t n, int32_t *place, struct err *err)
{
	for (size_t i = 0; i < MIN(n, (size_t)SAMPLE_DEVICES_MAX); i++) {
		size_t places = disk ? r->ndisks : r->nnics;
		const struct sample_device_stat *have = disk ? r->rec.disks : r->rec.nics;
		int e;

		/* Most often devices are where they were put, one behind the other. */
		if (i < places && strcmp(have[i].name, v[i].name) == 0) {
			place[i] = (int32_t)i;
			continue;
		}
		e = take_place(r, disk, v[i].name, &place[i], err);
		if (e < 0)
			return e;
		r->left_out += place[i] < 0;
	}
	return 0;
}

int sample_ring_append(struct sample_ring *r, const struct sample_record *rec, struct err *err)
{
	struct sample_record cut = *rec;
	int e;

	if (!r->recording)
		return err_set(err, EINVAL, "%s is open for reading", r->path);
	cut.ndisks = MIN(rec->ndisks, (size_t)SAMPLE_DEVICES_MAX);
	cut.nnics = MIN(rec->nnics, (size_t)SAMPLE_DEVICES_MAX);
	r->left_out = 0;
	e = take_places(r, true, cut.disks, cut.ndisks, r->disk_place, err);
	if (e == 0)
		e = take_places(r, false, cut.nics, cut.nnics, r->nic_place, err);
	if (e < 0)
		return e;
	sample_code_encode(&cut, r->newest + 1, r->disk_place, r->nic_place, r->ndisks, r->nnics,
			   r->buf);
	e = fdio_pwrite_full(r->fd, r->buf, r->size, offset_of(r, r->newest + 1));
	if (e < 0)
		return err_code(err, -e, "cannot write %s", r->path);
	r->newest++;
	return 0;
}

int sample_ring_sync(struct sample_ring *r, struct err *err)
{
	return fdatasync(r->fd) < 0 ? err_errno(err, "cannot sync %s", r->path) : 0;
}

int sample_ring_next(struct sample_ring *r, const struct sample_record **ret, size_t *ret_bad,
		     struct err *err)
{
	if (r->at == 0)
		r->at = r->newest > r->nrecords ? r->newest - r->nrecords + 1 : 1;
	while (r->at <= r->newest) {
		uint64_t seq = r->at++;
		int e = fdio_pread_full(r->fd, r->buf, r->size, offset_of(r, seq));

		if (e < 0)
			return err_code(err, -e, "cannot read %s", r->path);
		if (sample_code_seq(r->buf, r->size) == seq &&
		    sample_code_decode(r->buf, r->ndisks, r->nnics, &r->rec)) {
			*ret = &r->rec;
			return 1;
		}
		if (ret_bad)
			++*ret_bad;
	}
	return 0;
}
