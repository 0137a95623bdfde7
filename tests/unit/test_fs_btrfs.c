/* SPDX-License-Identifier: GPL-3.0-or-later */
/* btrfs on one device and on several: the copy and the corruption property. */
#include "tests/unit/test_fs_btrfs.h"

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

static Suite *suite_fs_btrfs(void)
{
	Suite *s = suite_create("fs_btrfs");
	TCase *tc = tcase_create("fs_btrfs");

	tcase_add_unchecked_fixture(tc, image_setup, clean_up);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, properties, 0, FLAVOURS);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_btrfs)
