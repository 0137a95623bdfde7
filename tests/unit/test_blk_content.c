/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the walk over the disks makes of their contents: of an image in the place of the device,
 * and of what tests/sysroots/record-machine writes down of the same image, which must tell the
 * same.
 */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "common/fdio.h"
#include "common/sysroot.h"
#include "disk/crc32.h"
#include "disk/lvm/lvm_label.h"
#include "inventory/collect.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

#define IMAGE	"img"

static char top[512];

static void setup(void)
{
	ck_assert_ptr_nonnull(getcwd(top, sizeof(top)));
	image_setup();
}

/* A root with disks of that size: sda, and sdb when there are two. */
static void make_root(unsigned int disks, uint64_t size)
{
	ck_assert_int_eq(image_run("rm -rf root && mkdir -p root/sys/block root/dev root/p2v/blkid "
				   "root/p2v/ntfs root/proc/1"), 0);
	for (unsigned int i = 0; i < disks; i++)
		ck_assert_int_eq(image_run("cd root/sys/block; d=../devices/pci0000:00/block/sd%c; "
					   "mkdir -p $d && ln -s $d . && "
					   "echo %" PRIu64 " > $d/size && echo 8:%u > $d/dev",
					   'a' + i, size / 512, i * 16), 0);
}

static struct machine *collect(void)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sysroot_open(image_path("root"), &root, &err), 0);
	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(collect_block(root, m, &err) == 0, "%s", err.text);
	return m;
}

static uint64_t image_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(image_path(IMAGE), &st), 0);
	return (uint64_t)st.st_size;
}

/* With the script's own functions. */
static void record(const char *name)
{
	ck_assert_msg(image_run("out=$PWD/root; die() { exit 1; }; "
				"sed -n '/^# -- content/,/^# -- end of content/p' "
				"%s/tests/sysroots/record-machine > functions; . ./functions; "
				"blkid -p -o udev %s > root/p2v/blkid/%s; "
				"content %s %s %" PRIu64
				" \"$(sed -n 's/^ID_FS_TYPE=//p' root/p2v/blkid/%s)\""
				" \"$(sed -n 's/^ID_FS_VERSION=//p' root/p2v/blkid/%s)\"",
				top, IMAGE, name, IMAGE, name, image_size(), name, name) == 0,
		      "cannot record %s", name);
}

static void no_warnings(const struct machine *m)
{
	ck_assert_msg(m->warnings.n == 0, "%s", m->warnings.n ? m->warnings.v[0] : "");
}

/* The facts as text, so that none is left out of a comparison. */
static char *facts(const struct machine *m)
{
	const struct machine_fs *fs;
	char *text = NULL;
	int n;

	ck_assert_uint_eq(m->ndisks, 1);
	fs = &m->disks[0].fs;
	ck_assert_ptr_nonnull(fs->type);
	n = asprintf(&text, "%s%s%s %s %s %u %s %s %u %zu %s", fs->type, fs->dirty ? " dirty" : "",
		     fs->hibernated ? " hibernated" : "", fs->group ? fs->group : "-",
		     fs->group_uuid ? fs->group_uuid : "-", fs->members,
		     fs->level ? fs->level : "-", fs->role ? fs->role : "-", fs->keyslots,
		     fs->tokens.n, fs->tokens.n ? fs->tokens.v[0] : "-");
	ck_assert_int_gt(n, 0);
	return text;
}

static void load(const char *name)
{
	struct image_pv rec;

	unlink(image_path(IMAGE));
	image_load_pv(IMAGE, name, 0, &rec);
	ck_assert_int_eq(truncate(image_path(IMAGE), (off_t)rec.size), 0);
}

/* Commands that make IMAGE, or '@' and a recorded member; what its facts begin with. */
static const struct {
	const char *make, *tool, *begins;
} kinds[] = {
	{ "truncate -s 8M img; mke2fs -q -F -t ext4 img", "mke2fs", "ext4 - - 0" },
	{ "truncate -s 8M img; mke2fs -q -F -t ext2 img; debugfs -w -R 'ssv state 0' img",
	  "mke2fs", "ext2 dirty - - 0" },
	{ "truncate -s 400M img; mkfs.xfs -q -f img", "mkfs.xfs", "xfs - - 0" },
	{ "truncate -s 256M img; mkfs.btrfs -q -f img", "mkfs.btrfs", "btrfs - " },
	{ "truncate -s 8M img; mkswap img; "
	  "printf S1SUSPEND | dd of=img bs=1 seek=4086 conv=notrunc", "mkswap",
	  "swsuspend hibernated" },
	{ "truncate -s 24M img; printf a > key; cryptsetup -q luksFormat --disable-locks "
	  "--type luks1 --pbkdf-force-iterations 1000 img key", "cryptsetup",
	  "crypto_LUKS - - 0 - - 1 0" },
	{ "truncate -s 24M img; printf a > key; cryptsetup -q luksFormat --disable-locks "
	  "--type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 img key; "
	  "echo '{\"type\":\"clevis\",\"keyslots\":[\"0\"]}' | "
	  "cryptsetup token import --disable-locks img", "cryptsetup",
	  "crypto_LUKS - - 0 - - 1 1 clevis" },
	{ "@../raid/md12", "blkid", "linux_raid_member db1:data fab6c078-" },
	{ "@../raid/md090", "blkid", "linux_raid_member md7 4d678156-" },
	{ "@../raid/md10-2", "blkid", "linux_raid_member (none):five 78715c82-" },
	{ "@../raid/md11", "blkid", "linux_raid_member (none):stripe 6614c919-" },
	{ "@../raid/imsm0", "blkid", "isw_raid_member fast f66320fa 2 raid0" },
	{ "@../raid/ddf0", "blkid", "ddf_raid_member vol0 4c696e75:" },
	{ "@holes", "blkid", "LVM2_member holes " },
	{ "@pair1", "blkid", "LVM2_member pair " },
	{ "@thin", "blkid", "LVM2_member thin " },
};

START_TEST(device_and_record_agree)
{
	CLEANUP(machine_free) struct machine *device = NULL, *recorded = NULL;
	CLEANUP(mem_free) char *a = NULL, *b = NULL;
	const char *how = kinds[_i].make;

	if (!image_have(kinds[_i].tool))
		UNIT_LEAVE("a tool that makes it is missing");
	unlink(image_path(IMAGE));
	if (*how == '@')
		load(how + 1);
	else
		ck_assert_int_eq(image_run("%s", how), 0);

	make_root(1, image_size());
	ck_assert_int_eq(image_run("cp --sparse=always img root/dev/sda"), 0);
	device = collect();
	no_warnings(device);
	a = facts(device);
	ck_assert_msg(strncmp(a, kinds[_i].begins, strlen(kinds[_i].begins)) == 0, "%s", a);

	make_root(1, image_size());
	record("sda");
	recorded = collect();
	no_warnings(recorded);
	b = facts(recorded);
	ck_assert_str_eq(a, b);
}
END_TEST

/* The metadata's text begins near the end of its ring and goes on at the ring's start. */
START_TEST(a_wrapped_lvm_text)
{
	CLEANUP(machine_free) struct machine *device = NULL, *recorded = NULL;
	CLEANUP(mem_free) char *text = NULL, *a = NULL, *b = NULL;
	uint64_t ring = 4096, length, size, at;
	uint8_t header[512];

	load("holes");
	image_read(IMAGE, header, sizeof(header), ring);
	length = get_le64(header + 32);
	size = get_le64(header + 48);
	ck_assert_uint_gt(size, 700);
	text = malloc(size);
	image_read(IMAGE, text, size, ring + get_le64(header + 40));
	at = length - 512;
	image_write(IMAGE, text, 512, ring + at);
	image_write(IMAGE, text + 512, size - 512, ring + 512);
	put_le64(header + 40, at);
	put_le32(header, crc32_bare(LVM_CRC_INITIAL, header + 4, 508));
	image_write(IMAGE, header, sizeof(header), ring);

	make_root(1, image_size());
	ck_assert_int_eq(image_run("cp --sparse=always img root/dev/sda"), 0);
	device = collect();
	no_warnings(device);
	make_root(1, image_size());
	record("sda");
	recorded = collect();
	no_warnings(recorded);
	a = facts(device);
	b = facts(recorded);
	ck_assert_msg(strncmp(a, "LVM2_member holes ", 18) == 0, "%s", a);
	ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(a_record_holds_no_secrets)
{
	if (!image_have("cryptsetup"))
		UNIT_LEAVE("no cryptsetup");
	ck_assert_int_eq(image_run("rm -f img; %s", kinds[6].make), 0);
	make_root(1, image_size());
	record("sda");
	ck_assert_int_eq(image_run("grep -aq '\"salt\":\"[A-Za-z0-9]' img"), 0);
	ck_assert_int_eq(image_run("ls root/p2v/content | grep -vx 'sda\\.\\(0\\|4096\\|size\\)'"),
			 1);
	ck_assert_int_eq(image_run("grep -aq '\"salt\":\"\"' root/p2v/content/sda.4096"), 0);
	ck_assert_int_eq(image_run("grep -aq '\"salt\":\"[A-Za-z0-9]' root/p2v/content/sda.4096"),
			 1);
}
END_TEST

START_TEST(what_is_mounted_is_not_dirty)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	if (!image_have("mke2fs"))
		UNIT_LEAVE("no mke2fs");
	ck_assert_int_eq(image_run("rm -f img; %s", kinds[1].make), 0);
	make_root(1, image_size());
	record("sda");
	m = collect();
	ck_assert(m->disks[0].fs.dirty);
	machine_free(m);
	ck_assert_int_eq(image_run("echo '20 1 8:0 / /srv rw - ext2 /dev/sda rw' >"
				   "root/proc/1/mountinfo"), 0);
	m = collect();
	ck_assert_uint_eq(m->disks[0].mountpoints.n, 1);
	ck_assert(!m->disks[0].fs.dirty);
}
END_TEST

/* The mount table names one of the devices only. */
START_TEST(a_mounted_btrfs_of_two_devices)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	uint64_t log_root = htole64(0x4000);

	if (!image_have("mkfs.btrfs"))
		UNIT_LEAVE("no mkfs.btrfs");
	ck_assert_int_eq(image_run("rm -f img; truncate -s 256M img; truncate -s 256M second; "
				   "mkfs.btrfs -q -f img second"), 0);
	make_root(2, image_size());
	image_write(IMAGE, &log_root, 8, 65536 + 96);
	image_write("second", &log_root, 8, 65536 + 96);
	/* The checksum is wrong now, which libblkid would see: what it said is written down. */
	for (char d = 'a'; d <= 'b'; d++)
		ck_assert_int_eq(image_run("printf 'ID_FS_TYPE=btrfs\\nID_FS_UUID=u-1\\n' >"
					   "root/p2v/blkid/sd%c; mkdir -p root/p2v/content; "
					   "dd if=%s of=root/p2v/content/sd%c.65536 bs=4096 "
					   "skip=16 count=1; echo %" PRIu64
					   " > root/p2v/content/sd%c.size", d,
					   d == 'a' ? IMAGE : "second", d, image_size(), d), 0);
	m = collect();
	ck_assert(m->disks[0].fs.dirty && m->disks[1].fs.dirty);
	machine_free(m);
	ck_assert_int_eq(image_run("echo '20 1 0:30 / /srv rw - btrfs /dev/sda rw' >"
				   "root/proc/1/mountinfo"), 0);
	m = collect();
	ck_assert(!m->disks[0].fs.dirty && !m->disks[1].fs.dirty);
}
END_TEST

START_TEST(ntfs_in_words)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root(1, 1 << 20);
	ck_assert_int_eq(image_run("echo ID_FS_TYPE=ntfs > root/p2v/blkid/sda"), 0);
	m = collect();
	ck_assert(!m->disks[0].fs.dirty && !m->disks[0].fs.hibernated);
	no_warnings(m);
	machine_free(m);
	ck_assert_int_eq(image_run("echo hibernated dirty > root/p2v/ntfs/sda"), 0);
	m = collect();
	ck_assert(m->disks[0].fs.dirty && m->disks[0].fs.hibernated);
	ck_assert(!m->disks[0].fs.fast_startup);
	no_warnings(m);
}
END_TEST

static void one_warning(const char *text)
{
	CLEANUP(machine_free) struct machine *m = collect();

	ck_assert_uint_eq(m->ndisks, 1);
	ck_assert_uint_eq(m->warnings.n, 1);
	ck_assert_str_eq(m->warnings.v[0], text);
}

/* A slash in the name, bytes that are not there, no size, and files that are no records. */
START_TEST(records_that_do_not_fit)
{
	load("../raid/md12");
	make_root(1, image_size());
	ck_assert_int_eq(image_run("cd root/sys/block; mv ../devices/pci0000:00/block/sda "
				   "'../devices/pci0000:00/block/cciss!c0d0'; rm sda; "
				   "ln -s '../devices/pci0000:00/block/cciss!c0d0' ."), 0);
	record("cciss!c0d0");
	{
		CLEANUP(machine_free) struct machine *m = collect();

		no_warnings(m);
		ck_assert_str_eq(m->disks[0].name, "cciss/c0d0");
		ck_assert_str_eq(m->disks[0].fs.role, "0");
	}
	ck_assert_int_eq(image_run("cd root/p2v/content; mkdir 'cciss!c0d0.7'; "
				   "touch 'cciss!c0d0.' 'cciss!c0d0.-1' 'cciss!c0d0.5x' "
				   "'cciss!c0d0.99999999999999999999' cciss"), 0);
	{
		CLEANUP(machine_free) struct machine *m = collect();

		no_warnings(m);
		ck_assert_str_eq(m->disks[0].fs.role, "0");
	}
	ck_assert_int_eq(image_run("truncate -s 100 'root/p2v/content/cciss!c0d0.4096'"), 0);
	one_warning("cciss/c0d0 (linux_raid_member): cannot read 0x1000 bytes at 0x2ff0000: "
		    "No data available");
	ck_assert_int_eq(image_run("rm 'root/p2v/content/cciss!c0d0.size'"), 0);
	one_warning("cciss/c0d0: its recorded content has no size");
}
END_TEST

START_TEST(damage_names_the_device)
{
	if (!image_have("cryptsetup"))
		UNIT_LEAVE("no cryptsetup");
	ck_assert_int_eq(image_run("rm -f img; %s", kinds[6].make), 0);
	make_root(1, image_size());
	ck_assert_int_eq(image_run("printf x | dd of=img bs=1 seek=4096 conv=notrunc; "
				   "printf x | dd of=img bs=1 seek=20480 conv=notrunc; "
				   "mv img root/dev/sda"), 0);
	{
		CLEANUP(machine_free) struct machine *m = collect();

		ck_assert_uint_eq(m->warnings.n, 1);
		ck_assert_msg(strncmp(m->warnings.v[0], "sda (crypto_LUKS): the LUKS2 metadata", 37)
			      == 0, "%s", m->warnings.v[0]);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("blk_content");
	TCase *t = tcase_create("blk_content");

	tcase_add_unchecked_fixture(t, setup, image_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, device_and_record_agree, 0, ARRAY_SIZE(kinds));
	tcase_add_test(t, a_wrapped_lvm_text);
	tcase_add_test(t, a_record_holds_no_secrets);
	tcase_add_test(t, what_is_mounted_is_not_dirty);
	tcase_add_test(t, a_mounted_btrfs_of_two_devices);
	tcase_add_test(t, ntfs_in_words);
	tcase_add_test(t, records_that_do_not_fit);
	tcase_add_test(t, damage_names_the_device);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
