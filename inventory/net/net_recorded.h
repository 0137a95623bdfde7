/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network of a recorded machine: the JSON of `ip -d addr` and `ip route` below /p2v, or where
 * that is missing (iproute2 before 4.13) what /proc/net tells (net_proc.h).
 */
#ifndef P2V_INVENTORY_NET_RECORDED_H
#define P2V_INVENTORY_NET_RECORDED_H

#include <stdbool.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

/* m->nics is there already. 0 or -ENOMEM. */
int net_recorded_fill(const struct sysroot *root, struct machine *m);
/* Whether nf_tables had tables. 0 or -ENOMEM. */
int net_recorded_nftables(const struct sysroot *root, bool *ret);

#endif
