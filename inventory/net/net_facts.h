/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sysfs does not tell of the network, or not on every kernel: addresses, routes, kinds of
 * virtual links, permanent MACs. Two sources fill the same facts: the kernel of the live machine
 * (net_live.c), or the record of a recorded one (net_recorded.c). What sysfs has told already
 * stays. All return 0 or -ENOMEM; a NIC that is not in the machine is passed over.
 */
#ifndef P2V_INVENTORY_NET_FACTS_H
#define P2V_INVENTORY_NET_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

struct net_facts_link {
	const char *name;
	const char *kind;		/* rtnetlink's IFLA_INFO_KIND: "bond", ...; or NULL */
	uint32_t vlan_id;
	const char *vlan_protocol;	/* NULL: not known, as with all below */
	const char *bond_mode, *bond_active;
	bool bridge_stp;
};

struct net_facts_route {
	const char *destination;	/* "default", or with its prefix */
	const char *gateway, *nic, *source;
	const char *table;		/* NULL or "main": the main one */
	uint32_t metric;
};

struct machine_nic *net_facts_nic(struct machine *m, const char *name);
int net_facts_link(struct machine *m, const struct net_facts_link *link);
int net_facts_altname(struct machine *m, const char *nic, const char *name);
int net_facts_address(struct machine *m, const char *nic, const char *address, unsigned int prefix,
		      const char *scope, bool dynamic);
int net_facts_route(struct machine *m, const struct net_facts_route *route);
/* A MAC of n bytes as text; all zeros or none at all: *ret untouched. */
int net_facts_mac(const uint8_t *mac, size_t n, char **ret);
/* The same from text: "52:54:00:12:34:56". */
int net_facts_mac_text(const char *text, char **ret);

#endif
