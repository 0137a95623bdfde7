/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sizing.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "common/jsonx.h"

/* Past 2^63 - 1 there is no load, only a damaged or made-up file. */
static int set_number(json_t *o, const char *key, uint64_t v)
{
	return jsonx_set_u64(o, key, MIN(v, (uint64_t)INT64_MAX));
}

static json_t *series(const struct sizing_series *s)
{
	CLEANUP(json_unref) json_t *o = json_object();
	int r = 0;

	if (!o)
		return NULL;
	r |= set_number(o, "min", s->all.min);
	r |= set_number(o, "mean", histogram_mean(&s->all));
	r |= set_number(o, "p50", histogram_percentile(&s->all, 500));
	r |= set_number(o, "p95", histogram_percentile(&s->all, 950));
	r |= set_number(o, "p99", histogram_percentile(&s->all, 990));
	r |= set_number(o, "max", s->all.max);
	return r < 0 ? NULL : TAKE_PTR(o);
}

/* A series that nothing is known of is left out. */
static int set_series(json_t *to, const char *name, const struct sizing_series *s)
{
	json_t *o;

	if (s->all.total == 0)
		return 0;
	o = series(s);
	return o && json_object_set_new(to, name, o) == 0 ? 0 : -ENOMEM;
}

static int set_time(json_t *o, const char *key, uint64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;
	char text[32];

	if (t == 0 || !gmtime_r(&at, &tm) || strftime(text, sizeof(text), "%FT%TZ", &tm) == 0)
		return 0;
	return jsonx_set_str(o, key, text);
}

static int add_sampled(const struct sizing *s, json_t *root)
{
	json_t *o = json_object();
	int r = 0;

	if (json_object_set_new(root, "sampled", o) < 0)
		return -ENOMEM;
	r |= jsonx_set_u64(o, "seconds", sizing_seconds(s));
	r |= set_time(o, "from", s->from);
	r |= set_time(o, "to", s->to);
	r |= jsonx_set_u64(o, "records", s->records);
	r |= jsonx_set_u64(o, "damaged_records", s->bad);
	r |= jsonx_set_u64(o, "boots", s->boots);
	r |= jsonx_set_u64(o, "gaps", s->gaps);
	r |= jsonx_set_str(o, "confidence", sizing_confidence(s));
	r |= jsonx_set_u64(o, "cpus_online", s->cpus_online);
	r |= set_number(o, "memory_total", s->mem_total);
	r |= set_number(o, "swap_total", s->swap_total);
	return r < 0 ? -ENOMEM : 0;
}

static int add_devices(json_t *to, const char *key, const struct sizing_device *v, size_t n,
		       bool disks)
{
	json_t *list = json_array();

	if (json_object_set_new(to, key, list) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();
		int r = 0;

		if (json_array_append_new(list, o) < 0)
			return -ENOMEM;
		r |= jsonx_set_str(o, "name", v[i].name);
		for (int k = 0; disks && k < SAMPLE_DISK_SERIES; k++)
			r |= set_series(o, sample_disk_series_name(k), &v[i].s[k]);
		for (int k = 0; !disks && k < SAMPLE_NIC_SERIES; k++)
			r |= set_series(o, sample_nic_series_name(k), &v[i].s[k]);
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_statistics(const struct sizing *s, json_t *root)
{
	json_t *o = json_object();

	if (json_object_set_new(root, "statistics", o) < 0)
		return -ENOMEM;
	for (int i = 0; i < SAMPLE_SERIES; i++)
		if (set_series(o, sample_series_name(i), &s->v[i]) < 0)
			return -ENOMEM;
	if (add_devices(o, "disks", s->disks, s->ndisks, true) < 0)
		return -ENOMEM;
	return add_devices(o, "nics", s->nics, s->nnics, false);
}

static int add_services(const struct sizing *s, json_t *root)
{
	json_t *list = json_array();

	if (json_object_set_new(root, "services", list) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->nservices; i++) {
		json_t *o = json_object();
		int r = 0;

		if (json_array_append_new(list, o) < 0)
			return -ENOMEM;
		r |= jsonx_set_str(o, "name", s->services[i].name);
		r |= set_number(o, "cpu_ms", s->services[i].cpu_ms);
		r |= set_number(o, "memory", s->services[i].memory);
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_advice(const struct sizing *s, json_t *root)
{
	struct machine_plan_advice *v = NULL;
	json_t *list = json_array();
	size_t n = 0;
	int r;

	if (json_object_set_new(root, "advice", list) < 0)
		return -ENOMEM;
	r = sizing_advise(s, &v, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		json_t *o = json_object();

		if (json_array_append_new(list, o) < 0) {
			r = -ENOMEM;
			break;
		}
		r |= jsonx_set_str(o, "resource", v[i].resource);
		r |= jsonx_set_str(o, "now", v[i].now);
		r |= jsonx_set_str(o, "recommended", v[i].recommended);
		r |= set_number(o, "value", v[i].value);
		r |= jsonx_set_str(o, "evidence", v[i].evidence);
		r |= jsonx_set_str(o, "confidence", v[i].confidence);
	}
	sizing_advise_free(v, n);
	return r < 0 ? -ENOMEM : 0;
}

int sizing_json(const struct sizing *s, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *root = json_object();

	if (!root || add_sampled(s, root) < 0 || add_statistics(s, root) < 0 ||
	    add_services(s, root) < 0 || add_advice(s, root) < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(root);
	return 0;
}
