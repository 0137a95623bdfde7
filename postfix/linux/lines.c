/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

bool lines_next(const char **pos, struct line *ret)
{
	const char *s = *pos, *nl;

	if (!*s)
		return false;
	nl = strchr(s, '\n');
	ret->s = s;
	ret->full = nl ? (size_t)(nl - s) + 1 : strlen(s);
	ret->len = nl ? ret->full - 1 : ret->full;
	if (ret->len && s[ret->len - 1] == '\r')
		ret->len--;
	*pos = s + ret->full;
	return true;
}

bool lines_word(const char **pos, const char *end, struct span *ret)
{
	const char *p = *pos;

	while (p < end && blank(*p))
		p++;
	ret->s = p;
	while (p < end && !blank(*p))
		p++;
	ret->len = (size_t)(p - ret->s);
	*pos = p;
	return ret->len > 0;
}

const char *lines_text(const struct line *l)
{
	const char *p = l->s;

	while (p < l->s + l->len && blank(*p))
		p++;
	return p;
}

bool lines_is_comment(const struct line *l, const char *markers)
{
	const char *p = lines_text(l);

	return p == l->s + l->len || strchr(markers, *p);
}

bool lines_span_is(struct span w, const char *s)
{
	return strlen(s) == w.len && memcmp(w.s, s, w.len) == 0;
}

bool lines_span_starts(struct span w, const char *s)
{
	size_t n = strlen(s);

	return n <= w.len && memcmp(w.s, s, n) == 0;
}

struct span lines_unquoted(struct span w)
{
	if (w.len >= 2 && (w.s[0] == '"' || w.s[0] == '\'') && w.s[w.len - 1] == w.s[0])
		return (struct span){ w.s + 1, w.len - 2 };
	return w;
}

char *lines_span_dup(struct span w)
{
	return strndup(w.s, w.len);
}

static struct span trim(const char *s, const char *end)
{
	while (s < end && blank(*s))
		s++;
	while (end > s && blank(end[-1]))
		end--;
	return (struct span){ s, (size_t)(end - s) };
}

bool lines_assignment(const struct line *l, struct span *ret_key, struct span *ret_value)
{
	const char *eq = memchr(l->s, '=', l->len);

	if (!eq)
		return false;
	*ret_key = trim(l->s, eq);
	*ret_value = trim(eq + 1, l->s + l->len);
	return true;
}

bool lines_section(const struct line *l, struct span *ret_name)
{
	struct span t = trim(l->s, l->s + l->len);

	if (t.len < 2 || t.s[0] != '[' || t.s[t.len - 1] != ']')
		return false;
	*ret_name = (struct span){ t.s + 1, t.len - 2 };
	return true;
}

int lines_rewrite(const char *text, lines_rewrite_fn *fn, void *opaque, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	struct line l;
	int changed = 0;
	char *s;

	while (lines_next(&pos, &l)) {
		int r = fn(&l, &out, opaque);

		if (r < 0)
			return r;
		changed |= r;
	}
	if (!changed)
		return 0;
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}
