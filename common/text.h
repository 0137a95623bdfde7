/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text that came from outside: a peer, a disk, a guest. Escaped before it is printed, checked
 * before it becomes a file name.
 */
#ifndef P2V_COMMON_TEXT_H
#define P2V_COMMON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

/*
 * Printable ASCII and valid UTF-8 stay; control characters (C0, DEL, C1), backslash, broken UTF-8
 * and the characters that reorder or break a line (U+2028, bidirectional marks, ...) become \xNN,
 * byte by byte. Truncates with "..." and never inside a character. Returns buf.
 */
const char *text_escape(const void *p, size_t len, char *buf, size_t bufsize);
const char *text_escape_str(const char *s, char *buf, size_t bufsize);

/*
 * Length of the valid character of UTF-8 at p (1..4) and its code point, or 0 when it is broken.
 * At least one byte must be there.
 */
size_t text_utf8_decode(const void *p, size_t len, uint32_t *ret_cp);

/*
 * Job and disk names become file names and libvirt domain names: 1..TEXT_NAME_MAX of
 * [A-Za-z0-9._-], the first one alphanumeric. So no "..", no "/", no option-like name.
 */
#define TEXT_NAME_MAX 63
bool text_name_valid(const char *s);
/*
 * The nearest valid name: a valid one stays as it is; else runs of other bytes become one '-',
 * none of them at either end; "machine" when nothing is left.
 */
void text_name_make(const char *s, char ret[static TEXT_NAME_MAX + 1]);

/*
 * For HTML and XML text and attributes: & < > " ' and tab, CR, LF become references; what XML 1.0
 * does not allow (other control characters, broken UTF-8) becomes U+FFFD. Returns malloc'd text,
 * or NULL when memory ran out.
 */
char *text_escape_xml(const char *s);

/* asprintf() that returns what it made: malloc'd, NULL on ENOMEM. */
char *text_format(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *text_vformat(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);

/* A growing string; check once at the end. */
struct strbuf {
	char *s;		/* never NULL after a successful add */
	size_t len, cap;
	bool failed;		/* out of memory: everything after is ignored */
};
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const char *s, size_t n);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The string (caller frees), or NULL when memory ran out; b is empty afterwards. */
char *strbuf_take(struct strbuf *b);
void strbuf_done(struct strbuf *b);
DEFINE_CLEANUP_VALUE(struct strbuf, strbuf_done)

/*
 * Add text as a paragraph that ends with a newline. It begins in a line where column columns are
 * taken already, breaks at blanks and control characters, and goes on below at indent; no line is
 * longer than width, which is above indent. Words are escaped; one that does not fit a line is cut.
 */
void text_wrap(struct strbuf *b, const char *text, size_t column, size_t indent, size_t width);

#endif
