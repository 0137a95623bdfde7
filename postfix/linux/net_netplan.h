/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netplan: YAML below /etc/netplan.
 *
 *	match: driver:		of the old hardware: becomes macaddress: of the NIC that it
 *				matched, or name: with a pattern that fits those NICs and no others
 *	match: macaddress:	follows a new address
 *	wakeonlan, offloads, virtual functions	are switched off
 *	bonds			become active-backup with a primary; flattened, the entry moves to
 *				"ethernets" without its members, where VLANs and bridges that
 *				name it still find it, and the members' entries are switched off
 *	addresses, gateway4/6, default routes, dhcp4/6, nameservers
 *				are replaced, of the family that new addresses were given of
 *
 * Entries have names of their own ("lan0" with match and set-name); they are found by all three.
 * The text is changed in places (net_yaml.h). Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_NETPLAN_H
#define P2V_POSTFIX_NET_NETPLAN_H

#include "postfix/linux/net_plan.h"

/* 1 and *ret (malloc'd), 0, -ENOMEM. done: as net_ifupdown_rewrite(). */
int net_netplan_rewrite(const char *text, const struct net_plan *p, char **ret, bool *done,
			struct machine_strv *notes);
/* A new file for an interface that has no entry. malloc'd; NULL on ENOMEM. */
char *net_netplan_new(const struct net_if *x);

#endif
