/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-256 of two texts of one length at once. The CPU's SHA instructions wait for each other within
 * one text: each round needs the one before. Two texts fill the gaps, and two cost little more than
 * one (docs/benchmarks.md). Algorithm: FIPS 180-4, 6.2.
 *
 * Where the CPU has no such instructions, it is libcrypto twice. Any thread.
 */
#ifndef P2V_COMMON_SHA256_PAIR_H
#define P2V_COMMON_SHA256_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/digest.h"

/* Two texts of len bytes each. -ENOMEM or -EIO when libcrypto fails. */
int sha256_pair(const void *a, const void *b, size_t len, uint8_t ret_a[static SHA256_LEN],
		uint8_t ret_b[static SHA256_LEN]) WARN_UNUSED;
/* Whether the two are really worked at once. */
bool sha256_pair_is_fast(void);

#endif
