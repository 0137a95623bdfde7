/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two at once against libcrypto, at every length around a block, at any alignment, and long. */
#include "common/sha256_pair.h"

#include <stdlib.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

static uint8_t text[2][70000];

static void setup(void)
{
	uint64_t x = 88172645463325252;

	for (size_t i = 0; i < sizeof(text); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		text[i % 2][i / 2] = (uint8_t)(x >> 11);
	}
}

static void check_pair(size_t at, size_t len)
{
	uint8_t got[2][SHA256_LEN], want[SHA256_LEN];

	ck_assert_int_eq(sha256_pair(text[0] + at, text[1] + at / 2, len, got[0], got[1]), 0);
	ck_assert_int_eq(digest_sha256(text[0] + at, len, want), 0);
	ck_assert_mem_eq(got[0], want, SHA256_LEN);
	ck_assert_int_eq(digest_sha256(text[1] + at / 2, len, want), 0);
	ck_assert_mem_eq(got[1], want, SHA256_LEN);
}

START_TEST(as_libcrypto)
{
	for (size_t len = 0; len < 260; len++)
		check_pair(len % 17, len);
	for (size_t at = 0; at < 64; at += 7)
		check_pair(at, 65536);
	check_pair(0, 69999);
}
END_TEST

/* FIPS 180-4's own example, so that it is SHA-256 and not whatever both do. */
START_TEST(known_answer)
{
	char hex[SHA256_HEX_LEN + 1];
	uint8_t got[2][SHA256_LEN];

	ck_assert_int_eq(sha256_pair("abc", "abd", 3, got[0], got[1]), 0);
	digest_hex(got[0], SHA256_LEN, hex);
	ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ck_assert_mem_ne(got[0], got[1], SHA256_LEN);
}
END_TEST

static Suite *suite_sha256_pair(void)
{
	Suite *s = suite_create("sha256_pair");
	TCase *tc = tcase_create("sha256_pair");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, as_libcrypto);
	tcase_add_test(tc, known_answer);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_sha256_pair)
