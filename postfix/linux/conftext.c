/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/conftext.h"

#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"

#define SHOWN	100

static int remember(struct machine_strv *list, const struct line *l)
{
	char safe[SHOWN + 4];

	if (!list)
		return 0;
	text_escape(l->s, l->len, safe, sizeof(safe));
	return machine_strv_add(list, safe);
}

struct comment {
	const char *marker;
	bool (*drop)(const struct line *l, void *opaque);
	void *opaque;
	struct machine_strv *dropped;
};

static int comment_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct comment *c = opaque;
	bool hit = !lines_is_comment(l, "#;") && c->drop(l, c->opaque);

	if (hit)
		strbuf_add(out, c->marker);
	strbuf_addn(out, l->s, l->full);
	if (hit && remember(c->dropped, l) < 0)
		return -ENOMEM;
	return hit;
}

int conftext_comment(const char *text, const char *marker,
		     bool (*drop)(const struct line *l, void *opaque), void *opaque, char **ret,
		     struct machine_strv *dropped)
{
	struct comment c = { .marker = marker, .drop = drop, .opaque = opaque, .dropped = dropped };

	return lines_rewrite(text, comment_line, &c, ret);
}

static struct span unquote(struct span v)
{
	if (v.len >= 2 && (v.s[0] == '"' || v.s[0] == '\'') && v.s[v.len - 1] == v.s[0])
		return (struct span){ v.s + 1, v.len - 2 };
	return v;
}

struct ini {
	const char *section, *key, *value;
	bool inside;
	struct span found;
};

/* Is this line an assignment of the key that is looked for? */
static bool ini_line(struct ini *ini, const struct line *l, struct span *ret_value)
{
	struct span name, key;

	if (lines_section(l, &name)) {
		ini->inside = ini->section && lines_span_is(name, ini->section);
		return false;
	}
	return ini->inside && !lines_is_comment(l, "#;") && lines_assignment(l, &key, ret_value) &&
	       lines_span_is(key, ini->key);
}

int conftext_get(const char *text, const char *section, const char *key, char **ret)
{
	struct ini ini = { .section = section, .key = key, .inside = !section };
	const char *pos = text;
	struct span v = { NULL, 0 };
	struct line l;

	*ret = NULL;
	while (lines_next(&pos, &l))
		if (ini_line(&ini, &l, &v))
			ini.found = unquote(v);
	if (!ini.found.s)
		return 0;
	*ret = lines_span_dup(ini.found);
	return *ret ? 0 : -ENOMEM;
}

static int set_line(const struct line *l, struct strbuf *out, void *opaque)
{
	struct ini *ini = opaque;
	struct span v;

	if (!ini_line(ini, l, &v) || (ini->value && lines_span_is(unquote(v), ini->value))) {
		strbuf_addn(out, l->s, l->full);
		return 0;
	}
	if (!ini->value) {
		strbuf_add(out, "#");
		strbuf_addn(out, l->s, l->full);
		return 1;
	}
	strbuf_addn(out, l->s, (size_t)(v.s - l->s));
	strbuf_add(out, ini->value);
	strbuf_addn(out, v.s + v.len, (size_t)(l->s + l->full - (v.s + v.len)));
	return 1;
}

int conftext_set(const char *text, const char *section, const char *key, const char *value,
		 char **ret)
{
	struct ini ini = { .section = section, .key = key, .value = value, .inside = !section };

	return lines_rewrite(text, set_line, &ini, ret);
}

struct word {
	const char *key, *word;
};

static bool word_end(char c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == ',';
}

static int word_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct word *w = opaque;
	size_t n = strlen(w->word), k = strlen(w->key);
	const char *end = l->s + l->len, *p;
	struct span key, value;
	bool hit = false;

	/* "add_dracutmodules+=" has the plus sign before the equals sign. */
	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value) || key.len < k ||
	    memcmp(key.s, w->key, k) != 0 || (key.len > k && key.s[k] != '+')) {
		strbuf_addn(out, l->s, l->full);
		return 0;
	}
	strbuf_addn(out, l->s, (size_t)(value.s - l->s));
	for (p = value.s; p < end;) {
		bool start = p == value.s || word_end(p[-1]);

		if (start && (size_t)(end - p) >= n && memcmp(p, w->word, n) == 0 &&
		    (p + n == end || word_end(p[n]))) {
			hit = true;
			p += n;
			while (p < end && (*p == ' ' || *p == '\t'))
				p++;
			continue;
		}
		strbuf_addn(out, p++, 1);
	}
	strbuf_addn(out, end, (size_t)(l->s + l->full - end));
	return hit;
}

int conftext_drop_word(const char *text, const char *key, const char *word, char **ret)
{
	struct word w = { .key = key, .word = word };

	return lines_rewrite(text, word_line, &w, ret);
}

bool conftext_listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && *p;) {
		size_t k;

		p += strspn(p, ", \t");
		k = strcspn(p, ", \t");
		if (k == n && memcmp(p, word, n) == 0)
			return true;
		p += k;
	}
	return false;
}

bool conftext_number(const char *value, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = value;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == value || (*p && *p != ' ' && *p != '\t'))
		return false;
	*ret = n;
	return true;
}
