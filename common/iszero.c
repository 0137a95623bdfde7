/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data is usually told from zeroes by its first bytes, and a block that begins with zeroes is
 * usually zero throughout; so a look at both ends and the middle, then the long way. That one ORs
 * 128 bytes together per step in vectors of the compiler, with one branch, which keeps ahead of
 * memory even on the baseline instruction set.
 */
#include "common/iszero.h"

#include <stdint.h>
#include <string.h>

#define STEP	128

typedef uint64_t vec __attribute__((vector_size(16)));

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static vec load_vec(const uint8_t *p)
{
	vec v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static bool step_is_zero(const uint8_t *p)
{
	vec a = (load_vec(p) | load_vec(p + 16)) | (load_vec(p + 32) | load_vec(p + 48));
	vec b = (load_vec(p + 64) | load_vec(p + 80)) | (load_vec(p + 96) | load_vec(p + 112));

	a |= b;
	return (a[0] | a[1]) == 0;
}

bool is_zero(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len < 8) {
		while (len > 0) {
			if (p[--len])
				return false;
		}
		return true;
	}
	if (load64(p) | load64(p + (len - 8) / 2) | load64(p + len - 8))
		return false;
	if (len >= STEP) {
		/* The last step may look again at bytes the one before has seen. */
		for (size_t i = 0; i <= len - STEP; i += STEP) {
			if (!step_is_zero(p + i))
				return false;
		}
		return step_is_zero(p + len - STEP);
	}
	for (size_t i = 0; i <= len - 8; i += 8) {
		if (load64(p + i))
			return false;
	}
	return true;
}
