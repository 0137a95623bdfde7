/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps of disks in use, from images that were taken of mounted filesystems: what a disk held while
 * it was frozen, and what it held when it was not. The image that plays the frozen device is given
 * by its name; how it is beside writers is tests/e2e/54-livemap.sh's.
 */
#include "tests/images/image.h"
#include "disk/livemap.h"

#define NEVER	UINT64_MAX
#define MIB_XFS	32u

static struct disk *disks[2];
static size_t ndisks;
static struct livemap *live;
static struct usedmap_set *set;

/*
 * name.img: of a frozen filesystem; name-busy.img: of one that is mounted. It has files, and free
 * space. The subshell thaws it, whatever happens.
 */
static bool take(const char *name, unsigned int mib, const char *mkfs)
{
	return image_run("mkdir -p mnt; truncate -s %uM fs.img; "
			 "%s fs.img && mount -o loop fs.img mnt || exit 1; "
			 "head -c 3000000 /dev/urandom >mnt/a; cp mnt/a mnt/b; sync; "
			 "rm mnt/a; echo x >mnt/c; sync; "
			 "dd if=$(findmnt -no SOURCE mnt) of=%s-busy.img bs=1M iflag=direct; "
			 "echo y >mnt/d; ( sleep 20; fsfreeze -u mnt ) & dog=$!; "
			 "fsfreeze -f mnt && "
			 "dd if=$(findmnt -no SOURCE mnt) of=%s.img bs=1M iflag=direct; r=$?; "
			 "fsfreeze -u mnt; kill $dog; umount mnt; rm fs.img; exit $r",
			 mib, mkfs, name, name) == 0;
}

#define NEED(tool) \
	do { \
		if (geteuid() != 0 || !image_have(tool) || !image_have("fsfreeze")) \
			UNIT_LEAVE("not root, or no " tool); \
	} while (0)

static void finish(void)
{
	usedmap_set_free(set);
	livemap_free(live);
	while (ndisks > 0)
		disk_free(disks[--ndisks]);
	set = NULL;
	live = NULL;
}

/* Up to two disks in use, and the frozen device: another file with the same beginning. */
static void begin(const char *first, const char *second, const char *frozen, uint64_t cache)
{
	const char *path = frozen ? image_path("frozen.img") : NULL;
	const struct livemap_config cfg = { cache, &path, frozen ? 1 : 0 };
	struct livemap_disk v[2];
	struct err err = ERR_INIT;

	finish();
	if (frozen)
		ck_assert_int_eq(image_run("cp %s frozen.img", frozen), 0);
	for (const char *name = first; name; name = name == first ? second : NULL) {
		ck_assert_int_eq(disk_open(image_path(name), 0, &disks[ndisks], &err), 0);
		v[ndisks] = (struct livemap_disk){ disks[ndisks], true };
		ndisks++;
	}
	ck_assert_msg(livemap_new(v, ndisks, &cfg, &live, &err) == 0, "%s", err.text);
}

static int freeze_read(uint64_t deadline)
{
	struct err err = ERR_INIT;
	int r = livemap_freeze_read(live, deadline, &err);

	ck_assert_msg(r >= 0, "%s", err.text);
	return r;
}

/* Build, and settle with length bytes at offset of the first disk written. */
static int settle(uint64_t offset, uint64_t length)
{
	struct bitmap *dirty[2] = { NULL, NULL };
	struct err err = ERR_INIT;
	int n;

	usedmap_set_free(set);
	set = NULL;
	ck_assert_msg(livemap_build(live, &set, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < ndisks; i++)
		ck_assert_int_eq(bitmap_new(disks[i]->size, 4096, &dirty[i]), 0);
	bitmap_set_range(dirty[0], offset, length);
	n = livemap_settle(live, set, dirty, &err);
	ck_assert_msg(n >= 0, "%s", err.text);
	bitmap_free(dirty[0]);
	bitmap_free(dirty[1]);
	return n;
}

static const struct usedmap_part *part(size_t disk)
{
	ck_assert_uint_eq(set->maps[disk]->nparts, 1);
	return &set->maps[disk]->parts[0];
}

static void expect(size_t disk, bool trusted, const char *why)
{
	const struct usedmap_part *p = part(disk);

	ck_assert_msg(p->trusted == trusted && strstr(p->why, why), "%s", p->why);
	ck_assert_uint_eq(p->used, bitmap_bytes(set->maps[disk]->map));
	if (trusted)
		ck_assert_uint_gt(p->free, p->length / 4);
	else
		ck_assert_uint_eq(p->free, 0);
}

/* The rules for one kind, strict or not. */
static void one_kind(const char *image, const char *busy, const char *known_by, bool strict,
		     const char *unfrozen)
{
	/* All under the freeze: what is written afterwards does not matter. */
	begin(image, NULL, image, 0);
	ck_assert_int_eq(freeze_read(NEVER), 1);
	ck_assert_int_eq(settle(0, UINT64_MAX), 0);
	expect(0, true, known_by);
	/* Nothing but the beginning. */
	begin(image, NULL, image, 76 * KIB);
	ck_assert_int_eq(freeze_read(NEVER), 0);
	ck_assert_int_eq(settle(0, 0), 0);
	expect(0, true, known_by);
	begin(image, NULL, image, 76 * KIB);
	ck_assert_int_eq(freeze_read(NEVER), 0);
	ck_assert_int_eq(settle(128 * KIB, UINT64_MAX - MIB), strict ? 1 : 0);
	expect(0, !strict, strict ? "written to while it was read" : known_by);
	/* A try that is disturbed, and then one that is not; and what is known stays known. */
	if (strict) {
		ck_assert_int_eq(freeze_read(NEVER), 0);
		ck_assert_int_eq(settle(0, 0), 0);
		expect(0, true, known_by);
	}
	ck_assert_int_eq(freeze_read(1), 0);
	ck_assert_int_eq(settle(0, UINT64_MAX), 0);
	expect(0, true, known_by);
	/* Nothing in time: somebody wrote to the beginning, so it is worth another try. */
	begin(image, NULL, image, 0);
	ck_assert_int_eq(freeze_read(1), 0);
	ck_assert_int_eq(settle(0, UINT64_MAX), 1);
	expect(0, false, "written to while it was read");
	ck_assert_int_eq(freeze_read(NEVER), 1);
	ck_assert_int_eq(settle(0, UINT64_MAX), 0);
	expect(0, true, known_by);
	/* No freeze at all, and one of another. */
	begin(image, NULL, NULL, 0);
	freeze_read(NEVER);
	ck_assert_int_eq(settle(0, 0), 0);
	expect(0, unfrozen == NULL, unfrozen ? unfrozen : "block bitmaps");
	begin(busy, NULL, image, 0);
	freeze_read(NEVER);
	ck_assert_int_eq(settle(0, 0), 0);
	if (strcmp(image, busy) != 0)
		expect(0, false, ": all used");
	/* The disk and a copy of it: which of them was frozen? */
	begin(image, "twin.img", image, 0);
	freeze_read(NEVER);
	ck_assert_int_eq(settle(0, 0), 0);
	expect(0, false, "begins with the same bytes");
	expect(1, false, "begins with the same bytes");
	finish();
}

START_TEST(ext4)
{
	NEED("mkfs.ext4");
	ck_assert(take("ext", 48, "mkfs.ext4 -q -J size=4"));
	ck_assert_int_eq(image_run("cp ext.img twin.img"), 0);
	/* Frozen by somebody else it looks like one at rest, and is as good. */
	one_kind("ext.img", "ext-busy.img", "block bitmaps of a mounted filesystem", false, NULL);
	begin("ext-busy.img", NULL, NULL, 0);
	freeze_read(NEVER);
	settle(0, 0);
	expect(0, false, "journal needs recovery");
}
END_TEST

START_TEST(ext4_plain)
{
	NEED("mkfs.ext4");
	ck_assert(take("ext", 48, "mkfs.ext4 -q -O ^metadata_csum -J size=4"));
	ck_assert_int_eq(image_run("cp ext.img twin.img"), 0);
	one_kind("ext.img", "ext-busy.img", "block bitmaps and inodes", true, NULL);
}
END_TEST

START_TEST(ext2)
{
	NEED("mkfs.ext4");
	ck_assert(take("ext", 48, "mkfs.ext4 -q -O ^has_journal"));
	ck_assert_int_eq(image_run("cp ext.img twin.img"), 0);
	one_kind("ext.img", "ext.img", "block bitmaps of a mounted", false,
		 "not cleanly unmounted");
}
END_TEST

START_TEST(xfs)
{
	NEED("mkfs.xfs");
	ck_assert(take("xfs", MIB_XFS, "mkfs.xfs --unsupported -q -f"));
	ck_assert_int_eq(image_run("cp xfs.img twin.img"), 0);
	one_kind("xfs.img", "xfs-busy.img", "free-space btrees", true, "it was not frozen");
}
END_TEST

START_TEST(btrfs)
{
	NEED("mkfs.btrfs");
	ck_assert(take("btrfs", 160, "mkfs.btrfs -q -f"));
	ck_assert_int_eq(image_run("cp btrfs.img twin.img"), 0);
	one_kind("btrfs.img", "btrfs-busy.img", "extent tree", true, "it was not frozen");
}
END_TEST

/* Bitmaps that do not fit the remembered descriptors: read anew, or their group is kept. */
START_TEST(ext4_mixed)
{
	struct bitmap *before, *after;

	NEED("mkfs.ext4");
	ck_assert(take("ext", 200, "mkfs.ext4 -q -g 8192 -b 1024 -J size=4"));
	begin("ext.img", NULL, "ext.img", 0);
	ck_assert_int_eq(freeze_read(NEVER), 1);
	ck_assert_int_eq(settle(0, 0), 0);
	ck_assert_int_eq(bitmap_copy(set->maps[0]->map, &before), 0);
	/* Descriptors of the freeze; on the disk are later ones, with bitmaps that fit those. */
	begin("ext.img", NULL, "ext.img", 96 * KIB);
	ck_assert_int_eq(freeze_read(NEVER), 0);
	ck_assert_int_eq(image_run("cp ext.img later.img; head -c 2000000 /dev/urandom >big; "
				   "debugfs -w -R 'write big big' later.img; "
				   "dd if=later.img of=ext.img bs=1k seek=2 skip=2 conv=notrunc"),
			 0);
	ck_assert_int_eq(settle(0, 0), 0);
	expect(0, true, "block bitmaps of a mounted");
	ck_assert_int_eq(bitmap_copy(set->maps[0]->map, &after), 0);
	ck_assert_uint_gt(bitmap_bytes(after), bitmap_bytes(before) + 3 * MIB / 2);
	ck_assert_uint_lt(bitmap_bytes(after), bitmap_bytes(before) + 3 * MIB);
	/* One byte of a bitmap that fits no descriptor: its group is kept, the others are not. */
	ck_assert_int_eq(image_run("b=$(dumpe2fs ext.img 2>/dev/null | "
				   "sed -n '/^Group 16:/,/Inode bitmap/"
				   "s/.*Block bitmap at \\([0-9]*\\).*/\\1/p'); "
				   "printf '\\125' | dd of=ext.img bs=1 seek=$((b * 1024 + 700)) "
				   "conv=notrunc"), 0);
	begin("ext.img", NULL, "ext.img", 0);
	ck_assert_int_eq(freeze_read(NEVER), 1);
	ck_assert_int_eq(settle(0, 0), 0);
	expect(0, true, "block bitmaps of a mounted");
	/* The end of that group, where no inode table lies. */
	ck_assert(!bitmap_any(after, 133 * MIB, 3 * MIB - 64 * KIB));
	ck_assert(bitmap_all(set->maps[0]->map, 133 * MIB, 3 * MIB));
	ck_assert_uint_le(bitmap_bytes(set->maps[0]->map), bitmap_bytes(after) + 9 * MIB);
	bitmap_free(before);
	bitmap_free(after);
	finish();
}
END_TEST

/* Swap is free whatever is written to it; a disk at rest beside it is read as ever. */
START_TEST(swap_and_cold)
{
	const struct livemap_config cfg = { 0 };
	struct livemap_disk v[2];
	struct err err = ERR_INIT;

	NEED("mkfs.ext4");
	ck_assert_int_eq(image_run("truncate -s 32M swap.img cold.img; mkswap swap.img; "
				   "mkfs.ext4 -q cold.img"), 0);
	finish();
	for (ndisks = 0; ndisks < 2; ndisks++) {
		ck_assert_int_eq(disk_open(image_path(ndisks ? "cold.img" : "swap.img"), 0,
					   &disks[ndisks], &err), 0);
		v[ndisks] = (struct livemap_disk){ disks[ndisks], ndisks == 0 };
	}
	ck_assert_int_eq(livemap_new(v, 2, &cfg, &live, &err), 0);
	ck_assert_int_eq(freeze_read(NEVER), 1);
	ck_assert_int_eq(settle(0, UINT64_MAX), 0);
	expect(0, true, "swap header");
	expect(1, true, "block bitmaps");
	finish();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("livemap");
	TCase *tc = tcase_create("livemap");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, ext4);
	tcase_add_test(tc, ext4_plain);
	tcase_add_test(tc, ext2);
	tcase_add_test(tc, xfs);
	tcase_add_test(tc, btrfs);
	tcase_add_test(tc, ext4_mixed);
	tcase_add_test(tc, swap_and_cold);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
