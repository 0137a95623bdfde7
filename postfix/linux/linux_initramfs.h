/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The initramfs of each kernel: what made it, what is in it. Internal to postfix/.
 */
#ifndef P2V_POSTFIX_LINUX_INITRAMFS_H
#define P2V_POSTFIX_LINUX_INITRAMFS_H

#include "postfix/fixer.h"

enum fixer_generator linux_initramfs_generator(struct guest *guest);
/* List the image of kernel i with the guest's own tool and fill f->kernel[i].image_*. */
int linux_initramfs_list(struct fixer *f, size_t i, struct err *err);
/*
 * Pure: fill k from the tool's listing (one path per line, or lines as ls -l writes them). links
 * are the names of our .link files that must be in it.
 */
void linux_initramfs_read_listing(const char *text, char *const *links, struct fixer_kernel *k);
/* Pure: MODULES= as initramfs-tools would read it from this text, added to what came before. */
void linux_initramfs_modules_policy(const char *text, char policy[static 16]);

#endif
