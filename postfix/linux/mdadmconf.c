/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/mdadmconf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/devmap.h"
#include "postfix/linux/lines.h"

bool mdadmconf_uuid(const char *uuid, char ret[static 36])
{
	size_t n = 0, at = 0;

	for (; *uuid; uuid++) {
		if (strchr("-: ", *uuid))
			continue;
		if (!isxdigit((unsigned char)*uuid) || n == 32)
			return false;
		if (n && n % 8 == 0)
			ret[at++] = ':';
		ret[at++] = (char)tolower((unsigned char)*uuid);
		n++;
	}
	ret[at] = '\0';
	return n == 32;
}

/* A line and those that go on with it. */
struct entry {
	const char *s, *end;
};

static bool next_entry(const char **pos, struct entry *ret)
{
	const char *p = *pos;
	struct line l;

	if (!lines_next(&p, &l))
		return false;
	ret->s = l.s;
	while (*p == ' ' || *p == '\t')
		lines_next(&p, &l);
	ret->end = p;
	*pos = p;
	return true;
}

/* A word of an entry; blanks, ends of lines and comments part them. */
static bool next_word(const char **pos, const char *end, struct span *ret)
{
	const char *p = *pos;

	for (;; p++) {
		while (p < end && isspace((unsigned char)*p))
			p++;
		if (p == end || *p != '#')
			break;
		while (p < end && *p != '\n')
			p++;
		if (p == end)
			break;
	}
	ret->s = p;
	while (p < end && !isspace((unsigned char)*p))
		p++;
	ret->len = (size_t)(p - ret->s);
	*pos = p;
	return ret->len > 0;
}

static bool keyword(struct span w, const char *name)
{
	return w.len >= 3 && w.len <= strlen(name) && strncasecmp(w.s, name, w.len) == 0;
}

static bool key_is(struct span w, const char *key)
{
	size_t n = strlen(key);

	return w.len > n && strncasecmp(w.s, key, n) == 0;
}

/* A disk of the old machine, or a pattern for such. */
static bool names_disks(struct span w)
{
	static const char *const starts[] = { "/dev/sd", "/dev/hd", "/dev/nvme", "/dev/cciss/",
					      "/dev/disk/by-id/", "/dev/disk/by-path/",
					      "/dev/mapper/mpath", "/dev/emcpower", "/dev/rd/",
					      "/dev/ida/", "/dev/xvd", "/dev/vd" };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (lines_span_starts(w, starts[i]))
			return true;
	return false;
}

static int note(struct machine_strv *notes, const char *fmt, struct span w)
{
	CLEANUP(mem_free) char *s = NULL;
	char safe[100];

	text_escape(w.s, w.len, safe, sizeof(safe));
	s = text_format("%s %s", safe, fmt);
	return s ? machine_strv_add(notes, s) : -ENOMEM;
}

static int device_entry(const struct entry *e, struct strbuf *out)
{
	const char *p = e->s;
	struct span w;
	bool hit = false;

	while (next_word(&p, e->end, &w))
		hit = hit || names_disks(w);
	if (!hit) {
		strbuf_addn(out, e->s, (size_t)(e->end - e->s));
		return 0;
	}
	strbuf_add(out, "DEVICE partitions\n");
	return 1;
}

static bool known_uuid(const struct machine *m, struct span array, char ret[static 36])
{
	for (size_t i = 0; m && i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];
		CLEANUP(mem_free) char *name = lines_span_dup(array);

		if (!name || !v->kind || strcmp(v->kind, "md") != 0 || !v->uuid)
			continue;
		if ((v->path && strcmp(v->path, name) == 0) ||
		    machine_strv_has(&v->aliases, name) ||
		    (v->name && strncmp(name, "/dev/", 5) == 0 && strcmp(name + 5, v->name) == 0))
			return mdadmconf_uuid(v->uuid, ret);
	}
	return false;
}

static int array_entry(const struct entry *e, const struct machine *m, struct strbuf *out,
		       struct machine_strv *notes)
{
	const char *p = e->s, *done = e->s;
	struct span w, array = { NULL, 0 };
	bool devices = false, identity = false, put = false;
	char uuid[36];

	for (size_t i = 0; next_word(&p, e->end, &w); i++) {
		if (i == 1 && !memchr(w.s, '=', w.len))
			array = w;
		devices = devices || key_is(w, "devices=");
		identity = identity || key_is(w, "uuid=") || key_is(w, "name=") ||
			   key_is(w, "super-minor=");
	}
	if (devices && !identity) {
		put = array.s && known_uuid(m, array, uuid);
		if (!put && note(notes, "is told by its disks, which have other names now: give it "
				 "its UUID", array.s ? array : (struct span){ "an array", 8 }) < 0)
			return -ENOMEM;
	}
	if (!devices || (!identity && !put)) {
		strbuf_addn(out, e->s, (size_t)(e->end - e->s));
		return 0;
	}
	for (p = e->s; next_word(&p, e->end, &w);) {
		if (!key_is(w, "devices="))
			continue;
		strbuf_addn(out, done, (size_t)(w.s - done));
		/* The blank in front would be left at the end of the line. */
		while (!put && out->len && out->s[out->len - 1] == ' ')
			out->s[--out->len] = '\0';
		if (put)
			strbuf_addf(out, "UUID=%s", uuid);
		put = false;
		done = w.s + w.len;
	}
	strbuf_addn(out, done, (size_t)(e->end - done));
	return 1;
}

int mdadmconf_rewrite(const char *text, const struct machine *m, char **ret,
		      struct machine_strv *notes)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool changed = false;
	struct entry e;
	char *s;

	while (next_entry(&pos, &e)) {
		const char *p = e.s;
		struct span w = { e.s, 0 };
		int r = 0;

		if (!isspace((unsigned char)*p) && *p != '#')
			next_word(&p, e.end, &w);
		if (keyword(w, "DEVICE"))
			r = device_entry(&e, &out);
		else if (keyword(w, "ARRAY"))
			r = array_entry(&e, m, &out, notes);
		else
			strbuf_addn(&out, e.s, (size_t)(e.end - e.s));
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
