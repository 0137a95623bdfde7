/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an initramfs holds, read on the server: no program of the guest runs for it.
 *
 *	| microcode: cpio | zeroes | the system: cpio, packed | zeroes | what was appended | ...
 *
 * Archives stand one behind the other; a file of a later one takes the place of an earlier one, as
 * in the kernel (init/initramfs.c). Bounded: a number of entries, of unpacked bytes, and only the
 * files that are asked for are kept. Names are as in the archive, without "./" and "/" in front.
 * Hostile input; pure; any thread.
 */
#ifndef P2V_POSTFIX_RAMDISK_H
#define P2V_POSTFIX_RAMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "postfix/linux/ramdisk_pack.h"

#define RAMDISK_ENTRIES_MAX	200000
#define RAMDISK_UNPACKED_MAX	((uint64_t)4 << 30)
#define RAMDISK_KEEP_MAX	((size_t)256 << 10)	/* of one kept file */

/* Who made it, by what is in it: this decides what makes it load a driver. */
enum ramdisk_kind {
	RAMDISK_UNKNOWN, RAMDISK_INITRAMFS_TOOLS, RAMDISK_DRACUT, RAMDISK_MKINITCPIO,
	RAMDISK_MKINITFS, RAMDISK_BOOSTER, RAMDISK_GENKERNEL, RAMDISK_SUSE, RAMDISK_NASH,
};

struct ramdisk_entry {
	char *name;
	uint32_t mode;			/* as st_mode */
	uint32_t size;
	uint32_t order;			/* where it stood */
};

struct ramdisk_file {
	char *name;
	char *data;			/* a NUL behind it */
	size_t len;
};

struct ramdisk {
	struct ramdisk_entry *v;	/* sorted by name; the last of one name counts */
	size_t n;
	struct ramdisk_file *kept;	/* in the order found */
	size_t nkept;
	size_t archives;		/* how many cpio archives */
	enum ramdisk_pack last;		/* how the last of them is packed */
	bool nested;			/* a squashfs or erofs in it holds more, which is not seen */
};

/* keep: shell patterns of the files whose content is wanted, NULL-terminated; may be NULL. */
int ramdisk_read(const void *data, size_t len, const char *const *keep, struct ramdisk *ret,
		 struct err *err);
void ramdisk_done(struct ramdisk *r);
DEFINE_CLEANUP_VALUE(struct ramdisk, ramdisk_done)

/* The entry of this name that counts, or NULL. */
const struct ramdisk_entry *ramdisk_find(const struct ramdisk *r, const char *name);
/* Is there an entry whose last part is this? */
bool ramdisk_has_base(const struct ramdisk *r, const char *base);
const struct ramdisk_file *ramdisk_kept(const struct ramdisk *r, const char *name);
/* Is the module of that name (as lsmod shows it) in it, for the kernel of that version? */
bool ramdisk_has_module(const struct ramdisk *r, const char *version, const char *module);
/* The folder of the modules, "usr/lib/modules/VERSION" or without "usr"; malloc'd, NULL: none. */
char *ramdisk_module_dir(const struct ramdisk *r, const char *version);
enum ramdisk_kind ramdisk_kind(const struct ramdisk *r);
const char *ramdisk_kind_name(enum ramdisk_kind kind);
/* udev, or what stands in for it, loads drivers by the names that devices have. */
bool ramdisk_loads_by_alias(const struct ramdisk *r);

#endif
