/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The second tier: an instance of ftrace of our own, with a filter in the kernel that lets only
 * writes to our disks through, read as text. It needs no BPF, and a locked-down kernel allows it.
 *
 * Its rings can run over. That is counted, and an event that was lost is in no map: everything is
 * compared then. It ends with the process; the instance of one that was killed is removed by the
 * next start with the same run folder, whose name it bears.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/compiler.h"
#include "common/text.h"
#include "track/ftrace_text.h"
#include "track/kernelfs.h"
#include "track/pump.h"
#include "track/state.h"

#define RING_KIB	"8192"		/* of each processor */
#define PIPE_MAX	65536u

static const char *const events[] = { "block_bio_queue", "block_rq_complete" };
enum { SLOT_QUEUE = 0, SLOT_COMPLETE = TRACK_COPIES };

struct ftrace {
	struct track *track;
	char *instance;			/* folder */
	int pipe;
	struct pump *pump;
	char buf[PIPE_MAX];
	size_t len;			/* of a line that is not complete yet */
	uint64_t lost;			/* as lines of the pipe told */
};

/* "/run/p2v/track" is "p2v-run-p2v-track". */
static char *instance_path(const char *tracefs, const char *run_dir)
{
	char *path = text_format("%s/instances/p2v%s", tracefs, run_dir);

	for (char *p = path ? path + strlen(path) - strlen(run_dir) : NULL; p && *p; p++)
		if (*p == '/')
			*p = '-';
	return path;
}

/* ---- reading */

static void take_line(struct ftrace *f, const char *line, size_t len)
{
	const struct track_meta *m = f->track->meta;
	struct ftrace_line l;

	if (ftrace_text_line(line, len, &l) < 0 || l.kind == FTRACE_LOST) {
		f->lost += MAX(l.lost, UINT64_C(1));
		return;
	}
	if (l.kind == FTRACE_OTHER || l.reads || l.sectors == 0)
		return;
	for (size_t i = 0; i < m->n; i++) {
		const struct track_event e = { .sector = l.sector,
					       .sectors = l.sectors,
					       .unknown = l.sector == UINT64_MAX };

		if (l.major == major((dev_t)m->disks[i].dev) &&
		    l.minor == minor((dev_t)m->disks[i].dev))
			track_take_event(f->track, i,
					 l.kind == FTRACE_QUEUE ? SLOT_QUEUE : SLOT_COMPLETE, &e);
	}
}

static int take_lines(void *opaque)
{
	struct ftrace *f = opaque;

	for (;;) {
		ssize_t n = read(f->pipe, f->buf + f->len, sizeof(f->buf) - f->len);
		size_t from = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 0;
		f->len += (size_t)n;
		for (const char *end;
		     (end = memchr(f->buf + from, '\n', f->len - from)) != NULL;) {
			size_t len = (size_t)(end - f->buf) - from;

			take_line(f, f->buf + from, len);
			from += len + 1;
		}
		if (from == 0 && f->len == sizeof(f->buf))
			return -EBADMSG;
		memmove(f->buf, f->buf + from, f->len - from);
		f->len -= from;
	}
}

/* ---- the instance */

static int check_formats(const char *tracefs, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		CLEANUP(mem_free) char *text = NULL;
		int r = kernelfs_read(&text, "%s/events/block/%s/format", tracefs, events[i]);

		if (r == 0)
			r = ftrace_text_format(text, i == 1);
		if (r < 0)
			return err_code(err, r, "cannot use the event %s", events[i]);
	}
	return 0;
}

static char *make_filter(const struct track_meta *m)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	strbuf_add(&b, "nr_sector > 0 && (");
	for (size_t i = 0; i < m->n; i++) {
		dev_t dev = (dev_t)m->disks[i].dev;

		/* The kernel's own form of a device's number. */
		strbuf_addf(&b, "%sdev == %u", i > 0 ? " || " : "", major(dev) << 20 | minor(dev));
	}
	strbuf_add(&b, ")");
	return strbuf_take(&b);
}

static int set_up(struct ftrace *f, struct err *err)
{
	CLEANUP(mem_free) char *filter = make_filter(f->track->meta);
	const char *dir = f->instance;
	int r;

	if (!filter)
		return err_nomem(err);
	if (mkdir(dir, 0700) < 0)
		return err_errno(err, "cannot make %s", dir);
	r = kernelfs_write("0", err, "%s/options/context-info", dir);
	if (r == 0)
		r = kernelfs_write(RING_KIB, err, "%s/buffer_size_kb", dir);
	for (size_t i = 0; i < ARRAY_SIZE(events) && r == 0; i++) {
		r = kernelfs_write(filter, err, "%s/events/block/%s/filter", dir, events[i]);
		if (r == 0)
			r = kernelfs_write("1", err, "%s/events/block/%s/enable", dir, events[i]);
	}
	return r;
}

static int open_pipe(struct ftrace *f, struct err *err)
{
	CLEANUP(mem_free) char *path = text_format("%s/trace_pipe", f->instance);

	if (!path)
		return err_nomem(err);
	f->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (f->pipe < 0)
		return err_errno(err, "cannot open %s", path);
	return pump_new(take_lines, f, &f->pump, err);
}

static int ftrace_start(struct track *t, struct err *err)
{
	CLEANUP(mem_free) char *tracefs = NULL;
	struct ftrace *f;
	int r = kernelfs_find(KERNELFS_TRACE, t->run_dir, true, &tracefs, err);

	if (r == 0)
		r = check_formats(tracefs, err);
	if (r == 0)
		r = track_allocate(t, err);
	if (r < 0)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(err);
	/* From here on ftrace_leave() undoes it. */
	t->tier = f;
	f->track = t;
	f->pipe = -1;
	f->instance = instance_path(tracefs, t->run_dir);
	if (!f->instance)
		return err_nomem(err);
	r = set_up(f, err);
	return r < 0 ? r : open_pipe(f, err);
}

static void ftrace_drain(struct track *t)
{
	struct ftrace *f = t->tier;

	(void)pump_now(f->pump);
}

static uint64_t rings_lost(const struct ftrace *f)
{
	CLEANUP(mem_free) char *path = text_format("%s/per_cpu", f->instance);
	CLEANUP(dir_close) DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *e;
	uint64_t sum = 0;

	if (!dir)
		return 1;
	while ((e = readdir(dir))) {
		CLEANUP(mem_free) char *text = NULL;
		uint64_t n = 0;

		if (e->d_name[0] == '.')
			continue;
		if (kernelfs_read(&text, "%s/%s/stats", path, e->d_name) < 0 ||
		    ftrace_text_stats(text, &n) < 0)
			n = 1;
		sum += n;
	}
	return sum;
}

static bool is_on(const struct ftrace *f)
{
	for (size_t i = 0; i <= ARRAY_SIZE(events); i++) {
		CLEANUP(mem_free) char *text = NULL;
		int r = i < ARRAY_SIZE(events) ?
				kernelfs_read(&text, "%s/events/block/%s/enable", f->instance,
					      events[i]) :
				kernelfs_read(&text, "%s/tracing_on", f->instance);

		if (r < 0 || text[0] != '1')
			return false;
	}
	return true;
}

static void ftrace_check(struct track *t, size_t disk, unsigned int *reasons, uint64_t *misses,
			 uint64_t *overruns)
{
	struct ftrace *f = t->tier;

	(void)disk;
	(void)misses;
	if (pump_now(f->pump) < 0 || !is_on(f))
		*reasons |= TRACK_REASON_GONE;
	*overruns += f->lost + rings_lost(f);
	if (*overruns > 0)
		*reasons |= TRACK_REASON_OVERRUN;
}

/* Also of what a dead process left, so without t->tier. */
static void ftrace_remove(struct track *t)
{
	CLEANUP(mem_free) char *tracefs = NULL;
	CLEANUP(mem_free) char *instance = NULL;
	struct ftrace *f = t->ops == &track_ftrace_ops ? t->tier : NULL;

	if (f) {
		pump_free(f->pump);
		f->pump = NULL;
		fd_close(TAKE_FD(f->pipe));
	}
	if (kernelfs_find(KERNELFS_TRACE, t->run_dir, false, &tracefs, NULL) == 0) {
		instance = instance_path(tracefs, t->run_dir);
		if (instance)
			rmdir(instance);
	}
	kernelfs_remove(KERNELFS_TRACE, t->run_dir);
}

/* Nobody would read on: what is left goes, too. */
static void ftrace_leave(struct track *t)
{
	struct ftrace *f = t->tier;

	ftrace_remove(t);
	if (f) {
		free(f->instance);
		free(f);
		t->tier = NULL;
	}
	track_deallocate(t);
}

const struct track_ops track_ftrace_ops = {
	.tier = TRACK_FTRACE,
	.start = ftrace_start,
	.check = ftrace_check,
	.drain = ftrace_drain,
	.leave = ftrace_leave,
	.remove = ftrace_remove,
};
