/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent medium: what the kernel command line of the bootable medium asks for, and doing it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/fdio.h"
#include "common/log.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/medium/medium.h"
#include "p2v-agent/output.h"

struct medium_config {
	const char *cmdline, *identity, *plan;
	bool settings, convert;
};

#define OPT(field) offsetof(struct medium_config, field)

const struct opt medium_opts[] = {
	{ "settings", 's', NULL, "print what the medium's scripts need, as NAME=VALUE lines",
	  OPT_FLAG, OPT(settings) },
	{ "convert", 'c', NULL, "do the conversion that is asked for", OPT_FLAG, OPT(convert) },
	{ "identity", 'i', "KEY", "private key file to log in with, and never ask", OPT_STR,
	  OPT(identity) },
	{ "plan", 'p', "FILE", "where a plan goes, if one is needed (default /run/p2v/plan.json)",
	  OPT_STR, OPT(plan) },
	{ "cmdline", 0, "FILE", "read the words from FILE (default /proc/cmdline)", OPT_STR,
	  OPT(cmdline) },
	{ 0 }
};

static int read_cmdline(const struct medium_config *cfg, struct medium_cmdline *ret,
			struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r = fdio_read_file(cfg->cmdline ? cfg->cmdline : "/proc/cmdline",
			       MEDIUM_CMDLINE_MAX + 1, &text, &len, err);

	if (r >= 0)
		r = medium_cmdline_parse(text, ret, err);
	for (size_t i = 0; r >= 0 && i < ret->notes.n; i++)
		log_warning("%s", ret->notes.v[i]);
	return r;
}

static int print_settings(const struct medium_cmdline *c, struct err *err)
{
	CLEANUP(mem_free) char *text = medium_settings(c);

	return text ? output_text(NULL, text, err) : err_nomem(err);
}

static int write_plan(const struct medium_cmdline *c, const char *path, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *text = NULL;
	int r = machine_source_load(NULL, NULL, &m, err);

	if (r >= 0)
		r = medium_plan(c, m, err);
	if (r >= 0)
		r = plan_dump(m, &text, err);
	return r < 0 ? r : output_text(path, text, err);
}

/* Returns cold's exit status, or -errno. */
static int convert(const struct medium_config *cfg, const struct medium_cmdline *c,
		   struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv args = { 0 };
	CLEANUP(mem_free) char **argv = NULL;
	const char *plan = cfg->plan ? cfg->plan : "/run/p2v/plan.json";
	bool planned = medium_cmdline_wants_plan(c);
	int r = medium_arguments(c, cfg->identity, planned ? plan : NULL, &args, err);

	if (r == 0 && planned)
		r = write_plan(c, plan, err);
	if (r < 0)
		return r;
	/* getopt moves what it reads, and an argv ends with NULL. */
	argv = calloc(args.n + 1, sizeof(*argv));
	if (!argv)
		return err_nomem(err);
	memcpy(argv, args.v, args.n * sizeof(*argv));
	return cold_run((int)args.n, argv);
}

int medium_run(int argc, char **argv)
{
	CLEANUP(medium_cmdline_done) struct medium_cmdline c = { 0 };
	struct medium_config cfg = { 0 };
	struct err err = ERR_INIT;
	int r;

	r = program_parse(&agent_program, "medium", argc, argv, &cfg, 0, NULL);
	if (r >= 0)
		return r;
	if (cfg.settings == cfg.convert) {
		(void)err_set(&err, EINVAL, "one of --settings and --convert is wanted");
		return opts_usage_error(agent_program.name, "medium", &err);
	}
	r = read_cmdline(&cfg, &c, &err);
	if (r >= 0)
		r = cfg.settings ? print_settings(&c, &err) : convert(&cfg, &c, &err);
	if (r < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return r;
}
