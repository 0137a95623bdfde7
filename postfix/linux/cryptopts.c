/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/cryptopts.h"

#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/lines.h"

enum { NAME, DEVICE, KEY, OPTIONS, NFIELDS };

struct pass {
	const struct devmap *map;
	struct machine_strv *notes;
};

static size_t fields(const struct line *l, struct span f[NFIELDS])
{
	const char *p = l->s;
	size_t n = 0;

	while (n < NFIELDS && lines_word(&p, l->s + l->len, &f[n]))
		n++;
	return n;
}

static int note(struct machine_strv *notes, struct span name, const char *what, struct span of)
{
	CLEANUP(mem_free) char *s = NULL;
	char safe[80], shown[100];

	if (!notes)
		return 0;
	text_escape(name.s, name.len, safe, sizeof(safe));
	text_escape(of.s, of.len, shown, sizeof(shown));
	s = text_format("/etc/crypttab: %s: %s %s", safe, shown, what);
	return s ? machine_strv_add(notes, s) : -ENOMEM;
}

/* Options that ask a device for the key. */
static bool asks_device(struct span option)
{
	static const char *const starts[] = { "tpm2-", "fido2-", "pkcs11-" };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (lines_span_starts(option, starts[i]))
			return true;
	return false;
}

/* cryptsetup-initramfs's own scripts that read a stick or a card. */
static bool is_device_script(struct span option)
{
	static const char *const scripts[] = { "passdev", "decrypt_opensc", "decrypt_gnupg-sc",
					       "decrypt_openct" };
	const char *slash = memrchr(option.s, '/', option.len);
	struct span base = { option.s + strlen("keyscript="),
			     option.len - strlen("keyscript=") };

	if (slash)
		base = (struct span){ slash + 1, (size_t)(option.s + option.len - slash - 1) };
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (lines_span_is(base, scripts[i]))
			return true;
	return false;
}

/* A key on a device of its own: the device itself, a link to it, or "path:UUID=stick". */
static bool key_on_device(struct span key)
{
	static const char tag[] = ":UUID=", label[] = ":LABEL=";

	if (lines_span_starts(key, "/dev/disk/") || memmem(key.s, key.len, tag, sizeof(tag) - 1) ||
	    memmem(key.s, key.len, label, sizeof(label) - 1) ||
	    memmem(key.s, key.len, ":/dev/", 6))
		return true;
	return lines_span_starts(key, "/dev/sd") || lines_span_starts(key, "/dev/mmcblk");
}

/* The options that stay; *ret_key is set when the key field has to become "none". */
static int keep_options(struct span name, struct span options, struct strbuf *ret, bool *ret_hit,
			bool *ret_key, struct machine_strv *notes)
{
	const char *end = options.s + options.len;
	int r = 0;

	for (const char *p = options.s; p < end && r >= 0;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct span o = { p, (size_t)((comma ? comma : end) - p) };
		bool script = lines_span_starts(o, "keyscript=");
		bool drop = asks_device(o) || (script && is_device_script(o));

		p = comma ? comma + 1 : end;
		if (drop) {
			*ret_hit = true;
			*ret_key = *ret_key || script;
			r = note(notes, name, "is dropped: the passphrase is asked for", o);
			continue;
		}
		if (script && !memmem(o.s, o.len, "decrypt_", 8))
			r = note(notes, name, "is kept: see that it needs no hardware", o);
		strbuf_add(ret, ret->len ? "," : "");
		strbuf_addn(ret, o.s, o.len);
	}
	return r;
}

static int rewrite_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct pass *pass = opaque;
	CLEANUP(strbuf_done) struct strbuf keep = { 0 };
	struct span f[NFIELDS];
	bool hit = false, key = false;
	size_t n = fields(l, f);
	const char *p = l->s;
	int r = 0;

	if (lines_is_comment(l, "#") || n <= KEY) {
		strbuf_addn(out, l->s, l->full);
		return 0;
	}
	strbuf_add(&keep, "");
	if (n > OPTIONS)
		r = keep_options(f[NAME], f[OPTIONS], &keep, &hit, &key, pass->notes);
	if (r >= 0 && key_on_device(f[KEY])) {
		key = true;
		r = note(pass->notes, f[NAME], "is not there: the passphrase is asked for", f[KEY]);
	}
	if (r < 0)
		return r;
	if (key) {
		strbuf_addn(out, p, (size_t)(f[KEY].s - p));
		strbuf_add(out, "none");
		p = f[KEY].s + f[KEY].len;
	}
	if (hit) {
		strbuf_addn(out, p, (size_t)(f[OPTIONS].s - p));
		strbuf_add(out, keep.len ? keep.s : "luks");
		p = f[OPTIONS].s + f[OPTIONS].len;
	}
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
	return keep.failed ? -ENOMEM : hit || key;
}

int cryptopts_rewrite(const char *text, char **ret, struct machine_strv *notes)
{
	struct pass pass = { .notes = notes };

	return lines_rewrite(text, rewrite_line, &pass, ret);
}

static int optional_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct pass *pass = opaque;
	CLEANUP(mem_free) char *device = NULL, *options = NULL, *to = NULL;
	struct span f[NFIELDS], last;
	bool copied = true;
	size_t n = fields(l, f);
	int answer;

	if (lines_is_comment(l, "#") || n <= DEVICE)
		goto keep;
	device = lines_span_dup(f[DEVICE]);
	options = n > OPTIONS ? lines_span_dup(f[OPTIONS]) : strdup("");
	if (!device || !options)
		return -ENOMEM;
	answer = devmap_translate(pass->map, device, DEVMAP_TAG, &to, &copied);
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_KEEP)
		copied = !devmap_is_missing(pass->map, device);
	if (answer == DEVMAP_UNKNOWN)
		copied = false;
	if (copied || fstab_has_option(options, "nofail") || fstab_has_option(options, "noauto"))
		goto keep;
	if (note(pass->notes, f[NAME], "was not copied: the boot does not wait for it",
		 f[DEVICE]) < 0)
		return -ENOMEM;
	last = f[n - 1];
	strbuf_addn(out, l->s, (size_t)(last.s + last.len - l->s));
	strbuf_add(out, n > OPTIONS ? ",nofail" : n > KEY ? " luks,nofail" : " none luks,nofail");
	strbuf_addn(out, last.s + last.len, (size_t)(l->s + l->full - (last.s + last.len)));
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int cryptopts_optional(const char *text, const struct devmap *map, char **ret,
		       struct machine_strv *notes)
{
	struct pass pass = { .map = map, .notes = notes };

	return lines_rewrite(text, optional_line, &pass, ret);
}
