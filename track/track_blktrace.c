/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The third tier: blktrace, for kernels whose tracing has no instances. A locked-down kernel
 * refuses its files (EPERM), and a disk has one such tracer: another's is not touched (EBUSY).
 *
 * Its rings drop what they have no place for, and count that: everything is compared then. A record
 * is reserved in the ring before it is filled, and the ring lets even that be read: on another
 * processor one would now and then read what was there before. A processor fills its own ring with
 * interrupts off, so each ring is read on its own processor. Numbers of records that are missing
 * would tell of it. What
 * was set up outlives a process that is killed; RUN/blktrace names these disks, so that the next
 * start with this run folder ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/blktrace_api.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "track/blktrace_record.h"
#include "track/kernelfs.h"
#include "track/pump.h"
#include "track/state.h"

#define RING_SIZE	(256u << 10)
#define RINGS		16u		/* of each processor and disk */
#define CPUS_MAX	4096u
#define READ_MAX	65536u
#define NOTE_MAX	65536u

enum { SLOT_QUEUE = 0, SLOT_COMPLETE = TRACK_COPIES };

/* What one processor tells of one disk. */
struct stream {
	size_t disk;
	unsigned int cpu;
	int fd;
	uint32_t sequence;		/* of the last record */
	size_t len;			/* of a record that is not complete yet */
	uint8_t buf[READ_MAX];
};

struct blktrace {
	struct track *track;
	char *debugfs;
	int *fds;			/* of the disks */
	bool *set_up;
	struct stream **streams;
	size_t nstreams;
	unsigned int ncpus;
	struct pump *pump;
	uint64_t lost;			/* numbers that did not come */
};

static int open_disk(const char *name)
{
	char path[TRACK_NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", name);
	for (char *p = path; *p; p++)
		if (*p == '!')
			*p = '/';
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void tear_down(int fd)
{
	(void)ioctl(fd, BLKTRACESTOP);
	(void)ioctl(fd, BLKTRACETEARDOWN);
}

/* ---- reading */

static int take_records(struct blktrace *b, struct stream *s)
{
	size_t from = 0;

	for (;;) {
		struct blktrace_record rec;
		int n = blktrace_record_parse(s->buf + from, s->len - from, &rec);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		from += (size_t)n;
		if (rec.numbered && rec.sequence != ++s->sequence) {
			b->lost++;
			s->sequence = rec.sequence;
		}
		if (rec.kind != BLKTRACE_OTHER && rec.writes && rec.bytes > 0) {
			const struct track_event e = { .sector = rec.sector,
						       .sectors = DIV_ROUND_UP(rec.bytes, 512u),
						       .unknown = rec.driver };

			track_take_event(b->track, s->disk,
					 rec.kind == BLKTRACE_QUEUE ? SLOT_QUEUE : SLOT_COMPLETE,
					 &e);
		}
	}
	if (from == 0 && s->len == sizeof(s->buf))
		return -EBADMSG;
	memmove(s->buf, s->buf + from, s->len - from);
	s->len -= from;
	return 0;
}

static int take_stream(struct blktrace *b, struct stream *s)
{
	for (;;) {
		ssize_t n = read(s->fd, s->buf + s->len, sizeof(s->buf) - s->len);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 0;
		s->len += (size_t)n;
		r = take_records(b, s);
		if (r < 0)
			return r;
	}
}

static void run_on(unsigned int cpu)
{
	cpu_set_t *set = CPU_ALLOC(cpu + 1);

	if (!set)
		return;
	CPU_ZERO_S(CPU_ALLOC_SIZE(cpu + 1), set);
	CPU_SET_S(cpu, CPU_ALLOC_SIZE(cpu + 1), set);
	/* A processor that is off fills nothing. */
	(void)sched_setaffinity(0, CPU_ALLOC_SIZE(cpu + 1), set);
	CPU_FREE(set);
}

static int take_all(void *opaque)
{
	struct blktrace *b = opaque;
	cpu_set_t *before = CPU_ALLOC(CPUS_MAX);
	const size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
	int r = 0;

	if (!before)
		return -ENOMEM;
	if (sched_getaffinity(0, size, before) < 0)
		r = -errno;
	for (unsigned int cpu = 0; cpu < b->ncpus && r == 0; cpu++) {
		run_on(cpu);
		for (size_t i = 0; i < b->nstreams && r == 0; i++)
			if (b->streams[i]->cpu == cpu)
				r = take_stream(b, b->streams[i]);
	}
	(void)sched_setaffinity(0, size, before);
	CPU_FREE(before);
	return r;
}

/* ---- setting up */

/* Before anything is set up, so that it is known after a kill. */
static int write_note(const struct track *t, struct err *err)
{
	CLEANUP(mem_free) char *path = text_format("%s/blktrace", t->run_dir);
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *text = NULL;

	for (size_t i = 0; i < t->meta->n; i++)
		strbuf_addf(&b, "%s\n", t->meta->disks[i].name);
	text = strbuf_take(&b);
	return path && text ? fdio_replace_file(path, text, strlen(text), 0600, err) :
			      err_nomem(err);
}

static int open_streams(struct blktrace *b, size_t disk, const char *name, struct err *err)
{
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		CLEANUP(mem_free) char *path =
			text_format("%s/block/%s/trace%u", b->debugfs, name, cpu);
		struct stream **v, *s;
		int fd;

		if (!path)
			return err_nomem(err);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			return cpu > 0 ? 0 : err_errno(err, "cannot open %s", path);
		if (fd < 0)
			return err_errno(err, "cannot open %s", path);
		v = realloc(b->streams, (b->nstreams + 1) * sizeof(*v));
		s = v ? malloc(sizeof(*s)) : NULL;
		if (v)
			b->streams = v;
		if (!s) {
			close(fd);
			return err_nomem(err);
		}
		s->disk = disk;
		s->cpu = cpu;
		s->sequence = 0;
		b->ncpus = MAX(b->ncpus, cpu + 1);
		s->fd = fd;
		s->len = 0;
		b->streams[b->nstreams++] = s;
	}
	return 0;
}

static int set_up(struct blktrace *b, size_t disk, struct err *err)
{
	const char *name = b->track->meta->disks[disk].name;
	struct blk_user_trace_setup setup = { .act_mask = BLK_TC_QUEUE | BLK_TC_COMPLETE,
					      .buf_size = RING_SIZE,
					      .buf_nr = RINGS };
	int r;

	b->fds[disk] = open_disk(name);
	if (b->fds[disk] < 0)
		return err_errno(err, "cannot open %s", name);
	if (ioctl(b->fds[disk], BLKTRACESETUP, &setup) < 0)
		return err_errno(err, "cannot set up blktrace on %s", name);
	b->set_up[disk] = true;
	setup.name[sizeof(setup.name) - 1] = '\0';
	r = open_streams(b, disk, setup.name, err);
	if (r == 0 && ioctl(b->fds[disk], BLKTRACESTART) < 0)
		r = err_errno(err, "cannot start blktrace on %s", name);
	return r;
}

static int blktrace_start(struct track *t, struct err *err)
{
	struct blktrace *b;
	int r = track_allocate(t, err);

	b = r == 0 ? calloc(1, sizeof(*b)) : NULL;
	if (!b)
		return r < 0 ? r : err_nomem(err);
	/* From here on blktrace_leave() undoes it. */
	t->tier = b;
	b->track = t;
	b->fds = malloc(t->meta->n * sizeof(*b->fds));
	b->set_up = calloc(t->meta->n, sizeof(*b->set_up));
	if (!b->fds || !b->set_up)
		return err_nomem(err);
	for (size_t i = 0; i < t->meta->n; i++)
		b->fds[i] = -1;
	r = kernelfs_find(KERNELFS_DEBUG, t->run_dir, true, &b->debugfs, err);
	if (r == 0)
		r = write_note(t, err);
	for (size_t i = 0; i < t->meta->n && r == 0; i++)
		r = set_up(b, i, err);
	return r < 0 ? r : pump_new(take_all, b, &b->pump, err);
}

static void blktrace_drain(struct track *t)
{
	struct blktrace *b = t->tier;

	(void)pump_now(b->pump);
}

static void blktrace_check(struct track *t, size_t disk, unsigned int *reasons, uint64_t *misses,
			   uint64_t *overruns)
{
	CLEANUP(mem_free) char *text = NULL;
	struct blktrace *b = t->tier;
	uint64_t n;

	(void)misses;
	if (pump_now(b->pump) < 0 ||
	    kernelfs_read(&text, "%s/block/%s/dropped", b->debugfs, t->meta->disks[disk].name) < 0 ||
	    sscanf(text, "%" SCNu64, &n) != 1) {
		*reasons |= TRACK_REASON_GONE;
		return;
	}
	*overruns += n + b->lost;
	if (*overruns > 0)
		*reasons |= TRACK_REASON_OVERRUN;
}

/* ---- the end */

static void end_own(struct blktrace *b)
{
	pump_free(b->pump);
	b->pump = NULL;
	for (size_t i = 0; b->fds && b->set_up && i < b->track->meta->n; i++) {
		if (b->set_up[i])
			tear_down(b->fds[i]);
		b->set_up[i] = false;
		fd_close(TAKE_FD(b->fds[i]));
	}
	for (size_t i = 0; i < b->nstreams; i++) {
		fd_close(b->streams[i]->fd);
		free(b->streams[i]);
	}
	b->nstreams = 0;
}

/* What a dead process noted that it would set up. */
static void end_noted(const char *path)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	size_t len;

	if (fdio_read_file(path, NOTE_MAX, &text, &len, NULL) < 0)
		return;
	for (char *name = strtok_r(text, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		CLEANUP(fd_close) int fd = -1;

		if (strlen(name) >= TRACK_NAME_MAX || strchr(name, '/'))
			continue;
		fd = open_disk(name);
		if (fd >= 0)
			tear_down(fd);
	}
}

static void blktrace_remove(struct track *t)
{
	CLEANUP(mem_free) char *path = text_format("%s/blktrace", t->run_dir);
	struct blktrace *b = t->ops == &track_blktrace_ops ? t->tier : NULL;

	if (b)
		end_own(b);
	else if (path)
		end_noted(path);
	if (path)
		unlink(path);
	kernelfs_remove(KERNELFS_DEBUG, t->run_dir);
}

/* Nobody would read on: what is left goes, too. */
static void blktrace_leave(struct track *t)
{
	struct blktrace *b = t->tier;

	blktrace_remove(t);
	if (b) {
		free(b->fds);
		free(b->set_up);
		free(b->streams);
		free(b->debugfs);
		free(b);
		t->tier = NULL;
	}
	track_deallocate(t);
}

const struct track_ops track_blktrace_ops = {
	.tier = TRACK_BLKTRACE,
	.start = blktrace_start,
	.check = blktrace_check,
	.drain = blktrace_drain,
	.leave = blktrace_leave,
	.remove = blktrace_remove,
};
