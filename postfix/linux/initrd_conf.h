/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings of the tools that make an initramfs, so far as they are lists of words in a shell's
 * assignment:
 *
 *	MODULES=(ahci)			mkinitcpio.conf, also over several lines
 *	INITRD_MODULES="ata_piix"	SUSE's /etc/sysconfig/kernel
 *	features="ata base ext4"	Alpine's mkinitfs.conf
 *
 * and aliases in modprobe.conf. Pure: text in, text out; what is not understood stays as it is.
 */
#ifndef P2V_POSTFIX_INITRD_CONF_H
#define P2V_POSTFIX_INITRD_CONF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Put the words that are not there into the last assignment of key; where there is none, an
 * assignment is added, as an array or a string. 1 and *ret, 0 when all are there, -ENOMEM.
 */
int initrd_conf_add_words(const char *text, const char *key, const char *const *words, size_t n,
			  bool array, char **ret);
/* KEY="value": set it, or add it. 1, 0 or -ENOMEM as above. */
int initrd_conf_set(const char *text, const char *key, const char *value, char **ret);
/*
 * "alias scsi_hostadapterN MODULE" for each module that has no such alias: what the mkinitrd of
 * RHEL 5 goes by. As above.
 */
int initrd_conf_add_aliases(const char *text, const char *const *modules, size_t n, char **ret);
/* booster.yaml, "modules: a,b". As above. */
int initrd_conf_add_yaml(const char *text, const char *key, const char *const *words, size_t n,
			 char **ret);

#endif
