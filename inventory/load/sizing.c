/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Summing up records: histograms, points over time, services. */
#include "inventory/load/sizing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

int sizing_new(const struct machine *m, struct sizing **ret)
{
	struct sizing *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->machine = m;
	for (int i = 0; i < SAMPLE_SERIES; i++)
		histogram_init(&s->v[i].all);
	*ret = s;
	return 0;
}

void sizing_free(struct sizing *s)
{
	if (!s)
		return;
	free(s->disks);
	free(s->nics);
	free(s->services);
	free(s);
}

static void merge_points(struct sizing_point *to, const struct sizing_point *from)
{
	uint64_t ms = to->ms + from->ms;

	if (from->ms == 0)
		return;
	to->max = MAX(to->max, from->max);
	to->mean = (uint64_t)(((unsigned __int128)to->mean * to->ms +
			       (unsigned __int128)from->mean * from->ms + ms / 2) / ms);
	to->ms = ms;
}

static void halve(struct sizing_point *at)
{
	for (size_t i = 0; i < SIZING_POINTS / 2; i++) {
		struct sizing_point p = at[2 * i];

		merge_points(&p, &at[2 * i + 1]);
		at[i] = p;
	}
	memset(at + SIZING_POINTS / 2, 0, SIZING_POINTS / 2 * sizeof(*at));
}

static void halve_devices(struct sizing_device *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++)
			halve(v[i].s[k].at);
}

/* All points are taken: each stands for twice the time from now on. */
static void halve_all(struct sizing *s)
{
	for (size_t i = 0; i < SIZING_POINTS / 2; i++) {
		struct sizing_bin b = s->bins[2 * i];

		b.to = s->bins[2 * i + 1].to;
		b.ms += s->bins[2 * i + 1].ms;
		s->bins[i] = b;
	}
	s->nbins = SIZING_POINTS / 2;
	for (int i = 0; i < SAMPLE_SERIES; i++)
		halve(s->v[i].at);
	halve_devices(s->disks, s->ndisks);
	halve_devices(s->nics, s->nnics);
	s->bin_ms *= 2;
}

/* The bin that the record goes into. */
static size_t bin_of(struct sizing *s, uint64_t from, uint64_t to, uint64_t ms, bool gap)
{
	struct sizing_bin *b;

	if (s->bin_ms == 0)
		s->bin_ms = MAX(ms, UINT64_C(1));
	if (s->nbins > 0) {
		b = &s->bins[s->nbins - 1];
		if (!gap && b->ms + ms <= s->bin_ms) {
			b->to = MAX(b->to, to);
			b->ms += ms;
			return s->nbins - 1;
		}
		if (s->nbins == SIZING_POINTS)
			halve_all(s);
		/* A clock that was set back: the picture goes on where it was. */
		b = &s->bins[s->nbins - 1];
		from = MAX(from, b->to);
		to = MAX(to, from + 1);
	}
	s->bins[s->nbins] = (struct sizing_bin){ from, to, ms, gap };
	return s->nbins++;
}

static void add_stat(struct sizing_series *to, const struct sample_stat *st, size_t bin,
		     uint64_t ms)
{
	struct sizing_point p = { st->mean, st->max, ms };

	if (st->n == 0)
		return;
	for (unsigned int i = 0; i < SAMPLE_WINDOW_PARTS; i++)
		if (st->part[i] > 0)
			histogram_add(&to->all, MIN(sample_window_part_end(st, i), st->max),
				      MAX(ms * st->part[i] / st->n, UINT64_C(1)));
	merge_points(&to->at[bin], &p);
}

static struct sizing_device *device_of(struct sizing_device **v, size_t *n, const char *name,
				       size_t near)
{
	struct sizing_device *d;

	for (size_t i = 0; i < *n; i++)
		if (strcmp((*v)[(near + i) % *n].name, name) == 0)
			return &(*v)[(near + i) % *n];
	if (*n == SAMPLE_DEVICES_MAX)
		return NULL;
	d = reallocarray(*v, *n + 1, sizeof(*d));
	if (!d)
		return NULL;
	*v = d;
	d += (*n)++;
	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%s", name);
	for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++)
		histogram_init(&d->s[k].all);
	return d;
}

static int add_devices(struct sizing_device **v, size_t *n, const struct sample_device_stat *from,
		       size_t nfrom, size_t bin, uint64_t ms)
{
	for (size_t i = 0; i < nfrom; i++) {
		struct sizing_device *d;
		bool any = false;

		/* A place of the ring that nobody has taken, or with nothing to tell. */
		for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++)
			any = any || from[i].s[k].n > 0;
		if (!any || !from[i].name[0])
			continue;
		d = device_of(v, n, from[i].name, i);
		if (!d && *n < SAMPLE_DEVICES_MAX)
			return -ENOMEM;
		for (int k = 0; d && k < SAMPLE_DEVICE_SERIES; k++)
			add_stat(&d->s[k], &from[i].s[k], bin, ms);
	}
	return 0;
}

static int add_services(struct sizing *s, const struct sample_record *r)
{
	for (size_t i = 0; i < r->nservices; i++) {
		const struct sample_service *from = &r->services[i];
		struct sizing_service *to = NULL;

		for (size_t k = 0; k < s->nservices && !to; k++)
			if (strcmp(s->services[k].name, from->name) == 0)
				to = &s->services[k];
		if (!to && s->nservices == SIZING_SERVICES)
			continue;
		if (!to) {
			to = machine_grow(&s->services, &s->nservices, sizeof(*to));
			if (!to)
				return -ENOMEM;
			memcpy(to->name, from->name, sizeof(to->name));
		}
		if (from->cpu != SAMPLE_NONE)
			to->cpu_ms += MIN(from->cpu, UINT64_C(1) << 30) * r->services_ms / 1000;
		if (from->memory != SAMPLE_NONE)
			to->memory = MAX(to->memory, from->memory);
	}
	return 0;
}

int sizing_add(struct sizing *s, const struct sample_record *r)
{
	uint64_t ms = MAX(r->duration_ms, 1u), to, from;
	uint64_t time = MIN(r->time, (uint64_t)INT64_MAX / 2000);
	bool boot, gap;
	size_t bin;
	int e;

	to = time * 1000;
	from = to > ms ? to - ms : 0;
	boot = s->records == 0 || memcmp(s->boot_id, r->boot_id, sizeof(s->boot_id)) != 0;
	/* Whoever records is a little late now and then. */
	gap = s->records > 0 &&
	      (boot || from > s->bins[s->nbins - 1].to + 2 * ms + 5000);
	memcpy(s->boot_id, r->boot_id, sizeof(s->boot_id));
	s->boots += boot;
	s->gaps += gap;
	if (s->records == 0)
		s->from = from / 1000;
	s->to = MAX(s->to, time);
	s->records++;
	s->ms += ms;
	s->cpus_online = MAX(s->cpus_online, r->cpus_online);
	s->mem_total = MAX(s->mem_total, r->mem_total);
	s->swap_total = MAX(s->swap_total, r->swap_total);
	bin = bin_of(s, from, to, ms, gap);
	for (int i = 0; i < SAMPLE_SERIES; i++)
		add_stat(&s->v[i], &r->s[i], bin, ms);
	e = add_devices(&s->disks, &s->ndisks, r->disks, r->ndisks, bin, ms);
	if (e == 0)
		e = add_devices(&s->nics, &s->nnics, r->nics, r->nnics, bin, ms);
	return e == 0 ? add_services(s, r) : e;
}

static int busier(const void *pa, const void *pb)
{
	const struct sizing_service *a = pa, *b = pb;

	if (a->cpu_ms != b->cpu_ms)
		return a->cpu_ms > b->cpu_ms ? -1 : 1;
	if (a->memory != b->memory)
		return a->memory > b->memory ? -1 : 1;
	return strcmp(a->name, b->name);
}

void sizing_sort(struct sizing *s)
{
	if (s->nservices > 1)
		qsort(s->services, s->nservices, sizeof(s->services[0]), busier);
}

uint64_t sizing_seconds(const struct sizing *s)
{
	return (s->ms + 500) / 1000;
}

const char *sizing_confidence(const struct sizing *s)
{
	uint64_t t = sizing_seconds(s);

	/* A ring of a week lacks the minutes of its recorder's restarts. */
	return t < SIZING_KEEP_S ? "none" : t < SIZING_SHORT_S ? "low" :
	       t < SIZING_DAY_S ? "fair" : t < SIZING_WEEK_S / 100 * 99 ? "good" : "high";
}
