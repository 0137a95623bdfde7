/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "device-names": fstab, crypttab, mount and swap units by UUID; caches that remember the old
 * disks go.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/crypttab.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_notes.h"

#define UNITS	"/etc/systemd/system"

static int fstab(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_warn(f, &notes, fstab_rewrite(text, &f->guest->map, ret, &notes));
}

static int crypttab(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_warn(f, &notes, crypttab_rewrite(text, &f->guest->map, ret, &notes));
}

/* The links that start the unit old start the one called name instead. */
static int move_links(struct fixer *f, const char *old, const char *name)
{
	CLEANUP(guest_strings_free) char **dirs = guest_list(f->guest, UNITS, NULL);
	int r = 0;

	for (size_t i = 0; dirs && dirs[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *from = text_format(UNITS "/%s/%s", dirs[i], old);
		CLEANUP(mem_free) char *to = text_format(UNITS "/%s/%s", dirs[i], name);
		CLEANUP(mem_free) char *target = text_format(UNITS "/%s", name);

		if (!from || !to || !target)
			return -ENOMEM;
		if (fnmatch("*.wants", dirs[i], 0) != 0 && fnmatch("*.requires", dirs[i], 0) != 0)
			continue;
		if (!guest_edit_exists(&f->edits, from))
			continue;
		r = guest_edit_remove(&f->edits, from, NULL);
		if (r >= 0)
			r = guest_edit_symlink(&f->edits, to, target, NULL);
	}
	return r;
}

/* A swap unit's name is made from its device: with another device it needs another name. */
static int rename_swap(struct fixer *f, const char *path, const char *text)
{
	const char *old = strrchr(path, '/') + 1, *pos = text;
	CLEANUP(mem_free) char *device = NULL, *name = NULL, *to = NULL;
	struct span key, value;
	struct line l;
	int r;

	while (!device && lines_next(&pos, &l))
		if (!lines_is_comment(&l, "#;") && lines_assignment(&l, &key, &value) &&
		    lines_span_is(key, "What"))
			device = lines_span_dup(value);
	if (!device || etctext_unit_name(device, ".swap", &name) < 0)
		return -ENOMEM;
	to = text_format(UNITS "/%s", name);
	if (!to)
		return -ENOMEM;
	fixer_say(f, "%s is %s now", old, name);
	r = guest_edit_write(&f->edits, to, text, 0644, NULL);
	if (r >= 0)
		r = guest_edit_remove(&f->edits, path, NULL);
	return r < 0 ? r : move_links(f, old, name);
}

static int unit(struct fixer *f, const char *path, const char *text, char **ret)
{
	CLEANUP(mem_free) char *to = NULL;
	int r = etctext_unit_device(text, &f->guest->map, &to);

	if (r == 1 && fnmatch("*.swap", path, 0) == 0) {
		r = rename_swap(f, path, to);
		return r < 0 ? r : 0;
	}
	if (r == 1)
		*ret = TAKE_PTR(to);
	return r;
}

/* Units, and what is laid over them in NAME.mount.d. */
static int units(struct fixer *f, struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, UNITS, NULL);
	int r = fixer_rewrite_all(f, UNITS, "*.mount", unit, err);

	if (r >= 0)
		r = fixer_rewrite_all(f, UNITS, "*.swap", unit, err);
	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *dir = NULL;

		if (fnmatch("*.mount.d", names[i], 0) != 0)
			continue;
		dir = text_format(UNITS "/%s", names[i]);
		if (!dir)
			return err_nomem(err);
		r = fixer_rewrite_all(f, dir, "*.conf", unit, err);
	}
	return r;
}

/* The guest would otherwise look only for the disks it had. */
static const char *const caches[] = {
	"/etc/blkid.tab", "/etc/blkid/blkid.tab",
};

int linux_device_names_detect(struct fixer *f, struct err *err)
{
	int r;

	r = fixer_rewrite(f, "/etc/fstab", fstab, err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/crypttab", crypttab, err);
	if (r >= 0)
		r = units(f, err);
	for (size_t i = 0; i < ARRAY_SIZE(caches) && r >= 0; i++)
		if (guest_edit_exists(&f->edits, caches[i]))
			r = guest_edit_remove(&f->edits, caches[i], err);
	return r < 0 ? r : 0;
}
