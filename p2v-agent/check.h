/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pre-flight as the agent's commands run it: the rules of inventory/preflight/preflight.h on
 * the machine, the disks that were named or opened, and the keys that were given.
 */
#ifndef P2V_AGENT_CHECK_H
#define P2V_AGENT_CHECK_H

#include "common/opts.h"
#include "inventory/preflight/preflight.h"
#include "p2v-agent/source.h"

struct check_config {
	const struct machine *machine;
	const struct source *source;	/* NULL: no disk was opened */
	const struct opt_list *disks;	/* then: PATH[,name=NAME] as the user wrote it; or empty */
	const struct opt_list *force;	/* ids; all known (check_ids) */
	const struct opt_list *keys;	/* DEVICE=FILE */
	bool hot;
	uint64_t rate;			/* bytes a second; 0 not known */
};

/* -EINVAL for an id that no rule has. */
int check_ids(const struct opt_list *ids, struct err *err);
/* -EINVAL for a key or a disk that cannot be meant. Logs what could not be tried. */
int check_run(const struct check_config *cfg, struct preflight_report **ret, struct err *err);
/*
 * Log a report in few words: an error for each finding that blocks, with the option that accepts
 * it; warnings for what degrades; notes with -v. Returns how many block.
 */
size_t check_log(const struct preflight_report *r);

#endif
