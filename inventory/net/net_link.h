/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One network link as /sys/class/net shows it. kind is told by what is there: a folder "bonding",
 * "bridge" or "wireless", DEVTYPE in uevent, and for the rest whether a device is behind it:
 *
 *	device, Ethernet	"physical"
 *	device, InfiniBand	"infiniband": also its partitions (ib0.8001)
 *	DEVTYPE=wwan		"wwan": mobile broadband
 *	device, anything else	"other": CAN, ...
 *	no device		"virtual": veth, tun, dummy, ...
 *
 * Links are not to be trusted to stay: what vanishes while it is read is as if it had never been.
 */
#ifndef P2V_INVENTORY_NET_LINK_H
#define P2V_INVENTORY_NET_LINK_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* Add the link to m->nics; vlans is /proc/net/vlan/config or NULL. 0 or -ENOMEM. */
int net_link_add(const struct sysroot *root, struct machine *m, const char *name,
		 const char *vlans);
/* What needs the permanent MAC, and that MAC where only sysfs tells it. 0 or -ENOMEM. */
int net_link_finish(const struct sysroot *root, struct machine_nic *n);

#endif
