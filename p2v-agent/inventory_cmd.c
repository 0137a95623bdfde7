/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent inventory: what this machine is. */
#include <string.h>

#include "common/fdio.h"
#include "common/log.h"
#include "inventory/machine_json.h"
#include "inventory/summary.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"

struct inventory_config {
	bool json;
	const char *sysroot, *output;
};

const struct opt inventory_opts[] = {
	{ "json", 'j', NULL, "print the machine as JSON instead of a summary", OPT_FLAG,
	  offsetof(struct inventory_config, json) },
	{ "sysroot", 0, "DIR", "inventory the recorded machine below DIR instead of this one",
	  OPT_STR, offsetof(struct inventory_config, sysroot) },
	{ "output", 'o', "FILE", "write to FILE (replaced atomically) instead of standard output",
	  OPT_STR, offsetof(struct inventory_config, output) },
	{ 0 }
};

static int inventory(const struct inventory_config *cfg, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *text = NULL;
	int r;

	r = machine_source_load(cfg->sysroot, NULL, &m, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->warnings.n; i++)
		log_warning("%s", m->warnings.v[i]);
	if (cfg->json) {
		r = machine_json_dump(m, &text, err);
		if (r < 0)
			return r;
	} else {
		text = summary_text(m);
		if (!text)
			return err_nomem(err);
	}
	if (cfg->output)
		return fdio_replace_file(cfg->output, text, strlen(text), 0600, err);
	r = fdio_write_full(1, text, strlen(text));
	return r < 0 ? err_code(err, -r, "cannot write to standard output") : 0;
}

int inventory_run(int argc, char **argv)
{
	struct inventory_config cfg = { 0 };
	struct err err = ERR_INIT;
	int r;

	r = program_parse(&agent_program, "inventory", argc, argv, &cfg, 0, NULL);
	if (r >= 0)
		return r;
	r = inventory(&cfg, &err);
	if (r < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
