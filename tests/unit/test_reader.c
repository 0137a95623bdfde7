/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A source with planted bad sectors: exactly those are found, with few reads. */
#include <errno.h>
#include "tests/lib/unit.h"
#include "disk/reader.h"

#define SECTOR	512u
#define SECTORS	2048u

struct source {
	uint8_t bad[SECTORS];		/* 0 fine, 255 always bad, n: bad n times */
	unsigned int reads;
	uint64_t gone_at;		/* this offset and behind: not a media error */
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(1 + offset / SECTOR * 7 % 251);
}

static int source_read(void *opaque, void *buf, size_t len, uint64_t offset, struct err *err)
{
	struct source *s = opaque;
	bool failed = false;

	if (len == 0 || len % SECTOR != 0 || offset % SECTOR != 0)
		ck_abort_msg("a read of %zu bytes at %llu", len, (unsigned long long)offset);
	s->reads++;
	/* As a disk does: what comes before the bad sector may have arrived. */
	memset(buf, 0xee, len);
	if (s->gone_at && offset + len > s->gone_at)
		return err_set(err, ENODATA, "the disk became smaller");
	for (size_t i = 0; i < len; i += SECTOR) {
		uint8_t *b = &s->bad[(offset + i) / SECTOR];

		if (*b) {
			*b -= *b != 255;
			failed = true;
		}
	}
	if (failed)
		return err_set(err, EIO, "bad");
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = byte_at(offset + i);
	return 0;
}

static struct reader make_reader(struct source *s, enum reader_mode mode)
{
	return (struct reader){
		.read = source_read, .opaque = s, .sector = SECTOR, .mode = mode, .name = "/dev/x"
	};
}

static void check_content(const struct source *s, const uint8_t *buf, size_t len, uint64_t offset)
{
	size_t wrong = 0;

	/* One assertion for all bytes: each of them costs a system call. */
	for (size_t i = 0; i < len; i++)
		wrong += buf[i] != (s->bad[(offset + i) / SECTOR] == 255 ? 0 : byte_at(offset + i));
	ck_assert_uint_eq(wrong, 0);
}

/* Read [first, first + n) sectors; the bad extents must be the planted ones. */
static void read_and_check(struct source *s, unsigned int first, unsigned int n, int expected)
{
	struct reader r = make_reader(s, READER_ZERO);
	struct extents bad = { 0 };
	uint8_t *buf = malloc(n * SECTOR);
	uint64_t planted = 0, wrong = 0;
	struct err err = ERR_INIT;

	ck_assert_int_eq(reader_read(&r, buf, n * SECTOR, first * (uint64_t)SECTOR, &bad, &err),
			 expected);
	ck_assert_int_eq(err.code, 0);
	check_content(s, buf, n * SECTOR, first * (uint64_t)SECTOR);
	for (unsigned int i = first; i < first + n; i++) {
		planted += s->bad[i] == 255;
		wrong += (extents_find(&bad, i * (uint64_t)SECTOR) != NULL) != (s->bad[i] == 255);
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(extents_bytes(&bad), planted * SECTOR);
	extents_done(&bad);
	free(buf);
}

START_TEST(nothing_bad)
{
	struct source s = { 0 };

	read_and_check(&s, 16, 256, 0);
	ck_assert_uint_eq(s.reads, 1);
}
END_TEST

START_TEST(one_bad)
{
	static const unsigned int places[] = { 0, 1, 2, 511, 512, 1022, 1023 };
	struct source s = { 0 };

	s.bad[places[_i]] = 255;
	read_and_check(&s, 0, 1024, 1);
	/* 1024 sectors: ten halvings, two reads each, the retries, the first. */
	ck_assert_uint_le(s.reads, 1 + 2 * 10 + READER_RETRIES);
}
END_TEST

START_TEST(adjacent_bad)
{
	struct source s = { 0 };

	s.bad[511] = s.bad[512] = s.bad[513] = s.bad[0] = s.bad[999] = 255;
	read_and_check(&s, 0, 1000, 1);
	memset(s.bad, 255, 16);
	read_and_check(&s, 0, 16, 1);
	read_and_check(&s, 3, 1, 1);
	read_and_check(&s, 16, 1, 0);
}
END_TEST

/* A sector that comes round is not bad, and no error is left behind. */
START_TEST(flaky)
{
	struct source s = { 0 };
	struct reader r = make_reader(&s, READER_STOP);
	uint8_t buf[8 * SECTOR];
	struct err err = ERR_INIT;

	/* Fails as part of 8, 4, 2 and 1 sectors, then once more. */
	s.bad[5] = 5;
	ck_assert_int_eq(reader_read(&r, buf, sizeof(buf), 0, NULL, &err), 0);
	ck_assert_int_eq(err.code, 0);
	check_content(&s, buf, sizeof(buf), 0);
	s.bad[5] = READER_RETRIES - 1;
	ck_assert_int_eq(reader_read(&r, buf, SECTOR, 5 * SECTOR, NULL, &err), 0);
	s.bad[5] = READER_RETRIES;
	ck_assert_int_eq(reader_read(&r, buf, SECTOR, 5 * SECTOR, NULL, &err), -EIO);
	ck_assert_uint_eq(s.bad[5], 0);
}
END_TEST

START_TEST(stop_names_the_sector)
{
	struct source s = { 0 };
	struct reader r = make_reader(&s, READER_STOP);
	uint8_t buf[64 * SECTOR];
	struct err err = ERR_INIT;

	s.bad[100 + 33] = s.bad[100 + 40] = 255;
	ck_assert_int_eq(reader_read(&r, buf, sizeof(buf), 100 * SECTOR, NULL, &err), -EIO);
	ck_assert_int_eq(err.code, EIO);
	ck_assert_ptr_nonnull(strstr(err.text, "/dev/x"));
	ck_assert_ptr_nonnull(strstr(err.text, "0x10a00"));	/* 133 * 512 */
	ck_assert_int_eq(reader_read(&r, buf, 0, 133 * SECTOR, NULL, &err), 0);
}
END_TEST

/* A disk that ends early is no bad sector: neither retried nor zero-filled. */
START_TEST(other_errors)
{
	struct source s = { .gone_at = 50 * SECTOR };
	struct reader r = make_reader(&s, READER_ZERO);
	struct extents bad = { 0 };
	uint8_t buf[64 * SECTOR];
	struct err err = ERR_INIT;

	ck_assert_int_eq(reader_read(&r, buf, sizeof(buf), 0, &bad, &err), -ENODATA);
	ck_assert_uint_eq(s.reads, 1);
	ck_assert_uint_eq(bad.n, 0);
	ck_assert_int_eq(err.code, ENODATA);
	extents_done(&bad);
}
END_TEST

START_TEST(random_patterns)
{
	struct source s = { 0 };
	unsigned int seed = (unsigned int)_i + 1, any = 0;
	unsigned int first = (unsigned int)rand_r(&seed) % 500;
	unsigned int n = 1 + (unsigned int)rand_r(&seed) % 700;

	for (int i = rand_r(&seed) % 30; i > 0; i--)
		s.bad[(unsigned int)rand_r(&seed) % 1300] = 255;
	for (unsigned int i = first; i < first + n; i++)
		any += s.bad[i] != 0;
	read_and_check(&s, first, n, any > 0);
	ck_assert_uint_le(s.reads, 1 + any * (2 * 10 + READER_RETRIES));
}
END_TEST

static Suite *suite_reader(void)
{
	Suite *s = suite_create("reader");
	TCase *tc = tcase_create("reader");

	tcase_add_test(tc, nothing_bad);
	tcase_add_loop_test(tc, one_bad, 0, 7);
	tcase_add_test(tc, adjacent_bad);
	tcase_add_test(tc, flaky);
	tcase_add_test(tc, stop_names_the_sector);
	tcase_add_test(tc, other_errors);
	tcase_add_loop_test(tc, random_patterns, 0, 100);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_reader)
