/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent sample: keep days of this machine's load in a ring, in the background. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/quit.h"
#include "common/size.h"
#include "inventory/load/sample_ring.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/sample_run.h"

#define SECOND		UINT64_C(1000000)
#define PER_RECORD	12u

struct sample_config {
	const char *ring, *sysroot;
	uint64_t interval, days;
};

#define OPT(field) offsetof(struct sample_config, field)

const struct opt sample_opts[] = {
	{ "ring", 'r', "FILE", "the ring; made when it is not there, at its full size", OPT_STR,
	  OPT(ring) },
	{ "interval", 'i', "SECONDS", "time that a record stands for (default 60)", OPT_U64,
	  OPT(interval) },
	{ "days", 'd', "N", "days that a new ring holds (default 7)", OPT_U64, OPT(days) },
	{ "sysroot", 0, "DIR", "sample the machine below DIR instead of this one", OPT_STR,
	  OPT(sysroot) },
	{ 0 }
};

static int check_config(const struct sample_config *cfg, struct err *err)
{
	if (!cfg->ring)
		return err_set(err, EINVAL, "--ring FILE is wanted");
	if (cfg->interval > SAMPLE_RING_INTERVAL_MAX)
		return err_set(err, EINVAL, "--interval is 1 to %u seconds",
			       SAMPLE_RING_INTERVAL_MAX);
	if (cfg->days > SAMPLE_RING_DAYS_MAX)
		return err_set(err, EINVAL, "--days is 1 to %u", SAMPLE_RING_DAYS_MAX);
	return 0;
}

struct recorder {
	struct sampler *sampler;
	struct sample_window *window;
	struct sample_ring *ring;
	uint8_t boot_id[16];
	bool left_out;			/* it was said */
	bool failing;			/* the last record could not be written, and it was said */
};

/* A record that cannot be written is lost; the next may find the trouble gone. */
static void keep(struct recorder *rec)
{
	struct sample_record *r;
	struct err err = ERR_INIT;

	if (sample_window_count(rec->window) == 0)
		return;
	r = sample_window_take(rec->window);
	r->time = (uint64_t)time(NULL);
	memcpy(r->boot_id, rec->boot_id, sizeof(r->boot_id));
	if (sample_ring_append(rec->ring, r, &err) < 0) {
		if (!rec->failing)
			log_warning("%s; recording goes on", err.text);
		rec->failing = true;
		return;
	}
	if (rec->failing)
		log_notice("records are written again");
	rec->failing = false;
	if (sample_ring_left_out(rec->ring) > 0 && !rec->left_out) {
		log_warning("the ring has no place for %zu of the disks and NICs; a new ring would",
			    sample_ring_left_out(rec->ring));
		rec->left_out = true;
	}
}

static int record(struct recorder *rec, struct err *err)
{
	uint64_t interval = sample_ring_interval(rec->ring) * SECOND;
	uint64_t tick = MIN(MAX(interval / PER_RECORD, SECOND), 60 * SECOND);
	uint64_t at = sample_run_now(), kept = at;
	const struct sample *s;
	int r = sample_take(rec->sampler, at, true, &s, err);

	while (r == 0 && sample_run_wait(at + tick)) {
		uint64_t now = sample_run_now();
		bool last;

		/* In step with the clock, unless the machine slept. */
		at = now - at > 2 * tick ? now : at + tick;
		last = at + tick / 2 >= kept + interval ||
		       sample_window_count(rec->window) == SAMPLE_WINDOW_SAMPLES - 1;
		r = sample_take(rec->sampler, now, last, &s, err);
		if (r == 0 && sample_window_add(rec->window, s) < 0)
			r = err_nomem(err);
		if (r == 0 && last) {
			keep(rec);
			kept = at;
		}
	}
	if (r < 0)
		return r;
	keep(rec);
	return sample_ring_sync(rec->ring, err);
}

static int run(const struct sample_config *cfg, struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(sample_close) struct sampler *sampler = NULL;
	CLEANUP(sample_window_free) struct sample_window *window = NULL;
	CLEANUP(sample_ring_free) struct sample_ring *ring = NULL;
	struct sample_ring_options o = { .days = (uint32_t)cfg->days,
					 .interval = (uint32_t)cfg->interval };
	struct recorder rec = { 0 };
	const struct sample *s;
	char size[SIZE_TEXT_MAX];
	int r;

	r = sysroot_open(cfg->sysroot ? cfg->sysroot : "/", &root, err);
	if (r == 0)
		r = sample_open(root, &sampler, err);
	/* One to see how many devices there are. */
	if (r == 0)
		r = sample_take(sampler, sample_run_now(), false, &s, err);
	if (r < 0)
		return r;
	o.ndisks = s->ndisks;
	o.nnics = s->nnics;
	r = sample_ring_create(cfg->ring, &o, &ring, err);
	if (r < 0)
		return r;
	if (sample_window_new(&window) < 0)
		return err_nomem(err);
	rec.sampler = sampler;
	rec.window = window;
	rec.ring = ring;
	sample_boot_id(root, rec.boot_id);
	log_info("recording to %s: %s, %" PRIu32 " records, one every %" PRIu32 " s", cfg->ring,
		 size_format(sample_ring_size(ring), size), sample_ring_capacity(ring),
		 sample_ring_interval(ring));
	return record(&rec, err);
}

int sample_run(int argc, char **argv)
{
	struct sample_config cfg = { 0 };
	struct err err = ERR_INIT;
	int r;

	r = program_parse(&agent_program, "sample", argc, argv, &cfg, 0, NULL);
	if (r >= 0)
		return r;
	if (check_config(&cfg, &err) < 0)
		return opts_usage_error("p2v-agent", "sample", &err);
	r = quit_init(&err);
	if (r == 0)
		r = run(&cfg, &err);
	if (r < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
