/* SPDX-License-Identifier: GPL-3.0-or-later */
/* btrfs: every doubt, devices that are missing, twice, or from another time, and power cuts. */
#include "tests/unit/test_fs_btrfs.h"

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

static Suite *suite_fs_btrfs_doubt(void)
{
	Suite *s = suite_create("fs_btrfs_doubt");
	TCase *tc = tcase_create("fs_btrfs_doubt");

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
	return s;
}

UNIT_MAIN(suite_fs_btrfs_doubt)
