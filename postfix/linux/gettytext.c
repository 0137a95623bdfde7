/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/gettytext.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "postfix/linux/lines.h"

#define PORT "ttyS"

/* The next port but ttyS0 in [p, end): where its number is; NULL when there is none. */
static const char *next_port(const char *p, const char *end, const char **ret_end)
{
	while (p < end && (p = memmem(p, (size_t)(end - p), PORT, 4)) != NULL) {
		const char *q = p += 4;

		while (q < end && *q >= '0' && *q <= '9')
			q++;
		if (q > p && !(q == p + 1 && *p == '0')) {
			*ret_end = q;
			return p;
		}
	}
	return NULL;
}

static int upstart_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const char *p = l->s, *end = l->s + l->len, *num, *after;
	int changed = 0;

	(void)opaque;
	if (!lines_is_comment(l, "#") && memmem(l->s, l->len, "getty", 5))
		while ((num = next_port(p, end, &after)) != NULL) {
			strbuf_addn(out, p, (size_t)(num - p));
			strbuf_add(out, "0");
			p = after;
			changed = 1;
		}
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
	return changed;
}

int gettytext_upstart(const char *text, char **ret)
{
	return lines_rewrite(text, upstart_line, NULL, ret);
}

int gettytext_securetty(const char *text, char **ret)
{
	bool first = false, other = false;
	const char *pos = text, *p;
	struct span w;
	struct line l;
	char *s;

	while (lines_next(&pos, &l)) {
		p = l.s;
		if (lines_is_comment(&l, "#") || !lines_word(&p, l.s + l.len, &w))
			continue;
		first = first || lines_span_is(w, "ttyS0");
		other = other || (lines_span_starts(w, PORT) && !lines_span_is(w, "ttyS0"));
	}
	if (first || !other)
		return 0;
	s = text_format("%s%sttyS0\n", text, pos[-1] == '\n' ? "" : "\n");
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

char *gettytext_first_port(const char *name)
{
	const char *end = name + strlen(name), *after, *num = next_port(name, end, &after);

	return num ? text_format("%.*s0%s", (int)(num - name), name, after) : NULL;
}
