/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks that sleep, vanish, lie, or are too many: a warning that names them, and the rest. */
#include <inttypes.h>
#include "common/fdio.h"
#include "tests/unit/test_collect_block.h"

static void put_gpt_record(const char *dev)
{
	put_text("E:ID_PART_TABLE_TYPE=gpt\nE:ID_PART_TABLE_UUID=AA\n", "/run/udev/data/b%s", dev);
}

static void put_partition(const char *disk, const char *name, const char *number, const char *dev,
			  const char *start, const char *size)
{
	put_text(number, "/sys/block/%s/%s/partition", disk, name);
	put_text(dev, "/sys/block/%s/%s/dev", disk, name);
	put_text(start, "/sys/block/%s/%s/start", disk, name);
	put_text(size, "/sys/block/%s/%s/size", disk, name);
}

/* Neither the disk is read, nor its partition, nor the volume on that: udev must do. */
START_TEST(test_sleeping_disk_is_left_asleep)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d;

	make_root();
	put_disk("sda", 0, "8:0");
	put_disk("sdb", 1, "8:16");
	put_gpt_record("8:0");
	put_partition("sda", "sda1", "1", "8:1", "2048", "4096");
	put_text("E:ID_FS_TYPE=LVM2_member\nE:ID_FS_UUID=pv\n", "/run/udev/data/b8:1");
	put_volume("dm-0", "253:0", "");
	put_link("../../../../pci0000:00/0000:00:1f.2/host0/0:0:0:0/block/sda/sda1",
		 "/sys/block/dm-0/slaves/sda1");
	put_swap("/dev/sda", "awake");
	put_swap("/dev/sda1", "awake");
	put_swap("/dev/dm-0", "awake");
	put_swap("/dev/sdb", "awake");
	put_text("suspended\n", "/sys/block/sda/device/power/runtime_status");
	put_text("active\n", "/sys/block/sdb/device/power/runtime_status");
	m = collect_made();
	d = &m->disks[0];
	ck_assert_text(d->fs.type, NULL);
	ck_assert_text(d->table, "gpt");
	ck_assert_text(d->partitions[0].fs.type, "LVM2_member");
	ck_assert_text(d->partitions[0].fs.uuid, "pv");
	ck_assert_text(volume(m, "dm-0")->fs.type, NULL);
	ck_assert_text(m->disks[1].fs.label, "awake");
	ck_assert(warns_of(m, "/dev/sda is asleep"));
	ck_assert(warns_of(m, "/dev/dm-0 is asleep"));
	ck_assert(!warns_of(m, "sdb"));
	machine_free(m);
	put_text("active\n", "/sys/block/sda/device/power/runtime_status");
	m = collect_made();
	remove_root();
	ck_assert_text(m->disks[0].fs.label, "awake");
	ck_assert_text(volume(m, "dm-0")->fs.label, "awake");
	ck_assert_uint_eq(m->warnings.n, 0);
}
END_TEST

START_TEST(test_things_that_are_not_there)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	char full[512];

	make_root();
	put_disk("sda", 0, "8:0");
	put_partition("sda", "sda1", "1", "8:1", "2048", "4096");
	put_disk("sdb", 1, "8:16");
	/* Gone since the folder was listed; a ring of links; no size. */
	put_link("../devices/gone/block/sdc", "/sys/block/sdc");
	put_link("sde", "/sys/block/sdd");
	put_link("sdd", "/sys/block/sde");
	put_text("8:80", "/sys/devices/x/block/sdf/dev");
	put_link("../devices/x/block/sdf", "/sys/block/sdf");
	/* A node that is none, and one that would wait. */
	put_text("no disk", "/dev/null0");
	snprintf(full, sizeof(full), "%s/dev/sda", made);
	ck_assert_int_eq(mkfifo(full, 0644), 0);
	put_link("/dev/sdb", "/dev/sdb");
	/* Mappings that stand on each other. */
	put_volume("dm-0", "253:0", "dm-1 sdz");
	put_volume("dm-1", "253:1", "dm-0");
	put_swap("/dev/dm-0", "ring");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->ndisks, 2);
	ck_assert_uint_eq(m->disks[0].npartitions, 1);
	ck_assert(warns_of(m, "disk sdc is listed"));
	ck_assert(warns_of(m, "disk sdd is listed"));
	ck_assert(warns_of(m, "disk sde is listed"));
	ck_assert(warns_of(m, "disk sdf has no size"));
	ck_assert_text(volume(m, "dm-0")->fs.label, "ring");
}
END_TEST

START_TEST(test_attributes_that_lie)
{
	CLEANUP(mem_free) char *huge = malloc(2 << 20), *full = NULL;
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d;

	memset(huge, 'x', 2 << 20);
	make_root();
	put_disk("sda", 0, "8:0");
	put("/sys/block/sda/device/model", huge, (1 << 20) + 1);
	put("/sys/block/sda/device/serial", "\x01\xff\xfe serial \0\0\x7f", 14);
	put_link("vendor", "/sys/block/sda/device/vendor");
	put_text("", "/sys/block/sda/device/rev/folder");
	put_disk("sdb", 1, "8:16");
	put("/sys/block/sdb/device/serial", huge, 900000);
	/* Past the end; no number can hold it; start and size each just can. */
	put_partition("sdb", "sdb1", "1", "8:17", "2048", "9999999");
	put_partition("sdb", "sdb2", "2", "8:18", "18446744073709551615", "1");
	put_partition("sdb", "sdb3", "3", "8:19", "18014398509481983", "18014398509481983");
	put_partition("sdb", "sdb4", "4", "8:20", "-5", "junk");
	/* 2^63 bytes. */
	put_disk("sdc", 2, "8:32");
	put_text("18014398509481984\n", "/sys/block/sdc/size");
	put_volume("dm-0", "253:0", "");
	put_text("18014398509481984\n", "/sys/block/dm-0/size");
	m = collect_made();
	ck_assert_uint_eq(m->ndisks, 2);
	d = &m->disks[0];
	ck_assert_text(d->model, NULL);
	ck_assert_text(d->revision, NULL);
	ck_assert(strstr(d->serial, " serial") != NULL);
	ck_assert(warns_of(m, "/device/model: File too large"));
	ck_assert(warns_of(m, "/device/vendor: "));
	ck_assert(warns_of(m, "/device/rev: Is a directory"));
	d = &m->disks[1];
	ck_assert_uint_le(strlen(d->serial), 64 * 1024);
	ck_assert_uint_eq(d->npartitions, 4);
	ck_assert(warns_of(m, "/dev/sdb1 ends past the end of /dev/sdb"));
	ck_assert(warns_of(m, "/dev/sdb3 has an impossible place"));
	ck_assert(warns_of(m, "disk sdc has no size"));
	ck_assert_uint_eq(m->nvolumes, 0);
	remove_root();
}
END_TEST

START_TEST(test_names_that_are_none)
{
	static const char *const bad[] = {
		"sd\na", "..!etc", "!x", "a!!b", "x!", "k\xc3\xb6ln", "sd a", "sd\\a", "\x7f",
		"a!..!b", "loop\n", "dm-\t",
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_disk("cciss!c0d0", 0, "104:0");
	put_text("104:1\n", "/sys/block/cciss!c0d0/cciss!c0d0p1/dev");
	put_text("1\n", "/sys/block/cciss!c0d0/cciss!c0d0p1/partition");
	put_text("1\n", "/sys/block/cciss!c0d0/p\n2/partition");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		put_text("2048\n", "/sys/block/%s/size", bad[i]);
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->ndisks, 1);
	ck_assert_uint_eq(m->nvolumes, 0);
	ck_assert_str_eq(m->disks[0].name, "cciss/c0d0");
	ck_assert_uint_eq(m->disks[0].npartitions, 1);
	ck_assert_str_eq(m->disks[0].partitions[0].path, "/dev/cciss/c0d0p1");
	ck_assert_uint_ge(m->warnings.n, ARRAY_SIZE(bad) + 1);
	ck_assert(warns_of(m, "sd\\x0aa"));
}
END_TEST

/* Lists end, in good time. */
START_TEST(test_endless_lists)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(strbuf_done) struct strbuf links = { 0 }, mounts = { 0 };

	for (int i = 0; i < 60000; i++)
		strbuf_addf(&links, "S:disk/%d\n", i);
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&mounts, "1 1 8:0 / /%d rw - ext4 /dev/sda rw\n", i);
	make_root();
	put_disk("sda", 0, "8:0");
	put("/run/udev/data/b8:0", links.s, links.len);
	put("/proc/1/mountinfo", mounts.s, mounts.len);
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->disks[0].aliases.n, COLLECT_LIST_MAX);
	ck_assert_uint_eq(m->disks[0].mountpoints.n, COLLECT_LIST_MAX);
	ck_assert(warns_of(m, "mount points of sda"));
}
END_TEST

/* btrfs is mounted by name, and by parts: in the order of mounting, each once. */
START_TEST(test_mounts)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_strv *v;

	make_root();
	put_disk("sda", 0, "8:0");
	put_disk("sdb", 1, "8:16");
	put_link("../../sda", "/dev/disk/by-uuid/u");
	put_text("1 1 0:30 /@ / rw - btrfs /dev/disk/by-uuid/u rw\n"
		 "2 1 8:16 / /b rw - xfs /dev/sdb rw\n"
		 "3 1 8:16 /home /home rw - xfs /dev/sdb rw\n"
		 "4 1 0:30 /@home /home2 rw - btrfs /dev/sda rw\n"
		 "5 1 0:30 /@ / rw - btrfs /dev/sda rw\n", "/proc/1/mountinfo");
	put_text("100 4096 25 /\n10 512 11 /b\nnoise\n1 2 3\n", "/p2v/statvfs");
	m = collect_made();
	remove_root();
	v = &m->disks[0].mountpoints;
	ck_assert_uint_eq(v->n, 2);
	ck_assert_str_eq(v->v[0], "/");
	ck_assert_str_eq(v->v[1], "/home2");
	ck_assert_uint_eq(m->disks[0].fs.used, 75 * 4096);
	ck_assert_text(m->disks[0].fs.type, "btrfs");
	v = &m->disks[1].mountpoints;
	ck_assert_uint_eq(v->n, 1);
	ck_assert_str_eq(v->v[0], "/b");
	ck_assert_uint_eq(m->disks[1].fs.used, 0);	/* more free than there is */
}
END_TEST

START_TEST(test_noise)
{
	static const char *const files[] = {
		"/sys/block/sda/size", "/sys/block/sda/queue/write_cache",
		"/sys/block/sda/queue/zoned", "/sys/block/sda/device/state",
		"/sys/block/sda/device/rev", "/sys/block/sda/device/vpd_pg80",
		"/sys/block/sda/sda1/partition", "/sys/block/sda/sda1/start",
		"/sys/block/sda/sda1/size", "/p2v/mbr/sda", "/p2v/blkid/sda", "/p2v/statvfs",
		"/run/udev/data/b8:0", "/run/udev/data/b9:0", "/run/udev/data/b147:0",
		"/proc/drbd", "/proc/1/mountinfo", "/proc/swaps",
		"/sys/block/md0/md/metadata_version", "/sys/block/md0/md/level",
		"/sys/block/md0/md/array_state", "/sys/block/md0/md/raid_disks",
		"/sys/block/md0/md/degraded", "/sys/block/md0/md/dev-sda/slot",
		"/sys/block/md0/md/dev-sda/state", "/sys/block/dm-0/dm/name",
		"/sys/block/dm-0/dm/uuid", "/sys/block/dm-0/dm/suspended",
		"/sys/block/bcache0/bcache/state", "/sys/block/bcache0/bcache/cache_mode",
		"/sys/block/loop0/loop/backing_file", "/dev/sda", "/dev/dm-0", "/dev/md0",
	};
	static const char nearly[] = " \n|-:=/[],0123456789EDSabn\\x\xc3\xff";
	uint32_t rng = 0x2545f491;

	make_root();
	put_disk("sda", 0, "8:0");
	put_volume("md0", "9:0", "sda");
	put_volume("dm-0", "253:0", "md0");
	put_volume("bcache0", "252:0", "dm-0");
	put_volume("drbd0", "147:0", "");
	put_volume("loop0", "7:0", "");
	for (int round = 0; round < 40; round++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			static const char *const right[] = { "external:/md0/0", "mpath-x", "part1-",
				"LVM-x", "inactive", "0:0:0:0", "18014398509481983", "2048",
				" 0: cs:x ro:/ ds:", "ID_PART_TABLE_TYPE=gpt", "[", "in_sync" };
			char noise[700];
			size_t n = 0;

			for (; n < sizeof(noise); n++) {
				rng ^= rng << 13;
				rng ^= rng >> 17;
				rng ^= rng << 5;
				noise[n] = round % 2 ? (char)(rng >> 24) :
						       nearly[(rng >> 24) % (sizeof(nearly) - 1)];
			}
			/* What begins well is read further. */
			if (rng % 3 == 0)
				put_text(right[(rng >> 8) % ARRAY_SIZE(right)], "%s", files[i]);
			else
				put(files[i], noise, rng % sizeof(noise));
		}
		m = collect_made();
	}
	remove_root();
}
END_TEST

/* LUNs with four paths each, as a SAN shows them. */
static void put_luns(int luns)
{
	CLEANUP(strbuf_done) struct strbuf mounts = { 0 };

	for (int i = 0; i < 4 * luns; i++) {
		char name[16], dev[16], link[96];
		int lun = i % luns;

		snprintf(name, sizeof(name), "sd%c%c%c", 'a' + i / 676, 'a' + i / 26 % 26,
			 'a' + i % 26);
		snprintf(dev, sizeof(dev), "8:%d", i);
		put_disk(name, i, dev);
		put_text("E:ID_FS_TYPE=mpath_member\n", "/run/udev/data/b%s", dev);
		snprintf(link, sizeof(link), "../../%s", name);
		put_link(link, "/dev/disk/by-path/pci-%d", i);
		if (i < luns) {
			snprintf(name, sizeof(name), "dm-%d", lun);
			snprintf(dev, sizeof(dev), "253:%d", lun);
			put_volume(name, dev, "");
			put_text("mpath-x", "/sys/block/%s/dm/uuid", name);
			snprintf(link, sizeof(link), "../../%s", name);
			for (int k = 0; k < 4; k++)
				put_link(link, "/dev/disk/by-id/id-%d-%d", lun, k);
			strbuf_addf(&mounts, "1 1 %s / /srv/%d rw - ext4 /dev/%s rw\n", dev, lun,
				    name);
		}
		snprintf(link, sizeof(link), "/sys/block/sd%c%c%c", 'a' + i / 676,
			 'a' + i / 26 % 26, 'a' + i % 26);
		put_link(link, "/sys/block/dm-%d/slaves/%s", lun, link + 11);
	}
	put("/proc/1/mountinfo", mounts.s, mounts.len);
}

/* How often this process has asked the kernel to read. */
static uint64_t read_calls(void)
{
	CLEANUP(mem_free) char *text = NULL;
	unsigned long long n = 0;
	const char *at;

	ck_assert_int_eq(fdio_read_file("/proc/self/io", 1 << 16, &text, NULL, NULL), 0);
	at = strstr(text, "syscr: ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "syscr: %llu", &n), 1);
	return n;
}

/* Reads that an inventory of so many LUNs takes; their paths, aliases and mounts are all found. */
static uint64_t reads_of_luns(int luns)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	uint64_t reads;

	make_root();
	put_luns(luns);
	ck_assert_int_eq(sysroot_open(made, &root, NULL), 0);
	ck_assert_int_eq(machine_new(&m), 0);
	reads = read_calls();
	ck_assert_int_eq(collect_block(root, m, NULL), 0);
	reads = read_calls() - reads;
	remove_root();
	ck_assert_uint_eq(m->ndisks, 4 * (size_t)luns);
	ck_assert_uint_eq(m->nvolumes, (size_t)luns);
	for (int i = 0; i < luns; i++) {
		ck_assert_uint_eq(m->volumes[i].slaves.n, 4);
		ck_assert_uint_eq(m->volumes[i].aliases.n, 4);
		ck_assert_uint_eq(m->volumes[i].mountpoints.n, 1);
	}
	return reads;
}

/* What is looked up is found without looking at everything: four times the LUNs, as many reads. */
START_TEST(test_many_paths_are_read_once)
{
	uint64_t few = reads_of_luns(75), many = reads_of_luns(300);

	ck_assert_uint_gt(few, 300);
	ck_assert_msg(many <= 4 * few + 100, "75 LUNs: %" PRIu64 " reads, 300 LUNs: %" PRIu64, few,
		      many);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("collect_block_hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_sleeping_disk_is_left_asleep);
	tcase_add_test(t, test_things_that_are_not_there);
	tcase_add_test(t, test_attributes_that_lie);
	tcase_add_test(t, test_names_that_are_none);
	tcase_add_test(t, test_endless_lists);
	tcase_add_test(t, test_mounts);
	tcase_add_test(t, test_noise);
	tcase_add_test(t, test_many_paths_are_read_once);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
