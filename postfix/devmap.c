/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/devmap.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"

static void part_done(struct devmap_part *p)
{
	free(p->disk);
	free(p->device);
	free(p->type);
	free(p->uuid);
	free(p->label);
	free(p->partuuid);
}

void devmap_done(struct devmap *map)
{
	for (size_t i = 0; i < map->nparts; i++)
		part_done(&map->parts[i]);
	for (size_t i = 0; i < map->naliases; i++) {
		free(map->aliases[i].name);
		free(map->aliases[i].disk);
	}
	free(map->aliases);
	free(map->parts);
	free(map->root_alias);
	free(map->root_uuid);
	*map = (struct devmap){ 0 };
}

static int copy(char **to, const char *from)
{
	if (!from || !*from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

int devmap_add(struct devmap *map, const struct devmap_part *part)
{
	struct devmap_part p = { .number = part->number }, *slot;

	if (copy(&p.disk, part->disk) < 0 || copy(&p.device, part->device) < 0 ||
	    copy(&p.type, part->type) < 0 || copy(&p.uuid, part->uuid) < 0 ||
	    copy(&p.label, part->label) < 0 || copy(&p.partuuid, part->partuuid) < 0)
		goto fail;
	slot = machine_grow(&map->parts, &map->nparts, sizeof(*map->parts));
	if (!slot)
		goto fail;
	*slot = p;
	return 0;
fail:
	part_done(&p);
	return -ENOMEM;
}

int devmap_add_alias(struct devmap *map, const char *name, const char *disk)
{
	struct devmap_alias *a = machine_grow(&map->aliases, &map->naliases,
					      sizeof(*map->aliases));

	if (!a)
		return -ENOMEM;
	a->name = strdup(name);
	a->disk = strdup(disk);
	return a->name && a->disk ? 0 : -ENOMEM;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static size_t letters(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz");
}

static bool take_number(const char *s, unsigned int *ret)
{
	size_t n = digits(s);

	if (!n || n > 4 || s[n])
		return false;
	*ret = (unsigned int)strtoul(s, NULL, 10);
	return true;
}

/* Names that end in a digit put a "p" before the partition number. */
static bool split_p(const char *name, size_t disk_len, size_t *ret_len, unsigned int *ret_number)
{
	const char *rest = name + disk_len;

	*ret_len = disk_len;
	*ret_number = 0;
	if (!*rest)
		return true;
	return *rest == 'p' && take_number(rest + 1, ret_number) && *ret_number > 0;
}

static size_t nvme_len(const char *name)
{
	size_t n = strlen("nvme"), k;

	k = digits(name + n);
	if (!k || name[n + k] != 'n')
		return 0;
	n += k + 1;
	k = digits(name + n);
	return k ? n + k : 0;
}

/* "cciss/c0d1", "ida/c0d0", "rd/c0d0": the old RAID controllers. */
static size_t raid_len(const char *name)
{
	static const char *const folders[] = { "cciss/", "ida/", "rd/" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t n = strlen(folders[i]), k;

		if (strncmp(name, folders[i], n) != 0 || name[n] != 'c')
			continue;
		k = digits(name + n + 1);
		if (!k || name[n + 1 + k] != 'd')
			return 0;
		n += 1 + k + 1;
		k = digits(name + n);
		return k ? n + k : 0;
	}
	return 0;
}

bool devmap_split_name(const char *name, size_t *ret_disk_len, unsigned int *ret_number)
{
	static const char *const prefixes[] = { "emcpower", "sddlm", "sd", "hd",
						"vd", "xvd", "ubd" };
	size_t n;

	if (strncmp(name, "nvme", 4) == 0) {
		n = nvme_len(name);
		return n && split_p(name, n, ret_disk_len, ret_number);
	}
	if (strncmp(name, "mmcblk", 6) == 0) {
		n = digits(name + 6);
		return n && split_p(name, 6 + n, ret_disk_len, ret_number);
	}
	n = raid_len(name);
	if (n)
		return split_p(name, n, ret_disk_len, ret_number);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t p = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], p) != 0)
			continue;
		n = letters(name + p);
		if (!n || n > 3)
			return false;
		n += p;
		*ret_disk_len = n;
		*ret_number = 0;
		return !name[n] || (take_number(name + n, ret_number) && *ret_number > 0);
	}
	return false;
}

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const struct machine_volume *find_volume(const struct machine *m, const char *name)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		if ((v->path && strcmp(v->path, name) == 0) || machine_strv_has(&v->aliases, name))
			return v;
	}
	return NULL;
}

bool devmap_is_old_name(const char *name)
{
	size_t len;
	unsigned int number;

	if (starts(name, "/dev/disk/by-id/"))
		/* Device-mapper and md carry their identity in their own metadata. */
		return !starts(name, "/dev/disk/by-id/dm-") &&
		       !starts(name, "/dev/disk/by-id/md-") &&
		       !starts(name, "/dev/disk/by-id/lvm-");
	if (starts(name, "/dev/disk/by-path/"))
		return true;
	return starts(name, "/dev/") && devmap_split_name(name + 5, &len, &number);
}

/* (disk, number) by the inventory; else by the look of the name. */
static bool locate(const struct devmap *map, const char *name, char *disk, size_t size,
		   unsigned int *ret_number, const struct machine_partition **ret_part,
		   const struct machine_disk **ret_disk)
{
	const struct machine *m = map->machine;
	const struct machine_disk *d = NULL;
	const struct machine_partition *p;
	const char *part;
	size_t len;

	*ret_part = NULL;
	*ret_disk = NULL;
	if (m) {
		p = machine_find_partition(m, name, &d);
		if (p && d->name) {
			*ret_part = p;
			*ret_number = p->number;
			return snprintf(disk, size, "%s", d->name) < (int)size;
		}
		d = machine_find_disk(m, name);
		if (d && d->name) {
			*ret_disk = d;
			*ret_number = 0;
			return snprintf(disk, size, "%s", d->name) < (int)size;
		}
		/* A link to a partition that was not recorded, but the one to its disk was. */
		part = strstr(name, "-part");
		if (starts(name, "/dev/disk/") && part && take_number(part + 5, ret_number)) {
			CLEANUP(mem_free) char *whole = strndup(name, (size_t)(part - name));

			d = whole ? machine_find_disk(m, whole) : NULL;
			if (d && d->name) {
				for (size_t i = 0; i < d->npartitions; i++)
					if (d->partitions[i].number == *ret_number)
						*ret_part = &d->partitions[i];
				return snprintf(disk, size, "%s", d->name) < (int)size;
			}
		}
	}
	if (!starts(name, "/dev/") || !devmap_split_name(name + 5, &len, ret_number) || len >= size)
		return false;
	memcpy(disk, name + 5, len);
	disk[len] = '\0';
	return true;
}

static const struct devmap_part *find_part(const struct devmap *map, const char *disk,
					   unsigned int number)
{
	for (size_t i = 0; i < map->nparts; i++) {
		const struct devmap_part *p = &map->parts[i];

		if (p->disk && p->number == number && strcmp(p->disk, disk) == 0)
			return p;
	}
	return NULL;
}

const struct devmap_part *devmap_find(const struct devmap *map, const char *name)
{
	const struct machine_partition *mp;
	const struct machine_disk *md;
	char disk[64];
	unsigned int number;

	if (!locate(map, name, disk, sizeof(disk), &number, &mp, &md))
		return NULL;
	return find_part(map, disk, number);
}

const struct devmap_part *devmap_find_volume(const struct devmap *map, const char *name)
{
	const struct machine_volume *v = find_volume(map->machine, name);

	for (size_t i = 0; v && v->fs.uuid && i < map->nparts; i++)
		if (map->parts[i].uuid && strcasecmp(map->parts[i].uuid, v->fs.uuid) == 0)
			return &map->parts[i];
	return NULL;
}

/* Written into configuration as it stands, so nothing that a shell or a parser would take apart. */
static bool id_is_plain(const char *s)
{
	if (!s || !*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '.' && *s != '_')
			return false;
	return true;
}

/* A member of an array or a volume group has a UUID, but not one that can be mounted. */
static bool is_container(const char *type)
{
	size_t n = type ? strlen(type) : 0;

	return n > 7 && strcmp(type + n - 7, "_member") == 0;
}

static bool uuid_is_unique(const struct devmap *map, const char *uuid)
{
	size_t n = 0;

	for (size_t i = 0; i < map->nparts; i++)
		if (map->parts[i].uuid && strcasecmp(map->parts[i].uuid, uuid) == 0)
			n++;
	return n <= 1;
}

static int write_ref(const struct devmap *map, const char *type, const char *uuid,
		     const char *partuuid, enum devmap_style style, char **ret)
{
	const char *tag;
	char *s;

	if (id_is_plain(uuid) && !is_container(type) && uuid_is_unique(map, uuid)) {
		tag = style == DEVMAP_TAG ? "UUID=" : "/dev/disk/by-uuid/";
	} else if (id_is_plain(partuuid)) {
		tag = style == DEVMAP_TAG ? "PARTUUID=" : "/dev/disk/by-partuuid/";
		uuid = partuuid;
	} else {
		return DEVMAP_UNKNOWN;
	}
	if (asprintf(&s, "%s%s", tag, uuid) < 0)
		return -ENOMEM;
	*ret = s;
	return DEVMAP_MAPPED;
}

static int translate_old(const struct devmap *map, const char *name, enum devmap_style style,
			 char **ret, bool *ret_copied)
{
	const struct machine_partition *mp;
	const struct machine_disk *md;
	const struct devmap_part *p;
	char disk[64];
	unsigned int number;

	*ret_copied = false;
	if (!locate(map, name, disk, sizeof(disk), &number, &mp, &md))
		return DEVMAP_UNKNOWN;
	p = find_part(map, disk, number);
	if (p) {
		*ret_copied = true;
		return write_ref(map, p->type, p->uuid,
				 p->partuuid ? p->partuuid : mp ? mp->uuid : NULL, style, ret);
	}
	if (mp)
		return write_ref(map, mp->fs.type, mp->fs.uuid, mp->uuid, style, ret);
	if (md)
		return write_ref(map, md->fs.type, md->fs.uuid, NULL, style, ret);
	return DEVMAP_UNKNOWN;
}

/* A multipath map, or a partition that kpartx made of one. */
static bool is_multipath(const struct machine_volume *v)
{
	const char *map = v->uuid ? strstr(v->uuid, "-mpath-") : NULL;

	return v->kind && (strcmp(v->kind, "mpath") == 0 ||
			   (strcmp(v->kind, "part") == 0 && map));
}

/* What is behind the alias's name in /dev/mapper/NAME...: a partition's number; 0: nothing. */
static bool alias_number(const char *rest, unsigned int *ret)
{
	static const char *const separators[] = { "-part", "_part", "p", "" };

	*ret = 0;
	if (!*rest)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(separators); i++)
		if (starts(rest, separators[i]) && take_number(rest + strlen(separators[i]), ret))
			return *ret > 0;
	return false;
}

/* The alias that name begins with, and the number behind it; NULL: it is none. */
static const struct devmap_alias *find_alias(const struct devmap *map, const char *name,
					     unsigned int *ret_number)
{
	static const char dir[] = "/dev/mapper/";

	for (size_t i = 0; i < map->naliases && starts(name, dir); i++) {
		const struct devmap_alias *a = &map->aliases[i];
		const char *rest = name + sizeof(dir) - 1;

		if (a->name && a->disk && starts(rest, a->name) &&
		    alias_number(rest + strlen(a->name), ret_number))
			return a;
	}
	return NULL;
}

static int translate_alias(const struct devmap *map, const char *disk, unsigned int number,
			   enum devmap_style style, char **ret, bool *ret_copied)
{
	const struct machine_disk *d = map->machine && *disk ?
				       machine_find_disk(map->machine, disk) : NULL;
	const struct devmap_part *p = find_part(map, disk, number);

	*ret_copied = p != NULL;
	if (p)
		return write_ref(map, p->type, p->uuid, p->partuuid, style, ret);
	for (size_t i = 0; d && i < d->npartitions; i++)
		if (d->partitions[i].number == number)
			return write_ref(map, d->partitions[i].fs.type, d->partitions[i].fs.uuid,
					 d->partitions[i].uuid, style, ret);
	return DEVMAP_UNKNOWN;
}

int devmap_translate(const struct devmap *map, const char *name, enum devmap_style style,
		     char **ret, bool *ret_copied)
{
	unsigned int number;
	const struct devmap_alias *alias = find_alias(map, name, &number);
	const struct machine_volume *v;
	bool copied = true;
	int r = DEVMAP_KEEP;

	if (alias) {
		r = translate_alias(map, alias->disk, number, style, ret, &copied);
	} else if (devmap_is_old_name(name)) {
		r = translate_old(map, name, style, ret, &copied);
	} else {
		v = find_volume(map->machine, name);
		/* Multipath is gone on the target: one disk instead of a map over several. */
		if (v && is_multipath(v))
			r = write_ref(map, v->fs.type, v->fs.uuid, NULL, style, ret);
	}
	if ((r == DEVMAP_UNKNOWN || r == DEVMAP_KEEP) && map->root_alias && map->root_uuid &&
	    strcmp(map->root_alias, name) == 0)
		r = write_ref(map, NULL, map->root_uuid, NULL, style, ret);
	if (r == DEVMAP_MAPPED && ret_copied)
		*ret_copied = copied;
	return r;
}

static bool known_ref(const struct devmap *map, size_t member, const char *id)
{
	for (size_t i = 0; i < map->nparts; i++) {
		const char *have = *(char *const *)((const char *)&map->parts[i] + member);

		if (have && strcasecmp(have, id) == 0)
			return true;
	}
	return false;
}

bool devmap_is_missing(const struct devmap *map, const char *ref)
{
	static const struct {
		const char *prefix;
		size_t member;
	} kinds[] = {
		{ "UUID=", offsetof(struct devmap_part, uuid) },
		{ "/dev/disk/by-uuid/", offsetof(struct devmap_part, uuid) },
		{ "PARTUUID=", offsetof(struct devmap_part, partuuid) },
		{ "/dev/disk/by-partuuid/", offsetof(struct devmap_part, partuuid) },
	};

	if (!map->nparts)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *id = ref + strlen(kinds[i].prefix);
		CLEANUP(mem_free) char *bare = NULL;
		size_t n;

		if (!starts(ref, kinds[i].prefix))
			continue;
		if (*id == '"')
			id++;
		n = strcspn(id, "\"");
		bare = strndup(id, n);
		return bare && !known_ref(map, kinds[i].member, bare);
	}
	return false;
}
