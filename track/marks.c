/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See marks.h. bpf_code.c does in the kernel what marks_mark() does here: change both. */
#include "track/marks.h"

#include <errno.h>

#include "common/compiler.h"
#include "track/track.h"

#define SECTOR_SHIFT	9u
#define LINE_WORDS	8u

int marks_layout(uint64_t size, unsigned int shift, uint32_t base, struct marks_disk *ret)
{
	uint64_t granule = UINT64_C(1) << shift;
	uint64_t fine = DIV_ROUND_UP(DIV_ROUND_UP(size, granule), 64);
	uint64_t coarse = DIV_ROUND_UP(fine * 64, UINT64_C(64) << MARKS_COARSE_SHIFT);
	uint64_t taken = DIV_ROUND_UP(DIV_ROUND_UP(size, UINT64_C(1) << MARKS_TAKEN_SHIFT), 64);
	uint64_t words;

	if (size == 0 || shift < TRACK_SHIFT_MIN || shift > TRACK_SHIFT_MAX)
		return -EINVAL;
	if (fine > UINT32_MAX / 8)
		return -EFBIG;
	words = ALIGN_UP(2 * (fine + coarse) + taken, (uint64_t)LINE_WORDS);
	if (base + words >= UINT64_C(1) << 31)
		return -EFBIG;
	*ret = (struct marks_disk){ .size = size,
				    .shift = shift,
				    .base = base,
				    .fine = (uint32_t)fine,
				    .coarse = (uint32_t)coarse,
				    .taken = (uint32_t)taken,
				    .words = (uint32_t)words };
	return 0;
}

unsigned int marks_shift(const uint64_t *sizes, size_t n, uint64_t memory)
{
	for (unsigned int shift = TRACK_SHIFT_MIN; shift < TRACK_SHIFT_MAX; shift++) {
		uint64_t words = 0;

		for (size_t i = 0; i < n; i++) {
			struct marks_disk d;

			if (marks_layout(sizes[i], shift, 0, &d) < 0)
				words = UINT64_MAX / 16;
			else
				words += d.words;
		}
		if (words < UINT64_C(1) << 31 && words * 8 <= memory)
			return shift;
	}
	return TRACK_SHIFT_MAX;
}

/* Set bits first..last of the part at w. With an ever part, look first: most are set already. */
static void set_bits(uint64_t *w, uint64_t first, uint64_t last, bool look)
{
	for (uint64_t i = first / 64; i <= last / 64; i++) {
		uint64_t mask = UINT64_MAX;

		if (i == first / 64)
			mask <<= first % 64;
		if (i == last / 64)
			mask &= UINT64_MAX >> (63 - last % 64);
		if (look && (__atomic_load_n(&w[i], __ATOMIC_RELAXED) & mask) == mask)
			continue;
		__atomic_fetch_or(&w[i], mask, __ATOMIC_SEQ_CST);
	}
}

bool marks_mark(uint64_t *words, const struct marks_disk *d, uint64_t sector, uint64_t bytes)
{
	uint64_t sectors = (bytes >> SECTOR_SHIFT) + (bytes % (1 << SECTOR_SHIFT) != 0);
	uint64_t granules = DIV_ROUND_UP(d->size, UINT64_C(1) << d->shift);
	uint64_t first = sector >> (d->shift - SECTOR_SHIFT), last;
	uint64_t *w = words + d->base;
	bool inside = true;

	if (sectors == 0)
		return true;
	if (first >= granules)
		return false;
	last = (sector + sectors - 1) >> (d->shift - SECTOR_SHIFT);
	if (last >= granules || sector + sectors < sector) {
		last = granules - 1;
		inside = false;
	}
	if (last / 64 - first / 64 > MARKS_FINE_WORDS_MAX) {
		first >>= MARKS_COARSE_SHIFT;
		last >>= MARKS_COARSE_SHIFT;
		w += d->fine;
	}
	/* Ever first: what is harvested was noted there. */
	set_bits(w + marks_ever_offset(d), first, last, true);
	set_bits(w, first, last, false);
	return inside;
}

/* The bytes of bits first..first+n-1 of a part whose bits stand for 1 << shift bytes. */
static uint64_t give(const struct marks_disk *d, struct bitmap *into, uint64_t first, uint64_t n,
		     unsigned int shift)
{
	uint64_t offset = first << shift, length = n << shift;

	if (offset >= d->size)
		return 0;
	length = MIN(length, d->size - offset);
	if (into)
		bitmap_set_range(into, offset, length);
	return length;
}

static uint64_t give_word(const struct marks_disk *d, struct bitmap *into, uint64_t word,
			  uint64_t bits, unsigned int shift)
{
	uint64_t bytes = 0;

	while (bits != 0) {
		unsigned int from = (unsigned int)__builtin_ctzll(bits);
		uint64_t rest = ~(bits >> from);
		unsigned int n = rest ? (unsigned int)__builtin_ctzll(rest) : 64;

		n = MIN(n, 64 - from);
		bytes += give(d, into, word * 64 + from, n, shift);
		if (from + n == 64)
			break;
		bits &= UINT64_MAX << (from + n);
	}
	return bytes;
}

/* Note in taken the bytes that these bits stand for. Only the harvester writes there. */
static void note(uint64_t *taken, const struct marks_disk *d, uint64_t word, uint64_t bits,
		 unsigned int shift)
{
	while (bits != 0) {
		uint64_t bit = word * 64 + (unsigned int)__builtin_ctzll(bits);
		uint64_t end = MIN((bit + 1) << shift, d->size);

		bits &= bits - 1;
		if (bit << shift >= d->size)
			continue;
		set_bits(taken, (bit << shift) >> MARKS_TAKEN_SHIFT,
			 (end - 1) >> MARKS_TAKEN_SHIFT, false);
	}
}

static uint64_t harvest_part(uint64_t *words, const struct marks_disk *d, uint32_t offset,
			     uint32_t n, unsigned int shift, struct bitmap *into)
{
	uint64_t *w = words + d->base + offset;
	uint64_t *taken = words + d->base + 2 * (d->fine + d->coarse);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t bits = __atomic_load_n(&w[i], __ATOMIC_ACQUIRE);

		if (bits == 0)
			continue;
		note(taken, d, i, bits, shift);
		bytes += give_word(d, into, i, bits, shift);
		/* What follows, the read of the disk above all, stays behind this. */
		__atomic_fetch_and(&w[i], ~bits, __ATOMIC_SEQ_CST);
	}
	return bytes;
}

static bool fits(const struct marks_disk *d, const struct bitmap *into)
{
	return !into || into->size >= d->size;
}

int marks_harvest(uint64_t *words, const struct marks_disk *d, bool again, struct bitmap *into,
		  uint64_t *ret_bytes)
{
	const uint64_t *taken = words + d->base + 2 * (d->fine + d->coarse);
	uint64_t bytes = 0;

	if (!fits(d, into))
		return -EINVAL;
	for (uint32_t i = 0; again && i < d->taken; i++)
		bytes += give_word(d, into, i, taken[i], MARKS_TAKEN_SHIFT);
	bytes += harvest_part(words, d, 0, d->fine, d->shift, into);
	bytes += harvest_part(words, d, d->fine, d->coarse, d->shift + MARKS_COARSE_SHIFT, into);
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

void marks_settled(uint64_t *words, const struct marks_disk *d)
{
	uint64_t *taken = words + d->base + 2 * (d->fine + d->coarse);

	for (uint32_t i = 0; i < d->taken; i++)
		if (taken[i] != 0)
			__atomic_store_n(&taken[i], 0, __ATOMIC_RELAXED);
}

int marks_ever(const uint64_t *words, const struct marks_disk *d, struct bitmap *into,
	       uint64_t *ret_bytes)
{
	const uint64_t *w = words + d->base + marks_ever_offset(d);
	uint64_t bytes = 0;

	if (!fits(d, into))
		return -EINVAL;
	for (uint32_t i = 0; i < d->fine + d->coarse; i++) {
		uint64_t bits = __atomic_load_n(&w[i], __ATOMIC_RELAXED);

		if (i < d->fine)
			bytes += give_word(d, into, i, bits, d->shift);
		else
			bytes += give_word(d, into, i - d->fine, bits,
					   d->shift + MARKS_COARSE_SHIFT);
	}
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}
