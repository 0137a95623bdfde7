/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/known.h"

#include <string.h>

#include "tests/lib/unit.h"
#include "wire/proto.h"

#define CHUNK	((uint64_t)PROTO_CHUNK_SIZE)
#define SIZE	(6 * CHUNK + 4096)

static uint8_t sha256[2][SHA256_LEN];

/* Chunks: 0 data, 1 data, 2 zero, 3 not there, 4 zero, 5 zero, 6 (short) zero. */
static struct known *filled(void)
{
	struct known *k = NULL;

	memset(sha256[0], 0xa0, SHA256_LEN);
	memset(sha256[1], 0xa1, SHA256_LEN);
	ck_assert_int_eq(known_new(SIZE, &k), 0);
	known_add(k, &(struct msg_digests){
			     .kind = PROTO_DIGESTS_DATA, .n = 2, .sha256 = sha256[0] });
	known_add(k, &(struct msg_digests){
			     .kind = PROTO_DIGESTS_ZERO, .n = 1, .offset = 2 * CHUNK });
	known_add(k, &(struct msg_digests){
			     .kind = PROTO_DIGESTS_ZERO, .n = 3, .offset = 4 * CHUNK });
	return k;
}

START_TEST(same)
{
	CLEANUP(known_free) struct known *k = filled();

	ck_assert(known_same(k, 0, sha256[0]));
	ck_assert(!known_same(k, 0, sha256[1]));
	ck_assert(known_same(k, CHUNK, sha256[1]));
	ck_assert(!known_same(k, CHUNK, NULL));
	ck_assert(known_same(k, 2 * CHUNK, NULL));
	ck_assert(!known_same(k, 2 * CHUNK, sha256[0]));
	ck_assert(!known_same(k, 3 * CHUNK, NULL));
	ck_assert(!known_same(k, 3 * CHUNK, sha256[0]));
	ck_assert(known_same(k, 6 * CHUNK, NULL));
	/* A digest that was never said is not that of all zero bytes. */
	memset(sha256[0], 0, SHA256_LEN);
	ck_assert(!known_same(k, 3 * CHUNK, sha256[0]));
	ck_assert(!known_same(k, 4 * CHUNK, sha256[0]));
}
END_TEST

START_TEST(settle)
{
	CLEANUP(known_free) struct known *k = filled();
	CLEANUP(bitmap_free) struct bitmap *used = NULL;
	CLEANUP(bitmap_free) struct bitmap *have = NULL;

	ck_assert_int_eq(bitmap_new(SIZE, PROTO_CLUSTER_SIZE, &used), 0);
	ck_assert_int_eq(bitmap_new(SIZE, CHUNK, &have), 0);
	/* Without a map all is used, and nothing is settled before it was read. */
	ck_assert_uint_eq(known_settle(k, NULL, have), 0);
	bitmap_set_range(used, 5 * CHUNK + PROTO_CLUSTER_SIZE, 1);
	ck_assert_uint_eq(known_settle(k, used, have), 2 * CHUNK + 4096);
	for (uint64_t i = 0; i < 7; i++)
		ck_assert_int_eq(bitmap_test(have, i * CHUNK), i == 2 || i == 4 || i == 6);
}
END_TEST

static Suite *known_suite(void)
{
	Suite *s = suite_create("known");
	TCase *t = tcase_create("known");

	tcase_add_test(t, same);
	tcase_add_test(t, settle);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(known_suite)
