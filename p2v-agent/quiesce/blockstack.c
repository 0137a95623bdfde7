/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/blockstack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

static int grow(void *list, size_t n, size_t size)
{
	void *more = reallocarray(*(void **)list, n + 1, size);

	if (!more)
		return -ENOMEM;
	*(void **)list = more;
	return 0;
}

static int copy(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -ENOMEM : 0;
}

static void dev_done(struct blockstack_dev *d)
{
	for (size_t i = 0; i < d->nbelow; i++)
		free(d->below[i]);
	free(d->below);
	free(d->name);
	free(d->alias);
	free(d->file);
}

int blockstack_add(struct blockstack *s, dev_t dev, const char *name, const char *alias,
		   const char *file, const char *const *below, size_t nbelow)
{
	struct blockstack_dev d = { .dev = dev };
	int r = grow(&s->v, s->n, sizeof(*s->v));

	if (r == 0)
		r = copy(name, &d.name);
	if (r == 0)
		r = copy(alias, &d.alias);
	if (r == 0)
		r = copy(file, &d.file);
	if (r == 0 && nbelow > 0) {
		d.below = calloc(nbelow, sizeof(char *));
		r = d.below ? 0 : -ENOMEM;
	}
	for (; r == 0 && d.nbelow < nbelow; d.nbelow++)
		r = copy(below[d.nbelow], &d.below[d.nbelow]);
	if (r < 0) {
		dev_done(&d);
		return r;
	}
	s->v[s->n++] = d;
	return 0;
}

void blockstack_done(struct blockstack *s)
{
	for (size_t i = 0; i < s->n; i++)
		dev_done(&s->v[i]);
	free(s->v);
	for (size_t i = 0; i < s->ngroups; i++)
		strv_free(s->groups[i]);
	free(s->groups);
	*s = (struct blockstack){ 0 };
}

static bool read_dev(const struct sysroot *root, const char *folder, dev_t *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	unsigned int major, minor;
	char rest;

	if (sysroot_read_line(root, &text, "%s/dev", folder) < 0 ||
	    sscanf(text, "%u:%u%c", &major, &minor, &rest) != 2)
		return false;
	*ret = makedev(major, minor);
	return true;
}

/* A device without a number (a hidden path of NVMe) carries no filesystem, and is passed over. */
static int read_one(const struct sysroot *root, const char *folder, const char *name,
		    const char *parent, struct blockstack *s)
{
	CLEANUP(mem_free) char *alias = NULL, *file = NULL;
	CLEANUP(strv_free) char **slaves = NULL;
	size_t n = 0;
	dev_t dev;

	if (!read_dev(root, folder, &dev))
		return 0;
	if (sysroot_read_line(root, &alias, "%s/dm/name", folder) == -ENOMEM ||
	    sysroot_read_line(root, &file, "%s/loop/backing_file", folder) == -ENOMEM ||
	    (!parent && sysroot_list(root, &slaves, "%s/slaves", folder) == -ENOMEM))
		return -ENOMEM;
	if (parent)
		return blockstack_add(s, dev, name, alias, file, &parent, 1);
	while (slaves && slaves[n])
		n++;
	return blockstack_add(s, dev, name, alias, file, (const char *const *)slaves, n);
}

static int read_disk(const struct sysroot *root, const char *name, struct blockstack *s)
{
	CLEANUP(strv_free) char **parts = NULL;
	char folder[512];
	int r;

	snprintf(folder, sizeof(folder), "/sys/block/%s", name);
	r = read_one(root, folder, name, NULL, s);
	if (r == 0 && sysroot_list(root, &parts, "%s", folder) == -ENOMEM)
		r = -ENOMEM;
	for (char **p = parts; r == 0 && p && *p; p++) {
		if (!sysroot_exists(root, "/sys/block/%s/%s/partition", name, *p))
			continue;
		snprintf(folder, sizeof(folder), "/sys/block/%s/%s", name, *p);
		r = read_one(root, folder, *p, name, s);
	}
	return r;
}

static int read_groups(const struct sysroot *root, struct blockstack *s)
{
	CLEANUP(strv_free) char **ids = NULL;
	int r = 0;

	if (sysroot_list(root, &ids, "/sys/fs/btrfs") == -ENOMEM)
		return -ENOMEM;
	for (char **id = ids; r == 0 && id && *id; id++) {
		char **devices = NULL;

		r = sysroot_list(root, &devices, "/sys/fs/btrfs/%s/devices", *id);
		if (r < 0) {
			r = r == -ENOMEM ? r : 0;
			continue;
		}
		r = grow(&s->groups, s->ngroups, sizeof(*s->groups));
		if (r < 0)
			strv_free(devices);
		else
			s->groups[s->ngroups++] = devices;
	}
	return r;
}

int blockstack_read(const struct sysroot *root, struct blockstack *ret)
{
	CLEANUP(blockstack_done) struct blockstack s = { 0 };
	CLEANUP(strv_free) char **names = NULL;
	int r = 0;

	if (sysroot_list(root, &names, "/sys/block") == -ENOMEM)
		return -ENOMEM;
	for (char **n = names; r == 0 && n && *n; n++)
		r = read_disk(root, *n, &s);
	if (r == 0)
		r = read_groups(root, &s);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct blockstack){ 0 };
	return 0;
}

const struct blockstack_dev *blockstack_by_dev(const struct blockstack *s, dev_t dev)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].dev == dev)
			return &s->v[i];
	return NULL;
}

const struct blockstack_dev *blockstack_by_name(const struct blockstack *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

const struct blockstack_dev *blockstack_by_path(const struct blockstack *s, const char *path)
{
	static const char mapper[] = "/dev/mapper/";

	if (strncmp(path, mapper, strlen(mapper)) == 0) {
		for (size_t i = 0; i < s->n; i++)
			if (s->v[i].alias && strcmp(s->v[i].alias, path + strlen(mapper)) == 0)
				return &s->v[i];
		return NULL;
	}
	return strncmp(path, "/dev/", 5) == 0 ? blockstack_by_name(s, path + 5) : NULL;
}

char *const *blockstack_group(const struct blockstack *s, const struct blockstack_dev *d)
{
	for (size_t i = 0; i < s->ngroups; i++)
		for (char *const *name = s->groups[i]; *name; name++)
			if (strcmp(*name, d->name) == 0)
				return s->groups[i];
	return NULL;
}
