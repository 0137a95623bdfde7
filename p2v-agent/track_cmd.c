/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent track: try the change tracker on the real disks, or show the one that is in use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/quit.h"
#include "common/text.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/sample_run.h"
#include "p2v-agent/track_show.h"
#include "track/track_refuse.h"

#define SECOND	UINT64_C(1000000)

struct track_config {
	const char *test, *tier, *run_dir;
	bool status, remove, json;
	uint64_t memory;
};

#define OPT(field) offsetof(struct track_config, field)

const struct opt track_opts[] = {
	{ "test", 't', "DURATION", "track the disks for so long (30s, 10m), and show how it went",
	  OPT_STR, OPT(test) },
	{ "status", 's', NULL, "show the tracker that is in use", OPT_FLAG, OPT(status) },
	{ "remove", 0, NULL, "remove the tracker that an agent left that died", OPT_FLAG,
	  OPT(remove) },
	{ "tier", 0, "TIER", "the first way to try: bpf, ftrace, blktrace or none (default bpf)",
	  OPT_STR, OPT(tier) },
	{ "memory", 0, "SIZE", "at most so much for the maps (default a sixteenth of what is free)",
	  OPT_SIZE, OPT(memory) },
	{ "run-dir", 0, "DIR", "where the tracker's pins are (default /run/p2v/track)", OPT_STR,
	  OPT(run_dir) },
	{ "json", 'j', NULL, "print JSON", OPT_FLAG, OPT(json) },
	{ 0 }
};

struct disks {
	struct track_disk *v;
	char **names;		/* of the whole machine, when none were given */
	size_t n;
};

static void disks_done(struct disks *d)
{
	strv_free(d->names);
	free(d->v);
}
DEFINE_CLEANUP_VALUE(struct disks, disks_done)

/* "/dev/sda" and "sda"; in /sys a slash is an exclamation mark, which no name here has. */
static const char *disk_name(const char *arg)
{
	return strncmp(arg, "/dev/", 5) == 0 ? arg + 5 : arg;
}

static int find_disks(const struct sysroot *root, char **args, size_t n, struct disks *d,
		      struct err *err)
{
	int r = 0;

	if (n == 0) {
		r = track_refuse_pick(root, &d->names, err);
		args = d->names;
		while (r == 0 && args[n])
			n++;
	}
	if (r == 0 && n == 0)
		r = err_set(err, ENODEV, "this machine has no disk that could be tracked");
	if (r < 0)
		return r;
	d->v = calloc(n, sizeof(*d->v));
	if (!d->v)
		return err_nomem(err);
	for (; d->n < n && r == 0; d->n++)
		r = track_disk_find(root, disk_name(args[d->n]), &d->v[d->n], err);
	return r;
}

/* A folder of its own, so that a tracker in use is left alone. */
static char *trial_folder(const struct track_config *cfg)
{
	return text_format("%s-test", cfg->run_dir ? cfg->run_dir : TRACK_RUN_DIR);
}

static int trial(const struct track_config *cfg, const struct sysroot *root, char **args, size_t n,
		 enum track_tier first, uint64_t seconds, struct err *err)
{
	CLEANUP(track_free) struct track *t = NULL;
	CLEANUP(mem_free) char *dir = trial_folder(cfg);
	CLEANUP(disks_done) struct disks d = { 0 };
	struct track_options o = { .run_dir = dir, .first = first, .memory = cfg->memory,
				   .trial = true };
	struct track_show show = { .root = root };
	uint64_t begun = sample_run_now();
	int r = dir ? find_disks(root, args, n, &d, err) : err_nomem(err);

	if (r < 0)
		return r;
	o.disks = d.v;
	o.n = d.n;
	r = track_start(&o, &t, err);
	if (r < 0)
		return r;
	log_info("tracking %zu disks by %s", d.n, track_tier_name(track_tier(t)));
	/* A signal ends it early, and what was seen is shown. */
	(void)sample_run_wait(begun + seconds * SECOND);
	show.track = t;
	show.seconds = (sample_run_now() - begun) / SECOND;
	return cfg->json ? track_show_json(&show, err) : track_show_text(&show, err);
}

static int status(const struct track_config *cfg, const struct sysroot *root, struct err *err)
{
	CLEANUP(track_leave) struct track *t = NULL;
	struct track_show show = { .root = root, .status = true };
	int r = track_look(cfg->run_dir, &show.owned, &t, err);

	if (r == -ENOENT) {
		err_reset(err);
		return track_show_absent(cfg->json, err);
	}
	if (r < 0)
		return r;
	show.track = t;
	return cfg->json ? track_show_json(&show, err) : track_show_text(&show, err);
}

static int check_config(const struct track_config *cfg, size_t nargs, enum track_tier *ret_first,
			uint64_t *ret_seconds, struct err *err)
{
	if ((cfg->test != NULL) + cfg->status + cfg->remove != 1)
		return err_set(err, EINVAL, "--test DURATION, --status or --remove is wanted");
	if (!cfg->test && nargs > 0)
		return err_set(err, EINVAL, "only --test takes disks");
	if (cfg->test && (duration_parse(cfg->test, ret_seconds) < 0 || *ret_seconds == 0 ||
			  *ret_seconds > DURATION_DAY))
		return err_set(err, EINVAL, "--test is 1s to 24h");
	if (cfg->tier && track_tier_parse(cfg->tier, ret_first) < 0)
		return err_set(err, EINVAL, "--tier is bpf, ftrace, blktrace or none");
	return 0;
}

int track_run(int argc, char **argv)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	enum track_tier tier = TRACK_BPF;
	struct track_config cfg = { 0 };
	struct err err = ERR_INIT;
	uint64_t seconds = 0;
	int first, r;

	r = program_parse(&agent_program, "track", argc, argv, &cfg, PROGRAM_ARGS_ANY, &first);
	if (r >= 0)
		return r;
	if (check_config(&cfg, (size_t)(argc - first), &tier, &seconds, &err) < 0)
		return opts_usage_error("p2v-agent", "track", &err);
	r = quit_init(&err);
	if (r == 0)
		r = sysroot_open("/", &root, &err);
	if (r == 0 && cfg.status)
		r = status(&cfg, root, &err);
	else if (r == 0 && cfg.remove)
		r = track_remove(cfg.run_dir, &err);
	else if (r == 0)
		r = trial(&cfg, root, argv + first, (size_t)(argc - first), tier, seconds, &err);
	if (r < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
