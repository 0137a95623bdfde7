/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md arrays (Documentation/admin-guide/md.rst of the kernel).
 *
 * The metadata of firmware RAID is kept by mdmon, outside the kernel: "external:imsm" is a
 * container, which holds disks and has no size or level of its own, and "external:/md127/0" an
 * array inside it ("external:-md127/0" while it is read-only).
 */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

static int copy_text(const char *s, char **ret)
{
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

/* *ret_container: the array is one. */
static int read_metadata(const struct blk_walk *b, const char *dir, struct machine_volume *v,
			 bool *ret_container)
{
	CLEANUP(mem_free) char *text = NULL, *outer = NULL;
	const char *p;
	int r = blk_attr_line(b, &text, "/sys/block/%s/md/metadata_version", dir);

	if (r < 0 || !text || strcmp(text, "none") == 0)
		return r;
	if (!blk_text_starts(text, "external:")) {
		v->metadata = TAKE_PTR(text);
		return 0;
	}
	p = text + strlen("external:");
	if (*p != '/' && *p != '-') {
		*ret_container = true;
		return *p ? copy_text(p, &v->metadata) : 0;
	}
	p++;
	v->group = strndup(p, strcspn(p, "/"));
	if (!v->group)
		return -ENOMEM;
	r = collect_util_line(b->root, &outer, "/sys/block/%s/md/metadata_version", v->group);
	if (r < 0 || !outer || !blk_text_starts(outer, "external:"))
		return r;
	return copy_text(outer + strlen("external:"), &v->metadata);
}

/* "in_sync,write_mostly" has the word "in_sync". */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == len && strncmp(p, word, len) == 0)
			return true;
	return false;
}

/*
 * How many places have no member that is up to date. Before an array runs its members have no
 * place, and all that are not faulty count.
 */
static int count_missing(const struct blk_walk *b, const char *dir, bool inactive, uint32_t wanted,
			 uint32_t *ret)
{
	CLEANUP(strv_free) char **names = NULL;
	uint32_t n = 0;
	bool told = false;
	int r = sysroot_list(b->root, &names, "/sys/block/%s/md", dir);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *state = NULL;
		uint32_t slot = UINT32_MAX;

		if (!blk_text_starts(*p, "dev-"))
			continue;
		told = true;
		r = blk_attr_line(b, &state, "/sys/block/%s/md/%s/state", dir, *p);
		if (r < 0)
			return r;
		collect_util_u32(b->root, &slot, "/sys/block/%s/md/%s/slot", dir, *p);
		if (state && has_word(state, "faulty"))
			continue;
		n += inactive || (slot < wanted && (!state || has_word(state, "in_sync")));
	}
	if (told && n < wanted)
		*ret = wanted - n;
	return 0;
}

/* "4", or "5 (4)" while it is reshaped from four to five. */
static int read_devices(const struct blk_walk *b, const char *dir, const char *udev, uint32_t *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	unsigned long v;
	int r = collect_util_line(b->root, &text, "/sys/block/%s/md/raid_disks", dir);

	if (r == 0 && !text)
		r = collect_util_key(udev, "MD_DEVICES", &text);
	if (r < 0 || !text)
		return r;
	errno = 0;
	v = strtoul(text, NULL, 10);
	/* md's own limit is 1920; what is far beyond is damage. */
	*ret = errno == 0 && v <= UINT16_MAX ? (uint32_t)v : 0;
	return 0;
}

int blk_md_facts(const struct blk_walk *b, const char *dir, const char *udev,
		 struct machine_volume *v, bool *ret_empty)
{
	uint32_t degraded = 0;
	bool container = false, inactive;
	int r = copy_text("md", &v->kind);

	if (r == 0)
		r = read_metadata(b, dir, v, &container);
	if (r == 0)
		r = blk_attr_line(b, &v->level, "/sys/block/%s/md/level", dir);
	if (r == 0)
		r = blk_attr_line(b, &v->state, "/sys/block/%s/md/array_state", dir);
	if (r == 0)
		r = collect_util_key(udev, "MD_UUID", &v->uuid);
	if (r == 0 && !v->uuid)
		r = collect_util_line(b->root, &v->uuid, "/sys/block/%s/md/uuid", dir);
	if (r == 0 && !v->metadata)
		r = collect_util_key(udev, "MD_METADATA", &v->metadata);
	if (r == 0)
		r = read_devices(b, dir, udev, &v->devices);
	if (r < 0)
		return r;
	inactive = v->state && strcmp(v->state, "inactive") == 0;
	*ret_empty = v->size == 0 && !inactive && !container;
	if (container) {
		/* It never becomes active, so that tells nothing; mdadm calls it so. */
		free(v->state);
		v->state = NULL;
		v->devices = 0;
		free(v->level);
		return copy_text("container", &v->level);
	}
	if (v->devices == 0 || !v->state)
		return 0;
	r = count_missing(b, dir, inactive, v->devices, &v->missing);
	collect_util_u32(b->root, &degraded, "/sys/block/%s/md/degraded", dir);
	if (degraded > v->missing)
		v->missing = degraded < v->devices ? degraded : v->devices;
	return r;
}
