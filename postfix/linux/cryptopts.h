/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/crypttab's third and fourth field: where the key comes from. A TPM, a security key, a smart
 * card or a USB stick of the physical machine is not there in the VM, and asking for it would hold
 * up the boot; without them, the passphrase is asked for. Pure.
 */
#ifndef P2V_POSTFIX_CRYPTOPTS_H
#define P2V_POSTFIX_CRYPTOPTS_H

#include "inventory/machine.h"
#include "postfix/devmap.h"

/*
 * Options that name a device for the key go, and so does a key file on a device of its own. What
 * may or may not work (a key script that is not known) stays and is noted. 1 and *ret (malloc'd),
 * 0, or -ENOMEM.
 */
int cryptopts_rewrite(const char *text, char **ret, struct machine_strv *notes);
/* Entries whose device is not on the copied disks get "nofail". As above. */
int cryptopts_optional(const char *text, const struct devmap *map, char **ret,
		       struct machine_strv *notes);

#endif
