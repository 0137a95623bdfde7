/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NICs, routes, name servers. */
#include "inventory/summary/summary_parts.h"

#include <inttypes.h>
#include <string.h>
#include "common/size.h"

/* Virtual links without an address are the business of whatever made them. */
static bool is_boring(const struct machine_nic *n)
{
	return n->kind && strcmp(n->kind, "virtual") == 0 && n->naddresses == 0;
}

static void say_nic(struct strbuf *b, const struct machine_nic *n)
{
	struct para p = para_line(b, 2, 16);

	para_text(&p, "", n->name);
	para_pad(&p, 16);
	para_text(&p, "  ", n->kind ? n->kind : "unknown");
	if (n->vlan_id)
		para_item(&p, " ", "%u", n->vlan_id);
	para_text(&p, " ", n->bond_mode);
	para_text(&p, "  ", n->mac);
	if (n->permanent_mac && n->mac && strcmp(n->permanent_mac, n->mac) != 0)
		para_named(&p, " ", "permanent", n->permanent_mac);
	para_text(&p, "  ", n->driver);
	para_text(&p, " ", n->bus);
	para_item(&p, "  ", "%s", !n->up ? "down" : n->carrier ? "up" : "no carrier");
	if (n->speed > 0)
		para_item(&p, " ", "%" PRId64 " Mbit/s", n->speed);
	if (n->sriov_vfs)
		para_item(&p, "  ", "%u virtual functions", n->sriov_vfs);
	para_named(&p, "  ", "function of", n->physfn);
	para_strv(&p, "  ", "on", &n->lower);
	para_named(&p, "  ", "in", n->master);
	para_end(&p);
	for (size_t i = 0; i < n->naddresses; i++) {
		const struct machine_address *a = &n->addresses[i];

		/* Every link has one of these, made from its MAC. */
		if (a->scope && strcmp(a->scope, "link") == 0)
			continue;
		p = para_line(b, 18, 0);
		para_text(&p, "", a->address);
		if (a->dynamic)
			para_item(&p, " ", "(dynamic)");
		para_end(&p);
	}
}

static void say_routes(struct strbuf *b, const struct machine *m)
{
	struct para p;

	if (m->nroutes == 0 && m->dns.n == 0)
		return;
	para_heading(b, "Routes and name servers");
	for (size_t i = 0; i < m->nroutes; i++) {
		p = para_line(b, 2, 4);
		para_text(&p, "", m->routes[i].destination);
		para_named(&p, " ", "via", m->routes[i].gateway);
		para_named(&p, " ", "dev", m->routes[i].nic);
		para_named(&p, " ", "table", m->routes[i].table);
		para_end(&p);
	}
	if (m->dns.n > 0) {
		p = para_line(b, 2, 4);
		para_strv(&p, "", "DNS", &m->dns);
		para_end(&p);
	}
}

static void say_rules(struct strbuf *b, const struct machine *m)
{
	for (size_t i = 0; i < m->nrules; i++) {
		const struct machine_rule *r = &m->rules[i];
		struct para p = para_line(b, 2, 4);

		para_item(&p, "", "rule %u:", r->priority);
		if (r->invert)
			para_item(&p, " ", "not");
		para_named(&p, " ", "from", r->from);
		para_named(&p, " ", "to", r->to);
		para_named(&p, " ", "iif", r->iif);
		para_named(&p, " ", "oif", r->oif);
		para_named(&p, " ", "fwmark", r->mark);
		para_strv(&p, " ", "with", &r->also);
		para_text(&p, " ", r->action);
		para_named(&p, " ", "table", r->table);
		para_end(&p);
	}
}

static void say_settings(struct strbuf *b, const struct machine *m)
{
	struct para p;

	if (m->network_stacks.n == 0 && !m->firewall.manager && !m->firewall.backend)
		return;
	p = para_line(b, 2, 4);
	para_strv(&p, "", "configured by", &m->network_stacks);
	para_named(&p, ", ", "firewall", m->firewall.manager ? m->firewall.manager :
		   m->firewall.backend);
	para_end(&p);
}

void summary_network(struct strbuf *b, const struct machine *m)
{
	if (m->nnics > 0)
		para_heading(b, "Network");
	for (size_t i = 0; i < m->nnics; i++)
		if (!is_boring(&m->nics[i]))
			say_nic(b, &m->nics[i]);
	say_routes(b, m);
	say_rules(b, m);
	say_settings(b, m);
}
