/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/crypttab: "name device keyfile options". The device becomes UUID=... when it has a LUKS
 * header, else /dev/disk/by-partuuid/... (a plain mapping has no UUID of its own, and not every
 * cryptsetup knows the PARTUUID tag). Pure.
 */
#ifndef P2V_POSTFIX_CRYPTTAB_H
#define P2V_POSTFIX_CRYPTTAB_H

#include "inventory/machine.h"
#include "postfix/devmap.h"

/* As fstab_rewrite. */
int crypttab_rewrite(const char *text, const struct devmap *map, char **ret,
		     struct machine_strv *notes);

#endif
