/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sysfs does not tell of the network: addresses, routes, kinds of virtual links, permanent
 * MACs. Two sources fill the same facts: the kernel of the live machine (net_live.c), or the
 * record of a recorded one (net_recorded.c). All return 0 or -ENOMEM; a NIC that is not in the
 * machine is passed over.
 */
#ifndef P2V_INVENTORY_NET_FACTS_H
#define P2V_INVENTORY_NET_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

struct machine_nic *net_facts_nic(struct machine *m, const char *name);
int net_facts_address(struct machine *m, const char *nic, const char *address, unsigned int prefix,
		      const char *scope, bool dynamic);
int net_facts_route(struct machine *m, const char *destination, const char *gateway,
		    const char *nic);
/* kind: rtnetlink's IFLA_INFO_KIND, "bond", "vlan", ... */
int net_facts_kind(struct machine *m, const char *nic, const char *kind);
/* A MAC of n bytes as text; all zeros or none at all: *ret untouched. */
int net_facts_mac(const uint8_t *mac, size_t n, char **ret);

#endif
