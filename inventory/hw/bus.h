/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PCI and USB devices: all that are there, and of each whether a virtual machine will be without
 * its like. That is a matter of tables: the modalias, which the kernel makes of a device's
 * numbers and classes to find its driver, is matched on postfix/data/devices.tbl. Bridges, hubs and
 * the chipset are devices too, and lack nothing.
 *
 * All return 0 or -ENOMEM; without the bus there are no devices.
 */
#ifndef P2V_INVENTORY_BUS_H
#define P2V_INVENTORY_BUS_H

#include <stdbool.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

/* Into m->pci, by address. */
int bus_pci_collect(const struct sysroot *root, struct machine *m);
/* Into m->usb; root hubs first, then by port. */
int bus_usb_collect(const struct sysroot *root, struct machine *m);

/* Four hexadecimal digits, 0x in front or not. NULL is none. */
bool bus_is_number(const char *s);
/* What the table says of a modalias; both stay as they are when it is nothing. 0 or -ENOMEM. */
int bus_judge(const char *modalias, char **ret_group, char **ret_lacks);
/*
 * Names from udev's database entry ("+pci:0000:03:00.0", "c189:2"); what is known already stays.
 */
int bus_names(const struct sysroot *root, const char *entry, char **vendor, char **device);

#endif
