/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each level takes what is there, makes its volumes out of it, and adds them: so the next level
 * finds them among the rest. An error of a disk is a doubt about the content it was met in, no
 * more: an unreadable bitmap is no reason not to copy the rest of the disk.
 */
#include "disk/contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "disk/contents_btrfs.h"
#include "disk/contents_live.h"
#include "disk/fs/fs.h"
#include "disk/lvm/lvm_assemble.h"
#include "disk/md/md_assemble.h"

#define KIND_MD		"linux_raid_member"
#define KIND_LVM	"LVM2_member"
/* A map is as fine as fits into this much memory, and no coarser than the disks' own. */
#define SCRATCH_MAX	(16 * MIB)
#define FINEST		(4 * KIB)
#define COARSEST	(64 * KIB)

int contents_as_doubt(int r, char **why, struct err *err)
{
	/* -ETIME: nothing is wrong with the disk, and all will be read again (view.h). */
	if (r >= 0 || r == -ENOMEM || r == -ETIME)
		return r;
	if (err)
		err_reset(err);
	return fs_doubt(why, err, "its metadata is unreadable");
}

static struct content *add(struct contents *c, struct err *err)
{
	struct content *v = reallocarray(c->v, c->n + 1, sizeof(*v));

	if (!v) {
		(void)err_nomem(err);
		return NULL;
	}
	c->v = v;
	v += c->n++;
	*v = (struct content){ .reader = VIEW_NOBODY };
	return v;
}

static int set_text(char **to, const char *text, struct err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_nomem(err);
	free(*to);
	*to = copy;
	return 0;
}

int contents_add_opaque(struct contents *c, const char *why, struct err *err)
{
	struct content *v = add(c, err);
	int r = v ? set_text(&v->kind, KIND_UNKNOWN, err) : -ENOMEM;

	if (r < 0)
		return r;
	v->done = true;
	return fs_doubt(&v->why, err, "%s", why);
}

int contents_add(struct contents *c, struct space *s, struct err *err)
{
	struct content *v = add(c, err);
	enum detected found;
	int r;

	if (!v)
		return -ENOMEM;
	v->space = s;
	v->size = s->size;
	r = detect(s, &found, &v->kind, &v->beside, err);
	if (r < 0 || found == DETECT_ONE)
		return r;
	v->done = true;
	r = set_text(&v->kind, KIND_UNKNOWN, err);
	if (r < 0)
		return r;
	return fs_doubt(&v->why, err, "%s", found == DETECT_MANY ?
			"several signatures contradict each other" : found == DETECT_NONE ?
			"no known filesystem" : "cannot be probed");
}

/* --- levels that make volumes --- */

typedef int assemble_fn(struct space *const *members, size_t n, struct assembly *ret,
			struct err *err);

void contents_settle(struct contents *c)
{
	for (size_t i = 0; i < c->ndisks; i++)
		space_disk_settle(c->disks[i]);
}

static void release_extents(struct contents *c, struct space *s, const struct extents *free_)
{
	for (size_t i = 0; i < free_->n; i++)
		space_release(s, free_->v[i].offset, free_->v[i].length);
	contents_settle(c);
}

/* A volume and what is known of it. */
static int add_volume(struct contents *c, struct assembly_volume *v, struct err *err)
{
	struct content *x;
	int r;

	if (v->space && !v->kind) {
		r = contents_add(c, v->space, err);
	} else if (v->space && v->space->view) {
		/* A pool's maps change with every write to what lies in it. */
		r = contents_add_opaque(c, "a thin pool that is in use", err);
		if (r == 0)
			r = set_text(&c->v[c->n - 1].kind, v->kind, err);
	} else {
		r = contents_add_opaque(c, v->why ? v->why : "it cannot be read", err);
		if (r == 0 && v->kind) {
			x = &c->v[c->n - 1];
			r = set_text(&x->kind, v->kind, err);
			x->trusted = v->trusted;
			x->size = v->space ? v->space->size : 0;
			x->free = extents_bytes(&v->free);
			if (r == 0 && v->trusted)
				r = set_text(&x->why, v->why, err);
			if (r == 0 && v->trusted)
				release_extents(c, v->space, &v->free);
		}
	}
	if (r < 0)
		return r;
	c->v[c->n - 1].assembled = true;
	return set_text(&c->v[c->n - 1].name, v->name, err);
}

/*
 * A member that also looks like a filesystem is believed to be a member only when that filesystem
 * is what the array holds; else one of the two labels is a left-over, and nobody knows which.
 */
static bool beside_fits(const struct contents *c, const size_t *which, const struct assembly *a,
			size_t first_volume, size_t volume)
{
	const struct assembly_volume *v = &a->volumes[volume];
	const char *kind = c->v[first_volume + volume].kind;

	for (size_t i = 0; i < v->nmembers; i++) {
		const char *beside = c->v[which[v->members[i]]].beside;

		if (beside && strcmp(beside, kind) != 0)
			return false;
	}
	return true;
}

static int distrust(struct content *x, struct err *err)
{
	x->done = true;
	x->trusted = false;
	x->space = NULL;
	return fs_doubt(&x->why, err, "several signatures contradict each other");
}

static int make_volumes(struct contents *c, const size_t *which, struct assembly *a,
			struct err *err)
{
	size_t first = c->n;
	int r = 0;

	for (size_t i = 0; i < a->nvolumes && r == 0; i++)
		r = add_volume(c, &a->volumes[i], err);
	for (size_t i = 0; i < a->nvolumes && r == 0; i++) {
		if (beside_fits(c, which, a, first, i))
			continue;
		r = distrust(&c->v[first + i], err);
		for (size_t k = 0; k < a->volumes[i].nmembers && r == 0; k++)
			r = distrust(&c->v[which[a->volumes[i].members[k]]], err);
	}
	return r;
}

static int read_members(struct contents *c, const char *kind, assemble_fn *assemble,
			struct assembly *a, struct err *err)
{
	CLEANUP(mem_free) struct space **members = calloc(c->n + 1, sizeof(struct space *));
	CLEANUP(mem_free) size_t *which = calloc(c->n + 1, sizeof(*which));
	size_t n = 0, reader = VIEW_NOBODY;
	int r;

	if (!members || !which)
		return err_nomem(err);
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].done || strcmp(c->v[i].kind, kind) != 0)
			continue;
		which[n] = i;
		members[n++] = c->v[i].space;
	}
	if (n == 0)
		return 0;
	r = contents_live_begin(c, &reader, err);
	if (r == 0)
		r = assemble(members, n, a, err);
	contents_live_end(c);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct content *x = &c->v[which[i]];
		struct assembly_member *m = &a->members[i];

		x->done = true;
		x->trusted = m->trusted;
		x->why = TAKE_PTR(m->why);
		x->reader = reader;
	}
	r = make_volumes(c, which, a, err);
	/* Not before: what the volumes hold may have cast doubt on their members. */
	for (size_t i = 0; i < n && r == 0; i++)
		if (c->v[which[i]].trusted)
			release_extents(c, members[i], &a->members[i].free);
	return r;
}

/* --- filesystems --- */

int contents_new_scratch(uint64_t size, struct bitmap **ret, struct err *err)
{
	uint64_t granularity = FINEST;
	int r;

	while (granularity < COARSEST && size / granularity / 8 > SCRATCH_MAX)
		granularity *= 2;
	r = bitmap_new(size, granularity, ret);
	if (r < 0)
		return err_code(err, -r, "cannot make a map");
	bitmap_set_all(*ret);
	return 0;
}

/* Why there is no reader, where that needs no program to be written. */
static const char *no_reader(const char *kind)
{
	static const struct {
		const char *kind, *why;
	} table[] = {
		{ "crypto_LUKS", "encrypted" },
		{ "BitLocker", "encrypted" },
		{ "iso9660", "a read-only filesystem without free space" },
		{ "squashfs", "a read-only filesystem without free space" },
		{ "squashfs3", "a read-only filesystem without free space" },
		{ "erofs", "a read-only filesystem without free space" },
		{ "cramfs", "a read-only filesystem without free space" },
		{ "zfs_member", "no reader for pools of ZFS" },
		{ "ReFS", "no reader for ReFS" },
		{ "apfs", "no reader for APFS" },
		{ "bcache", "no reader for bcache" },
		{ "isw_raid_member", "firmware RAID" },
		{ "ddf_raid_member", "firmware RAID" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].kind, kind) == 0)
			return table[i].why;
	return "no reader for this kind";
}

static int read_fs(struct contents *c, struct content *x, struct err *err)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	fs_map_fn *read = fs_reader(x->kind);
	int r;

	x->done = true;
	if (!read)
		return fs_doubt(&x->why, err, "%s", no_reader(x->kind));
	if (x->space->view && !fs_needs_no_rest(x->kind)) {
		r = contents_live_begin(c, &x->reader, err);
		if (r < 0)
			return r;
	}
	r = contents_new_scratch(x->space->size, &map, err);
	if (r == 0)
		r = contents_as_doubt(read(x->space, map, &x->why, err), &x->why, err);
	contents_live_end(c);
	if (r <= 0)
		return r;
	x->trusted = true;
	x->free = x->size - bitmap_bytes(map);
	space_release_clear(x->space, map);
	contents_settle(c);
	return 0;
}

int contents_read(struct contents *c, struct err *err)
{
	int r;

	/* Twice, since an array may be made of arrays. */
	r = read_members(c, KIND_MD, md_assemble, &c->md, err);
	if (r == 0)
		r = read_members(c, KIND_MD, md_assemble, &c->md_on_md, err);
	if (r == 0)
		r = read_members(c, KIND_LVM, lvm_assemble, &c->lvm, err);
	if (c->structure_only)
		return r;
	if (r == 0 && c->live)
		r = contents_live_judge(c, err);
	if (r == 0)
		r = contents_btrfs_read(c, err);
	for (size_t i = 0; i < c->n && r == 0; i++)
		if (!c->v[i].done && !(c->live && fs_is_ext(c->v[i].kind)))
			r = read_fs(c, &c->v[i], err);
	/* Last, where time may be short: what is read late of those does no harm. */
	for (size_t i = 0; i < c->n && r == 0; i++)
		if (!c->v[i].done)
			r = read_fs(c, &c->v[i], err);
	if (r == 0 && c->live)
		r = contents_live_cover(c, err);
	return r;
}

void contents_done(struct contents *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].kind);
		free(c->v[i].beside);
		free(c->v[i].why);
		free(c->v[i].name);
	}
	free(c->v);
	assembly_done(&c->lvm);
	assembly_done(&c->md_on_md);
	assembly_done(&c->md);
	*c = (struct contents){ 0 };
}
