/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network of the live machine, asked of its kernel: rtnetlink for links, addresses and routes
 * (net_message.h), ethtool's ioctl for permanent MACs, nfnetlink for the firewall's tables. What
 * is of the module nf_tables is asked only where it is loaded: the question would load it.
 */
#ifndef P2V_INVENTORY_NET_LIVE_H
#define P2V_INVENTORY_NET_LIVE_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* m->nics is there already. 0, -ENOMEM, or another -errno when the kernel does not answer. */
int net_live_fill(const struct sysroot *root, struct machine *m);
/* Whether nf_tables has tables: 1, 0, or -errno when that is not to be known (-EPERM). */
int net_live_nftables(const struct sysroot *root);

#endif
