/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What no tracker sees, on machines made here; and the kernel's counts of a disk. */
#include "track/track_refuse.h"

#include <errno.h>

#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"
#include "track/diskstat.h"
#include "track/track.h"

static struct sysroot *root;

static void put_disk(const char *name, const char *dev)
{
	char path[64], target[64];

	tmproot_text("2048", "/sys/block/%s/size", name);
	tmproot_text(dev, "/sys/block/%s/dev", name);
	tmproot_text("1", "/sys/block/%s/queue/iostats", name);
	tmproot_text("0", "/sys/block/%s/queue/dax", name);
	tmproot_text("none", "/sys/block/%s/queue/zoned", name);
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	snprintf(target, sizeof(target), "../../block/%s", name);
	tmproot_link(path, target);
}

static void setup(void)
{
	tmproot_make();
	put_disk("sda", "8:0");
	tmproot_text("1", "/sys/block/sda/sda1/partition");
	tmproot_link("/sys/class/block/sda1", "../../block/sda/sda1");
	tmproot_folder("/sys/block/sda/device");
	root = tmproot_open();
}

static void teardown(void)
{
	sysroot_free(root);
	tmproot_remove();
}

/* The findings' ids in one line; those that refuse with an exclamation mark. */
static const char *findings(const char *disk)
{
	CLEANUP(track_refusals_done) struct track_refusals r = { 0 };
	struct err err = ERR_INIT;
	static char line[256];

	line[0] = '\0';
	ck_assert_msg(track_refuse(root, disk, &r, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < r.n; i++) {
		strcat(line, i ? " " : "");
		strcat(line, r.v[i].id);
		strcat(line, r.v[i].refuse ? "!" : "");
		ck_assert(strlen(r.v[i].what) > 10 && strlen(r.v[i].way) > 10);
	}
	return line;
}

START_TEST(nothing)
{
	ck_assert_str_eq(findings("sda"), "");
}
END_TEST

START_TEST(dax)
{
	static const struct {
		const char *options, *want;
	} rows[] = {
		{ "rw,relatime,dax", "dax!" },
		{ "rw,dax=always,noatime", "dax!" },
		{ "rw,dax=never", "" },
		{ "rw,dax=inode", "" },
		{ "rw,daxless", "" },
		{ "rw", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "proc /proc proc rw 0 0\n/dev/sda1 /mnt ext4 %s 0 0\n", rows[i].options);
		tmproot_text(text, "/proc/self/mounts");
		ck_assert_str_eq(findings("sda"), rows[i].want);
	}
	tmproot_text("/dev/sdb1 /mnt ext4 rw,dax 0 0\n", "/proc/self/mounts");
	ck_assert_str_eq(findings("sda"), "");
}
END_TEST

START_TEST(persistent_memory)
{
	put_disk("pmem0", "259:0");
	tmproot_text("1", "/sys/block/pmem0/queue/dax");
	ck_assert_str_eq(findings("pmem0"), "pmem!");
}
END_TEST

START_TEST(caches)
{
	tmproot_text("writethrough [writeback] writearound none",
		     "/sys/block/sda/sda1/bcache/cache_mode");
	ck_assert_str_eq(findings("sda"), "write-back!");
	tmproot_text("[writethrough] writeback writearound none",
		     "/sys/block/sda/sda1/bcache/cache_mode");
	ck_assert_str_eq(findings("sda"), "");
	/* Two floors up: the partition, a volume that is the origin of a cached one. */
	put_disk("dm-3", "253:3");
	tmproot_text("vg-data_corig", "/sys/block/dm-3/dm/name");
	tmproot_link("/sys/block/sda/sda1/holders/dm-3", "../../../../block/dm-3");
	ck_assert_str_eq(findings("sda"), "write-back!");
	tmproot_text("vg-data", "/sys/block/dm-3/dm/name");
	ck_assert_str_eq(findings("sda"), "");
}
END_TEST

START_TEST(paths)
{
	static const char *const real[] = { "sdb", "sdc", "sr0", "nvme0c0n1" };
	CLEANUP(strv_free) char **names = NULL;

	put_disk("sdb", "8:16");
	put_disk("sdc", "8:32");
	put_disk("sr0", "11:0");
	put_disk("loop0", "7:0");
	put_disk("nvme0c0n1", "259:7");
	put_disk("dm-0", "253:0");
	for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/block/%s/device", real[i]);
		tmproot_folder(path);
	}
	tmproot_text("1", "/sys/block/nvme0c0n1/hidden");
	tmproot_text("mpath-3600", "/sys/block/dm-0/dm/uuid");
	tmproot_link("/sys/block/sdb/holders/dm-0", "../../dm-0");
	tmproot_link("/sys/block/sdc/holders/dm-0", "../../dm-0");
	ck_assert_str_eq(findings("sdb"), "path!");
	ck_assert_str_eq(findings("dm-0"), "");
	ck_assert_int_eq(track_refuse_pick(root, &names, NULL), 0);
	ck_assert_str_eq(names[0], "sda");
	ck_assert_str_eq(names[1], "dm-0");
	ck_assert_ptr_null(names[2]);
}
END_TEST

START_TEST(writers)
{
	tmproot_text("ceph-osd", "/proc/123/comm");
	tmproot_link("/proc/123/fd/4", "/dev/null");
	tmproot_text("flags:\t0100002\n", "/proc/123/fdinfo/4");
	tmproot_link("/proc/123/fd/5", "/dev/sda1");
	tmproot_text("pos:\t0\nflags:\t0100000\nmnt_id:\t9\n", "/proc/123/fdinfo/5");
	ck_assert_str_eq(findings("sda"), "");
	tmproot_text("pos:\t0\nflags:\t0140002\nmnt_id:\t9\n", "/proc/123/fdinfo/5");
	ck_assert_str_eq(findings("sda"), "raw-writer");
}
END_TEST

START_TEST(others)
{
	tmproot_text("host-managed", "/sys/block/sda/queue/zoned");
	tmproot_text("0", "/sys/block/sda/queue/iostats");
	ck_assert_str_eq(findings("sda"), "zoned! no-count");
	put_disk("loop0", "7:0");
	tmproot_text("/a", "/sys/block/loop0/loop/backing_file");
	ck_assert_str_eq(findings("loop0"), "file");
}
END_TEST

START_TEST(disks_are_found)
{
	struct track_disk d;

	ck_assert_int_eq(track_disk_find(root, "sda", &d, NULL), 0);
	ck_assert_uint_eq(d.size, 1048576);
	ck_assert_uint_eq(d.dev, 0x800);
	ck_assert_int_eq(track_disk_find(root, "sdz", &d, NULL), -ENODEV);
	ck_assert_int_eq(track_disk_find(root, "../sda", &d, NULL), -EINVAL);
	ck_assert_int_eq(track_disk_find(root, "", &d, NULL), -EINVAL);
	tmproot_text("8:x", "/sys/block/sda/dev");
	ck_assert_int_eq(track_disk_find(root, "sda", &d, NULL), -ENODEV);
}
END_TEST

START_TEST(counts)
{
	struct diskstat c = { 0 };

	ck_assert_int_eq(diskstat_parse(" 1 2 3 4 5 6 700 8 9 10 11 12 13 14000 15 16 17\n", &c),
			 0);
	ck_assert_uint_eq(c.sectors, 14700);
	ck_assert_uint_eq(c.in_flight, 9);
	/* Before 4.18. */
	ck_assert_int_eq(diskstat_parse("1 2 3 4 5 6 700 8 9 10 11", &c), 0);
	ck_assert_uint_eq(c.sectors, 700);
	ck_assert_int_eq(diskstat_parse("1 2 3 4 5 6 700 8 9 10", &c), -EBADMSG);
	ck_assert_int_eq(diskstat_parse("1 2 3 4 5 6 -7 8 9 10 11", &c), -EBADMSG);
	ck_assert_int_eq(diskstat_parse("1 2 3 4 5 6 99999999999999999999999 8 9 10 11", &c),
			 -EBADMSG);
	ck_assert_int_eq(diskstat_parse("", &c), -EBADMSG);
	tmproot_text("1 2 3 4 5 6 700 8 9 10 11", "/sys/block/sda/stat");
	ck_assert_int_eq(diskstat_read(root, "sda", &c), 0);
	tmproot_text("0", "/sys/block/sda/queue/iostats");
	ck_assert_int_eq(diskstat_read(root, "sda", &c), -ENOENT);
	ck_assert_int_lt(diskstat_read(root, "sdb", &c), 0);
}
END_TEST

static Suite *track_refuse_suite(void)
{
	Suite *s = suite_create("track_refuse");
	TCase *tc = tcase_create("track_refuse");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing);
	tcase_add_test(tc, dax);
	tcase_add_test(tc, persistent_memory);
	tcase_add_test(tc, caches);
	tcase_add_test(tc, paths);
	tcase_add_test(tc, writers);
	tcase_add_test(tc, others);
	tcase_add_test(tc, disks_are_found);
	tcase_add_test(tc, counts);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_refuse_suite)
