/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/bootcfg.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/lines.h"

/* The span of kernel arguments on a line; false when the line has none. */
static bool find_default(const struct line *l, struct span *ret)
{
	struct span key, value;

	if (lines_is_comment(l, "#") || !lines_assignment(l, &key, &value))
		return false;
	if (!lines_span_starts(key, "GRUB_CMDLINE_"))
		return false;
	if (value.len >= 2 && (value.s[0] == '"' || value.s[0] == '\'')) {
		const char *close = memchr(value.s + 1, value.s[0], value.len - 1);

		if (!close)
			return false;
		*ret = (struct span){ value.s + 1, (size_t)(close - value.s) - 1 };
	} else {
		*ret = value;
	}
	return ret->len > 0;
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
		return find_after_image(l, linux_words, ARRAY_SIZE(linux_words), ret);
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
	}
	return false;
}

/* "serial --unit=1 --speed=115200": the loader's own terminal; a VM has one port, unit 0. */
static int rewrite_terminal(enum bootcfg_kind kind, const struct line *l, struct strbuf *out)
{
	const char *p = l->s, *end = l->s + l->len, *unit, *num;
	struct span w, key, value;
	bool serial = false;

	if (kind == BOOTCFG_GRUB_CFG || kind == BOOTCFG_GRUB_LEGACY)
		serial = lines_word(&p, end, &w) && lines_span_is(w, "serial");
	else if (kind == BOOTCFG_GRUB_DEFAULT)
		serial = !lines_is_comment(l, "#") && lines_assignment(l, &key, &value) &&
			 lines_span_is(key, "GRUB_SERIAL_COMMAND");
	unit = serial ? memmem(l->s, l->len, "--unit=", 7) : NULL;
	if (!unit)
		return 0;
	num = unit + 7;
	p = num;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == num || (p == num + 1 && *num == '0'))
		return 0;
	strbuf_addn(out, l->s, (size_t)(num - l->s));
	strbuf_add(out, "0");
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
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

		r = rules->console ? rewrite_terminal(kind, &l, &out) : 0;
		if (!r && rules->map && kind == BOOTCFG_GRUB_DEFAULT)
			r = rewrite_disable_uuid(&l, &out);
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
