/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net_facts.h"

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
	if (scope && collect_util_text(scope, strlen(scope), &a->scope) < 0)
		return -ENOMEM;
	if (asprintf(&a->address, "%s/%u", address, prefix) < 0) {
		a->address = NULL;
		return -ENOMEM;
	}
	return 0;
}

int net_facts_route(struct machine *m, const char *destination, const char *gateway,
		    const char *nic)
{
	struct machine_route *r;

	if (m->nroutes == COLLECT_LIST_MAX)
		return collect_full(m, "routes");
	r = machine_grow(&m->routes, &m->nroutes, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->destination = strdup(destination);
	if (!r->destination)
		return -ENOMEM;
	if (gateway && collect_util_text(gateway, strlen(gateway), &r->gateway) < 0)
		return -ENOMEM;
	return nic ? collect_util_text(nic, strlen(nic), &r->nic) : 0;
}

int net_facts_kind(struct machine *m, const char *nic, const char *kind)
{
	static const char *const known[] = { "bond", "team", "bridge", "vlan" };
	struct machine_nic *n = net_facts_nic(m, nic);

	for (size_t i = 0; n && i < ARRAY_SIZE(known); i++) {
		char *copy;

		if (strcmp(kind, known[i]) != 0)
			continue;
		copy = strdup(kind);
		if (!copy)
			return -ENOMEM;
		free(n->kind);
		n->kind = copy;
	}
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
