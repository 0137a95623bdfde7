/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net_recorded.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "common/jsonx.h"
#include "inventory/collect_util.h"
#include "inventory/net_facts.h"

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* A list of objects below /p2v; NULL when there is none, or none that parses. */
static int load(const struct sysroot *root, const char *file, json_t **ret)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r = sysroot_read(root, &text, &len, "/p2v/%s", file);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = jsonx_parse(text, len, file, ret, NULL);
	return r == -ENOMEM ? r : 0;
}

static int one_address(struct machine *m, const char *nic, const json_t *o)
{
	const char *local = text_of(o, "local"), *scope = text_of(o, "scope");
	json_int_t prefix = json_integer_value(json_object_get(o, "prefixlen"));

	if (!local || prefix < 0 || prefix > 128 || json_is_true(json_object_get(o, "temporary")))
		return 0;
	return net_facts_address(m, nic, local, (unsigned int)prefix, scope,
				 json_is_true(json_object_get(o, "dynamic")));
}

static int from_ip_addr(struct machine *m, const json_t *links)
{
	const json_t *link, *a;
	size_t i, j;

	json_array_foreach(links, i, link) {
		const char *nic = text_of(link, "ifname");
		const char *kind = text_of(json_object_get(link, "linkinfo"), "info_kind");

		if (!nic)
			continue;
		if (kind && net_facts_kind(m, nic, kind) < 0)
			return -ENOMEM;
		json_array_foreach(json_object_get(link, "addr_info"), j, a)
			if (one_address(m, nic, a) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int from_ip_route(struct machine *m, const json_t *routes)
{
	const json_t *o;
	size_t i;

	json_array_foreach(routes, i, o) {
		const char *to = text_of(o, "dst"), *gateway = text_of(o, "gateway");
		const char *protocol = text_of(o, "protocol"), *type = text_of(o, "type");
		CLEANUP(mem_free) char *full = NULL;

		if (!to || (type && strcmp(type, "unicast") != 0) ||
		    (!gateway && protocol && strcmp(protocol, "kernel") == 0))
			continue;
		/* A host's address comes without its prefix. */
		if (strcmp(to, "default") != 0 && !strchr(to, '/') &&
		    asprintf(&full, "%s/%s", to, strchr(to, ':') ? "128" : "32") < 0) {
			full = NULL;
			return -ENOMEM;
		}
		if (net_facts_route(m, full ? full : to, gateway, text_of(o, "dev")) < 0)
			return -ENOMEM;
	}
	return 0;
}

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

/* fe80000000000000505400fffe123456 02 40 20 80 eth0: index, prefix, scope, flags */
static int if_inet6(struct machine *m, const char *line, void *opaque)
{
	char hex[33], nic[17], text[INET6_ADDRSTRLEN];
	unsigned int prefix, scope, flags;
	uint8_t addr[16];

	(void)opaque;
	if (sscanf(line, "%32[0-9a-fA-F] %*x %x %x %x %16s", hex, &prefix, &scope, &flags,
		   nic) != 5 ||
	    strlen(hex) != 32 || prefix > 128)
		return 0;
	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return 0;
		addr[i] = (uint8_t)byte;
	}
	inet_ntop(AF_INET6, addr, text, sizeof(text));
	/* IFA_F_TEMPORARY 0x01, IFA_F_PERMANENT 0x80; scopes of include/net/ipv6.h. */
	if (flags & 0x01)
		return 0;
	return net_facts_address(m, nic, text, prefix,
				 scope == 0x20 ? "link" : scope == 0x10 ? "host" : "global",
				 !(flags & 0x80));
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
	for (size_t i = 0; i < n->seen.n; i++)
		free(n->seen.v[i]);
	free(n->seen.v);
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
	unsigned int net, gateway, flags, mask;
	char nic[17], to[INET_ADDRSTRLEN + 8], via[INET_ADDRSTRLEN];
	struct nets4 *nets = opaque;
	struct net4 *slot;

	if (sscanf(line, "%16s %x %x %x %*d %*d %*d %x", nic, &net, &gateway, &flags, &mask) != 5)
		return 0;
	net = __builtin_bswap32(net);
	mask = __builtin_bswap32(mask);
	gateway = __builtin_bswap32(gateway);
	/* RTF_GATEWAY */
	if (!(flags & 2)) {
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
	return net_facts_route(m, mask ? to : "default", (flags & 2) ? via : NULL, nic);
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
	if (!best || machine_strv_has(&nets->seen, text))
		return 0;
	if (machine_strv_add(&nets->seen, text) < 0)
		return -ENOMEM;
	return net_facts_address(m, best->nic, text, (unsigned int)__builtin_popcount(best->mask),
				 "global", false);
}

/* "eth0 52:54:00:12:34:56" */
static int permanent_macs(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	int r = sysroot_read(root, &text, NULL, "/p2v/permanent-mac");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *mac = strchr(line, ' ');
		struct machine_nic *n;
		uint8_t bytes[32];
		size_t len = 0;

		if (!mac)
			continue;
		*mac++ = '\0';
		n = net_facts_nic(m, line);
		while (len < sizeof(bytes) && sscanf(mac, "%2hhx", &bytes[len]) == 1) {
			len++;
			mac = strchr(mac, ':');
			if (!mac)
				break;
			mac++;
		}
		if (n && net_facts_mac(bytes, len, &n->permanent_mac) < 0)
			return -ENOMEM;
	}
	return 0;
}

int net_recorded_fill(const struct sysroot *root, struct machine *m)
{
	CLEANUP(json_unref) json_t *addr = NULL, *route = NULL, *route6 = NULL;
	CLEANUP(nets4_done) struct nets4 nets = { 0 };
	int r;

	if (permanent_macs(root, m) < 0 || load(root, "ip-addr.json", &addr) < 0 ||
	    load(root, "ip-route.json", &route) < 0 || load(root, "ip-route6.json", &route6) < 0)
		return -ENOMEM;
	if (addr) {
		r = from_ip_addr(m, addr);
		if (r == 0)
			r = from_ip_route(m, route);
		return r == 0 ? from_ip_route(m, route6) : r;
	}
	r = each_line(root, "route", proc_route, m, &nets);
	if (r == 0)
		r = each_line(root, "fib_trie", fib_trie, m, &nets);
	return r == 0 ? each_line(root, "if_inet6", if_inet6, m, NULL) : r;
}
