/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "device-names": fstab, crypttab, mount and swap units by UUID; caches that remember the old
 * disks go.
 */
#include "postfix/linux/linux_rows.h"

#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/crypttab.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/linux_notes.h"

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

static int unit(struct fixer *f, const char *path, const char *text, char **ret)
{
	int r = etctext_unit_device(text, &f->guest->map, ret);

	/* A swap unit's name is made from its device: with another device it is refused. */
	if (r == 1 && strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".swap") == 0) {
		free(*ret);
		*ret = NULL;
		fixer_say(f, "%s names a disk of the old machine; put that swap into /etc/fstab",
			  path);
		return fixer_warn(f, "%s names a disk of the old machine: not changed", path);
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
		r = fixer_rewrite_all(f, "/etc/systemd/system", "*.mount", unit, err);
	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/systemd/system", "*.swap", unit, err);
	for (size_t i = 0; i < ARRAY_SIZE(caches) && r >= 0; i++)
		if (guest_edit_exists(&f->edits, caches[i]))
			r = guest_edit_remove(&f->edits, caches[i], err);
	return r < 0 ? r : 0;
}
