/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_nm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/net_bond.h"
#include "postfix/linux/net_doc.h"

/* Sections have old names, too. */
static const char *const ethernet[] = { "ethernet", "802-3-ethernet" };
static const char *const wireless[] = { "wifi", "802-11-wireless", "infiniband" };

struct job {
	struct net_doc d;
	const struct net_plan *p;
	const struct net_if *x;		/* whose profile it is; NULL not known, or of several */
	struct machine_strv *notes;
};

static void find_device(struct job *j)
{
	struct span s;

	if (net_doc_get(&j->d, "connection", "interface-name", &s) && s.len)
		j->x = net_plan_find(j->p, s);
	for (size_t i = 0; !j->x && i < 2; i++)
		if (net_doc_get(&j->d, ethernet[i], "mac-address", &s) && s.len)
			j->x = net_plan_find_mac(j->p, s);
	if (!j->x && net_doc_get(&j->d, "match", "interface-name", &s) && s.len) {
		if (s.s[s.len - 1] == ';')
			s.len--;
		j->x = net_plan_find(j->p, s);
	}
}

static bool all_flat(const struct net_plan *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].flat)
			any = true;
		else if (p->v[i].carrier)
			return false;
	}
	return any;
}

/* A master is named by its interface or by the UUID of its profile, which is not known here. */
static bool is_member(const struct job *j)
{
	static const char *const masters[] = { "master", "controller" };
	static const char *const types[] = { "slave-type", "port-type" };
	struct span s;

	if (j->x && j->x->bond)
		return j->x->bond->flat;
	for (size_t i = 0; i < 2; i++)
		if (net_doc_get(&j->d, "connection", masters[i], &s) && net_plan_is_flat(j->p, s))
			return true;
	for (size_t i = 0; i < 2; i++)
		if (net_doc_get(&j->d, "connection", types[i], &s) &&
		    (lines_span_is(s, "bond") || lines_span_is(s, "team")) && !j->x)
			return all_flat(j->p);
	return false;
}

static void hardware(struct job *j)
{
	static const char *const keys[] = {
		"speed", "duplex", "auto-negotiate", "port", "wake-on-lan*",
	};

	net_doc_off_section(&j->d, "ethtool", NULL, NULL, NULL);
	net_doc_off_section(&j->d, "sriov", NULL, NULL, NULL);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			net_doc_off(&j->d, ethernet[i], keys[k], NULL, NULL);
}

static char *new_mac(struct span value, const void *opaque)
{
	const char *mac = net_plan_new_mac(opaque, value);

	return mac ? strdup(mac) : NULL;
}

/* "AA:BB:..;CC:DD:..;", and "mac:AA:BB:..;interface-name:eth0". NULL: nothing to change. */
static char *new_macs(struct span value, const void *opaque)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *p = value.s, *end = value.s + value.len;
	bool changed = false;

	while (p < end) {
		const char *sep = p;
		const char *mac;
		struct span w;

		while (sep < end && *sep != ';' && *sep != ',')
			sep++;
		w = (struct span){ p, (size_t)(sep - p) };
		for (int i = 0; i < 2; i++) {
			const char *prefix = i ? "except:" : "mac:";

			if (lines_span_starts(w, i ? "except:" : "mac:") && w.len > strlen(prefix))
				w = (struct span){ w.s + strlen(prefix), w.len - strlen(prefix) };
		}
		mac = net_plan_new_mac(opaque, w);
		strbuf_addn(&out, p, (size_t)(w.s - p));
		if (mac)
			strbuf_add(&out, mac);
		else
			strbuf_addn(&out, w.s, w.len);
		changed = changed || mac;
		if (sep < end)
			strbuf_addn(&out, sep, 1);
		p = sep + 1;
	}
	return changed ? strbuf_take(&out) : NULL;
}

static void macs(struct job *j)
{
	static const char *const one[] = { "mac-address", "cloned-mac-address" };
	static const char *const many[] = { "mac-address-blacklist", "mac-address-denylist" };

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++) {
			net_doc_map(&j->d, ethernet[i], one[k], new_mac, j->p);
			net_doc_map(&j->d, ethernet[i], many[k], new_macs, j->p);
		}
	net_doc_map(&j->d, "bridge", "mac-address", new_mac, j->p);
	net_doc_map(&j->d, "connection", "interface-name", new_mac, j->p);
}

/* Path= and driver= matched the old hardware. */
static int match(struct job *j)
{
	static const char *const keys[] = { "path", "driver" };
	struct span s, name;
	bool tied = (net_doc_get(&j->d, "connection", "interface-name", &name) && name.len) ||
		    (net_doc_get(&j->d, "match", "interface-name", &name) && name.len);

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; !tied && k < 2; k++)
			tied = net_doc_get(&j->d, ethernet[k], "mac-address", &name) && name.len;
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(mem_free) char *names = NULL;
		int r;

		if (!net_doc_get(&j->d, "match", keys[i], &s) || !s.len)
			continue;
		r = net_plan_match(j->p, i == 0 ? NET_BY_PATH : NET_BY_DRIVER, keys[i], s, false,
				   ";", j->notes, &names);
		if (r < 0)
			return r;
		if (!names)
			continue;
		net_doc_off(&j->d, "match", keys[i], NULL, NULL);
		if (!tied)
			net_doc_set(&j->d, "match", "interface-name", names);
		tied = true;
	}
	return 0;
}

static bool is_gone(const struct job *j)
{
	static const char *const types[] = {
		"wifi", "802-11-wireless", "gsm", "cdma", "infiniband", "bluetooth", "wimax",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (net_doc_is(&j->d, "connection", "type", types[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(wireless); i++)
		if (net_doc_has_section(&j->d, wireless[i]))
			return true;
	return j->x && j->x->gone;
}

static bool is_balancing_mode(struct span v, const void *opaque)
{
	(void)opaque;
	return !net_bond_is_backup(v);
}

/* Every key of the section that only serves balancing. */
static void balancing_off(struct net_doc *d, const char *section)
{
	static const char *const keys[] = {
		"lacp_rate", "lacp_active", "xmit_hash_policy", "ad_select", "ad_actor_system",
		"ad_actor_sys_prio", "ad_user_port_key", "min_links", "packets_per_slave",
		"lp_interval", "tlb_dynamic_lb", "all_slaves_active", "balance-slb",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		net_doc_off(d, section, keys[i], NULL, NULL);
}

static int kept_bond(struct job *j)
{
	const char *primary = j->x && j->x->carrier ? j->x->carrier->name : NULL;
	CLEANUP(mem_free) char *to = NULL;
	struct span s;
	int r = 0;

	if (net_doc_has_section(&j->d, "bond") &&
	    (!net_doc_get(&j->d, "bond", "mode", &s) || is_balancing_mode(s, NULL))) {
		net_doc_set(&j->d, "bond", "mode", "active-backup");
		balancing_off(&j->d, "bond");
		if (!net_doc_has(&j->d, "bond", "miimon") &&
		    !net_doc_has(&j->d, "bond", "arp_interval"))
			net_doc_set(&j->d, "bond", "miimon", "100");
		if (primary && !net_doc_has(&j->d, "bond", "primary"))
			net_doc_set(&j->d, "bond", "primary", primary);
	}
	if (net_doc_get(&j->d, "team", "config", &s) && s.len) {
		r = net_bond_team(s, &to);
		if (r > 0)
			net_doc_set(&j->d, "team", "config", to);
	}
	if (net_doc_get(&j->d, "team", "runner", &s) && s.len)
		net_doc_set(&j->d, "team", "runner", "activebackup");
	return r < 0 ? r : 0;
}

static void flat_bond(struct job *j)
{
	net_doc_off_section(&j->d, "bond", NULL, NULL, NULL);
	net_doc_off_section(&j->d, "team", NULL, NULL, NULL);
	for (size_t i = 0; i < 2; i++)
		net_doc_off(&j->d, ethernet[i], "cloned-mac-address", NULL, NULL);
	if (net_doc_is(&j->d, "connection", "type", "bond") ||
	    net_doc_is(&j->d, "connection", "type", "team"))
		net_doc_set(&j->d, "connection", "type", "ethernet");
}

static void readdress(struct net_doc *d, const struct ipspec *ip, bool v6)
{
	static const char *const keys[] = { "address*", "gateway", "may-fail", NULL };
	static const char *const dns[] = { "dns", NULL };
	const char *section = v6 ? "ipv6" : "ipv4";
	struct net_pairs pairs = { 0 }, servers = { 0 };
	CLEANUP(strbuf_done) struct strbuf list = { 0 };
	unsigned int n = 0;

	for (size_t i = 0; i < ip->ndns; i++)
		if (ip->dns[i].v6 == v6)
			strbuf_addf(&list, "%s;", ip->dns[i].text);
	if (list.failed)
		d->failed = true;
	if (!list.failed && list.len && list.len < sizeof(servers.v[0].value))
		net_pairs_add(&servers, "dns", "%s", list.s);
	if (ip->ndns)
		net_doc_replace(d, section, dns, NULL, NULL, &servers);
	if (!list.failed && list.len >= sizeof(servers.v[0].value))
		net_doc_set(d, section, "dns", list.s);
	if (!ipspec_has(ip, v6))
		return;
	net_doc_set(d, section, "method", !v6 && ip->dhcp ? "auto" : "manual");
	for (size_t i = 0; i < ip->naddresses; i++) {
		char key[32];

		if (ip->address[i].v6 != v6)
			continue;
		snprintf(key, sizeof(key), "address%u", ++n);
		net_pairs_add(&pairs, key, "%s/%u", ip->address[i].text, ip->address[i].prefix);
	}
	if (ip->has_gateway[v6])
		net_pairs_add(&pairs, "gateway", "%s", ip->gateway[v6].text);
	net_doc_replace(d, section, keys, NULL, NULL, &pairs);
}

static int work(struct job *j)
{
	int r;

	hardware(j);
	macs(j);
	r = match(j);
	if (is_gone(j))
		net_doc_set(&j->d, "connection", "autoconnect", "false");
	if (j->x && j->x->flat)
		flat_bond(j);
	else if (r >= 0)
		r = kept_bond(j);
	if (j->x && j->x->readdress) {
		readdress(&j->d, &j->x->ip, false);
		readdress(&j->d, &j->x->ip, true);
	}
	return r;
}

int net_nm_rewrite(const char *text, const struct net_plan *p, char **ret,
		   const struct net_if **ret_done, struct machine_strv *notes)
{
	struct job j = { .p = p, .notes = notes };
	int r = net_doc_open(&j.d, NET_INI, text);

	if (r == -EBADMSG)
		return net_doc_done(&j.d), net_note(notes, "its last line goes on: left as it is");
	if (r == 0) {
		find_device(&j);
		if (is_member(&j))
			r = NET_REMOVE;
		else
			r = work(&j);
	}
	if (r == 0) {
		r = net_doc_take(&j.d, ret);
		if (r >= 0 && j.x && j.x->readdress)
			*ret_done = j.x;
	}
	net_doc_done(&j.d);
	return r;
}

char *net_nm_new(const struct net_if *x)
{
	CLEANUP(mem_free) char *text = NULL;
	struct net_doc d;
	char *out = NULL;

	text = text_format("# New addresses, asked for when this became a virtual machine.\n"
			   "[connection]\nid=p2v-%s\ntype=ethernet\ninterface-name=%s\n"
			   "autoconnect-priority=100\n\n[ipv4]\nmethod=auto\n\n"
			   "[ipv6]\nmethod=auto\n",
			   x->new_name, x->new_name);
	if (!text || net_doc_open(&d, NET_INI, text) < 0)
		return NULL;
	readdress(&d, &x->ip, false);
	readdress(&d, &x->ip, true);
	if (net_doc_take(&d, &out) == 0)
		out = strdup(text);
	net_doc_done(&d);
	return out;
}

int net_nm_conf(const char *text, const struct net_plan *p, char **ret, struct machine_strv *notes)
{
	static const struct {
		const char *section, *key;
	} lists[] = {
		{ "main", "no-auto-default" }, { "main", "ignore-carrier" },
		{ "main", "assume-ipv6ll-only" }, { "keyfile", "unmanaged-devices" },
		{ "device", "match-device" }, { "connection", "match-device" },
	};
	struct net_doc d;
	int r = net_doc_open(&d, NET_INI, text);

	if (r == -EBADMSG)
		return net_doc_done(&d), net_note(notes, "its last line goes on: left as it is");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lists); i++) {
		struct span s;

		net_doc_map(&d, lists[i].section, lists[i].key, new_macs, p);
		if (net_doc_get(&d, lists[i].section, lists[i].key, &s) &&
		    memmem(s.s, s.len, "driver:", 7))
			r = net_note(notes, "[%s] %s= names a driver of the old hardware",
				     lists[i].section, lists[i].key);
	}
	if (r >= 0)
		r = net_doc_take(&d, ret);
	net_doc_done(&d);
	return r;
}
