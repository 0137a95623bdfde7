/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From text to sections. The text becomes UTF-8 first; then lines are joined at a "\" at their end,
 * comments are dropped, and each line is cut into a key and values. %strings% are replaced last,
 * when [Strings] is known.
 */
#include "postfix/windows/inf.h"

#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/text.h"
#include "common/utf16.h"

static void line_done(struct inf_line *l)
{
	free(l->key);
	machine_strv_done(&l->values);
}

void inf_free(struct inf *inf)
{
	if (!inf)
		return;
	for (size_t i = 0; i < inf->n; i++) {
		for (size_t k = 0; k < inf->sections[i].n; k++)
			line_done(&inf->sections[i].lines[k]);
		free(inf->sections[i].lines);
		free(inf->sections[i].name);
	}
	free(inf->sections);
	free(inf);
}

/* ---- to UTF-8 ---- */

static char *decode(const uint8_t *p, size_t len)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	if (len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] && !p[1]))) {
		size_t skip = p[1] ? 2 : 0;

		utf16_add(&b, p + skip, (len - skip) / 2);
	} else if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		strbuf_addn(&b, (const char *)p + 3, len - 3);
	} else {
		for (size_t i = 0; i < len; i++) {
			uint8_t unit[2] = { p[i], 0 };

			utf16_add(&b, unit, 1);
		}
	}
	/* A NUL is no text: what is behind it is not looked at. */
	return strbuf_take(&b);
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/*
 * Take one logical line from *pos: comments dropped, continued ones joined. False at the end of
 * the text. A "\" only joins as the last thing of a line outside of quotes.
 */
static bool next_line(const char **pos, struct strbuf *line)
{
	const char *p = *pos;
	bool more = true;

	if (!*p)
		return false;
	line->len = 0;
	strbuf_add(line, "");
	while (more && *p) {
		const char *end = p + strcspn(p, "\n"), *q = p;
		bool quote = false;
		size_t n;

		for (; q < end && (quote || *q != ';'); q++)
			quote = quote != (*q == '"');
		n = (size_t)(q - p);
		while (n && is_blank(p[n - 1]))
			n--;
		more = n && p[n - 1] == '\\' && !quote;
		/* A path may end in one, too: then it is the whole value and the next is a key. */
		strbuf_addn(line, p, n - more);
		p = *end ? end + 1 : end;
	}
	*pos = p;
	return true;
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* The first c of a line that is outside of quotes; the line's end when there is none. */
static const char *find_outside(const char *p, char c)
{
	/* Two quotes in a row inside of quotes leave and enter them: that comes to nothing. */
	for (bool quote = false; *p && (quote || *p != c); p++)
		quote = quote != (*p == '"');
	return p;
}

/* A part of a line up to stop outside of quotes, unquoted, blanks around it gone. malloc'd. */
static char *part(const char **pos, char stop)
{
	const char *p = skip_blanks(*pos), *end = find_outside(p, stop);
	/* Not as long as the rest of the line, of which there may be a million parts. */
	char *out = malloc((size_t)(end - p) + 1);
	size_t n = 0, keep = 0;
	bool quote = false;

	if (!out)
		return NULL;
	for (; p < end; p++) {
		if (*p == '"') {
			/* Two in a row inside of quotes are one that counts. */
			if (quote && p[1] == '"')
				out[n++] = *p++;
			else
				quote = !quote;
			keep = n;
			continue;
		}
		out[n++] = *p;
		if (!is_blank(*p) || quote)
			keep = n;
	}
	out[keep] = '\0';
	*pos = end;
	return out;
}

static int parse_line(const char *p, struct inf_line *ret)
{
	if (*find_outside(p, '=')) {
		ret->key = part(&p, '=');
		if (!ret->key)
			return -ENOMEM;
		p++;
	}
	for (;;) {
		CLEANUP(mem_free) char *value = part(&p, ',');

		if (!value || machine_strv_add(&ret->values, value) < 0)
			return -ENOMEM;
		if (*p != ',')
			return 0;
		p++;
	}
}

static struct inf_section *find(const struct inf *inf, const char *name)
{
	for (size_t i = 0; i < inf->n; i++)
		if (strcasecmp(inf->sections[i].name, name) == 0)
			return &inf->sections[i];
	return NULL;
}

static struct inf_section *open_section(struct inf *inf, const char *p)
{
	const char *end = strrchr(p, ']');
	CLEANUP(mem_free) char *name = strndup(p + 1, end ? (size_t)(end - p - 1) : strlen(p + 1));
	struct inf_section *s = name ? find(inf, name) : NULL;

	if (!name || s)
		return s;
	s = machine_grow(&inf->sections, &inf->n, sizeof(*inf->sections));
	if (s)
		s->name = TAKE_PTR(name);
	return s;
}

/* ---- %strings% ---- */

static const char *string_of(const struct inf_section *strings, const char *name, size_t n)
{
	for (size_t i = 0; strings && i < strings->n; i++) {
		const struct inf_line *l = &strings->lines[i];

		if (l->key && strlen(l->key) == n && strncasecmp(l->key, name, n) == 0)
			return l->values.n ? l->values.v[0] : "";
	}
	return NULL;
}

/* Replace once: what stands in [Strings] is not looked into again. What is unknown stays. */
static int expand(char **value, const struct inf_section *strings)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const char *p = *value;
	char *out;

	if (!strchr(p, '%'))
		return 0;
	strbuf_add(&b, "");
	while (*p) {
		size_t n = strcspn(p, "%");
		const char *end, *text;

		strbuf_addn(&b, p, n);
		p += n;
		if (!*p)
			break;
		end = strchr(p + 1, '%');
		text = end ? string_of(strings, p + 1, (size_t)(end - p - 1)) : NULL;
		if (end == p + 1)
			strbuf_add(&b, "%");
		else if (text)
			strbuf_add(&b, text);
		else
			strbuf_addn(&b, p, end ? (size_t)(end - p + 1) : 1);
		p = end ? end + 1 : p + 1;
		/* A text of megabytes named over and over: nobody means that. */
		if (b.len > INF_MAX)
			return -EFBIG;
	}
	out = strbuf_take(&b);
	if (!out)
		return -ENOMEM;
	free(*value);
	*value = out;
	return 0;
}

static int expand_all(struct inf *inf)
{
	const struct inf_section *strings = find(inf, "Strings");
	size_t total = 0;

	for (size_t i = 0; i < inf->n; i++)
		for (size_t k = 0; k < inf->sections[i].n; k++) {
			struct inf_line *l = &inf->sections[i].lines[k];
			int r = 0;

			if (&inf->sections[i] == strings)
				continue;
			if (l->key)
				r = expand(&l->key, strings);
			for (size_t v = 0; v < l->values.n && r >= 0; v++) {
				r = expand(&l->values.v[v], strings);
				total += strlen(l->values.v[v]);
			}
			if (r >= 0 && total > 4 * INF_MAX)
				r = -EFBIG;
			if (r < 0)
				return r;
		}
	return 0;
}

int inf_parse(const void *data, size_t len, struct inf **ret, struct err *err)
{
	CLEANUP(inf_free) struct inf *inf = calloc(1, sizeof(*inf));
	CLEANUP(strbuf_done) struct strbuf line = { 0 };
	CLEANUP(mem_free) char *text = NULL;
	/* Sections move when another one is added: an index stays right. */
	size_t at = SIZE_MAX;
	const char *pos;
	int r;

	if (len > INF_MAX)
		return err_set(err, EFBIG, "an INF file of %zu bytes", len);
	text = decode(data, len);
	if (!inf || !text)
		return err_nomem(err);
	for (pos = text; next_line(&pos, &line);) {
		const char *p;

		if (line.failed)
			return err_nomem(err);
		p = skip_blanks(line.s);
		if (!*p)
			continue;
		if (inf->nlines++ >= INF_LINES_MAX)
			return err_set(err, EFBIG, "an INF file of more than %d lines",
				       INF_LINES_MAX);
		if (*p == '[') {
			struct inf_section *s = open_section(inf, p);

			if (!s)
				return err_nomem(err);
			at = (size_t)(s - inf->sections);
		} else if (at != SIZE_MAX) {
			struct inf_section *s = &inf->sections[at];
			struct inf_line *l = machine_grow(&s->lines, &s->n, sizeof(*s->lines));

			if (!l || parse_line(p, l) < 0)
				return err_nomem(err);
		}
	}
	r = expand_all(inf);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return err_set(err, -r, "an INF file whose strings become too long");
	*ret = TAKE_PTR(inf);
	return 0;
}

const struct inf_section *inf_section(const struct inf *inf, const char *name)
{
	return find(inf, name);
}

const char *inf_value(const struct inf_section *s, const char *key)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (s->lines[i].key && strcasecmp(s->lines[i].key, key) == 0)
			return s->lines[i].values.n ? s->lines[i].values.v[0] : "";
	return NULL;
}
