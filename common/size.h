/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sizes and durations as text, sizes both ways. Binary units (KiB, MiB, ...), as the field's tools
 * print.
 */
#ifndef P2V_COMMON_SIZE_H
#define P2V_COMMON_SIZE_H

#include <stdint.h>
#include <stddef.h>

#define SIZE_TEXT_MAX 32

/* "512 B", "1.5 GiB", "931 GiB"; returns buf. */
const char *size_format(uint64_t bytes, char buf[static SIZE_TEXT_MAX]);
/* "0:07", "12:34", "3:05:09", "2d 03:04". */
const char *size_format_duration(uint64_t seconds, char buf[static SIZE_TEXT_MAX]);
/*
 * "4096", "4096B", "64K", "1.5G", "10MiB", "2t"; powers of 1024. "10MB" is refused, as it means
 * 10^7 to some; so are blanks, signs and a fraction of a byte. -EINVAL, -ERANGE.
 */
int size_parse(const char *text, uint64_t *ret);

#endif
