/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names that udev would give a network card: those are what the guest's configuration refers
 * to, whether they are in use or not. From udev's database, or where it has none computed as
 * systemd.net-naming-scheme(7) tells.
 */
#ifndef P2V_INVENTORY_NET_NAMES_H
#define P2V_INVENTORY_NET_NAMES_H

#include <stdbool.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

struct net_names_pci {
	unsigned int domain, bus, slot, function;
};

/* The last "0000:03:00.0" in a sysfs path; false when there is none. */
bool net_names_pci(const char *path, struct net_names_pci *ret);
/* device: the NIC's device in /sys/devices. The permanent MAC is known by now. 0 or -ENOMEM. */
int net_names_predictable(const struct sysroot *root, const char *device, struct machine_nic *n);

#endif
