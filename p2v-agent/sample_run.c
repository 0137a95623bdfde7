/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/sample_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/fdio.h"
#include "common/log.h"
#include "common/quit.h"
#include "common/text.h"
#include "inventory/load/chart.h"
#include "inventory/load/sample_ring.h"

#define SECOND		UINT64_C(1000000)
#define SHORT		UINT64_C(600)	/* seconds: up to here every sample is a record */
#define PER_RECORD	12u
#define SERVICES	(30 * SECOND)	/* between two looks at them */

static uint64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t sample_run_now(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

bool sample_run_wait(uint64_t until_us)
{
	struct pollfd p = { .fd = quit_fd(), .events = POLLIN };

	while (!quit_requested()) {
		uint64_t now = sample_run_now(), left;

		if (now >= until_us)
			return true;
		left = DIV_ROUND_UP(until_us - now, 1000);
		poll(&p, 1, (int)MIN(left, UINT64_C(60000)));
	}
	return false;
}

struct run {
	struct sampler *sampler;
	struct sample_window *window;
	struct sizing *sizing;
	uint8_t boot_id[16];
	uint64_t cost_us, samples;	/* CPU time that sampling took */
	bool bar;
};

static void show(const struct run *run, uint64_t done, uint64_t seconds)
{
	char a[DURATION_TEXT_MAX], b[DURATION_TEXT_MAX];

	if (run->bar)
		dprintf(2, "\rsampling: %s of %s\033[K", duration_format(done, a),
			duration_format(seconds, b));
}

static int take(struct run *run, bool services, const struct sample **ret, struct err *err)
{
	uint64_t before = clock_us(CLOCK_THREAD_CPUTIME_ID);
	int r = sample_take(run->sampler, sample_run_now(), services, ret, err);

	run->cost_us += clock_us(CLOCK_THREAD_CPUTIME_ID) - before;
	run->samples++;
	return r;
}

static int finish_record(struct run *run, struct err *err)
{
	struct sample_record *rec;

	if (sample_window_count(run->window) == 0)
		return 0;
	rec = sample_window_take(run->window);
	rec->time = (uint64_t)time(NULL);
	memcpy(rec->boot_id, run->boot_id, sizeof(rec->boot_id));
	return sizing_add(run->sizing, rec) < 0 ? err_nomem(err) : 0;
}

static int watch(struct run *run, uint64_t seconds, struct err *err)
{
	uint64_t tick = MIN(MAX(seconds / SHORT, UINT64_C(1)), UINT64_C(5)) * SECOND;
	uint64_t begin = sample_run_now(), end = begin + seconds * SECOND, looked = begin;
	uint64_t looks = MIN(SERVICES, MAX(seconds * SECOND / 2, SECOND));
	size_t per_record = seconds <= SHORT ? 1 : PER_RECORD;
	const struct sample *s;
	/* The first gives counters to begin from, and no values. */
	int r = take(run, true, &s, err);

	for (uint64_t at = begin; r == 0 && at < end && !quit_requested();) {
		uint64_t last = at, now;
		bool services;

		at = MIN(at + tick, end);
		show(run, (at - begin) / SECOND, seconds);
		/* Ended early: what has passed counts, unless it is too little for a rate. */
		if (!sample_run_wait(at) && sample_run_now() < last + SECOND / 2)
			break;
		now = sample_run_now();
		/* Stopped for a while: what was missed is missed. */
		if (now > at + 10 * tick)
			at = MIN(now, end);
		services = at - looked >= looks || at == end || quit_requested();
		looked = services ? at : looked;
		r = take(run, services, &s, err);
		if (r == 0 && sample_window_add(run->window, s) < 0)
			r = err_nomem(err);
		if (r == 0 && sample_window_count(run->window) >= per_record)
			r = finish_record(run, err);
	}
	if (run->bar)
		dprintf(2, "\r\033[K");
	return r < 0 ? r : finish_record(run, err);
}

int sample_run_for(const struct sysroot *root, const struct machine *m, uint64_t seconds,
		   struct sizing **ret, struct err *err)
{
	CLEANUP(sample_close) struct sampler *sampler = NULL;
	CLEANUP(sample_window_free) struct sample_window *window = NULL;
	CLEANUP(sizing_free) struct sizing *sizing = NULL;
	struct run run = { .bar = isatty(2) && log_get_level() >= LOG_LEVEL_NOTICE };
	char time_text[DURATION_TEXT_MAX];
	int r;

	r = sample_open(root, &sampler, err);
	if (r < 0)
		return r;
	if (sample_window_new(&window) < 0 || sizing_new(m, &sizing) < 0)
		return err_nomem(err);
	run.sampler = sampler;
	run.window = window;
	run.sizing = sizing;
	sample_boot_id(root, run.boot_id);
	log_notice("sampling the load for %s; Control-C ends it early",
		   duration_format(seconds, time_text));
	r = watch(&run, seconds, err);
	if (r < 0)
		return r;
	if (sizing->records == 0)
		return err_set(err, ECANCELED, "ended before the first sample");
	log_info("%" PRIu64 " samples took %" PRIu64 " us of CPU time each", run.samples,
		 run.cost_us / run.samples);
	sizing_sort(sizing);
	*ret = TAKE_PTR(sizing);
	return 0;
}

int sample_run_ring(const char *path, const struct machine *m, struct sizing **ret,
		    struct err *err)
{
	CLEANUP(sample_ring_free) struct sample_ring *ring = NULL;
	CLEANUP(sizing_free) struct sizing *sizing = NULL;
	const struct sample_record *rec;
	int r;

	r = sample_ring_open(path, &ring, err);
	if (r < 0)
		return r;
	if (sizing_new(m, &sizing) < 0)
		return err_nomem(err);
	while ((r = sample_ring_next(ring, &rec, &sizing->bad, err)) > 0)
		if (sizing_add(sizing, rec) < 0)
			return err_nomem(err);
	if (r < 0)
		return r;
	if (sizing->records == 0)
		return err_set(err, ENODATA, "%s holds no record yet", path);
	sizing_sort(sizing);
	*ret = TAKE_PTR(sizing);
	return 0;
}

static int write_chart(const char *dir, const char *kind, const char *name, char *svg,
		       struct err *err)
{
	CLEANUP(mem_free) char *text = svg, *path = NULL;
	char safe[TEXT_NAME_MAX + 1] = "";

	if (name)
		text_name_make(name, safe);
	path = text_format("%s/%s%s%s.svg", dir, kind, name ? "-" : "", safe);
	if (!text || !path)
		return err_nomem(err);
	return fdio_replace_file(path, text, strlen(text), 0644, err);
}

int sample_run_charts(const struct sizing *s, const char *dir, struct err *err)
{
	int r = fdio_mkdir_p(dir, 0755, err);

	if (r < 0)
		return r;
	r = write_chart(dir, "cpu", NULL, chart_cpu(s), err);
	if (r == 0)
		r = write_chart(dir, "memory", NULL, chart_memory(s), err);
	for (size_t i = 0; i < s->ndisks && r == 0; i++)
		r = write_chart(dir, "disk", s->disks[i].name, chart_disk(s, &s->disks[i]), err);
	for (size_t i = 0; i < s->nnics && r == 0; i++)
		r = write_chart(dir, "nic", s->nics[i].name, chart_nic(s, &s->nics[i]), err);
	return r;
}
