/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a disk will be called in the virtual machine, for boot loaders and tools that cannot take
 * anything better than a name. Good for rows that run after the initramfs: the bus depends on it.
 */
#ifndef P2V_POSTFIX_LINUX_ROOTNAME_H
#define P2V_POSTFIX_LINUX_ROOTNAME_H

#include "postfix/fixer.h"
#include "postfix/linux/bootcfg.h"

/* The machine's name of the disk that the guest boots from; NULL when it is not known. */
const char *linux_rootname_boot_disk(const struct fixer *f);
/* Is GRUB 1 what boots? */
bool linux_rootname_is_grub1(const struct fixer *f);
/*
 * Must root= in this boot loader's file be a device's name? LILO's must, and that of GRUB 1 when
 * the tool that made the initramfs is older than root=UUID=.
 */
bool linux_rootname_needs_device(const struct fixer *f, const char *path);
/* "/dev/vda2" for a name of the old machine; an enum devmap_answer, or -ENOMEM. f is opaque. */
int linux_rootname_device(const char *name, char **ret, void *f);
/* The whole disk by serial number or WWN if it will have one, for the machine's name of it. */
int linux_rootname_disk(const struct fixer *f, const char *disk, char *buf, size_t size);
/* The same for what a configuration calls it; NULL in *ret when it is not a copied disk. */
int linux_rootname_old_disk(const struct fixer *f, const char *name, char **ret);

#endif
