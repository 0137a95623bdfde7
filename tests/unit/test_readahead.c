/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/readahead.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "tests/lib/unit.h"

#define BLOCK	65536u
#define BLOCKS	40u
#define IN_FLIGHT	8u

static char path[] = "/var/tmp/p2v-unit.XXXXXX";
static struct disk *disk;

/* Block n is full of the byte n + 1. */
static void setup(void)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(BLOCK);
	struct err err = ERR_INIT;
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (unsigned int n = 0; n < BLOCKS; n++) {
		memset(buf, (int)n + 1, BLOCK);
		ck_assert_int_eq(write(fd, buf, BLOCK), BLOCK);
	}
	/* What is read directly has to be on the disk. */
	ck_assert_int_eq(fsync(fd), 0);
	close(fd);
	ck_assert_msg(disk_open(path, 0, &disk, &err) == 0, "%s", err.text);
}

static void teardown(void)
{
	disk_free(disk);
	unlink(path);
}

static struct readahead *new(enum readahead_engine e)
{
	struct readahead *ra = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(readahead_new(disk, e, IN_FLIGHT, 3, &ra, &err) == 0, "%s", err.text);
	return ra;
}

static bool filled(const uint8_t *buf, size_t len, int byte)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != byte)
			return false;
	return true;
}

/* io_uring itself may be forbidden where the tests run; AUTO is then the threads a second time. */
static const enum readahead_engine engines[] = { READAHEAD_AUTO, READAHEAD_THREADS };

START_TEST(in_order)
{
	CLEANUP(readahead_free) struct readahead *ra = new(engines[_i]);
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(IN_FLIGHT * BLOCK);
	unsigned int started = 0, taken = 0;

	memset(buf, 0, IN_FLIGHT * BLOCK);
	while (taken < BLOCKS) {
		uint8_t *p = buf + taken % IN_FLIGHT * BLOCK;

		for (; started < BLOCKS && started - taken < IN_FLIGHT; started++)
			readahead_start(ra, buf + started % IN_FLIGHT * BLOCK, BLOCK,
					(uint64_t)(BLOCKS - 1 - started) * BLOCK);
		ck_assert(readahead_next(ra));
		ck_assert(filled(p, BLOCK, (int)(BLOCKS - taken)));
		taken++;
	}
}
END_TEST

/* The end of a disk that became smaller, and what is not aligned, is left to the caller. */
START_TEST(left_to_the_caller)
{
	CLEANUP(readahead_free) struct readahead *ra = new(engines[_i]);
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(4 * BLOCK);

	ck_assert_int_eq(truncate(path, (BLOCKS - 1) * BLOCK + 4096), 0);
	readahead_start(ra, buf, BLOCK, 0);
	readahead_start(ra, buf + BLOCK, BLOCK, (BLOCKS - 1) * BLOCK);
	readahead_start(ra, buf + 2 * BLOCK, BLOCK, 1024 * BLOCK);
	readahead_start(ra, buf + 3 * BLOCK, BLOCK, BLOCK);
	ck_assert(readahead_next(ra));
	ck_assert(!readahead_next(ra));
	ck_assert(!readahead_next(ra));
	ck_assert(readahead_next(ra));
	ck_assert(filled(buf + 3 * BLOCK, BLOCK, 2));
	if (disk->direct) {
		readahead_start(ra, buf + 512, BLOCK, 0);
		readahead_start(ra, buf, BLOCK, 512);
		ck_assert(!readahead_next(ra));
		ck_assert(!readahead_next(ra));
	}
}
END_TEST

/* The buffers are the caller's again once it is freed, with reads in flight too. */
START_TEST(freed_early)
{
	for (unsigned int n = 0; n <= IN_FLIGHT; n++) {
		CLEANUP(mem_free) uint8_t *buf = fdio_alloc(IN_FLIGHT * BLOCK);
		struct readahead *ra = new(engines[_i]);

		for (unsigned int i = 0; i < n; i++)
			readahead_start(ra, buf + i * BLOCK, BLOCK, (uint64_t)i * BLOCK);
		readahead_free(ra);
		memset(buf, 0, IN_FLIGHT * BLOCK);
		usleep(2000);
		ck_assert(filled(buf, IN_FLIGHT * BLOCK, 0));
	}
}
END_TEST

START_TEST(none)
{
	CLEANUP(readahead_free) struct readahead *ra = new(READAHEAD_NONE);
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(BLOCK);

	ck_assert_str_eq(readahead_name(ra), "none");
	readahead_start(ra, buf, BLOCK, 0);
	ck_assert(!readahead_next(ra));
}
END_TEST

START_TEST(words)
{
	enum readahead_engine e = READAHEAD_NONE;
	struct readahead *ra;

	ck_assert_int_eq(readahead_engine_parse("auto", &e), 0);
	ck_assert_int_eq(e, READAHEAD_AUTO);
	ck_assert_int_eq(readahead_engine_parse("io_uring", &e), 0);
	ck_assert_int_eq(e, READAHEAD_URING);
	ck_assert_int_eq(readahead_engine_parse("threads", &e), 0);
	ck_assert_int_eq(e, READAHEAD_THREADS);
	ck_assert_int_eq(readahead_engine_parse("none", &e), -EINVAL);
	ck_assert_int_eq(readahead_engine_parse("", &e), -EINVAL);
	ra = new(READAHEAD_THREADS);
	ck_assert_str_eq(readahead_name(ra), "threads");
	readahead_free(ra);
}
END_TEST

static Suite *readahead_suite(void)
{
	Suite *s = suite_create("readahead");
	TCase *tc = tcase_create("readahead");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, in_order, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(tc, left_to_the_caller, 0, ARRAY_SIZE(engines));
	tcase_add_loop_test(tc, freed_early, 0, ARRAY_SIZE(engines));
	tcase_add_test(tc, none);
	tcase_add_test(tc, words);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(readahead_suite)
