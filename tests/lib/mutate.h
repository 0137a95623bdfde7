/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deterministic damage to a byte string, for tests of parsers. Each mutant is handed to a callback
 * in a block of memory of exactly its length, so that a sanitizer sees a read past its end, and is
 * never equal to the original: the callback has no way to parse the original by mistake.
 *
 * The kinds, in this order:
 *	flip-bit	each bit of each byte
 *	byte		each byte set to 0x00, to 0xff, and inverted
 *	cut-tail	each shorter length, down to nothing
 *	cut-head	the same from the front
 *	double		slices of 1, 2, 4, ... bytes written twice
 *	length		each 32-bit field, at any offset and in both byte orders, set to 0, 1,
 *			one less, one more, the whole length, 2^31, the greatest
 *
 * That is about 40 mutants per byte: take limit for what is long or slow to parse.
 */
#ifndef P2V_TESTS_MUTATE_H
#define P2V_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* what names the mutation for a failure's message, such as "flip-bit 12.3". */
typedef void mutate_fn(const uint8_t *data, size_t len, const char *what, void *opaque);

/*
 * Calls fn for each mutant; returns how many there were. limit 0: all of them; else at most that
 * many, evenly spread over all, the same ones every time. Aborts when memory runs out.
 */
size_t mutate_each(const void *data, size_t len, size_t limit, mutate_fn *fn, void *opaque);

#endif
