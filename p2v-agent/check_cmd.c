/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent check: what would go wrong with the conversion, told before a byte is copied. */
#include <errno.h>
#include <string.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "p2v-agent/check.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"

struct check_options {
	bool json, hot, no_map, list, document;
	struct opt_list disks, force, keys;
	const char *sysroot, *machine;
	uint64_t rate;
};

#define OPT(field) offsetof(struct check_options, field)

const struct opt check_opts[] = {
	{ "json", 'j', NULL, "print the findings as JSON", OPT_FLAG, OPT(json) },
	{ "disk", 'd', "PATH[,name=NAME]",
	  "disk or image file that would be copied; repeatable (default: every fixed disk)",
	  OPT_LIST, OPT(disks) },
	{ "machine", 'm', "FILE", "check the machine of an inventory made earlier", OPT_STR,
	  OPT(machine) },
	{ "sysroot", 0, "DIR", "check the recorded machine below DIR", OPT_STR, OPT(sysroot) },
	{ "hot", 0, NULL, "the machine would run on while it is copied", OPT_FLAG, OPT(hot) },
	{ "key", 'k', "DEVICE=FILE", "try this key on an encrypted device; -: ask; repeatable",
	  OPT_LIST, OPT(keys) },
	{ "force", 'f', "ID", "accept the finding with this id; repeatable", OPT_LIST, OPT(force) },
	{ "rate", 'r', "SIZE", "bytes a second of the link, for the time it takes", OPT_SIZE,
	  OPT(rate) },
	{ "no-map", 0, NULL, "do not look how much of the disks is used", OPT_FLAG, OPT(no_map) },
	{ "list", 'l', NULL, "list what is looked for, and do not look", OPT_FLAG, OPT(list) },
	{ "document", 0, NULL, "print docs/preflight.md", OPT_FLAG, OPT(document) },
	{ 0 }
};

static int print(char *text, struct err *err)
{
	int r;

	if (!text)
		return err_nomem(err);
	r = fdio_write_full(1, text, strlen(text));
	free(text);
	return r < 0 ? err_code(err, -r, "cannot write to standard output") : 0;
}

static int print_rules(const struct check_options *opt, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	int r;

	if (opt->document)
		return print(preflight_document(), err);
	if (!opt->json)
		return print(preflight_list(), err);
	r = preflight_rules_to_json(&j, err);
	return r < 0 ? r : print(jsonx_dump(j), err);
}

static int check_options(const struct check_options *opt, struct err *err)
{
	if (opt->sysroot && opt->machine)
		return err_set(err, EINVAL, "--sysroot and --machine exclude each other");
	if (opt->list && opt->document)
		return err_set(err, EINVAL, "--list and --document exclude each other");
	for (size_t i = 0; i < opt->keys.n; i++) {
		const char *equals = strchr(opt->keys.v[i], '=');

		if (!equals || equals == opt->keys.v[i] || !equals[1])
			return err_set(err, EINVAL, "--key wants DEVICE=FILE, not %s",
				       opt->keys.v[i]);
	}
	return check_ids(&opt->force, err);
}

/* The disks themselves, where they can be had: this machine's, or images of a recorded one's. */
static int open_disks(const struct check_options *opt, const struct machine *m,
		      struct source **ret, struct err *err)
{
	bool live = !opt->sysroot && !opt->machine;
	struct err why = ERR_INIT;
	int r;

	if (!live && (opt->disks.n == 0 || opt->no_map))
		return 0;
	r = source_open(&opt->disks, m, opt->no_map, ret, &why);
	/* Without the right to read them, the inventory still tells most of it. */
	if (r < 0 && r != -ENOMEM && live && opt->disks.n == 0) {
		log_warning("how much is used, and whether somebody writes to it, is not known: %s",
			    why.text);
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static int check(const struct check_options *opt, size_t *ret_blocking, struct err *err)
{
	CLEANUP(preflight_report_free) struct preflight_report *report = NULL;
	CLEANUP(source_free) struct source *source = NULL;
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(json_unref) json_t *j = NULL;
	struct check_config cfg = { .disks = &opt->disks, .force = &opt->force,
				    .keys = &opt->keys, .hot = opt->hot, .rate = opt->rate };
	int r = machine_source_load(opt->sysroot, opt->machine, &m, err);

	if (r >= 0)
		r = open_disks(opt, m, &source, err);
	if (r < 0)
		return r;
	cfg.machine = m;
	cfg.source = source;
	r = check_run(&cfg, &report, err);
	if (r < 0)
		return r;
	*ret_blocking = preflight_blocking(report);
	if (!opt->json)
		return print(preflight_text(report), err);
	r = preflight_to_json(report, &j, err);
	return r < 0 ? r : print(jsonx_dump(j), err);
}

int check_cmd_run(int argc, char **argv)
{
	struct check_options opt = { 0 };
	struct err err = ERR_INIT;
	size_t blocking = 0;
	int r;

	r = program_parse(&agent_program, "check", argc, argv, &opt, 0, NULL);
	if (r >= 0)
		goto out;
	if (check_options(&opt, &err) < 0) {
		r = opts_usage_error(agent_program.name, "check", &err);
		goto out;
	}
	r = opt.list || opt.document ? print_rules(&opt, &err) : check(&opt, &blocking, &err);
	if (r < 0)
		log_err(&err);
	r = r < 0 ? EXIT_FAILED : blocking ? EXIT_REFUSED : EXIT_DONE;
out:
	opt_list_done(&opt.disks);
	opt_list_done(&opt.force);
	opt_list_done(&opt.keys);
	return r;
}
