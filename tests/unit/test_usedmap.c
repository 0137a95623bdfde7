/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole disks: what is free is free for a reason, the parts tile the disk and add up, and in
 * doubt nothing is free at all.
 */
#include "tests/images/image.h"
#include "disk/usedmap.h"

#define SIZE	(200 * MIB)
#define G	USEDMAP_GRANULARITY

static const char gpt_script[] =
	"label: gpt\\n"
	"1: start=2MiB, size=20MiB\\n"			/* ext4 */
	"2: start=30MiB, size=16MiB, type=S\\n"		/* swap */
	"3: start=46MiB, size=64MiB, type=V\\n"		/* LVM */
	"4: start=120MiB, size=20MiB\\n";		/* something */
static const char dos_script[] =
	"label: dos\\n"
	"1: start=2MiB, size=20MiB, type=83\\n"
	"2: start=30MiB, size=100MiB, type=5\\n"
	"5: start=31MiB, size=16MiB, type=82\\n"
	"6: start=60MiB, size=20MiB, type=83\\n"
	"3: start=150MiB, size=10MiB, type=7\\n";

static struct usedmap_set *set;
static const struct usedmap *map;	/* of its first disk */

static void build(const char *name)
{
	struct disk *d = NULL;
	struct err err = ERR_INIT;
	uint64_t at = 0, used = 0;

	usedmap_set_free(set);
	set = NULL;
	ck_assert_msg(disk_open(image_path(name), 0, &d, &err) == 0, "%s", err.text);
	ck_assert_msg(usedmap_build((const struct disk *const *)&d, 1, &set, &err) == 0, "%s",
		      err.text);
	map = set->maps[0];
	for (size_t i = 0; i < map->nparts; i++) {
		const struct usedmap_part *p = &map->parts[i];

		ck_assert_uint_eq(p->offset, at);
		ck_assert_uint_eq(p->used + p->free, p->length);
		ck_assert(p->name && p->kind && p->why);
		if (!p->trusted)
			ck_assert_uint_eq(p->free, 0);
		at += p->length;
		used += p->used;
	}
	ck_assert_uint_eq(at, d->size);
	ck_assert_uint_eq(used, bitmap_bytes(map->map));
	/* Both ends, always. */
	ck_assert(bitmap_all(map->map, 0, MIB));
	ck_assert(bitmap_all(map->map, d->size > MIB ? d->size - MIB : 0, MIB));
	disk_free(d);
}

static const struct usedmap_part *part(const char *name)
{
	for (size_t i = 0; i < map->nparts; i++)
		if (strcmp(map->parts[i].name, name) == 0)
			return &map->parts[i];
	ck_abort_msg("no part %s", name);
	return NULL;
}

static void expect_part(const char *name, const char *kind, bool trusted, const char *why)
{
	const struct usedmap_part *p = part(name);

	ck_assert_str_eq(p->kind, kind);
	ck_assert_msg(p->trusted == trusted, "%s: %s", name, p->why);
	ck_assert_msg(strstr(p->why, why) != NULL, "%s: %s", name, p->why);
}

static void expect_all_used(const char *why)
{
	ck_assert_uint_eq(map->nparts, 1);
	ck_assert_uint_eq(bitmap_bytes(map->map), map->map->size);
	expect_part("disk", "unknown", false, why);
}

/* One image of each kind is made once; tests work on copies. */
static void make_bases(void)
{
	image_setup();
	image_run("mkdir -p tree/d; head -c 3000000 /dev/urandom >tree/d/f; echo x >tree/g; "
		  "mke2fs -q -t ext4 -J size=1 -d tree ext.img 20M; "
		  "truncate -s 16M swap.img; mkswap swap.img");
	image_run("truncate -s %" PRIu64 " gpt.img dos.img; printf '%s' | sfdisk -q gpt.img; "
		  "printf '%s' | sfdisk -q dos.img", SIZE, gpt_script, dos_script);
}

static void put(const char *from, const char *to, unsigned int mib)
{
	ck_assert_int_eq(
		image_run("dd if=%s of=%s bs=1M seek=%u conv=notrunc,sparse", from, to, mib), 0);
}

static bool have_tools(void)
{
	return image_have("mke2fs") && image_have("mkswap") && image_have("sfdisk");
}

#define NEED_TOOLS() \
	do { \
		if (!have_tools()) { \
			UNIT_LEAVE("no mke2fs, mkswap or sfdisk"); \
		} \
	} while (0)

static void make_gpt(void)
{
	struct image_pv rec;

	ck_assert_int_eq(image_run("cp gpt.img disk.img"), 0);
	put("ext.img", "disk.img", 2);
	put("swap.img", "disk.img", 30);
	image_load_pv("disk.img", "holes", 46 * MIB, &rec);
}

static void make_dos(void)
{
	ck_assert_int_eq(image_run("cp dos.img disk.img"), 0);
	put("ext.img", "disk.img", 2);
	put("swap.img", "disk.img", 31);
	put("ext.img", "disk.img", 60);
}

START_TEST(gpt)
{
	NEED_TOOLS();
	make_gpt();
	build("disk.img");
	ck_assert(map->table.understood);
	ck_assert_uint_eq(map->nparts, 8);
	expect_part("1", "ext4", true, "block bitmaps");
	expect_part("2", "swap", true, "swap header");
	expect_part("3", "LVM2_member", true, "LVM extent map");
	expect_part("4", "unknown", false, "all used");
	ck_assert_uint_gt(part("1")->free, 10 * MIB);
	ck_assert_uint_eq(part("2")->free, 16 * MIB - G);
	ck_assert_uint_eq(part("3")->free, 5 * 4 * MIB);
	ck_assert(bitmap_all(map->map, 0, 2 * MIB));			/* before the first */
	ck_assert(!bitmap_any(map->map, 22 * MIB, 8 * MIB));		/* between */
	ck_assert(!bitmap_any(map->map, 110 * MIB, 10 * MIB));
	ck_assert(!bitmap_any(map->map, 140 * MIB, 59 * MIB));		/* behind */
	ck_assert(bitmap_all(map->map, 120 * MIB, 20 * MIB));
	ck_assert_str_eq(part("gap")->kind, "unallocated");
}
END_TEST

START_TEST(dos)
{
	NEED_TOOLS();
	make_dos();
	build("disk.img");
	expect_part("1", "ext4", true, "block bitmaps");
	expect_part("5", "swap", true, "swap header");
	expect_part("6", "ext4", true, "block bitmaps");
	expect_part("3", "unknown", false, "all used");
	/* In the extended partition every gap stays: that is where boot records are. */
	ck_assert(bitmap_all(map->map, 30 * MIB, MIB));
	ck_assert(bitmap_all(map->map, 47 * MIB, 13 * MIB));
	ck_assert(bitmap_all(map->map, 80 * MIB, 50 * MIB));
	ck_assert(!bitmap_any(map->map, 22 * MIB, 8 * MIB));
	ck_assert(!bitmap_any(map->map, 130 * MIB, 20 * MIB));
	ck_assert(!bitmap_any(map->map, 160 * MIB, 39 * MIB));
}
END_TEST

/* The point of it all: what is used is enough to have the disk again. */
START_TEST(copy_is_the_disk)
{
	uint8_t *buf = malloc(G);
	static const unsigned int ext_at[2][2] = { { 2, 2 }, { 2, 60 } };

	NEED_TOOLS();
	if (_i == 0)
		make_gpt();
	else
		make_dos();
	build("disk.img");
	image_make("copy.img", SIZE);
	for (uint64_t at = 0; at < SIZE; at += G) {
		if (bitmap_test(map->map, at))
			image_read("disk.img", buf, G, at);
		else
			memset(buf, 0xa5, G);
		image_write("copy.img", buf, G, at);
	}
	free(buf);
	ck_assert_int_eq(image_run("sfdisk -d disk.img | sed s/disk.img// >a; "
				   "sfdisk -d copy.img | sed s/copy.img// >b; test -s a; cmp a b"),
			 0);
	for (int k = 0; k < 2; k++) {
		ck_assert_int_eq(image_run("dd if=copy.img of=out.img bs=1M skip=%u count=20 && "
					   "e2fsck -fn out.img && rm -rf out && mkdir out && "
					   "debugfs -R 'rdump / out' out.img && "
					   "diff -r tree/d out/d && cmp tree/g out/g",
					   ext_at[_i][k]),
				 0);
	}
	ck_assert_int_eq(
		image_run("test $(blkid -p -o value -s TYPE -O $((%d << 20)) copy.img) = swap",
			  _i == 0 ? 30 : 31),
		0);
}
END_TEST

START_TEST(whole_disk)
{
	struct image_pv rec;

	NEED_TOOLS();
	build("ext.img");
	ck_assert_str_eq(map->table.kind, "");
	expect_part("disk", "ext4", true, "block bitmaps");
	ck_assert_uint_gt(part("disk")->free, 10 * MIB);
	build("swap.img");
	expect_part("disk", "swap", true, "swap header");
	ck_assert_uint_eq(part("disk")->free, 14 * MIB);	/* less the two ends */
	image_run("rm -f pv.img");
	image_load_pv("pv.img", "holes", 0, &rec);
	build("pv.img");
	expect_part("disk", "LVM2_member", true, "LVM extent map");
	image_make("none.img", 8 * MIB);
	build("none.img");
	expect_all_used("no known filesystem");
	image_make("small.img", 512);
	build("small.img");
	expect_all_used("all used");
	image_make("odd.img", 3 * G + 512);
	build("odd.img");
	expect_all_used("all used");
}
END_TEST

/* Signatures that contradict each other. */
START_TEST(ambivalent)
{
	struct image_pv rec;

	NEED_TOOLS();
	/* An LVM label before an ext4 superblock. */
	ck_assert_int_eq(image_run("rm -f pv.img"), 0);
	image_load_pv("pv.img", "orphan", 0, &rec);
	ck_assert_int_eq(image_run("cp ext.img both.img && dd if=pv.img of=both.img bs=512 skip=1 "
				   "seek=1 count=1 conv=notrunc"), 0);
	build("both.img");
	expect_all_used("contradict");
	/* mkswap over a PV, as it was before it wiped: libblkid sees LVM alone. */
	ck_assert_int_eq(image_run("rm -f pv.img"), 0);
	image_load_pv("pv.img", "holes", 0, &rec);
	build("pv.img");
	expect_part("disk", "LVM2_member", true, "LVM extent map");
	image_write("pv.img", "\1\0\0\0\xff\x3f\0\0", 8, 1024);
	image_write("pv.img", "SWAPSPACE2", 10, 4086);
	build("pv.img");
	expect_all_used("contradict");
	/* A filesystem over the whole disk, and a partition table. */
	ck_assert_int_eq(
		image_run("cp ext.img both.img && dd if=dos.img of=both.img bs=512 count=1 "
			  "conv=notrunc"),
		0);
	build("both.img");
	expect_all_used("");
	make_dos();
	put("ext.img", "disk.img", 0);
	ck_assert_int_eq(image_run("dd if=dos.img of=disk.img bs=512 count=1 conv=notrunc"), 0);
	build("disk.img");
	expect_all_used("another signature");
}
END_TEST

START_TEST(doubt_skips_nothing)
{
	static const uint8_t hybrid[16] = { 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0 };

	NEED_TOOLS();
	make_gpt();
	image_write("disk.img", hybrid, sizeof(hybrid), 446 + 16);
	build("disk.img");
	expect_all_used("protective MBR");
	make_gpt();
	image_write("disk.img", "x", 1, SIZE - 512 + 60);
	build("disk.img");
	expect_all_used("backup GPT");
	/* One part in doubt does not spoil the others. */
	make_gpt();
	image_write("disk.img", "S1SUSPEND\0", 10, 30 * MIB + 4086);
	build("disk.img");
	ck_assert(!part("2")->trusted);
	ck_assert_uint_eq(part("2")->free, 0);
	ck_assert(part("1")->trusted);
	ck_assert(part("3")->trusted);
	make_dos();
	image_write("disk.img", "\0\0", 2, 30 * MIB + 510);	/* a boot record of the chain */
	build("disk.img");
	expect_all_used("all used");
}
END_TEST

/* A table without partitions: the gap is the whole disk, and nothing says what it is for. */
START_TEST(no_partitions)
{
	NEED_TOOLS();
	ck_assert_int_eq(image_run("truncate -s 50M e.img; echo 'label: gpt' | sfdisk -q e.img"),
			 0);
	build("e.img");
	ck_assert_uint_eq(bitmap_bytes(map->map), 50 * MIB);
	expect_part("gap", "unallocated", true, "no partitions");
}
END_TEST

static void done(void)
{
	usedmap_set_free(set);
	set = NULL;
}

static Suite *suite_usedmap(void)
{
	Suite *s = suite_create("usedmap");
	TCase *tc = tcase_create("usedmap");

	tcase_add_unchecked_fixture(tc, make_bases, image_teardown);
	tcase_add_checked_fixture(tc, NULL, done);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, gpt);
	tcase_add_test(tc, dos);
	tcase_add_loop_test(tc, copy_is_the_disk, 0, 2);
	tcase_add_test(tc, whole_disk);
	tcase_add_test(tc, ambivalent);
	tcase_add_test(tc, doubt_skips_nothing);
	tcase_add_test(tc, no_partitions);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_usedmap)
