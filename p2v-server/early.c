/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See early.h. */
#include "p2v-server/early.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "convert/qcow2_read.h"
#include "wire/chunk_digest.h"
#include "wire/proto.h"

/* The kernel's words for ioprio_set(2), which libc does not have: this thread, class idle. */
#define IOPRIO_WHO_PROCESS	1
#define IOPRIO_IDLE		(3 << 13)

#define NOBODY			UINT64_MAX
/* How long the writers must have been idle before a chunk is read. */
#define CALM_NS			2000000

struct early_disk {
	uint64_t *marks;
	struct bitmap *pending;		/* a bit per chunk */
	uint64_t size;
	bool stale;			/* the reader's tables may be outdated */
};

struct early {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool started, stop, idle;
	uint64_t turns;			/* how often the writers became busy */
	uint64_t calm;			/* turns, when they then were idle for long enough */
	const struct job *job;
	const struct journal *journal;
	struct early_disk *disks;
	uint16_t ndisks;
	uint64_t npending;		/* with the one in hand */
	uint64_t marked;		/* bytes */
	uint16_t disk;			/* where to look for work first */
	uint64_t in_hand;		/* chunk of that disk, NOBODY: none, or it was revoked */

	/* The thread's own. */
	struct qcow2_read *reader;
	uint16_t reader_disk;
	uint8_t *buf;
};

static uint64_t chunk_length(const struct early_disk *d, uint64_t chunk)
{
	return MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - chunk * PROTO_CHUNK_SIZE);
}

/* ---- with the lock held */

static void mark_set(struct early *e, struct early_disk *d, uint64_t chunk, uint64_t mark)
{
	if (d->marks[chunk] != 0)
		e->marked -= chunk_length(d, chunk);
	if (mark != 0)
		e->marked += chunk_length(d, chunk);
	d->marks[chunk] = mark;
}

/* The next chunk to read: *ret_chunk of disk e->disk. False when there is none. */
static bool next_pending(struct early *e, uint64_t *ret_chunk)
{
	uint64_t offset, length;

	for (uint16_t i = 0; i < e->ndisks; i++) {
		if (bitmap_next_run(e->disks[e->disk].pending, true, 0, &offset, &length)) {
			*ret_chunk = offset / PROTO_CHUNK_SIZE;
			return true;
		}
		e->disk = (uint16_t)((e->disk + 1) % e->ndisks);
	}
	return false;
}

/*
 * Between two chunks on a fast link the writers are idle for a moment, and then no disk is to be
 * busy with a chunk that could wait.
 */
static void wait_calm(struct early *e)
{
	uint64_t turns = e->turns;
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += CALM_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (r == 0 && !e->stop && e->turns == turns)
		r = pthread_cond_timedwait(&e->work, &e->lock, &until);
	if (e->turns == turns && e->idle)
		e->calm = turns;
}

/* ---- the thread */

static int reader_open(struct early *e, uint16_t disk)
{
	CLEANUP(mem_free) char *name = job_image_name(&e->job->images[disk], true);
	int r;

	qcow2_read_free(TAKE_PTR(e->reader));
	r = name ? qcow2_read_open(e->job->dirfd, name, &e->reader, NULL) : -ENOMEM;
	e->reader_disk = disk;
	return r;
}

/* The mark of a chunk that reads as sent, 0 when it does not, or cannot be read now. */
static uint64_t read_back(struct early *e, uint16_t disk, uint64_t chunk, bool stale,
			  const uint8_t want[static SHA256_LEN])
{
	uint64_t len = chunk_length(&e->disks[disk], chunk), at = chunk * PROTO_CHUNK_SIZE, mark;
	uint8_t sha[SHA256_LEN];

	if ((!e->reader || e->reader_disk != disk || stale) && reader_open(e, disk) < 0)
		return 0;
	mark = qcow2_read_mapping(e->reader, at, len);
	if (mark == 0 || qcow2_read(e->reader, e->buf, at, len, NULL) < 0 ||
	    chunk_digest(e->buf, len, sha) < 0)
		return 0;
	return memcmp(sha, want, SHA256_LEN) == 0 ? mark : 0;
}

static void lowest_priority(void)
{
	/* Not SCHED_IDLE: it would hold the lock for as long as others keep the processors busy. */
	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

static void *early_main(void *arg)
{
	struct early *e = arg;

	lowest_priority();
	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		uint8_t sha[SHA256_LEN];
		uint64_t chunk, mark;
		struct early_disk *d;
		uint16_t disk;
		bool stale;

		if (!e->idle || !next_pending(e, &chunk)) {
			pthread_cond_wait(&e->work, &e->lock);
			continue;
		}
		if (e->calm != e->turns) {
			wait_calm(e);
			continue;
		}
		disk = e->disk;
		d = &e->disks[disk];
		bitmap_clear_range(d->pending, chunk * PROTO_CHUNK_SIZE, chunk_length(d, chunk));
		memcpy(sha, e->journal->disks[disk].sha256[chunk], SHA256_LEN);
		stale = d->stale;
		d->stale = false;
		e->in_hand = chunk;
		pthread_mutex_unlock(&e->lock);
		mark = read_back(e, disk, chunk, stale, sha);
		pthread_mutex_lock(&e->lock);
		if (e->in_hand == chunk) {
			mark_set(e, d, chunk, mark);
			e->npending--;
		}
		e->in_hand = NOBODY;
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* ---- the target's side */

static int alloc_disks(struct early *e, const struct journal *journal)
{
	e->disks = calloc(journal->ndisks, sizeof(*e->disks));
	if (!e->disks)
		return -ENOMEM;
	e->ndisks = journal->ndisks;
	for (uint16_t i = 0; i < e->ndisks; i++) {
		struct early_disk *d = &e->disks[i];

		d->size = journal->disks[i].size;
		d->marks = calloc(journal->disks[i].nchunks, sizeof(*d->marks));
		if (!d->marks || bitmap_new(d->size, PROTO_CHUNK_SIZE, &d->pending) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What an earlier connection made durable was not verified by anybody yet. */
static void add_all(struct early *e)
{
	for (uint16_t i = 0; i < e->ndisks; i++)
		for (uint64_t c = 0; c < e->journal->disks[i].nchunks; c++)
			if (e->journal->disks[i].state[c] == CHUNK_DATA)
				early_add(e, i, c * PROTO_CHUNK_SIZE,
					  chunk_length(&e->disks[i], c));
}

int early_new(const struct job *j, const struct journal *journal, struct early **ret,
	      struct err *err)
{
	CLEANUP(early_free) struct early *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!e)
		return err_nomem(err);
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->work, &attr);
	pthread_condattr_destroy(&attr);
	e->calm = UINT64_MAX;
	e->job = j;
	e->journal = journal;
	e->in_hand = NOBODY;
	e->buf = fdio_alloc(PROTO_CHUNK_SIZE);
	if (!e->buf || alloc_disks(e, journal) < 0)
		return err_nomem(err);
	add_all(e);
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&e->thread, NULL, early_main, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return err_code(err, r, "cannot start the verifying thread");
	e->started = true;
	*ret = TAKE_PTR(e);
	return 0;
}

void early_stop(struct early *e)
{
	if (!e->started)
		return;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	e->started = false;
}

void early_free(struct early *e)
{
	if (!e)
		return;
	early_stop(e);
	for (uint16_t i = 0; i < e->ndisks; i++) {
		free(e->disks[i].marks);
		bitmap_free(e->disks[i].pending);
	}
	free(e->disks);
	qcow2_read_free(e->reader);
	free(e->buf);
	pthread_cond_destroy(&e->work);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void early_add(struct early *e, uint16_t disk, uint64_t offset, uint64_t length)
{
	struct early_disk *d = &e->disks[disk];

	pthread_mutex_lock(&e->lock);
	for (uint64_t at = offset; at < offset + length; at += PROTO_CHUNK_SIZE) {
		if (bitmap_test(d->pending, at))
			continue;
		bitmap_set_range(d->pending, at, 1);
		e->npending++;
	}
	d->stale = true;
	if (e->idle)
		pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
}

void early_revoke(struct early *e, uint16_t disk, uint64_t offset, uint64_t length)
{
	struct early_disk *d = &e->disks[disk];

	pthread_mutex_lock(&e->lock);
	for (uint64_t at = offset; at < offset + length; at += PROTO_CHUNK_SIZE) {
		uint64_t chunk = at / PROTO_CHUNK_SIZE;

		if (bitmap_test(d->pending, at)) {
			bitmap_clear_range(d->pending, at, chunk_length(d, chunk));
			e->npending--;
		}
		if (e->disk == disk && e->in_hand == chunk) {
			e->in_hand = NOBODY;
			e->npending--;
		}
		mark_set(e, d, chunk, 0);
	}
	pthread_mutex_unlock(&e->lock);
}

void early_idle(struct early *e, bool idle)
{
	pthread_mutex_lock(&e->lock);
	if (idle && !e->idle)
		pthread_cond_signal(&e->work);
	if (!idle)
		e->turns++;
	e->idle = idle;
	pthread_mutex_unlock(&e->lock);
}

uint64_t early_mark(struct early *e, uint16_t disk, uint64_t chunk)
{
	uint64_t mark;

	pthread_mutex_lock(&e->lock);
	mark = e->disks[disk].marks[chunk];
	pthread_mutex_unlock(&e->lock);
	return mark;
}

uint64_t early_bytes(struct early *e)
{
	uint64_t n;

	pthread_mutex_lock(&e->lock);
	n = e->marked;
	pthread_mutex_unlock(&e->lock);
	return n;
}

uint64_t early_pending(struct early *e)
{
	uint64_t n;

	pthread_mutex_lock(&e->lock);
	n = e->npending;
	pthread_mutex_unlock(&e->lock);
	return n;
}
