/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS: volumes by mkntfs with flags, logs and hibernation files of Windows' kind, damaged. */
#include "tests/images/image.h"
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
#define RECORD	1024u
#define VOLUME	3u		/* number of its MFT record */
#define LOG	2u

/* Where the boot sector says that $MFT is, or its mirror. */
static uint64_t place(size_t field)
{
	uint8_t boot[512];

	image_read(IMAGE, boot, sizeof(boot), 0);
	return get_le64(boot + field) * CLUSTER;
}

static uint64_t mft(void)
{
	return place(48);
}

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

/* The attribute of that type in an MFT record: its offset in the record. */
static size_t find_attribute(const uint8_t *record, uint32_t type)
{
	size_t at = get_le16(record + 20);

	while (get_le32(record + at) != type) {
		ck_assert_uint_ne(get_le32(record + at), UINT32_MAX);
		at += get_le32(record + at + 4);
	}
	return at;
}

static void set_flags(uint16_t flags)
{
	uint8_t record[RECORD];
	size_t at;

	image_read(IMAGE, record, sizeof(record), mft() + VOLUME * RECORD);
	at = find_attribute(record, 0x70);
	put_le16(record + at + get_le16(record + at + 20) + 10, flags);
	image_write(IMAGE, record, sizeof(record), mft() + VOLUME * RECORD);
	image_write(IMAGE, record, sizeof(record), place(56) + VOLUME * RECORD);
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
	set_flags(1);
	check(true, false);
	/* Others are no dirt: 2 resize the log, 0x8000 modified by chkdsk. */
	set_flags(0x8002);
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

/*
 * A log with two restart pages, as Windows keeps it while the volume is mounted: a client is in
 * its list. clean: the list is empty, or the flag says that it was closed.
 */
static void write_log(uint16_t in_use, uint16_t flags)
{
	uint8_t page[CLUSTER] = { 0 }, record[RECORD];
	size_t at, run;
	uint64_t lcn = 0, offset;

	image_read(IMAGE, record, sizeof(record), mft() + LOG * RECORD);
	at = find_attribute(record, 0x80);
	run = at + get_le16(record + at + 32);
	for (unsigned int i = 0; i < record[run] >> 4; i++)
		lcn |= (uint64_t)record[run + 1 + (record[run] & 15) + i] << 8 * i;
	offset = lcn * CLUSTER;

	memcpy(page, "RSTR", 4);
	put_le16(page + 4, 30);			/* update sequence array */
	put_le16(page + 6, 1 + CLUSTER / 512);
	put_le32(page + 16, CLUSTER);		/* system page */
	put_le32(page + 20, CLUSTER);		/* log page */
	put_le16(page + 24, 48);		/* the restart area, 8 aligned behind the array */
	put_le16(page + 26, 1);			/* version 1.1 */
	put_le16(page + 28, 1);
	put_le64(page + 48, 0x1000);		/* current LSN */
	put_le16(page + 48 + 8, 1);		/* one client record */
	put_le16(page + 48 + 10, in_use == 0xffff ? 0 : 0xffff);
	put_le16(page + 48 + 12, in_use);
	put_le16(page + 48 + 14, flags);
	put_le32(page + 48 + 16, 67 - 20);	/* bits of a sequence number; below */
	put_le16(page + 48 + 20, 48 + 160);	/* length of the area */
	put_le16(page + 48 + 22, 48);		/* the client records in it */
	put_le64(page + 48 + 24, get_le64(record + at + 48));
	/* The number of bits follows from the log's size: 67 less those of the size. */
	for (uint64_t size = get_le64(record + at + 48), bits = 67;; size >>= 1, bits--)
		if (size == 0) {
			put_le32(page + 48 + 16, (uint32_t)bits);
			break;
		}
	put_le16(page + 48 + 36, 48);		/* log record header */
	put_le16(page + 48 + 38, 64);		/* log page data */
	put_le16(page + 96 + 16, 0xffff);	/* client: no previous, no next */
	put_le16(page + 96 + 18, 0xffff);
	put_le32(page + 96 + 28, 8);
	memcpy(page + 96 + 32, "N\0T\0F\0S\0", 8);
	/* Fixed up: the last word of each sector is the sequence number, its own in the array. */
	put_le16(page + 30, 1);
	for (unsigned int i = 1; i <= CLUSTER / 512; i++) {
		memcpy(page + 30 + 2 * i, page + i * 512 - 2, 2);
		put_le16(page + i * 512 - 2, 1);
	}
	image_write(IMAGE, page, sizeof(page), offset);
	image_write(IMAGE, page, sizeof(page), offset + CLUSTER);
}

START_TEST(log_not_closed)
{
	if (!make(NULL))
		UNIT_LEAVE("no mkntfs");
	write_log(0, 0);
	check(true, false);
	write_log(0, 2);
	check(false, false);
	write_log(0xffff, 0);
	check(false, false);
}
END_TEST

/* The library is given a device that refuses to write; the file is as it was. */
START_TEST(nothing_is_written)
{
	if (!make("hibr"))
		UNIT_LEAVE("no mkntfs");
	set_flags(1);
	write_log(0, 0);
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
		{ true, 0, 84 }, { false, 0, 500 }, { false, LOG, 420 }, { false, VOLUME, 420 },
		{ false, 5, 800 }, { false, 64, 420 },
	};

	if (!make("hibr"))
		UNIT_LEAVE("no mkntfs");
	content_mutate(content_ntfs, image_path(IMAGE),
		       parts[_i].boot ? 0 : mft() + parts[_i].record * RECORD, parts[_i].len, 900);
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
