/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fixed-width integers in byte order, from and to unaligned memory, and checked 64-bit maths.
 * The wire and qcow2 are big-endian, ext and LVM are little-endian. No struct is ever laid over
 * bytes that came from outside.
 */
#ifndef P2V_COMMON_BYTES_H
#define P2V_COMMON_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESSORS(bits, order, load, store) \
	static inline uint##bits##_t get_##order##bits(const void *p) \
	{ \
		uint##bits##_t v; \
		memcpy(&v, p, sizeof(v)); \
		return load(v); \
	} \
	static inline void put_##order##bits(void *p, uint##bits##_t v) \
	{ \
		v = store(v); \
		memcpy(p, &v, sizeof(v)); \
	}

BYTES_ACCESSORS(16, be, be16toh, htobe16)
BYTES_ACCESSORS(32, be, be32toh, htobe32)
BYTES_ACCESSORS(64, be, be64toh, htobe64)
BYTES_ACCESSORS(16, le, le16toh, htole16)
BYTES_ACCESSORS(32, le, le32toh, htole32)
BYTES_ACCESSORS(64, le, le64toh, htole64)
#undef BYTES_ACCESSORS

/* *ret = a + b (or a * b); false on overflow, *ret untouched. */
static inline bool u64_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_add_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

static inline bool u64_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

/* True when the half-open range [offset, offset + length) lies inside [0, size). */
static inline bool range_inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

#endif
