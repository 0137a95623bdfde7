/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/initrd_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "postfix/linux/lines.h"

/* A value in the text: between the quotes or parentheses, if there are any. */
struct value {
	const char *s;
	size_t len;
};

static const char blanks[] = " \t\r\n";

static bool find_value(const char *text, const char *key, struct value *ret)
{
	const char *pos = text;
	bool found = false;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct span k, v;
		const char *s, *end;

		if (lines_is_comment(&l, "#") || !lines_assignment(&l, &k, &v))
			continue;
		if (!lines_span_is(k, key))
			continue;
		/* The trimmed value of an empty assignment is nowhere: look behind the '='. */
		s = (const char *)memchr(l.s, '=', l.len) + 1;
		switch (s < l.s + l.len ? *s : '\0') {
		case '"':
		case '\'':
			end = strchr(s + 1, *s);
			s++;
			break;
		case '(':
			end = strchr(s + 1, ')');
			s++;
			break;
		default:
			end = s + strcspn(s, " \t\r\n#;");
			break;
		}
		/* Not closed: no assignment that a shell would understand. */
		if (!end)
			continue;
		*ret = (struct value){ s, (size_t)(end - s) };
		found = true;
		if (end >= pos)
			pos = end;
	}
	return found;
}

static bool has_word(struct value v, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < v.len;) {
		size_t k = strspn(v.s + i, blanks), w;

		i += k;
		if (i >= v.len)
			break;
		w = strcspn(v.s + i, " \t\r\n\"'");
		if (w > v.len - i)
			w = v.len - i;
		if (w == n && memcmp(v.s + i, word, n) == 0)
			return true;
		i += w ? w : 1;
	}
	return false;
}

static int take(struct strbuf *b, char **ret)
{
	char *s = strbuf_take(b);

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

/* The text, ended by a newline. */
static void add_whole(struct strbuf *b, const char *text)
{
	size_t n = strlen(text);

	strbuf_addn(b, text, n);
	if (n && text[n - 1] != '\n')
		strbuf_add(b, "\n");
}

int initrd_conf_add_words(const char *text, const char *key, const char *const *words, size_t n,
			  bool array, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 }, add = { 0 };
	struct value v = { text, 0 };
	bool found = find_value(text, key, &v);
	bool bare = found && (v.s == text || !strchr("\"'(", v.s[-1]));

	for (size_t i = 0; i < n; i++)
		if (!found || !has_word(v, words[i]))
			strbuf_addf(&add, "%s%s", add.len ? " " : "", words[i]);
	if (add.failed)
		return -ENOMEM;
	if (!add.len)
		return 0;
	if (!found) {
		add_whole(&b, text);
		strbuf_addf(&b, "%s=%s%s%s\n", key, array ? "(" : "\"", add.s, array ? ")" : "\"");
		return take(&b, ret);
	}
	strbuf_addn(&b, text, (size_t)(v.s - text));
	strbuf_addf(&b, "%s%s%s", bare ? "\"" : "", add.s,
		    v.len && !strchr(blanks, v.s[0]) ? " " : "");
	strbuf_addn(&b, v.s, v.len);
	strbuf_add(&b, bare ? "\"" : "");
	strbuf_add(&b, v.s + v.len);
	return take(&b, ret);
}

int initrd_conf_set(const char *text, const char *key, const char *value, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	struct value v;

	if (!find_value(text, key, &v)) {
		add_whole(&b, text);
		strbuf_addf(&b, "%s=\"%s\"\n", key, value);
		return take(&b, ret);
	}
	if (v.len == strlen(value) && memcmp(v.s, value, v.len) == 0)
		return 0;
	strbuf_addn(&b, text, (size_t)(v.s - text));
	strbuf_add(&b, value);
	strbuf_add(&b, v.s + v.len);
	return take(&b, ret);
}

/* "alias scsi_hostadapter1 virtio_blk": which module; and which number is free. */
static bool alias_of(const struct line *l, struct span *ret_module, unsigned int *ret_number)
{
	static const char name[] = "scsi_hostadapter";
	const char *p = l->s;
	struct span w;

	if (!lines_word(&p, l->s + l->len, &w) || !lines_span_is(w, "alias") ||
	    !lines_word(&p, l->s + l->len, &w) || !lines_span_starts(w, name) ||
	    !lines_word(&p, l->s + l->len, ret_module))
		return false;
	*ret_number = 0;
	for (size_t i = sizeof(name) - 1; i < w.len && w.s[i] >= '0' && w.s[i] <= '9'; i++)
		if (*ret_number < 100000)
			*ret_number = *ret_number * 10 + (unsigned int)(w.s[i] - '0');
	return true;
}

int initrd_conf_add_aliases(const char *text, const char *const *modules, size_t n, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	unsigned int next = 0, number;
	bool changed = false;
	struct span module;
	const char *pos;
	struct line l;

	for (pos = text; lines_next(&pos, &l);)
		if (alias_of(&l, &module, &number) && number >= next)
			next = number + 1;
	add_whole(&b, text);
	for (size_t i = 0; i < n; i++) {
		bool there = false;

		for (pos = text; lines_next(&pos, &l);)
			there = there || (alias_of(&l, &module, &number) &&
					  lines_span_is(module, modules[i]));
		if (there)
			continue;
		changed = true;
		if (next)
			strbuf_addf(&b, "alias scsi_hostadapter%u %s\n", next, modules[i]);
		else
			strbuf_addf(&b, "alias scsi_hostadapter %s\n", modules[i]);
		next++;
	}
	return changed ? take(&b, ret) : b.failed ? -ENOMEM : 0;
}

static bool in_yaml_list(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = s; (p = memmem(p, (size_t)(s + len - p), word, n)); p += n)
		if ((p == s || strchr(", \"'", p[-1])) &&
		    (p + n == s + len || strchr(", \"'\r", p[n])))
			return true;
	return false;
}

int initrd_conf_add_yaml(const char *text, const char *key, const char *const *words, size_t n,
			 char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	bool found = false, changed = false;
	const char *pos = text;
	size_t k = strlen(key);
	struct line l;

	while (lines_next(&pos, &l)) {
		bool ours = !found && l.len > k && memcmp(l.s, key, k) == 0 && l.s[k] == ':';

		strbuf_addn(&b, l.s, l.len);
		if (ours) {
			bool empty = l.len == k + 1 + strspn(l.s + k + 1, " \t\r");

			found = true;
			for (size_t i = 0; i < n; i++) {
				if (in_yaml_list(l.s + k + 1, l.len - k - 1, words[i]))
					continue;
				strbuf_addf(&b, "%s%s", empty ? " " : ",", words[i]);
				empty = false;
				changed = true;
			}
		}
		strbuf_addn(&b, l.s + l.len, l.full - l.len);
	}
	if (!found && n) {
		if (b.len && b.s[b.len - 1] != '\n')
			strbuf_add(&b, "\n");
		strbuf_addf(&b, "%s: ", key);
		for (size_t i = 0; i < n; i++)
			strbuf_addf(&b, "%s%s", i ? "," : "", words[i]);
		strbuf_add(&b, "\n");
		changed = true;
	}
	return changed ? take(&b, ret) : b.failed ? -ENOMEM : 0;
}
