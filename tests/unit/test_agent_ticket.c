/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/hot/ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char base[64], dir[96], file[128];
static const uint8_t uuid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

static void setup(void)
{
	snprintf(base, sizeof(base), "/tmp/p2v-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/p2v", base);
	snprintf(file, sizeof(file), "%s/hot-job", dir);
}

static void teardown(void)
{
	char other[128];

	snprintf(other, sizeof(other), "%s/other", dir);
	unlink(other);
	unlink(file);
	if (rmdir(dir) < 0)
		unlink(dir);
	rmdir(base);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(written_and_removed)
{
	uint8_t other[16];
	struct err err = ERR_INIT;
	struct stat st;

	memcpy(other, uuid, sizeof(other));
	other[15] ^= 1;
	ck_assert(!ticket_has(dir, uuid));
	ticket_remove(dir);
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(ticket_write(dir, uuid, &err) == 0, "%s", err.text);
		ck_assert(ticket_has(dir, uuid));
		ck_assert(!ticket_has(dir, other));
	}
	/* Nobody else's business. */
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(ticket_write(dir, other, &err), 0);
	ck_assert(!ticket_has(dir, uuid));
	ck_assert(ticket_has(dir, other));
	ticket_remove(dir);
	ck_assert(!ticket_has(dir, other));
	ck_assert_int_eq(access(dir, F_OK), -1);
}
END_TEST

/* What others have in the folder stays, and the folder with it. */
START_TEST(not_alone)
{
	char other[128];

	ck_assert_int_eq(ticket_write(dir, uuid, NULL), 0);
	snprintf(other, sizeof(other), "%s/other", dir);
	put(other, "x");
	ticket_remove(dir);
	ck_assert_int_eq(access(file, F_OK), -1);
	ck_assert_int_eq(access(other, F_OK), 0);
}
END_TEST

/* A ticket that is torn, or is none, is none. */
START_TEST(not_one)
{
	static const char *const texts[] = {
		"", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff\n",
		"00112233445566778899aabbccddeeff0", "00112233445566778899AABBCCDDEEFF",
		"x0112233445566778899aabbccddeeff",
	};

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(file, texts[i]);
		ck_assert_msg(!ticket_has(dir, uuid), "%s", texts[i]);
	}
	put(file, "00112233445566778899aabbccddeeff");
	ck_assert(ticket_has(dir, uuid));
}
END_TEST

START_TEST(folder_that_is_none)
{
	struct err err = ERR_INIT;

	/* A link where the folder should be is not followed. */
	ck_assert_int_eq(symlink(base, dir), 0);
	ck_assert_int_lt(ticket_write(dir, uuid, &err), 0);
	ck_assert_msg(strstr(err.text, dir), "%s", err.text);
	ck_assert(!ticket_has(dir, uuid));
	unlink(dir);
	put(dir, "x");
	ck_assert_int_eq(ticket_write(dir, uuid, &err), -ENOTDIR);
	ck_assert(!ticket_has(dir, uuid));
	ticket_remove(dir);
	ck_assert_int_eq(access(dir, F_OK), 0);
	ck_assert_int_eq(ticket_write("/nowhere/p2v", uuid, &err), -ENOENT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ticket");
	TCase *t = tcase_create("ticket");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, written_and_removed);
	tcase_add_test(t, not_alone);
	tcase_add_test(t, not_one);
	tcase_add_test(t, folder_that_is_none);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
