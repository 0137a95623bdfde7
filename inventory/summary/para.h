/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text for people, at most PARA_WIDTH columns wide. Every line is a paragraph of items: it breaks
 * between items, never inside one, and indents what follows. An item is escaped and cut to a width
 * that always fits, so no text of the machine can break the layout or the terminal.
 *
 *	struct para p = para_line(b, 2, 4);
 *	para_text(&p, "", disk->name);
 *	para_item(&p, ", ", "%u sectors", n);
 *	para_end(&p);
 */
#ifndef P2V_INVENTORY_PARA_H
#define P2V_INVENTORY_PARA_H

#include <stdbool.h>
#include <stddef.h>
#include "common/compiler.h"
#include "common/text.h"
#include "inventory/machine_base.h"

#define PARA_WIDTH	100
#define PARA_ITEM_MAX	72	/* bytes, so at most as many columns */

struct para {
	struct strbuf *b;
	size_t indent, column;
	bool first;		/* nothing on this line yet */
};

/* A paragraph that begins at column margin; what follows a break stands hang columns deeper. */
struct para para_line(struct strbuf *b, size_t margin, size_t hang);
/* One that begins with a label, or with the place of one (""). */
struct para para_labelled(struct strbuf *b, const char *label);
/* An empty line and a title. */
void para_heading(struct strbuf *b, const char *text);

/* One item; separator ("", ", ", "  ") stands before it unless it is the first on its line. */
void para_raw(struct para *p, const char *separator, const char *text);
/* The same for text in our own words, formatted; its arguments are escaped already. */
void para_item(struct para *p, const char *separator, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Foreign text, escaped; NULL and "" are left out. */
void para_text(struct para *p, const char *separator, const char *s);
/* "serial ABC" */
void para_named(struct para *p, const char *separator, const char *name, const char *s);
/* A path of EFI, with slashes. */
void para_path(struct para *p, const char *separator, const char *s);
/* "DNS a b c"; name may be NULL */
void para_strv(struct para *p, const char *separator, const char *name,
	       const struct machine_strv *v);
/* A sentence: it breaks at its blanks. */
void para_sentence(struct para *p, const char *separator, const char *text);
/* Columns of a table: fill up to a column. */
void para_pad(struct para *p, size_t column);
void para_end(struct para *p);

#endif
