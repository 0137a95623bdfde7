/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_facts.h"

#include <string.h>
#include "inventory/collect.h"
#include "inventory/collect_util.h"

struct machine_nic *net_facts_nic(struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->nnics; i++)
		if (strcmp(m->nics[i].name, name) == 0)
			return &m->nics[i];
	return NULL;
}

/* What is known already stays. */
static int fill(char **to, const char *text)
{
	return *to || !text ? 0 : collect_util_text(text, strlen(text), to);
}

/* rtnetlink's kinds that the model has a word for; any other leaves what sysfs told. */
static int set_kind(struct machine_nic *n, const char *kind)
{
	static const struct {
		const char *kernel, *ours;
	} known[] = {
		{ "bond", "bond" }, { "team", "team" }, { "bridge", "bridge" }, { "vlan", "vlan" },
		{ "wwan", "wwan" }, { "ipoib", "infiniband" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char *copy;

		if (strcmp(kind, known[i].kernel) != 0)
			continue;
		copy = strdup(known[i].ours);
		if (!copy)
			return -ENOMEM;
		free(n->kind);
		n->kind = copy;
	}
	return 0;
}

int net_facts_link(struct machine *m, const struct net_facts_link *link)
{
	struct machine_nic *n = net_facts_nic(m, link->name);

	if (!n)
		return 0;
	if ((link->kind && set_kind(n, link->kind) < 0) ||
	    fill(&n->vlan_protocol, link->vlan_protocol) < 0 ||
	    fill(&n->bond_mode, link->bond_mode) < 0 ||
	    fill(&n->bond_active, link->bond_active) < 0)
		return -ENOMEM;
	if (n->vlan_id == 0 && link->vlan_id < 4096)
		n->vlan_id = link->vlan_id;
	n->bridge_stp = n->bridge_stp || link->bridge_stp;
	return 0;
}

int net_facts_altname(struct machine *m, const char *nic, const char *name)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_nic *n = net_facts_nic(m, nic);

	if (!n || n->altnames.n == COLLECT_LIST_MAX)
		return 0;
	if (collect_util_text(name, strlen(name), &text) < 0)
		return -ENOMEM;
	if (!text || machine_strv_has(&n->altnames, text))
		return 0;
	return machine_strv_add(&n->altnames, text);
}

int net_facts_address(struct machine *m, const char *nic, const char *address, unsigned int prefix,
		      const char *scope, bool dynamic)
{
	struct machine_nic *n = net_facts_nic(m, nic);
	struct machine_address *a;

	if (!n)
		return 0;
	if (n->naddresses == COLLECT_LIST_MAX)
		return collect_full(m, "addresses");
	a = machine_grow(&n->addresses, &n->naddresses, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->dynamic = dynamic;
	if (fill(&a->scope, scope) < 0)
		return -ENOMEM;
	if (asprintf(&a->address, "%s/%u", address, prefix) < 0) {
		a->address = NULL;
		return -ENOMEM;
	}
	return 0;
}

int net_facts_route(struct machine *m, const struct net_facts_route *route)
{
	bool main_table = !route->table || strcmp(route->table, "main") == 0;
	struct machine_route *r;

	if (m->nroutes == COLLECT_LIST_MAX)
		return collect_full(m, "routes");
	r = machine_grow(&m->routes, &m->nroutes, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->metric = route->metric;
	r->destination = strdup(route->destination);
	if (!r->destination || fill(&r->gateway, route->gateway) < 0 ||
	    fill(&r->nic, route->nic) < 0 || fill(&r->source, route->source) < 0 ||
	    fill(&r->table, main_table ? NULL : route->table) < 0)
		return -ENOMEM;
	return 0;
}

int net_facts_mac(const uint8_t *mac, size_t n, char **ret)
{
	bool any = false;
	char *s;

	for (size_t i = 0; i < n; i++)
		any = any || mac[i] != 0;
	/* Less than six bytes is some other link layer's address. */
	if (!any || n < 6 || n > 32)
		return 0;
	s = malloc(n * 3);
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		snprintf(s + 3 * i, i + 1 < n ? 4 : 3, i + 1 < n ? "%02x:" : "%02x", mac[i]);
	free(*ret);
	*ret = s;
	return 0;
}

int net_facts_mac_text(const char *text, char **ret)
{
	uint8_t mac[32];
	size_t n = 0;

	while (text && n < sizeof(mac) && sscanf(text, "%2hhx", &mac[n]) == 1) {
		n++;
		text = strchr(text, ':');
		if (text)
			text++;
	}
	return net_facts_mac(mac, n, ret);
}
