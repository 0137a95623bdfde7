/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/moddep.h"

#include <errno.h>
#include <string.h>

#include "common/compiler.h"
#include "common/kernelname.h"

/* "/lib/modules/VERSION/kernel/x.ko" -> "kernel/x.ko" */
static struct span below(struct span path, const char *version)
{
	static const char dir[] = "/lib/modules/";
	const char *at = path.len && path.s[0] == '/' ?
				 memmem(path.s, path.len, dir, sizeof(dir) - 1) : NULL;
	size_t n = strlen(version), skip;

	if (!at)
		return path;
	skip = (size_t)(at - path.s) + sizeof(dir) - 1;
	if (path.len <= skip + n || memcmp(path.s + skip, version, n) != 0 ||
	    path.s[skip + n] != '/')
		return path;
	skip += n + 1;
	return (struct span){ path.s + skip, path.len - skip };
}

static int compare(struct span a, struct span b)
{
	int r = memcmp(a.s, b.s, MIN(a.len, b.len));

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int by_path(const void *a, const void *b)
{
	const struct moddep_line *x = a, *y = b;

	return compare(x->path, y->path);
}

int moddep_parse(const char *text, const char *version, struct moddep *ret)
{
	CLEANUP(moddep_done) struct moddep d = { 0 };
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		const char *colon = memchr(l.s, ':', l.len);
		struct moddep_line *x;

		if (!colon || colon == l.s)
			continue;
		x = machine_grow(&d.v, &d.n, sizeof(*d.v));
		if (!x)
			return -ENOMEM;
		x->path = below((struct span){ l.s, (size_t)(colon - l.s) }, version);
		x->needs = (struct span){ colon + 1, (size_t)(l.s + l.len - colon - 1) };
	}
	if (d.n)
		qsort(d.v, d.n, sizeof(*d.v), by_path);
	*ret = d;
	d = (struct moddep){ 0 };
	return 0;
}

void moddep_done(struct moddep *d)
{
	free(d->v);
	*d = (struct moddep){ 0 };
}

static const struct moddep_line *find(const struct moddep *d, struct span path)
{
	struct moddep_line key = { .path = path };

	return d->n ? bsearch(&key, d->v, d->n, sizeof(*d->v), by_path) : NULL;
}

bool moddep_has_path(const struct moddep *d, const char *path)
{
	return find(d, (struct span){ path, strlen(path) }) != NULL;
}

static int add(struct span path, struct machine_strv *ret)
{
	CLEANUP(mem_free) char *s = lines_span_dup(path);

	/* It becomes a path in the guest and in an archive. */
	if (!s)
		return -ENOMEM;
	if (!*s || *s == '/' || strstr(s, "..") || machine_strv_has(ret, s))
		return 0;
	return machine_strv_add(ret, s);
}

/* ret is the work list, too: what it gains is looked at in its turn. */
int moddep_closure(const struct moddep *d, const char *const *names, size_t n,
		   struct machine_strv *ret)
{
	size_t from = ret->n;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < d->n; k++)
			if (kernelname_is_module(d->v[k].path.s, d->v[k].path.len, names[i]) &&
			    add(d->v[k].path, ret) < 0)
				return -ENOMEM;
	for (; from < ret->n; from++) {
		const struct moddep_line *x =
			find(d, (struct span){ ret->v[from], strlen(ret->v[from]) });
		const char *p = x ? x->needs.s : NULL;
		struct span w;

		while (x && lines_word(&p, x->needs.s + x->needs.len, &w)) {
			const char *dir = memmem(w.s, w.len, "/lib/modules/", 13);
			struct span rel = w;

			if (w.s[0] == '/' && dir) {
				/* The version's part ends at the next slash. */
				const char *end = memchr(dir + 13, '/',
							 (size_t)(w.s + w.len - dir - 13));

				if (!end)
					continue;
				rel = (struct span){ end + 1, (size_t)(w.s + w.len - end - 1) };
			}
			if (add(rel, ret) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}
