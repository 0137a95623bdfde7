/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network of the live machine, asked of its kernel through rtnetlink and ethtool's ioctl. */
#ifndef P2V_INVENTORY_NET_LIVE_H
#define P2V_INVENTORY_NET_LIVE_H

#include "inventory/machine.h"

/* m->nics is there already. 0, -ENOMEM, or another -errno when the kernel does not answer. */
int net_live_fill(struct machine *m);

#endif
