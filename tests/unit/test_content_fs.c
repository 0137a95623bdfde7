/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State of filesystems, swap and bcache: structures made by their own tools, changed, damaged. */
#include "common/digest.h"
#include "inventory/block/blk_probe.h"
#include "tests/images/image.h"
#include "tests/lib/content.h"

#define IMAGE "fs.img"

static void probe(struct machine_fs *ret)
{
	CLEANUP(fd_close) int fd = open(image_path(IMAGE), O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(blk_probe_fs(fd, 0, 0, ret, NULL), 0);
}

static void made(const char *command, uint64_t size)
{
	image_make(IMAGE, size);
	ck_assert_msg(image_run("%s %s", command, IMAGE) == 0, "%s", command);
}

static bool dirty(content_fn *decode)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	CONTENT_OK(decode, image_path(IMAGE), &fs);
	return fs.dirty;
}

static void set_byte(uint64_t at, uint8_t value)
{
	image_write(IMAGE, &value, 1, at);
}

START_TEST(ext)
{
	static const char *const makers[] = {
		"mke2fs -q -F -t ext2", "mke2fs -q -F -t ext3", "mke2fs -q -F -t ext4",
	};
	uint8_t byte;

	IMAGE_NEED("mke2fs");
	made(makers[_i], 8 << 20);
	ck_assert(!dirty(content_ext));
	/* What the kernel sets when it mounts, and debugfs shows as "needs_recovery". */
	image_read(IMAGE, &byte, 1, 1024 + 0x60);
	set_byte(1024 + 0x60, byte | 4);
	ck_assert(dirty(content_ext));
	set_byte(1024 + 0x60, byte);
	ck_assert_int_eq(image_run("debugfs -w -R 'ssv state 0' %s", IMAGE), 0);
	ck_assert(dirty(content_ext));
	ck_assert_int_eq(image_run("debugfs -w -R 'ssv state 3' %s", IMAGE), 0);
	ck_assert(dirty(content_ext));
	ck_assert_int_eq(image_run("debugfs -w -R 'ssv state 1' %s", IMAGE), 0);
	ck_assert(!dirty(content_ext));
	ck_assert_uint_gt(content_mutate(content_ext, image_path(IMAGE), 1024, 100, 0), 0);
}
END_TEST

START_TEST(xfs)
{
	IMAGE_NEED("mkfs.xfs");
	image_make(IMAGE, 400 << 20);
	ck_assert_int_eq(image_run("mkfs.xfs -q -f %s", IMAGE), 0);
	ck_assert(!dirty(content_xfs));
	set_byte(126, 1);
	ck_assert(dirty(content_xfs));
	ck_assert_uint_gt(content_mutate(content_xfs, image_path(IMAGE), 0, 128, 0), 0);
}
END_TEST

START_TEST(btrfs_of_two_devices)
{
	CLEANUP(content_fs_done) struct machine_fs one = { 0 }, two = { 0 }, probed = { 0 };
	uint64_t log_root = htole64(0x4000);

	IMAGE_NEED("mkfs.btrfs");
	image_make(IMAGE, 256 << 20);
	image_make("second.img", 256 << 20);
	ck_assert_int_eq(image_run("mkfs.btrfs -q -f -d raid1 -m raid1 %s second.img", IMAGE), 0);
	CONTENT_OK(content_btrfs, image_path(IMAGE), &one);
	CONTENT_OK(content_btrfs, image_path("second.img"), &two);
	probe(&probed);
	ck_assert_str_eq(one.group_uuid, two.group_uuid);
	ck_assert_str_eq(one.group_uuid, probed.uuid);
	ck_assert_uint_eq(one.members, 2);
	ck_assert_uint_eq(two.members, 2);
	ck_assert_str_eq(one.role, "1");
	ck_assert_str_eq(two.role, "2");
	ck_assert(!one.dirty && !two.dirty);
	image_write(IMAGE, &log_root, 8, 65536 + 96);
	ck_assert(dirty(content_btrfs));
	ck_assert_uint_gt(content_mutate(content_btrfs, image_path(IMAGE), 65536, 209, 0), 0);
}
END_TEST

START_TEST(swap)
{
	static const struct {
		const char *mark;
		bool hibernated;
	} marks[] = {
		{ "SWAPSPACE2", false }, { "SWAP-SPACE", false }, { "S1SUSPEND\0", true },
		{ "S2SUSPEND\0", true }, { "ULSUSPEND\0", true }, { "LINHIB0001", true },
		{ "\xed\xc3\x02\xe9\x98\x56\xe5\x0c\0\0", true },
	};
	static const char *const makers[] = { "mkswap -p 4096", "mkswap -p 65536" };
	uint64_t page = _i ? 65536 : 4096;
	struct err err = ERR_INIT;
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	IMAGE_NEED("mkswap");
	made(makers[_i], 8 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		image_write(IMAGE, marks[i].mark, 10, page - 10);
		/* A page that was swapped out may hold anything. */
		image_write(IMAGE, "S1SUSPEND", 10, 2 * page - 10);
		CONTENT_OK(content_swap, image_path(IMAGE), &fs);
		ck_assert_int_eq(fs.hibernated, marks[i].hibernated);
	}
	image_write(IMAGE, "0123456789", 10, page - 10);
	image_write(IMAGE, "0123456789", 10, 2 * page - 10);
	ck_assert_int_eq(content_of(content_swap, image_path(IMAGE), &fs, &err), -EBADMSG);
	content_mutate(content_swap, image_path(IMAGE), page - 10, 10, 0);
}
END_TEST

/* The kernel writes the signature; libblkid then has another name for it. */
START_TEST(libblkid_calls_it_swsuspend)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	IMAGE_NEED("mkswap");
	made("mkswap", 8 << 20);
	image_write(IMAGE, "S1SUSPEND", 10, 4086);
	probe(&fs);
	ck_assert_str_eq(fs.type, "swsuspend");
}
END_TEST

/* make-bcache wants a device; the layout is that of its superblock, which libblkid judges. */
static void make_bcache(uint64_t version, uint64_t flags, uint16_t in_set)
{
	static const char magic[] = "c68573f64e1a45ca8265f57f48ba6d81";
	static const char set[] = "00112233445566778899aabbccddeeff";
	uint8_t sb[4096] = { 0 };
	uint64_t crc = 0;

	put_le64(sb + 8, 8);
	put_le64(sb + 16, version);
	ck_assert_int_eq(digest_unhex(magic, sb + 24, 16), 0);
	memset(sb + 40, 0x5a, 16);
	ck_assert_int_eq(digest_unhex(set, sb + 56, 16), 0);
	put_le64(sb + 104, flags);
	put_le16(sb + 196, in_set);
	put_le64(sb, crc);
	image_make(IMAGE, 8 << 20);
	image_write(IMAGE, sb, sizeof(sb), 4096);
}

START_TEST(bcache)
{
	static const struct {
		uint64_t version, flags;
		const char *role;
		bool dirty;
		uint32_t members;
	} cases[] = {
		{ 0, 0, "cache", false, 1 },
		{ 3, UINT64_C(2) << 61, "cache", false, 1 },
		{ 5, 0, "cache", false, 1 },
		{ 1, UINT64_C(1) << 61, "backing", false, 0 },
		{ 1, UINT64_C(2) << 61, "backing", true, 0 },
		{ 4, UINT64_C(2) << 61 | 1, "backing", true, 0 },
		{ 6, UINT64_C(3) << 61, "backing", false, 0 },
	};
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(content_fs_done) struct machine_fs one = { 0 };

		make_bcache(cases[i].version, cases[i].flags, 1);
		CONTENT_OK(content_bcache, image_path(IMAGE), &one);
		ck_assert_str_eq(one.role, cases[i].role);
		ck_assert_str_eq(one.group_uuid, "00112233-4455-6677-8899-aabbccddeeff");
		ck_assert_int_eq(one.dirty, cases[i].dirty);
		ck_assert_uint_eq(one.members, cases[i].members);
	}
	ck_assert_uint_gt(content_mutate(content_bcache, image_path(IMAGE), 4096, 208, 0), 0);
	make_bcache(2, 0, 1);
	ck_assert_int_eq(content_of(content_bcache, image_path(IMAGE), &fs, &err), -EBADMSG);
	ck_assert_str_eq(err.text, "the bcache superblock has the unknown version 2");
}
END_TEST

/* The tool's own superblock, where there is a loop device to be had. */
START_TEST(bcache_by_its_tool)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 }, probed = { 0 };

	IMAGE_NEED("make-bcache");
	image_make(IMAGE, 64 << 20);
	if (geteuid() != 0 || image_run("losetup -f --show %s > loop", IMAGE) != 0)
		UNIT_LEAVE("no loop device");
	_i = image_run("make-bcache --cset-uuid 00112233-4455-6677-8899-aabbccddeeff "
		       "-B $(cat loop)");
	ck_assert_int_eq(image_run("losetup -d $(cat loop)"), 0);
	ck_assert_int_eq(_i, 0);
	CONTENT_OK(content_bcache, image_path(IMAGE), &fs);
	ck_assert_str_eq(fs.role, "backing");
	ck_assert_str_eq(fs.group_uuid, "00112233-4455-6677-8899-aabbccddeeff");
	probe(&probed);
	ck_assert_str_eq(probed.type, "bcache");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("content_fs");
	TCase *t = tcase_create("content_fs");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, ext, 0, 3);
	tcase_add_test(t, xfs);
	tcase_add_test(t, btrfs_of_two_devices);
	tcase_add_loop_test(t, swap, 0, 2);
	tcase_add_test(t, libblkid_calls_it_swsuspend);
	tcase_add_test(t, bcache);
	tcase_add_test(t, bcache_by_its_tool);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
