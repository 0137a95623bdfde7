/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lists of an assembly, and their end. */
#include "disk/assembly.h"

#include <stdlib.h>
#include <string.h>

int assembly_init(struct assembly *a, size_t n, struct err *err)
{
	*a = (struct assembly){ .nmembers = n };
	a->members = calloc(n ? n : 1, sizeof(*a->members));
	return a->members ? 0 : err_nomem(err);
}

int assembly_own(struct assembly *a, struct space *s, struct err *err)
{
	struct space **v = NULL;

	if (s)
		v = reallocarray(a->spaces, a->nspaces + 1, sizeof(*v));
	if (!v) {
		space_free(s);
		return err_nomem(err);
	}
	a->spaces = v;
	v[a->nspaces++] = s;
	return 0;
}

struct assembly_volume *assembly_add_volume(struct assembly *a, const char *name, struct err *err)
{
	struct assembly_volume *v = reallocarray(a->volumes, a->nvolumes + 1, sizeof(*v));
	char *copy = strdup(name);

	if (v)
		a->volumes = v;
	if (!v || !copy) {
		free(copy);
		(void)err_nomem(err);
		return NULL;
	}
	v += a->nvolumes++;
	*v = (struct assembly_volume){ .name = copy };
	return v;
}

int assembly_volume_on(struct assembly_volume *v, size_t member, struct err *err)
{
	size_t *grown;

	for (size_t i = 0; i < v->nmembers; i++)
		if (v->members[i] == member)
			return 0;
	grown = reallocarray(v->members, v->nmembers + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	v->members = grown;
	grown[v->nmembers++] = member;
	return 0;
}

void assembly_done(struct assembly *a)
{
	for (size_t i = 0; i < a->nmembers; i++) {
		free(a->members[i].why);
		extents_done(&a->members[i].free);
	}
	for (size_t i = 0; i < a->nvolumes; i++) {
		struct assembly_volume *v = &a->volumes[i];

		free(v->name);
		free(v->members);
		free(v->kind);
		free(v->why);
		extents_done(&v->free);
	}
	while (a->nspaces > 0)
		space_free(a->spaces[--a->nspaces]);
	free(a->members);
	free(a->volumes);
	free(a->spaces);
	*a = (struct assembly){ 0 };
}
