/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the collectors share: reading small files so that absence leaves a member NULL and only
 * running out of memory fails, and making foreign bytes into the model's UTF-8.
 *
 * All return 0 or -ENOMEM. *ret is left alone (NULL stays NULL) when there is nothing to tell.
 */
#ifndef P2V_INVENTORY_COLLECT_UTIL_H
#define P2V_INVENTORY_COLLECT_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/compiler.h"
#include "common/sysroot.h"

/*
 * Blanks and NULs at the ends go, bytes that are not UTF-8 become U+FFFD; nothing left: NULL. What
 * is past 16 KiB is cut off.
 */
int collect_util_text(const char *p, size_t len, char **ret);
/* The same of a file's first line. */
int collect_util_line(const struct sysroot *root, char **ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* A number in a file, decimal or 0x; *ret untouched when there is none. */
void collect_util_u64(const struct sysroot *root, uint64_t *ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void collect_util_u32(const struct sysroot *root, uint32_t *ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The file begins with '1' or 'Y'. */
bool collect_util_flag(const struct sysroot *root, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The last component of a link's text. */
int collect_util_link_name(const struct sysroot *root, char **ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * KEY=value lines: udev's database (where each has "E:" in front), blkid -o udev, os-release,
 * uevent. collect_util_key takes the value as it is but for quotes around it;
 * collect_util_key_enc also undoes udev's \xNN.
 */
int collect_util_key(const char *text, const char *key, char **ret);
int collect_util_key_enc(const char *text, const char *key, char **ret);

/* Put *from into *to when *to is still NULL; frees *from otherwise. */
void collect_util_fill(char **to, char **from);
void collect_util_lower(char *s);
/* The last component of a path. */
const char *collect_util_base(const char *path);

#endif
