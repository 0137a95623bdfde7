/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which services use the CPUs and the memory: one look at the control groups, or at the processes
 * where nobody groups them. Internal to the sampler (sample.h).
 *
 * A look costs a few files per service, or one per process, so it is taken once a minute and not
 * with every sample. Lists are bounded: SAMPLE_SERVICES_MAX names, SAMPLE_SERVICE_PIDS processes.
 */
#ifndef P2V_INVENTORY_SAMPLE_SERVICE_H
#define P2V_INVENTORY_SAMPLE_SERVICE_H

#include "inventory/load/sample.h"

#define SAMPLE_SERVICE_PIDS	8192

struct sample_service_state;

int sample_service_new(const struct sysroot *root, struct sample_service_state **ret);
void sample_service_free(struct sample_service_state *s);
DEFINE_CLEANUP(struct sample_service_state *, sample_service_free)
/* 0 or -ENOMEM. The list is the state's own until the next look, the busiest first. */
int sample_service_look(struct sample_service_state *s, uint64_t now_us,
			struct sample_service **ret, size_t *ret_n, uint64_t *ret_elapsed_us);

#endif
