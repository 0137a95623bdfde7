/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-agent cold: copy the disks of a machine that nobody writes to.
 *
 *	inventory -> open disks, used-block maps -> pre-flight -> [connect -> pass]* -> result
 */
#include <unistd.h>

#include "common/log.h"
#include "common/quit.h"
#include "p2v-agent/check.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/copy.h"

struct cold_config {
	struct copy_config copy;
	struct opt_list keys;
};

#define OPT(field) offsetof(struct cold_config, field)

const struct opt cold_opts[] = {
	COPY_OPTS(struct cold_config, copy),
	{ "machine", 'm', "FILE", "inventory made earlier, when the disk is not this machine's own",
	  OPT_STR, OPT(copy.machine) },
	{ "sysroot", 0, "DIR", "take the inventory from the recorded machine below DIR", OPT_STR,
	  OPT(copy.sysroot) },
	{ "compressed", 'c', NULL, "store the image compressed, as it came over the wire", OPT_FLAG,
	  OPT(copy.compressed) },
	{ "key", 'k', "DEVICE=FILE",
	  "try this key on an encrypted device before the copy; -: ask; repeatable", OPT_LIST,
	  OPT(keys) },
	{ 0 }
};

struct cold {
	const struct cold_config *cfg;
	struct copy copy;
};

/* What would go wrong, before a byte is sent: -EBUSY when that stops it, and all is said. */
static int preflight(struct cold *cold, bool *ret_consistent, struct err *err)
{
	const struct copy *c = &cold->copy;
	CLEANUP(preflight_report_free) struct preflight_report *report = NULL;
	const struct check_config cfg = { .machine = c->machine, .source = c->source,
					  .disks = &c->cfg->disks, .force = &c->cfg->force,
					  .keys = &cold->cfg->keys };
	int r = check_run(&cfg, &report, err);

	if (r < 0)
		return r;
	*ret_consistent = true;
	for (size_t i = 0; i < c->source->n; i++)
		if (c->source->disks[i].in_use_by)
			*ret_consistent = false;
	if (check_log(report) == 0)
		return 0;
	log_notice("p2v-agent check tells more, and what to do; so does docs/preflight.md");
	return -EBUSY;
}

static int cold(struct cold *c)
{
	CLEANUP(pass_result_done) struct pass_result res = { 0 };
	struct copy *copy = &c->copy;
	struct err err = ERR_INIT;
	bool consistent;
	int r;

	r = quit_init(&err);
	if (r >= 0)
		r = copy_prepare(copy, false, &err);
	if (r >= 0) {
		r = preflight(c, &consistent, &err);
		if (r == -EBUSY)
			return EXIT_REFUSED;
	}
	if (r >= 0) {
		copy_announce(copy);
		r = copy_run(copy, NULL, consistent, NULL, NULL, &res, &err);
	}
	if (r < 0) {
		log_err(&err);
		return r == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
	}
	return copy_conclude(copy, &res);
}

int cold_run(int argc, char **argv)
{
	struct cold_config cfg = { .copy = COPY_CONFIG_INIT };
	struct cold c = { .cfg = &cfg, .copy.cfg = &cfg.copy };
	struct err err = ERR_INIT;
	int status;

	status = program_parse(&agent_program, "cold", argc, argv, &cfg, 0, NULL);
	if (status < 0)
		status = copy_check(&c.copy, &err) < 0
				 ? opts_usage_error(agent_program.name, "cold", &err)
				 : cold(&c);
	copy_done(&c.copy);
	copy_config_done(&cfg.copy);
	opt_list_done(&cfg.keys);
	return status;
}
