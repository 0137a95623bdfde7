/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "postfix/linux/netcfg.h"

static bool is(const char *s, const char *word)
{
	return s && strcmp(s, word) == 0;
}

static struct net_if *find(const struct net_plan *p, const char *name)
{
	for (size_t i = 0; name && i < p->n; i++)
		if (is(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

static bool is_bond(const struct machine_nic *nic)
{
	return is(nic->kind, "bond") || is(nic->kind, "team");
}

static void fill(struct net_if *x, const struct machine_nic *nic)
{
	*x = (struct net_if){ .nic = nic, .name = nic->name, .new_name = nic->name };
	/* As convert/vmspec.h has it: one that nothing used. */
	x->gone = (nic->physfn && !nic->naddresses && !nic->master) ||
		  is(nic->kind, "infiniband") || is(nic->kind, "wireless") ||
		  is(nic->kind, "wwan");
	x->vnic = !x->gone && netcfg_is_pinnable(nic);
	if (x->vnic) {
		for (size_t k = 0; k < 17; k++) {
			char c = netcfg_mac(nic)[k];

			x->old_mac[k] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
		}
		memcpy(x->mac, x->old_mac, sizeof(x->mac));
	}
}

static bool is_member(const struct net_if *x, const struct machine_nic *bond)
{
	if (is(x->nic->master, bond->name))
		return true;
	for (size_t i = 0; x->name && i < bond->lower.n; i++)
		if (strcmp(bond->lower.v[i], x->name) == 0)
			return true;
	return false;
}

static bool absent(const struct net_if *x, const struct fix_nic_change *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c[i].absent && is(x->name, c[i].name))
			return true;
	return false;
}

/* Which member stands for the bond: see net_plan.h. */
static void find_carrier(struct net_plan *p, struct net_if *bond, const struct fix_nic_change *c,
			 size_t n)
{
	const struct net_if *same = NULL, *active = NULL, *first = NULL;

	for (size_t i = 0; i < p->n; i++) {
		struct net_if *x = &p->v[i];

		if (x == bond || !is_member(x, bond->nic))
			continue;
		x->bond = bond;
		if (!x->vnic || absent(x, c, n))
			continue;
		if (!first)
			first = x;
		if (!same && bond->nic->mac && strcasecmp(x->old_mac, bond->nic->mac) == 0)
			same = x;
		if (!active && is(bond->nic->bond_active, x->name))
			active = x;
	}
	bond->carrier = same ? same : active ? active : first;
}

/* A VF that came with its driver's name is not the guest's any more. */
static int change(struct net_plan *p, const struct fix_nic_change *c, struct err *err)
{
	struct net_if *x = find(p, c->name);
	char mac[18];
	int r = 0;

	if (!x)
		return err_set(err, EINVAL, "the machine has no network interface %s", c->name);
	if (c->mac) {
		if (!x->vnic)
			return err_set(err, EINVAL,
				       "%s does not become a virtual network interface: it cannot "
				       "get an Ethernet address",
				       c->name);
		if (!ipspec_parse_mac(c->mac, mac))
			return err_set(err, EINVAL, "%s: %s is no Ethernet address", c->name,
				       c->mac);
		memcpy(x->mac, mac, sizeof(mac));
		p->new_macs = p->new_macs || strcmp(x->mac, x->old_mac) != 0;
	}
	for (size_t i = 0; r >= 0 && c->addresses && c->addresses[i]; i++) {
		if (x->bond)
			return err_set(err, EINVAL, "%s is a member of %s: that has the addresses",
				       c->name, x->bond->name);
		if (x->gone)
			return err_set(err, EINVAL, "%s is not there in a virtual machine",
				       c->name);
		r = ipspec_add(&x->ip, c->addresses[i], err);
		x->readdress = true;
	}
	if (r < 0)
		err_prefix(err, "%s", c->name);
	return r;
}

static int same_macs(const struct net_plan *p, struct err *err)
{
	for (size_t i = 0; p->new_macs && i < p->n; i++)
		for (size_t k = 0; k < i; k++)
			if (p->v[i].mac[0] && strcmp(p->v[i].mac, p->v[k].mac) == 0)
				return err_set(err, EINVAL, "%s and %s cannot both have %s",
					       p->v[k].name, p->v[i].name, p->v[i].mac);
	return 0;
}

int net_plan_make(const struct machine *m, const struct fix_nic_change *changes, size_t nchanges,
		  bool flatten, struct net_plan **ret, struct err *err)
{
	CLEANUP(net_plan_free) struct net_plan *p = calloc(1, sizeof(*p));
	int r = 0;

	if (p)
		p->v = calloc(m->nnics + 1, sizeof(*p->v));
	if (p)
		p->done = calloc(m->nnics + 1, sizeof(*p->done));
	if (!p || !p->v || !p->done)
		return err_nomem(err);
	p->n = m->nnics;
	for (size_t i = 0; i < p->n; i++)
		fill(&p->v[i], &m->nics[i]);
	for (size_t i = 0; i < p->n; i++) {
		struct net_if *bond = &p->v[i];

		if (!bond->name || !is_bond(bond->nic))
			continue;
		find_carrier(p, bond, changes, nchanges);
		/* Its name becomes a NIC's: one that could not be pinned is no name for one. */
		bond->flat = flatten && bond->carrier && netcfg_name_valid(bond->name);
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].bond && p->v[i].bond->flat && p->v[i].bond->carrier == &p->v[i])
			p->v[i].new_name = p->v[i].bond->name;
	for (size_t i = 0; r >= 0 && i < nchanges; i++)
		r = change(p, &changes[i], err);
	if (r >= 0)
		r = same_macs(p, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

void net_plan_free(struct net_plan *p)
{
	if (!p)
		return;
	free(p->v);
	free(p->done);
	free(p);
}

const struct net_if *net_plan_find(const struct net_plan *p, struct span name)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].name && lines_span_is(name, p->v[i].name))
			return &p->v[i];
	return NULL;
}

static bool mac_is(struct span s, const char *mac)
{
	for (size_t i = 0; i < 17 && s.len == 17; i++) {
		char c = s.s[i];

		if (c >= 'A' && c <= 'F')
			c |= 0x20;
		else if (c == '-')
			c = ':';
		if (c != mac[i])
			return false;
	}
	return s.len == 17;
}

const struct net_if *net_plan_find_mac(const struct net_plan *p, struct span mac)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].vnic && mac_is(mac, p->v[i].old_mac))
			return &p->v[i];
	/* What a second run finds. */
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].vnic && mac_is(mac, p->v[i].mac))
			return &p->v[i];
	return NULL;
}

const char *net_plan_new_mac(const struct net_plan *p, struct span mac)
{
	if (!p->new_macs)
		return NULL;
	/* One that is asked for stays, also when another NIC had it: it was written by us. */
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].vnic && mac_is(mac, p->v[i].mac))
			return NULL;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].vnic && mac_is(mac, p->v[i].old_mac))
			return p->v[i].mac;
	return NULL;
}

bool net_plan_is_member(const struct net_plan *p, struct span name)
{
	const struct net_if *x = net_plan_find(p, name);

	return x && x->bond && x->bond->flat;
}

bool net_plan_is_flat(const struct net_plan *p, struct span name)
{
	const struct net_if *x = net_plan_find(p, name);

	return x && x->flat;
}

const char *net_plan_primary(const struct net_plan *p, struct span bond)
{
	const struct net_if *x = net_plan_find(p, bond);

	return x && x->carrier ? x->carrier->name : NULL;
}

static bool glob_any(struct span patterns, const char *s)
{
	const char *end = patterns.s + patterns.len;

	for (const char *p = patterns.s; p < end;) {
		char glob[128];
		size_t n = 0;

		while (p + n < end && !strchr(" \t;,", p[n]))
			n++;
		if (n && n < sizeof(glob)) {
			memcpy(glob, p, n);
			glob[n] = '\0';
			if (fnmatch(glob, s, 0) == 0)
				return true;
		}
		p += n + 1;
	}
	return false;
}

static bool matches(const struct net_if *x, enum net_by by, struct span patterns)
{
	char path[80];

	if (!x->vnic)
		return false;
	if (by == NET_BY_DRIVER)
		return x->nic->driver && glob_any(patterns, x->nic->driver);
	if (!x->nic->bus)
		return false;
	snprintf(path, sizeof(path), "pci-%s", x->nic->bus);
	return glob_any(patterns, path);
}

int net_plan_match(const struct net_plan *p, enum net_by by, const char *key, struct span patterns,
		   bool macs, const char *sep, struct machine_strv *notes, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char safe[80];

	*ret = NULL;
	for (size_t i = 0; i < p->n; i++) {
		if (!matches(&p->v[i], by, patterns))
			continue;
		if (b.len)
			strbuf_add(&b, sep);
		strbuf_add(&b, macs ? p->v[i].mac : p->v[i].new_name);
	}
	if (b.failed)
		return -ENOMEM;
	if (!b.len) {
		text_escape(patterns.s, patterns.len, safe, sizeof(safe));
		return net_note(notes,
				"%s=%s matches none of the recorded interfaces: left as it is", key,
				safe);
	}
	*ret = strbuf_take(&b);
	return *ret ? 0 : -ENOMEM;
}

int net_note(struct machine_strv *notes, const char *fmt, ...)
{
	CLEANUP(mem_free) char *s = NULL;
	va_list ap;

	if (!notes)
		return 0;
	va_start(ap, fmt);
	s = text_vformat(fmt, ap);
	va_end(ap);
	return s ? machine_strv_add(notes, s) : -ENOMEM;
}
