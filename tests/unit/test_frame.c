/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include <errno.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "wire/frame.h"
#include "wire/proto.h"

static void put_frame(struct iobuf *b, uint16_t type, const void *p, size_t len)
{
	size_t mark;

	ck_assert_int_eq(frame_begin(b, &mark), 0);
	ck_assert_int_eq(iobuf_put(b, p, len), 0);
	ck_assert_int_eq(frame_end(b, mark, type, NULL), 0);
}

START_TEST(layout)
{
	/* 3-byte payload "abc", type 0x1234; the CRC by its definition over head and payload. */
	static const uint8_t want[] = { 0, 0, 0, 3, 0x12, 0x34, 0, 0 };
	CLEANUP(iobuf_done) struct iobuf b;
	uint8_t covered[11];

	iobuf_init(&b, 1000);
	put_frame(&b, 0x1234, "abc", 3);
	ck_assert_uint_eq(iobuf_len(&b), 15);
	ck_assert_mem_eq(iobuf_ptr(&b), want, sizeof(want));
	ck_assert_mem_eq(iobuf_ptr(&b) + 12, "abc", 3);
	memcpy(covered, want, 8);
	memcpy(covered + 8, "abc", 3);
	ck_assert_uint_eq(get_be32(iobuf_ptr(&b) + 8), digest_crc32c(0, covered, sizeof(covered)));
}
END_TEST

START_TEST(round_trip_of_several)
{
	CLEANUP(iobuf_done) struct iobuf b;
	struct frame f;

	iobuf_init(&b, 1000);
	put_frame(&b, 1, "", 0);
	put_frame(&b, 2, "hello", 5);
	put_frame(&b, 65535, "x", 1);
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 1);
	ck_assert_uint_eq(f.type, 1);
	ck_assert_uint_eq(f.len, 0);
	iobuf_consume(&b, frame_size(&f));
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 1);
	ck_assert_uint_eq(f.type, 2);
	ck_assert_uint_eq(f.len, 5);
	ck_assert_mem_eq(f.payload, "hello", 5);
	iobuf_consume(&b, frame_size(&f));
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 1);
	ck_assert_uint_eq(f.type, 65535);
	iobuf_consume(&b, frame_size(&f));
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 0);
}
END_TEST

START_TEST(needs_every_byte)
{
	CLEANUP(iobuf_done) struct iobuf b;
	struct frame f;

	iobuf_init(&b, 1000);
	put_frame(&b, 7, "payload", 7);
	for (size_t n = 0; n < iobuf_len(&b); n++) {
		struct iobuf part;

		iobuf_view(&part, iobuf_ptr(&b), n);
		ck_assert_int_eq(frame_peek(&part, &f, NULL), 0);
	}
}
END_TEST

START_TEST(every_flipped_bit_is_seen)
{
	CLEANUP(iobuf_done) struct iobuf b;
	uint8_t bytes[12 + 40];

	iobuf_init(&b, 1000);
	put_frame(&b, 6, "0123456789012345678901234567890123456789", 40);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		struct err err = ERR_INIT;
		struct iobuf view;
		struct frame f;
		int r;

		memcpy(bytes, iobuf_ptr(&b), sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		iobuf_view(&view, bytes, sizeof(bytes));
		r = frame_peek(&view, &f, &err);
		/* A longer length waits for bytes that do not come; anything else is an error now.
		 */
		ck_assert_int_ne(r, 1);
		if (bit >= 32) {
			ck_assert_int_eq(r, -EBADMSG);
			ck_assert_str_ne(err.text, "");
		}
	}
}
END_TEST

START_TEST(refuses_early)
{
	static const uint8_t big[4] = { 0x00, 0x40, 0x00, 0x01 };
	static const uint8_t flags[8] = { 0, 0, 0, 100, 0, 1, 0x80, 0 };
	static const uint8_t largest[4] = { 0x00, 0x40, 0x00, 0x00 };
	struct iobuf view;
	struct frame f;

	iobuf_view(&view, big, sizeof(big));
	ck_assert_int_eq(frame_peek(&view, &f, NULL), -EBADMSG);
	iobuf_view(&view, flags, sizeof(flags));
	ck_assert_int_eq(frame_peek(&view, &f, NULL), -EBADMSG);
	iobuf_view(&view, largest, sizeof(largest));
	ck_assert_int_eq(frame_peek(&view, &f, NULL), 0);
}
END_TEST

START_TEST(largest_and_one_more)
{
	CLEANUP(iobuf_done) struct iobuf b;
	struct err err = ERR_INIT;
	struct frame f;
	uint8_t *p;
	size_t mark;

	iobuf_init(&b, 16u << 20);
	put_frame(&b, 3, "first", 5);
	ck_assert_int_eq(frame_begin(&b, &mark), 0);
	ck_assert_int_eq(iobuf_reserve(&b, PROTO_PAYLOAD_MAX + 1, &p), 0);
	memset(p, 0xa5, PROTO_PAYLOAD_MAX + 1);
	iobuf_commit(&b, PROTO_PAYLOAD_MAX + 1);
	ck_assert_int_eq(frame_end(&b, mark, 1, &err), -EMSGSIZE);
	/* What was there before stays whole. */
	ck_assert_uint_eq(iobuf_len(&b), 17);
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 1);
	iobuf_consume(&b, frame_size(&f));

	ck_assert_int_eq(frame_begin(&b, &mark), 0);
	ck_assert_int_eq(iobuf_reserve(&b, PROTO_PAYLOAD_MAX, &p), 0);
	memset(p, 0xa5, PROTO_PAYLOAD_MAX);
	iobuf_commit(&b, PROTO_PAYLOAD_MAX);
	ck_assert_int_eq(frame_end(&b, mark, 1, &err), 0);
	ck_assert_int_eq(frame_peek(&b, &f, NULL), 1);
	ck_assert_uint_eq(f.len, PROTO_PAYLOAD_MAX);
}
END_TEST

static Suite *frame_suite(void)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");

	tcase_add_test(t, layout);
	tcase_add_test(t, round_trip_of_several);
	tcase_add_test(t, needs_every_byte);
	tcase_add_test(t, every_flipped_bit_is_seen);
	tcase_add_test(t, refuses_early);
	tcase_add_test(t, largest_and_one_more);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(frame_suite)
