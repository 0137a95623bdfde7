/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS: volumes by mkntfs with flags, logs and hibernation files of Windows' kind, damaged. */
#include "tests/images/ntfs.h"
#include "tests/lib/content.h"

/*
 * libntfs-3g 2022.10.3 forgets a buffer of some KiB when it refuses a volume whose $MFT differs
 * from its mirror. A leak of our own still fails.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libntfs-3g\n";
}

#define IMAGE	"ntfs.img"
#define SIZE	(16u << 20)
#define CLUSTER	4096u

static bool make(const char *file)
{
	if (!image_have("mkntfs"))
		return false;
	image_make(IMAGE, SIZE);
	ck_assert_int_eq(image_run("mkntfs -qFf -c %u %s", CLUSTER, IMAGE), 0);
	if (file) {
		uint8_t page[3 * CLUSTER];

		memset(page, 0, sizeof(page));
		memcpy(page, file, strlen(file));
		image_make("hiber", sizeof(page));
		image_write("hiber", page, sizeof(page), 0);
		ck_assert_int_eq(image_run("ntfscp -f %s hiber hiberfil.sys", IMAGE), 0);
	}
	return true;
}

static void check(bool is_dirty, bool is_hibernated)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	CONTENT_OK(content_ntfs, image_path(IMAGE), &fs);
	ck_assert_int_eq(fs.dirty, is_dirty);
	ck_assert_int_eq(fs.hibernated, is_hibernated);
	ck_assert(!fs.fast_startup);
}

START_TEST(volume_flag)
{
	if (!make(NULL))
		UNIT_LEAVE("no mkntfs");
	check(false, false);
	ntfs_set_flags(IMAGE, 1);
	check(true, false);
	/* Others are no dirt: 2 resize the log, 0x8000 modified by chkdsk. */
	ntfs_set_flags(IMAGE, 0x8002);
	check(false, false);
}
END_TEST

START_TEST(hibernation_files)
{
	static const struct {
		const char *head;
		bool hibernated;
	} heads[] = {
		{ "hibr", true }, { "HIBR", true }, { "RSTR", true }, { "rstr", true },
		{ "wake", false }, { "WAKE", false }, { "", false }, { "hib", false },
	};

	if (!make(heads[_i].head))
		UNIT_LEAVE("no mkntfs");
	check(false, heads[_i].hibernated);
}
END_TEST

/* Upper case in the name is the same name; another name is not. */
START_TEST(other_files)
{
	if (!make(NULL))
		UNIT_LEAVE("no mkntfs");
	image_make("hiber", CLUSTER);
	image_write("hiber", "hibr", 4, 0);
	ck_assert_int_eq(image_run("ntfscp -f %s hiber pagefile.sys", IMAGE), 0);
	check(false, false);
	ck_assert_int_eq(image_run("ntfscp -f %s hiber HIBERFIL.SYS", IMAGE), 0);
	check(false, true);
	/* A file that is too short for a header holds nothing. */
	make(NULL);
	ck_assert_int_eq(image_run("printf hib > short; ntfscp -f %s short hiberfil.sys", IMAGE),
			 0);
	check(false, false);
}
END_TEST

START_TEST(log_not_closed)
{
	if (!make(NULL))
		UNIT_LEAVE("no mkntfs");
	ntfs_write_log(IMAGE, 0, 0);
	check(true, false);
	ntfs_write_log(IMAGE, 0, 2);
	check(false, false);
	ntfs_write_log(IMAGE, 0xffff, 0);
	check(false, false);
}
END_TEST

/* The library is given a device that refuses to write; the file is as it was. */
START_TEST(nothing_is_written)
{
	if (!make("hibr"))
		UNIT_LEAVE("no mkntfs");
	ntfs_set_flags(IMAGE, 1);
	ntfs_write_log(IMAGE, 0, 0);
	ck_assert_int_eq(image_run("cp %s before && chmod 0400 %s", IMAGE, IMAGE), 0);
	check(true, true);
	ck_assert_int_eq(image_run("cmp %s before", IMAGE), 0);
}
END_TEST

/* Boot sector, $MFT, $LogFile, $Volume, the root, and the file's own record. */
START_TEST(damage)
{
	static const struct {
		bool boot;
		uint32_t record;
		size_t len;
	} parts[] = {
		{ true, 0, 84 }, { false, 0, 500 }, { false, NTFS_LOG, 420 },
		{ false, NTFS_VOLUME, 420 }, { false, 5, 800 }, { false, 64, 420 },
	};

	if (!make("hibr"))
		UNIT_LEAVE("no mkntfs");
	content_mutate(content_ntfs, image_path(IMAGE),
		       parts[_i].boot ? 0 : ntfs_mft(IMAGE) + parts[_i].record * NTFS_RECORD,
		       parts[_i].len, 900);
}
END_TEST

START_TEST(not_ntfs_at_all)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	static const uint64_t sizes[] = { 0, 1, 512, 8192, SIZE };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct err err = ERR_INIT;

		image_make(IMAGE, sizes[i]);
		ck_assert_int_eq(content_of(content_ntfs, image_path(IMAGE), &fs, &err), -EBADMSG);
		ck_assert_str_eq(err.text,
				 "the system files of the NTFS volume cannot be understood");
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("content_ntfs");
	TCase *t = tcase_create("content_ntfs");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, volume_flag);
	tcase_add_loop_test(t, hibernation_files, 0, 8);
	tcase_add_test(t, other_files);
	tcase_add_test(t, log_not_closed);
	tcase_add_test(t, nothing_is_written);
	tcase_add_loop_test(t, damage, 0, 6);
	tcase_add_test(t, not_ntfs_at_all);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
