/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which services are switched on at boot, whatever the init system; see net_setup.h. */
#ifndef P2V_INVENTORY_NET_UNITS_H
#define P2V_INVENTORY_NET_UNITS_H

#include "common/sysroot.h"
#include "inventory/machine_base.h"

/* Names without ".service"; masked ones are left out. 0 or -ENOMEM; the caller frees. */
int net_units_load(const struct sysroot *root, struct machine_strv *ret);
void net_units_done(struct machine_strv *units);
DEFINE_CLEANUP_VALUE(struct machine_strv, net_units_done)

#endif
