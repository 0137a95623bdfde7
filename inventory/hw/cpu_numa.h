/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NUMA nodes, from /sys/devices/system/node. A kernel without NUMA has none to tell. */
#ifndef P2V_INVENTORY_CPU_NUMA_H
#define P2V_INVENTORY_CPU_NUMA_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* Add the nodes to m->cpu, by number. A node without CPUs (memory only) has cpus NULL. -ENOMEM. */
int cpu_numa_read(const struct sysroot *root, struct machine *m);

#endif
