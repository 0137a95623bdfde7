/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink(7) messages of links, addresses and routes, made into facts of the machine. Memory to
 * memory: net_live.c gets the messages from the kernel, tests make their own.
 *
 * First all links, then net_message_links_done(), then addresses and routes: these name links by
 * index only. Each function takes a message's payload, checks its lengths, passes over what is no
 * fact of ours, and returns 0 or -ENOMEM.
 */
#ifndef P2V_INVENTORY_NET_MESSAGE_H
#define P2V_INVENTORY_NET_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "inventory/machine.h"

struct net_message_link {
	uint32_t index, bond_active;	/* 0: none */
	char name[16];			/* IFNAMSIZ */
};

struct net_message {
	struct machine *m;		/* its NICs are there already */
	const char *rt_tables;		/* /etc/iproute2/rt_tables and the like, or NULL */
	struct net_message_link *links;
	size_t nlinks;
};

void net_message_done(struct net_message *s);
DEFINE_CLEANUP_VALUE(struct net_message, net_message_done)

/* Of the link with that index; NULL when there is none. */
const char *net_message_name(const struct net_message *s, uint32_t index);
int net_message_link(struct net_message *s, const uint8_t *p, size_t len);
int net_message_links_done(struct net_message *s);
int net_message_address(struct net_message *s, const uint8_t *p, size_t len);
int net_message_route(struct net_message *s, const uint8_t *p, size_t len);
/*
 * The name of a routing table: as rt_tables has it ("100 isp2", one per line, # begins a comment),
 * as iproute2 knows it by itself, or its number.
 */
const char *net_message_table(const char *rt_tables, uint32_t id, char *buf, size_t size);

#endif
