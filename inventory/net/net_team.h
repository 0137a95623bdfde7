/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a team device does with its ports: the driver tells it in its family of generic netlink
 * only (linux/if_team.h), to whoever may administer the network. The mode is a kind of the
 * driver's ("activebackup", "roundrobin", "loadbalance", ...); a team that nobody has set up says
 * "*NOMODE*", which is no mode.
 */
#ifndef P2V_INVENTORY_NET_TEAM_H
#define P2V_INVENTORY_NET_TEAM_H

#include <stddef.h>
#include <stdint.h>

struct net_team {
	char mode[32];			/* "": not known */
	uint32_t active_port;		/* index of the link in use; 0: none */
};

/* The payload of an answer of the family: its options are put into ret. */
void net_team_options(const uint8_t *p, size_t len, struct net_team *ret);
/* Ask the kernel of the link with that index. 0, or -errno (-EPERM, -ENOENT: no such driver). */
int net_team_ask(uint32_t index, struct net_team *ret);

#endif
