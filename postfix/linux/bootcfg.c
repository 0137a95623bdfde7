/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/bootcfg.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "postfix/linux/lines.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

enum bootcfg_kind bootcfg_kind_of(const char *path)
{
	static const struct {
		const char *part; /* with a '/' at its end: a folder, else the path's end */
		enum bootcfg_kind kind;
	} places[] = {
		{ "/loader/entries/", BOOTCFG_LOADER_ENTRY },
		{ "/etc/cmdline.d/", BOOTCFG_CMDLINE },
		{ "/etc/default/", BOOTCFG_GRUB_DEFAULT },
		{ "/etc/sysconfig/", BOOTCFG_GRUB_DEFAULT },
		{ "/update-extlinux.conf", BOOTCFG_GRUB_DEFAULT },
		{ "/kernel/cmdline", BOOTCFG_CMDLINE },
		{ "/grubenv", BOOTCFG_GRUBENV },
		{ "/menu.lst", BOOTCFG_GRUB_LEGACY },
		{ "/grub.conf", BOOTCFG_GRUB_LEGACY },
		{ "/boot/extlinux/", BOOTCFG_SYSLINUX },
		{ "/extlinux.conf", BOOTCFG_SYSLINUX },
		{ "/syslinux.cfg", BOOTCFG_SYSLINUX },
		{ "lilo.conf", BOOTCFG_LILO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (ends_with(places[i].part, "/") ? strstr(path, places[i].part) != NULL :
						     ends_with(path, places[i].part))
			return places[i].kind;
	return BOOTCFG_GRUB_CFG;
}

/* What is between quotes, or all of it; false when a quote does not end. */
static bool unquote(struct span value, struct span *ret)
{
	char quote = value.len ? value.s[0] : '\0';

	*ret = value;
	if (quote == '"' || quote == '\'') {
		size_t i = 1;

		while (i < value.len && value.s[i] != quote)
			i += quote == '"' && value.s[i] == '\\' ? 2 : 1;
		if (i >= value.len)
			return false;
		*ret = (struct span){ value.s + 1, i - 1 };
	}
	return ret->len > 0;
}

static bool one_of(struct span key, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lines_span_is(key, names[i]))
			return true;
	return false;
}

/* The span of kernel arguments on a line; false when the line has none. */
static bool find_default(const struct line *l, struct span *ret)
{
	static const char *const names[] = { "EXTLINUX_PARAMETERS", "EXTLINUX_ROOT",
					     "default_kernel_opts", "xen_opts" };
	static const char append[] = "_APPEND";
	size_t n = sizeof(append) - 1;
	struct span key, value;

	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
		return false;
	/* Alpine: the whole line reads like an argument. */
	if (lines_span_is(key, "root")) {
		*ret = (struct span){ key.s, (size_t)(value.s + value.len - key.s) };
		return true;
	}
	if (!lines_span_starts(key, "GRUB_CMDLINE_") && !one_of(key, names, ARRAY_SIZE(names)) &&
	    !(key.len > n && memcmp(key.s + key.len - n, append, n) == 0))
		return false;
	return unquote(value, ret);
}

/* "kernelopts=args" of grubenv, "set kernelopts="args"" of grub.cfg. */
static bool find_variable(const struct line *l, bool set, struct span *ret)
{
	static const char *const names[] = { "kernelopts", "default_kernelopts", "tuned_params" };
	const char *p = l->s;
	struct line rest = *l;
	struct span w, key, value;

	if (set) {
		if (!lines_word(&p, l->s + l->len, &w) || !lines_span_is(w, "set"))
			return false;
		rest.s = p;
		rest.len = (size_t)(l->s + l->len - p);
	}
	if (!lines_assignment(&rest, &key, &value) || !one_of(key, names, ARRAY_SIZE(names)))
		return false;
	return unquote(value, ret);
}

/* append = "args", append="args"; elsewhere root=device is told apart by its key. */
static bool find_lilo(const struct line *l, struct span *ret)
{
	static const char *const names[] = { "append", "addappend", "literal" };
	struct span key, value;

	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
		return false;
	return one_of(key, names, ARRAY_SIZE(names)) && unquote(value, ret);
}

static bool find_syslinux(const struct line *l, struct span *ret)
{
	const char *p = l->s;
	struct span w;

	if (!lines_word(&p, l->s + l->len, &w) || w.len != 6 || strncasecmp(w.s, "append", 6) != 0)
		return false;
	*ret = (struct span){ p, (size_t)(l->s + l->len - p) };
	return true;
}

static bool find_after_image(const struct line *l, const char *const *commands, size_t n,
			     struct span *ret)
{
	const char *p = l->s, *end = l->s + l->len;
	struct span w, image;

	if (!lines_word(&p, end, &w))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!lines_span_is(w, commands[i]))
			continue;
		/* GRUB legacy has options before the image: kernel --no-mem-option /vmlinuz */
		do {
			if (!lines_word(&p, end, &image))
				return false;
		} while (lines_span_starts(image, "--"));
		*ret = (struct span){ p, (size_t)(end - p) };
		return true;
	}
	return false;
}

static bool find_legacy_comment(const struct line *l, struct span *ret)
{
	static const char *const keys[] = { "kopt=", "defoptions=", "xenkopt=", "altoptions=" };
	const char *p = lines_text(l), *end = l->s + l->len;

	/* update-grub keeps its settings in lines that begin with exactly "# ". */
	if (end - p < 2 || p[0] != '#' || p[1] != ' ' || p[2] == '#')
		return false;
	p += 2;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n = strlen(keys[i]);

		if ((size_t)(end - p) <= n || memcmp(p, keys[i], n) != 0)
			continue;
		*ret = (struct span){ p + n, (size_t)(end - p) - n };
		return true;
	}
	return false;
}

static bool find_args(enum bootcfg_kind kind, const struct line *l, struct span *ret)
{
	static const char *const linux_words[] = { "linux", "linux16", "linuxefi", "module",
						   "module2" };
	static const char *const kernel_words[] = { "kernel", "module" };
	const char *p = l->s;
	struct span w;

	switch (kind) {
	case BOOTCFG_GRUB_DEFAULT:
		return find_default(l, ret);
	case BOOTCFG_GRUB_CFG:
		return find_after_image(l, linux_words, ARRAY_SIZE(linux_words), ret) ||
		       find_variable(l, true, ret);
	case BOOTCFG_GRUB_LEGACY:
		return find_legacy_comment(l, ret) ||
		       find_after_image(l, kernel_words, ARRAY_SIZE(kernel_words), ret);
	case BOOTCFG_LOADER_ENTRY:
		if (!lines_word(&p, l->s + l->len, &w) || !lines_span_is(w, "options"))
			return false;
		*ret = (struct span){ p, (size_t)(l->s + l->len - p) };
		return true;
	case BOOTCFG_CMDLINE:
		*ret = (struct span){ l->s, l->len };
		return !lines_is_comment(l, "#");
	case BOOTCFG_GRUBENV:
		return !lines_is_comment(l, "#") && find_variable(l, false, ret);
	case BOOTCFG_SYSLINUX:
		return find_syslinux(l, ret);
	case BOOTCFG_LILO:
		return find_lilo(l, ret);
	}
	return false;
}

/* Where the number of the loader's own serial port stands on a line; NULL when there is none. */
static const char *find_port(enum bootcfg_kind kind, const struct line *l)
{
	const char *p = l->s, *end = l->s + l->len, *unit;
	struct span w, key, value;
	bool serial = false;

	switch (kind) {
	case BOOTCFG_GRUB_CFG:
	case BOOTCFG_GRUB_LEGACY:
		serial = lines_word(&p, end, &w) && lines_span_is(w, "serial");
		break;
	case BOOTCFG_GRUB_DEFAULT:
		if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
			return NULL;
		if (lines_span_is(key, "serial_port"))
			return value.s;
		serial = lines_span_is(key, "GRUB_SERIAL_COMMAND");
		break;
	case BOOTCFG_SYSLINUX:
		if (!lines_word(&p, end, &w) || w.len != 6 || strncasecmp(w.s, "serial", 6) != 0)
			return NULL;
		return lines_word(&p, end, &w) ? w.s : NULL;
	case BOOTCFG_LILO:
		if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
			return NULL;
		return lines_span_is(key, "serial") ? value.s : NULL;
	default:
		return NULL;
	}
	unit = serial ? memmem(l->s, l->len, "--unit=", 7) : NULL;
	return unit ? unit + 7 : NULL;
}

/* "serial --unit=1 --speed=115200": a VM has one port, unit 0. */
static int rewrite_terminal(enum bootcfg_kind kind, const struct line *l, struct strbuf *out)
{
	const char *num = find_port(kind, l), *p = num, *end = l->s + l->len;

	while (p && p < end && *p >= '0' && *p <= '9')
		p++;
	/* More than two digits: an address of a port, which SYSLINUX takes too. */
	if (!p || p == num || p > num + 2 || (p == num + 1 && *num == '0'))
		return 0;
	strbuf_addn(out, l->s, (size_t)(num - l->s));
	strbuf_add(out, "0");
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
	return 1;
}

/* LILO's root=device; in an image's section or before them all. */
static int rewrite_root(const struct line *l, const struct kargs_rules *rules, struct strbuf *out)
{
	CLEANUP(mem_free) char *dev = NULL, *to = NULL;
	struct span key, value;
	int answer;

	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value) ||
	    !lines_span_is(key, "root") || !unquote(value, &value))
		return 0;
	dev = lines_span_dup(value);
	if (!dev)
		return -ENOMEM;
	answer = rules->device ? rules->device(dev, &to, rules->opaque) :
				 devmap_translate(rules->map, dev, DEVMAP_PATH, &to, NULL);
	if (answer != DEVMAP_MAPPED)
		return answer < 0 ? answer : 0;
	strbuf_addn(out, l->s, (size_t)(value.s - l->s));
	strbuf_add(out, to);
	strbuf_addn(out, value.s + value.len, (size_t)(l->s + l->full - (value.s + value.len)));
	return 1;
}

/*
 * GRUB_DISABLE_LINUX_UUID=true would bring the device names back with the next kernel update.
 */
static int rewrite_disable_uuid(const struct line *l, struct strbuf *out)
{
	struct span key, value;

	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
		return 0;
	if (!lines_span_is(key, "GRUB_DISABLE_LINUX_UUID"))
		return 0;
	if (!lines_span_is(value, "true") && !lines_span_is(value, "\"true\"") &&
	    !lines_span_is(value, "'true'"))
		return 0;
	strbuf_add(out, "#");
	strbuf_addn(out, l->s, l->full);
	return 1;
}

/* What a line becomes when it is no line of arguments; 0: it is not changed. */
static int rewrite_other(enum bootcfg_kind kind, const struct line *l,
			 const struct kargs_rules *rules, struct strbuf *out)
{
	bool devices = rules->map || rules->device;
	int r = rules->console ? rewrite_terminal(kind, l, out) : 0;

	if (!r && devices && kind == BOOTCFG_GRUB_DEFAULT)
		r = rewrite_disable_uuid(l, out);
	if (!r && devices && kind == BOOTCFG_LILO)
		r = rewrite_root(l, rules, out);
	return r;
}

/* GRUB writes into the block where it lies: its size stays, '#' fills it up. */
static int refill(struct strbuf *out, size_t size, struct machine_strv *notes)
{
	while (out->len && out->s[out->len - 1] == '#')
		out->s[--out->len] = '\0';
	if (out->len > size)
		return notes ? machine_strv_add(notes, "the new kernel arguments do not fit into "
						       "the block: left as it is") : 0;
	while (!out->failed && out->len < size)
		strbuf_add(out, "#");
	return 1;
}

int bootcfg_rewrite(enum bootcfg_kind kind, const char *text, const struct kargs_rules *rules,
		    char **ret, struct machine_strv *notes)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	int changed = 0, r;
	struct line l;
	char *s;

	while (lines_next(&pos, &l)) {
		struct span args;

		r = rewrite_other(kind, &l, rules, &out);
		if (r < 0)
			return r;
		if (r) {
			changed = 1;
			continue;
		}
		if (!find_args(kind, &l, &args)) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		strbuf_addn(&out, l.s, (size_t)(args.s - l.s));
		r = kargs_rewrite(args.s, args.len, rules, &out, notes);
		if (r < 0)
			return r;
		changed |= r;
		strbuf_addn(&out, args.s + args.len, (size_t)(l.s + l.full - (args.s + args.len)));
	}
	if (changed && !out.failed && kind == BOOTCFG_GRUBENV) {
		r = refill(&out, strlen(text), notes);
		if (r <= 0)
			return r;
	}
	if (!changed)
		return 0;
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

bool bootcfg_has_serial_console(enum bootcfg_kind kind, const char *text)
{
	const char *pos = text;
	struct line l;
	struct span args;

	while (lines_next(&pos, &l))
		if (find_args(kind, &l, &args) && kargs_has_serial_console(args.s, args.len))
			return true;
	return false;
}
