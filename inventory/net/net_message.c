/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_message.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include "common/compiler.h"
#include "inventory/net/net_facts.h"
#include "inventory/net/netlink.h"

#define ROUTE_TEXT	(INET6_ADDRSTRLEN + 8)

_Static_assert(sizeof(((struct net_message_link *)0)->name) == IFNAMSIZ, "a link's name");

void net_message_done(struct net_message *s)
{
	free(s->links);
	s->links = NULL;
	s->nlinks = 0;
}

const char *net_message_name(const struct net_message *s, uint32_t index)
{
	for (size_t i = 0; i < s->nlinks; i++)
		if (s->links[i].index == index)
			return s->links[i].name;
	return NULL;
}

/* What a kind of link tells of itself; index of the active member for later. */
static void link_data(const char *kind, const struct netlink_attr *data,
		      struct net_facts_link *link, uint32_t *ret_active)
{
	/* BOND_MODE_ROUNDROBIN 0 and up, linux/if_bonding.h; words as in sysfs and ip. */
	static const char *const modes[] = {
		"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad",
		"balance-tlb", "balance-alb",
	};
	struct netlink_attr at[256];
	uint16_t protocol;
	uint8_t mode;

	netlink_attrs(data->p, data->len, at, ARRAY_SIZE(at));
	if (strcmp(kind, "vlan") == 0) {
		link->vlan_id = netlink_attr_u16(&at[IFLA_VLAN_ID], 0);
		protocol = ntohs(netlink_attr_u16(&at[IFLA_VLAN_PROTOCOL], 0));
		/* ETH_P_8021Q, ETH_P_8021AD of linux/if_ether.h */
		link->vlan_protocol = protocol == 0x8100 ? "802.1Q" :
				      protocol == 0x88a8 ? "802.1ad" : NULL;
	} else if (strcmp(kind, "bond") == 0) {
		mode = netlink_attr_u8(&at[IFLA_BOND_MODE], UINT8_MAX);
		link->bond_mode = mode < ARRAY_SIZE(modes) ? modes[mode] : NULL;
		*ret_active = netlink_attr_u32(&at[IFLA_BOND_ACTIVE_SLAVE], 0);
	} else if (strcmp(kind, "bridge") == 0) {
		link->bridge_stp = netlink_attr_u32(&at[IFLA_BR_STP_STATE], 0) != 0;
	}
}

static int altnames(struct net_message *s, const char *name, const struct netlink_attr *list)
{
	const uint8_t *p = list->p;
	size_t len = list->len;
	struct netlink_attr a;
	uint16_t type;

	while (p && netlink_attr_next(&p, &len, &type, &a)) {
		char alt[128];		/* ALTIFNAMSIZ of linux/if.h */

		if (type != IFLA_ALT_IFNAME)
			continue;
		netlink_attr_text(&a, alt, sizeof(alt));
		if (net_facts_altname(s->m, name, alt) < 0)
			return -ENOMEM;
	}
	return 0;
}

int net_message_link(struct net_message *s, const uint8_t *p, size_t len)
{
	struct netlink_attr at[IFLA_PROP_LIST + 1], info[IFLA_INFO_DATA + 1];
	struct net_facts_link link = { 0 };
	struct net_message_link *slot;
	struct ifinfomsg msg;
	char kind[32];

	if (len < sizeof(msg))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	netlink_attrs_after(p, len, sizeof(msg), at, ARRAY_SIZE(at));
	slot = machine_grow(&s->links, &s->nlinks, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->index = (uint32_t)msg.ifi_index;
	netlink_attr_text(&at[IFLA_IFNAME], slot->name, sizeof(slot->name));
	if (altnames(s, slot->name, &at[IFLA_PROP_LIST]) < 0)
		return -ENOMEM;
	netlink_attrs(at[IFLA_LINKINFO].p, at[IFLA_LINKINFO].len, info, ARRAY_SIZE(info));
	if (!info[IFLA_INFO_KIND].p)
		return 0;
	netlink_attr_text(&info[IFLA_INFO_KIND], kind, sizeof(kind));
	link.name = slot->name;
	link.kind = kind;
	link_data(kind, &info[IFLA_INFO_DATA], &link, &slot->bond_active);
	return net_facts_link(s->m, &link);
}

/* A bond may come before its members. */
int net_message_links_done(struct net_message *s)
{
	for (size_t i = 0; i < s->nlinks; i++) {
		struct net_facts_link link = { .name = s->links[i].name };

		if (s->links[i].bond_active == 0)
			continue;
		link.bond_active = net_message_name(s, s->links[i].bond_active);
		if (net_facts_link(s->m, &link) < 0)
			return -ENOMEM;
	}
	return 0;
}

int net_message_address(struct net_message *s, const uint8_t *p, size_t len)
{
	struct netlink_attr at[IFA_FLAGS + 1];
	struct ifaddrmsg msg;
	char text[INET6_ADDRSTRLEN];
	const char *nic, *scope;
	uint32_t flags;

	if (len < sizeof(msg))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	netlink_attrs_after(p, len, sizeof(msg), at, ARRAY_SIZE(at));
	nic = net_message_name(s, msg.ifa_index);
	if (!nic || (msg.ifa_family != AF_INET && msg.ifa_family != AF_INET6))
		return 0;
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	if (!netlink_attr_address(at[IFA_LOCAL].p ? &at[IFA_LOCAL] : &at[IFA_ADDRESS],
				  msg.ifa_family, text, sizeof(text)))
		return 0;
	flags = netlink_attr_u32(&at[IFA_FLAGS], msg.ifa_flags);
	/* Privacy addresses come and go by the hour. */
	if (msg.ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY))
		return 0;
	scope = msg.ifa_scope == RT_SCOPE_HOST ? "host" : msg.ifa_scope == RT_SCOPE_LINK ? "link" :
		msg.ifa_scope == RT_SCOPE_SITE ? "site" : "global";
	return net_facts_address(s->m, nic, text, msg.ifa_prefixlen, scope,
				 !(flags & IFA_F_PERMANENT));
}

const char *net_message_table(const char *rt_tables, uint32_t id, char *buf, size_t size)
{
	for (const char *p = rt_tables; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		const char *digits = p + strspn(p, " \t");
		bool hex = strncmp(digits, "0x", 2) == 0;
		char *end, name[64];
		unsigned long number = strtoul(digits, &end, hex ? 16 : 10);

		if (end > digits && (*end == ' ' || *end == '\t') && number == id &&
		    sscanf(end, "%*[ \t]%63[^ \t\n#]", name) == 1) {
			snprintf(buf, size, "%s", name);
			return buf;
		}
	}
	if (id == RT_TABLE_MAIN || id == RT_TABLE_DEFAULT || id == RT_TABLE_LOCAL)
		return id == RT_TABLE_MAIN ? "main" : id == RT_TABLE_DEFAULT ? "default" : "local";
	snprintf(buf, size, "%" PRIu32, id);
	return buf;
}

/* The next hop: RTA_GATEWAY, or RTA_VIA when it is of another family than the destination. */
static const char *gateway_of(const struct netlink_attr *at, int family, char *buf, size_t size)
{
	struct netlink_attr address = at[RTA_VIA];
	uint16_t via;

	if (netlink_attr_address(&at[RTA_GATEWAY], family, buf, size))
		return buf;
	via = netlink_attr_u16(&address, AF_UNSPEC);
	if (via != AF_INET && via != AF_INET6)
		return NULL;
	address.p += sizeof(via);
	address.len -= sizeof(via);
	return netlink_attr_address(&address, via, buf, size) ? buf : NULL;
}

/* One route for each next hop. */
static int multipath(struct net_message *s, int family, const struct netlink_attr *list,
		     struct net_facts_route *route)
{
	const uint8_t *p = list->p;
	size_t len = list->len;

	while (len >= sizeof(struct rtnexthop)) {
		struct netlink_attr at[RTA_VIA + 1];
		char gateway[INET6_ADDRSTRLEN];
		struct rtnexthop hop;
		size_t step;

		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > len)
			return 0;
		netlink_attrs_after(p, hop.rtnh_len, sizeof(hop), at, ARRAY_SIZE(at));
		route->gateway = gateway_of(at, family, gateway, sizeof(gateway));
		route->nic = net_message_name(s, (uint32_t)hop.rtnh_ifindex);
		if (net_facts_route(s->m, route) < 0)
			return -ENOMEM;
		step = RTNH_ALIGN(hop.rtnh_len);
		if (step >= len)
			return 0;
		p += step;
		len -= step;
	}
	return 0;
}

int net_message_route(struct net_message *s, const uint8_t *p, size_t len)
{
	struct netlink_attr at[RTA_VIA + 1];	/* RTA_TABLE and all others are below */
	struct rtmsg msg;
	char to[ROUTE_TEXT] = "default", gateway[INET6_ADDRSTRLEN], source[INET6_ADDRSTRLEN];
	struct net_facts_route route = { .destination = to };
	uint32_t table;
	char name[64];

	if (len < sizeof(msg))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	netlink_attrs_after(p, len, sizeof(msg), at, ARRAY_SIZE(at));
	table = netlink_attr_u32(&at[RTA_TABLE], msg.rtm_table);
	if (table == RT_TABLE_LOCAL || msg.rtm_type != RTN_UNICAST ||
	    (msg.rtm_flags & RTM_F_CLONED) ||
	    (msg.rtm_family != AF_INET && msg.rtm_family != AF_INET6))
		return 0;
	if (msg.rtm_dst_len > 0) {
		if (!netlink_attr_address(&at[RTA_DST], msg.rtm_family, to, INET6_ADDRSTRLEN))
			return 0;
		snprintf(to + strlen(to), 5, "/%u", (unsigned int)msg.rtm_dst_len);
	}
	route.metric = netlink_attr_u32(&at[RTA_PRIORITY], 0);
	if (netlink_attr_address(&at[RTA_PREFSRC], msg.rtm_family, source, sizeof(source)))
		route.source = source;
	route.table = net_message_table(s->rt_tables, table, name, sizeof(name));
	if (at[RTA_MULTIPATH].p)
		return multipath(s, msg.rtm_family, &at[RTA_MULTIPATH], &route);
	route.gateway = gateway_of(at, msg.rtm_family, gateway, sizeof(gateway));
	/* What the kernel makes of each address by itself needs no telling. */
	if (!route.gateway && msg.rtm_protocol == RTPROT_KERNEL)
		return 0;
	route.nic = net_message_name(s, netlink_attr_u32(&at[RTA_OIF], 0));
	return net_facts_route(s->m, &route);
}
