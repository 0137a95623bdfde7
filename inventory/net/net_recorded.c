/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_recorded.h"

#include <jansson.h>
#include <string.h>
#include "common/jsonx.h"
#include "inventory/collect_util.h"
#include "inventory/net/net_facts.h"
#include "inventory/net/net_proc.h"
#include "inventory/net/net_rule.h"

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint32_t number_of(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
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

static int one_link(struct machine *m, const char *nic, const json_t *o)
{
	const json_t *info = json_object_get(o, "linkinfo"), *alt;
	const json_t *data = json_object_get(info, "info_data");
	struct net_facts_link link = { .name = nic, .kind = text_of(info, "info_kind") };
	size_t i;

	if (link.kind && strcmp(link.kind, "vlan") == 0) {
		link.vlan_id = number_of(data, "id");
		link.vlan_protocol = text_of(data, "protocol");
	} else if (link.kind && strcmp(link.kind, "bond") == 0) {
		link.bond_mode = text_of(data, "mode");
		link.bond_active = text_of(data, "active_slave");
	} else if (link.kind && strcmp(link.kind, "bridge") == 0) {
		link.bridge_stp = number_of(data, "stp_state") != 0;
	}
	if (net_facts_link(m, &link) < 0)
		return -ENOMEM;
	json_array_foreach(json_object_get(o, "altnames"), i, alt)
		if (json_is_string(alt) && net_facts_altname(m, nic, json_string_value(alt)) < 0)
			return -ENOMEM;
	return 0;
}

static int from_ip_addr(struct machine *m, const json_t *links)
{
	const json_t *link, *a;
	size_t i, j;

	json_array_foreach(links, i, link) {
		const char *nic = text_of(link, "ifname");

		if (!nic)
			continue;
		if (one_link(m, nic, link) < 0)
			return -ENOMEM;
		json_array_foreach(json_object_get(link, "addr_info"), j, a)
			if (one_address(m, nic, a) < 0)
				return -ENOMEM;
	}
	return 0;
}

/* The next hop; "via" when it is of another family than the destination. */
static const char *gateway_of(const json_t *o)
{
	const char *gateway = text_of(o, "gateway");

	return gateway ? gateway : text_of(json_object_get(o, "via"), "host");
}

static int one_route(struct machine *m, const json_t *o)
{
	const char *to = text_of(o, "dst"), *protocol = text_of(o, "protocol");
	const char *type = text_of(o, "type");
	struct net_facts_route route = {
		.gateway = gateway_of(o), .nic = text_of(o, "dev"), .source = text_of(o, "prefsrc"),
		.table = text_of(o, "table"), .metric = number_of(o, "metric"),
	};
	const json_t *hops = json_object_get(o, "nexthops"), *hop;
	CLEANUP(mem_free) char *full = NULL;
	size_t i;

	if (!to || (type && strcmp(type, "unicast") != 0) ||
	    (route.table && strcmp(route.table, "local") == 0))
		return 0;
	/* What the kernel makes of each address by itself needs no telling. */
	if (!route.gateway && !hops && protocol && strcmp(protocol, "kernel") == 0)
		return 0;
	/* A host's address comes without its prefix. */
	if (strcmp(to, "default") != 0 && !strchr(to, '/') &&
	    asprintf(&full, "%s/%s", to, strchr(to, ':') ? "128" : "32") < 0) {
		full = NULL;
		return -ENOMEM;
	}
	route.destination = full ? full : to;
	if (!json_is_array(hops))
		return net_facts_route(m, &route);
	json_array_foreach(hops, i, hop) {
		route.gateway = gateway_of(hop);
		route.nic = text_of(hop, "dev");
		if (net_facts_route(m, &route) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int from_ip_route(struct machine *m, const json_t *routes)
{
	const json_t *o;
	size_t i;

	json_array_foreach(routes, i, o)
		if (one_route(m, o) < 0)
			return -ENOMEM;
	return 0;
}

static int permanent_mac(struct machine_nic *n, const char *mac)
{
	return net_facts_mac_text(mac, &n->permanent_mac);
}

/* The team driver tells its mode in generic netlink only; teamnl asks there. */
static int team_mode(struct machine_nic *n, const char *mode)
{
	if (n->bond_mode || !n->kind || strcmp(n->kind, "team") != 0)
		return 0;
	return collect_util_text(mode, strlen(mode), &n->bond_mode);
}

/* Lines "NIC VALUE". */
static int each_nic(const struct sysroot *root, struct machine *m, const char *file,
		    int (*fn)(struct machine_nic *n, const char *value))
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	int r = sysroot_read(root, &text, NULL, "/p2v/%s", file);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		struct machine_nic *n;

		if (!value)
			continue;
		*value++ = '\0';
		n = net_facts_nic(m, line);
		if (n && fn(n, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

int net_recorded_fill(const struct sysroot *root, struct machine *m)
{
	CLEANUP(json_unref) json_t *addr = NULL, *route = NULL, *route6 = NULL;
	CLEANUP(json_unref) json_t *rule = NULL, *rule6 = NULL;

	if (each_nic(root, m, "permanent-mac", permanent_mac) < 0 ||
	    load(root, "ip-addr.json", &addr) < 0 || load(root, "ip-route.json", &route) < 0 ||
	    load(root, "ip-route6.json", &route6) < 0 || load(root, "ip-rule.json", &rule) < 0 ||
	    load(root, "ip-rule6.json", &rule6) < 0 || net_rule_json(m, rule, "inet") < 0 ||
	    net_rule_json(m, rule6, "inet6") < 0)
		return -ENOMEM;
	if (!addr)
		return net_proc_fill(root, m);
	if (from_ip_addr(m, addr) < 0 || each_nic(root, m, "team-mode", team_mode) < 0 ||
	    from_ip_route(m, route) < 0)
		return -ENOMEM;
	return from_ip_route(m, route6);
}

int net_recorded_nftables(const struct sysroot *root, bool *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	int r = sysroot_read(root, &text, NULL, "/p2v/nft-tables");

	*ret = false;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	*ret = strncmp(text, "table ", 6) == 0 || strstr(text, "\ntable ");
	return 0;
}
