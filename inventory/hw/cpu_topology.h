/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the logical CPUs are arranged: sockets, cores, threads, counted as lscpu(1) counts them, so
 * that both tell the same of every machine.
 *
 *	threads per core	of the core that has most
 *	cores per socket	all cores / all sockets; CPUs that are offline have no core
 *	sockets			physical packages, whatever NUMA nodes or dies they are cut into
 *
 * Three sources, the first that answers: /sys/devices/system/cpu/cpuN/topology; the "physical id"
 * and "core id" of /proc/cpuinfo (a container that hides the folder), or its counts "siblings" and
 * "cpu cores" (older kernels); one socket of single-thread cores. Where cores differ (performance
 * and efficiency cores) the product of the three is not the number of CPUs: that is in online and
 * present.
 */
#ifndef P2V_INVENTORY_CPU_TOPOLOGY_H
#define P2V_INVENTORY_CPU_TOPOLOGY_H

#include <stdbool.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

/*
 * Set sockets, cores_per_socket, threads_per_core, online and present of c; cpuinfo is the text of
 * /proc/cpuinfo, or NULL. *ret_alike: false when all CPUs are online and some cores have more
 * threads than others. 0 or -ENOMEM.
 */
int cpu_topology_read(const struct sysroot *root, const char *cpuinfo, struct machine_cpu *c,
		      bool *ret_alike);

#endif
