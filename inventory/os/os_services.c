/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of services that systemd, or what was before it, told of; and what they are. */
#include "inventory/os/os.h"

#include <errno.h>
#include <string.h>
#include "common/tables.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

int os_services_add(struct os_look *o, const char *name, bool enabled, bool running)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_os *os = o->os;
	struct machine_service *s;

	if (collect_util_text(name, strlen(name), &text) < 0)
		return -ENOMEM;
	if (!text)
		return 0;
	for (size_t i = 0; i < os->nservices; i++) {
		if (strcmp(os->services[i].name, text) != 0)
			continue;
		os->services[i].enabled |= enabled;
		os->services[i].running |= running;
		return 0;
	}
	if (os->nservices == COLLECT_LIST_MAX)
		return collect_full(o->m, "services");
	s = machine_grow(&os->services, &os->nservices, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->name = TAKE_PTR(text);
	s->enabled = enabled;
	s->running = running;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct machine_service *x = a, *y = b;

	return strcmp(x->name, y->name);
}

char *os_services_unit(const char *name)
{
	static const char *const kinds[] = { ".service", ".timer", ".socket", ".path" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(kinds); i++)
		if (strcmp(dot, kinds[i]) == 0)
			return strdup(name);
	return text_format("%s.service", name);
}

static int recognise(struct machine_service *s)
{
	CLEANUP(mem_free) char *unit = os_services_unit(s->name);
	const struct tables_row *row;
	int r;

	if (!unit)
		return -ENOMEM;
	row = tables_match(tables_services, tables_services_count, unit);
	if (!row)
		return 0;
	r = collect_util_text(row->group, strlen(row->group), &s->group);
	return r < 0 ? r : collect_util_text(row->reason, strlen(row->reason), &s->reason);
}

int os_services_collect(struct os_look *o)
{
	int r = os_systemd_collect(o);

	if (r == 0)
		r = os_initd_collect(o);
	if (r == 0 && o->os->nservices)
		qsort(o->os->services, o->os->nservices, sizeof(*o->os->services), by_name);
	for (size_t i = 0; i < o->os->nservices && r == 0; i++)
		r = recognise(&o->os->services[i]);
	return r;
}
