/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the load comes from that a machine is sized by: watched now for a while, or read from a
 * ring that p2v-agent sample has written.
 */
#ifndef P2V_AGENT_SAMPLE_RUN_H
#define P2V_AGENT_SAMPLE_RUN_H

#include "common/sysroot.h"
#include "inventory/load/sizing.h"

/* Microseconds of a clock that does not jump. */
uint64_t sample_run_now(void);
/* Wait until then, or until a signal came (common/quit.h): false. */
bool sample_run_wait(uint64_t until_us);
/*
 * Sample for so many seconds, with progress on stderr; a signal ends it early, and what there is
 * counts (-ECANCELED when it came before the first sample). m must outlive *ret. quit_init() was
 * called.
 */
int sample_run_for(const struct sysroot *root, const struct machine *m, uint64_t seconds,
		   struct sizing **ret, struct err *err);
/* -ENODATA when the ring holds no record. */
int sample_run_ring(const char *path, const struct machine *m, struct sizing **ret,
		    struct err *err);
/* cpu.svg, memory.svg, disk-NAME.svg, nic-NAME.svg, in a folder that is made when missing. */
int sample_run_charts(const struct sizing *s, const char *dir, struct err *err);

#endif
