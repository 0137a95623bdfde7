/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent plan: the decisions of a conversion as a file, made and checked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/text.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/output.h"
#include "p2v-agent/plan_source.h"
#include "p2v-agent/sample_options.h"

struct plan_config {
	const char *name, *sysroot, *machine, *output, *check;
	bool schema;
	struct sample_options load;
};

#define OPT(field) offsetof(struct plan_config, field)

const struct opt plan_opts[] = {
	{ "name", 'n', "NAME",
	  "name of the job and of the virtual machine (default: the host name)", OPT_STR,
	  OPT(name) },
	{ "machine", 'm', "FILE", "plan for the machine of an inventory made earlier", OPT_STR,
	  OPT(machine) },
	{ "sysroot", 0, "DIR", "plan for the recorded machine below DIR", OPT_STR, OPT(sysroot) },
	{ "output", 'o', "FILE", "write to FILE (replaced atomically) instead of standard output",
	  OPT_STR, OPT(output) },
	{ "sample", 0, "DURATION", "watch the load for so long (30s, 10m, 2h) and size by it",
	  OPT_STR, OPT(load.sample) },
	{ "sample-ring", 0, "FILE", "size by the load that p2v-agent sample recorded", OPT_STR,
	  OPT(load.ring) },
	{ "check", 0, "FILE", "look whether the plan in FILE is good, and say so", OPT_STR,
	  OPT(check) },
	{ "schema", 0, NULL, "print the JSON Schema of plans", OPT_FLAG, OPT(schema) },
	{ 0 }
};

static int check_config(struct plan_config *cfg, struct err *err)
{
	if ((cfg->check || cfg->schema) && (cfg->load.sample || cfg->load.ring))
		return err_set(err, EINVAL, "a load goes with a plan that is made");
	if (cfg->machine && cfg->load.sample)
		return err_set(err, EINVAL, "the load of another machine cannot be watched: "
					    "--sample-ring has it");
	if (cfg->check && (cfg->name || cfg->machine || cfg->sysroot || cfg->output || cfg->schema))
		return err_set(err, EINVAL, "--check goes alone");
	if (cfg->schema && (cfg->name || cfg->machine || cfg->sysroot))
		return err_set(err, EINVAL, "--schema is of no machine: it goes alone, or with "
					    "--output");
	if (cfg->machine && cfg->sysroot)
		return err_set(err, EINVAL, "--sysroot and --machine exclude each other");
	if (cfg->name && !text_name_valid(cfg->name))
		return err_set(err, EINVAL,
			       "--name %s: 1 to %d letters, digits, dots, dashes or underscores",
			       cfg->name, TEXT_NAME_MAX);
	return sample_options_check(&cfg->load, err);
}

/* The recommendations, and the sizes they recommend: whoever edits the plan may know better. */
static int size_plan(const struct plan_config *cfg, struct machine *m, struct err *err)
{
	CLEANUP(sizing_free) struct sizing *s = NULL;
	int r = sample_options_run(&cfg->load, cfg->sysroot, m, &s, err);

	if (r < 0 || !s)
		return r;
	if (sizing_advise(s, &m->plan->advice, &m->plan->nadvice) < 0)
		return err_nomem(err);
	if (sizing_advise_vcpus(s) > 0)
		m->plan->vcpus = (uint32_t)sizing_advise_vcpus(s);
	if (sizing_advise_memory(s) > 0)
		m->plan->memory = sizing_advise_memory(s);
	return 0;
}

static int check(const char *path, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r = plan_source_read(path, &m, err);

	if (r >= 0)
		puts("ok");
	return r;
}

static int schema_text(char **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	int r = plan_schema(&j, err);

	if (r < 0)
		return r;
	*ret = jsonx_dump(j);
	return *ret ? 0 : err_nomem(err);
}

static int plan_text(const struct plan_config *cfg, char **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	char name[TEXT_NAME_MAX + 1];
	int r = machine_source_load(cfg->sysroot, cfg->machine, &m, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < m->warnings.n; i++)
		log_warning("%s", m->warnings.v[i]);
	text_name_make(cfg->name ? cfg->name : m->hostname ? m->hostname : "machine", name);
	r = plan_make(m, name, err);
	if (r == -EEXIST)
		err_hint(err, "it is edited as it is; --check FILE looks whether it is good");
	if (r >= 0)
		r = size_plan(cfg, m, err);
	if (r >= 0)
		r = plan_check(m, err);
	return r < 0 ? r : plan_dump(m, ret, err);
}

static int plan(const struct plan_config *cfg, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	int r;

	if (cfg->check)
		return check(cfg->check, err);
	r = cfg->schema ? schema_text(&text, err) : plan_text(cfg, &text, err);
	return r < 0 ? r : output_text(cfg->output, text, err);
}

int plan_run(int argc, char **argv)
{
	struct plan_config cfg = { 0 };
	struct err err = ERR_INIT;
	int r;

	r = program_parse(&agent_program, "plan", argc, argv, &cfg, 0, NULL);
	if (r >= 0)
		return r;
	if (check_config(&cfg, &err) < 0)
		return opts_usage_error(agent_program.name, "plan", &err);
	r = plan(&cfg, &err);
	if (r < 0) {
		log_err(&err);
		return r == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
	}
	return EXIT_DONE;
}
