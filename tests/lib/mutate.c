/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The generator runs twice: once to count, once to hand out every stride-th mutant. So a limit
 * thins out all kinds alike instead of dropping the last ones.
 */
#include "tests/lib/mutate.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

struct run {
	const uint8_t *data;
	size_t len;
	mutate_fn *fn;			/* NULL while counting */
	void *opaque;
	size_t seen, stride, given;
};

static uint8_t *new_block(size_t len)
{
	/* malloc(0) may be NULL, which is no block of length 0. */
	uint8_t *p = malloc(len ? len : 1);

	if (!p)
		abort();
	return p;
}

/* Takes the block. */
static void give(struct run *run, uint8_t *block, size_t len, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static void give(struct run *run, uint8_t *block, size_t len, const char *fmt, ...)
{
	char what[80];
	va_list ap;

	if (len == run->len && (len == 0 || memcmp(block, run->data, len) == 0)) {
		free(block);
		return;
	}
	if (run->seen++ % run->stride == 0 && run->fn) {
		va_start(ap, fmt);
		vsnprintf(what, sizeof(what), fmt, ap);
		va_end(ap);
		run->given++;
		run->fn(block, len, what, run->opaque);
	}
	free(block);
}

static uint8_t *copy_of(const struct run *run)
{
	uint8_t *p = new_block(run->len);

	if (run->len)
		memcpy(p, run->data, run->len);
	return p;
}

static void flip_bits(struct run *run)
{
	for (size_t i = 0; i < run->len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *p = copy_of(run);

			p[i] ^= (uint8_t)(1 << bit);
			give(run, p, run->len, "flip-bit %zu.%d", i, bit);
		}
	}
}

static void change_bytes(struct run *run)
{
	for (size_t i = 0; i < run->len; i++) {
		const uint8_t values[] = { 0x00, 0xff, (uint8_t)~run->data[i] };

		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			uint8_t *p = copy_of(run);

			p[i] = values[k];
			give(run, p, run->len, "byte %zu=0x%02x", i, values[k]);
		}
	}
}

static void cut(struct run *run, bool head)
{
	for (size_t len = run->len; len-- > 0;) {
		uint8_t *p = new_block(len);

		memcpy(p, run->data + (head ? run->len - len : 0), len);
		give(run, p, len, "%s to %zu", head ? "cut-head" : "cut-tail", len);
	}
}

static void double_slices(struct run *run)
{
	for (size_t n = 1; n <= run->len; n *= 2) {
		for (size_t at = 0; at + n <= run->len; at += n) {
			uint8_t *p = new_block(run->len + n);

			memcpy(p, run->data, at + n);
			memcpy(p + at + n, run->data + at, run->len - at);
			give(run, p, run->len + n, "double %zu+%zu", at, n);
		}
	}
}

static void change_lengths(struct run *run)
{
	for (size_t i = 0; i + 4 <= run->len; i++) {
		for (int big = 0; big < 2; big++) {
			uint32_t old = big ? get_be32(run->data + i) : get_le32(run->data + i);
			const uint32_t values[] = {
				0, 1, old - 1, old + 1, (uint32_t)run->len, 0x80000000, UINT32_MAX,
			};

			for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
				uint8_t *p = copy_of(run);

				if (big)
					put_be32(p + i, values[k]);
				else
					put_le32(p + i, values[k]);
				give(run, p, run->len, "length %zu=%ce:0x%x", i, big ? 'b' : 'l',
				     values[k]);
			}
		}
	}
}

static void generate(struct run *run)
{
	flip_bits(run);
	change_bytes(run);
	cut(run, false);
	cut(run, true);
	double_slices(run);
	change_lengths(run);
}

size_t mutate_each(const void *data, size_t len, size_t limit, mutate_fn *fn, void *opaque)
{
	struct run run = { .data = data, .len = len, .opaque = opaque, .stride = 1 };

	if (limit) {
		generate(&run);
		run.stride = run.seen > limit ? DIV_ROUND_UP(run.seen, limit) : 1;
		run.seen = 0;
	}
	run.fn = fn;
	generate(&run);
	return run.given;
}
