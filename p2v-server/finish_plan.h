/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is decided for one run of finish: the options, then the plan in force, then the defaults.
 *
 *	finish --plan FILE --> plan.json in the job --+
 *	           machine.json's plan, else ---------+--> decisions <-- options
 *
 * The machine's description is always machine.json's: what a plan file says of the machine itself
 * only serves to check it.
 */
#ifndef P2V_SERVER_FINISH_PLAN_H
#define P2V_SERVER_FINISH_PLAN_H

#include "common/cleanup.h"
#include "convert/vmspec.h"
#include "p2v-server/finish.h"
#include "postfix/fix.h"

struct finish_plan {
	const char *name;		/* of the domain */
	uint64_t memory;		/* 0, unknown: the machine's */
	uint32_t vcpus;
	enum machine_firmware_type firmware;
	uint64_t *sizes;		/* by image: of the virtual disk, the image's or more */
	const char **buses;		/* by image; NULL: the guest's best */
	struct vmspec_map *maps;
	size_t nmaps;
	struct vmspec_model *models;
	size_t nmodels;
	struct vmspec_mac *macs;
	size_t nmacs;
	struct fix_nic_change *nics;	/* what is to be different in the guest */
	size_t nnics;
	struct machine_strv *ips;	/* by nics: what their addresses point into */
	bool flatten;
	const char **skip;		/* ids of fixes, NULL-terminated; NULL: none */
};

/*
 * Lay the plan in force over m, the job's machine, and take the decisions from it and from the
 * options; what is borrowed stays theirs. A plan file (opt->plan) that is good is kept in the job,
 * unless it is a dry run. -EBADMSG with the line for a plan that is not; -EDOM for --ip, --mac or
 * --bond that make no sense for this machine.
 */
int finish_plan_make(struct finish_plan *p, const struct job *j, struct machine *m,
		     const struct finish_options *opt, struct err *err);
void finish_plan_done(struct finish_plan *p);
DEFINE_CLEANUP_VALUE(struct finish_plan, finish_plan_done)

#endif
