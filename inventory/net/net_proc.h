/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses and routes as /proc/net tells them: route and ipv6_route, fib_trie, if_inet6. Less than
 * rtnetlink tells: one IPv4 table, no preferred source, of IPv4 addresses neither a scope nor
 * whether they came by DHCP. For records of machines whose ip writes no JSON.
 */
#ifndef P2V_INVENTORY_NET_PROC_H
#define P2V_INVENTORY_NET_PROC_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* m->nics is there already. 0 or -ENOMEM. */
int net_proc_fill(const struct sysroot *root, struct machine *m);

#endif
