/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btrfs, read with our own code. What is at rest on disk is what the last commit left: nothing is
 * ever overwritten before the superblocks say so, hence there is no "clean" flag to look for, only
 * a log tree that fsync leaves behind. What must hold before anything counts as free is said where
 * it is checked:
 *
 *	superblocks	one filesystem, all devices, all copies alike, features that are known
 *	chunk tree	readable through the superblock's own list; the devices' items
 *	root tree	all of it; nothing in it that is half done (balance, relocation)
 *	dev tree	the same stripes as in the chunk tree; no replacement half done
 *	extent tree	with the block groups and the free space tree
 *
 * Of metadata that is there twice the first copy is read. If that is damaged it is a doubt, though
 * the kernel would take the second one.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "common/digest.h"
#include "common/text.h"
#include "disk/fs/fs.h"

#define LABEL_OFFSET		0x12b
#define LABEL_LEN		256u

/* struct btrfs_root_item */
#define ROOT_BYTENR		176u
#define ROOT_LEVEL		238u
#define ROOT_GENERATION		160u
#define ROOT_LEN		239u	/* newer ones are longer */

#define BALANCE_OBJECT		UINT64_C(-4)
#define RELOC_TREE		UINT64_C(-8)

/* Chunks are 256 MiB to 1 GiB as a rule, smaller ones on small devices. */
#define CHUNKS_BASE		1024u
#define CHUNK_AVERAGE		(4 * MIB)

int fs_btrfs_doubt(struct btrfs *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fs_vdoubt(b->why, b->err, fmt, ap);
	va_end(ap);
	return r;
}

/* The finaliser of SplitMix64: sums of it over different sets do not happen to be the same. */
void fs_btrfs_count_block(struct btrfs_blocks *set, uint64_t bytenr)
{
	uint64_t v = bytenr + UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	set->sum += v ^ v >> 31;
	set->n++;
}

int fs_btrfs_identify(const struct space *s, uint8_t fsid[static FS_BTRFS_UUID_LEN],
		      uint64_t *ret_devid, uint64_t *ret_num_devices, char **ret_why,
		      struct err *err)
{
	CLEANUP(mem_free) struct btrfs_super *super = malloc(sizeof(*super));
	const char *bad;
	int r;

	if (!super)
		return err_nomem(err);
	r = fs_btrfs_super_read(s, fs_btrfs_super_offsets[0], super, &bad, err);
	if (r <= 0)
		return r < 0 ? r : fs_doubt(ret_why, err, "%s", bad);
	memcpy(fsid, super->fsid, FS_BTRFS_UUID_LEN);
	*ret_devid = super->dev.devid;
	*ret_num_devices = super->num_devices;
	return 1;
}

int fs_btrfs_name(const struct space *s, char **ret, struct err *err)
{
	uint8_t super[BTRFS_SUPER_LEN];
	char text[4 * LABEL_LEN + 4], hex[2 * FS_BTRFS_UUID_LEN + 1];
	const uint8_t *label = super + LABEL_OFFSET;
	int r;

	r = space_read(s, super, sizeof(super), fs_btrfs_super_offsets[0], err);
	if (r < 0)
		return r;
	if (label[0] != '\0') {
		text_escape(label, strnlen((const char *)label, LABEL_LEN), text, sizeof(text));
		*ret = strdup(text);
	} else {
		digest_hex(super + 0x20, FS_BTRFS_UUID_LEN, hex);
		*ret = text_format("%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12, hex + 16,
				   hex + 20);
	}
	return *ret ? 0 : err_nomem(err);
}

static int check_root_item(struct btrfs *b, const struct btrfs_item *item)
{
	uint64_t id = item->key.objectid;
	const uint8_t *p = item->data;

	if (id == RELOC_TREE)
		return fs_btrfs_doubt(b, "a relocation that is not finished");
	if (id >= BTRFS_TREES || id == BTRFS_ROOT_TREE || id == BTRFS_CHUNK_TREE)
		return 1;
	if (item->size < ROOT_LEN || p[ROOT_LEVEL] >= BTRFS_LEVELS || b->roots[id].there)
		return fs_btrfs_doubt(b, "the root of tree %" PRIu64 " is damaged", id);
	b->roots[id] = (struct btrfs_root){
		true, get_le64(p + ROOT_BYTENR), get_le64(p + ROOT_GENERATION), p[ROOT_LEVEL],
	};
	return 1;
}

static int read_roots(struct btrfs *b)
{
	CLEANUP(fs_btrfs_walk_done) struct btrfs_walk w = { 0 };
	const struct btrfs_item *item;
	int r;

	r = fs_btrfs_walk_start(b, BTRFS_ROOT_TREE, &w);
	while (r > 0 && (r = fs_btrfs_walk_next(&w, &item)) > 0 && item->data) {
		if (item->key.type == BTRFS_ROOT_ITEM)
			r = check_root_item(b, item);
		else if (item->key.type == BTRFS_TEMPORARY_ITEM &&
			 item->key.objectid == BALANCE_OBJECT)
			r = fs_btrfs_doubt(b, "a balance that is not finished");
	}
	return r;
}

static int run(struct btrfs *b, bool *ret_space_tree)
{
	uint64_t max = CHUNKS_BASE;
	int r;

	r = fs_btrfs_super_check(b);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < b->n; i++)
		max += b->devices[i].super.dev.total_bytes / CHUNK_AVERAGE;
	b->system.max = b->chunks.max = (size_t)max;
	r = fs_btrfs_super_chunks(b);
	if (r > 0)
		r = fs_btrfs_dev_read_chunks(b);
	if (r > 0)
		r = read_roots(b);
	if (r > 0)
		r = fs_btrfs_dev_check(b);
	if (r > 0)
		r = fs_btrfs_extent_check(b, ret_space_tree);
	if (r > 0)
		fs_btrfs_dev_keep_reserved(b);
	return r;
}

int fs_btrfs_map(struct space *const *devices, struct bitmap *const *maps, size_t n,
		 char **ret_why, struct err *err)
{
	CLEANUP(mem_free) struct btrfs_device *v = calloc(n + 1, sizeof(*v));
	CLEANUP(mem_free) char *why = NULL;
	struct btrfs b = { .devices = v, .n = n, .why = &why, .err = err };
	bool space_tree = false;
	int r;

	if (!v)
		return err_nomem(err);
	if (n == 0 || n > BTRFS_DEVICES_MAX) {
		r = fs_btrfs_doubt(&b, "an impossible number of devices");
	} else {
		for (size_t i = 0; i < n; i++) {
			v[i].space = devices[i];
			v[i].map = maps[i];
		}
		r = run(&b, &space_tree);
	}
	fs_btrfs_chunks_done(&b.system);
	fs_btrfs_chunks_done(&b.chunks);
	r = fs_conclude(r, space_tree ? "extent tree and free space tree" : "extent tree", NULL,
			&why, ret_why, err);
	/* Bits were cleared on the way; they mean nothing before the last check. */
	for (size_t i = 0; i < n && r <= 0; i++)
		bitmap_set_all(maps[i]);
	return r;
}
