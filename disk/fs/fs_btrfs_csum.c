/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The four checksums of btrfs: CRC-32C, xxHash64 with seed 0 (xxHash's own specification),
 * SHA-256 and BLAKE2b with 256 bits and no key (RFC 7693). A block begins with 32 bytes for its
 * checksum, the shorter ones in the first bytes, and what follows is summed.
 *
 * xxHash64 and BLAKE2b are here because no library that p2v has exports them. They need not be
 * fast: only metadata goes through them.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <string.h>
#include "common/digest.h"

enum { CRC32C, XXHASH64, SHA_256, BLAKE2B };

static inline uint64_t rotate_left(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static inline uint64_t rotate_right(uint64_t v, unsigned int n)
{
	return v >> n | v << (64 - n);
}

/* --- xxHash64 --- */

#define XX1	UINT64_C(0x9e3779b185ebca87)
#define XX2	UINT64_C(0xc2b2ae3d27d4eb4f)
#define XX3	UINT64_C(0x165667b19e3779f9)
#define XX4	UINT64_C(0x85ebca77c2b2ae63)
#define XX5	UINT64_C(0x27d4eb2f165667c5)

static uint64_t xx_round(uint64_t acc, uint64_t lane)
{
	return rotate_left(acc + lane * XX2, 31) * XX1;
}

static uint64_t xxhash64(const uint8_t *p, size_t len)
{
	uint64_t acc[4] = { XX1 + XX2, XX2, 0, UINT64_C(0) - XX1 }, h = XX5;
	size_t left = len;

	if (left >= 32) {
		for (; left >= 32; left -= 32, p += 32)
			for (unsigned int i = 0; i < 4; i++)
				acc[i] = xx_round(acc[i], get_le64(p + 8 * i));
		h = rotate_left(acc[0], 1) + rotate_left(acc[1], 7) + rotate_left(acc[2], 12) +
		    rotate_left(acc[3], 18);
		for (unsigned int i = 0; i < 4; i++)
			h = (h ^ xx_round(0, acc[i])) * XX1 + XX4;
	}
	h += len;
	for (; left >= 8; left -= 8, p += 8)
		h = rotate_left(h ^ xx_round(0, get_le64(p)), 27) * XX1 + XX4;
	if (left >= 4) {
		h = rotate_left(h ^ get_le32(p) * XX1, 23) * XX2 + XX3;
		left -= 4;
		p += 4;
	}
	for (; left > 0; left--, p++)
		h = rotate_left(h ^ *p * XX5, 11) * XX1;
	h = (h ^ h >> 33) * XX2;
	h = (h ^ h >> 29) * XX3;
	return h ^ h >> 32;
}

/* --- BLAKE2b --- */

static const uint64_t blake_iv[8] = {
	UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
	UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
	UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

static const uint8_t blake_order[10][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static void blake_mix(uint64_t v[16], const uint8_t at[4], uint64_t x, uint64_t y)
{
	uint64_t *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]];

	*a += *b + x;
	*d = rotate_right(*d ^ *a, 32);
	*c += *d;
	*b = rotate_right(*b ^ *c, 24);
	*a += *b + y;
	*d = rotate_right(*d ^ *a, 16);
	*c += *d;
	*b = rotate_right(*b ^ *c, 63);
}

static void blake_compress(uint64_t h[8], const uint8_t block[128], uint64_t counted, bool last)
{
	static const uint8_t at[8][4] = {
		{ 0, 4, 8, 12 }, { 1, 5, 9, 13 }, { 2, 6, 10, 14 }, { 3, 7, 11, 15 },
		{ 0, 5, 10, 15 }, { 1, 6, 11, 12 }, { 2, 7, 8, 13 }, { 3, 4, 9, 14 },
	};
	uint64_t v[16];

	for (unsigned int i = 0; i < 8; i++) {
		v[i] = h[i];
		v[i + 8] = blake_iv[i];
	}
	v[12] ^= counted;
	if (last)
		v[14] = ~v[14];
	for (unsigned int round = 0; round < 12; round++) {
		const uint8_t *order = blake_order[round % 10];

		for (unsigned int i = 0; i < 8; i++)
			blake_mix(v, at[i], get_le64(block + 8 * order[2 * i]),
				  get_le64(block + 8 * order[2 * i + 1]));
	}
	for (unsigned int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

static void blake2b(const uint8_t *p, size_t len, uint8_t ret[32])
{
	uint8_t tail[128] = { 0 };
	uint64_t h[8], counted = 0;

	memcpy(h, blake_iv, sizeof(h));
	h[0] ^= 0x01010000 ^ 32;	/* parameters: no tree, no key, 32 bytes wanted */
	for (; len > 128; len -= 128, p += 128)
		blake_compress(h, p, counted += 128, false);
	memcpy(tail, p, len);
	blake_compress(h, tail, counted + len, true);
	for (unsigned int i = 0; i < 4; i++)
		put_le64(ret + 8 * i, h[i]);
}

/* --- */

bool fs_btrfs_csum_known(uint16_t type)
{
	return type <= BLAKE2B;
}

int fs_btrfs_csum_verify(uint16_t type, const uint8_t *block, size_t len)
{
	uint8_t sum[BTRFS_CSUM_LEN] = { 0 };
	size_t used = BTRFS_CSUM_LEN;
	int r = 0;

	len -= BTRFS_CSUM_LEN;
	switch (type) {
	case CRC32C:
		put_le32(sum, digest_crc32c(0, block + BTRFS_CSUM_LEN, len));
		used = 4;
		break;
	case XXHASH64:
		put_le64(sum, xxhash64(block + BTRFS_CSUM_LEN, len));
		used = 8;
		break;
	case SHA_256:
		r = digest_sha256(block + BTRFS_CSUM_LEN, len, sum);
		break;
	case BLAKE2B:
		blake2b(block + BTRFS_CSUM_LEN, len, sum);
		break;
	default:
		return 0;
	}
	return r < 0 ? r : memcmp(sum, block, used) == 0;
}
