/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The digest of a chunk, worked out here as docs/protocol.md says, with everything hashed. */
#include "wire/chunk_digest.h"

#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"
#include "wire/proto.h"

#define BLOCK	((size_t)PROTO_BLOCK_SIZE)

static uint8_t *chunk;

static void setup(void)
{
	chunk = calloc(1, PROTO_CHUNK_SIZE);
}

static void teardown(void)
{
	free(chunk);
}

static void check_digest(size_t len)
{
	uint8_t list[PROTO_CHUNK_BLOCKS][SHA256_LEN];
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	size_t n = 0;

	for (size_t pos = 0; pos < len; pos += BLOCK)
		ck_assert_int_eq(digest_sha256(chunk + pos, MIN(len - pos, BLOCK), list[n++]), 0);
	ck_assert_int_eq(digest_sha256(list, n * SHA256_LEN, want), 0);
	ck_assert_int_eq(chunk_digest(chunk, len, got), 0);
	ck_assert_mem_eq(got, want, SHA256_LEN);
}

static const size_t lengths[] = {
	1, 512, PROTO_BLOCK_SIZE - 1, PROTO_BLOCK_SIZE, PROTO_BLOCK_SIZE + 512,
	PROTO_CHUNK_SIZE - 512, PROTO_CHUNK_SIZE,
};

/* No block, some, the last, every one is zero but for a single byte somewhere. */
START_TEST(is_as_written)
{
	size_t len = lengths[_i];

	check_digest(len);
	for (size_t pos = 0; pos < len; pos += 3 * BLOCK)
		chunk[pos + (pos / 7) % MIN(len - pos, BLOCK)] = 1;
	check_digest(len);
	chunk[len - 1] = 0x80;
	check_digest(len);
	for (size_t i = 0; i < len; i++)
		chunk[i] = (uint8_t)(i * 31 + i / 977);
	check_digest(len);
}
END_TEST

/* So that nobody changes the definition by a change of both sides. */
START_TEST(of_zeroes)
{
	uint8_t got[SHA256_LEN];
	char hex[SHA256_HEX_LEN + 1];

	ck_assert_int_eq(chunk_digest(chunk, PROTO_CHUNK_SIZE, got), 0);
	digest_hex(got, sizeof(got), hex);
	ck_assert_str_eq(hex, "19548055bd34692455ff38e9cdd702bdbab1065db368a14e916d28b3e65de398");
}
END_TEST

/* Some blocks change, and with their digests alone the chunk's is known. */
START_TEST(follows_its_blocks)
{
	uint8_t list[PROTO_CHUNK_BLOCKS][SHA256_LEN], got[SHA256_LEN], want[SHA256_LEN];
	size_t len = 3 * BLOCK + 512;

	memset(chunk, 'a', len);
	ck_assert_int_eq(chunk_digest_blocks(chunk, len, list), 0);
	memset(chunk + BLOCK, 'b', BLOCK);
	memset(chunk + 3 * BLOCK, 'c', 512);
	ck_assert_int_eq(chunk_digest_blocks(chunk + BLOCK, BLOCK, list + 1), 0);
	ck_assert_int_eq(chunk_digest_blocks(chunk + 3 * BLOCK, 512, list + 3), 0);
	ck_assert_int_eq(chunk_digest_join((const uint8_t (*)[SHA256_LEN])list, 4, got), 0);
	ck_assert_int_eq(chunk_digest(chunk, len, want), 0);
	ck_assert_mem_eq(got, want, SHA256_LEN);
}
END_TEST

static Suite *suite_chunk_digest(void)
{
	Suite *s = suite_create("chunk_digest");
	TCase *tc = tcase_create("chunk_digest");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, is_as_written, 0, ARRAY_SIZE(lengths));
	tcase_add_test(tc, of_zeroes);
	tcase_add_test(tc, follows_its_blocks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_chunk_digest)
