/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether the machine is a virtual one already, and whose. The kernel says so by the CPU flag
 * "hypervisor" (CPUID leaf 1, ECX bit 31) or, for paravirtual guests, by /sys/hypervisor; the name
 * comes from there, from SMBIOS, or from the clock the hypervisor offers. Xen's first domain
 * ("control_d" in /proc/xen/capabilities) is the physical machine.
 */
#ifndef P2V_INVENTORY_CPU_HYPERVISOR_H
#define P2V_INVENTORY_CPU_HYPERVISOR_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* flags: of the CPU. *ret: NULL on bare metal, "unknown" for one without a name. 0 or -ENOMEM. */
int cpu_hypervisor_read(const struct sysroot *root, const struct machine_strv *flags, char **ret);

#endif
