/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

struct track {				/* the values of one series in the window */
	uint8_t n;
	uint64_t v[SAMPLE_WINDOW_SAMPLES];
};

struct device_tracks {
	struct track t[SAMPLE_DEVICE_SERIES];
};

struct tracks {
	struct device_tracks *v;
	size_t n;
};

struct sample_window {
	size_t count;
	uint64_t elapsed_us;
	struct track series[SAMPLE_SERIES];
	struct tracks disks, nics;
	struct sample_record rec;
};

void sample_window_record_done(struct sample_record *r)
{
	free(r->disks);
	free(r->nics);
	r->disks = r->nics = NULL;
	r->ndisks = r->nnics = 0;
}

static unsigned int part_of(uint64_t v, uint64_t min, uint64_t max)
{
	return (unsigned int)((unsigned __int128)(v - min) * SAMPLE_WINDOW_PARTS /
			      ((unsigned __int128)(max - min) + 1));
}

uint64_t sample_window_part_end(const struct sample_stat *s, unsigned int part)
{
	/* The last v with part_of(v) = part: ceil((part + 1) * spread / parts) - 1 above min. */
	unsigned __int128 spread = (unsigned __int128)(s->max - s->min) + 1;

	return s->min + (uint64_t)(((part + 1) * spread + SAMPLE_WINDOW_PARTS - 1) /
				   SAMPLE_WINDOW_PARTS - 1);
}

void sample_window_stat(const uint64_t *v, size_t n, struct sample_stat *ret)
{
	unsigned __int128 sum = 0;

	memset(ret, 0, sizeof(*ret));
	if (n == 0)
		return;
	ret->min = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		ret->min = MIN(ret->min, v[i]);
		ret->max = MAX(ret->max, v[i]);
		sum += v[i];
	}
	ret->mean = (uint64_t)((sum + n / 2) / n);
	ret->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		ret->part[part_of(v[i], ret->min, ret->max)]++;
}

int sample_window_new(struct sample_window **ret)
{
	struct sample_window *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*ret = w;
	return 0;
}

void sample_window_free(struct sample_window *w)
{
	if (!w)
		return;
	free(w->disks.v);
	free(w->nics.v);
	sample_window_record_done(&w->rec);
	free(w);
}

size_t sample_window_count(const struct sample_window *w)
{
	return w->count;
}

static void add(struct track *t, uint64_t v)
{
	if (v != SAMPLE_NONE)
		t->v[t->n++] = v;
}

static int add_devices(struct tracks *t, struct sample_device_stat **names,
		       const struct sample_device *v, size_t n, size_t nseries)
{
	if (n > t->n) {
		struct sample_device_stat *rec = reallocarray(*names, n, sizeof(*rec));
		struct device_tracks *bigger;

		if (!rec)
			return -ENOMEM;
		*names = rec;
		bigger = reallocarray(t->v, n, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		t->v = bigger;
		memset(bigger + t->n, 0, (n - t->n) * sizeof(*bigger));
		memset(rec + t->n, 0, (n - t->n) * sizeof(*rec));
		for (size_t i = t->n; i < n; i++)
			memcpy(rec[i].name, v[i].name, sizeof(rec[i].name));
		t->n = n;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < nseries; k++)
			add(&t->v[i].t[k], v[i].v[k]);
	return 0;
}

/*
 * Half of the places for those that use the CPU most, the rest for those that are largest and not
 * there yet.
 */
static void keep_services(struct sample_record *r, const struct sample *s)
{
	bool taken[SAMPLE_SERVICES_MAX] = { false };

	r->nservices = 0;
	while (r->nservices < SAMPLE_WINDOW_SERVICES) {
		bool by_memory = r->nservices >= SAMPLE_WINDOW_SERVICES / 2;
		const struct sample_service *best = NULL;

		for (size_t i = 0; i < s->nservices && i < SAMPLE_SERVICES_MAX; i++) {
			const struct sample_service *c = &s->services[i];
			uint64_t key = by_memory ? c->memory : c->cpu, top;

			if (taken[i])
				continue;
			/* NONE + 1 is 0, so what is not known comes last. */
			top = best ? (by_memory ? best->memory : best->cpu) + 1 : 0;
			if (!best || key + 1 > top)
				best = c;
		}
		if (!best)
			break;
		taken[best - s->services] = true;
		r->services[r->nservices++] = *best;
	}
}

int sample_window_add(struct sample_window *w, const struct sample *s)
{
	struct sample_record *r = &w->rec;
	int e;

	if (w->count == SAMPLE_WINDOW_SAMPLES)
		return -ENOSPC;
	if (w->count == 0) {
		r->cpus_online = 0;
		r->mem_total = r->swap_total = 0;
		r->nservices = 0;
		r->services_ms = 0;
	}
	e = add_devices(&w->disks, &r->disks, s->disks, s->ndisks, SAMPLE_DISK_SERIES);
	if (e == 0)
		e = add_devices(&w->nics, &r->nics, s->nics, s->nnics, SAMPLE_NIC_SERIES);
	if (e < 0)
		return e;
	for (int i = 0; i < SAMPLE_SERIES; i++)
		add(&w->series[i], s->v[i]);
	w->count++;
	w->elapsed_us += MIN(s->elapsed_us, UINT64_C(1) << 40);
	r->cpus_online = MAX(r->cpus_online, s->cpus_online);
	r->mem_total = MAX(r->mem_total, s->mem_total);
	r->swap_total = MAX(r->swap_total, s->swap_total);
	if (s->has_services) {
		keep_services(r, s);
		r->services_ms = (uint32_t)MIN(s->services_us / 1000, (uint64_t)UINT32_MAX);
	}
	return 0;
}

static void take_devices(struct tracks *t, struct sample_device_stat *rec)
{
	for (size_t i = 0; i < t->n; i++)
		for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++) {
			sample_window_stat(t->v[i].t[k].v, t->v[i].t[k].n, &rec[i].s[k]);
			t->v[i].t[k].n = 0;
		}
}

struct sample_record *sample_window_take(struct sample_window *w)
{
	struct sample_record *r = &w->rec;

	for (int i = 0; i < SAMPLE_SERIES; i++) {
		sample_window_stat(w->series[i].v, w->series[i].n, &r->s[i]);
		w->series[i].n = 0;
	}
	take_devices(&w->disks, r->disks);
	take_devices(&w->nics, r->nics);
	r->ndisks = w->disks.n;
	r->nnics = w->nics.n;
	r->duration_ms = (uint32_t)MIN(w->elapsed_us / 1000, (uint64_t)UINT32_MAX);
	r->time = 0;
	memset(r->boot_id, 0, sizeof(r->boot_id));
	w->count = 0;
	w->elapsed_us = 0;
	return r;
}
