/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of btrfs share: filesystems with a history that the kernel made on loop devices,
 * or as mkfs.btrfs left them; the reader's answer; where the tree blocks are.
 *
 * The kernel knows a filesystem by its fsid: an original and its copy are never mounted, nor have
 * loop devices, at the same time.
 */
#ifndef P2V_TESTS_FS_BTRFS_H
#define P2V_TESTS_FS_BTRFS_H

#include "tests/images/property.h"
#include "common/bytes.h"
#include "common/digest.h"
#include "disk/fs/fs_btrfs.h"
#include "disk/usedmap.h"

#define SUPER	(64 * KIB)
#define DEVICES	4u

struct flavour {
	const char *name, *mkfs, *mount;
	unsigned int devices, mib, steps;
	bool group_tree;	/* see below */
};

/* --- loop devices --- */

static char history[4096];	/* the script */

/* fs0.img ... (or copy0.img ...) become loop devices, named in the file "loops". */
UNUSED static int attach(const char *base, unsigned int n)
{
	int r = image_run("rm -f loops");

	for (unsigned int i = 0; i < n && r == 0; i++)
		r = image_run("losetup -f --show %s%u.img >>loops", base, i);
	return r;
}

/* The kernel must forget them, or it believes the next ones to be their twins. */
UNUSED static void detach(void)
{
	image_run("for l in $(cat loops); do btrfs device scan -u $l; losetup -d $l; done");
}

UNUSED static int mount_loops(const char *options)
{
	return image_run("mkdir -p mnt; o=%s; for l in $(cat loops); do btrfs device scan $l; "
			 "o=$o,device=$l; done; mount -t btrfs -o $o $(head -n 1 loops) mnt",
			 options);
}

UNUSED static bool can_mount(void)
{
	static const char here[] = __FILE__;
	char path[512];

	snprintf(path, sizeof(path), "%.*s/../images/history.sh",
		 (int)(strrchr(here, '/') - here), here);
	ck_assert_ptr_nonnull(realpath(path, history));
	return geteuid() == 0 &&
	       image_run("grep -qw btrfs /proc/filesystems || modprobe btrfs") == 0 &&
	       image_run("losetup -f") == 0;
}

#define NEED_BTRFS() \
	do { \
		IMAGE_NEED("mkfs.btrfs"); \
		if (!can_mount()) \
			UNIT_LEAVE("cannot mount btrfs"); \
	} while (0)

/* The last eight stay valid. */
static const char *image_of(const char *base, unsigned int i)
{
	static char names[8][32];
	static unsigned int next;
	char *name = names[next++ % 8];

	snprintf(name, sizeof(names[0]), "%s%u.img", base, i);
	return name;
}

UNUSED static void rewrite_file(const char *name, size_t size, uint64_t *rnd, unsigned int times)
{
	int fd = open(image_path(name), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	uint64_t buf[512];

	ck_assert_int_ge(fd, 0);
	for (size_t at = 0; at < size; at += sizeof(buf)) {
		for (size_t i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = image_random(rnd);
		/* When there is no room, then not. */
		if (pwrite(fd, buf, MIN(size - at, sizeof(buf)), (off_t)at) < 0)
			break;
	}
	for (unsigned int i = 0; i < times; i++) {
		if (pwrite(fd, buf, 1 + image_random(rnd) % 9000 % sizeof(buf),
			   (off_t)(image_random(rnd) % size)) < 0)
			break;
		if (i % 100 == 99)
			syncfs(fd);
	}
	close(fd);
}

/* What takes long with a process for each step: a file in many pieces, and many files. */
UNUSED static void rewrite(uint64_t seed)
{
	uint64_t rnd = seed + 1;
	char name[64];

	rewrite_file("mnt/big", 5 << 20, &rnd, 400);
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "mnt/many%d", i);
		rewrite_file(name, 10 + image_random(&rnd) % 9000, &rnd, 0);
	}
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "mnt/many%d", i);
		if (image_random(&rnd) % 3)
			ck_assert_int_eq(unlink(image_path(name)), 0);
	}
}

UNUSED static void fix_csum(uint8_t *p, size_t len)
{
	put_le32(p, digest_crc32c(0, p + 32, len - 32));
}

/* --- a block group tree --- */

/*
 * mkfs.btrfs 6.2 cannot make one, the kernel can neither but goes on with it. So the UUID tree,
 * which the kernel makes anew when it is missing, becomes the block group tree of a new filesystem:
 * one leaf for another, and what is in use stays as it is.
 */
#define NODE	16384u

struct leaf {
	uint64_t offset;
	uint8_t p[NODE];
};

UNUSED static uint8_t *leaf_item(struct leaf *l, uint32_t i)
{
	return l->p + 101 + i * 25;
}

UNUSED static uint8_t *leaf_data(struct leaf *l, uint32_t i)
{
	return l->p + 101 + get_le32(leaf_item(l, i) + 17);
}

UNUSED static void leaf_append(struct leaf *l, const uint8_t *key, const uint8_t *data,
			       uint32_t size)
{
	uint32_t n = get_le32(l->p + 0x60);
	uint32_t end = n > 0 ? get_le32(leaf_item(l, n - 1) + 17) : NODE - 101;

	memcpy(leaf_item(l, n), key, 17);
	put_le32(leaf_item(l, n) + 17, end - size);
	put_le32(leaf_item(l, n) + 21, size);
	memcpy(l->p + 101 + end - size, data, size);
	put_le32(l->p + 0x60, n + 1);
}

/* The leaf that is a tree's root, of a new filesystem: the last one written. */
UNUSED static void leaf_load(struct leaf *l, uint64_t owner)
{
	struct leaf x;

	l->offset = 0;
	for (x.offset = MIB; x.offset < 40 * MIB; x.offset += NODE) {
		image_read("fs0.img", x.p, NODE, x.offset);
		if (get_le64(x.p + 0x30) != 0 && get_le64(x.p + 0x58) == owner &&
		    (l->offset == 0 || get_le64(x.p + 0x50) > get_le64(l->p + 0x50)))
			*l = x;
	}
	ck_assert_uint_ne(l->offset, 0);
}

UNUSED static void leaf_store(struct leaf *l)
{
	fix_csum(l->p, NODE);
	image_write("fs0.img", l->p, NODE, l->offset);
}

UNUSED static void make_group_tree(void)
{
	static struct leaf extents, groups, roots, old;
	uint8_t super[4096], *uuid = NULL, *space = NULL, was[439];

	leaf_load(&extents, 2);
	leaf_load(&groups, 9);
	leaf_load(&roots, 1);
	put_le32(groups.p + 0x60, 0);
	put_le64(groups.p + 0x58, 11);
	old = extents;
	put_le32(extents.p + 0x60, 0);
	for (uint32_t i = 0; i < get_le32(old.p + 0x60); i++) {
		const uint8_t *key = leaf_item(&old, i);
		uint8_t *data = leaf_data(&old, i);

		/* The leaf is the new tree's now. */
		if (get_le64(key) == get_le64(groups.p + 0x30) && key[8] == 169)
			put_le64(data + 25, 11);
		leaf_append(key[8] == 192 ? &groups : &extents, key, data, get_le32(key + 21));
	}
	for (uint32_t i = 0; i < get_le32(roots.p + 0x60); i++) {
		uint8_t *key = leaf_item(&roots, i);

		if (key[8] == 132 && get_le64(key) == 9)
			uuid = key;
		if (key[8] == 132 && get_le64(key) == 10)
			space = key;
	}
	/* Keys stay in order, 10 and 11 in place of 9 and 10; what they are of changes places. */
	ck_assert(uuid && space && space == uuid + 25);
	put_le64(uuid, 10);
	put_le64(space, 11);
	memcpy(was, roots.p + 101 + get_le32(uuid + 17), sizeof(was));
	memcpy(roots.p + 101 + get_le32(uuid + 17), roots.p + 101 + get_le32(space + 17),
	       sizeof(was));
	memcpy(roots.p + 101 + get_le32(space + 17), was, sizeof(was));
	leaf_store(&extents);
	leaf_store(&groups);
	leaf_store(&roots);
	for (int k = 0; k < 2; k++) {
		uint64_t at = k == 0 ? SUPER : 64 * MIB;

		image_read("fs0.img", super, sizeof(super), at);
		super[0xb4] |= 8;
		put_le64(super + 0x233, 0);	/* of the UUID tree */
		fix_csum(super, sizeof(super));
		image_write("fs0.img", super, sizeof(super), at);
	}
}

/* fsN.img with a history; what is in it is listed in the file "before". */
UNUSED static void make_fs(const struct flavour *v, unsigned int seed)
{
	int r;

	ck_assert_int_eq(image_run("rm -f *.img"), 0);
	for (unsigned int i = 0; i < v->devices; i++)
		image_make(image_of("fs", i), v->mib * MIB);
	ck_assert_int_eq(image_run("mkfs.btrfs -q -f -L 'my label' %s fs?.img", v->mkfs), 0);
	if (v->group_tree)
		make_group_tree();
	ck_assert_int_eq(attach("fs", v->devices), 0);
	r = mount_loops(v->mount);
	if (r != 0)
		detach();
	ck_assert_msg(r == 0, "%s: cannot be made or mounted", v->name);
	image_run("sh %s make mnt %u %u; btrfs subvolume create mnt/s1; sh %s make mnt/s1 %u 6; "
		  "btrfs subvolume snapshot mnt/s1 mnt/s2; btrfs subvolume snapshot -r mnt/s1 "
		  "mnt/s3; sh %s make mnt/s2 %u 5; btrfs subvolume delete mnt/s1",
		  history, seed, v->steps, history, seed + 1, history, seed + 2);
	rewrite(seed);
	image_run("fallocate -l 3M mnt/ahead; rm -f mnt/d1/*; btrfs balance start -dusage=20 mnt");
	image_run("sh %s list mnt >before", history);
	r = image_run("umount mnt");
	detach();
	ck_assert_int_eq(r, 0);
}

struct mapped {
	struct disk *disks[DEVICES];
	struct space *spaces[DEVICES];
	struct bitmap *maps[DEVICES];
	unsigned int n;
	char *why;
};

UNUSED static void mapped_done(struct mapped *m)
{
	for (unsigned int i = 0; i < m->n; i++) {
		space_free(m->spaces[i]);
		disk_free(m->disks[i]);
		bitmap_free(m->maps[i]);
	}
	free(m->why);
	memset(m, 0, sizeof(*m));
}

UNUSED static int map_devices(const char *base, unsigned int n, uint64_t granularity,
			      struct mapped *m)
{
	struct err err = ERR_INIT;
	int r;

	memset(m, 0, sizeof(*m));
	m->n = n;
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_msg(disk_open(image_path(image_of(base, i)), 0, &m->disks[i], &err) == 0,
			      "%s", err.text);
		ck_assert_int_eq(space_on_disk(m->disks[i], NULL, "x", &m->spaces[i], &err), 0);
		ck_assert_int_eq(bitmap_new(m->disks[i]->size, granularity, &m->maps[i]), 0);
		bitmap_set_all(m->maps[i]);
	}
	r = fs_btrfs_map(m->spaces, m->maps, n, &m->why, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	ck_assert_ptr_nonnull(m->why);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert(bitmap_all(m->maps[i], 0, MIB));
		if (r == 0)
			ck_assert_uint_eq(bitmap_bytes(m->maps[i]), m->maps[i]->size);
	}
	return r;
}

/* For properties of filesystems on one device. */
UNUSED static int one_device(const struct space *s, struct bitmap *map, char **ret_why,
			     struct err *err)
{
	struct space *space = (struct space *)(uintptr_t)s;

	return fs_btrfs_map(&space, &map, 1, ret_why, err);
}

/* A test that was cut short leaves its mount behind. */
UNUSED static void clean_up(void)
{
	image_run("test ! -e loops || umount mnt");
	detach();
	image_teardown();
}

/* --- tree blocks --- */

/* Tree blocks that are in use, by their owner; of trees that the proof rests on. */
struct block {
	uint64_t offset, owner, bytenr;
	uint8_t level;
};
static struct block blocks[4096];
static size_t nblocks;
static uint32_t node_size;
static unsigned int nbitmaps;	/* of the free space tree */

UNUSED static void find_blocks(const char *image, const struct bitmap *truth)
{
	uint8_t super[4096], head[101];

	image_read(image, super, sizeof(super), SUPER);
	node_size = get_le32(super + 0x94);
	nblocks = nbitmaps = 0;
	for (uint64_t at = MIB; at + node_size <= truth->size; at += 4096) {
		uint64_t owner;

		if (!bitmap_all(truth, at, node_size))
			continue;
		image_read(image, head, sizeof(head), at);
		owner = get_le64(head + 0x58);
		if (memcmp(head + 0x20, super + 0x20, 16) != 0 || nblocks == ARRAY_SIZE(blocks) ||
		    owner == 0 || owner > 11 || (owner > 4 && owner < 10))
			continue;
		blocks[nblocks++] = (struct block){ at, owner, get_le64(head + 0x30), head[0x64] };
	}
	ck_assert_uint_gt(nblocks, 4);
	for (size_t k = 0; k < nblocks; k++) {
		static uint8_t p[65536];

		if (blocks[k].owner != 10 || blocks[k].level > 0)
			continue;
		image_read(image, p, node_size, blocks[k].offset);
		for (uint32_t n = 0; n < get_le32(p + 0x60); n++)
			nbitmaps += p[101 + n * 25 + 8] == 200;
	}
}

/* --- plain ones --- */

/* A filesystem that mkfs.btrfs made; its blocks are found. */
UNUSED static void make_plain(const char *options, unsigned int devices, unsigned int mib,
		       struct bitmap **ret_truth)
{
	struct mapped m;

	ck_assert_int_eq(image_run("rm -f fs*.img"), 0);
	for (unsigned int i = 0; i < devices; i++)
		image_make(image_of("fs", i), mib * MIB);
	ck_assert_int_eq(image_run("mkfs.btrfs -q -f %s fs?.img", options), 0);
	ck_assert_msg(map_devices("fs", devices, 4096, &m) == 1, "%s", m.why);
	if (ret_truth) {
		ck_assert_int_eq(bitmap_copy(m.maps[0], ret_truth), 0);
		find_blocks("fs0.img", *ret_truth);
	}
	mapped_done(&m);
}

UNUSED static void expect_doubt(unsigned int devices, const char *phrase)
{
	struct mapped m;

	ck_assert_msg(map_devices("fs", devices, 4096, &m) == 0, "trusted: %s", phrase);
	ck_assert_msg(strstr(m.why, phrase) != NULL, "%s: %s", phrase, m.why);
	ck_assert_msg(strstr(m.why, ": all used") != NULL, "%s", m.why);
	mapped_done(&m);
}

#endif
