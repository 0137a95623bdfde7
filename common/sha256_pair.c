/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See sha256_pair.h. The instructions keep the eight words of the state in two registers, ABEF and
 * CDGH, and do two rounds each (Intel SDM, volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2).
 */
#include "common/sha256_pair.h"

#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define BLOCK	64u

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define CPUID7_EBX_SHA	(1u << 29)
#define LANES		2
#define WITH_SHA	__attribute__((target("sha,sse4.1")))

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t start[8] __attribute__((aligned(16))) = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
	0x1f83d9ab, 0x5be0cd19,
};

struct lane {
	__m128i abef, cdgh;
	const uint8_t *p;
};

/* Two lanes, blocks of 64 bytes from each; the lanes' instructions lie side by side. */
WITH_SHA static void work_blocks(struct lane lane[LANES], size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abef[LANES], cdgh[LANES], w[LANES][4];

	for (int l = 0; l < LANES; l++) {
		abef[l] = lane[l].abef;
		cdgh[l] = lane[l].cdgh;
	}
	for (; blocks > 0; blocks--) {
		__m128i before[LANES][2];

		for (int l = 0; l < LANES; l++) {
			before[l][0] = abef[l];
			before[l][1] = cdgh[l];
		}
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i k = _mm_load_si128((const __m128i *)&round_constants[i * 4]);

#pragma GCC unroll 2
			for (int l = 0; l < LANES; l++) {
				__m128i *now = &w[l][i % 4], sum;

				if (i < 4) {
					*now = _mm_loadu_si128((const __m128i *)lane[l].p + i);
					*now = _mm_shuffle_epi8(*now, swap);
				} else {
					__m128i last = w[l][(i + 3) % 4];

					*now = _mm_sha256msg1_epu32(*now, w[l][(i + 1) % 4]);
					*now = _mm_add_epi32(*now, _mm_alignr_epi8(
						last, w[l][(i + 2) % 4], 4));
					*now = _mm_sha256msg2_epu32(*now, last);
				}
				sum = _mm_add_epi32(*now, k);
				cdgh[l] = _mm_sha256rnds2_epu32(cdgh[l], abef[l], sum);
				sum = _mm_shuffle_epi32(sum, 0x0e);
				abef[l] = _mm_sha256rnds2_epu32(abef[l], cdgh[l], sum);
			}
		}
		for (int l = 0; l < LANES; l++) {
			abef[l] = _mm_add_epi32(abef[l], before[l][0]);
			cdgh[l] = _mm_add_epi32(cdgh[l], before[l][1]);
			lane[l].p += BLOCK;
		}
	}
	for (int l = 0; l < LANES; l++) {
		lane[l].abef = abef[l];
		lane[l].cdgh = cdgh[l];
	}
}

WITH_SHA static void lane_start(struct lane *l, const void *p)
{
	__m128i dcba = _mm_load_si128((const __m128i *)&start[0]);
	__m128i hgfe = _mm_load_si128((const __m128i *)&start[4]);
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);

	l->abef = _mm_alignr_epi8(cdab, efgh, 8);
	l->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
	l->p = p;
}

WITH_SHA static void lane_end(const struct lane *l, uint8_t ret[static SHA256_LEN])
{
	__m128i feba = _mm_shuffle_epi32(l->abef, 0x1b), dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);
	uint32_t word[8] __attribute__((aligned(16)));

	_mm_store_si128((__m128i *)&word[0], _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_store_si128((__m128i *)&word[4], _mm_alignr_epi8(dchg, feba, 8));
	for (int i = 0; i < 8; i++)
		put_be32(ret + i * 4, word[i]);
}

/* What is left of a text, the bit behind it, and its length in bits: one or two blocks. */
static size_t end_blocks(const uint8_t *p, size_t len, uint8_t tail[static 2 * BLOCK])
{
	size_t rest = len % BLOCK, blocks = rest < BLOCK - 8 ? 1 : 2;

	memset(tail, 0, 2 * BLOCK);
	memcpy(tail, p + len - rest, rest);
	tail[rest] = 0x80;
	put_be64(tail + blocks * BLOCK - 8, (uint64_t)len * 8);
	return blocks;
}

static void pair(const void *a, const void *b, size_t len, uint8_t *ret_a, uint8_t *ret_b)
{
	uint8_t tail[LANES][2 * BLOCK];
	struct lane lane[LANES];
	size_t blocks;

	lane_start(&lane[0], a);
	lane_start(&lane[1], b);
	work_blocks(lane, len / BLOCK);
	blocks = end_blocks(a, len, tail[0]);
	(void)end_blocks(b, len, tail[1]);
	lane[0].p = tail[0];
	lane[1].p = tail[1];
	work_blocks(lane, blocks);
	lane_end(&lane[0], ret_a);
	lane_end(&lane[1], ret_b);
}

bool sha256_pair_is_fast(void)
{
	static _Atomic int known;	/* 0: not asked yet; all threads find the same */
	unsigned int a, b, c, d;

	if (known == 0)
		known = __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3") &&
			__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & CPUID7_EBX_SHA) ? 1 : -1;
	return known > 0;
}

#else

static void pair(const void *a UNUSED, const void *b UNUSED, size_t len UNUSED,
		 uint8_t *ret_a UNUSED, uint8_t *ret_b UNUSED)
{
}

bool sha256_pair_is_fast(void)
{
	return false;
}

#endif

int sha256_pair(const void *a, const void *b, size_t len, uint8_t ret_a[static SHA256_LEN],
		uint8_t ret_b[static SHA256_LEN])
{
	int r;

	if (sha256_pair_is_fast()) {
		pair(a, b, len, ret_a, ret_b);
		return 0;
	}
	r = digest_sha256(a, len, ret_a);
	return r < 0 ? r : digest_sha256(b, len, ret_b);
}
