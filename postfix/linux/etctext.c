/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/etctext.h"

#include <ctype.h>
#include <string.h>

#include "common/text.h"
#include "postfix/linux/lines.h"

static int finish(bool changed, struct strbuf *out, char **ret)
{
	char *s;

	if (!changed)
		return 0;
	s = strbuf_take(out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

/* Everything of the line but the value, with the new value in its place. */
static void put_value(struct strbuf *out, const struct line *l, struct span value, const char *to)
{
	strbuf_addn(out, l->s, (size_t)(value.s - l->s));
	strbuf_add(out, to);
	strbuf_addn(out, value.s + value.len, (size_t)(l->s + l->full - (value.s + value.len)));
}

int etctext_resume(const char *text, const struct devmap *map, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool changed = false;
	struct line l;

	while (lines_next(&pos, &l)) {
		CLEANUP(mem_free) char *dev = NULL, *to = NULL;
		struct span key, value;
		bool copied = true;
		int answer;

		if (lines_is_comment(&l, "#") || !lines_assignment(&l, &key, &value) ||
		    !lines_span_is(key, "RESUME")) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		value = lines_unquoted(value);
		dev = lines_span_dup(value);
		if (!dev)
			return -ENOMEM;
		answer = devmap_translate(map, dev, DEVMAP_TAG, &to, &copied);
		if (answer < 0)
			return answer;
		if (answer == DEVMAP_UNKNOWN || (answer == DEVMAP_MAPPED && !copied) ||
		    (answer == DEVMAP_KEEP && devmap_is_missing(map, dev))) {
			free(to);
			to = strdup("none");
			if (!to)
				return -ENOMEM;
		}
		if (!to) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		put_value(&out, &l, value, to);
		changed = true;
	}
	return finish(changed, &out, ret);
}

/* Walk config.dat's stanzas; *ret_value is the Value: line's content while inside question. */
static bool debconf_line(const struct line *l, const char *question, bool *inside,
			 struct span *ret_value)
{
	static const char name[] = "Name: ", value[] = "Value:";
	struct span w = { l->s, l->len };

	if (!l->len) {
		*inside = false;
		return false;
	}
	if (lines_span_starts(w, name))
		*inside = lines_span_is(
			(struct span){ w.s + sizeof(name) - 1, w.len - sizeof(name) + 1 },
			question);
	if (!*inside || !lines_span_starts(w, value))
		return false;
	w.s += sizeof(value) - 1;
	w.len -= sizeof(value) - 1;
	while (w.len && *w.s == ' ') {
		w.s++;
		w.len--;
	}
	*ret_value = w;
	return true;
}

int etctext_debconf_get(const char *text, const char *question, char **ret)
{
	const char *pos = text;
	bool inside = false;
	struct span value;
	struct line l;

	*ret = NULL;
	while (lines_next(&pos, &l)) {
		if (!debconf_line(&l, question, &inside, &value))
			continue;
		*ret = lines_span_dup(value);
		return *ret ? 0 : -ENOMEM;
	}
	return 0;
}

int etctext_debconf_set(const char *text, const char *question, const char *to, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool inside = false, changed = false;
	struct span value;
	struct line l;

	while (lines_next(&pos, &l)) {
		if (!debconf_line(&l, question, &inside, &value) || lines_span_is(value, to)) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		put_value(&out, &l, value, to);
		changed = true;
	}
	return finish(changed, &out, ret);
}

/* "T1:23:respawn:/sbin/getty -L ttyS1 9600 vt100" */
static const char *find_port(const struct line *l, const char **ret_end)
{
	const char *p = l->s, *end = l->s + l->len;
	struct span w;

	while (lines_word(&p, end, &w)) {
		const char *q = w.s + 4;

		if (!lines_span_starts(w, "ttyS"))
			continue;
		while (q < w.s + w.len && *q >= '0' && *q <= '9')
			q++;
		if (q == w.s + 4 || q != w.s + w.len)
			continue;
		*ret_end = q;
		return w.s + 4;
	}
	return NULL;
}

/* The number becomes 0; also in front, where busybox has the terminal: "ttyS1::respawn:...". */
static void put_line(struct strbuf *out, const struct line *l, struct span number)
{
	struct line rest = *l;
	size_t n = 4;

	if (l->len > n && memcmp(l->s, "ttyS", n) == 0) {
		while (n < l->len && l->s[n] >= '0' && l->s[n] <= '9')
			n++;
		if (n > 4 && n < l->len && l->s[n] == ':') {
			strbuf_add(out, "ttyS0");
			rest.s += n;
			rest.len -= n;
			rest.full -= n;
		}
	}
	put_value(out, &rest, number, "0");
}

int etctext_inittab(const char *text, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	bool have = false, changed = false;
	const char *pos, *port, *end;
	struct line l;

	for (pos = text; lines_next(&pos, &l);) {
		port = lines_is_comment(&l, "#") ? NULL : find_port(&l, &end);
		have = have || (port && end == port + 1 && *port == '0');
	}
	for (pos = text; lines_next(&pos, &l);) {
		port = lines_is_comment(&l, "#") ? NULL : find_port(&l, &end);
		if (!port || (end == port + 1 && *port == '0')) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		changed = true;
		if (have) {
			strbuf_add(&out, "#");
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		put_line(&out, &l, (struct span){ port, (size_t)(end - port) });
		have = true;
	}
	return finish(changed, &out, ret);
}

int etctext_unit_device(const char *text, const struct devmap *map, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool changed = false;
	struct line l;

	while (lines_next(&pos, &l)) {
		CLEANUP(mem_free) char *dev = NULL, *to = NULL;
		struct span key, value;
		int answer;

		if (lines_is_comment(&l, "#;") || !lines_assignment(&l, &key, &value) ||
		    !lines_span_is(key, "What")) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		dev = lines_span_dup(value);
		if (!dev)
			return -ENOMEM;
		/* systemd names a unit's device by its path, so no tag here. */
		answer = devmap_translate(map, dev, DEVMAP_PATH, &to, NULL);
		if (answer < 0)
			return answer;
		if (answer != DEVMAP_MAPPED) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		put_value(&out, &l, value, to);
		changed = true;
	}
	return finish(changed, &out, ret);
}

int etctext_unit_install(const char *text, const char *want, struct machine_strv *ret)
{
	const char *pos = text;
	bool inside = false;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct span key, value, w;
		const char *p;

		if (lines_section(&l, &key)) {
			inside = lines_span_is(key, "Install");
			continue;
		}
		if (!inside || lines_is_comment(&l, "#;") || !lines_assignment(&l, &key, &value) ||
		    !lines_span_is(key, want))
			continue;
		for (p = value.s; lines_word(&p, value.s + value.len, &w);) {
			CLEANUP(mem_free) char *s = lines_span_dup(w);

			if (!s || machine_strv_add(ret, s) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int etctext_unit_name(const char *path, const char *suffix, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	char *s;

	while (*path == '/')
		path++;
	for (const char *p = path; *p; p++) {
		if (*p == '/')
			strbuf_add(&out, "-");
		else if (isalnum((unsigned char)*p) || *p == ':' || *p == '_' ||
			 (*p == '.' && p > path))
			strbuf_addn(&out, p, 1);
		else
			strbuf_addf(&out, "\\x%02x", (unsigned char)*p);
	}
	strbuf_add(&out, suffix);
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}
