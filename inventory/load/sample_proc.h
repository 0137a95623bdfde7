/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The texts of /proc that a sample is made of, parsed: proc(5) and the kernel's
 * Documentation/filesystems/proc.rst, admin-guide/iostats.rst, accounting/psi.rst. Pure. Text may
 * be anything: a line that is not understood is passed over, and a number that does not fit is as
 * if it were not there (SAMPLE_NONE, or the line is left out).
 */
#ifndef P2V_INVENTORY_SAMPLE_PROC_H
#define P2V_INVENTORY_SAMPLE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "inventory/load/sample.h"

struct sample_proc_cpu {		/* ticks */
	uint32_t number;
	uint64_t busy, idle, iowait, steal;
};

struct sample_proc_memory {		/* bytes; SAMPLE_NONE: not told */
	uint64_t total, free, buffers, cached, swap_cached, active_file, dirty, writeback, anon,
		shmem, s_reclaimable, s_unreclaim, kernel_stack, page_tables, sec_page_tables,
		percpu, hugetlb, huge_total /* pages */, huge_size, swap_total, swap_free;
};

#define SAMPLE_PROC_DISK 5
struct sample_proc_disk {
	char name[SAMPLE_NAME_MAX];
	/* requests, sectors read, sectors written, ms of requests, ms busy */
	uint64_t counter[SAMPLE_PROC_DISK];
};

#define SAMPLE_PROC_NIC 4
struct sample_proc_nic {
	char name[SAMPLE_NAME_MAX];
	uint64_t counter[SAMPLE_PROC_NIC];	/* bytes and packets received, then sent */
};

/*
 * One line each: from *p, which moves behind it. 1 it was one, 0 it was none, -1 the text is at its
 * end.
 */
int sample_proc_cpu(const char **p, struct sample_proc_cpu *ret);
int sample_proc_disk(const char **p, struct sample_proc_disk *ret);
int sample_proc_nic(const char **p, struct sample_proc_nic *ret);

/* The number behind "KEY " at the start of a line, or SAMPLE_NONE. */
uint64_t sample_proc_key(const char *text, const char *key);
void sample_proc_meminfo(const char *text, struct sample_proc_memory *ret);
/* Microseconds of "some": total=; SAMPLE_NONE. */
uint64_t sample_proc_pressure(const char *text);
/* The first number of /proc/loadavg in thousandths; SAMPLE_NONE. */
uint64_t sample_proc_loadavg(const char *text);
/*
 * /proc/PID/stat: name (escaped), ticks used in user and kernel mode, start in ticks after the
 * boot, resident pages.
 */
bool sample_proc_pid(const char *text, char name[static SAMPLE_NAME_MAX], uint64_t *ret_ticks,
		     uint64_t *ret_start, uint64_t *ret_rss);

/* The values of a sample that follow from the memory's fields; see sample.h. */
void sample_proc_memory_values(const struct sample_proc_memory *m, uint64_t v[SAMPLE_SERIES]);

#endif
