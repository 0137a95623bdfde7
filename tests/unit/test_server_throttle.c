/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file in the job's folder: what is written is read, changes are seen, rubbish is refused. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "common/fdio.h"
#include "p2v-server/throttle.h"
#include "tests/lib/unit.h"

static char dir[64];
static int dirfd_;

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/p2v-throttle-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
}

static void teardown(void)
{
	(void)unlinkat(dirfd_, "throttle", 0);
	close(dirfd_);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void set(const char *text)
{
	struct throttle t;
	struct err err = ERR_INIT;

	ck_assert_int_eq(throttle_parse(text, &t), 0);
	ck_assert_msg(throttle_write(dirfd_, &t, &err) == 0, "%s", err.text);
}

static void expect(enum proto_throttle mode, uint64_t rate)
{
	struct throttle t = { .rate = 99 };
	struct err err = ERR_INIT;

	ck_assert_msg(throttle_read(dirfd_, &t, &err) == 0, "%s", err.text);
	ck_assert_int_eq(t.mode, mode);
	ck_assert_uint_eq(t.rate, rate);
}

START_TEST(what_is_written_is_read)
{
	expect(PROTO_THROTTLE_OWN, 0);
	set("own");
	expect(PROTO_THROTTLE_OWN, 0);
	set("20M");
	expect(PROTO_THROTTLE_RATE, 20 << 20);
	set("max");
	expect(PROTO_THROTTLE_NONE, 0);
	set("32K");
	expect(PROTO_THROTTLE_RATE, 32 << 10);
	set("own");
	expect(PROTO_THROTTLE_OWN, 0);
	ck_assert_int_ne(faccessat(dirfd_, "throttle", F_OK, 0), 0);
}
END_TEST

START_TEST(changes_are_seen_once)
{
	struct throttle_watch w = { .ino = 0 };

	ck_assert(!throttle_changed(dirfd_, &w));
	set("20M");
	ck_assert(throttle_changed(dirfd_, &w));
	ck_assert(!throttle_changed(dirfd_, &w));
	/* The same again may be told again; another one must be. */
	set("21M");
	ck_assert(throttle_changed(dirfd_, &w));
	set("own");
	ck_assert(throttle_changed(dirfd_, &w));
	ck_assert(!throttle_changed(dirfd_, &w));
}
END_TEST

START_TEST(rubbish)
{
	static const char *const texts[] = { "fast", "", "1", "20M 30M", "-5M" };
	struct throttle t;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = ERR_INIT;

		ck_assert_int_lt(throttle_parse(texts[i], &t), 0);
		ck_assert_int_eq(fdio_replace_file_at(dirfd_, "throttle", texts[i],
						      strlen(texts[i]), 0600, NULL), 0);
		ck_assert_int_eq(throttle_read(dirfd_, &t, &err), -EBADMSG);
		ck_assert_ptr_nonnull(strstr(err.text, "throttle"));
	}
	ck_assert_int_eq(unlinkat(dirfd_, "throttle", 0), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", dirfd_, "throttle"), 0);
	ck_assert_int_lt(throttle_read(dirfd_, &t, NULL), 0);
}
END_TEST

static Suite *suite_throttle(void)
{
	Suite *s = suite_create("throttle");
	TCase *tc = tcase_create("throttle");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, changes_are_seen_once);
	tcase_add_test(tc, rubbish);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_throttle)
