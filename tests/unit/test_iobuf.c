/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/iobuf.h"

#include <errno.h>
#include "tests/lib/mutate.h"
#include "tests/lib/unit.h"

/* For hot loops: ck_assert reports each success to its runner, which costs more than the test. */
#define HOLDS(x) \
	do { \
		if (!(x)) \
			ck_abort_msg("%s", #x); \
	} while (0)

START_TEST(numbers_round_trip)
{
	CLEANUP(iobuf_done) struct iobuf b;
	const uint8_t *p;
	uint64_t v64 = 0;
	uint32_t v32 = 0, len = 0;
	uint16_t v16 = 0;
	uint8_t v8 = 0;

	iobuf_init(&b, 1000);
	ck_assert_ptr_nonnull(iobuf_ptr(&b));
	ck_assert_int_eq(iobuf_put_u8(&b, 0x12), 0);
	ck_assert_int_eq(iobuf_put_u16(&b, 0x3456), 0);
	ck_assert_int_eq(iobuf_put_u32(&b, 0x789abcde), 0);
	ck_assert_int_eq(iobuf_put_u64(&b, 0x0102030405060708), 0);
	ck_assert_int_eq(iobuf_put_blob(&b, "hello", 5), 0);
	ck_assert_int_eq(iobuf_put_blob(&b, NULL, 0), 0);
	ck_assert_mem_eq(iobuf_ptr(&b),
			 "\x12\x34\x56\x78\x9a\xbc\xde\1\2\3\4\5\6\7\10\0\0\0\5hello\0\0\0\0", 28);
	ck_assert_uint_eq(iobuf_len(&b), 28);
	ck_assert_int_eq(iobuf_get_u8(&b, &v8), 0);
	ck_assert_int_eq(iobuf_get_u16(&b, &v16), 0);
	ck_assert_int_eq(iobuf_get_u32(&b, &v32), 0);
	ck_assert_int_eq(iobuf_get_u64(&b, &v64), 0);
	ck_assert_uint_eq(v8, 0x12);
	ck_assert_uint_eq(v16, 0x3456);
	ck_assert_uint_eq(v32, 0x789abcde);
	ck_assert_uint_eq(v64, 0x0102030405060708);
	ck_assert_int_eq(iobuf_get_blob(&b, 5, &p, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(p, "hello", 5);
	ck_assert_int_eq(iobuf_get_blob(&b, 0, &p, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(iobuf_len(&b), 0);
	v8 = 0x55;
	ck_assert_int_eq(iobuf_get_u8(&b, &v8), -EBADMSG);
	ck_assert_uint_eq(v8, 0x55);
}
END_TEST

/* A failing get consumes nothing, however much of it is there. */
START_TEST(short_input_is_untouched)
{
	static const uint8_t raw[8] = { 0, 0, 0, 9, 1, 2, 3, 4 };
	struct iobuf b;
	const uint8_t *p = NULL;
	uint32_t len = 77, v32 = 77;
	uint64_t v64 = 77;
	uint16_t v16 = 77;

	for (size_t have = 0; have < 8; have++) {
		iobuf_view(&b, raw, have);
		ck_assert_int_eq(iobuf_get_u64(&b, &v64), -EBADMSG);
		ck_assert_int_eq(iobuf_get_blob(&b, UINT32_MAX, &p, &len), -EBADMSG);
		if (have < 4)
			ck_assert_int_eq(iobuf_get_u32(&b, &v32), -EBADMSG);
		if (have < 2)
			ck_assert_int_eq(iobuf_get_u16(&b, &v16), -EBADMSG);
		ck_assert_uint_eq(iobuf_len(&b), have);
	}
	ck_assert_uint_eq(v64, 77);
	ck_assert_uint_eq(v32, 77);
	ck_assert_uint_eq(v16, 77);
	ck_assert_uint_eq(len, 77);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(hostile_blob_lengths)
{
	static const uint32_t lengths[] = { 5,		6,	    100,	0x7fffffff,
					    0x80000000, 0xfffffffb, 0xfffffffc, 0xffffffff };
	uint8_t raw[8] = { 0 };
	const uint8_t *p;
	uint32_t len;
	struct iobuf b;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		raw[0] = (uint8_t)(lengths[i] >> 24);
		raw[1] = (uint8_t)(lengths[i] >> 16);
		raw[2] = (uint8_t)(lengths[i] >> 8);
		raw[3] = (uint8_t)lengths[i];
		iobuf_view(&b, raw, sizeof(raw));
		ck_assert_int_eq(iobuf_get_blob(&b, UINT32_MAX, &p, &len), -EBADMSG);
		ck_assert_uint_eq(iobuf_len(&b), sizeof(raw));
	}
	memcpy(raw, "\0\0\0\4", 4);
	iobuf_view(&b, raw, sizeof(raw));
	ck_assert_int_eq(iobuf_get_blob(&b, 3, &p, &len), -EBADMSG);
	ck_assert_int_eq(iobuf_get_blob(&b, 4, &p, &len), 0);
	ck_assert_ptr_eq(p, raw + 4);
}
END_TEST

START_TEST(hard_cap)
{
	CLEANUP(iobuf_done) struct iobuf b;
	uint8_t *to;

	iobuf_init(&b, 10);
	ck_assert_int_eq(iobuf_put(&b, "12345678", 8), 0);
	ck_assert_int_eq(iobuf_put_u32(&b, 1), -EMSGSIZE);
	ck_assert_int_eq(iobuf_put_blob(&b, "", 0), -EMSGSIZE);
	ck_assert_int_eq(iobuf_reserve(&b, SIZE_MAX, &to), -EMSGSIZE);
	ck_assert_int_eq(iobuf_reserve(&b, SIZE_MAX - 7, &to), -EMSGSIZE);
	ck_assert_uint_eq(iobuf_len(&b), 8);
	ck_assert_int_eq(iobuf_put_u16(&b, 1), 0);
	ck_assert_int_eq(iobuf_put(&b, NULL, 0), 0);
	ck_assert_int_eq(iobuf_put_u8(&b, 1), -EMSGSIZE);
	iobuf_consume(&b, 1);
	ck_assert_int_eq(iobuf_put_u8(&b, 1), 0);
	iobuf_reset(&b);
	ck_assert_uint_eq(iobuf_len(&b), 0);
	ck_assert_int_eq(iobuf_put(&b, "1234567890", 10), 0);
}
END_TEST

START_TEST(view_is_read_only)
{
	static const char raw[] = "abc";
	struct iobuf b;

	iobuf_view(&b, raw, 3);
	ck_assert_int_eq(iobuf_put_u8(&b, 1), -EROFS);
	iobuf_consume(&b, 3);
	ck_assert_int_eq(iobuf_put_u8(&b, 1), -EROFS);
	iobuf_view(&b, raw, 3);
	iobuf_reset(&b);
	ck_assert_uint_eq(iobuf_len(&b), 0);
	iobuf_done(&b);
	ck_assert_str_eq(raw, "abc");
}
END_TEST

/* Against a plain array: bytes come out as they went in, and memory stays bounded. */
START_TEST(random_traffic)
{
	enum { MAX_LEN = 3000 };
	CLEANUP(iobuf_done) struct iobuf b;
	uint64_t in = 0, out = 0;
	unsigned int seed = 3;

	iobuf_init(&b, MAX_LEN);
	for (int round = 0; round < 100000; round++) {
		uint8_t chunk[700];
		size_t n = (size_t)rand_r(&seed) % sizeof(chunk);

		if (rand_r(&seed) % 2) {
			for (size_t i = 0; i < n; i++)
				chunk[i] = (uint8_t)((in + i) * 7 >> 3);
			if (iobuf_put(&b, chunk, n) == 0)
				in += n;
			else
				HOLDS(in - out + n > MAX_LEN);
		} else if (iobuf_get(&b, chunk, n) == 0) {
			for (size_t i = 0; i < n; i++)
				HOLDS(chunk[i] == (uint8_t)((out + i) * 7 >> 3));
			out += n;
		} else {
			HOLDS(n > in - out);
		}
		HOLDS(iobuf_len(&b) == in - out);
		HOLDS(b.cap <= 2 * MAX_LEN);
	}
}
END_TEST

static void eat(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	size_t *count = opaque;
	const uint8_t *p;
	struct iobuf b;
	uint32_t n;
	uint16_t v;

	(void)what;
	iobuf_view(&b, data, len);
	while (iobuf_get_u16(&b, &v) == 0 && iobuf_get_blob(&b, 64, &p, &n) == 0) {
		ck_assert(p >= data && p + n <= data + len);
		++*count;
	}
}

START_TEST(mutants_stay_inside)
{
	static const char raw[] = "\0\1\0\0\0\3abc\0\2\0\0\0\0\0\3\0\0\0\10abcdefgh";
	size_t parsed = 0, n;

	n = mutate_each(raw, sizeof(raw) - 1, 0, eat, &parsed);
	ck_assert_uint_gt(n, 500);
	ck_assert_uint_gt(parsed, n / 4);
}
END_TEST

struct seen {
	const uint8_t *data;
	size_t len, calls;
	uint64_t sum;
};

static void note(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	struct seen *s = opaque;

	ck_assert(what[0]);
	ck_assert_msg(len != s->len || memcmp(data, s->data, len) != 0, "%s is the original", what);
	s->calls++;
	for (size_t i = 0; i < len; i++)
		s->sum = s->sum * 31 + data[i];
}

/* The mutator itself: never the original, always the same, a limit is kept. */
START_TEST(mutator)
{
	static const uint8_t raw[] = { 0, 0, 0, 0, 0xff, 0xff, 0, 1, 2, 3 };
	struct seen a = { raw, sizeof(raw), 0, 0 }, b = a, c = a, none = { raw, 0, 0, 0 };

	ck_assert_uint_eq(mutate_each(raw, sizeof(raw), 0, note, &a), a.calls);
	mutate_each(raw, sizeof(raw), 0, note, &b);
	ck_assert_uint_eq(a.calls, b.calls);
	ck_assert_uint_eq(a.sum, b.sum);
	ck_assert_uint_le(mutate_each(raw, sizeof(raw), 25, note, &c), 25);
	ck_assert_uint_ge(c.calls, 20);
	ck_assert_uint_eq(mutate_each(raw, 0, 0, note, &none), 0);
}
END_TEST

static Suite *iobuf_suite(void)
{
	Suite *s = suite_create("iobuf");
	TCase *t = tcase_create("iobuf");

	tcase_add_test(t, numbers_round_trip);
	tcase_add_test(t, short_input_is_untouched);
	tcase_add_test(t, hostile_blob_lengths);
	tcase_add_test(t, hard_cap);
	tcase_add_test(t, view_is_read_only);
	tcase_add_test(t, random_traffic);
	tcase_add_test(t, mutants_stay_inside);
	tcase_add_test(t, mutator);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(iobuf_suite)
