/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent inventory: what this machine is, and on request what it does. */
#include <errno.h>
#include <string.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/text.h"
#include "inventory/machine_json.h"
#include "inventory/summary/summary.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/output.h"
#include "p2v-agent/sample_options.h"

struct inventory_config {
	bool json, systems;
	const char *sysroot, *image, *output;
	struct sample_options load;
};

const struct opt inventory_opts[] = {
	{ "json", 'j', NULL, "print the machine as JSON instead of a summary", OPT_FLAG,
	  offsetof(struct inventory_config, json) },
	{ "sysroot", 0, "DIR", "inventory the recorded machine below DIR instead of this one",
	  OPT_STR, offsetof(struct inventory_config, sysroot) },
	{ "systems", 0, NULL, "look for all systems that are installed on the disks, read-only",
	  OPT_FLAG, offsetof(struct inventory_config, systems) },
	{ "image", 0, "FILE", "show what is on a raw image of a disk, and the systems in it",
	  OPT_STR, offsetof(struct inventory_config, image) },
	{ "output", 'o', "FILE", "write to FILE (replaced atomically) instead of standard output",
	  OPT_STR, offsetof(struct inventory_config, output) },
	{ "sample", 0, "DURATION",
	  "watch the load for so long (30s, 10m, 2h) and recommend sizes", OPT_STR,
	  offsetof(struct inventory_config, load.sample) },
	{ "sample-ring", 0, "FILE", "recommend sizes by the load that p2v-agent sample recorded",
	  OPT_STR, offsetof(struct inventory_config, load.ring) },
	{ "charts", 0, "DIR", "write a chart (SVG) of the load of each resource into DIR", OPT_STR,
	  offsetof(struct inventory_config, load.charts) },
	{ 0 }
};

static int check_config(struct inventory_config *cfg, struct err *err)
{
	if (cfg->image && (cfg->sysroot || cfg->systems || cfg->load.sample || cfg->load.ring))
		return err_set(err, EINVAL,
			       "--image goes with --json and --output only");
	return sample_options_check(&cfg->load, err);
}

static int make_json(const struct machine *m, const struct sizing *s, char **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *root = NULL, *sizing = NULL;
	int r;

	if (!s)
		return machine_json_dump(m, ret, err);
	r = machine_to_json(m, &root, err);
	if (r == 0)
		r = sizing_json(s, &sizing, err);
	if (r < 0)
		return r;
	if (json_object_set(root, "sizing", sizing) < 0)
		return err_nomem(err);
	*ret = jsonx_dump(root);
	return *ret ? 0 : err_nomem(err);
}

static int make_text(const struct machine *m, const struct sizing *s, char **ret, struct err *err)
{
	CLEANUP(mem_free) char *summary = summary_text(m), *load = s ? sizing_text(s) : NULL;

	if (!summary || (s && !load))
		return err_nomem(err);
	*ret = load ? text_format("%s\n%s", summary, load) : TAKE_PTR(summary);
	return *ret ? 0 : err_nomem(err);
}

static int inventory(const struct inventory_config *cfg, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(sizing_free) struct sizing *s = NULL;
	CLEANUP(mem_free) char *text = NULL;
	int r;

	r = cfg->image ? machine_source_image(cfg->image, &m, err) :
			 machine_source_collect(cfg->sysroot, cfg->systems, &m, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->warnings.n; i++)
		log_warning("%s", m->warnings.v[i]);
	r = sample_options_run(&cfg->load, cfg->sysroot, m, &s, err);
	if (r == 0)
		r = cfg->json ? make_json(m, s, &text, err) : make_text(m, s, &text, err);
	if (r < 0)
		return r;
	return output_text(cfg->output, text, err);
}

int inventory_run(int argc, char **argv)
{
	struct inventory_config cfg = { 0 };
	struct err err = ERR_INIT;
	int r;

	r = program_parse(&agent_program, "inventory", argc, argv, &cfg, 0, NULL);
	if (r >= 0)
		return r;
	if (check_config(&cfg, &err) < 0)
		return opts_usage_error(agent_program.name, "inventory", &err);
	r = inventory(&cfg, &err);
	if (r < 0) {
		log_err(&err);
		return r == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
	}
	return EXIT_DONE;
}
