/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Vectors: SHA-256 from FIPS 180-4's published examples, CRC-32C from RFC 3720 B.4 (whose bytes are
 * printed in the order of transmission, so the value here reads the other way round).
 */
#include "common/digest.h"

#include <errno.h>
#include "tests/lib/unit.h"

static void check_sha(const void *p, size_t len, const char *want)
{
	char hex[SHA256_HEX_LEN + 1];
	uint8_t md[SHA256_LEN];

	ck_assert_int_eq(digest_sha256(p, len, md), 0);
	digest_hex(md, sizeof(md), hex);
	ck_assert_str_eq(hex, want);
}

START_TEST(sha256_vectors)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char *million = malloc(1000000);

	check_sha(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha(two_blocks, strlen(two_blocks),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	check_sha(million, 1000000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}
END_TEST

START_TEST(sha256_in_parts)
{
	uint8_t data[500], whole[SHA256_LEN], parts[SHA256_LEN];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31);
	ck_assert_int_eq(digest_sha256(data, sizeof(data), whole), 0);
	for (size_t step = 1; step < 200; step += 13) {
		CLEANUP(sha256_free) struct sha256 *s = NULL;

		ck_assert_int_eq(sha256_new(&s), 0);
		for (size_t at = 0; at < sizeof(data); at += step)
			ck_assert_int_eq(sha256_update(s, data + at, MIN(step, sizeof(data) - at)),
					 0);
		ck_assert_int_eq(sha256_final(s, parts), 0);
		ck_assert_mem_eq(whole, parts, SHA256_LEN);
		ck_assert_int_eq(sha256_final(s, parts), -EINVAL);
		ck_assert_int_eq(sha256_update(s, "x", 1), -EINVAL);
	}
}
END_TEST

typedef uint32_t crc_fn(uint32_t crc, const void *p, size_t len);
static crc_fn *const crc_fns[] = { digest_crc32c, digest_crc32c_portable };

START_TEST(crc32c_vectors)
{
	static const uint8_t read_pdu[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02,
	};
	uint8_t zeroes[32] = { 0 }, ones[32], up[32], down[32];
	crc_fn *crc = crc_fns[_i];

	memset(ones, 0xff, sizeof(ones));
	for (int i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	ck_assert_uint_eq(crc(0, "", 0), 0);
	ck_assert_uint_eq(crc(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc(0, zeroes, 32), 0x8a9136aa);
	ck_assert_uint_eq(crc(0, ones, 32), 0x62a8ab43);
	ck_assert_uint_eq(crc(0, up, 32), 0x46dd794e);
	ck_assert_uint_eq(crc(0, down, 32), 0x113fdb5c);
	ck_assert_uint_eq(crc(0, read_pdu, 48), 0xd9963a56);
}
END_TEST

START_TEST(crc32c_ways_agree)
{
	uint8_t data[4096];
	unsigned int seed = 7;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand_r(&seed);
	for (int round = 0; round < 3000; round++) {
		size_t at = (size_t)rand_r(&seed) % 64,
		       len = (size_t)rand_r(&seed) % (round % 2 ? 40 : 4000);
		size_t split = len ? (size_t)rand_r(&seed) % len : 0;
		uint32_t start = (uint32_t)rand_r(&seed), a, b;

		a = digest_crc32c(start, data + at, len);
		ck_assert_uint_eq(a, digest_crc32c_portable(start, data + at, len));
		b = digest_crc32c(start, data + at, split);
		ck_assert_uint_eq(a, digest_crc32c(b, data + at + split, len - split));
	}
}
END_TEST

START_TEST(hex_both_ways)
{
	uint8_t raw[4] = { 0x00, 0x9f, 0xa0, 0xff }, back[4];
	static const char *const wrong[] = { "",	 "0",	      "009fa0f",  "009fa0ff0",
					     "009fa0fg", "009fa0ff ", " 09fa0ff", "0x9fa0ff" };
	char hex[9];

	digest_hex(raw, 4, hex);
	ck_assert_str_eq(hex, "009fa0ff");
	ck_assert_int_eq(digest_unhex("009FA0fF", back, 4), 0);
	ck_assert_mem_eq(raw, back, 4);
	memset(back, 0x55, 4);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(digest_unhex(wrong[i], back, 4), -EINVAL);
	ck_assert_mem_eq(back, "UUUU", 4);
	digest_hex(raw, 0, hex);
	ck_assert_str_eq(hex, "");
	ck_assert_int_eq(digest_unhex("", back, 0), 0);
}
END_TEST

static Suite *digest_suite(void)
{
	Suite *s = suite_create("digest");
	TCase *t = tcase_create("digest");

	tcase_add_test(t, sha256_vectors);
	tcase_add_test(t, sha256_in_parts);
	tcase_add_loop_test(t, crc32c_vectors, 0, ARRAY_SIZE(crc_fns));
	tcase_add_test(t, crc32c_ways_agree);
	tcase_add_test(t, hex_both_ways);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(digest_suite)
