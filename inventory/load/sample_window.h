/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples summed up to records, one for each window of time (a minute, as a rule). Of every series
 * a record keeps the smallest, the mean and the largest value, and how the values lay in between:
 *
 *	min                                          max
 *	 |  6  |  3  |  1  |  0  |  0  |  0  |  1  |  1  |	8 equal parts, samples in each
 *
 * So a peak of five seconds is still there a week later (max), a percentile over all samples of the
 * week can be told to within an eighth of one minute's spread, and a quiet series costs no more
 * than a busy one. Values are integers in the unit of their series (sample.h). n is the number of
 * samples that had a value; 0: nothing is known, and the rest is 0. Pure; one thread.
 */
#ifndef P2V_INVENTORY_SAMPLE_WINDOW_H
#define P2V_INVENTORY_SAMPLE_WINDOW_H

#include "inventory/load/sample.h"

#define SAMPLE_WINDOW_PARTS	8
#define SAMPLE_WINDOW_SAMPLES	60	/* the most in one window */
#define SAMPLE_WINDOW_SERVICES	8	/* the busiest, and among them the largest */

struct sample_stat {
	uint64_t min, mean, max;
	uint8_t part[SAMPLE_WINDOW_PARTS];	/* their sum is n */
	uint32_t n;
};

struct sample_device_stat {
	char name[SAMPLE_NAME_MAX];
	struct sample_stat s[SAMPLE_DEVICE_SERIES];
};

struct sample_record {
	uint64_t time;			/* seconds since 1970 at its end; 0 not known */
	uint32_t duration_ms;		/* that the samples stand for */
	uint32_t cpus_online;
	uint8_t boot_id[16];
	uint64_t mem_total, swap_total;
	struct sample_stat s[SAMPLE_SERIES];
	struct sample_device_stat *disks;
	size_t ndisks;
	struct sample_device_stat *nics;
	size_t nnics;
	struct sample_service services[SAMPLE_WINDOW_SERVICES];
	size_t nservices;
	uint32_t services_ms;		/* for which their CPU time is the mean */
};

void sample_window_record_done(struct sample_record *r);	/* frees the lists */
DEFINE_CLEANUP_VALUE(struct sample_record, sample_window_record_done)
/* Of n values that are no SAMPLE_NONE, n up to SAMPLE_WINDOW_SAMPLES. */
void sample_window_stat(const uint64_t *v, size_t n, struct sample_stat *ret);
/* The largest value that lies in the part, for part 0..SAMPLE_WINDOW_PARTS-1. */
uint64_t sample_window_part_end(const struct sample_stat *s, unsigned int part);

struct sample_window;

int sample_window_new(struct sample_window **ret);		/* -ENOMEM */
void sample_window_free(struct sample_window *w);
DEFINE_CLEANUP(struct sample_window *, sample_window_free)
/* -ENOMEM; -ENOSPC when it holds SAMPLE_WINDOW_SAMPLES already: take it first. */
int sample_window_add(struct sample_window *w, const struct sample *s);
size_t sample_window_count(const struct sample_window *w);
/*
 * The record of what was added (time and boot id are the caller's to set); the window is empty
 * again. The record is the window's own until the next call.
 */
struct sample_record *sample_window_take(struct sample_window *w);

#endif
