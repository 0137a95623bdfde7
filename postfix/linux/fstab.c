/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/fstab.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/lines.h"

enum { SPEC, DIR_FIELD, TYPE, OPTIONS, NFIELDS };

/* The first four fields; how many there are. */
static size_t fields(const struct line *l, struct span f[NFIELDS])
{
	const char *p = l->s;
	size_t n = 0;

	while (n < NFIELDS && lines_word(&p, l->s + l->len, &f[n]))
		n++;
	return n;
}

bool fstab_has_option(const char *options, const char *word)
{
	size_t n = strlen(word);
	bool prefix = n && word[n - 1] == '=';

	for (const char *p = options; p && *p; p += *p == ',') {
		size_t k = strcspn(p, ",");

		if ((prefix ? k >= n : k == n) && memcmp(p, word, n) == 0)
			return true;
		p += k;
	}
	return false;
}

bool fstab_is_vital(struct span dir)
{
	static const char *const vital[] = { "/",    "/boot", "/boot/efi", "/efi",
					     "/usr", "/var",  "/etc" };

	for (size_t i = 0; i < ARRAY_SIZE(vital); i++)
		if (lines_span_is(dir, vital[i]))
			return true;
	return false;
}

static int note(struct machine_strv *notes, const char *fmt, const char *what)
{
	CLEANUP(mem_free) char *s = NULL;
	char safe[160];

	if (!notes)
		return 0;
	text_escape_str(what, safe, sizeof(safe));
	if (asprintf(&s, "/etc/fstab: %s %s", safe, fmt) < 0)
		return -ENOMEM;
	return machine_strv_add(notes, s);
}

struct rewrite {
	const struct devmap *map;
	struct machine_strv *notes;
};

/* Returns 1 when the line was changed. */
static int rewrite_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct devmap *map = ((struct rewrite *)opaque)->map;
	struct machine_strv *notes = ((struct rewrite *)opaque)->notes;
	struct span f[NFIELDS];
	size_t n = fields(l, f);
	CLEANUP(mem_free) char *spec = NULL, *to = NULL, *options = NULL;
	const char *p = l->s;
	bool copied = true, optional = false;
	int answer, r = 0;

	if (lines_is_comment(l, "#") || n < TYPE + 1)
		goto keep;
	spec = lines_span_dup(f[SPEC]);
	options = n > OPTIONS ? lines_span_dup(f[OPTIONS]) : strdup("");
	if (!spec || !options)
		return -ENOMEM;
	answer = devmap_translate(map, spec, DEVMAP_TAG, &to, &copied);
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_UNKNOWN && map->root_uuid && lines_span_is(f[DIR_FIELD], "/")) {
		/* Whatever it was called: this file lies on the filesystem that it means. */
		if (asprintf(&to, "UUID=%s", map->root_uuid) < 0)
			return -ENOMEM;
		answer = DEVMAP_MAPPED;
		copied = true;
	}
	if (answer == DEVMAP_UNKNOWN) {
		r = note(notes, "is not a device of the recorded machine: left as it is", spec);
		copied = false;
	} else if (answer == DEVMAP_KEEP) {
		copied = !devmap_is_missing(map, spec);
		if (!copied)
			r = note(notes, "is not on any of the copied disks", spec);
	} else if (!copied) {
		r = note(notes, "was not copied", spec);
	}
	if (r < 0)
		return r;
	optional = !copied && n > OPTIONS && !fstab_is_vital(f[DIR_FIELD]) &&
		   !fstab_has_option(options, "nofail") && !fstab_has_option(options, "noauto");
	if (answer != DEVMAP_MAPPED && !optional)
		goto keep;
	if (answer == DEVMAP_MAPPED) {
		strbuf_addn(out, p, (size_t)(f[SPEC].s - p));
		strbuf_add(out, to);
		p = f[SPEC].s + f[SPEC].len;
	}
	if (optional) {
		const char *end = f[OPTIONS].s + f[OPTIONS].len;

		strbuf_addn(out, p, (size_t)(end - p));
		strbuf_add(out, ",nofail,x-systemd.device-timeout=5s");
		p = end;
	}
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int fstab_rewrite(const char *text, const struct devmap *map, char **ret,
		  struct machine_strv *notes)
{
	struct rewrite rw = { .map = map, .notes = notes };

	return lines_rewrite(text, rewrite_line, &rw, ret);
}

/* \040 and friends. */
static char *unescape(struct span w)
{
	char *s = malloc(w.len + 1);
	size_t n = 0;

	if (!s)
		return NULL;
	for (size_t i = 0; i < w.len; i++) {
		const char *c = w.s + i;

		if (*c == '\\' && i + 3 < w.len && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' &&
		    c[2] <= '7' && c[3] >= '0' && c[3] <= '7') {
			char v = (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));

			if (v) {
				s[n++] = v;
				i += 3;
				continue;
			}
		}
		s[n++] = *c;
	}
	s[n] = '\0';
	return s;
}

int fstab_parse(const char *text, struct fstab_entry **ret, size_t *ret_n)
{
	struct fstab_entry *list = NULL, *e;
	const char *pos = text;
	struct line l;
	size_t n = 0;

	while (lines_next(&pos, &l)) {
		struct span f[NFIELDS];
		size_t k = fields(&l, f);

		if (lines_is_comment(&l, "#") || k < TYPE + 1)
			continue;
		e = machine_grow(&list, &n, sizeof(*list));
		if (!e)
			goto fail;
		e->spec = lines_span_dup(f[SPEC]);
		e->dir = unescape(f[DIR_FIELD]);
		e->type = lines_span_dup(f[TYPE]);
		e->options = k > OPTIONS ? lines_span_dup(f[OPTIONS]) : strdup("defaults");
		if (!e->spec || !e->dir || !e->type || !e->options)
			goto fail;
	}
	*ret = list;
	*ret_n = n;
	return 0;
fail:
	fstab_entries_free(list, n);
	return -ENOMEM;
}

void fstab_entries_free(struct fstab_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(e[i].spec);
		free(e[i].dir);
		free(e[i].type);
		free(e[i].options);
	}
	free(e);
}
