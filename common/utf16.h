/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UTF-16LE, as firmware and Windows store text, from and to UTF-8. Input may be hostile: nothing
 * is read past the units given.
 */
#ifndef P2V_COMMON_UTF16_H
#define P2V_COMMON_UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

/* Units before the NUL; at most max. p need not be aligned. */
size_t utf16_len(const void *p, size_t max);
/* Are there whole characters only? A lone surrogate is none. */
bool utf16_valid(const void *p, size_t units);
/* Add to a text; what is not a character becomes U+FFFD. A NUL is added as it is. */
void utf16_add(struct strbuf *b, const void *p, size_t units);
/*
 * len bytes of UTF-8 as UTF-16LE, malloc'd, with a NUL unit after it that *ret_len (bytes) does
 * not count. -EILSEQ when it is no UTF-8, -ENOMEM.
 */
int utf16_from_utf8(const char *s, size_t len, void **ret, size_t *ret_len);

#endif
