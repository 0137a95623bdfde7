/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_proc.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include "inventory/collect.h"
#include "inventory/net/net_facts.h"

/* Lines of /proc/net, one at a time. */
static int each_line(const struct sysroot *root, const char *file,
		     int (*fn)(struct machine *m, const char *line, void *opaque),
		     struct machine *m, void *opaque)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	int r = sysroot_read(root, &text, NULL, "/proc/net/%s", file);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		r = fn(m, line, opaque);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 32 digits without colons. */
static bool parse_in6(const char *hex, char *buf, size_t size)
{
	uint8_t addr[16];

	if (strlen(hex) != 32)
		return false;
	for (int i = 0; i < 16; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &addr[i]) != 1)
			return false;
	return inet_ntop(AF_INET6, addr, buf, (socklen_t)size) != NULL;
}

/* fe80000000000000505400fffe123456 02 40 20 80 eth0: index, prefix, scope, flags */
static int if_inet6(struct machine *m, const char *line, void *opaque)
{
	char hex[33], nic[17], text[INET6_ADDRSTRLEN];
	unsigned int prefix, scope, flags;

	(void)opaque;
	if (sscanf(line, "%32[0-9a-fA-F] %*x %x %x %x %16s", hex, &prefix, &scope, &flags,
		   nic) != 5 ||
	    prefix > 128 || !parse_in6(hex, text, sizeof(text)))
		return 0;
	/* IFA_F_TEMPORARY 0x01, IFA_F_PERMANENT 0x80; scopes of include/net/ipv6.h. */
	if (flags & 0x01)
		return 0;
	return net_facts_address(m, nic, text, prefix,
				 scope == 0x20   ? "link"
				 : scope == 0x10 ? "host"
				 : scope == 0x40 ? "site"
						 : "global",
				 !(flags & 0x80));
}

/*
 * Destination and its prefix, source and its prefix, next hop, metric, references, use, flags, NIC.
 * Flags of linux/route.h and linux/ipv6_route.h: the kernel's own entries of addresses, refusals
 * and caches are no routes of ours, and what has no gateway the kernel makes of addresses.
 */
static int ipv6_route(struct machine *m, const char *line, void *opaque)
{
	enum {
		UP = 0x1, GATEWAY = 0x2,
		OTHERS = 0x200 /* reject */ | 0x100000 /* anycast */ | 0x1000000 /* cache */ |
			 0x80000000 /* local */,
	};
	char to_hex[33], via_hex[33], nic[17], to[INET6_ADDRSTRLEN + 8], via[INET6_ADDRSTRLEN];
	struct net_facts_route route = { .destination = to, .gateway = via, .nic = nic };
	unsigned int prefix, metric, flags;

	(void)opaque;
	if (sscanf(line, "%32[0-9a-fA-F] %x %*x %*x %32[0-9a-fA-F] %x %*x %*x %x %16s", to_hex,
		   &prefix, via_hex, &metric, &flags, nic) != 6 ||
	    prefix > 128 || !parse_in6(to_hex, to, INET6_ADDRSTRLEN) ||
	    !parse_in6(via_hex, via, sizeof(via)))
		return 0;
	if (!(flags & UP) || !(flags & GATEWAY) || (flags & OTHERS))
		return 0;
	snprintf(to + strlen(to), 5, "/%u", prefix);
	if (prefix == 0)
		strcpy(to, "default");
	route.metric = metric;
	return net_facts_route(m, &route);
}

struct net4 {			/* an on-link network: which NIC its addresses are on */
	uint32_t net, mask;	/* host order */
	char nic[17];
};

struct nets4 {
	struct net4 *v;
	size_t n;
	uint32_t last;		/* of fib_trie: the address of the leaf we are in */
	struct machine_strv seen;
};

static void nets4_done(struct nets4 *n)
{
	machine_strv_done(&n->seen);
	free(n->v);
}
DEFINE_CLEANUP_VALUE(struct nets4, nets4_done)

static void format4(uint32_t host_order, char *buf, size_t size)
{
	struct in_addr a = { .s_addr = htonl(host_order) };

	inet_ntop(AF_INET, &a, buf, (socklen_t)size);
}

/* eth0 0000A8C0 0101A8C0 flags ... mask: hex of the bytes as they lie in memory, little-endian. */
static int proc_route(struct machine *m, const char *line, void *opaque)
{
	unsigned int net, gateway, flags, metric, mask;
	char nic[17], to[INET_ADDRSTRLEN + 8], via[INET_ADDRSTRLEN];
	struct net_facts_route route = { .destination = to, .nic = nic };
	struct nets4 *nets = opaque;
	struct net4 *slot;

	if (sscanf(line, "%16s %x %x %x %*d %*d %u %x", nic, &net, &gateway, &flags, &metric,
		   &mask) != 6)
		return 0;
	net = __builtin_bswap32(net);
	mask = __builtin_bswap32(mask);
	gateway = __builtin_bswap32(gateway);
	/* RTF_GATEWAY */
	if (!(flags & 2)) {
		if (nets->n == COLLECT_LIST_MAX)
			return 0;
		slot = machine_grow(&nets->v, &nets->n, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		slot->net = net;
		slot->mask = mask;
		memcpy(slot->nic, nic, sizeof(nic));
		if (mask != 0)
			return 0;
	}
	format4(net, to, sizeof(to));
	snprintf(to + strlen(to), 5, "/%d", __builtin_popcount(mask));
	format4(gateway, via, sizeof(via));
	if (mask == 0)
		strcpy(to, "default");
	route.gateway = (flags & 2) ? via : NULL;
	route.metric = metric;
	return net_facts_route(m, &route);
}

/* "  |-- 192.168.1.10" and below it "     /32 host LOCAL" */
static int fib_trie(struct machine *m, const char *line, void *opaque)
{
	struct nets4 *nets = opaque;
	const struct net4 *best = NULL;
	char text[INET_ADDRSTRLEN];
	const char *p = strstr(line, "|-- ");
	struct in_addr a;

	if (p) {
		if (inet_pton(AF_INET, p + 4, &a) == 1)
			nets->last = ntohl(a.s_addr);
		return 0;
	}
	if (!strstr(line, "/32 host LOCAL"))
		return 0;
	for (size_t i = 0; i < nets->n; i++)
		if (nets->v[i].mask && (nets->last & nets->v[i].mask) == nets->v[i].net &&
		    (!best || nets->v[i].mask > best->mask))
			best = &nets->v[i];
	format4(nets->last, text, sizeof(text));
	/* The file shows the main and the local table, sometimes merged: each address twice. */
	if (!best || nets->seen.n == COLLECT_LIST_MAX || machine_strv_has(&nets->seen, text))
		return 0;
	if (machine_strv_add(&nets->seen, text) < 0)
		return -ENOMEM;
	return net_facts_address(m, best->nic, text, (unsigned int)__builtin_popcount(best->mask),
				 "global", false);
}

int net_proc_fill(const struct sysroot *root, struct machine *m)
{
	CLEANUP(nets4_done) struct nets4 nets = { 0 };
	int r = each_line(root, "route", proc_route, m, &nets);

	if (r == 0)
		r = each_line(root, "fib_trie", fib_trie, m, &nets);
	if (r == 0)
		r = each_line(root, "if_inet6", if_inet6, m, NULL);
	return r == 0 ? each_line(root, "ipv6_route", ipv6_route, m, NULL) : r;
}
