/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tree.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

#define VARS_MAX	96
#define SPEC_MAX	(8 * 1024 * 1024)
#define USE_DEPTH	4

struct tree_var {
	char name[16];
	long long value;
	char *text;		/* of "set"; NULL: a loop's number */
};

struct tree {
	int dirfd;
	struct tree_var vars[VARS_MAX];
	size_t nvars;
	const char *spec;
	int depth;
	unsigned int nsmbios;
	struct err *err;
};

struct lines {
	char **v;
	size_t n;
};

/* -- expressions -- */

struct expr {
	const struct tree *t;
	const char *p;
	bool bad;
};

static const struct tree_var *find_var(const struct tree *t, const char *name, size_t len)
{
	for (size_t i = t->nvars; len > 0 && i-- > 0;)
		if (strlen(t->vars[i].name) == len && memcmp(t->vars[i].name, name, len) == 0)
			return &t->vars[i];
	return NULL;
}

static long long sum(struct expr *e);

static long long atom(struct expr *e)
{
	const struct tree_var *var;
	long long n = 0;
	size_t len;

	if (*e->p == '(') {
		e->p++;
		n = sum(e);
		if (*e->p++ != ')')
			e->bad = true;
		return n;
	}
	if (isdigit((unsigned char)*e->p)) {
		char *end;

		n = strtoll(e->p, &end, 0);
		e->p = end;
		return n;
	}
	len = strspn(e->p, "abcdefghijklmnopqrstuvwxyz");
	var = find_var(e->t, e->p, len);
	n = var ? var->value : 0;
	if (var && var->text) {
		char *end;

		n = strtoll(var->text, &end, 0);
		e->bad = e->bad || end == var->text || *end;
	}
	e->bad = e->bad || !var;
	e->p += len;
	return n;
}

static long long product(struct expr *e)
{
	long long v = atom(e);

	while (!e->bad && (*e->p == '*' || *e->p == '/' || *e->p == '%')) {
		char op = *e->p++;
		long long w = atom(e);

		if (op == '*')
			v *= w;
		else if (w == 0)
			e->bad = true;
		else
			v = op == '/' ? v / w : v % w;
	}
	return v;
}

static long long sum(struct expr *e)
{
	long long v = product(e);

	while (!e->bad && (*e->p == '+' || *e->p == '-')) {
		char op = *e->p++;
		long long w = product(e);

		v = op == '+' ? v + w : v - w;
	}
	return v;
}

/* 0 is "a", 25 "z", 26 "aa": as the kernel names sd devices. */
static void disk_letters(long long v, struct strbuf *out)
{
	char text[16], *p = text + sizeof(text) - 1;

	*p = '\0';
	for (v++; v > 0 && p > text; v /= 26) {
		v--;
		*--p = (char)('a' + v % 26);
	}
	strbuf_add(out, p);
}

/* Returns what follows the closing brace, NULL when it is no expression. */
static const char *expand_one(const struct tree *t, const char *p, struct strbuf *out)
{
	struct expr e = { .t = t, .p = p };
	size_t name = strspn(p, "abcdefghijklmnopqrstuvwxyz");
	const struct tree_var *var = p[name] == '}' ? find_var(t, p, name) : NULL;
	long long v;
	bool hex = false;
	int width = 0;
	char text[64];

	if (var && var->text) {
		strbuf_add(out, var->text);
		return p + name + 1;
	}
	v = sum(&e);
	if (e.bad)
		return NULL;
	if (*e.p == ':') {
		size_t len = strcspn(++e.p, "}");

		if (len == 2 && memcmp(e.p, "sd", 2) == 0) {
			disk_letters(v, out);
			return e.p[len] == '}' ? e.p + len + 1 : NULL;
		}
		width = atoi(e.p);
		hex = len > 0 && e.p[len - 1] == 'x';
		if (len == 0 || width > 32 || !strchr("dx", e.p[len - 1]) ||
		    strspn(e.p, "0123456789") != len - 1)
			return NULL;
		e.p += len;
	}
	if (*e.p != '}')
		return NULL;
	if (hex)
		snprintf(text, sizeof(text), "%0*llx", width, (unsigned long long)v);
	else
		snprintf(text, sizeof(text), "%0*lld", width, v);
	strbuf_add(out, text);
	return e.p + 1;
}

static int expand(const struct tree *t, const char *line, char **ret)
{
	struct strbuf out = { 0 };

	for (const char *p = line; *p;) {
		if (*p != '{' || p[1] == '{') {
			strbuf_addn(&out, p, 1);
			p += *p == '{' ? 2 : 1;
			continue;
		}
		p = expand_one(t, p + 1, &out);
		if (!p) {
			free(strbuf_take(&out));
			return -EINVAL;
		}
	}
	*ret = strbuf_take(&out);
	return *ret ? 0 : -ENOMEM;
}

/* -- what the lines make -- */

/* "/a/b/c" as "a/b/c" with the folders a and a/b made. */
static int parents(struct tree *t, const char *path, const char **ret)
{
	char copy[4096];

	if (path[0] != '/' || !path[1] || strlen(path) >= sizeof(copy) || strstr(path, "/../"))
		return -EINVAL;
	*ret = path + 1;
	strcpy(copy, path + 1);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdirat(t->dirfd, copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int put(struct tree *t, const char *path, const void *data, size_t len, int flags)
{
	CLEANUP(fd_close) int fd = -1;
	const char *rel;
	int r = parents(t, path, &rel);

	if (r < 0)
		return r;
	fd = openat(t->dirfd, rel, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	if (fd < 0)
		return -errno;
	return fdio_write_full(fd, data, len);
}

static int put_line(struct tree *t, const char *path, const char *text)
{
	CLEANUP(mem_free) char *line = *text ? text_format("%s\n", text) : strdup("");

	return line ? put(t, path, line, strlen(line), O_TRUNC) : -ENOMEM;
}

static int put_hex(struct tree *t, const char *path, const char *hex)
{
	size_t n = strlen(hex) / 2;
	CLEANUP(mem_free) unsigned char *bytes = calloc(1, n + 1);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		unsigned int v;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return -EINVAL;
		bytes[i] = (unsigned char)v;
	}
	return put(t, path, bytes, n, O_TRUNC);
}

/*
 * TYPE HEX [STRING|STRING...]: append a structure to the table of SMBIOS (DSP0134, 6.1): type,
 * length, a handle counted from 0, the bytes, and the strings, which a further NUL ends.
 */
static int put_smbios(struct tree *t, const char *type, char *rest)
{
	unsigned char s[4096] = { (unsigned char)strtoul(type, NULL, 0) };
	size_t hex = strspn(rest, "0123456789abcdef"), len = 4 + hex / 2;
	char *strings = rest + hex;

	if (hex % 2 || hex > 400 || (*strings && *strings != ' ') || strlen(strings) > 2048)
		return -EINVAL;
	s[1] = (unsigned char)len;
	s[2] = (unsigned char)t->nsmbios;
	s[3] = (unsigned char)(t->nsmbios++ >> 8);
	for (size_t i = 0; i < hex / 2; i++) {
		unsigned int v = 0;

		sscanf(rest + 2 * i, "%2x", &v);
		s[4 + i] = (unsigned char)v;
	}
	strings += strspn(strings, " ");
	for (const char *p = strings; *p; p++)
		s[len++] = *p == '|' ? 0 : (unsigned char)*p;
	return put(t, "/sys/firmware/dmi/tables/DMI", s, len + 2, O_APPEND);
}

static int set_var(struct tree *t, const char *name, const char *text)
{
	const struct tree_var *old = find_var(t, name, strlen(name));
	struct tree_var *var = &t->vars[t->nvars];
	size_t len = strlen(name);

	if (!len || len >= sizeof(var->name) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz") != len || (old && !old->text))
		return -EINVAL;
	if (old) {
		var = &t->vars[old - t->vars];
		free(var->text);
	} else if (t->nvars == VARS_MAX) {
		return -E2BIG;
	} else {
		t->nvars++;
	}
	strcpy(var->name, name);
	var->text = strdup(text);
	return var->text ? 0 : -ENOMEM;
}

static int put_zero(struct tree *t, const char *path, const char *size)
{
	size_t n = strtoul(size, NULL, 0);
	CLEANUP(mem_free) void *bytes = calloc(1, n + 1);

	return bytes ? put(t, path, bytes, n, O_TRUNC) : -ENOMEM;
}

/* Of two disks that give themselves the same name the later one has it. */
static int put_link(struct tree *t, const char *rel, const char *target)
{
	struct stat st;

	if (fstatat(t->dirfd, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		(void)unlinkat(t->dirfd, rel, 0);
	return symlinkat(target, t->dirfd, rel) < 0 ? -errno : 0;
}

static int make(struct tree *t, char *line)
{
	char *word = line, *path, *rest;
	const char *rel;
	int r;

	path = line + strcspn(line, " \t");
	if (*path)
		*path++ = '\0';
	path += strspn(path, " \t");
	rest = path + strcspn(path, " \t");
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, " \t");

	if (strcmp(word, "file") == 0)
		return put_line(t, path, rest);
	if (strcmp(word, "hex") == 0)
		return put_hex(t, path, rest);
	if (strcmp(word, "zero") == 0)
		return put_zero(t, path, rest);
	if (strcmp(word, "smbios") == 0)
		return put_smbios(t, path, rest);
	if (strcmp(word, "set") == 0)
		return set_var(t, path, rest);
	r = parents(t, path, &rel);
	if (r < 0)
		return r;
	if (strcmp(word, "dir") == 0)
		r = mkdirat(t->dirfd, rel, 0755) < 0 && errno != EEXIST ? -errno : 0;
	else if (strcmp(word, "link") == 0 && *rest)
		r = put_link(t, rel, rest);
	else if (strcmp(word, "mode") == 0 && *rest)
		r = fchmodat(t->dirfd, rel, (mode_t)strtoul(rest, NULL, 8), 0) < 0 ? -errno : 0;
	else
		r = -EINVAL;
	return r;
}

/* -- lines -- */

static bool starts(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t' || !line[n]);
}

static int fail(struct tree *t, size_t line, int r)
{
	return err_set(t->err, -r, "%s:%zu: %s", t->spec, line + 1,
		       r == -EINVAL ? "not understood" : strerror(-r));
}

/* The index of the "end" that belongs to the "each" before from; l->n when there is none. */
static size_t find_end(const struct lines *l, size_t from)
{
	int depth = 1;

	for (size_t i = from; i < l->n; i++) {
		if (starts(l->v[i], "text") || starts(l->v[i], "more"))
			while (i + 1 < l->n && strcmp(l->v[i], ".") != 0)
				i++;
		depth += starts(l->v[i], "each");
		depth -= starts(l->v[i], "end");
		if (depth == 0)
			return i;
	}
	return l->n;
}

static int run(struct tree *t, const struct lines *l, size_t from, size_t to);

static void forget(struct tree *t, size_t keep)
{
	while (t->nvars > keep)
		free(t->vars[--t->nvars].text);
}

static int run_each(struct tree *t, const struct lines *l, size_t at, size_t *ret_end)
{
	CLEANUP(mem_free) char *line = NULL;
	struct tree_var *var = &t->vars[t->nvars];
	long long first, last;
	size_t keep;
	int r = expand(t, l->v[at], &line);

	if (r < 0)
		return fail(t, at, r);
	*ret_end = find_end(l, at + 1);
	if (t->nvars == VARS_MAX || *ret_end == l->n ||
	    sscanf(line, "each %15[a-z] %lld %lld", var->name, &first, &last) != 3)
		return fail(t, at, -EINVAL);
	var->text = NULL;
	t->nvars++;
	keep = t->nvars;
	for (long long i = first; i <= last && r == 0; i++) {
		var->value = i;
		r = run(t, l, at + 1, *ret_end);
		forget(t, keep);
	}
	forget(t, keep - 1);
	return r;
}

static int run_text(struct tree *t, const struct lines *l, size_t at, size_t *ret_end)
{
	CLEANUP(mem_free) char *head = NULL, *all = NULL;
	struct strbuf out = { 0 };
	size_t i;
	int r = expand(t, l->v[at], &head);

	for (i = at + 1; r == 0 && i < l->n && strcmp(l->v[i], ".") != 0; i++) {
		CLEANUP(mem_free) char *line = NULL;

		r = expand(t, l->v[i], &line);
		if (r == 0) {
			strbuf_add(&out, line);
			strbuf_add(&out, "\n");
		}
	}
	*ret_end = i;
	all = strbuf_take(&out);
	if (r == 0 && i == l->n)
		r = -EINVAL;
	if (r == 0)
		r = put(t, head + 4 + strspn(head + 4, " \t"), all ? all : "",
			all ? strlen(all) : 0, *head == 'm' ? O_APPEND : O_TRUNC);
	return r < 0 ? fail(t, at, r) : 0;
}

static int run_file(struct tree *t, const char *spec);

static int run_use(struct tree *t, const char *line, size_t at)
{
	const char *name = line + 3 + strspn(line + 3, " \t"), *slash = strrchr(t->spec, '/');
	CLEANUP(mem_free) char *path = text_format(
		"%.*s%s", slash ? (int)(slash - t->spec) + 1 : 0, t->spec, name);
	const char *mine = t->spec;
	int r;

	if (!path || t->depth == USE_DEPTH)
		return fail(t, at, path ? -ELOOP : -ENOMEM);
	t->depth++;
	r = run_file(t, path);
	t->depth--;
	t->spec = mine;
	return r;
}

static int run(struct tree *t, const struct lines *l, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		CLEANUP(mem_free) char *line = NULL;
		int r;

		if (!*l->v[i] || *l->v[i] == '#')
			continue;
		if (starts(l->v[i], "each")) {
			r = run_each(t, l, i, &i);
			if (r < 0)
				return r;
			continue;
		}
		if (starts(l->v[i], "text") || starts(l->v[i], "more")) {
			r = run_text(t, l, i, &i);
			if (r < 0)
				return r;
			continue;
		}
		r = expand(t, l->v[i], &line);
		if (r == 0 && starts(line, "use")) {
			r = run_use(t, line, i);
			if (r < 0)
				return r;
			continue;
		}
		if (r == 0)
			r = make(t, line);
		if (r < 0)
			return fail(t, i, r);
	}
	return 0;
}

static int run_file(struct tree *t, const char *spec)
{
	CLEANUP(mem_free) char *text = NULL;
	struct lines l = { 0 };
	size_t len, n = 1;
	int r = fdio_read_file(spec, SPEC_MAX, &text, &len, t->err);

	if (r < 0)
		return r;
	t->spec = spec;
	for (char *p = text; *p; p++)
		n += *p == '\n';
	l.v = calloc(n + 1, sizeof(*l.v));
	if (!l.v)
		return err_nomem(t->err);
	for (char *p = text; p && *p;) {
		char *end = strchr(p, '\n');

		l.v[l.n++] = p;
		if (end)
			*end++ = '\0';
		p = end;
	}
	r = run(t, &l, 0, l.n);
	free(l.v);
	return r;
}

int tree_make(const char *spec, const char *dir, struct err *err)
{
	struct tree t = { .dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .err = err };
	int r;

	if (t.dirfd < 0)
		return err_code(err, errno, "cannot open %s", dir);
	r = run_file(&t, spec);
	forget(&t, 0);
	close(t.dirfd);
	return r;
}
