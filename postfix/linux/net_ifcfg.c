/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_ifcfg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postfix/linux/net_bond.h"
#include "postfix/linux/net_doc.h"

struct job {
	struct net_doc d;
	const struct net_plan *p;
	const struct net_if *x;		/* whose file it is; NULL not known */
	struct span device;		/* not in the document, which changes */
	char *own;			/* what device is in; NULL: the file's name */
	bool suse;
	struct machine_strv *notes;
};

/* "eth-id-00:30:48:11:22:33", "bus-pci-0000:01:00.0", "eth-bus-pci-0000:01:00.0". */
static const struct net_if *by_old_name(const struct net_plan *p, const char *name)
{
	const char *id = strstr(name, "id-"), *bus = strstr(name, "bus-pci-");

	if (bus && (bus == name || bus[-1] == '-')) {
		for (size_t i = 0; i < p->n; i++)
			if (p->v[i].vnic && p->v[i].nic->bus &&
			    strcmp(p->v[i].nic->bus, bus + 8) == 0)
				return &p->v[i];
		return NULL;
	}
	if (id && (id == name || id[-1] == '-'))
		return net_plan_find_mac(p, (struct span){ id + 3, strlen(id + 3) });
	return NULL;
}

char *net_ifcfg_new_name(const char *file, const struct net_plan *p)
{
	const struct net_if *x;

	if (strncmp(file, "ifcfg-", 6) != 0)
		return NULL;
	x = by_old_name(p, file + 6);
	return x ? text_format("ifcfg-%s", x->new_name) : NULL;
}

static int find_device(struct job *j, const char *file)
{
	const char *suffix = strncmp(file, "ifcfg-", 6) == 0 ? file + 6 : file;
	struct span s;

	if (net_doc_get(&j->d, NULL, "DEVICE", &s) && s.len) {
		j->own = strndup(s.s, s.len);
		if (!j->own)
			return -ENOMEM;
		j->device = (struct span){ j->own, s.len };
		j->x = net_plan_find(j->p, j->device);
		return 0;
	}
	if (net_doc_get(&j->d, NULL, "HWADDR", &s))
		j->x = net_plan_find_mac(j->p, s);
	if (!j->x)
		j->x = net_plan_find(j->p, (struct span){ suffix, strlen(suffix) });
	if (!j->x)
		j->x = by_old_name(j->p, suffix);
	if (j->x)
		j->device = (struct span){ j->x->name, strlen(j->x->name) };
	else
		j->device = (struct span){ suffix, strlen(suffix) };
	return 0;
}

static bool is_member(const struct job *j)
{
	static const char *const keys[] = { "MASTER", "TEAM_MASTER" };
	struct span s;

	if (j->x && j->x->bond)
		return j->x->bond->flat;
	for (size_t i = 0; i < 2; i++)
		if (net_doc_get(&j->d, NULL, keys[i], &s) && net_plan_is_flat(j->p, s))
			return true;
	return false;
}

static char *new_mac(struct span value, const void *opaque)
{
	const char *mac = net_plan_new_mac(opaque, value);

	return mac ? strdup(mac) : NULL;
}

static void macs(struct job *j)
{
	static const char *const keys[] = { "HWADDR", "MACADDR", "LLADDR", "MACADDRESS" };

	for (size_t i = 0; i < 4; i++)
		net_doc_map(&j->d, NULL, keys[i], new_mac, j->p);
}

static int kept_bond(struct job *j)
{
	static const char *const keys[] = { "BONDING_OPTS", "BONDING_MODULE_OPTS" };
	const char *primary = net_plan_primary(j->p, j->device);
	struct span s;
	int r = 0;

	for (size_t i = 0; i < 2 && r >= 0; i++) {
		CLEANUP(mem_free) char *to = NULL;

		if (!net_doc_get(&j->d, NULL, keys[i], &s))
			continue;
		/* Put together by the shell: not ours to read. */
		if (memchr(s.s, '$', s.len) || memchr(s.s, '`', s.len) ||
		    memchr(s.s, '\\', s.len) || memchr(s.s, '\n', s.len)) {
			r = net_note(j->notes, "%s is computed: make its mode active-backup by "
					       "hand", keys[i]);
			continue;
		}
		r = net_bond_opts(s, primary, &to);
		if (r > 0)
			net_doc_set(&j->d, NULL, keys[i], to);
	}
	if (r >= 0 && net_doc_get(&j->d, NULL, "TEAM_CONFIG", &s) && s.len) {
		CLEANUP(mem_free) char *to = NULL;

		r = net_bond_team(s, &to);
		if (r > 0)
			net_doc_set(&j->d, NULL, "TEAM_CONFIG", to);
	}
	return r;
}

static void flat_bond(struct job *j)
{
	static const char *const off[] = {
		"BONDING_*", "TEAM_CONFIG", "DEVICETYPE", "MACADDR", "LLADDR",
	};

	for (size_t i = 0; i < 5; i++)
		net_doc_off(&j->d, NULL, off[i], NULL, NULL);
	if (net_doc_is(&j->d, NULL, "TYPE", "bond") || net_doc_is(&j->d, NULL, "TYPE", "team"))
		net_doc_set(&j->d, NULL, "TYPE", "Ethernet");
}

/* -- addresses */

static bool is_family(struct span value, const void *v6)
{
	return (memchr(value.s, ':', value.len) != NULL) == (v6 != NULL);
}

static void rh_v4(struct job *j, const struct ipspec *ip)
{
	static const char *const globs[] = {
		"IPADDR*", "NETMASK*", "PREFIX*", "NETWORK", "BROADCAST", "GATEWAY*", NULL,
	};
	struct net_pairs pairs = { 0 };
	unsigned int n = 0;

	net_doc_set(&j->d, NULL, "BOOTPROTO", ip->dhcp ? "dhcp" : "none");
	for (size_t i = 0; i < ip->naddresses; i++) {
		char number[12] = "", key[32];

		if (ip->address[i].v6)
			continue;
		if (n)
			snprintf(number, sizeof(number), "%u", n);
		snprintf(key, sizeof(key), "IPADDR%s", number);
		net_pairs_add(&pairs, key, "%s", ip->address[i].text);
		snprintf(key, sizeof(key), "PREFIX%s", number);
		net_pairs_add(&pairs, key, "%u", ip->address[i].prefix);
		n++;
	}
	if (ip->has_gateway[0])
		net_pairs_add(&pairs, "GATEWAY", "%s", ip->gateway[0].text);
	net_doc_replace(&j->d, NULL, globs, NULL, NULL, &pairs);
}

static void rh_v6(struct job *j, const struct ipspec *ip)
{
	static const char *const globs[] = {
		"IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW", "DHCPV6C", NULL,
	};
	CLEANUP(strbuf_done) struct strbuf more = { 0 };
	struct net_pairs pairs = { 0 };
	struct span have;

	net_doc_set(&j->d, NULL, "IPV6INIT", "yes");
	net_doc_set(&j->d, NULL, "IPV6_AUTOCONF", "no");
	for (size_t i = 0; i < ip->naddresses; i++) {
		const struct ipspec_ip *a = &ip->address[i];

		if (!a->v6)
			continue;
		if (!pairs.n)
			net_pairs_add(&pairs, "IPV6ADDR", "%s/%u", a->text, a->prefix);
		else
			strbuf_addf(&more, "%s%s/%u", more.len ? " " : "", a->text, a->prefix);
	}
	if (ip->has_gateway[1])
		net_pairs_add(&pairs, "IPV6_DEFAULTGW", "%s", ip->gateway[1].text);
	/* A list may be too long for a pair. */
	if (more.failed)
		j->d.failed = true;
	else if (more.len && !(net_doc_get(&j->d, NULL, "IPV6ADDR_SECONDARIES", &have) &&
			       lines_span_is(have, more.s)))
		net_doc_set(&j->d, NULL, "IPV6ADDR_SECONDARIES", more.s);
	net_doc_replace(&j->d, NULL, more.len ? (const char *const[]){ globs[0], globs[2],
								       globs[3], NULL } : globs,
			NULL, NULL, &pairs);
}

/* IPADDR, IPADDR_1, ...: each with its own prefix length, of either family. */
static void suse_addresses(struct job *j, const struct ipspec *ip)
{
	static const char *const address[] = { "IPADDR*", "REMOTE_IPADDR*", NULL };
	static const char *const rest[] = {
		"NETMASK*", "PREFIXLEN*", "BROADCAST*", "NETWORK", NULL,
	};
	struct net_pairs pairs[2] = { 0 }, none = { 0 };

	for (size_t i = 0; i < ip->naddresses; i++) {
		const struct ipspec_ip *a = &ip->address[i];
		char key[32];

		/* The one without a suffix may be the other family's, which stays. */
		if (a->v6 || pairs[0].n)
			snprintf(key, sizeof(key), "IPADDR_p2v%zu", i);
		else
			snprintf(key, sizeof(key), "IPADDR");
		net_pairs_add(&pairs[a->v6], key, "%s/%u", a->text, a->prefix);
	}
	if (ipspec_has(ip, false)) {
		net_doc_set(&j->d, NULL, "BOOTPROTO", ip->dhcp ? "dhcp" : "static");
		net_doc_replace(&j->d, NULL, address, is_family, NULL, &pairs[0]);
		net_doc_replace(&j->d, NULL, rest, NULL, NULL, &none);
	}
	if (ipspec_has(ip, true))
		net_doc_replace(&j->d, NULL, address, is_family, "v6", &pairs[1]);
}

static void readdress(struct job *j)
{
	static const char *const names[] = { "DNS[0-9]", NULL };
	const struct ipspec *ip = &j->x->ip;
	struct net_pairs dns = { 0 };

	if (j->suse) {
		suse_addresses(j, ip);
		return;
	}
	if (ipspec_has(ip, false))
		rh_v4(j, ip);
	if (ipspec_has(ip, true))
		rh_v6(j, ip);
	for (size_t i = 0; i < ip->ndns; i++) {
		char key[32];

		snprintf(key, sizeof(key), "DNS%zu", i + 1);
		net_pairs_add(&dns, key, "%s", ip->dns[i].text);
	}
	if (ip->ndns)
		net_doc_replace(&j->d, NULL, names, NULL, NULL, &dns);
}

/* Hardware that is not there any more: it is not waited for. */
static void switch_off(struct job *j)
{
	if (j->suse)
		net_doc_set(&j->d, NULL, "STARTMODE", "off");
	else
		net_doc_set(&j->d, NULL, "ONBOOT", "no");
}

static bool is_gone(const struct job *j)
{
	return (j->x && j->x->gone) || net_doc_is(&j->d, NULL, "TYPE", "InfiniBand") ||
	       net_doc_is(&j->d, NULL, "TYPE", "Wireless") ||
	       net_doc_has(&j->d, NULL, "WIRELESS_ESSID*");
}

static int work(struct job *j)
{
	static const char *const hardware[] = { "ETHTOOL_*", "SRIOV_*", "SPEED", "DUPLEX" };
	int r = 0;

	for (size_t i = 0; i < 4; i++)
		net_doc_off(&j->d, NULL, hardware[i], NULL, NULL);
	macs(j);
	if (is_gone(j))
		switch_off(j);
	if (j->x && j->x->flat)
		flat_bond(j);
	else
		r = kept_bond(j);
	if (r >= 0 && j->x && j->x->readdress)
		readdress(j);
	return r;
}

int net_ifcfg_rewrite(const char *file, const char *text, bool suse, const struct net_plan *p,
		      char **ret, const struct net_if **ret_done, struct machine_strv *notes)
{
	struct job j = { .p = p, .suse = suse, .notes = notes };
	int r = net_doc_open(&j.d, NET_SHELL, text);

	if (r == -EBADMSG)
		r = net_note(notes, "its last line goes on: left as it is");
	else if (r == 0) {
		r = find_device(&j, file);
		if (r >= 0 && is_member(&j)) {
			r = NET_REMOVE;
		} else if (r >= 0) {
			r = work(&j);
			if (r >= 0)
				r = net_doc_take(&j.d, ret);
			if (r >= 0 && j.x && j.x->readdress)
				*ret_done = j.x;
		}
	}
	net_doc_done(&j.d);
	free(j.own);
	return r;
}

char *net_ifcfg_new(const struct net_if *x, bool suse)
{
	struct job j = { .x = x, .suse = suse };
	CLEANUP(mem_free) char *text = NULL;
	char *out = NULL;

	text = suse ? strdup("# New addresses, asked for when this became a virtual machine.\n"
			     "STARTMODE='auto'\n")
		    : text_format("# New addresses, asked for when this became a virtual machine.\n"
				  "DEVICE=%s\nONBOOT=yes\n", x->new_name);
	if (!text || net_doc_open(&j.d, NET_SHELL, text) < 0)
		return NULL;
	readdress(&j);
	(void)net_doc_take(&j.d, &out);
	net_doc_done(&j.d);
	return out;
}

/* -- SUSE's routes: DESTINATION GATEWAY NETMASK INTERFACE ... */

struct routes {
	const struct net_if *x;
	bool all;			/* of any interface: the file is for all */
	bool have[2];
};

static int route_line(const struct line *l, struct strbuf *out, void *opaque)
{
	struct routes *rt = opaque;
	const char *pos = l->s, *end = l->s + l->len;
	struct span to, gw, mask, dev = { NULL, 0 };
	bool v6;

	if (lines_is_comment(l, "#") || !lines_word(&pos, end, &to) ||
	    !lines_word(&pos, end, &gw))
		goto keep;
	if (lines_word(&pos, end, &mask))
		(void)lines_word(&pos, end, &dev);
	v6 = memchr(gw.s, ':', gw.len);
	if (!(lines_span_is(to, "default") || lines_span_is(to, "0.0.0.0") ||
	      lines_span_is(to, "0.0.0.0/0") || lines_span_is(to, "::/0")) ||
	    !ipspec_has(&rt->x->ip, v6))
		goto keep;
	if (dev.len && !lines_span_is(dev, "-") && !lines_span_is(dev, rt->x->new_name))
		goto keep;
	if (rt->x->ip.has_gateway[v6] && lines_span_is(gw, rt->x->ip.gateway[v6].text) &&
	    !rt->all) {
		rt->have[v6] = true;
		goto keep;
	}
	/* Another interface's gateway is not ours to take away. */
	if (rt->all && !dev.len && !rt->x->ip.has_gateway[v6])
		goto keep;
	strbuf_add(out, "#");
	strbuf_addn(out, l->s, l->full);
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int net_ifcfg_routes(const char *text, const struct net_if *x, bool all, bool add, char **ret)
{
	struct routes rt = { .x = x, .all = all };
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	CLEANUP(mem_free) char *cut = NULL;
	int r = lines_rewrite(text, route_line, &rt, &cut);
	bool changed = r > 0;

	if (r < 0)
		return r;
	strbuf_add(&out, cut ? cut : text);
	if (out.len && out.s[out.len - 1] != '\n')
		strbuf_add(&out, "\n");
	for (int v6 = 0; add && v6 < 2; v6++) {
		if (!x->ip.has_gateway[v6] || rt.have[v6])
			continue;
		strbuf_addf(&out, "default %s - %s\n", x->ip.gateway[v6].text, x->new_name);
		changed = true;
	}
	if (!changed)
		return out.failed ? -ENOMEM : 0;
	*ret = strbuf_take(&out);
	return *ret ? 1 : -ENOMEM;
}
