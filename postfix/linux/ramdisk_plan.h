/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What to append to an initramfs so that it finds a virtual disk: the modules, the indexes that
 * modprobe looks them up in, and what makes the early boot load them.
 *
 *	what it holds (ramdisk.h) + modules.dep + which modules  -->  a list of files
 *
 * A later archive's file takes the place of an earlier one's, so the indexes are simply the
 * kernel's full ones. Nothing may take the place of a symlink or stand below one: the kernel would
 * replace the link. What makes drivers load depends on who made the image (ramdisk_kind()); where
 * that is not known, udev's own rule must be in it.
 *
 * Pure. -ENOTSUP with the reason when the image cannot be helped this way.
 */
#ifndef P2V_POSTFIX_RAMDISK_PLAN_H
#define P2V_POSTFIX_RAMDISK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/linux/ramdisk.h"

/* Files whose content ramdisk_read() must keep for this. */
extern const char *const ramdisk_plan_keep[];

struct ramdisk_plan_file {
	char *to;			/* in the image */
	char *from;			/* file of the guest, or NULL: */
	char *text;			/* this, or NULL: a folder */
};

struct ramdisk_plan {
	struct ramdisk_plan_file *v;	/* folders stand before what is in them */
	size_t n;
	struct machine_strv unplaced;	/* changed files of the guest that have no place in it */
};

struct ramdisk_plan_input {
	const struct ramdisk *image;
	const char *version;
	const char *dep;		/* text of modules.dep */
	char *const *indexes;		/* names in the kernel's module folder; NULL-terminated */
	const char *const *modules;	/* to be loaded, that this kernel has as modules */
	size_t nmodules;
	char *const *changed;		/* paths of guest files that have changed, or are new */
	size_t nchanged;
};

int ramdisk_plan_make(const struct ramdisk_plan_input *in, struct ramdisk_plan *ret,
		      struct err *err);
void ramdisk_plan_done(struct ramdisk_plan *p);
DEFINE_CLEANUP_VALUE(struct ramdisk_plan, ramdisk_plan_done)

/* Can a kernel of that version read an archive behind one that is packed so? */
bool ramdisk_plan_follows(enum ramdisk_pack pack, const char *version);

#endif
