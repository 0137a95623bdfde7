/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/modlist.h"

#include <string.h>

#include "common/text.h"
#include "postfix/linux/lines.h"

static bool module_of(const struct line *l, struct span *ret)
{
	const char *p = l->s;

	return !lines_is_comment(l, "#;") && lines_word(&p, l->s + l->len, ret);
}

static bool same_module(struct span w, const char *module)
{
	if (w.len != strlen(module))
		return false;
	for (size_t i = 0; i < w.len; i++) {
		char a = w.s[i] == '-' ? '_' : w.s[i];
		char b = module[i] == '-' ? '_' : module[i];

		if (a != b)
			return false;
	}
	return true;
}

bool modlist_has(const char *text, const char *module)
{
	const char *pos = text;
	struct line l;
	struct span w;

	while (lines_next(&pos, &l))
		if (module_of(&l, &w) && same_module(w, module))
			return true;
	return false;
}

int modlist_drop(const char *text, bool (*drop)(const char *module, void *opaque), void *opaque,
		 char **ret, struct machine_strv *dropped)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool changed = false;
	struct line l;
	char *s;

	while (lines_next(&pos, &l)) {
		CLEANUP(mem_free) char *name = NULL;
		struct span w;

		if (module_of(&l, &w)) {
			name = lines_span_dup(w);
			if (!name)
				return -ENOMEM;
		}
		if (name && drop(name, opaque)) {
			changed = true;
			strbuf_add(&out, "#");
			if (dropped && machine_strv_add(dropped, name) < 0)
				return -ENOMEM;
		}
		strbuf_addn(&out, l.s, l.full);
	}
	if (!changed)
		return 0;
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

int modlist_add(const char *text, const char *const *modules, size_t n, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	size_t len = strlen(text);
	bool changed = false;
	char *s;

	strbuf_addn(&out, text, len);
	if (len && text[len - 1] != '\n')
		strbuf_add(&out, "\n");
	for (size_t i = 0; i < n; i++) {
		if (modlist_has(text, modules[i]))
			continue;
		changed = true;
		strbuf_add(&out, modules[i]);
		strbuf_add(&out, "\n");
	}
	if (!changed)
		return 0;
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}
