/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The boot loaders' text files: which lines hold kernel arguments, and how they are quoted. The
 * arguments themselves are kargs.h's matter. Pure.
 */
#ifndef P2V_POSTFIX_BOOTCFG_H
#define P2V_POSTFIX_BOOTCFG_H

#include <stdbool.h>
#include "inventory/machine.h"
#include "postfix/linux/kargs.h"

enum bootcfg_kind {
	/*
	 * Shell assignments: /etc/default/grub, /etc/default/extlinux, /etc/update-extlinux.conf,
	 * /etc/sysconfig/bootloader.
	 */
	BOOTCFG_GRUB_DEFAULT,
	BOOTCFG_GRUB_CFG,		/* grub.cfg: "linux /vmlinuz args" */
	BOOTCFG_GRUB_LEGACY,		/* menu.lst: "kernel /vmlinuz args", "# kopt=args" */
	BOOTCFG_LOADER_ENTRY,		/* loader/entries/X.conf: "options args" */
	BOOTCFG_CMDLINE,		/* /etc/kernel/cmdline: args and nothing else */
	BOOTCFG_GRUBENV,		/* "kernelopts=args" in a block of a fixed size */
	BOOTCFG_SYSLINUX,		/* syslinux.cfg, extlinux.conf: "append args" */
	BOOTCFG_LILO,			/* lilo.conf, elilo.conf: append="args", root=device */
};

/* By the place of a boot loader's file. */
enum bootcfg_kind bootcfg_kind_of(const char *path);
/*
 * 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM. A grubenv that would not fit its
 * block is left as it is, with a note.
 */
int bootcfg_rewrite(enum bootcfg_kind kind, const char *text, const struct kargs_rules *rules,
		    char **ret, struct machine_strv *notes);
/* Does a kernel line of this file have console=ttyS0? (The first one found decides.) */
bool bootcfg_has_serial_console(enum bootcfg_kind kind, const char *text);

#endif
