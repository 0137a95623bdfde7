/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/lvmconf.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"

#define RULE_MAX	256	/* bytes of a rule, and rules of a filter, that are looked at */
#define PLUS_MAX	8

/* ---- one rule */

/*
 * LVM's own expressions are a part of POSIX's extended ones. What LVM has not (repeats in braces,
 * references), and many plus signs in one another, could make the C library work for ever.
 */
static bool is_tame(const char *re, size_t n)
{
	size_t plus = 0;

	for (size_t i = 0; i < n; i++) {
		if (re[i] == '{' || (unsigned char)re[i] >= 0x80 ||
		    (re[i] == '\\' && i + 1 < n && isalnum((unsigned char)re[i + 1])))
			return false;
		plus += re[i] == '+';
	}
	return plus <= PLUS_MAX;
}

static enum lvmconf_verdict match(const char *rule, const char *name, bool *ret_accept)
{
	static const char open[] = "([{", close[] = ")]}";
	size_t n = strlen(rule);
	CLEANUP(mem_free) char *text = NULL;
	const char *bracket;
	regex_t re;
	int r;

	if (n < 3 || n > RULE_MAX || (*rule != 'a' && *rule != 'r'))
		return LVMCONF_UNKNOWN;
	bracket = strchr(open, rule[1]);
	if (rule[n - 1] != (bracket ? close[bracket - open] : rule[1]) ||
	    !is_tame(rule + 2, n - 3))
		return LVMCONF_UNKNOWN;
	text = strndup(rule + 2, n - 3);
	if (!text || regcomp(&re, text, REG_EXTENDED | REG_NOSUB) != 0)
		return LVMCONF_UNKNOWN;
	r = regexec(&re, name, 0, NULL, 0);
	regfree(&re);
	*ret_accept = *rule == 'a';
	return r == 0 ? LVMCONF_ACCEPTED : LVMCONF_REJECTED;
}

enum lvmconf_verdict lvmconf_judge(char *const *rules, size_t n,
				   const struct lvmconf_device *device)
{
	bool rejected = false;

	for (const char *const *name = device->names; *name; name++)
		for (size_t i = 0; i < n; i++) {
			bool accept = false;
			enum lvmconf_verdict m = match(rules[i], *name, &accept);

			if (m == LVMCONF_UNKNOWN)
				return m;
			if (m == LVMCONF_REJECTED)
				continue;
			if (accept)
				return LVMCONF_ACCEPTED;
			rejected = true;
			break;
		}
	return rejected ? LVMCONF_REJECTED : LVMCONF_ACCEPTED;
}

/* ---- the file: "name { key = value }", a value is a word, a string, or [ values ] */

struct scan {
	const char *p;
	size_t depth;
	bool devices;			/* the outermost section is that one */
};

enum token { END, WORD, STRING, SIGN };

static enum token next(struct scan *s, const char **ret, size_t *ret_len)
{
	const char *p = s->p;
	enum token t = SIGN;

	for (;; p++) {
		p += strspn(p, " \t\r\n");
		if (*p != '#')
			break;
		p += strcspn(p, "\n");
		if (!*p)
			break;
	}
	*ret = p;
	*ret_len = 1;
	if (!*p) {
		s->p = p;
		return END;
	}
	if (*p == '"' || *p == '\'') {
		char quote = *p++;

		*ret = p;
		while (*p && *p != quote && *p != '\n')
			p += quote == '"' && *p == '\\' && p[1] && p[1] != '\n' ? 2 : 1;
		*ret_len = (size_t)(p - *ret);
		t = *p == quote ? STRING : SIGN;
		p += *p == quote;
	} else if (strchr("{}[]=,", *p)) {
		p++;
	} else {
		p += strcspn(p, " \t\r\n#{}[]=,\"'");
		*ret_len = (size_t)(p - *ret);
		t = WORD;
	}
	s->p = p;
	return t;
}

static bool is(const char *s, size_t n, const char *what)
{
	return strlen(what) == n && memcmp(s, what, n) == 0;
}

/* The next "key = " within devices; s stands behind the equals sign. */
static bool next_key(struct scan *s, const char **ret, size_t *ret_len)
{
	static const char prefix[] = "devices/";
	const char *word = "", *t;
	size_t len = 0, n;
	enum token kind;

	while ((kind = next(s, &t, &n)) != END) {
		if (kind == WORD) {
			word = t;
			len = n;
			continue;
		}
		if (kind == STRING)
			continue;
		if (*t == '{') {
			if (!s->depth++)
				s->devices = is(word, len, "devices");
		} else if (*t == '}') {
			s->depth -= s->depth > 0;
			s->devices = s->devices && s->depth;
		} else if (*t == '=' && len) {
			bool flat = !s->depth && len > sizeof(prefix) - 1 &&
				    memcmp(word, prefix, sizeof(prefix) - 1) == 0;

			if (flat) {
				word += sizeof(prefix) - 1;
				len -= sizeof(prefix) - 1;
			}
			if (flat || (s->devices && s->depth == 1)) {
				*ret = word;
				*ret_len = len;
				return true;
			}
		}
		len = 0;
	}
	return false;
}

struct filter {
	char *rules[RULE_MAX];
	size_t n;
	const char *first;		/* where the first rule begins, at its quote */
	const char *end;		/* of a single rule without brackets; else NULL */
};

static void filter_done(struct filter *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->rules[i]);
	*f = (struct filter){ 0 };
}
DEFINE_CLEANUP_VALUE(struct filter, filter_done)

static int add_rule(struct filter *f, const char *s, size_t n)
{
	if (f->n == RULE_MAX)
		return -E2BIG;
	f->rules[f->n] = strndup(s, n);
	return f->rules[f->n] ? (f->n++, 0) : -ENOMEM;
}

/* 1: a filter; 0: something that is none; -ENOMEM. */
static int read_filter(struct scan *s, struct filter *f)
{
	const char *t;
	size_t n;
	enum token kind = next(s, &t, &n);
	int r;

	if (kind == STRING) {
		f->first = t - 1;
		f->end = s->p;
		r = add_rule(f, t, n);
		return r < 0 ? r : 1;
	}
	if (kind != SIGN || *t != '[')
		return 0;
	while ((kind = next(s, &t, &n)) != END) {
		if (kind == SIGN && *t == ']')
			return f->n > 0;
		if (kind == SIGN && *t == ',')
			continue;
		if (kind != STRING)
			return 0;
		if (!f->first)
			f->first = t - 1;
		r = add_rule(f, t, n);
		if (r < 0)
			return r == -E2BIG ? 0 : r;
	}
	return 0;
}

static int note(struct machine_strv *notes, const char *key, size_t len, const char *what,
		const char *title)
{
	CLEANUP(mem_free) char *s = text_format("%.*s %s %s", (int)len, key, what, title);

	return s ? machine_strv_add(notes, s) : -ENOMEM;
}

/* What is to stand in front of the filter's rules, to let in what it rejects. */
static int missing(const struct filter *f, const struct lvmconf_device *devices, size_t n,
		   const char *key, size_t len, struct strbuf *ret, struct machine_strv *notes)
{
	for (size_t i = 0; i < n; i++) {
		enum lvmconf_verdict v = lvmconf_judge(f->rules, f->n, &devices[i]);
		int r = 0;

		if (v == LVMCONF_ACCEPTED)
			continue;
		if (v == LVMCONF_UNKNOWN)
			return note(notes, key, len, "is not understood: see that it accepts",
				    devices[i].title);
		r = note(notes, key, len, "rejected", devices[i].title);
		if (r < 0)
			return r;
		strbuf_addf(ret, "\"%s\", ", devices[i].accept);
	}
	return 0;
}

int lvmconf_rewrite(const char *text, const struct lvmconf_device *devices, size_t n, char **ret,
		    struct machine_strv *notes)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	struct scan s = { .p = text };
	const char *done = text, *key;
	bool changed = false;
	size_t len;
	char *made;

	while (next_key(&s, &key, &len)) {
		CLEANUP(filter_done) struct filter f = { 0 };
		CLEANUP(strbuf_done) struct strbuf add = { 0 };
		int r;

		if (!is(key, len, "filter") && !is(key, len, "global_filter"))
			continue;
		r = read_filter(&s, &f);
		if (r > 0)
			r = missing(&f, devices, n, key, len, &add, notes);
		if (r < 0)
			return r;
		if (!add.len)
			continue;
		changed = true;
		strbuf_addn(&out, done, (size_t)(f.first - done));
		strbuf_add(&out, f.end ? "[ " : "");
		strbuf_addn(&out, add.s, add.len);
		done = f.first;
		if (f.end) {
			strbuf_addn(&out, done, (size_t)(f.end - done));
			strbuf_add(&out, " ]");
			done = f.end;
		}
	}
	if (!changed)
		return 0;
	strbuf_add(&out, done);
	made = strbuf_take(&out);
	if (!made)
		return -ENOMEM;
	*ret = made;
	return 1;
}

bool lvmconf_no_devicesfile(const char *text)
{
	struct scan s = { .p = text };
	bool off = false;
	const char *key, *t;
	size_t len, n;

	while (next_key(&s, &key, &len))
		if (is(key, len, "use_devicesfile") && next(&s, &t, &n) == WORD)
			off = is(t, n, "0");
	return off;
}
