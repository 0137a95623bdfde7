/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_networkd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/net_bond.h"
#include "postfix/linux/net_doc.h"

enum kind { NETWORK, NETDEV, LINK };

struct job {
	struct net_doc d;
	enum kind kind;
	const struct net_plan *p;
	struct machine_strv *notes;
};

static char *new_mac(struct span value, const void *opaque)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *p = value.s, *end = value.s + value.len;
	bool changed = false;
	struct span w;

	while (lines_word(&p, end, &w)) {
		const char *mac = net_plan_new_mac(opaque, w);

		strbuf_add(&out, out.len ? " " : "");
		if (mac)
			strbuf_add(&out, mac);
		else
			strbuf_addn(&out, w.s, w.len);
		changed = changed || mac;
	}
	return changed ? strbuf_take(&out) : NULL;
}

static void macs(struct job *j)
{
	net_doc_map(&j->d, "Match", "*MACAddress", new_mac, j->p);
	net_doc_map(&j->d, "Link", "MACAddress", new_mac, j->p);
	net_doc_map(&j->d, "NetDev", "MACAddress", new_mac, j->p);
}

static bool is_any_pci(struct span v, const void *opaque)
{
	(void)opaque;
	/* As our own pins say: true in the VM as well. */
	return lines_span_is(v, "*pci-*");
}

static int match(struct job *j)
{
	static const char *const keys[] = { "Path", "Driver" };
	bool link = j->kind == LINK;
	struct span s;
	bool tied = (!link && net_doc_has(&j->d, "Match", "Name")) ||
		    net_doc_has(&j->d, "Match", "*MACAddress");

	for (size_t i = 0; i < 2; i++) {
		CLEANUP(mem_free) char *list = NULL;
		int r;

		if (!net_doc_get(&j->d, "Match", keys[i], &s) || !s.len ||
		    (i == 0 && is_any_pci(s, NULL)))
			continue;
		r = net_plan_match(j->p, i == 0 ? NET_BY_PATH : NET_BY_DRIVER, keys[i], s, link,
				   " ", j->notes, &list);
		if (r < 0)
			return r;
		if (!list)
			continue;
		net_doc_off(&j->d, "Match", keys[i], NULL, NULL);
		if (!tied)
			net_doc_set(&j->d, "Match", link ? "MACAddress" : "Name", list);
		tied = true;
	}
	return 0;
}

static void hardware(struct job *j)
{
	static const char *const keys[] = {
		"BitsPerSecond", "Duplex", "AutoNegotiation", "WakeOnLan*", "Port", "Advertise",
		"*Offload", "*SegmentationOffload", "*Checksum*", "*Channels", "*BufferSize",
		"*FlowControl", "*Coalesce*", "TransmitQueue*", "ReceiveQueues",
		"ReceiveVLAN*", "TransmitVLAN*", "*VLANCTAG*", "*VLANSTAG*", "*PacketSteering*",
		"SR-IOVVirtualFunctions", "MDI",
	};

	net_doc_off_section(&j->d, "SR-IOV", NULL, NULL, NULL);
	for (size_t i = 0; j->kind == LINK && i < ARRAY_SIZE(keys); i++)
		net_doc_off(&j->d, "Link", keys[i], NULL, NULL);
}

static int netdev(struct job *j)
{
	static const char *const balancing[] = {
		"TransmitHashPolicy", "LACPTransmitRate", "AdSelect", "AdActorSystem*",
		"AdUserPortKey", "MinLinks", "PacketsPerSlave", "LearnPacketIntervalSec",
		"DynamicTransmitLoadBalancing", "AllSlavesActive",
	};
	struct span name = { "", 0 }, mode;

	macs(j);
	if (!net_doc_is(&j->d, "NetDev", "Kind", "bond"))
		return 0;
	(void)net_doc_get(&j->d, "NetDev", "Name", &name);
	if (net_plan_is_flat(j->p, name))
		return NET_REMOVE;
	if (net_doc_get(&j->d, "Bond", "Mode", &mode) && net_bond_is_backup(mode))
		return 0;
	net_doc_set(&j->d, "Bond", "Mode", "active-backup");
	for (size_t i = 0; i < ARRAY_SIZE(balancing); i++)
		net_doc_off(&j->d, "Bond", balancing[i], NULL, NULL);
	if (!net_doc_has(&j->d, "Bond", "MIIMonitorSec") &&
	    !net_doc_has(&j->d, "Bond", "ARPIntervalSec"))
		net_doc_set(&j->d, "Bond", "MIIMonitorSec", "0.1s");
	return 0;
}

/* -- .network: addresses stand in [Network], or in sections of their own */

static bool is_v4(struct span v, const void *opaque)
{
	(void)opaque;
	return v.len && !memchr(v.s, ':', v.len) && v.s[0] >= '0' && v.s[0] <= '9';
}

static bool is_v6(struct span v, const void *opaque)
{
	(void)opaque;
	return memchr(v.s, ':', v.len) != NULL;
}

static bool any(struct span v, const void *opaque)
{
	(void)v;
	(void)opaque;
	return true;
}

/* What DHCP= becomes when IPv4 is by DHCP (or is not). */
static const char *dhcp_value(const struct net_doc *d, bool v4)
{
	struct span s = { "no", 2 };
	bool v6;

	(void)net_doc_get(d, "Network", "DHCP", &s);
	v6 = lines_span_is(s, "yes") || lines_span_is(s, "true") || lines_span_is(s, "both") ||
	     lines_span_is(s, "ipv6") || lines_span_is(s, "v6");
	return v4 ? (v6 ? "yes" : "ipv4") : v6 ? "ipv6" : "no";
}

static void readdress(struct net_doc *d, const struct ipspec *ip, bool v6)
{
	static const char *const keys[] = { "Address", "Gateway", NULL };
	net_doc_match *family = v6 ? is_v6 : is_v4;
	struct net_pairs pairs = { 0 };

	if (!ipspec_has(ip, v6))
		return;
	if (!v6) {
		const char *dhcp = dhcp_value(d, ip->dhcp);

		if (net_doc_has(d, "Network", "DHCP") || ip->dhcp)
			net_doc_set(d, "Network", "DHCP", dhcp);
	}
	net_doc_off_section(d, "Address", "Address", family, NULL);
	net_doc_off_section(d, "Route", "Gateway", family, NULL);
	for (size_t i = 0; i < ip->naddresses; i++)
		if (ip->address[i].v6 == v6)
			net_pairs_add(&pairs, "Address", "%s/%u", ip->address[i].text,
				      ip->address[i].prefix);
	if (ip->has_gateway[v6])
		net_pairs_add(&pairs, "Gateway", "%s", ip->gateway[v6].text);
	net_doc_replace(d, "Network", keys, family, NULL, &pairs);
}

static void readdress_all(struct net_doc *d, const struct ipspec *ip)
{
	static const char *const keys[] = { "DNS", NULL };
	struct net_pairs dns = { 0 };

	readdress(d, ip, false);
	readdress(d, ip, true);
	for (size_t i = 0; i < ip->ndns; i++)
		net_pairs_add(&dns, "DNS", "%s", ip->dns[i].text);
	if (ip->ndns)
		net_doc_replace(d, "Network", keys, any, NULL, &dns);
}

static int network(struct job *j, const struct net_if **ret_done)
{
	struct span s;
	const struct net_if *x = NULL;
	int r;

	if (net_doc_get(&j->d, "Network", "Bond", &s) && net_plan_is_flat(j->p, s))
		return NET_REMOVE;
	macs(j);
	r = match(j);
	if (r < 0)
		return r;
	if (net_doc_get(&j->d, "Match", "Name", &s))
		x = net_plan_find(j->p, s);
	else if (net_doc_get(&j->d, "Match", "MACAddress", &s) ||
		 net_doc_get(&j->d, "Match", "PermanentMACAddress", &s))
		x = net_plan_find_mac(j->p, s);
	if (x && x->bond && x->bond->carrier == x && net_doc_get(&j->d, "Network", "Bond", &s) &&
	    lines_span_is(s, x->bond->name) && strcmp(x->bond->nic->bond_mode ?
	    x->bond->nic->bond_mode : "", "active-backup") != 0 &&
	    !net_doc_has(&j->d, "Network", "PrimarySlave"))
		net_doc_set(&j->d, "Network", "PrimarySlave", "true");
	if (x && x->flat)
		net_doc_off(&j->d, "Link", "MACAddress", NULL, NULL);
	if (x && x->readdress) {
		readdress_all(&j->d, &x->ip);
		*ret_done = x;
	}
	return 0;
}

/* The carrier of a flattened bond has another name than it had. */
static void link_name(struct job *j)
{
	const struct net_if *x = NULL;
	struct span s;

	if (net_doc_get(&j->d, "Match", "PermanentMACAddress", &s) ||
	    net_doc_get(&j->d, "Match", "MACAddress", &s))
		x = net_plan_find_mac(j->p, s);
	if (x && x->new_name != x->name && net_doc_is(&j->d, "Link", "Name", x->name))
		net_doc_set(&j->d, "Link", "Name", x->new_name);
}

int net_networkd_rewrite(const char *file, const char *text, const struct net_plan *p, char **ret,
			 const struct net_if **ret_done, struct machine_strv *notes)
{
	struct job j = { .p = p, .notes = notes };
	const char *dot = strrchr(file, '.');
	int r;

	if (dot && strcmp(dot, ".link") == 0)
		j.kind = LINK;
	else if (dot && strcmp(dot, ".netdev") == 0)
		j.kind = NETDEV;
	else if (dot && strcmp(dot, ".network") == 0)
		j.kind = NETWORK;
	else
		return NET_SAME;
	r = net_doc_open(&j.d, NET_INI, text);
	if (r == -EBADMSG)
		return net_doc_done(&j.d), net_note(notes, "its last line goes on: left as it is");
	if (r >= 0)
		hardware(&j);
	if (r >= 0 && j.kind == LINK) {
		macs(&j);
		r = match(&j);
		link_name(&j);
	} else if (r >= 0) {
		r = j.kind == NETDEV ? netdev(&j) : network(&j, ret_done);
	}
	if (r == 0)
		r = net_doc_take(&j.d, ret);
	net_doc_done(&j.d);
	return r;
}

char *net_networkd_new(const struct net_if *x)
{
	CLEANUP(mem_free) char *text = NULL;
	struct net_doc d;
	char *out = NULL;

	text = text_format("# New addresses, asked for when this became a virtual machine.\n"
			   "[Match]\nName=%s\n\n[Network]\n", x->new_name);
	if (!text || net_doc_open(&d, NET_INI, text) < 0)
		return NULL;
	readdress_all(&d, &x->ip);
	(void)net_doc_take(&d, &out);
	net_doc_done(&d);
	return out;
}
