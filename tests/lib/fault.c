/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR		512
#define SPARSE_MIN	65536

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
ssize_t __real_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t offset);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_ftruncate64(int fd, off_t size);
int __real_fallocate64(int fd, int mode, off_t offset, off_t len);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int n, off_t offset);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len);

/* --- the Nth call --- */

static struct {
	unsigned int ops, hit;
	uint64_t nth, seen;
	bool for_good, paused;
} armed;

void fault_arm(unsigned int ops, uint64_t nth, bool for_good)
{
	armed.ops = ops;
	armed.nth = nth;
	armed.for_good = for_good;
	armed.seen = 0;
	armed.hit = 0;
	armed.paused = false;
}

void fault_pause(bool on)
{
	armed.paused = on;
}

uint64_t fault_disarm(void)
{
	armed.ops = 0;
	return armed.seen;
}

unsigned int fault_hit(void)
{
	return armed.hit;
}

static bool strikes(unsigned int op, int code)
{
	if (!(armed.ops & op) || armed.paused)
		return false;
	armed.seen++;
	if (armed.nth == 0 || armed.seen < armed.nth || (armed.seen > armed.nth && !armed.for_good))
		return false;
	armed.hit |= op;
	errno = code;
	return true;
}

/* --- the log --- */

enum event_kind {
	EVENT_WRITE,
	EVENT_TRUNCATE,
	EVENT_PUNCH,
	EVENT_SYNC,
};

struct event {
	enum event_kind kind;
	dev_t dev;
	ino_t ino;
	uint64_t offset, length;	/* a truncation's size is its offset */
	uint8_t *data;
};

static struct event *events;
static uint64_t nevents, events_max;
static bool recording;

static void record(enum event_kind kind, int fd, const void *data, uint64_t offset, uint64_t length)
{
	struct stat st;
	struct event *e;
	int saved = errno;

	if (!recording || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (nevents == events_max) {
		events_max = events_max ? events_max * 2 : 256;
		events = __real_reallocarray(events, events_max, sizeof(*events));
		if (!events)
			abort();
	}
	e = &events[nevents++];
	*e = (struct event){ .kind = kind, .dev = st.st_dev, .ino = st.st_ino, .offset = offset,
			     .length = length };
	if (kind == EVENT_WRITE) {
		e->data = __real_malloc(length);
		if (!e->data)
			abort();
		memcpy(e->data, data, length);
	}
	errno = saved;
}

void fault_record_start(void)
{
	fault_record_stop();
	recording = true;
}

void fault_record_stop(void)
{
	for (uint64_t i = 0; i < nevents; i++)
		free(events[i].data);
	free(events);
	events = NULL;
	nevents = events_max = 0;
	recording = false;
}

uint64_t fault_record_count(void)
{
	return nevents;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void put(int out, const struct event *e, uint64_t from, uint64_t to)
{
	must(__real_pwrite64(out, e->data + from, to - from, (off_t)(e->offset + from)) ==
	     (ssize_t)(to - from));
}

/* Some of the sectors a write touches. */
static void put_torn(int out, const struct event *e, uint64_t *rnd)
{
	for (uint64_t at = 0; at < e->length;) {
		uint64_t n = SECTOR - (e->offset + at) % SECTOR;

		if (n > e->length - at)
			n = e->length - at;
		if (next_random(rnd) & 1)
			put(out, e, at, at + n);
		at += n;
	}
}

static void apply(int out, const struct event *e, bool torn, uint64_t *rnd)
{
	switch (e->kind) {
	case EVENT_WRITE:
		if (torn)
			put_torn(out, e, rnd);
		else
			put(out, e, 0, e->length);
		break;
	case EVENT_TRUNCATE:
		must(__real_ftruncate64(out, (off_t)e->offset) == 0);
		break;
	case EVENT_PUNCH:
		must(__real_fallocate64(out, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)e->offset, (off_t)e->length) == 0);
		break;
	case EVENT_SYNC:
		break;
	}
}

void fault_record_build(int fd, uint64_t point, uint64_t seed, int out)
{
	uint64_t synced = 0, rnd = seed;
	struct stat st;

	must(fstat(fd, &st) == 0 && point <= nevents);
	for (uint64_t i = 0; i < point; i++)
		if (events[i].kind == EVENT_SYNC && events[i].ino == st.st_ino &&
		    events[i].dev == st.st_dev)
			synced = i;
	must(__real_ftruncate64(out, 0) == 0);
	for (uint64_t i = 0; i < point; i++) {
		const struct event *e = &events[i];
		bool torn = false;

		if (e->ino != st.st_ino || e->dev != st.st_dev)
			continue;
		if (i >= synced && seed != 1) {
			if (seed == 0 || next_random(&rnd) & 1)
				continue;
			torn = next_random(&rnd) % 4 == 0;
		}
		apply(out, e, torn, &rnd);
	}
}

/* --- zeroes as holes --- */

static bool sparse;

void fault_sparse(bool on)
{
	sparse = on;
}

static bool make_hole(int fd, const uint8_t *buf, size_t len, off_t offset)
{
	struct stat st;

	if (!sparse || len < SPARSE_MIN || buf[0] || memcmp(buf, buf + 1, len - 1) != 0)
		return false;
	if (fstat(fd, &st) < 0)
		return false;
	if (st.st_size < offset + (off_t)len && __real_ftruncate64(fd, offset + (off_t)len) < 0)
		return false;
	return __real_fallocate64(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
				  (off_t)len) == 0;
}

/* --- the calls --- */

void *__wrap_malloc(size_t size)
{
	return strikes(FAULT_ALLOC, ENOMEM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return strikes(FAULT_ALLOC, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return strikes(FAULT_ALLOC, ENOMEM) ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return strikes(FAULT_ALLOC, ENOMEM) ? NULL : __real_reallocarray(p, n, size);
}

static bool refuses_direct(int fd, const void *buf, size_t len, off_t offset)
{
	bool direct = fcntl(fd, F_GETFL) & O_DIRECT;

	must(!direct || ((uintptr_t)buf | len | (uint64_t)offset) % 4096 == 0);
	return direct && strikes(FAULT_DIRECT, EINVAL);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset)
{
	if (refuses_direct(fd, buf, len, offset))
		return -1;
	return strikes(FAULT_READ, EIO) ? -1 : __real_pread64(fd, buf, len, offset);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset)
{
	ssize_t n;

	if (refuses_direct(fd, buf, len, offset))
		return -1;
	if (strikes(FAULT_WRITE, ENOSPC)) {
		n = __real_pwrite64(fd, buf, len / 2, offset);
		if (n > 0)
			record(EVENT_WRITE, fd, buf, (uint64_t)offset, (uint64_t)n);
		errno = ENOSPC;
		return -1;
	}
	n = make_hole(fd, buf, len, offset) ? (ssize_t)len : __real_pwrite64(fd, buf, len, offset);
	if (n > 0)
		record(EVENT_WRITE, fd, buf, (uint64_t)offset, (uint64_t)n);
	return n;
}

/* Piece by piece, so that each is a call that can fail. */
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int n, off_t offset)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		ssize_t got = __wrap_pread64(fd, iov[i].iov_base, iov[i].iov_len, offset + sum);

		if (got < 0)
			return i == 0 ? -1 : sum;
		sum += got;
		if ((size_t)got < iov[i].iov_len)
			break;
	}
	return sum;
}

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t offset)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		ssize_t done = __wrap_pwrite64(fd, iov[i].iov_base, iov[i].iov_len, offset + sum);

		if (done < 0)
			return i == 0 ? -1 : sum;
		sum += done;
		if ((size_t)done < iov[i].iov_len)
			break;
	}
	return sum;
}

static int synced(int fd, int r)
{
	if (r == 0)
		record(EVENT_SYNC, fd, NULL, 0, 0);
	return r;
}

int __wrap_fdatasync(int fd)
{
	return strikes(FAULT_SYNC, EIO) ? -1 : synced(fd, __real_fdatasync(fd));
}

int __wrap_fsync(int fd)
{
	return strikes(FAULT_SYNC, EIO) ? -1 : synced(fd, __real_fsync(fd));
}

int __wrap_ftruncate64(int fd, off_t size)
{
	int r;

	if (strikes(FAULT_TRUNCATE, ENOSPC))
		return -1;
	r = __real_ftruncate64(fd, size);
	if (r == 0)
		record(EVENT_TRUNCATE, fd, NULL, (uint64_t)size, 0);
	return r;
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len)
{
	int r = __real_fallocate64(fd, mode, offset, len);

	if (r == 0 && mode & FALLOC_FL_PUNCH_HOLE)
		record(EVENT_PUNCH, fd, NULL, (uint64_t)offset, (uint64_t)len);
	return r;
}
