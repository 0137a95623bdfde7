/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CRC-32C is worked in the reflected form, least significant bit first. Two ways with one result:
 * the CPU's instruction where there is one, else tables that take eight bytes per step.
 */
#include "common/digest.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include "common/bytes.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAVE_CRC32_INSTRUCTION 1
#else
#define HAVE_CRC32_INSTRUCTION 0
#endif

#define CRC32C_POLY	0x82f63b78u	/* 0x1edc6f41 with its bits reversed */

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *fetched_sha256;

static void fetch(void)
{
	fetched_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* EVP_sha256() is looked up anew for each digest, below a lock. */
static const EVP_MD *sha256_md(void)
{
	pthread_once(&fetched, fetch);
	return fetched_sha256 ? fetched_sha256 : EVP_sha256();
}

int digest_sha256(const void *p, size_t len, uint8_t ret[static SHA256_LEN])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_Digest(p, len, md, &n, sha256_md(), NULL) != 1 || n != SHA256_LEN)
		return -EIO;
	memcpy(ret, md, SHA256_LEN);
	return 0;
}

struct sha256 {
	EVP_MD_CTX *ctx;
	bool finished;
};

int sha256_new(struct sha256 **ret)
{
	CLEANUP(sha256_free) struct sha256 *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		return -ENOMEM;
	if (EVP_DigestInit_ex(s->ctx, sha256_md(), NULL) != 1)
		return -EIO;
	*ret = TAKE_PTR(s);
	return 0;
}

void sha256_free(struct sha256 *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

int sha256_update(struct sha256 *s, const void *p, size_t len)
{
	if (s->finished)
		return -EINVAL;
	return EVP_DigestUpdate(s->ctx, p, len) == 1 ? 0 : -EIO;
}

int sha256_final(struct sha256 *s, uint8_t ret[static SHA256_LEN])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (s->finished)
		return -EINVAL;
	s->finished = true;
	if (EVP_DigestFinal_ex(s->ctx, md, &n) != 1 || n != SHA256_LEN)
		return -EIO;
	memcpy(ret, md, SHA256_LEN);
	return 0;
}

/* crc_table[k][b]: the CRC of byte b followed by k zero bytes. */
static uint32_t crc_table[8][256];
static pthread_once_t crc_table_once = PTHREAD_ONCE_INIT;

static void crc_table_fill(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLY : 0);
		crc_table[0][b] = crc;
	}
	for (int k = 1; k < 8; k++) {
		for (uint32_t b = 0; b < 256; b++)
			crc_table[k][b] =
				crc_table[k - 1][b] >> 8 ^ crc_table[0][crc_table[k - 1][b] & 0xff];
	}
}

uint32_t digest_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&crc_table_once, crc_table_fill);
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v = get_le64(p) ^ crc;

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= crc_table[7 - k][v >> (8 * k) & 0xff];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if HAVE_CRC32_INSTRUCTION
__attribute__((target("sse4.2")))
static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide;

	crc = ~crc;
	for (; len > 0 && ((uintptr_t)p & 7) != 0; len--, p++)
		crc = _mm_crc32_u8(crc, *p);
	wide = crc;
	for (; len >= 8; len -= 8, p += 8)
		wide = _mm_crc32_u64(wide, get_le64(p));
	crc = (uint32_t)wide;
	for (; len > 0; len--, p++)
		crc = _mm_crc32_u8(crc, *p);
	return ~crc;
}
#endif

uint32_t digest_crc32c(uint32_t crc, const void *p, size_t len)
{
#if HAVE_CRC32_INSTRUCTION
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_instruction(crc, p, len);
#endif
	return digest_crc32c_portable(crc, p, len);
}

void digest_hex(const uint8_t *p, size_t len, char *buf)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		buf[2 * i] = digits[p[i] >> 4];
		buf[2 * i + 1] = digits[p[i] & 15];
	}
	buf[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int digest_unhex(const char *hex, uint8_t *p, size_t len)
{
	size_t i;

	/* All of it is checked before any of it is stored. */
	for (i = 0; i < len; i++) {
		if (hex_value(hex[2 * i]) < 0 || hex_value(hex[2 * i + 1]) < 0)
			return -EINVAL;
	}
	if (hex[2 * i])
		return -EINVAL;
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
	return 0;
}
