/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which kernels a guest has, by what lies in /boot and /lib/modules (a kernel made by hand belongs
 * to no package), and which drivers each of them has. Pure.
 */
#ifndef P2V_POSTFIX_KERNELS_H
#define P2V_POSTFIX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"

struct kernels_one {
	char *version;			/* "6.1.0-13-amd64" */
	char *image;			/* "/boot/vmlinuz-..." */
	char *initrd;			/* "/boot/initrd.img-...", NULL when there is none */
	bool has_modules;		/* /lib/modules/<version> exists */
	bool spare;			/* a rescue or fallback image: not what is booted */
	bool xen;			/* boots under a Xen hypervisor only */
	bool uki;			/* image and initrd are one EFI program */
};

struct kernels {
	struct kernels_one *v;		/* newest first; those that do not boot by themselves last */
	size_t n;
};

/*
 * boot: the names in /boot; modules: the names in /lib/modules. Names that are not kernels are
 * ignored, and so are leftovers (modules without a kernel image). -ENOMEM.
 */
int kernels_find(char *const *boot, size_t nboot, char *const *modules, size_t nmodules,
		 struct kernels *ret);
/*
 * Add one that was found elsewhere: beside its modules, by a loader entry. Refused (0) when the
 * version or a path has a character that a shell would mind, or the image is known already. 1 or
 * -ENOMEM. Sort afterwards.
 */
int kernels_add(struct kernels *k, const struct kernels_one *one);
void kernels_sort(struct kernels *k);
bool kernels_known(const struct kernels *k, const char *version);
bool kernels_version_valid(const char *version);
bool kernels_path_valid(const char *path);
/* The version in the header of an x86 kernel image; malloc'd, NULL when there is none. */
char *kernels_image_version(const void *data, size_t len);
/*
 * A boot loader entry (loader/entries/X.conf): "linux", the last "initrd" and "version", malloc'd,
 * NULL where it has none. -ENOMEM.
 */
int kernels_entry(const char *text, char **ret_linux, char **ret_initrd, char **ret_version);
void kernels_done(struct kernels *k);
DEFINE_CLEANUP_VALUE(struct kernels, kernels_done)
/* Compare two versions as people count: 5.10 > 5.9, 6.1.0-13 > 6.1.0-9, 6.1 > 6.1-rc4. */
int kernels_version_compare(const char *a, const char *b);
/* "6.1.0-13-amd64" -> 6, 1; false when it does not begin with a number. */
bool kernels_version_parse(const char *version, unsigned int *ret_major, unsigned int *ret_minor);

enum kernels_driver { KERNELS_ABSENT, KERNELS_MODULE, KERNELS_BUILTIN };
/* From the text of modules.dep and modules.builtin (either may be NULL); name as lsmod shows it. */
enum kernels_driver kernels_driver(const char *modules_dep, const char *modules_builtin,
				   const char *name);

#endif
