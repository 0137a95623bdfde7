/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btrfs on one device and on several: filesystems with a history that the kernel made on loop
 * devices, the copy and the corruption property, and every doubt.
 *
 * The kernel knows a filesystem by its fsid: an original and its copy are never mounted, nor have
 * loop devices, at the same time.
 */
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

static const struct flavour flavours[] = {
	{ "default", "", "noatime", 1, 200, 20, false },
	{ "mixed", "-M -n 4096", "compress-force=zstd", 1, 60, 13, false },
	{ "64k", "-n 65536 -m single", "autodefrag", 1, 200, 10, false },
	{ "old", "-n 4096 -O ^skinny-metadata,^no-holes,^extref -R ^free-space-tree -m single",
	  "space_cache=v1,compress-force=lzo", 1, 200, 20, false },
	{ "nocache", "-R ^free-space-tree", "nospace_cache", 1, 200, 10, false },
	{ "sha256", "--csum sha256 -R quota", "noatime", 1, 200, 8, false },
	{ "xxhash", "--csum xxhash", "noatime", 1, 200, 8, false },
	{ "blake2", "--csum blake2", "noatime", 1, 200, 8, false },
	{ "single", "-d single -m dup", "noatime", 2, 130, 10, false },
	{ "raid1", "-d raid1 -m raid1", "noatime", 2, 200, 10, false },
	{ "raid0", "-d raid0 -m raid0", "noatime", 3, 130, 13, false },
	{ "raid10", "-d raid10 -m raid10", "noatime", 4, 130, 13, false },
	{ "raid1c3", "-d raid1c3 -m raid1c4", "noatime", 4, 200, 8, false },
	{ "raid5", "-d raid5 -m raid5", "noatime", 3, 200, 13, false },
	{ "group tree", "-m single -n 16384", "noatime", 1, 200, 12, true },
	{ "raid6", "-d raid6 -m raid6", "noatime", 4, 200, 10, false },
};
#define FLAVOURS ((int)ARRAY_SIZE(flavours))

/* --- loop devices --- */

static char history[4096];	/* the script */

/* fs0.img ... (or copy0.img ...) become loop devices, named in the file "loops". */
static int attach(const char *base, unsigned int n)
{
	int r = image_run("rm -f loops");

	for (unsigned int i = 0; i < n && r == 0; i++)
		r = image_run("losetup -f --show %s%u.img >>loops", base, i);
	return r;
}

/* The kernel must forget them, or it believes the next ones to be their twins. */
static void detach(void)
{
	image_run("for l in $(cat loops); do btrfs device scan -u $l; losetup -d $l; done");
}

static int mount_loops(const char *options)
{
	return image_run("mkdir -p mnt; o=%s; for l in $(cat loops); do btrfs device scan $l; "
			 "o=$o,device=$l; done; mount -t btrfs -o $o $(head -n 1 loops) mnt",
			 options);
}

static bool can_mount(void)
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

static void rewrite_file(const char *name, size_t size, uint64_t *rnd, unsigned int times)
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
static void rewrite(uint64_t seed)
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

static void fix_csum(uint8_t *p, size_t len)
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

static uint8_t *leaf_item(struct leaf *l, uint32_t i)
{
	return l->p + 101 + i * 25;
}

static uint8_t *leaf_data(struct leaf *l, uint32_t i)
{
	return l->p + 101 + get_le32(leaf_item(l, i) + 17);
}

static void leaf_append(struct leaf *l, const uint8_t *key, const uint8_t *data, uint32_t size)
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
static void leaf_load(struct leaf *l, uint64_t owner)
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

static void leaf_store(struct leaf *l)
{
	fix_csum(l->p, NODE);
	image_write("fs0.img", l->p, NODE, l->offset);
}

static void make_group_tree(void)
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
static void make_fs(const struct flavour *v, unsigned int seed)
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

static void mapped_done(struct mapped *m)
{
	for (unsigned int i = 0; i < m->n; i++) {
		space_free(m->spaces[i]);
		disk_free(m->disks[i]);
		bitmap_free(m->maps[i]);
	}
	free(m->why);
	memset(m, 0, sizeof(*m));
}

static int map_devices(const char *base, unsigned int n, uint64_t granularity, struct mapped *m)
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
static int one_device(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	struct space *space = (struct space *)(uintptr_t)s;

	return fs_btrfs_map(&space, &map, 1, ret_why, err);
}

/* A test that was cut short leaves its mount behind. */
static void clean_up(void)
{
	image_run("test ! -e loops || umount mnt");
	detach();
	image_teardown();
}

/* --- properties --- */

static void compare_copy(const struct flavour *v)
{
	int checked, mounted;

	ck_assert_int_eq(attach("copy", v->devices), 0);
	image_run("for l in $(cat loops); do btrfs device scan $l; done");
	checked = v->group_tree ? 0 : image_run("btrfs check --readonly $(head -n 1 loops)");
	mounted = mount_loops("ro");
	if (mounted == 0) {
		image_run("sh %s list mnt >after", history);
		image_run("umount mnt");
	}
	detach();
	ck_assert_msg(checked == 0, "%s: the copy is damaged", v->name);
	ck_assert_msg(mounted == 0, "%s: the copy cannot be mounted", v->name);
	ck_assert_msg(image_run("test -s before && cmp before after") == 0,
		      "%s: the copy's files differ", v->name);
}

static void copy_property(const struct flavour *v)
{
	uint64_t size = v->mib * MIB, used = 0, coarse = 0;
	struct mapped m;

	ck_assert_msg(map_devices("fs", v->devices, 4096, &m) == 1, "%s: %s", v->name, m.why);
	ck_assert_str_eq(m.why, strstr(v->name, "old") || strstr(v->name, "nocache") ?
			 "extent tree" : "extent tree and free space tree");
	for (unsigned int i = 0; i < v->devices; i++) {
		used += bitmap_bytes(m.maps[i]);
		property_copy(image_of("fs", i), image_of("copy", i), 0, size, m.maps[i],
			      i % 2 ? 0 : 0xa5);
	}
	ck_assert_msg(used < size * v->devices * 8 / 10, "%s: nothing is free", v->name);
	printf("# %s: %" PRIu64 " of %" PRIu64 " KiB used\n", v->name, used / KIB,
	       size * v->devices / KIB);
	mapped_done(&m);
	compare_copy(v);
	ck_assert_int_eq(map_devices("fs", v->devices, USEDMAP_GRANULARITY, &m), 1);
	for (unsigned int i = 0; i < v->devices; i++)
		coarse += bitmap_bytes(m.maps[i]);
	ck_assert_uint_ge(coarse, used);
	mapped_done(&m);
}

/* Tree blocks that are in use, by their owner; of trees that the proof rests on. */
struct block {
	uint64_t offset, owner, bytenr;
	uint8_t level;
};
static struct block blocks[4096];
static size_t nblocks;
static uint32_t node_size;
static unsigned int nbitmaps;	/* of the free space tree */

static void find_blocks(const char *image, const struct bitmap *truth)
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

static uint64_t somewhere(unsigned int i, uint64_t random)
{
	const struct block *b = &blocks[random % nblocks];

	if (i % 4 == 0)
		return SUPER + (random >> 20) % 4096;
	return b->offset + (random >> 20) % (i % 4 == 1 ? 200 : node_size);
}

/*
 * The same with a checksum that fits, so that something else must notice. Without a free space tree
 * nothing can: who moves an extent and sums up anew has written another filesystem.
 */
static void corrupt_cleverly(const struct bitmap *truth, uint64_t size, unsigned int times)
{
	static uint8_t was[65536], is[65536];
	uint64_t rnd = 4711;
	unsigned int doubts = 0;

	for (unsigned int i = 0; i < times; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		bool in_super = i % 5 == 0;
		uint64_t r = image_random(&rnd);
		uint64_t at = in_super ? SUPER : blocks[r % nblocks].offset;
		uint32_t len = in_super ? 4096 : node_size, n;
		size_t byte;

		image_read("fs0.img", was, len, at);
		memcpy(is, was, len);
		n = get_le32(is + 0x60);
		/* Keys and headers, or data of items. */
		byte = 32 + (r >> 20) % (in_super ? 0x800 : i % 2 ? MIN(101 + n * 25, len - 32) :
					 len - 32);
		is[byte] ^= (uint8_t)(1u << (r >> 50) % 8);
		fix_csum(is, len);
		image_write("fs0.img", is, len, at);
		if (image_map("fs0.img", 0, size, 4096, one_device, &map, &why) == 0)
			doubts++;
		else
			ck_assert_msg(property_covers(map, truth), "%" PRIu64 " + %zu: %s", at,
				      byte, why);
		image_write("fs0.img", was, len, at);
	}
	ck_assert_uint_gt(doubts, times / 10);
}

static void corruption_property(const struct flavour *v, unsigned int seed)
{
	struct bitmap *truth;
	uint64_t size = v->mib * MIB;
	char *why;

	ck_assert_int_eq(image_map("fs0.img", 0, size, 4096, one_device, &truth, &why), 1);
	free(why);
	find_blocks("fs0.img", truth);
	printf("# %s: %zu tree blocks, %u bitmaps\n", v->name, nblocks, nbitmaps);
	ck_assert_uint_gt(property_corrupt("fs0.img", one_device, size, truth, 80, seed,
					   somewhere), 20);
	if (!strstr(v->mkfs, "--csum") && !strstr(v->mkfs, "^free-space-tree"))
		corrupt_cleverly(truth, size, unit_slow() ? 50 : 250);
	bitmap_free(truth);
}

START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];

	NEED_BTRFS();
	make_fs(v, (unsigned int)_i * 7 + 3);
	copy_property(v);
	if (v->devices == 1)
		corruption_property(v, (unsigned int)_i);
}
END_TEST

/* --- doubts --- */

/* A filesystem that mkfs.btrfs made; its blocks are found. */
static void make_plain(const char *options, unsigned int devices, unsigned int mib,
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

static void expect_doubt(unsigned int devices, const char *phrase)
{
	struct mapped m;

	ck_assert_msg(map_devices("fs", devices, 4096, &m) == 0, "trusted: %s", phrase);
	ck_assert_msg(strstr(m.why, phrase) != NULL, "%s: %s", phrase, m.why);
	ck_assert_msg(strstr(m.why, ": all used") != NULL, "%s", m.why);
	mapped_done(&m);
}

struct patch {
	unsigned int at, width;
	uint64_t value;
};

static void put(uint8_t *p, const struct patch *x)
{
	for (unsigned int i = 0; i < x->width; i++)
		p[x->at + i] = (uint8_t)(x->value >> 8 * i);
}

enum where { BOTH, FIRST, SECOND };
/* Superblock fields, in all copies unless the doubt is about just that. */
static const struct {
	const char *phrase;
	struct patch x[2];
	enum where only;
	bool bad_csum;
} super_doubts[] = {
	{ "no superblock of btrfs", .x = { { 0x40, 1, 'x' } }, .only = FIRST },
	{ "a superblock that belongs elsewhere", .x = { { 0x30, 8, 0x4000000 } }, .only = FIRST },
	{ "impossible layout", .x = { { 0x90, 4, 1000 } } },
	{ "impossible layout", .x = { { 0x94, 4, 1 << 20 } } },
	{ "impossible layout", .x = { { 0x94, 4, 8192 } } },
	{ "impossible layout", .x = { { 0xa0, 4, 2049 } } },
	{ "impossible layout", .x = { { 0xc6, 1, 8 } } },
	{ "impossible layout", .x = { { 0xc7, 1, 8 } } },
	{ "a device replacement that is not finished", .x = { { 0xc9, 8, 0 } } },
	{ "an impossible number of devices", .x = { { 0x88, 8, 0 } } },
	{ "an impossible number of devices", .x = { { 0x88, 8, 5000 } } },
	{ "an unknown checksum", .x = { { 0xc4, 2, 4 } } },
	{ "the superblock's checksum is wrong", .x = { { 0x12b, 1, 'x' } }, .bad_csum = true },
	{ "a seed for other filesystems", .x = { { 0x38, 8, 1 | UINT64_C(1) << 32 } } },
	{ "errors are recorded", .x = { { 0x38, 8, 5 } } },
	{ "superblock flags 0x800000000", .x = { { 0x38, 8, 1 | UINT64_C(1) << 35 } } },
	{ "zoned", .x = { { 0xbd, 1, 0x13 } } },
	{ "extent tree v2", .x = { { 0xbd, 1, 0x23 } } },
	{ "a RAID stripe tree", .x = { { 0xbd, 1, 0x43 } } },
	{ "unknown incompatible features 0x20000", .x = { { 0xbe, 1, 0x02 } } },
	{ "back references of the old kind", .x = { { 0xbc, 1, 0x40 } } },
	{ "unknown features 0x10", .x = { { 0xb4, 1, 0x13 } } },
	{ "unknown features", .x = { { 0xac, 1, 1 } } },
	{ "log tree needs replay", .x = { { 0x60, 8, 0x1d00000 } } },
	{ "log tree needs replay", .x = { { 0x60, 8, 0x1d00000 } }, .only = FIRST },
	{ "copy 1 of the superblock: the superblock's checksum", .x = { { 0x12b, 1, 'x' } },
	  .only = SECOND, .bad_csum = true },
	{ "copy 1 of the superblock: no superblock", .x = { { 0x40, 1, 'x' } }, .only = SECOND },
	{ "the superblock and its copies differ", .x = { { 0x48, 1, 99 } }, .only = SECOND },
	{ "the superblock and its copies differ", .x = { { 0xc9 + 66, 1, 99 } }, .only = SECOND },
	{ "1 of its 2 devices are there", .x = { { 0x88, 8, 2 } } },
	{ "a device of another filesystem", .x = { { 0xc9 + 82, 8, 5 } } },
	{ "larger than its partition", .x = { { 0xc9 + 8, 8, UINT64_C(1) << 40 } } },
	{ "the sizes of its devices do not add up", .x = { { 0x70, 8, 1 << 20 } } },
	{ "more is used than there is", .x = { { 0x78, 8, UINT64_C(1) << 40 } } },
	{ "the superblock's used bytes are wrong", .x = { { 0x78, 8, 4096 } } },
	{ "superblock's list of chunks is damaged", .x = { { 0x32b, 8, 5 } } },
	{ "superblock's list of chunks is damaged", .x = { { 0xa0, 4, 2048 } } },
	{ "superblock's list of chunks is damaged", .x = { { 0xa0, 4, 96 } } },
	{ "superblock's list of chunks is damaged", .x = { { 0x32b + 17 + 24, 8, 1 } } },
	{ "where no chunk is", .x = { { 0xa0, 4, 0 } } },
	{ "where no chunk is", .x = { { 0x58, 8, 4096 } } },
	{ "an odd address", .x = { { 0x58, 8, 4097 } } },
	{ "is not that of the chunk tree", .x = { { 0x32b + 17, 8, 2 << 20 } } },
	{ "of another generation", .x = { { 0x48, 8, 77 } } },
	{ "of another generation", .x = { { 0xa4, 8, 1 } } },
	{ "of another level", .x = { { 0xc7, 1, 1 } } },
};

START_TEST(doubts_super)
{
	uint8_t was[2][4096], is[4096];
	static const uint64_t offsets[2] = { SUPER, 64 * MIB };

	IMAGE_NEED("mkfs.btrfs");
	make_plain("-m single", 1, 120, NULL);
	for (unsigned int k = 0; k < 2; k++)
		image_read("fs0.img", was[k], sizeof(is), offsets[k]);
	for (size_t i = 0; i < ARRAY_SIZE(super_doubts); i++) {
		for (unsigned int k = 0; k < 2; k++) {
			memcpy(is, was[k], sizeof(is));
			if (super_doubts[i].only != (k == 0 ? SECOND : FIRST)) {
				put(is, &super_doubts[i].x[0]);
				if (!super_doubts[i].bad_csum)
					fix_csum(is, sizeof(is));
			}
			image_write("fs0.img", is, sizeof(is), offsets[k]);
		}
		expect_doubt(1, super_doubts[i].phrase);
	}
}
END_TEST

/* Tree blocks; of the leaf with the nth item of a type: in its header, key, or data. */
enum part { HEADER, ITEM, DATA };
static const struct {
	const char *phrase;
	uint64_t owner;
	unsigned int type, nth;		/* type 0: the tree's first block */
	enum part part;
	struct patch x[3];
	bool bad_csum;
} tree_doubts[] = {
	{ "its checksum is wrong", 1, 0, 0, HEADER, .x = { { 70, 1, 1 } }, .bad_csum = true },
	{ "of another filesystem", 2, 0, 0, HEADER, .x = { { 0x20, 1, 1 } } },
	{ "it belongs elsewhere", 2, 0, 0, HEADER, .x = { { 0x30, 8, 4096 } } },
	{ "not marked written", 2, 0, 0, HEADER, .x = { { 0x38, 1, 0 } } },
	{ "of another chunk tree", 2, 0, 0, HEADER, .x = { { 0x40, 1, 1 } } },
	{ "of another generation", 2, 0, 0, HEADER, .x = { { 0x50, 8, 1 } } },
	{ "of another tree", 2, 0, 0, HEADER, .x = { { 0x58, 8, 5 } } },
	{ "impossible layout", 2, 0, 0, HEADER, .x = { { 0x60, 4, 5000 } } },
	{ "of another level", 2, 0, 0, HEADER, .x = { { 0x64, 1, 1 } } },
	{ "impossible layout", 4, 204, 1, ITEM, .x = { { 17, 4, 3 } } },
	{ "impossible layout", 4, 204, 1, ITEM, .x = { { 21, 4, 1u << 31 } } },
	{ "its keys are not in order", 4, 204, 1, ITEM, .x = { { 9, 8, 1 } } },
	/* the chunk tree */
	{ "an item of a device is damaged", 3, 216, 0, ITEM, .x = { { 9, 8, 2 } } },
	{ "an item of a device is damaged", 3, 216, 0, ITEM, .x = { { 0, 8, 2 } } },
	{ "it has grown out of a seed", 3, 216, 0, DATA, .x = { { 82, 1, 1 } } },
	{ "and its item differ", 3, 216, 0, DATA, .x = { { 16, 8, 1 << 20 } } },
	{ "an unknown item in the chunk tree", 3, 216, 0, ITEM, .x = { { 8, 1, 217 } } },
	{ "device 9 is not there", 3, 0, 0, HEADER, .x = { { 101 + 9, 8, 9 },
	  { 16384 - 98, 8, 9 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 0, 8, 0 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 0, 8, UINT64_MAX - 4095 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 16, 8, 4096 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 24, 8, 3 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 24, 8, 1 << 4 | 1 } } },
	{ "impossible layout", 3, 228, 1, DATA, .x = { { 24, 8, 1 << 20 } } },
	{ "its item is damaged", 3, 228, 1, DATA, .x = { { 44, 2, 0 } } },
	{ "its item is damaged", 3, 228, 1, DATA, .x = { { 44, 2, 5000 } } },
	{ "overlaps another", 3, 228, 0, DATA, .x = { { 0, 8, 64 << 20 } } },
	{ "is not inside its device", 3, 228, 0, DATA, .x = { { 56, 8, 1 << 30 } } },
	{ "is not inside its device", 3, 228, 0, DATA, .x = { { 56, 8, UINT64_MAX - 4095 } } },
	{ "is not inside its device", 3, 228, 0, DATA, .x = { { 56, 8, 1000 } } },
	{ "on a device that is not there", 3, 228, 0, DATA, .x = { { 48, 8, 7 } } },
	{ "on a device that is not there", 3, 228, 0, DATA, .x = { { 64, 8, 7 } } },
	{ "an extent without a chunk", 3, 228, 2, DATA, .x = { { 56, 8, 40 << 20 } } },
	/* the dev tree */
	{ "the dev tree is damaged", 4, 204, 0, DATA, .x = { { 0, 8, 4 } } },
	{ "the dev tree is damaged", 4, 204, 0, DATA, .x = { { 8, 8, 4 } } },
	{ "the dev tree is damaged", 4, 204, 0, ITEM, .x = { { 0, 8, 0 } } },
	{ "extents of device 1 overlap", 4, 204, 0, DATA, .x = { { 24, 8, UINT64_C(10) << 30 } } },
	{ "an extent without a chunk", 4, 204, 0, DATA, .x = { { 24, 8, 4096 } } },
	{ "an extent without a chunk", 4, 204, 0, DATA, .x = { { 16, 8, 4096 } } },
	{ "an extent without a chunk", 4, 204, 0, ITEM, .x = { { 9, 8, 4096 } } },
	{ "a chunk that the dev tree does not know", 4, 204, 0, ITEM, .x = { { 8, 1, 200 } } },
	{ "a device replacement that is not finished", 4, 204, 2, ITEM, .x = { { 8, 1, 250 } } },
	/* the root tree; of it the last root, that of data relocation */
	{ "tree 2 is missing", 1, 132, 0, ITEM, .x = { { 0, 8, 1 } } },
	{ "the root of tree 2 is damaged", 1, 132, 0, DATA, .x = { { 238, 1, 9 } } },
	{ "a tree block at 8192, where no chunk is", 1, 132, 1, DATA, .x = { { 176, 8, 8192 } } },
	{ "among data", 1, 132, 1, DATA, .x = { { 176, 8, 13631488 } } },
	{ "a relocation that is not finished", 1, 132, 6, ITEM, .x = { { 0, 8, UINT64_C(-8) } } },
	{ "a balance that is not finished", 1, 132, 6, ITEM, .x = { { 0, 8, UINT64_C(-4) },
	  { 8, 1, 248 } } },
	/* the extent tree */
	{ "an unknown item in the extent tree", 2, 169, 2, ITEM, .x = { { 8, 1, 177 } } },
	{ "does not fit its chunk", 2, 192, 0, DATA, .x = { { 8, 8, 255 } } },
	{ "does not fit its chunk", 2, 192, 0, DATA, .x = { { 16, 8, 4 } } },
	{ "does not fit its chunk", 2, 192, 0, ITEM, .x = { { 9, 8, 4096 } } },
	{ "its used bytes are wrong", 2, 192, 0, DATA, .x = { { 0, 8, 4096 } } },
	{ "an unknown kind of reference", 2, 169, 2, DATA, .x = { { 24, 1, 177 } } },
	{ "its references are damaged", 2, 169, 2, DATA, .x = { { 24, 1, 178 } } },
	{ "its references are damaged", 2, 169, 2, DATA, .x = { { 24, 1, 184 } } },
	{ "its references do not add up", 2, 169, 2, DATA, .x = { { 0, 8, 2 } } },
	{ "its item is damaged", 2, 169, 2, DATA, .x = { { 0, 8, 0 } } },
	{ "its item is damaged", 2, 169, 2, DATA, .x = { { 16, 8, 1 } } },
	{ "its item is damaged", 2, 169, 2, DATA, .x = { { 8, 8, 1 << 20 } } },
	{ "its item is damaged", 2, 169, 2, ITEM, .x = { { 9, 8, 8 } } },
	{ "its item is damaged", 2, 169, 2, ITEM, .x = { { 8, 1, 168 } } },
	{ "a reference without an extent", 2, 169, 0, ITEM, .x = { { 8, 1, 176 } } },
	{ "its blocks are not those marked used", 2, 169, 2, DATA, .x = { { 25, 8, 9 } } },
	/* the free space tree */
	{ "contradict each other", 10, 198, 2, DATA, .x = { { 0, 4, 9 } } },
	{ "contradict each other", 10, 198, 2, DATA, .x = { { 4, 4, 1 } } },
	{ "contradict each other", 10, 198, 2, ITEM, .x = { { 9, 8, 4096 } } },
	{ "contradict each other", 10, 199, 2, ITEM, .x = { { 9, 8, 4096 } } },
};

/* Byte offsets in the image: the block, and the part in it. */
static uint64_t find_part(size_t i, uint64_t *ret_part)
{
	static uint8_t p[65536];

	for (size_t k = 0; k < nblocks; k++) {
		unsigned int left = tree_doubts[i].nth;

		if (blocks[k].owner != tree_doubts[i].owner)
			continue;
		image_read("fs0.img", p, node_size, blocks[k].offset);
		*ret_part = 0;
		if (tree_doubts[i].part == HEADER)
			return blocks[k].offset;
		for (uint32_t n = 0; n < get_le32(p + 0x60); n++) {
			if (p[101 + n * 25 + 8] != tree_doubts[i].type || left-- > 0)
				continue;
			*ret_part = tree_doubts[i].part == ITEM ? 101 + n * 25 :
				    101 + get_le32(p + 101 + n * 25 + 17);
			return blocks[k].offset;
		}
	}
	ck_abort_msg("%s: no such item", tree_doubts[i].phrase);
	return 0;
}

START_TEST(doubts_trees)
{
	CLEANUP(bitmap_free) struct bitmap *truth = NULL;
	static uint8_t was[65536], is[65536];

	IMAGE_NEED("mkfs.btrfs");
	make_plain("-m single", 1, 120, &truth);
	for (size_t i = 0; i < ARRAY_SIZE(tree_doubts); i++) {
		uint64_t part, at = find_part(i, &part);

		image_read("fs0.img", was, node_size, at);
		memcpy(is, was, node_size);
		for (unsigned int k = 0; k < 3; k++)
			put(is + part, &tree_doubts[i].x[k]);
		if (!tree_doubts[i].bad_csum)
			fix_csum(is, node_size);
		image_write("fs0.img", is, node_size, at);
		expect_doubt(1, tree_doubts[i].phrase);
		image_write("fs0.img", was, node_size, at);
	}
}
END_TEST

/* --- several devices --- */

static struct usedmap_set *build(const char *const *names, size_t n)
{
	struct disk *disks[4] = { NULL };
	struct usedmap_set *set = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(disk_open(image_path(names[i]), 0, &disks[i], &err), 0);
	ck_assert_msg(usedmap_build((const struct disk *const *)disks, n, &set, &err) == 0, "%s",
		      err.text);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(set->maps[i]->nparts, 1);
		ck_assert_str_eq(set->maps[i]->parts[0].kind, "btrfs");
		disk_free(disks[i]);
	}
	return set;
}

static void expect_all_used(const char *const *names, size_t n, const char *why)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = build(names, n);

	for (size_t i = 0; i < n; i++) {
		const struct usedmap_part *p = &set->maps[i]->parts[0];

		ck_assert_uint_eq(p->free, 0);
		ck_assert(!p->trusted);
		ck_assert_msg(strstr(p->why, why) != NULL, "%s: %s", why, p->why);
	}
	ck_assert_uint_eq(set->nvolumes, 1);
	ck_assert(!set->volumes[0].trusted);
	ck_assert_uint_eq(set->volumes[0].free, 0);
}

START_TEST(together)
{
	static const char *const all[] = { "fs1.img", "fs0.img", "copy.img" };
	struct usedmap_set *set;

	IMAGE_NEED("mkfs.btrfs");
	make_plain("-L 'my label' -m raid1 -d raid0", 2, 130, NULL);
	set = build(all, 2);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert(set->maps[i]->parts[0].trusted);
		ck_assert_uint_gt(set->maps[i]->parts[0].free, 120 * MIB);
		ck_assert(bitmap_all(set->maps[i]->map, 0, MIB));
		ck_assert(bitmap_all(set->maps[i]->map, 64 * MIB, 64 * KIB));
	}
	ck_assert_uint_eq(set->nvolumes, 1);
	ck_assert_str_eq(set->volumes[0].name, "btrfs my label");
	ck_assert_str_eq(set->volumes[0].kind, "btrfs");
	ck_assert(set->volumes[0].trusted);
	ck_assert_uint_eq(set->volumes[0].size, 260 * MIB);
	ck_assert_uint_gt(set->volumes[0].free, 240 * MIB);
	usedmap_set_free(set);

	expect_all_used(all, 1, "1 of the filesystem's 2 devices are there");
	ck_assert_int_eq(image_run("cp fs0.img copy.img"), 0);
	expect_all_used(all, 3, "device 1 of the filesystem is there twice");
	/* And where the caller does not look. */
	ck_assert_int_eq(image_run("cp fs0.img fs1.img"), 0);
	expect_doubt(2, "device 1 is there twice");
}
END_TEST

/* One superblock of two is from another time. */
START_TEST(devices_differ)
{
	uint8_t super[4096];

	IMAGE_NEED("mkfs.btrfs");
	make_plain("-m raid1 -d single", 2, 130, NULL);
	for (unsigned int k = 0; k < 2; k++) {
		uint64_t at = k == 0 ? SUPER : 64 * MIB;

		image_read("fs1.img", super, sizeof(super), at);
		put_le64(super + 0x48, get_le64(super + 0x48) - 1);
		fix_csum(super, sizeof(super));
		image_write("fs1.img", super, sizeof(super), at);
	}
	expect_doubt(2, "the superblocks of its devices differ");
}
END_TEST

/* Too small, and cut short. */
START_TEST(cut)
{
	IMAGE_NEED("mkfs.btrfs");
	make_plain("-m single", 1, 120, NULL);
	ck_assert_int_eq(truncate(image_path("fs0.img"), 119 * MIB), 0);
	expect_doubt(1, "larger than its partition");
	ck_assert_int_eq(truncate(image_path("fs0.img"), MIB), 0);
	expect_doubt(1, "larger than its partition");
}
END_TEST

/* The disk as it is when the power goes: right after an fsync, and right after a commit. */
START_TEST(power_cut)
{
	static const struct flavour v = { "power cut", "", "noatime", 1, 200, 6, false };
	struct mapped m;
	int fd;

	NEED_BTRFS();
	make_fs(&v, 5);
	ck_assert_int_eq(attach("fs", 1), 0);
	ck_assert_int_eq(mount_loops("noatime,commit=300"), 0);
	rewrite(8);
	ck_assert_int_eq(image_run("sync -f mnt; cp fs0.img committed.img"), 0);
	fd = open(image_path("mnt/big"), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "news", 4, 70000), 4);
	ck_assert_int_eq(fsync(fd), 0);
	close(fd);
	ck_assert_int_eq(image_run("cp fs0.img logged.img"), 0);
	ck_assert_int_eq(image_run("umount mnt"), 0);
	detach();
	ck_assert_int_eq(image_run("mv logged.img fs0.img"), 0);
	expect_doubt(1, "log tree needs replay");
	ck_assert_int_eq(image_run("mv committed.img fs0.img"), 0);
	ck_assert_msg(map_devices("fs", 1, 4096, &m) == 1, "%s", m.why);
	property_copy("fs0.img", "copy0.img", 0, v.mib * MIB, m.maps[0], 0xa5);
	mapped_done(&m);
	ck_assert_int_eq(image_run("btrfs check --readonly copy0.img"), 0);
}
END_TEST

/* A seed, and what has grown out of it. */
START_TEST(seed)
{
	IMAGE_NEED("btrfstune");
	make_plain("-m single", 1, 120, NULL);
	ck_assert_int_eq(image_run("btrfstune -S 1 fs0.img"), 0);
	expect_doubt(1, "a seed for other filesystems");
	ck_assert_int_eq(image_run("btrfstune -f -S 0 fs0.img && btrfstune -m fs0.img"), 0);
	/* Another fsid for people: nothing to doubt. */
	{
		struct mapped m;

		ck_assert_msg(map_devices("fs", 1, 4096, &m) == 1, "%s", m.why);
		mapped_done(&m);
	}
}
END_TEST

static Suite *suite_fs_btrfs(void)
{
	Suite *s = suite_create("fs_btrfs");
	TCase *tc = tcase_create("doubts");

	tcase_add_unchecked_fixture(tc, image_setup, clean_up);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, doubts_super);
	tcase_add_test(tc, doubts_trees);
	tcase_add_test(tc, together);
	tcase_add_test(tc, devices_differ);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, power_cut);
	tcase_add_test(tc, seed);
	suite_add_tcase(s, tc);
	tc = tcase_create("properties");
	tcase_add_unchecked_fixture(tc, image_setup, clean_up);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, properties, 0, FLAVOURS);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_btrfs)
