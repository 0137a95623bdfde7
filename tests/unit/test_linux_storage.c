/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the layers between disks and filesystems keep on file: LVM, md, multipath, LUKS. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/absent.h"
#include "postfix/linux/cryptopts.h"
#include "postfix/linux/lvmconf.h"
#include "postfix/linux/mdadmconf.h"
#include "postfix/linux/mpath.h"

static struct devmap_part part(const char *disk, unsigned int number, const char *type,
			       const char *uuid)
{
	return (struct devmap_part){ .disk = (char *)(uintptr_t)disk, .number = number,
				     .type = (char *)(uintptr_t)type,
				     .uuid = (char *)(uintptr_t)uuid };
}

/* ---- LVM */

static const char *const vda[] = { "/dev/vda2", "/dev/disk/by-path/virtio-pci-0000:04:00.0-part2",
				   NULL };
static const char *const sda[] = { "/dev/sda2", NULL };
static const struct lvmconf_device devices[] = {
	{ "virtio disks", vda, "a|^/dev/vd|" },
	{ "SCSI disks", sda, "a|^/dev/sd|" },
};

START_TEST(filters_are_read_as_lvm_reads_them)
{
	static const struct {
		const char *rules[4];
		enum lvmconf_verdict vda, sda;
	} cases[] = {
		{ { "a|.*|" }, LVMCONF_ACCEPTED, LVMCONF_ACCEPTED },
		{ { "r|.*|" }, LVMCONF_REJECTED, LVMCONF_REJECTED },
		{ { "r|/dev/sdb|" }, LVMCONF_ACCEPTED, LVMCONF_ACCEPTED },
		{ { "a|^/dev/sda2$|", "r|.*|" }, LVMCONF_REJECTED, LVMCONF_ACCEPTED },
		{ { "a/sd.*/", "a/vd.*/", "r/.*/" }, LVMCONF_ACCEPTED, LVMCONF_ACCEPTED },
		{ { "a|/dev/disk/by-id/scsi-3600.*|", "r|.*|" }, LVMCONF_REJECTED,
		  LVMCONF_REJECTED },
		/* One name is accepted: so is the device, whatever its other names meet. */
		{ { "r|^/dev/vda|", "a|virtio-pci|", "r|.*|" }, LVMCONF_ACCEPTED,
		  LVMCONF_REJECTED },
		{ { "a(/dev/sd[a-z]+[0-9]*)", "r|.*|" }, LVMCONF_REJECTED, LVMCONF_ACCEPTED },
		{ { "a|(sd|vd)a|", "r|.*|" }, LVMCONF_ACCEPTED, LVMCONF_ACCEPTED },
		{ { "x|.*|" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
		{ { "a|(|" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
		{ { "a|a{9999}|" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
		{ { "a|(.)\\1|" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
		{ { "a|((((((((((.+)+)+)+)+)+)+)+)+)+)+|" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
		{ { "a" }, LVMCONF_UNKNOWN, LVMCONF_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *rules[4];
		size_t n = 0;

		for (; n < 4 && cases[i].rules[n]; n++)
			rules[n] = (char *)(uintptr_t)cases[i].rules[n];
		ck_assert_msg(lvmconf_judge(rules, n, &devices[0]) == cases[i].vda, "vda, %zu", i);
		ck_assert_msg(lvmconf_judge(rules, n, &devices[1]) == cases[i].sda, "sda, %zu", i);
	}
}
END_TEST

static char *lvm(const char *text, struct machine_strv *notes)
{
	char *ret = NULL;

	ck_assert_int_ge(lvmconf_rewrite(text, devices, 2, &ret, notes), 0);
	return ret;
}

START_TEST(filters_let_the_new_disks_in)
{
	static const char *const same[] = {
		"", "devices {\n}\n", "devices {\n\tfilter = [ \"a|.*/|\" ]\n}\n",
		"# devices { filter = [ \"r|.*|\" ] }\n",
		"log { filter = [ \"r|.*|\" ] }\n", "devices { filter = [] }",
		"devices { filter = [ \"r|.*|\" ", "devices { filter = [ \"r|.*|", "devices {",
		"}}}} filter = \"r|.*|\"", "filter = [ \"r|.*|\" ]",
	};
	CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
	CLEANUP(mem_free) char *to = NULL, *again = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		CLEANUP(mem_free) char *s = lvm(same[i], &notes);

		ck_assert_msg(!s, "%s becomes %s", same[i], s);
	}
	ck_assert_uint_eq(notes.n, 0);
	to = lvm("config { checks = 1 }\n"
		 "devices {\n"
		 "\tdir = \"/dev\" # filter = [\n"
		 "\tfilter = [ \"a|^/dev/disk/by-id/.*|\", # the array\n"
		 "\t\t\"r|.*|\" ]\n"
		 "\tglobal_filter=\"r|/dev/vd|\"\n"
		 "}\n", &notes);
	ck_assert_str_eq(to, "config { checks = 1 }\n"
			 "devices {\n"
			 "\tdir = \"/dev\" # filter = [\n"
			 "\tfilter = [ \"a|^/dev/vd|\", \"a|^/dev/sd|\", "
			 "\"a|^/dev/disk/by-id/.*|\", # the array\n"
			 "\t\t\"r|.*|\" ]\n"
			 "\tglobal_filter=[ \"a|^/dev/vd|\", \"r|/dev/vd|\" ]\n"
			 "}\n");
	ck_assert_uint_eq(notes.n, 3);
	ck_assert_str_eq(notes.v[0], "filter rejected virtio disks");
	again = lvm(to, &notes);
	ck_assert_ptr_null(again);
	again = lvm("devices/global_filter = \"r|.*|\"\n", &notes);
	ck_assert_str_eq(again, "devices/global_filter = "
			 "[ \"a|^/dev/vd|\", \"a|^/dev/sd|\", \"r|.*|\" ]\n");
}
END_TEST

START_TEST(use_devicesfile_is_read)
{
	ck_assert(lvmconf_no_devicesfile("devices { use_devicesfile = 0 }"));
	ck_assert(!lvmconf_no_devicesfile("devices { use_devicesfile = 1 }"));
	ck_assert(!lvmconf_no_devicesfile("devices {\n# use_devicesfile = 0\n}"));
}
END_TEST

/* ---- md */

START_TEST(arrays_are_told_by_uuid)
{
	CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *to = NULL, *again = NULL;
	struct machine_volume *v;

	ck_assert_int_eq(machine_new(&m), 0);
	v = machine_grow(&m->volumes, &m->nvolumes, sizeof(*v));
	v->name = strdup("md2");
	v->kind = strdup("md");
	v->uuid = strdup("0123abcd-4567-89EF-0011-223344556677");
	ck_assert_int_eq(mdadmconf_rewrite(
		"# DEVICE /dev/sda1\n"
		"DEVICE /dev/sda* /dev/sdb1\n"
		"  /dev/disk/by-id/ata-X\n"
		"HOMEHOST <system>\n"
		"MAILADDR root\n"
		"ARRAY /dev/md0 metadata=1.2 UUID=aaaaaaaa:bbbbbbbb:cccccccc:dddddddd\n"
		"   devices=/dev/sda1,/dev/sdb1\n"
		"array /dev/md/1 name=h:1 devices=/dev/sda2 level=raid1\n"
		"ARRAY /dev/md2 devices=/dev/sda3,/dev/sdb3 # old\n"
		"ARRAY /dev/md3 devices=/dev/sda4,/dev/sdb4\n"
		"PROGRAM /bin/true", m, &to, &notes), 1);
	ck_assert_str_eq(to,
		"# DEVICE /dev/sda1\n"
		"DEVICE partitions\n"
		"HOMEHOST <system>\n"
		"MAILADDR root\n"
		"ARRAY /dev/md0 metadata=1.2 UUID=aaaaaaaa:bbbbbbbb:cccccccc:dddddddd\n"
		"\n"
		"array /dev/md/1 name=h:1 level=raid1\n"
		"ARRAY /dev/md2 UUID=0123abcd:456789ef:00112233:44556677 # old\n"
		"ARRAY /dev/md3 devices=/dev/sda4,/dev/sdb4\n"
		"PROGRAM /bin/true");
	ck_assert_uint_eq(notes.n, 1);
	ck_assert_ptr_nonnull(strstr(notes.v[0], "/dev/md3"));
	ck_assert_int_eq(mdadmconf_rewrite(to, m, &again, &notes), 0);
	ck_assert_int_eq(mdadmconf_rewrite("DEVICE partitions containers\nDEV /dev/md*\n"
					   "ARRAY\nARRAY devices=\n  \n", NULL, &again, &notes), 0);
}
END_TEST

/* ---- multipath */

START_TEST(maps_are_known_by_wwid)
{
	CLEANUP(mpath_names_done) struct mpath_names names = { 0 };
	struct machine_disk d = { .wwn = (char[]){ "0x600508b400105e210000900000490000" } };

	ck_assert_int_eq(mpath_read_bindings(
		"# comment\nmpatha 3600508b400105e210000900000490000\n"
		"../../etc/passwd 36\nmpathb\n", &names), 0);
	ck_assert_int_eq(mpath_read_conf(
		"defaults {\n\tuser_friendly_names yes\n}\n"
		"multipaths {\n\tmultipath {\n\t\twwid \"3600a\"\n\t\talias db\n\t}\n"
		"\tmultipath {\n\t\twwid 3600b\n\t}\n\tmultipath { alias odd }\n}\n", &names), 0);
	ck_assert_uint_eq(names.n, 2);
	ck_assert_str_eq(names.v[0].alias, "mpatha");
	ck_assert_str_eq(names.v[1].alias, "db");
	ck_assert_str_eq(names.v[1].wwid, "3600a");
	ck_assert(mpath_is_disk(&d, names.v[0].wwid));
	ck_assert(!mpath_is_disk(&d, names.v[1].wwid));
	ck_assert(!mpath_is_disk(&d, ""));
	d.wwn = NULL;
	ck_assert_int_eq(machine_strv_add(&d.aliases, "/dev/disk/by-id/scsi-3600a"), 0);
	ck_assert(mpath_is_disk(&d, names.v[1].wwid));
	machine_strv_done(&d.aliases);
}
END_TEST

START_TEST(names_of_maps_are_translated)
{
	CLEANUP(devmap_done) struct devmap map = { 0 };
	struct devmap_part p = part("sda", 2, "ext4", "1111-2222");
	static const char *const good[] = { "/dev/mapper/mpatha2", "/dev/mapper/mpathap2",
					    "/dev/mapper/mpatha-part2" };
	static const char *const kept[] = { "/dev/mapper/mpathab2", "/dev/mapper/mpatha2x",
					    "/dev/mapper/vg-mpatha2" };
	/* Maps whose disk, or partition, nobody knows. */
	static const char *const unknown[] = { "/dev/mapper/mpatha3", "/dev/mapper/mpathz1" };

	ck_assert_int_eq(devmap_add(&map, &p), 0);
	ck_assert_int_eq(devmap_add_alias(&map, "mpatha", "sda"), 0);
	ck_assert_int_eq(devmap_add_alias(&map, "mpathz", ""), 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEANUP(mem_free) char *to = NULL;

		ck_assert_int_eq(devmap_translate(&map, good[i], DEVMAP_TAG, &to, NULL),
				 DEVMAP_MAPPED);
		ck_assert_str_eq(to, "UUID=1111-2222");
	}
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		char *to = NULL;

		ck_assert_int_eq(devmap_translate(&map, kept[i], DEVMAP_TAG, &to, NULL),
				 DEVMAP_KEEP);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		char *to = NULL;

		ck_assert_int_eq(devmap_translate(&map, unknown[i], DEVMAP_TAG, &to, NULL),
				 DEVMAP_UNKNOWN);
	}
	/* PowerPath's are disks like others. */
	ck_assert(devmap_is_old_name("/dev/emcpowera1"));
	ck_assert(devmap_is_old_name("/dev/sddlmaa1"));
	ck_assert(devmap_is_old_name("/dev/sdd1"));
}
END_TEST

/* ---- LUKS */

START_TEST(keys_that_are_gone_are_not_waited_for)
{
	static const struct {
		const char *from, *to;
		size_t notes;
	} cases[] = {
		{ "# c\n", NULL, 0 },
		{ "root UUID=1 none luks,discard\n", NULL, 0 },
		{ "root UUID=1\n", NULL, 0 },
		{ "root UUID=1 none luks,tpm2-device=auto,tpm2-pcrs=7,discard\n",
		  "root UUID=1 none luks,discard\n", 2 },
		{ "root UUID=1 -\tfido2-device=auto # x", "root UUID=1 -\tluks # x", 1 },
		{ "c UUID=1 /dev/disk/by-id/usb-Stick-part1 luks\n", "c UUID=1 none luks\n", 1 },
		{ "c UUID=1 /key:UUID=AB-CD luks\n", "c UUID=1 none luks\n", 1 },
		{ "c UUID=1 /dev/disk/by-uuid/X:/key luks,keyscript=/lib/cryptsetup/scripts/passdev"
		  ",nofail\n", "c UUID=1 none luks,nofail\n", 2 },
		{ "c UUID=1 k keyscript=decrypt_opensc\n", "c UUID=1 none luks\n", 1 },
		{ "c UUID=1 k keyscript=decrypt_keyctl,luks\n", NULL, 0 },
		{ "c UUID=1 k keyscript=/root/own.sh,luks\n", NULL, 1 },
		{ "s /dev/sda3 /dev/urandom swap\n", NULL, 0 },
		{ "c UUID=1 /etc/keys/a.key ,,,\n", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
		CLEANUP(mem_free) char *to = NULL;
		int r = cryptopts_rewrite(cases[i].from, &to, &notes);

		ck_assert_msg(r == (cases[i].to != NULL), "%s", cases[i].from);
		if (cases[i].to)
			ck_assert_str_eq(to, cases[i].to);
		ck_assert_msg(notes.n == cases[i].notes, "%zu notes for %s", notes.n,
			      cases[i].from);
	}
}
END_TEST

START_TEST(devices_that_were_left_behind_are_optional)
{
	CLEANUP(devmap_done) struct devmap map = { 0 };
	CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
	CLEANUP(mem_free) char *to = NULL, *again = NULL;
	struct devmap_part p = part("sda", 1, "crypto_LUKS", "1111-2222");

	ck_assert_int_eq(devmap_add(&map, &p), 0);
	ck_assert_int_eq(cryptopts_optional("a UUID=1111-2222 none luks\n"
					    "b UUID=3333-4444 none luks\n"
					    "c UUID=3333-4444\n"
					    "d UUID=3333-4444 none\n"
					    "e UUID=3333-4444 none nofail\n"
					    "f /dev/mapper/vg-x none luks\n", &map, &to, &notes),
			 1);
	ck_assert_str_eq(to, "a UUID=1111-2222 none luks\n"
			 "b UUID=3333-4444 none luks,nofail\n"
			 "c UUID=3333-4444 none luks,nofail\n"
			 "d UUID=3333-4444 none luks,nofail\n"
			 "e UUID=3333-4444 none nofail\n"
			 "f /dev/mapper/vg-x none luks\n");
	ck_assert_uint_eq(notes.n, 3);
	ck_assert_int_eq(cryptopts_optional(to, &map, &again, &notes), 0);
	ck_assert_int_eq(absent_comment_fstab("UUID=1111-2222 / ext4 defaults 0 1\n"
					      "UUID=3333-4444 /data xfs nofail 0 0\n"
					      "UUID=3333-4444 /usr xfs ro 0 0\n"
					      "UUID=5555-6666 none swap\n", &map, &again, &notes),
			 1);
	ck_assert_str_eq(again, "UUID=1111-2222 / ext4 defaults 0 1\n"
			 ABSENT_MARKER "UUID=3333-4444 /data xfs nofail 0 0\n"
			 "UUID=3333-4444 /usr xfs ro 0 0\n"
			 ABSENT_MARKER "UUID=5555-6666 none swap\n");
	free(to);
	to = NULL;
	ck_assert_int_eq(absent_optional_fstab("UUID=5555-6666 none swap\n", &map, &to, &notes), 1);
	ck_assert_str_eq(to, "UUID=5555-6666 none swap defaults,nofail,"
			 "x-systemd.device-timeout=5s\n");
}
END_TEST

/* ---- members */

static struct machine *two_disks(const char *type, const char *level)
{
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	for (int i = 0; i < 2; i++) {
		struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
		struct machine_partition *p = machine_grow(&d->partitions, &d->npartitions,
							   sizeof(*p));

		d->name = strdup(i ? "sdb" : "sda");
		p->name = strdup(i ? "sdb1" : "sda1");
		p->fs.type = strdup(type);
		p->fs.group = strdup("data");
		p->fs.group_uuid = strdup("u-1");
		p->fs.level = level ? strdup(level) : NULL;
	}
	return m;
}

START_TEST(parts_of_a_whole_are_not_left_behind)
{
	static const struct {
		const char *type, *level;
		int r;
	} cases[] = {
		{ "LVM2_member", NULL, -ENOTSUP },	 { "btrfs", NULL, -ENOTSUP },
		{ "linux_raid_member", "raid0", -ENOTSUP }, { "linux_raid_member", NULL, -ENOTSUP },
		{ "linux_raid_member", "raid1", 0 },	 { "linux_raid_member", "raid5", 0 },
	};
	static const char *const one[] = { "sda", NULL }, *const both[] = { "sda", "sdb", NULL };
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = two_disks(cases[i].type, cases[i].level);
		CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
		struct err err = ERR_INIT;

		ck_assert_msg(absent_check(m, one, &notes, &err) == cases[i].r, "%zu: %s", i,
			      err.text);
		if (cases[i].r < 0)
			ck_assert_ptr_nonnull(strstr(err.text, "sdb1"));
		ck_assert_uint_eq(notes.n, cases[i].r == 0);
		ck_assert_int_eq(absent_check(m, both, &notes, &err), 0);
		ck_assert_int_eq(absent_check(m, none, &notes, &err), 0);
	}
}
END_TEST

/* Whatever is in the files: an answer, and no crash. */
START_TEST(noise_is_survived)
{
	CLEANUP(devmap_done) struct devmap map = { 0 };
	static const char bytes[] = "devices{filter=[]\"'|ra#\n \t,=.*+(UUIDARRAY/dev/sdmpath"
				    "\\\xff\xc3";
	unsigned int seed = 7;

	for (int round = 0; round < 3000; round++) {
		char text[200], *to = NULL;
		CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
		CLEANUP(mpath_names_done) struct mpath_names names = { 0 };
		size_t n = (size_t)rand_r(&seed) % (sizeof(text) - 1);

		for (size_t i = 0; i < n; i++)
			text[i] = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
		text[n] = '\0';
		if (lvmconf_rewrite(text, devices, 2, &to, &notes) == 1)
			free(to);
		if (mdadmconf_rewrite(text, NULL, &to, &notes) == 1)
			free(to);
		if (cryptopts_rewrite(text, &to, &notes) == 1)
			free(to);
		if (cryptopts_optional(text, &map, &to, &notes) == 1)
			free(to);
		if (absent_comment_fstab(text, &map, &to, &notes) == 1)
			free(to);
		ck_assert_int_eq(mpath_read_bindings(text, &names), 0);
		ck_assert_int_eq(mpath_read_conf(text, &names), 0);
	}
}
END_TEST

START_TEST(a_line_of_a_mebibyte_is_survived)
{
	CLEANUP(mem_free) char *text = malloc((1 << 20) + 40), *to = NULL;
	CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', 1 << 20);
	strcpy(text + (1 << 20), "\n");
	memcpy(text, "devices{filter=[\"a|", 19);
	ck_assert_int_eq(lvmconf_rewrite(text, devices, 2, &to, &notes), 0);
	strcpy(text + (1 << 20), "|\"]}\n");
	ck_assert_int_eq(lvmconf_rewrite(text, devices, 2, &to, &notes), 0);
	ck_assert_uint_eq(notes.n, 1);
	memcpy(text, "ARRAY /dev/md0 devices=", 23);
	ck_assert_int_eq(mdadmconf_rewrite(text, NULL, &to, &notes), 0);
	memcpy(text, "c UUID=1 k tpm2-device=", 23);
	ck_assert_int_eq(cryptopts_rewrite(text, &to, &notes), 1);
}
END_TEST

static Suite *linux_storage_suite(void)
{
	Suite *s = suite_create("linux_storage");
	TCase *t = tcase_create("linux_storage");

	tcase_add_test(t, filters_are_read_as_lvm_reads_them);
	tcase_add_test(t, filters_let_the_new_disks_in);
	tcase_add_test(t, use_devicesfile_is_read);
	tcase_add_test(t, arrays_are_told_by_uuid);
	tcase_add_test(t, maps_are_known_by_wwid);
	tcase_add_test(t, names_of_maps_are_translated);
	tcase_add_test(t, keys_that_are_gone_are_not_waited_for);
	tcase_add_test(t, devices_that_were_left_behind_are_optional);
	tcase_add_test(t, parts_of_a_whole_are_not_left_behind);
	tcase_add_test(t, noise_is_survived);
	tcase_add_test(t, a_line_of_a_mebibyte_is_survived);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(linux_storage_suite)
