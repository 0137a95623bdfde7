/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Software that matters for a conversion, recognised by tables_software: by its units, which are
 * enabled or run, or by paths. A path tells the least: it may be left over. One entry per kind and
 * name, with the strongest evidence: running, enabled, there.
 */
#include "inventory/os/os.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include "common/tables.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

static int add(struct os_look *o, const struct tables_row *row, char *evidence, bool running)
{
	CLEANUP(mem_free) char *own = evidence;
	struct machine_software *s = NULL;
	struct machine_os *os = o->os;
	int r;

	if (!own)
		return -ENOMEM;
	for (size_t i = 0; i < os->nsoftware && !s; i++)
		if (strcmp(os->software[i].name, row->reason) == 0 &&
		    strcmp(os->software[i].kind, row->group) == 0)
			s = &os->software[i];
	/* Evidence comes in the order of its strength. */
	if (s)
		return 0;
	if (os->nsoftware == COLLECT_LIST_MAX)
		return collect_full(o->m, "kinds of software");
	s = machine_grow(&os->software, &os->nsoftware, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = collect_util_text(row->group, strlen(row->group), &s->kind);
	if (r == 0)
		r = collect_util_text(row->reason, strlen(row->reason), &s->name);
	if (r == 0)
		r = collect_util_text(own, strlen(own), &s->evidence);
	s->running = running;
	return r;
}

static int look_at_services(struct os_look *o, bool running)
{
	for (size_t i = 0; i < o->os->nservices; i++) {
		const struct machine_service *s = &o->os->services[i];
		CLEANUP(mem_free) char *unit = os_services_unit(s->name);
		const struct tables_row *row;
		int r;

		if (!unit)
			return -ENOMEM;
		if (s->running != running)
			continue;
		row = tables_match(tables_software, tables_software_count, unit);
		if (!row)
			continue;
		r = add(o, row,
			text_format("%s is %s", s->name, running ? "running" : "enabled"),
			running);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Patterns may stand in the last component of a path only. */
static int look_at_path(struct os_look *o, const struct tables_row *row)
{
	const char *last = collect_util_base(row->pattern);
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *dir = NULL;
	int r;

	if (!strpbrk(last, "*?["))
		return os_exists(o, "%s", row->pattern) ? add(o, row, strdup(row->pattern), false) :
							  0;
	dir = strndup(row->pattern, (size_t)(last - row->pattern));
	if (!dir)
		return -ENOMEM;
	r = os_list(o, &names, "%s", dir);
	for (char **p = names; p && *p && r == 0; p++)
		if (fnmatch(last, *p, FNM_PERIOD) == 0)
			return add(o, row, text_format("%s%s", dir, *p), false);
	return r;
}

static int by_kind(const void *a, const void *b)
{
	const struct machine_software *x = a, *y = b;
	int r = strcmp(x->kind, y->kind);

	return r ? r : strcmp(x->name, y->name);
}

int os_software_collect(struct os_look *o)
{
	int r = look_at_services(o, true);

	if (r == 0)
		r = look_at_services(o, false);
	for (size_t i = 0; i < tables_software_count && r == 0; i++)
		if (tables_software[i].pattern[0] == '/')
			r = look_at_path(o, &tables_software[i]);
	if (r == 0 && o->os->nsoftware)
		qsort(o->os->software, o->os->nsoftware, sizeof(*o->os->software), by_kind);
	return r;
}
