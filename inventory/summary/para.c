/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/summary/para.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LABEL_WIDTH	10

/* Bytes that begin a character; what is wider than one column takes three bytes and counts less. */
static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c & 0xc0) != 0x80)
			n += c >= 0xe1 ? 2 : 1;
	}
	return n;
}

static void spaces(struct strbuf *b, size_t n)
{
	while (n--)
		strbuf_add(b, " ");
}

void para_raw(struct para *p, const char *separator, const char *text)
{
	size_t need = columns(text) + columns(separator);

	/* One column is kept for the comma that stays behind at a break. */
	if (!p->first && p->column + need >= PARA_WIDTH) {
		strbuf_addn(p->b, separator, strcspn(separator, " "));
		strbuf_add(p->b, "\n");
		spaces(p->b, p->indent);
		p->column = p->indent;
		p->first = true;
	}
	if (!p->first) {
		strbuf_add(p->b, separator);
		p->column += columns(separator);
	}
	strbuf_add(p->b, text);
	p->column += columns(text);
	p->first = false;
}

void para_item(struct para *p, const char *separator, const char *fmt, ...)
{
	char text[2 * PARA_ITEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	para_raw(p, separator, text);
}

void para_text(struct para *p, const char *separator, const char *s)
{
	char text[PARA_ITEM_MAX];

	if (s && *s)
		para_raw(p, separator, text_escape_str(s, text, sizeof(text)));
}

/* EFI's separator is what escapes are made of; a slash reads better than \x5c. */
void para_path(struct para *p, const char *separator, const char *s)
{
	char path[PARA_ITEM_MAX], text[PARA_ITEM_MAX];

	if (!s)
		return;
	snprintf(path, sizeof(path), "%s", s);
	for (char *c = path; *c; c++)
		if (*c == '\\')
			*c = '/';
	/* Cut inside a character, perhaps: the escape shows it as what it is. */
	para_raw(p, separator, text_escape_str(path, text, sizeof(text)));
}

void para_named(struct para *p, const char *separator, const char *name, const char *s)
{
	char text[PARA_ITEM_MAX];

	if (s && *s)
		para_item(p, separator, "%s %s", name, text_escape_str(s, text, sizeof(text)));
}

struct para para_line(struct strbuf *b, size_t margin, size_t hang)
{
	spaces(b, margin);
	return (struct para){ b, margin + hang, margin, true };
}

struct para para_labelled(struct strbuf *b, const char *label)
{
	struct para p = { b, LABEL_WIDTH, LABEL_WIDTH, true };

	strbuf_addf(b, "%-*s", LABEL_WIDTH, label);
	return p;
}

void para_end(struct para *p)
{
	strbuf_add(p->b, "\n");
}

void para_heading(struct strbuf *b, const char *text)
{
	strbuf_addf(b, "\n%s\n", text);
}

void para_pad(struct para *p, size_t column)
{
	if (p->column >= column)
		return;
	spaces(p->b, column - p->column);
	p->column = column;
}

void para_strv(struct para *p, const char *separator, const char *name,
		     const struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (i == 0 && name)
			para_named(p, separator, name, v->v[i]);
		else
			para_text(p, i ? " " : separator, v->v[i]);
	}
}

void para_sentence(struct para *p, const char *separator, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		char word[PARA_ITEM_MAX];

		if (n > 0) {
			para_raw(p, separator, text_escape(text, n, word, sizeof(word)));
			separator = " ";
		}
		text += n + (text[n] == ' ');
	}
}
