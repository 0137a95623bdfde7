/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/block/mountinfo.h"

#include <string.h>
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/collect_util.h"

#define MOUNTINFO_MAX	((size_t)4 << 20)

void mountinfo_unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static int take(const char *word, char **ret)
{
	CLEANUP(mem_free) char *copy = strdup(word);

	if (!copy)
		return -ENOMEM;
	mountinfo_unescape(copy);
	return collect_util_text(copy, strlen(copy), ret);
}

static void entry_done(struct mountinfo_entry *e)
{
	free(e->dev);
	free(e->root);
	free(e->target);
	free(e->options);
	free(e->fs);
	free(e->source);
	free(e->path);
}

static bool has_option(const char *list, const char *o, size_t len)
{
	for (;;) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, o, n) == 0)
			return true;
		if (!list[n])
			return false;
		list += n + 1;
	}
}

/*
 * Those of the mount, then what the filesystem adds, as findmnt(8) shows them; what either keeps
 * read-only is read-only.
 */
static int take_options(const char *mount, const char *fs, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *all = NULL;

	if (has_option(mount, "rw", 2) && has_option(fs, "ro", 2)) {
		strbuf_add(&b, "ro");
		mount += 2;
	}
	strbuf_add(&b, mount);
	while (*fs) {
		size_t n = strcspn(fs, ",");

		if (!has_option(mount, fs, n) && !has_option("rw,ro", fs, n)) {
			strbuf_add(&b, ",");
			strbuf_addn(&b, fs, n);
		}
		fs += n + (fs[n] == ',');
	}
	all = strbuf_take(&b);
	return all ? take(all, ret) : -ENOMEM;
}

/* As the kernel has it: blanks at the ends and bytes that are no UTF-8 are part of a name. */
static int take_path(const char *word, char **ret)
{
	*ret = strdup(word);
	if (!*ret)
		return -ENOMEM;
	mountinfo_unescape(*ret);
	return 0;
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static int parse_mount(char *line, struct mountinfo *m)
{
	char *f[6], *tail = strstr(line, " - "), *save = NULL, *fs, *source, *super;
	struct mountinfo_entry e = { 0 }, *slot;
	int r;

	if (!tail)
		return 0;
	*tail = '\0';
	for (int i = 0; i < 6; i++) {
		f[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!f[i])
			return 0;
	}
	fs = strtok_r(tail + 3, " ", &save);
	source = fs ? strtok_r(NULL, " ", &save) : NULL;
	if (!source)
		return 0;
	super = strtok_r(NULL, " ", &save);
	e.id = strtoull(f[0], NULL, 10);
	e.parent = strtoull(f[1], NULL, 10);
	e.fs_readonly = super && has_option(super, "ro", 2);
	r = take(f[2], &e.dev);
	if (r == 0)
		r = take(f[3], &e.root);
	if (r == 0)
		r = take(f[4], &e.target);
	if (r == 0)
		r = take_path(f[4], &e.path);
	if (r == 0)
		r = take_options(f[5], super ? super : "", &e.options);
	if (r == 0)
		r = take(fs, &e.fs);
	if (r == 0)
		r = take(source, &e.source);
	if (r < 0 || !e.dev || !e.root || !e.target || !e.fs) {
		entry_done(&e);
		return r;
	}
	slot = machine_grow(&m->mounts, &m->nmounts, sizeof(*slot));
	if (!slot) {
		entry_done(&e);
		return -ENOMEM;
	}
	*slot = e;
	return 0;
}

static int parse_swap(char *line, struct mountinfo *m)
{
	char *end = line + strcspn(line, " \t");
	CLEANUP(mem_free) char *path = NULL;
	int r;

	*end = '\0';
	r = take(line, &path);
	/* The header line and swap files' odd cases do not begin with a slash. */
	return r < 0 || !path || path[0] != '/' ? r : machine_strv_add(&m->swaps, path);
}

static int each_line(char *text, int (*fn)(char *line, struct mountinfo *m), struct mountinfo *m)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int r = fn(line, m);

		if (r < 0)
			return r;
	}
	return 0;
}

int mountinfo_read_self(struct mountinfo *ret, struct err *err)
{
	CLEANUP(mountinfo_done) struct mountinfo m = { 0 };
	CLEANUP(mem_free) char *text = NULL;
	int r = fdio_read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	if (each_line(text, parse_mount, &m) < 0)
		return err_nomem(err);
	*ret = m;
	m = (struct mountinfo){ 0 };
	return 0;
}

/* A text that may be NULL, line by line, in a copy. */
static int each_line_of(const char *text, int (*fn)(char *line, struct mountinfo *m),
			struct mountinfo *m)
{
	CLEANUP(mem_free) char *copy = strdup(text ? text : "");

	return copy ? each_line(copy, fn, m) : -ENOMEM;
}

int mountinfo_parse(const char *mounts, const char *swaps, struct mountinfo *ret)
{
	CLEANUP(mountinfo_done) struct mountinfo m = { 0 };
	int r = each_line_of(mounts, parse_mount, &m);

	if (r == 0)
		r = each_line_of(swaps, parse_swap, &m);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct mountinfo){ 0 };
	return 0;
}

int mountinfo_read(const struct sysroot *root, struct mountinfo *ret)
{
	CLEANUP(mountinfo_done) struct mountinfo m = { 0 };
	CLEANUP(mem_free) char *mounts = NULL, *swaps = NULL;
	int r;

	r = sysroot_read(root, &mounts, NULL, "/proc/1/mountinfo");
	if (r < 0)
		r = sysroot_read(root, &mounts, NULL, "/proc/self/mountinfo");
	if (r >= 0)
		r = each_line(mounts, parse_mount, &m);
	if (r == -ENOMEM)
		return r;
	r = sysroot_read(root, &swaps, NULL, "/proc/swaps");
	if (r >= 0)
		r = each_line(swaps, parse_swap, &m);
	if (r == -ENOMEM)
		return r;
	*ret = m;
	m = (struct mountinfo){ 0 };
	return 0;
}

void mountinfo_done(struct mountinfo *m)
{
	for (size_t i = 0; i < m->nmounts; i++)
		entry_done(&m->mounts[i]);
	free(m->mounts);
	machine_strv_done(&m->swaps);
	*m = (struct mountinfo){ 0 };
}
