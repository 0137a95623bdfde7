/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a virtual machine needs, from what the physical one used: records of its load and its model
 * go in, statistics and recommendations come out. Pure: no I/O, no clock; one thread.
 *
 * The rules, all of which grow with the load (more load never recommends less):
 *
 *	vCPUs	demand = CPUs busy + steal; the larger of p95 + 30 % and p99 + 10 %, in whole CPUs,
 *		from 4 on in steps of 2, at most the CPUs that are on line: each of them is a
 *		hardware thread, and so is a vCPU. A machine at its limit (p95 of 85 % busy, or more
 *		tasks runnable than CPUs) keeps them all: what it would use is not known.
 *	memory	peak working set + 15 %, + p95 of swap in use, + half of p95 of Active(file);
 *		rounded up (256 MiB to 2 GiB, 512 MiB to 8 GiB, 1 GiB to 32 GiB, 4 GiB above), at
 *		most what is installed, unless p95 of swapping in is 64 KiB a second or more.
 *		Working set includes shared memory and the whole pool of huge pages.
 *	disk	virtio-scsi; from 5000 IOPS or 500 MB/s (p99) with an I/O thread of its own; from
 *		20000 IOPS or 1500 MB/s virtio-blk with an I/O thread, and a queue per 10000 IOPS.
 *	NIC	virtio; the speed class is the next one above p99 + 50 %; from 100000 packets or
 *		2 Gbit a second (p99) with a queue per 100000 packets, at least 2, at most 8.
 *
 * The shorter the sample, the more careful: below SIZING_KEEP_S the machine's size is kept; below
 * SIZING_SHORT_S the peak stands for every percentile and Active(file) counts in full; below
 * SIZING_DAY_S the confidence is fair, as nobody saw the night. Percentiles are over time; see
 * histogram.h for their exactness.
 */
#ifndef P2V_INVENTORY_SIZING_H
#define P2V_INVENTORY_SIZING_H

#include <jansson.h>
#include "inventory/load/histogram.h"
#include "inventory/load/sample_window.h"
#include "inventory/machine.h"

#define SIZING_KEEP_S	(10 * 60u)
#define SIZING_SHORT_S	(60 * 60u)
#define SIZING_DAY_S	(24 * 60 * 60u)
#define SIZING_WEEK_S	(7 * 24 * 60 * 60u)
#define SIZING_POINTS	480		/* of a series over time */
#define SIZING_SERVICES	512		/* names that are summed up */

struct sizing_point {
	uint64_t mean, max;
	uint64_t ms;			/* that it stands for; 0: nothing is known */
};

struct sizing_series {
	struct histogram all;
	struct sizing_point at[SIZING_POINTS];
};

struct sizing_device {
	char name[SAMPLE_NAME_MAX];
	struct sizing_series s[SAMPLE_DEVICE_SERIES];
};

struct sizing_service {
	char name[SAMPLE_NAME_MAX];
	uint64_t cpu_ms;		/* of CPU time */
	uint64_t memory;		/* peak, bytes */
};

struct sizing_bin {			/* of time, for all series; ms since 1970 */
	uint64_t from, to, ms;
	bool gap;			/* nothing was recorded right before it */
};

struct sizing {
	const struct machine *machine;
	uint64_t ms;			/* that the records stand for */
	uint64_t from, to;		/* seconds since 1970; 0 none */
	size_t records, bad;		/* bad: set by who reads the ring */
	size_t boots, gaps;
	uint32_t cpus_online;
	uint64_t mem_total, swap_total;
	struct sizing_series v[SAMPLE_SERIES];
	struct sizing_device *disks, *nics;
	size_t ndisks, nnics;
	struct sizing_service *services;/* the busiest first after sizing_sort() */
	size_t nservices;
	struct sizing_bin bins[SIZING_POINTS];
	size_t nbins;
	uint64_t bin_ms;
	uint8_t boot_id[16];
};

/* m must outlive it; NULL: nothing is known of the machine but its load. -ENOMEM. */
int sizing_new(const struct machine *m, struct sizing **ret);
void sizing_free(struct sizing *s);
DEFINE_CLEANUP(struct sizing *, sizing_free)
/* Records in the order of their making. 0 or -ENOMEM. */
int sizing_add(struct sizing *s, const struct sample_record *r);
void sizing_sort(struct sizing *s);		/* services, once all is added */
uint64_t sizing_seconds(const struct sizing *s);
/* "none" (below SIZING_KEEP_S), "low", "fair", "good", "high" (from a week on). */
const char *sizing_confidence(const struct sizing *s);

/* Recommendations for vCPUs, memory, each disk, each NIC, in this order. 0 or -ENOMEM. */
int sizing_advise(const struct sizing *s, struct machine_plan_advice **ret, size_t *ret_n);
void sizing_advise_free(struct machine_plan_advice *v, size_t n);
/* Of a resource ("vcpus", "memory"): the number recommended, 0 none. */
uint64_t sizing_advise_vcpus(const struct sizing *s);
uint64_t sizing_advise_memory(const struct sizing *s);

/* {"sampled": {...}, "statistics": {...}, "services": [...], "advice": [...]} */
int sizing_json(const struct sizing *s, json_t **ret, struct err *err);
/* For people, at most 100 columns; malloc'd, NULL on ENOMEM. */
char *sizing_text(const struct sizing *s);

#endif
