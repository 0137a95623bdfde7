/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Life and look-ups of the machine model. */
#include "inventory/machine.h"

#include <stdlib.h>
#include <string.h>
#include "inventory/machine_fields.h"

int machine_new(struct machine **ret)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->firmware.boot_current = -1;
	*ret = m;
	return 0;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	machine_fields_free(m, machine_fields_machine);
	free(m);
}

void *machine_grow(void *pv, size_t *pn, size_t size)
{
	char *old, *list;
	size_t n = *pn;

	/* pv is the address of a pointer of some type: only its bytes may be touched here. */
	memcpy(&old, pv, sizeof(old));
	list = old;
	/* The room doubles, and is full exactly when the count is zero or a power of two. */
	if ((n & (n - 1)) == 0) {
		list = reallocarray(old, n ? n * 2 : 1, size);
		if (!list)
			return NULL;
		memcpy(pv, &list, sizeof(list));
	}
	memset(list + n * size, 0, size);
	*pn = n + 1;
	return list + n * size;
}

int machine_strv_add(struct machine_strv *v, const char *s)
{
	CLEANUP(mem_free) char *copy = strdup(s);
	char **slot;

	if (!copy)
		return -ENOMEM;
	slot = machine_grow(&v->v, &v->n, sizeof(*v->v));
	if (!slot)
		return -ENOMEM;
	*slot = TAKE_PTR(copy);
	return 0;
}

void machine_strv_done(struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
	*v = (struct machine_strv){ 0 };
}

bool machine_strv_has(const struct machine_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

static bool is_called(const char *want, const char *name, const char *path,
		      const struct machine_strv *aliases)
{
	return (name && strcmp(name, want) == 0) || (path && strcmp(path, want) == 0) ||
	       machine_strv_has(aliases, want);
}

const struct machine_disk *machine_find_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (is_called(name, d->name, d->path, &d->aliases))
			return d;
	}
	return NULL;
}

const struct machine_partition *machine_find_partition(const struct machine *m, const char *name,
						       const struct machine_disk **ret_disk)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		for (size_t j = 0; j < d->npartitions; j++) {
			const struct machine_partition *p = &d->partitions[j];

			if (!is_called(name, p->name, p->path, &p->aliases))
				continue;
			if (ret_disk)
				*ret_disk = d;
			return p;
		}
	}
	return NULL;
}

const struct machine_boot_entry *machine_boot_current(const struct machine *m)
{
	for (size_t i = 0; i < m->firmware.nentries; i++)
		if (m->firmware.entries[i].number == m->firmware.boot_current)
			return &m->firmware.entries[i];
	return NULL;
}
