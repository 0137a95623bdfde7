/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/crypttab.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "postfix/linux/lines.h"

struct rewrite {
	const struct devmap *map;
	struct machine_strv *notes;
};

static int rewrite_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct devmap *map = ((struct rewrite *)opaque)->map;
	struct machine_strv *notes = ((struct rewrite *)opaque)->notes;
	const char *p = l->s, *end = l->s + l->len;
	CLEANUP(mem_free) char *device = NULL, *to = NULL, *msg = NULL;
	struct span name, dev;
	char safe[160];
	int answer;

	if (lines_is_comment(l, "#") || !lines_word(&p, end, &name) || !lines_word(&p, end, &dev))
		goto keep;
	device = lines_span_dup(dev);
	if (!device)
		return -ENOMEM;
	answer = devmap_translate(map, device, DEVMAP_TAG, &to, NULL);
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_MAPPED && strncmp(to, "UUID=", 5) != 0) {
		free(to);
		to = NULL;
		answer = devmap_translate(map, device, DEVMAP_PATH, &to, NULL);
	}
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_UNKNOWN && notes) {
		text_escape_str(device, safe, sizeof(safe));
		if (asprintf(&msg,
			     "/etc/crypttab: %s is not a device of the recorded machine: left as "
			     "it is",
			     safe) < 0)
			return -ENOMEM;
		if (machine_strv_add(notes, msg) < 0)
			return -ENOMEM;
	}
	if (answer != DEVMAP_MAPPED)
		goto keep;
	strbuf_addn(out, l->s, (size_t)(dev.s - l->s));
	strbuf_add(out, to);
	strbuf_addn(out, dev.s + dev.len, (size_t)(l->s + l->full - (dev.s + dev.len)));
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int crypttab_rewrite(const char *text, const struct devmap *map, char **ret,
		     struct machine_strv *notes)
{
	struct rewrite rw = { .map = map, .notes = notes };

	return lines_rewrite(text, rewrite_line, &rw, ret);
}
