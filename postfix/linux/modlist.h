/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of kernel modules to load, one per line with optional arguments: /etc/modules,
 * /etc/modules-load.d/X.conf, /etc/initramfs-tools/modules. Pure.
 */
#ifndef P2V_POSTFIX_MODLIST_H
#define P2V_POSTFIX_MODLIST_H

#include <stdbool.h>
#include <stddef.h>
#include "inventory/machine.h"

/*
 * Comment out the modules for which drop() says so; their names are added to dropped (may be
 * NULL). 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM.
 */
int modlist_drop(const char *text, bool (*drop)(const char *module, void *opaque), void *opaque,
		 char **ret, struct machine_strv *dropped);
/* Append those of the modules that are not in the list. As above. */
int modlist_add(const char *text, const char *const *modules, size_t n, char **ret);
/* Is the module in the list? '-' and '_' are the same. */
bool modlist_has(const char *text, const char *module);

#endif
