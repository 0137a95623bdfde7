/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking at one system: what it is, which kernels it has, how it boots, what it runs. The same
 * parts serve the system that runs (collect_os(), collect_software()) and one that is installed on
 * a disk and mounted read-only somewhere (systems.h): then there is no /proc and no /sys below the
 * root, nothing is "running", and what can be told is what its files tell.
 *
 *	struct os_look --os_identity, os_kernels, os_boot, os_services, os_software, os_space-->
 *		the members of its machine_os
 *
 * Paths that lie on another machine, or behind an automount that is not mounted, are never touched
 * (os_reachable): asking there may wait for ever, or make the running system mount something.
 * Symbolic links into such places are not seen beforehand.
 *
 * Every function returns 0 or -ENOMEM; what is not known leaves its member NULL, and lists that are
 * too long end with a warning in the machine. One thread.
 */
#ifndef P2V_INVENTORY_OS_H
#define P2V_INVENTORY_OS_H

#include <stdbool.h>
#include <stddef.h>
#include "common/compiler.h"
#include "common/sysroot.h"
#include "inventory/block/mountinfo.h"
#include "inventory/machine.h"

struct os_look {
	const struct sysroot *root;	/* the system's own "/" */
	struct machine *m;		/* warnings go here; its firmware is asked */
	struct machine_os *os;		/* what is filled */
	bool running;			/* it is the system that runs, or a record of it */
	struct mountinfo mounts;	/* of the running system; empty otherwise */
	char *statvfs, *boot;		/* /p2v/statvfs and /p2v/boot of a record, or NULL */
};

int os_look_load(struct os_look *o);		/* mounts and records, after the members above */
void os_look_done(struct os_look *o);
DEFINE_CLEANUP_VALUE(struct os_look, os_look_done)

/* Release, names, architecture, init; root_* and cmdline of a running system only. */
int os_identity_collect(struct os_look *o);
/* After os_identity_collect: all else. */
int os_look_all(struct os_look *o);

/* -- its parts -- */

/* kernels; the newest first, by the order of sysroot_list() */
int os_kernels_collect(struct os_look *o);
/* package_manager, initramfs_tool, bootloader, selinux */
int os_boot_collect(struct os_look *o);
/* services, with group and reason by tables_services */
int os_services_collect(struct os_look *o);
/* software, by tables_software; after os_services_collect */
int os_software_collect(struct os_look *o);
/* root_free, boot_free, and the subvolume of a running system */
int os_space_collect(struct os_look *o);

/* Units of systemd; scripts and jobs of what was before it, or beside it. */
int os_systemd_collect(struct os_look *o);
int os_initd_collect(struct os_look *o);
/* Adds the service, or to what is known of it. */
int os_services_add(struct os_look *o, const char *name, bool enabled, bool running);
/* The name in the tables: of a script, that of the unit which systemd makes of it. malloc'd. */
char *os_services_unit(const char *name);

/* The drivers of the kernel's module folder: modules and virtio. */
int os_modules_collect(struct os_look *o, const char *version, struct machine_kernel *k);

struct os_image {
	uint64_t size;
	char *release;			/* "6.1.0-18-amd64"; NULL: the image does not say */
};
/* Size of a file of /boot, and which kernel it is if it is one; *ret is zero when it is none. */
int os_image_read(struct os_look *o, const char *path, struct os_image *ret);
void os_image_done(struct os_image *i);
DEFINE_CLEANUP_VALUE(struct os_image, os_image_done)

/* -- asking the root, where it can be asked without waiting -- */

bool os_reachable(const struct os_look *o, const char *path);
bool os_exists(const struct os_look *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Names in a folder, as sysroot_list(); 0 with *ret NULL when there is none to read. */
int os_list(const struct os_look *o, char ***ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A text of at most 16 MiB (a kernel's modules.dep may be past one); 0 and NULL without it. */
int os_read(const struct os_look *o, char **ret, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
