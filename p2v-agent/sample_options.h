/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options by which a subcommand is told of the machine's load: inventory and plan have them. */
#ifndef P2V_AGENT_SAMPLE_OPTIONS_H
#define P2V_AGENT_SAMPLE_OPTIONS_H

#include "inventory/load/sizing.h"

/* What the options of a subcommand say of it; all NULL: nobody asked. */
struct sample_options {
	const char *sample, *ring, *charts;
	uint64_t seconds;		/* of sample; sample_options_check() fills it */
};
/* -EINVAL, with the words for a usage error. */
int sample_options_check(struct sample_options *o, struct err *err);
/* *ret stays NULL when nobody asked. sysroot NULL: this machine. m must outlive *ret. */
int sample_options_run(const struct sample_options *o, const char *sysroot,
		       const struct machine *m, struct sizing **ret, struct err *err);

#endif
