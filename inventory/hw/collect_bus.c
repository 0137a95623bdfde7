/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/collect.h"

#include "inventory/hw/bus.h"

int collect_bus(const struct sysroot *root, struct machine *m, struct err *err)
{
	if (bus_pci_collect(root, m) < 0 || bus_usb_collect(root, m) < 0)
		return err_nomem(err);
	return 0;
}
