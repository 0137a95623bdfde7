/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of the row "initramfs": the tools that make such images, what an image holds, and what
 * is appended to one. Internal to postfix/linux/.
 *
 *	linux_initramfs.c	decides which image is made anew, and how; checks the result
 *	linux_generators.c	the tools: their settings, their commands
 *	linux_ramdisk.c		an image of the guest, read and appended to
 */
#ifndef P2V_POSTFIX_LINUX_INITRAMFS_H
#define P2V_POSTFIX_LINUX_INITRAMFS_H

#include "postfix/fixer.h"

struct linux_generator {
	const char *name;
	enum ramdisk_kind kind;		/* of the images that it makes */
	bool (*present)(struct guest *guest);
	/* Stage settings, so that this and every later image has the modules. */
	int (*stage)(struct fixer *f, const char *const *modules, size_t n, struct err *err);
	/* The command that makes the image of one kernel anew; no single quotes. */
	void (*command)(const struct kernels_one *one, const char *const *modules, size_t n,
			struct strbuf *out);
};

/*
 * The tool that makes this guest's images: of those installed the one that made the newest
 * kernel's image, else the first. NULL: none.
 */
const struct linux_generator *linux_generator_find(struct guest *guest, enum ramdisk_kind kind);
/*
 * The command that makes a unified kernel image anew. -ENOTSUP with what is lacking. cmdline is
 * the text of its section.
 */
int linux_generator_uki(struct guest *guest, const struct kernels_one *one, const char *cmdline,
			struct strbuf *out, struct err *err);

/* The last MODULES= of initramfs.conf and conf.d, unquoted, in policy. Pure. */
void linux_generator_policy(const char *text, char policy[static 16]);

/* Our .link files as they are now, or will be; also a NULL at the end, which n does not count. */
int linux_ramdisk_links(struct fixer *f, struct machine_strv *ret);
void linux_ramdisk_strv_done(struct machine_strv *v);
/* Fill f->kernel[i] with what its image holds. An image that cannot be read is a warning. */
int linux_ramdisk_list(struct fixer *f, size_t i, struct err *err);
/* Which drivers and .link files an image holds. Pure. */
void linux_ramdisk_judge(const struct ramdisk *image, const char *version, char *const *links,
			 struct fixer_kernel *k);
/* The kernel command line in a unified kernel image; malloc'd. */
int linux_ramdisk_uki_cmdline(struct fixer *f, const char *path, char **ret, struct err *err);
/* The version in a kernel image of the guest; *ret NULL when it has none. */
int linux_ramdisk_kernel_version(struct fixer *f, const char *path, char **ret, struct err *err);
/*
 * Append what kernel i's image lacks: the modules, and the files that have changed. -ENOTSUP when
 * that would not do; strict: also when a changed file has no place in the image (else a warning).
 */
int linux_ramdisk_append(struct fixer *f, size_t i, const char *const *modules, size_t n,
			 bool strict, struct err *err);

/* Paths that an image is made from, and that this run has changed. -ENOMEM. */
int linux_initramfs_inputs(const struct fixer *f, struct machine_strv *ret);

#endif
