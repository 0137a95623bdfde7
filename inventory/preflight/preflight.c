/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running the rules: index, look, sort, accept, add up. */
#include "inventory/preflight/preflight_rules.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include "common/bytes.h"

int preflight_add(struct preflight_report *report, const struct preflight_rule *rule,
		  enum preflight_severity severity, const char *subject, const char *fmt, ...)
{
	struct preflight_finding *f;
	va_list ap;

	assert(severity <= rule->severity);
	f = machine_grow(&report->findings, &report->n, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->rule = rule;
	f->severity = severity;
	f->order = report->n;
	f->subject = strdup(subject);
	va_start(ap, fmt);
	f->evidence = text_vformat(fmt, ap);
	va_end(ap);
	return f->subject && f->evidence ? 0 : -ENOMEM;
}

static int by_severity(const void *a, const void *b)
{
	const struct preflight_finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool accepted(const struct preflight_input *in, const char *id)
{
	const struct machine_plan *plan = in->machine->plan;

	return (in->accept && machine_strv_has(in->accept, id)) ||
	       (plan && machine_strv_has(&plan->accept, id));
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return u64_add(a, b, &a) ? a : UINT64_MAX;
}

uint64_t preflight_seconds(uint64_t bytes, uint64_t rate)
{
	return rate ? DIV_ROUND_UP(bytes, rate) : 0;
}

/* How much, and how long. One disk that nobody looked at makes the sum unknown. */
static void add_up(const struct preflight_input *in, struct preflight_report *r)
{
	bool known = in->ndisks > 0;

	for (size_t i = 0; i < in->ndisks; i++) {
		const struct preflight_disk *d = &in->disks[i];
		const struct preflight_device *dev = preflight_index_find(in->index, d->name);

		r->total = add(r->total, d->size ? d->size : dev ? dev->size : 0);
		r->to_copy = add(r->to_copy, d->used);
		known = known && d->used > 0;
	}
	if (in->ndisks == 0)
		preflight_each(in, d)
			if (d->disk && !d->partition && d->copied)
				r->total = add(r->total, d->size);
	if (!known)
		r->to_copy = 0;
	r->rate = in->rate;
	r->seconds = preflight_seconds(known ? r->to_copy : r->total, r->rate);
}

int preflight_run(const struct preflight_input *in, struct preflight_report **ret,
		  struct err *err)
{
	CLEANUP(preflight_report_free) struct preflight_report *r = calloc(1, sizeof(*r));
	CLEANUP(preflight_index_free) struct preflight_index *index = NULL;
	struct preflight_input with = *in;
	const struct preflight_theme *const *themes;
	size_t n;

	if (!r || preflight_index_new(in, &index) < 0)
		return err_nomem(err);
	with.index = index;
	themes = preflight_themes(&n);
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < themes[t]->n; i++)
			if (themes[t]->rules[i].look(&with, &themes[t]->rules[i], r) < 0)
				return err_nomem(err);
	if (r->n)
		qsort(r->findings, r->n, sizeof(*r->findings), by_severity);
	for (size_t i = 0; i < r->n; i++)
		r->findings[i].accepted = accepted(in, r->findings[i].rule->id);
	add_up(&with, r);
	*ret = TAKE_PTR(r);
	return 0;
}

void preflight_report_free(struct preflight_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->findings[i].subject);
		free(r->findings[i].evidence);
	}
	free(r->findings);
	free(r);
}

size_t preflight_blocking(const struct preflight_report *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->findings[i].severity == PREFLIGHT_BLOCKS && !r->findings[i].accepted;
	return n;
}
