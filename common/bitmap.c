/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything is reduced to half-open ranges of bits, handled a word at a time. The bits of the
 * last word past nbits stay clear, so counting needs no special case.
 */
#include "common/bitmap.h"

#include <errno.h>
#include <string.h>

#define WORD_BITS	64
#define WORDS_MAX	((uint64_t)1 << 36)	/* 512 GiB of bits */

static size_t nwords(const struct bitmap *b)
{
	return DIV_ROUND_UP(b->nbits, WORD_BITS);
}

static unsigned int shift(const struct bitmap *b)
{
	return (unsigned int)__builtin_ctzll(b->granularity);
}

/* The bits [first, end) of the word they all lie in: end - first is 1..64. */
static uint64_t mask(uint64_t first, uint64_t end)
{
	return (~(uint64_t)0 >> (WORD_BITS - (end - first))) << (first % WORD_BITS);
}

/* Where the part of [first, end) that lies in first's word ends. */
static uint64_t word_end(uint64_t first, uint64_t end)
{
	return MIN(end - first, WORD_BITS - first % WORD_BITS) + first;
}

static void change_bits(struct bitmap *b, uint64_t first, uint64_t end, bool value)
{
	while (first < end) {
		uint64_t stop = word_end(first, end);
		uint64_t m = mask(first, stop);

		if (value)
			b->words[first / WORD_BITS] |= m;
		else
			b->words[first / WORD_BITS] &= ~m;
		first = stop;
	}
}

/* The first bit in [first, end) that equals value, or end. */
static uint64_t find_bit(const struct bitmap *b, uint64_t first, uint64_t end, bool value)
{
	uint64_t flip = value ? 0 : ~(uint64_t)0;

	while (first < end) {
		uint64_t stop = word_end(first, end);
		uint64_t w = (b->words[first / WORD_BITS] ^ flip) & mask(first, stop);

		if (w)
			return first / WORD_BITS * WORD_BITS + (uint64_t)__builtin_ctzll(w);
		first = stop;
	}
	return end;
}

/* The granules that touch a byte range clipped to size; false when there are none. */
static bool touching(const struct bitmap *b, uint64_t offset, uint64_t length, uint64_t *ret_first,
		     uint64_t *ret_end)
{
	if (length == 0 || offset >= b->size)
		return false;
	length = MIN(length, b->size - offset);
	*ret_first = offset >> shift(b);
	*ret_end = ((offset + length - 1) >> shift(b)) + 1;
	return true;
}

int bitmap_new(uint64_t size, uint64_t granularity, struct bitmap **ret)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;

	if (granularity == 0 || (granularity & (granularity - 1)) != 0)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->size = size;
	b->granularity = granularity;
	b->nbits = DIV_ROUND_UP(size, granularity);
	/* A size from a broken disk is not worth asking the allocator about. */
	if (nwords(b) > WORDS_MAX)
		return -ENOMEM;
	b->words = calloc(MAX(nwords(b), (size_t)1), sizeof(*b->words));
	if (!b->words)
		return -ENOMEM;
	*ret = TAKE_PTR(b);
	return 0;
}

int bitmap_copy(const struct bitmap *b, struct bitmap **ret)
{
	struct bitmap *copy;
	int r;

	r = bitmap_new(b->size, b->granularity, &copy);
	if (r < 0)
		return r;
	memcpy(copy->words, b->words, nwords(b) * sizeof(*b->words));
	*ret = copy;
	return 0;
}

void bitmap_free(struct bitmap *b)
{
	if (!b)
		return;
	free(b->words);
	free(b);
}

void bitmap_set_all(struct bitmap *b)
{
	change_bits(b, 0, b->nbits, true);
}

void bitmap_clear_all(struct bitmap *b)
{
	memset(b->words, 0, nwords(b) * sizeof(*b->words));
}

void bitmap_set_range(struct bitmap *b, uint64_t offset, uint64_t length)
{
	uint64_t first, end;

	if (touching(b, offset, length, &first, &end))
		change_bits(b, first, end, true);
}

void bitmap_clear_range(struct bitmap *b, uint64_t offset, uint64_t length)
{
	uint64_t first, end;

	if (length == 0 || offset >= b->size)
		return;
	length = MIN(length, b->size - offset);
	first = (offset >> shift(b)) + ((offset & (b->granularity - 1)) != 0);
	/* A partial last granule is whole when the range reaches the end of the disk. */
	end = offset + length == b->size ? b->nbits : (offset + length) >> shift(b);
	change_bits(b, first, end, false);
}

bool bitmap_test(const struct bitmap *b, uint64_t offset)
{
	uint64_t bit;

	if (offset >= b->size)
		return false;
	bit = offset >> shift(b);
	return b->words[bit / WORD_BITS] >> (bit % WORD_BITS) & 1;
}

bool bitmap_any(const struct bitmap *b, uint64_t offset, uint64_t length)
{
	uint64_t first, end;

	return touching(b, offset, length, &first, &end) && find_bit(b, first, end, true) < end;
}

bool bitmap_all(const struct bitmap *b, uint64_t offset, uint64_t length)
{
	uint64_t first, end;

	return !touching(b, offset, length, &first, &end) || find_bit(b, first, end, false) == end;
}

uint64_t bitmap_count(const struct bitmap *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < nwords(b); i++)
		n += (uint64_t)__builtin_popcountll(b->words[i]);
	return n;
}

uint64_t bitmap_bytes(const struct bitmap *b)
{
	uint64_t n = bitmap_count(b), last;

	if (n == 0)
		return 0;
	last = (b->nbits - 1) << shift(b);
	if (!bitmap_test(b, last))
		return n << shift(b);
	return ((n - 1) << shift(b)) + (b->size - last);
}

bool bitmap_next_run(const struct bitmap *b, bool value, uint64_t start, uint64_t *ret_offset,
		     uint64_t *ret_length)
{
	uint64_t first, end, offset, stop;

	if (start >= b->size)
		return false;
	first = find_bit(b, start >> shift(b), b->nbits, value);
	if (first == b->nbits)
		return false;
	end = find_bit(b, first, b->nbits, !value);
	offset = MAX(first << shift(b), start);
	stop = end == b->nbits ? b->size : end << shift(b);
	*ret_offset = offset;
	*ret_length = stop - offset;
	return true;
}

static bool alike(const struct bitmap *a, const struct bitmap *b)
{
	return a->size == b->size && a->granularity == b->granularity;
}

void bitmap_merge(struct bitmap *dst, const struct bitmap *src)
{
	uint64_t pos = 0, off, len;

	while (pos < src->size && bitmap_next_run(src, true, pos, &off, &len)) {
		bitmap_set_range(dst, off, len);
		pos = off + len;
	}
}

int bitmap_or(struct bitmap *dst, const struct bitmap *src)
{
	if (!alike(dst, src))
		return -EINVAL;
	for (size_t i = 0; i < nwords(dst); i++)
		dst->words[i] |= src->words[i];
	return 0;
}

int bitmap_and(struct bitmap *dst, const struct bitmap *src)
{
	if (!alike(dst, src))
		return -EINVAL;
	for (size_t i = 0; i < nwords(dst); i++)
		dst->words[i] &= src->words[i];
	return 0;
}

int bitmap_andnot(struct bitmap *dst, const struct bitmap *src)
{
	if (!alike(dst, src))
		return -EINVAL;
	for (size_t i = 0; i < nwords(dst); i++)
		dst->words[i] &= ~src->words[i];
	return 0;
}
