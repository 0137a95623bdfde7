/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking configuration text line by line and word by word without copying it. Everything that is
 * not understood is passed through byte for byte, so a rewriter only ever replaces spans:
 *
 *	"/dev/sda1  /  ext4 defaults 0 1\n"
 *	 |- word -|                        line.len excludes, line.full includes the newline
 *
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_LINES_H
#define P2V_POSTFIX_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

struct span {
	const char *s;
	size_t len;
};

struct line {
	const char *s;
	size_t len;			/* without "\n" (a "\r" before it is left out too) */
	size_t full;			/* with it */
};

/* The line at *pos; false at the end of the text. Advances *pos. */
bool lines_next(const char **pos, struct line *ret);
/* The next run of non-blank bytes in [*pos, end); false when there is none. Advances *pos. */
bool lines_word(const char **pos, const char *end, struct span *ret);
/* A line's first non-blank byte, or its end. */
const char *lines_text(const struct line *l);
bool lines_is_comment(const struct line *l, const char *markers); /* blank lines count as comment */
bool lines_span_is(struct span w, const char *s);
bool lines_span_starts(struct span w, const char *s);
/* Without the quotes that a value is in, if it begins and ends with the same. */
struct span lines_unquoted(struct span w);
/* malloc'd copy, NULL on ENOMEM. */
char *lines_span_dup(struct span w);
/*
 * "key = value" as ini files, udev and shell assignments write it: the trimmed key before the
 * first '=' and the trimmed value after it. False when there is no '='.
 */
bool lines_assignment(const struct line *l, struct span *ret_key, struct span *ret_value);
/* "[name]": the name. */
bool lines_section(const struct line *l, struct span *ret_name);

/*
 * Rewrite text line by line: fn appends to out what the line becomes (as it was, when it is not to
 * change) and returns 1 changed, 0 not, -errno. Returns 1 with *ret malloc'd, 0 when no line
 * changed (*ret untouched), -errno of fn, -ENOMEM.
 */
typedef int lines_rewrite_fn(const struct line *l, struct strbuf *out, void *opaque);
int lines_rewrite(const char *text, lines_rewrite_fn *fn, void *opaque, char **ret);

#endif
