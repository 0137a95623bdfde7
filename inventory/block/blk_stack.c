/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes of other makers: bcache, DRBD, and the loop and zram devices that are in use. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

/* The device whose folder ".../sdb/bcache" a link leads to. */
static int add_owner(const struct blk_walk *b, const char *link, struct machine_volume *v)
{
	CLEANUP(mem_free) char *real = NULL, *name = NULL;
	int r = sysroot_realpath(b->root, &real, "%s", link);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (strcmp(collect_util_base(real), "bcache") != 0)
		return 0;
	*strrchr(real, '/') = '\0';
	name = blk_text_device(collect_util_base(real));
	if (!name)
		return -ENOMEM;
	return *name && strcmp(name, v->name) != 0 ?
	       blk_walk_add(b, &v->slaves, name, "slaves", v->name) : 0;
}

/* "writethrough [writeback] writearound none" */
static int chosen(const char *choices, char **ret)
{
	const char *from = choices ? strchr(choices, '[') : NULL;

	return from ? collect_util_text(from + 1, strcspn(from + 1, "]"), ret) : 0;
}

/*
 * /sys/block/bcache0/bcache is a link to the folder of the backing device, whose link "cache" leads
 * to the set, /sys/fs/bcache/UUID, whose links cache0... lead to the folders of the cache devices.
 */
static int bcache_facts(const struct blk_walk *b, const char *dir, struct machine_volume *v)
{
	CLEANUP(mem_free) char *modes = NULL, *own = NULL, *set = NULL;
	CLEANUP(strv_free) char **names = NULL;
	int r = blk_attr_line(b, &v->state, "/sys/block/%s/bcache/state", dir);

	if (r == 0)
		r = blk_attr_line(b, &modes, "/sys/block/%s/bcache/cache_mode", dir);
	if (r == 0)
		r = chosen(modes, &v->cache_mode);
	if (r == 0)
		r = blk_attr_line(b, &v->uuid, "/sys/block/%s/bcache/backing_dev_uuid", dir);
	if (r < 0)
		return r;
	own = blk_text_printf("/sys/block/%s/bcache", dir);
	if (!own || add_owner(b, own, v) < 0)
		return -ENOMEM;
	r = sysroot_realpath(b->root, &set, "%s/cache", own);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = collect_util_text(collect_util_base(set), strlen(collect_util_base(set)), &v->group);
	if (r == 0)
		r = sysroot_list(b->root, &names, "%s", set);
	for (char **p = names; p && *p; p++) {
		CLEANUP(mem_free) char *link = NULL;

		if (!blk_text_starts(*p, "cache") || (*p)[5] < '0' || (*p)[5] > '9')
			continue;
		link = blk_text_printf("%s/%s", set, *p);
		if (!link || add_owner(b, link, v) < 0)
			return -ENOMEM;
	}
	return r == -ENOMEM ? r : 0;
}

/* The word after key, up to a slash or blank: "ro:Primary/Secondary" has "Primary". */
static int word_after(const char *line, size_t len, const char *key, char **ret)
{
	size_t n = strlen(key);

	for (size_t i = 0; i + n < len; i++)
		if (line[i] == ' ' && strncmp(line + i + 1, key, n) == 0)
			return collect_util_text(line + i + 1 + n,
						 strcspn(line + i + 1 + n, "/ \n"), ret);
	return 0;
}

/*
 * DRBD 8 shows " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----" in /proc/drbd,
 * by minor number; 8.2 called the roles "st:". DRBD 9 has netlink only: not known.
 */
static int drbd_status(const struct blk_walk *b, unsigned int minor, struct machine_volume *v)
{
	CLEANUP(mem_free) char *text = NULL;
	int r = sysroot_read(b->root, &text, NULL, "/proc/drbd");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		size_t len = strcspn(p, "\n");
		unsigned int n;
		int at = 0;

		if (sscanf(p, " %u: cs:%n", &n, &at) != 1 || at == 0 || (size_t)at > len ||
		    n != minor)
			continue;
		r = word_after(p, len, "ds:", &v->state);
		if (r == 0)
			r = word_after(p, len, "ro:", &v->role);
		if (r == 0 && !v->role)
			r = word_after(p, len, "st:", &v->role);
		return r;
	}
	return 0;
}

/* udev's links for it: "S:drbd/by-res/RESOURCE/VOLUME", "S:drbd/by-disk/sda3". */
static int drbd_links(const char *udev, struct machine_volume *v)
{
	static const char res[] = "S:drbd/by-res/", disk[] = "S:drbd/by-disk/";

	for (const char *p = udev; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		CLEANUP(mem_free) char *name = NULL;
		size_t n;

		if (blk_text_starts(p, res) && !v->group) {
			n = strcspn(p + strlen(res), "/\n");
			if (collect_util_text(p + strlen(res), n, &v->group) < 0)
				return -ENOMEM;
		} else if (blk_text_starts(p, disk) && v->slaves.n == 0) {
			n = strcspn(p + strlen(disk), "\n");
			if (collect_util_text(p + strlen(disk), n, &name) < 0 ||
			    (name && machine_strv_add(&v->slaves, name) < 0))
				return -ENOMEM;
		}
	}
	return 0;
}

static int drbd_facts(const struct blk_walk *b, const char *dir, const char *udev,
		      struct machine_volume *v)
{
	CLEANUP(mem_free) char *dev = NULL;
	unsigned int major, minor;
	int r = collect_util_line(b->root, &dev, "/sys/block/%s/dev", dir);

	/* A partition's number is none of DRBD's. */
	if (strchr(dir, '/'))
		return r;
	if (r == 0 && dev && sscanf(dev, "%u:%u", &major, &minor) == 2)
		r = drbd_status(b, minor, v);
	return r == 0 ? drbd_links(udev, v) : r;
}

int blk_stack_facts(const struct blk_walk *b, const char *dir, const char *udev,
		    struct machine_volume *v)
{
	static const char *const kinds[] = { "bcache", "drbd", "loop", "zram" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !v->kind; i++)
		if (blk_text_starts(dir, kinds[i])) {
			v->kind = strdup(kinds[i]);
			if (!v->kind)
				return -ENOMEM;
		}
	if (blk_text_starts(dir, "bcache"))
		r = bcache_facts(b, dir, v);
	else if (blk_text_starts(dir, "drbd"))
		r = drbd_facts(b, dir, udev, v);
	else if (blk_text_starts(dir, "loop"))
		r = blk_attr_line(b, &v->backing, "/sys/block/%.*s/loop/backing_file",
				  (int)strcspn(dir, "/"), dir);
	return r;
}
