/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes: what device-mapper, md, bcache, DRBD, multipath and their kin are said to be. */
#include "tests/unit/test_collect_block.h"

START_TEST(test_kinds_of_mappings)
{
	static const struct {
		const char *uuid, *name, *kind, *group;
	} cases[] = {
		{ "LVM-aaaabbbb", "vg-root", "lvm", "vg" },
		{ "LVM-aaaabbbb", "my--vg-my--lv", "lvm", "my-vg" },
		{ "LVM-aaaabbbb", "vg---lv", "lvm", "vg-" },
		{ "LVM-aaaabbbb-cow", "a----b-c--d-cow", "lvm", "a--b" },
		{ "LVM-aaaabbbb", "novolume", "lvm", NULL },
		{ "LVM-aaaabbbb", "trailing-", "lvm", NULL },
		{ "LVM-aaaabbbb", "-lv", "lvm", NULL },
		{ "CRYPT-LUKS1-00-x", "luks-00", "crypt", NULL },
		{ "CRYPT-LUKS2-00-x", "a-b", "crypt", NULL },
		{ "CRYPT-PLAIN-swap", "swap", "crypt", NULL },
		{ "CRYPT-VERITY-00-usr", "usr", "verity", NULL },
		{ "CRYPT-INTEGRITY-00-x", "x", "integrity", NULL },
		{ "mpath-3600a", "mpatha", "mpath", NULL },
		{ "part1-mpath-3600a", "mpatha1", "part", NULL },
		{ "part12-DMRAID-isw_x", "isw_x12", "part", NULL },
		{ "part-x", "x", "dm", NULL },
		{ "partner-1", "partner", "dm", NULL },
		{ "DMRAID-isw_cabd_Volume0", "isw_cabd_Volume0", "dmraid", NULL },
		{ "VDO-1234", "vdo0", "vdo", NULL },
		{ "OTHER", "other", "dm", NULL },
		{ NULL, "bare", "dm", NULL },
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[16], dev[16];

		snprintf(name, sizeof(name), "dm-%zu", i);
		snprintf(dev, sizeof(dev), "253:%zu", i);
		put_volume(name, dev, "");
		put_text(cases[i].name, "/sys/block/%s/dm/name", name);
		if (cases[i].uuid)
			put_text(cases[i].uuid, "/sys/block/%s/dm/uuid", name);
	}
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->nvolumes, ARRAY_SIZE(cases));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_text(m->volumes[i].uuid, cases[i].uuid);
		ck_assert_text(m->volumes[i].kind, cases[i].kind);
		ck_assert_text(m->volumes[i].group, cases[i].group);
		ck_assert_text(m->volumes[i].state, NULL);
	}
	ck_assert_str_eq(m->volumes[0].path, "/dev/mapper/vg-root");
}
END_TEST

/* Not the mapping itself, nor what stands on it. */
START_TEST(test_suspended_is_not_read)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_disk("sda", 0, "8:0");
	put_volume("dm-0", "253:0", "sda");
	put_volume("dm-1", "253:1", "dm-0");
	put_volume("dm-2", "253:2", "sda");
	put_swap("/dev/dm-0", "zero");
	put_swap("/dev/dm-1", "one");
	put_swap("/dev/dm-2", "two");
	put_text("1\n", "/sys/block/dm-0/dm/suspended");
	put_text("E:ID_FS_TYPE=xfs\n", "/run/udev/data/b253:1");
	m = collect_made();
	ck_assert_text(volume(m, "dm-0")->state, "suspended");
	ck_assert_text(volume(m, "dm-0")->fs.type, NULL);
	ck_assert(warns_of(m, "/dev/dm-0"));
	ck_assert_text(volume(m, "dm-1")->fs.type, "xfs");	/* as udev has it */
	ck_assert(warns_of(m, "/dev/dm-1"));
	ck_assert_text(volume(m, "dm-2")->fs.label, "two");
	ck_assert(!warns_of(m, "/dev/dm-2"));
	machine_free(m);
	put_text("0\n", "/sys/block/dm-0/dm/suspended");
	m = collect_made();
	remove_root();
	ck_assert_text(volume(m, "dm-0")->state, NULL);
	ck_assert_text(volume(m, "dm-0")->fs.label, "zero");
	ck_assert_text(volume(m, "dm-1")->fs.label, "one");
	ck_assert_uint_eq(m->warnings.n, 0);
}
END_TEST

static void put_array(const char *name, const char *level, const char *metadata, const char *state,
		      const char *disks)
{
	put_volume(name, "9:1", "");
	put_text(level, "/sys/block/%s/md/level", name);
	put_text(metadata, "/sys/block/%s/md/metadata_version", name);
	put_text(state, "/sys/block/%s/md/array_state", name);
	put_text(disks, "/sys/block/%s/md/raid_disks", name);
}

static void put_member(const char *array, const char *name, const char *slot, const char *state)
{
	put_text(slot, "/sys/block/%s/md/dev-%s/slot", array, name);
	put_text(state, "/sys/block/%s/md/dev-%s/state", array, name);
}

START_TEST(test_arrays)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_volume *v;

	make_root();
	put_array("md0", "raid1\n", "1.2\n", "clean\n", "2\n");
	put_member("md0", "sda1", "0\n", "in_sync,write_mostly\n");
	put_member("md0", "sdb1", "1\n", "in_sync\n");
	put_member("md0", "sdc1", "none\n", "spare\n");
	/* One left, one being rebuilt, one faulty. */
	put_array("md1", "raid6\n", "0.90\n", "active\n", "5 (4)\n");
	put_member("md1", "sda", "0\n", "in_sync\n");
	put_member("md1", "sdb", "1\n", "in_sync\n");
	put_member("md1", "sdc", "2\n", "faulty,in_sync\n");
	put_member("md1", "sdd", "3\n", "spare\n");
	put_text("3\n", "/sys/block/md1/md/degraded");
	/* Members are hidden: the kernel's count alone. */
	put_array("md2", "raid1\n", "1.2\n", "clean\n", "3\n");
	put_text("1\n", "/sys/block/md2/md/degraded");
	/* Not started: a member is not there. */
	put_array("md3", "raid5\n", "1.2\n", "inactive\n", "3\n");
	put_text("0\n", "/sys/block/md3/size");
	put_member("md3", "sde", "none\n", "spare\n");
	put_member("md3", "sdf", "none\n", "spare\n");
	/* Stopped: nothing. */
	put_array("md4", "\n", "none\n", "clear\n", "0\n");
	put_text("0\n", "/sys/block/md4/size");
	/* Of damaged numbers nothing is made. */
	put_array("md5", "raid0\n", "1.2\n", "clean\n", "99999999999999999999\n");
	put_text("77\n", "/sys/block/md5/md/degraded");
	/* Neither what failed nor the journal holds a place. */
	put_array("md6", "raid5\n", "1.2\n", "clean\n", "3\n");
	put_member("md6", "sda", "0\n", "in_sync\n");
	put_member("md6", "sdb", "1\n", "faulty,in_sync\n");
	put_member("md6", "sdc", "journal\n", "in_sync,journal\n");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(volume(m, "md6")->missing, 2);
	v = volume(m, "md0");
	ck_assert_text(v->kind, "md");
	ck_assert_text(v->level, "raid1");
	ck_assert_text(v->metadata, "1.2");
	ck_assert_text(v->state, "clean");
	ck_assert_uint_eq(v->devices, 2);
	ck_assert_uint_eq(v->missing, 0);
	v = volume(m, "md1");
	ck_assert_text(v->metadata, "0.90");
	ck_assert_uint_eq(v->devices, 5);
	ck_assert_uint_eq(v->missing, 3);
	ck_assert_uint_eq(volume(m, "md2")->missing, 1);
	v = volume(m, "md3");
	ck_assert_uint_eq(v->size, 0);
	ck_assert_text(v->state, "inactive");
	ck_assert_uint_eq(v->devices, 3);
	ck_assert_uint_eq(v->missing, 1);
	ck_assert_ptr_null(volume(m, "md4"));
	ck_assert_uint_eq(volume(m, "md5")->devices, 0);
	ck_assert_uint_eq(volume(m, "md5")->missing, 0);
}
END_TEST

START_TEST(test_firmware_raid)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_volume *v;

	make_root();
	put_disk("sda", 0, "8:0");
	put_disk("sdb", 1, "8:16");
	put_volume("md126", "9:126", "sda sdb");
	put_array("md126", "raid1\n", "external:/md127/0\n", "active\n", "2\n");
	put_member("md126", "sda", "0\n", "in_sync\n");
	put_text("E:MD_UUID=aa:bb\n", "/run/udev/data/b9:1");
	put_volume("md127", "9:127", "sda sdb");
	put_array("md127", "", "external:imsm\n", "inactive\n", "0\n");
	put_text("0\n", "/sys/block/md127/size");
	/* Read-only, inside a container that went away. */
	put_array("md125", "raid0\n", "external:-md9/1\n", "readonly\n", "2\n");
	put_text("512\n", "/sys/devices/virtual/block/md126/md126p1/size");
	put_text("1\n", "/sys/devices/virtual/block/md126/md126p1/partition");
	m = collect_made();
	remove_root();
	v = volume(m, "md126");
	ck_assert_text(v->metadata, "imsm");
	ck_assert_text(v->group, "md127");
	ck_assert_text(v->uuid, "aa:bb");
	ck_assert_uint_eq(v->missing, 1);
	ck_assert_uint_eq(v->slaves.n, 2);
	v = volume(m, "md126p1");
	ck_assert_text(v->kind, "md");
	ck_assert_uint_eq(v->size, 512 * 512);
	ck_assert_uint_eq(v->slaves.n, 1);
	ck_assert_str_eq(v->slaves.v[0], "md126");
	v = volume(m, "md127");
	ck_assert_text(v->level, "container");
	ck_assert_text(v->metadata, "imsm");
	ck_assert_text(v->state, NULL);
	ck_assert_uint_eq(v->size, 0);
	v = volume(m, "md125");
	ck_assert_text(v->metadata, NULL);
	ck_assert_text(v->group, "md9");
}
END_TEST

START_TEST(test_bcache)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_volume *v;

	make_root();
	put_disk("sda", 0, "8:0");
	put_disk("sdb", 1, "8:16");
	put_volume("bcache0", "252:0", "sda");
	put_text("dirty\n", "/sys/block/sda/bcache/state");
	put_text("writethrough [writeback] writearound none\n",
		 "/sys/block/sda/bcache/cache_mode");
	put_text("uu-id\n", "/sys/block/sda/bcache/backing_dev_uuid");
	put_link("/sys/block/sda/bcache", "/sys/devices/virtual/block/bcache0/bcache");
	put_link("/sys/fs/bcache/5e7", "/sys/block/sda/bcache/cache");
	put_text("", "/sys/block/sdb/bcache/x");
	put_link("/sys/block/sdb/bcache", "/sys/fs/bcache/5e7/cache0");
	put_text("128", "/sys/fs/bcache/5e7/cache_available_percent");
	put_link("/sys/block/sdz/other", "/sys/fs/bcache/5e7/cache1");
	put_text("", "/sys/block/sdz/other/x");
	/* Its cache is gone. */
	put_volume("bcache1", "252:1", "sdc");
	put_text("no cache\n", "/sys/block/bcache1/bcache/state");
	put_text("writethrough", "/sys/block/bcache1/bcache/cache_mode");
	put_text("1\n", "/sys/devices/virtual/block/bcache0/bcache0p1/partition");
	put_text("8\n", "/sys/devices/virtual/block/bcache0/bcache0p1/size");
	m = collect_made();
	remove_root();
	v = volume(m, "bcache0");
	ck_assert_text(v->kind, "bcache");
	ck_assert_text(v->state, "dirty");
	ck_assert_text(v->cache_mode, "writeback");
	ck_assert_text(v->group, "5e7");
	ck_assert_text(v->uuid, "uu-id");
	ck_assert_uint_eq(v->slaves.n, 2);
	ck_assert_str_eq(v->slaves.v[0], "sda");
	ck_assert_str_eq(v->slaves.v[1], "sdb");
	v = volume(m, "bcache0p1");
	ck_assert_text(v->kind, "bcache");
	ck_assert_str_eq(v->slaves.v[0], "bcache0");
	v = volume(m, "bcache1");
	ck_assert_text(v->state, "no cache");
	ck_assert_text(v->cache_mode, NULL);
	ck_assert_text(v->group, NULL);
	ck_assert_uint_eq(v->slaves.n, 1);
	ck_assert_str_eq(v->slaves.v[0], "sdc");
}
END_TEST

START_TEST(test_drbd)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_volume *v;

	make_root();
	put_volume("drbd0", "147:0", "");
	put_volume("drbd1", "147:1", "");
	put_volume("drbd11", "147:11", "");
	put_volume("drbd5", "147:5", "");
	put_text("S:drbd/by-res/mail/0\nS:drbd/by-disk/sda3\nS:drbd0\n",
		 "/run/udev/data/b147:0");
	put_text("version: 8.4.11 (api:1/proto:86-101)\n"
		 "srcversion: F4BBDAB9\n"
		 " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n"
		 "    ns:0 nr:0 dw:0 dr:664\n"
		 " 1: cs:WFConnection st:Secondary/Unknown ds:Diskless/DUnknown C r---\n"
		 "11: cs:StandAlone ro:Primary/Unknown ds:Consistent/DUnknown r---\n",
		 "/proc/drbd");
	m = collect_made();
	remove_root();
	v = volume(m, "drbd0");
	ck_assert_text(v->kind, "drbd");
	ck_assert_text(v->state, "UpToDate");
	ck_assert_text(v->role, "Primary");
	ck_assert_text(v->group, "mail");
	ck_assert_uint_eq(v->slaves.n, 1);
	ck_assert_str_eq(v->slaves.v[0], "sda3");
	ck_assert_text(volume(m, "drbd1")->state, "Diskless");
	ck_assert_text(volume(m, "drbd1")->role, "Secondary");
	ck_assert_text(volume(m, "drbd11")->state, "Consistent");
	ck_assert_text(volume(m, "drbd5")->state, NULL);
	ck_assert_text(volume(m, "drbd5")->role, NULL);
}
END_TEST

START_TEST(test_loop_and_zram_in_use)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_volume("loop0", "7:0", "");
	put_text("/srv/data.img\n", "/sys/block/loop0/loop/backing_file");
	put_volume("loop1", "7:1", "");
	put_volume("loop2", "7:2", "");
	put_volume("loop3", "7:3", "");
	put_text("/srv/parts.img\n", "/sys/block/loop3/loop/backing_file");
	put_text("1\n", "/sys/devices/virtual/block/loop3/loop3p1/partition");
	put_text("8\n", "/sys/devices/virtual/block/loop3/loop3p1/size");
	put_text("259:3\n", "/sys/devices/virtual/block/loop3/loop3p1/dev");
	put_volume("zram0", "252:0", "");
	put_volume("zram1", "252:1", "");
	put_text("1 0 7:0 / /data rw - ext4 /dev/loop0 rw\n"
		 "2 0 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro\n"
		 "3 0 259:3 / /p1 ro - vfat /dev/loop3p1 ro\n", "/proc/1/mountinfo");
	put_text("Filename Type Size Used Priority\n/dev/zram0 partition 9 0 100\n", "/proc/swaps");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->nvolumes, 3);
	ck_assert_text(volume(m, "loop0")->backing, "/srv/data.img");
	ck_assert_text(volume(m, "loop0")->fs.type, "ext4");
	ck_assert_uint_eq(volume(m, "loop0")->mountpoints.n, 1);
	ck_assert_text(volume(m, "loop3p1")->kind, "loop");
	ck_assert_text(volume(m, "loop3p1")->backing, "/srv/parts.img");
	ck_assert_text(volume(m, "zram0")->kind, "zram");
	ck_assert_str_eq(volume(m, "zram0")->mountpoints.v[0], "[SWAP]");
}
END_TEST

/* Two paths, one LUN: names, content and mounts belong to the map. */
START_TEST(test_multipath)
{
	static const char links[] = "S:disk/by-id/wwn-0x600a\nS:disk/by-path/pci-%d\n"
				    "E:ID_WWN_WITH_EXTENSION=0x600a\nE:ID_FS_TYPE=mpath_member\n";
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_volume *v;

	make_root();
	put_disk("sda", 0, "8:0");
	put_disk("sdb", 1, "8:16");
	for (int i = 0; i < 2; i++) {
		CLEANUP(mem_free) char *text = strdup(links);

		*strstr(text, "%d") = (char)('a' + i);
		put_text(text, "/run/udev/data/b8:%d", 16 * i);
		put_link(i ? "../../sdb" : "../../sda", "/dev/disk/by-path/pci-%cd", 'a' + i);
	}
	put_link("../../dm-0", "/dev/disk/by-id/wwn-0x600a");
	put_link("../dm-0", "/dev/mapper/mpatha");
	put_volume("dm-0", "253:0", "sda sdb");
	put_text("mpath-3600a\n", "/sys/block/dm-0/dm/uuid");
	put_text("mpatha\n", "/sys/block/dm-0/dm/name");
	put_text("S:disk/by-id/wwn-0x600a\nS:mapper/mpatha\nE:DM_UUID=x\n",
		 "/run/udev/data/b253:0");
	put_swap("/dev/sda", "lun");
	put_swap("/dev/sdb", "lun");
	put_swap("/dev/dm-0", "lun");
	put_text("x\n/dev/dm-0 partition 1 0 -2\n", "/proc/swaps");
	m = collect_made();
	ck_assert_uint_eq(m->ndisks, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_text(m->disks[i].wwn, "0x600a");
		ck_assert_text(m->disks[i].fs.type, "mpath_member");
		ck_assert_text(m->disks[i].fs.label, NULL);
		ck_assert_uint_eq(m->disks[i].aliases.n, 1);
		ck_assert_uint_eq(m->disks[i].mountpoints.n, 0);
	}
	v = volume(m, "dm-0");
	ck_assert_text(v->kind, "mpath");
	ck_assert_text(v->fs.label, "lun");
	ck_assert_uint_eq(v->slaves.n, 2);
	ck_assert_uint_eq(v->aliases.n, 1);
	ck_assert_str_eq(v->aliases.v[0], "/dev/disk/by-id/wwn-0x600a");
	ck_assert_str_eq(v->mountpoints.v[0], "[SWAP]");
	ck_assert_uint_eq(m->warnings.n, 0);
	machine_free(m);

	/* One path is enough. */
	put_text("transport-offline\n", "/sys/block/sda/device/state");
	m = collect_made();
	ck_assert_text(m->disks[0].state, "transport-offline");
	ck_assert(warns_of(m, "/dev/sda is offline"));
	ck_assert_text(volume(m, "dm-0")->fs.label, "lun");
	machine_free(m);

	put_text("blocked\n", "/sys/block/sdb/device/state");
	m = collect_made();
	ck_assert_text(volume(m, "dm-0")->fs.type, NULL);
	ck_assert(warns_of(m, "/dev/mapper/mpatha is offline"));
	machine_free(m);

	/* The paths look good to SCSI, multipathd knows better. */
	put_text("running\n", "/sys/block/sda/device/state");
	put_text("running\n", "/sys/block/sdb/device/state");
	put_text("E:MPATH_DEVICE_READY=0\n", "/run/udev/data/b253:0");
	put_volume("dm-1", "253:1", "dm-0");
	put_swap("/dev/dm-1", "above");
	m = collect_made();
	remove_root();
	ck_assert_text(volume(m, "dm-0")->fs.type, NULL);
	ck_assert_text(volume(m, "dm-1")->fs.type, NULL);
	ck_assert(warns_of(m, "without a path"));
}
END_TEST

START_TEST(test_nvme_paths)
{
	static const char sub[] = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_text("2097152\n", "%s/nvme0n1/size", sub);
	put_text("2097152\n", "%s/nvme0n2/size", sub);
	put_link("../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "/sys/block/nvme0n1");
	put_link("../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n2", "/sys/block/nvme0n2");
	for (int i = 0; i < 3; i++) {
		CLEANUP(mem_free) char *to = text_format("/sys/devices/pci0000:00/10000:%02x:00.0/"
							 "nvme/nvme%d", i + 1, i);

		put_link("../../../bus/pci/drivers/nvme",
			 "/sys/devices/pci0000:00/10000:%02x:00.0/driver", i + 1);
		put_text("live\n", "%s/state", to);
		put_text("2097152\n", "%s/nvme0c%dn%d/size", to, i, i < 2 ? 1 : 2);
		put_text("1\n", "%s/nvme0c%dn%d/hidden", to, i, i < 2 ? 1 : 2);
		put_link(to, "%s/nvme%d", sub, i);
	}
	put_link("../devices/pci0000:00/10000:01:00.0/nvme/nvme0/nvme0c0n1",
		 "/sys/block/nvme0c0n1");
	put_swap("/dev/nvme0n2", "two");
	m = collect_made();
	ck_assert_uint_eq(m->ndisks, 2);
	ck_assert_uint_eq(m->disks[0].paths, 2);
	ck_assert_uint_eq(m->disks[1].paths, 1);
	ck_assert_text(m->disks[0].transport, "nvme");
	ck_assert_text(m->disks[0].driver, "nvme");
	ck_assert_text(m->disks[0].controller, "10000:01:00.0");
	ck_assert_text(m->disks[1].controller, "10000:03:00.0");
	ck_assert_text(m->disks[1].fs.label, "two");
	machine_free(m);
	put_text("connecting\n", "/sys/devices/pci0000:00/10000:03:00.0/nvme/nvme2/state");
	m = collect_made();
	remove_root();
	ck_assert_text(m->disks[1].fs.type, NULL);
	ck_assert(warns_of(m, "/dev/nvme0n2 is without a path"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("collect_block_volumes");
	TCase *t = tcase_create("volumes");

	tcase_add_test(t, test_kinds_of_mappings);
	tcase_add_test(t, test_suspended_is_not_read);
	tcase_add_test(t, test_arrays);
	tcase_add_test(t, test_firmware_raid);
	tcase_add_test(t, test_bcache);
	tcase_add_test(t, test_drbd);
	tcase_add_test(t, test_loop_and_zram_in_use);
	tcase_add_test(t, test_multipath);
	tcase_add_test(t, test_nvme_paths);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
