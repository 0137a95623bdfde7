/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine's filesystems as a list, and what runs on which of them. */
#include "inventory/systems/systems_look.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include "inventory/block/blk_text.h"
#include "inventory/systems/systems.h"

#define SLAVES_DEEP	8

static const char *const live_places[] = {
	"/run/live", "/lib/live", "/usr/lib/live", "/run/initramfs", "/run/archiso", "/run/miso",
	"/run/rootfsbase", "/cdrom", "/run/p2v",
};
static const char *const live_types[] = { "iso9660", "udf", "squashfs", "erofs" };

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; s && i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

bool systems_on_medium(const struct machine *m)
{
	static const char *const types[] = { "overlay", "overlayfs", "aufs", "squashfs", "erofs",
					     "iso9660", "udf", "tmpfs", "ramfs", "rootfs" };
	const char *p = m->os.cmdline;

	if (is_one_of(m->os.root_fs, types, ARRAY_SIZE(types)))
		return true;
	for (; p && (p = strstr(p, "p2v.medium")); p++)
		if ((p == m->os.cmdline || p[-1] == ' ') && (!p[10] || p[10] == ' ' ||
							     strncmp(p + 10, "=1", 2) == 0))
			return true;
	return false;
}

/* A live system runs from what is mounted there. */
static bool is_live_mount(const struct machine_fs *fs, const struct machine_strv *mountpoints)
{
	for (size_t i = 0; i < mountpoints->n; i++) {
		const char *at = mountpoints->v[i];

		if (strcmp(at, "/") == 0 || is_one_of(fs->type, live_types, ARRAY_SIZE(live_types)))
			return true;
		for (size_t j = 0; j < ARRAY_SIZE(live_places); j++) {
			size_t n = strlen(live_places[j]);

			if (strncmp(at, live_places[j], n) == 0 && (at[n] == '/' || !at[n]))
				return true;
		}
	}
	return false;
}

static bool holds_medium(const struct machine_disk *d)
{
	if (is_live_mount(&d->fs, &d->mountpoints))
		return true;
	for (size_t i = 0; i < d->npartitions; i++)
		if (is_live_mount(&d->partitions[i].fs, &d->partitions[i].mountpoints))
			return true;
	return false;
}

static const struct machine_volume *find_volume(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		if (strcmp(v->name, name) == 0 || (v->path && strcmp(v->path, name) == 0) ||
		    machine_strv_has(&v->aliases, name))
			return v;
	}
	return NULL;
}

static const struct machine_disk *disk_below(const struct machine *m, const char *name,
					     unsigned int deep)
{
	const struct machine_disk *d = machine_find_disk(m, name);
	const struct machine_volume *v;

	if (d || machine_find_partition(m, name, &d))
		return d;
	v = find_volume(m, name);
	for (size_t i = 0; v && deep > 0 && i < v->slaves.n; i++) {
		d = disk_below(m, v->slaves.v[i], deep - 1);
		if (d)
			return d;
	}
	return NULL;
}

const struct machine_disk *systems_disk_of(const struct machine *m, const char *path)
{
	return path ? disk_below(m, path, SLAVES_DEEP) : NULL;
}

static int add(struct systems_set *s, const struct systems_device *from)
{
	struct systems_device *d;

	if (!from->fs->type || !from->path)
		return 0;
	d = machine_grow(&s->v, &s->n, sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = *from;
	d->loop_fd = -1;
	for (size_t i = 0; i + 1 < s->n && !d->again; i++)
		d->again = d->fs->uuid && s->v[i].fs->uuid &&
			   strcmp(s->v[i].fs->uuid, d->fs->uuid) == 0 &&
			   strcmp(s->v[i].fs->type, d->fs->type) == 0;
	return 0;
}

static int add_disk(const struct machine *m, const struct machine_disk *d, struct systems_set *s)
{
	bool medium = systems_on_medium(m) && holds_medium(d);
	int r;

	for (size_t i = 0; i < d->npartitions; i++) {
		const struct machine_partition *p = &d->partitions[i];

		r = add(s, &(struct systems_device){
			.name = p->name, .path = p->path, .fs = &p->fs, .part_uuid = p->uuid,
			.part_label = p->label, .aliases = &p->aliases,
			.in_use = medium || p->mountpoints.n > 0,
			.offset = p->start, .size = p->size });
		if (r < 0)
			return r;
	}
	return add(s, &(struct systems_device){
		.name = d->name, .path = d->path, .fs = &d->fs, .aliases = &d->aliases,
		.in_use = medium || d->mountpoints.n > 0 || d->npartitions > 0, .size = d->size });
}

/* Of a filesystem on several devices, one that is mounted takes the others with it. */
static void spread_use(struct systems_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; s->v[i].in_use && j < s->n; j++)
			if (s->v[i].fs->uuid && s->v[j].fs->uuid &&
			    strcmp(s->v[i].fs->uuid, s->v[j].fs->uuid) == 0 &&
			    strcmp(s->v[i].fs->type, s->v[j].fs->type) == 0)
				s->v[j].in_use = true;
}

int systems_set_make(const struct machine *m, struct systems_set *ret)
{
	CLEANUP(systems_set_done) struct systems_set s = { .image = -1 };

	/* A volume first: the partition below it may show the same filesystem. */
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];
		const struct machine_disk *d = systems_disk_of(m, v->name);

		if (add(&s, &(struct systems_device){
			.name = v->name, .path = v->path, .fs = &v->fs, .aliases = &v->aliases,
			.in_use = v->mountpoints.n > 0 ||
				  (v->state && strcmp(v->state, "suspended") == 0) ||
				  (d && systems_on_medium(m) && holds_medium(d)) }) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < m->ndisks; i++)
		if (add_disk(m, &m->disks[i], &s) < 0)
			return -ENOMEM;
	spread_use(&s);
	*ret = s;
	s = (struct systems_set){ 0 };
	return 0;
}

void systems_set_done(struct systems_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(s->v[i].loop_fd);
	free(s->v);
	s->v = NULL;
	s->n = 0;
}

static bool is_meant(const struct systems_device *d, const char *spec)
{
	const char *value = strchr(spec, '=');
	char text[256];
	size_t n;

	if (spec[0] == '/')
		return strcmp(d->path, spec) == 0 || machine_strv_has(d->aliases, spec) ||
		       (blk_text_starts(spec, "/dev/") && strcmp(d->name, spec + 5) == 0);
	if (!value)
		return false;
	value += value[1] == '"' || value[1] == '\'' ? 2 : 1;
	n = strcspn(value, "\"'");
	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, value, n);
	text[n] = '\0';
	if (blk_text_starts(spec, "UUID="))
		return d->fs->uuid && strcasecmp(d->fs->uuid, text) == 0;
	if (blk_text_starts(spec, "LABEL="))
		return d->fs->label && strcmp(d->fs->label, text) == 0;
	if (blk_text_starts(spec, "PARTUUID="))
		return d->part_uuid && strcasecmp(d->part_uuid, text) == 0;
	if (blk_text_starts(spec, "PARTLABEL="))
		return d->part_label && strcmp(d->part_label, text) == 0;
	return false;
}

struct systems_device *systems_set_find(struct systems_set *s, const char *spec)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].in_use && is_meant(&s->v[i], spec))
			return &s->v[i];
	return NULL;
}
