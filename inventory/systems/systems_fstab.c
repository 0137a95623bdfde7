/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/systems/systems_look.h"

#include <errno.h>
#include <string.h>
#include "inventory/block/mountinfo.h"

static void entry_done(struct systems_fstab_entry *e)
{
	free(e->spec);
	free(e->dir);
	free(e->type);
	free(e->options);
}

static char *word(char **pos)
{
	char *w;

	*pos += strspn(*pos, " \t\r");
	w = *pos;
	*pos += strcspn(*pos, " \t\r");
	if (**pos)
		*(*pos)++ = '\0';
	mountinfo_unescape(w);
	return w;
}

static int parse_line(char *line, struct systems_fstab *f)
{
	char *spec = word(&line), *dir = word(&line), *type = word(&line), *options = word(&line);
	struct systems_fstab_entry e = { 0 }, *slot;
	size_t n = strlen(dir);

	if (!*spec || *spec == '#' || dir[0] != '/')
		return 0;
	/* "/boot/" is "/boot". */
	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	e = (struct systems_fstab_entry){ strdup(spec), strdup(dir), strdup(type),
					  strdup(options) };
	slot = e.spec && e.dir && e.type && e.options ?
	       machine_grow(&f->v, &f->n, sizeof(*slot)) : NULL;
	if (!slot) {
		entry_done(&e);
		return -ENOMEM;
	}
	*slot = e;
	return 0;
}

int systems_fstab_parse(const char *text, struct systems_fstab *ret)
{
	CLEANUP(systems_fstab_done) struct systems_fstab f = { 0 };
	CLEANUP(mem_free) char *copy = strdup(text ? text : "");
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (parse_line(l, &f) < 0)
			return -ENOMEM;
	*ret = f;
	f = (struct systems_fstab){ 0 };
	return 0;
}

void systems_fstab_done(struct systems_fstab *f)
{
	for (size_t i = 0; i < f->n; i++)
		entry_done(&f->v[i]);
	free(f->v);
	*f = (struct systems_fstab){ 0 };
}

const struct systems_fstab_entry *systems_fstab_find(const struct systems_fstab *f, const char *dir)
{
	for (size_t i = f->n; i-- > 0;)
		if (strcmp(f->v[i].dir, dir) == 0)
			return &f->v[i];
	return NULL;
}
