/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_doc.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A logical line: what belongs to one assignment. */
struct item {
	struct line l;			/* len without the last newline */
	struct span section;		/* the one it is in */
	bool header;
	bool assigns;			/* key and value are set */
	struct span key, raw, value;	/* raw with quotes, value without */
};

struct walk {
	const char *pos;
	enum net_style style;
	struct span section;
	bool open;			/* the last line goes on */
};

/* Does the line go on after this part of it? quote is what is open. */
static bool goes_on(const struct line *l, enum net_style style, char *quote)
{
	const char *p = l->s, *end = l->s + l->len;

	if (style == NET_INI)
		return l->len && end[-1] == '\\';
	for (; p < end; p++) {
		if (*quote) {
			if (*p == '\\' && *quote == '"' && p + 1 < end)
				p++;
			else if (*p == *quote)
				*quote = 0;
		} else if (*p == '\\') {
			if (p + 1 == end)
				return true;
			p++;
		} else if (*p == '"' || *p == '\'') {
			*quote = *p;
		} else if (*p == '#' && (p == l->s || p[-1] == ' ' || p[-1] == '\t')) {
			break;
		}
	}
	return *quote != 0;
}

static struct span unquote(struct span v)
{
	char q = v.len >= 2 ? v.s[0] : 0;
	const char *end = q == '"' || q == '\'' ? memchr(v.s + 1, q, v.len - 1) : NULL;

	/* Behind the closing quote there may be a comment, but no more of the word. */
	if (end && (end + 1 == v.s + v.len || end[1] == ' ' || end[1] == '\t'))
		return (struct span){ v.s + 1, (size_t)(end - v.s) - 1 };
	/* VALUE # comment */
	if (q != '"' && q != '\'') {
		size_t n = 0;

		while (n < v.len && v.s[n] != ' ' && v.s[n] != '\t')
			n++;
		v.len = n;
	}
	return v;
}

static bool next(struct walk *w, struct item *it)
{
	struct line l;
	char quote = 0;

	*it = (struct item){ 0 };
	if (!lines_next(&w->pos, &l))
		return false;
	it->l = l;
	if (!lines_is_comment(&l, w->style == NET_INI ? "#;" : "#")) {
		while (goes_on(&l, w->style, &quote)) {
			if (!lines_next(&w->pos, &l)) {
				w->open = true;
				break;
			}
			it->l.len = it->l.full + l.len;
			it->l.full += l.full;
		}
		it->header = w->style == NET_INI && lines_section(&it->l, &w->section);
		if (!it->header && lines_assignment(&it->l, &it->key, &it->raw)) {
			/* "export KEY=" is as good. */
			if (w->style == NET_SHELL && lines_span_starts(it->key, "export "))
				it->key = (struct span){ it->key.s + 7, it->key.len - 7 };
			it->value = w->style == NET_SHELL ? unquote(it->raw) : it->raw;
			it->assigns = true;
		}
	}
	it->section = w->section;
	return true;
}

static struct walk start(const struct net_doc *d)
{
	return (struct walk){ .pos = d->text, .style = d->style, .section = { "", 0 } };
}

int net_doc_open(struct net_doc *d, enum net_style style, const char *text)
{
	struct walk w;
	struct item it;

	*d = (struct net_doc){ .style = style, .text = strdup(text) };
	if (!d->text)
		return -ENOMEM;
	w = start(d);
	while (next(&w, &it))
		;
	return w.open ? -EBADMSG : 0;
}

void net_doc_done(struct net_doc *d)
{
	free(d->text);
	d->text = NULL;
}

int net_doc_take(struct net_doc *d, char **ret)
{
	if (d->failed)
		return -ENOMEM;
	if (!d->changed)
		return 0;
	*ret = d->text;
	d->text = NULL;
	return 1;
}

static bool glob_is(const char *glob, struct span s)
{
	char buf[128];

	if (s.len >= sizeof(buf))
		return false;
	memcpy(buf, s.s, s.len);
	buf[s.len] = '\0';
	return fnmatch(glob, buf, 0) == 0;
}

/* A section of NULL is the one without a name. */
static bool here(const struct item *it, const char *section)
{
	return lines_span_is(it->section, section ? section : "");
}

bool net_doc_get(const struct net_doc *d, const char *section, const char *key, struct span *ret)
{
	struct walk w = start(d);
	struct item it;
	bool found = false;

	while (next(&w, &it)) {
		if (!it.assigns || !here(&it, section) || !lines_span_is(it.key, key))
			continue;
		*ret = it.value;
		found = true;
	}
	return found;
}

bool net_doc_is(const struct net_doc *d, const char *section, const char *key, const char *value)
{
	struct span have;

	return net_doc_get(d, section, key, &have) && have.len == strlen(value) &&
	       strncasecmp(have.s, value, have.len) == 0;
}

bool net_doc_has_section(const struct net_doc *d, const char *section)
{
	struct walk w = start(d);
	struct item it;

	while (next(&w, &it))
		if (it.header && here(&it, section))
			return true;
	return false;
}

bool net_doc_has(const struct net_doc *d, const char *section, const char *glob)
{
	struct walk w = start(d);
	struct item it;

	while (next(&w, &it))
		if (it.assigns && here(&it, section) && glob_is(glob, it.key))
			return true;
	return false;
}

/* -- changing */

static void off(struct strbuf *out, const struct item *it)
{
	const char *pos = it->l.s, *end = it->l.s + it->l.full;
	struct line l;

	while (pos < end && lines_next(&pos, &l)) {
		strbuf_add(out, "#");
		strbuf_addn(out, l.s, l.full);
	}
}

static void keep(struct strbuf *out, const struct item *it)
{
	strbuf_addn(out, it->l.s, it->l.full);
}

/* The new text is in out. */
static void swap(struct net_doc *d, struct strbuf *out, bool changed)
{
	char *s;

	if (!changed || d->failed) {
		d->failed = d->failed || out->failed;
		strbuf_done(out);
		return;
	}
	strbuf_add(out, "");
	s = strbuf_take(out);
	if (!s) {
		d->failed = true;
		return;
	}
	free(d->text);
	d->text = s;
	d->changed = true;
}

/* Is it a plain word for a shell? */
static bool is_plain(const char *s)
{
	return s[0] && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_./:,@%+=-")] == '\0';
}

static void put_value(const struct net_doc *d, struct strbuf *out, struct span old,
		      const char *value)
{
	char quote = old.s && old.len && (old.s[0] == '\'' || old.s[0] == '"') ? old.s[0] : 0;

	if (d->style == NET_INI) {
		strbuf_add(out, value);
		return;
	}
	/* As the file does it: SUSE's put everything between single quotes. */
	if (!quote && !old.s && strstr(d->text, "='"))
		quote = '\'';
	if (!quote && !is_plain(value))
		quote = strchr(value, '"') ? '\'' : '"';
	if (quote == '\'' && strchr(value, '\''))
		quote = '"';
	if (!quote) {
		strbuf_add(out, value);
		return;
	}
	strbuf_addn(out, &quote, 1);
	for (const char *p = value; *p; p++) {
		if (quote == '"' && strchr("\"$`\\", *p))
			strbuf_add(out, "\\");
		strbuf_addn(out, p, 1);
	}
	strbuf_addn(out, &quote, 1);
}

/* The line of it with another value; what is behind the value (a comment) goes. */
static void put_line(const struct net_doc *d, struct strbuf *out, const struct item *it,
		     const char *value)
{
	strbuf_addn(out, it->l.s, (size_t)(it->raw.s - it->l.s));
	put_value(d, out, it->raw, value);
	strbuf_addn(out, it->l.s + it->l.len, it->l.full - it->l.len);
}

/* Where the section ends: behind its last setting; NULL when there is none. */
static const char *section_end(const struct net_doc *d, const char *section)
{
	struct walk w = start(d);
	const char *end = section ? NULL : d->text;
	struct item it;

	while (next(&w, &it))
		if (here(&it, section) && (it.assigns || it.header))
			end = it.l.s + it.l.full;
	return end;
}

void net_doc_add(struct net_doc *d, const char *section, const char *key, const char *value)
{
	struct strbuf out = { 0 };
	const char *end;

	if (d->failed)
		return;
	end = section_end(d, section);
	/* At the end of the file, comments and all. */
	if (d->style == NET_SHELL)
		end = d->text + strlen(d->text);
	if (end) {
		strbuf_addn(&out, d->text, (size_t)(end - d->text));
		if (end > d->text && end[-1] != '\n')
			strbuf_add(&out, "\n");
	} else {
		strbuf_add(&out, d->text);
		if (out.len && out.s[out.len - 1] != '\n')
			strbuf_add(&out, "\n");
		strbuf_addf(&out, "%s[%s]\n", out.len ? "\n" : "", section);
	}
	strbuf_addf(&out, "%s=", key);
	put_value(d, &out, (struct span){ 0 }, value);
	strbuf_add(&out, "\n");
	if (end)
		strbuf_add(&out, end);
	swap(d, &out, true);
}

void net_doc_set(struct net_doc *d, const char *section, const char *key, const char *value)
{
	struct strbuf out = { 0 };
	bool found = false, changed = false;
	struct walk w;
	struct item it;

	if (d->failed)
		return;
	w = start(d);
	while (next(&w, &it)) {
		if (!it.assigns || !here(&it, section) || !lines_span_is(it.key, key)) {
			keep(&out, &it);
		} else if (found) {
			off(&out, &it);
			changed = true;
		} else if (lines_span_is(it.value, value)) {
			keep(&out, &it);
			found = true;
		} else {
			put_line(d, &out, &it, value);
			found = changed = true;
		}
	}
	swap(d, &out, changed);
	if (!found)
		net_doc_add(d, section, key, value);
}

void net_doc_off(struct net_doc *d, const char *section, const char *glob, net_doc_match *match,
		 const void *opaque)
{
	struct strbuf out = { 0 };
	bool changed = false;
	struct walk w;
	struct item it;

	if (d->failed)
		return;
	w = start(d);
	while (next(&w, &it)) {
		if (it.assigns && here(&it, section) && glob_is(glob, it.key) &&
		    (!match || match(it.value, opaque))) {
			off(&out, &it);
			changed = true;
		} else {
			keep(&out, &it);
		}
	}
	swap(d, &out, changed);
}

void net_pairs_add(struct net_pairs *pairs, const char *key, const char *fmt, ...)
{
	struct net_pair *x = &pairs->v[pairs->n];
	va_list ap;

	if (pairs->n == NET_PAIRS_MAX)
		return;
	pairs->n++;
	*x = (struct net_pair){ 0 };
	snprintf(x->key, sizeof(x->key), "%s", key);
	va_start(ap, fmt);
	vsnprintf(x->value, sizeof(x->value), fmt, ap);
	va_end(ap);
}

static bool globs_match(const char *const *globs, struct span key)
{
	for (; *globs; globs++)
		if (glob_is(*globs, key))
			return true;
	return false;
}

static bool is_wanted(struct net_pairs *pairs, const struct item *it)
{
	for (size_t i = 0; i < pairs->n; i++) {
		struct net_pair *x = &pairs->v[i];

		if (x->there || !lines_span_is(it->key, x->key) ||
		    !lines_span_is(it->value, x->value))
			continue;
		x->there = true;
		return true;
	}
	return false;
}

void net_doc_replace(struct net_doc *d, const char *section, const char *const *globs,
		     net_doc_match *match, const void *opaque, struct net_pairs *pairs)
{
	CLEANUP(strbuf_done) struct strbuf fresh = { 0 };
	struct strbuf out = { 0 };
	size_t behind = 0;		/* in out: where the old ones stood */
	bool changed = false;
	struct walk w;
	struct item it;

	if (d->failed)
		return;
	w = start(d);
	while (next(&w, &it)) {
		if (!it.assigns || !here(&it, section) || !globs_match(globs, it.key) ||
		    (match && !match(it.value, opaque))) {
			keep(&out, &it);
			continue;
		}
		if (is_wanted(pairs, &it)) {
			keep(&out, &it);
		} else {
			off(&out, &it);
			changed = true;
		}
		behind = out.len;
	}
	for (size_t i = 0; behind && i < pairs->n; i++) {
		if (pairs->v[i].there)
			continue;
		strbuf_addf(&fresh, "%s=", pairs->v[i].key);
		put_value(d, &fresh, (struct span){ 0 }, pairs->v[i].value);
		strbuf_add(&fresh, "\n");
	}
	if (fresh.len && !fresh.failed && !out.failed) {
		struct strbuf all = { 0 };

		strbuf_addn(&all, out.s, behind);
		if (!all.failed && all.s[behind - 1] != '\n')
			strbuf_add(&all, "\n");
		strbuf_addn(&all, fresh.s, fresh.len);
		strbuf_addn(&all, out.s + behind, out.len - behind);
		strbuf_done(&out);
		out = all;
		changed = true;
	}
	d->failed = d->failed || fresh.failed;
	swap(d, &out, changed);
	for (size_t i = 0; !behind && i < pairs->n; i++)
		net_doc_add(d, section, pairs->v[i].key, pairs->v[i].value);
}

/* From the header at w on: does the section have such a value? */
static bool section_hit(struct walk w, const char *key, net_doc_match *match, const void *opaque)
{
	struct item it;

	if (!key)
		return true;
	while (next(&w, &it) && !it.header)
		if (it.assigns && lines_span_is(it.key, key) && match(it.value, opaque))
			return true;
	return false;
}

void net_doc_off_section(struct net_doc *d, const char *section, const char *key,
			 net_doc_match *match, const void *opaque)
{
	struct strbuf out = { 0 };
	bool changed = false, inside = false;
	struct walk w;
	struct item it;

	if (d->failed)
		return;
	w = start(d);
	while (next(&w, &it)) {
		if (it.header)
			inside = here(&it, section) && section_hit(w, key, match, opaque);
		if (inside && (it.header || it.assigns)) {
			off(&out, &it);
			changed = true;
		} else {
			keep(&out, &it);
		}
	}
	swap(d, &out, changed);
}

void net_doc_map(struct net_doc *d, const char *section, const char *glob, net_doc_map_fn *fn,
		 const void *opaque)
{
	struct strbuf out = { 0 };
	bool changed = false;
	struct walk w;
	struct item it;

	if (d->failed)
		return;
	w = start(d);
	while (next(&w, &it)) {
		CLEANUP(mem_free) char *to = NULL;

		if (it.assigns && here(&it, section) && glob_is(glob, it.key))
			to = fn(it.value, opaque);
		if (to && !lines_span_is(it.value, to)) {
			put_line(d, &out, &it, to);
			changed = true;
		} else {
			keep(&out, &it);
		}
	}
	swap(d, &out, changed);
}
