/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/devconf.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/lines.h"

#define LINES_MAX	20

/* ---- kdump */

struct kdump {
	const struct devmap *map;
	struct machine_strv *notes;
};

static bool is_target(struct span w)
{
	static const char *const kinds[] = { "raw", "ext2", "ext3", "ext4", "xfs", "btrfs", "minix",
					     "f2fs", "virtiofs" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (lines_span_is(w, kinds[i]))
			return true;
	return false;
}

static int kdump_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct kdump *k = opaque;
	CLEANUP(mem_free) char *device = NULL, *to = NULL, *msg = NULL;
	const char *p = l->s, *end = l->s + l->len;
	struct span kind, dev;
	bool copied = true, raw;
	char safe[100];
	int answer;

	if (lines_is_comment(l, "#") || !lines_word(&p, end, &kind) || !is_target(kind) ||
	    !lines_word(&p, end, &dev))
		goto keep;
	raw = lines_span_is(kind, "raw");
	device = lines_span_dup(dev);
	if (!device)
		return -ENOMEM;
	answer = devmap_translate(k->map, device, raw ? DEVMAP_PATH : DEVMAP_TAG, &to, &copied);
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_KEEP)
		copied = !devmap_is_missing(k->map, device);
	if (answer == DEVMAP_MAPPED && copied) {
		strbuf_addn(out, l->s, (size_t)(dev.s - l->s));
		strbuf_add(out, to);
		strbuf_addn(out, dev.s + dev.len, (size_t)(l->s + l->full - (dev.s + dev.len)));
		return 1;
	}
	if (answer == DEVMAP_KEEP && copied)
		goto keep;
	msg = text_format("the target of crash dumps, %s, was not copied: they go to the root "
			  "filesystem", text_escape_str(device, safe, sizeof(safe)));
	if (!msg || (k->notes && machine_strv_add(k->notes, msg) < 0))
		return -ENOMEM;
	strbuf_add(out, "#");
	strbuf_addn(out, l->s, l->full);
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int devconf_kdump(const char *text, const struct devmap *map, char **ret,
		  struct machine_strv *notes)
{
	struct kdump k = { .map = map, .notes = notes };

	return lines_rewrite(text, kdump_line, &k, ret);
}

/* ---- X */

static bool word_is(struct span w, const char *s)
{
	return w.len == strlen(s) && strncasecmp(w.s, s, w.len) == 0;
}

/* Drivers that any graphics card does for, and those of virtual cards. */
static bool is_general_driver(struct span value)
{
	static const char *const drivers[] = { "\"modesetting\"", "\"vesa\"", "\"fbdev\"",
					       "\"qxl\"", "\"cirrus\"", "\"dummy\"",
					       "\"virtio\"", "\"vmware\"" };

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (word_is(value, drivers[i]))
			return true;
	return false;
}

int devconf_xorg(const char *text, char **ret)
{
	bool device = false;
	const char *pos = text;
	struct line l;

	*ret = NULL;
	while (lines_next(&pos, &l)) {
		const char *p = l.s, *end = l.s + l.len;
		struct span w, v;
		char safe[100];

		if (lines_is_comment(&l, "#") || !lines_word(&p, end, &w))
			continue;
		if (word_is(w, "EndSection"))
			device = false;
		if (!lines_word(&p, end, &v))
			continue;
		if (word_is(w, "Section"))
			device = word_is(v, "\"Device\"") || word_is(v, "\"OutputClass\"");
		if (!device || (!word_is(w, "BusID") &&
				(!word_is(w, "Driver") || is_general_driver(v))))
			continue;
		text_escape(l.s, l.len, safe, sizeof(safe));
		*ret = strdup(safe + strspn(safe, " "));
		return *ret ? 0 : -ENOMEM;
	}
	return 0;
}

/* ---- udev */

int devconf_udev_disks(const char *text, struct machine_strv *found)
{
	static const char *const signs[] = { "ID_SERIAL", "ID_WWN", "ID_PATH", "scsi_id",
					     "DM_UUID}==\"mpath", "ID_SCSI_SERIAL" };
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l) && found->n < LINES_MAX) {
		bool hit = false;
		char safe[104];

		/* A network card has an ID_PATH, too. */
		if (lines_is_comment(&l, "#") || memmem(l.s, l.len, "\"net\"", 5))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
			hit = hit || memmem(l.s, l.len, signs[i], strlen(signs[i]));
		if (!hit)
			continue;
		text_escape(l.s, l.len, safe, sizeof(safe));
		if (machine_strv_add(found, safe) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- cron */

static bool runs_command(const struct line *l, void *opaque)
{
	const char *p = l->s;
	struct span w;

	(void)opaque;
	/* "SHELL=/bin/sh" is a setting; "@daily" and "0 3 * * *" begin a command. */
	return lines_word(&p, l->s + l->len, &w) && !memchr(w.s, '=', w.len);
}

int devconf_cron_off(const char *text, char **ret)
{
	return conftext_comment(text, "#", runs_command, NULL, ret, NULL);
}

int devconf_script_off(const char *text, char **ret)
{
	static const char off[] = "exit 0 # switched off by p2v: it looks after hardware\n";
	const char *pos = text;
	struct line l;
	char *s;

	if (strncmp(text, "#!", 2) != 0 || !lines_next(&pos, &l) || l.len == l.full ||
	    memmem(l.s, l.len, "python", 6) || memmem(l.s, l.len, "perl", 4) ||
	    strncmp(pos, off, sizeof(off) - 1) == 0)
		return 0;
	s = text_format("%.*s%s%s", (int)l.full, text, off, pos);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}
