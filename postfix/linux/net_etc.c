/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_etc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postfix/linux/net_doc.h"

/* -- connman */

static void bare(const char *mac, char ret[static 13])
{
	size_t n = 0;

	for (; *mac && n < 12; mac++)
		if (*mac != ':')
			ret[n++] = *mac;
	ret[n] = '\0';
}

static const struct net_if *by_service(const struct net_plan *p, const char *service)
{
	char mac[13];

	for (int now = 0; now < 2; now++)
		for (size_t i = 0; i < p->n; i++) {
			bare(now ? p->v[i].mac : p->v[i].old_mac, mac);
			if (p->v[i].vnic && strncasecmp(service, "ethernet_", 9) == 0 &&
			    strncasecmp(service + 9, mac, 12) == 0)
				return &p->v[i];
		}
	return NULL;
}

static void connman_addresses(struct net_doc *d, const char *section, const struct ipspec *ip)
{
	static const char *const keys[][2] = { { "IPv4.*", NULL }, { "IPv6.*", NULL } };
	CLEANUP(strbuf_done) struct strbuf dns = { 0 };

	for (int v6 = 0; v6 < 2; v6++) {
		const char *family = v6 ? "IPv6" : "IPv4";
		struct net_pairs pairs = { 0 };
		char key[32];

		if (!ipspec_has(ip, v6))
			continue;
		snprintf(key, sizeof(key), "%s.method", family);
		net_pairs_add(&pairs, key, "%s", !v6 && ip->dhcp ? "dhcp" : "manual");
		/* There is room for one of each. */
		for (size_t i = 0; i < ip->naddresses; i++) {
			if (ip->address[i].v6 != v6)
				continue;
			snprintf(key, sizeof(key), "%s.local_address", family);
			net_pairs_add(&pairs, key, "%s", ip->address[i].text);
			snprintf(key, sizeof(key), v6 ? "%s.prefixlen" : "%s.netmask_prefixlen",
				 family);
			net_pairs_add(&pairs, key, "%u", ip->address[i].prefix);
			break;
		}
		snprintf(key, sizeof(key), "%s.gateway", family);
		if (ip->has_gateway[v6])
			net_pairs_add(&pairs, key, "%s", ip->gateway[v6].text);
		net_doc_replace(d, section, keys[v6], NULL, NULL, &pairs);
	}
	for (size_t i = 0; i < ip->ndns; i++)
		strbuf_addf(&dns, "%s;", ip->dns[i].text);
	d->failed = d->failed || dns.failed;
	if (dns.len && !dns.failed)
		net_doc_set(d, section, "Nameservers", dns.s);
}

int net_etc_connman(const char *service, const char *text, const struct net_plan *p,
		    char **ret_service, char **ret, const struct net_if **ret_done)
{
	const struct net_if *x = by_service(p, service);
	CLEANUP(net_doc_done) struct net_doc d = { 0 };
	CLEANUP(mem_free) char *other = NULL, *now = NULL;
	char mac[13];
	int r;

	if (!x || strlen(service) < 21)
		return 0;
	bare(x->mac, mac);
	if (strncasecmp(service + 9, mac, 12) != 0) {
		CLEANUP(strbuf_done) struct strbuf b = { 0 };
		const char *at = text, *hit;

		other = text_format("ethernet_%s%s", mac, service + 21);
		while (other && (hit = strstr(at, service))) {
			strbuf_addn(&b, at, (size_t)(hit - at));
			strbuf_add(&b, other);
			at = hit + strlen(service);
		}
		strbuf_add(&b, at);
		now = strbuf_take(&b);
		if (!other || !now)
			return -ENOMEM;
	}
	r = net_doc_open(&d, NET_INI, now ? now : text);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	if (x->readdress) {
		connman_addresses(&d, other ? other : service, &x->ip);
		*ret_done = x;
	}
	r = net_doc_take(&d, ret);
	if (r == 0 && other) {
		*ret = TAKE_PTR(now);
		r = 1;
	}
	if (r > 0)
		*ret_service = TAKE_PTR(other);
	return r;
}

/* -- dhcpcd.conf */

struct dhcpcd {
	const struct net_plan *p;
	const struct net_if *x;		/* whose block we are in */
	bool *done;
	bool changed;
};

static void dhcpcd_wanted(struct strbuf *out, const struct ipspec *ip)
{
	for (size_t i = 0; i < ip->naddresses; i++)
		strbuf_addf(out, "static %s=%s/%u\n",
			    ip->address[i].v6 ? "ip6_address" : "ip_address", ip->address[i].text,
			    ip->address[i].prefix);
	for (int v6 = 0; v6 < 2; v6++)
		if (ip->has_gateway[v6])
			strbuf_addf(out, "static routers=%s\n", ip->gateway[v6].text);
	if (ip->ndns)
		strbuf_add(out, "static domain_name_servers=");
	for (size_t i = 0; i < ip->ndns; i++)
		strbuf_addf(out, "%s%s", i ? " " : "", ip->dns[i].text);
	if (ip->ndns)
		strbuf_add(out, "\n");
}

static bool dhcpcd_old(const struct dhcpcd *d, const struct line *l)
{
	const char *pos = l->s;
	struct span verb, what;

	if (!d->x || !d->x->readdress || lines_is_comment(l, "#") ||
	    !lines_word(&pos, l->s + l->len, &verb) || !lines_span_is(verb, "static") ||
	    !lines_word(&pos, l->s + l->len, &what))
		return false;
	if (lines_span_starts(what, "ip_address=") || lines_span_starts(what, "routers="))
		return ipspec_has(&d->x->ip, false);
	if (lines_span_starts(what, "ip6_address="))
		return ipspec_has(&d->x->ip, true);
	return lines_span_starts(what, "domain_name_servers=") && d->x->ip.ndns;
}

static int dhcpcd_line(const struct line *l, struct strbuf *out, void *opaque)
{
	struct dhcpcd *d = opaque;
	const char *pos = l->s;
	struct span verb, name;

	if (!lines_is_comment(l, "#") && lines_word(&pos, l->s + l->len, &verb) &&
	    (lines_span_is(verb, "interface") || lines_span_is(verb, "profile") ||
	     lines_span_is(verb, "ssid"))) {
		d->x = lines_span_is(verb, "interface") && lines_word(&pos, l->s + l->len, &name) ?
			       net_plan_find(d->p, name) : NULL;
		strbuf_addn(out, l->s, l->full);
		if (!d->x || !d->x->readdress || d->done[d->x - d->p->v])
			return 0;
		d->done[d->x - d->p->v] = true;
		if (l->full == l->len)
			strbuf_add(out, "\n");
		dhcpcd_wanted(out, &d->x->ip);
		d->changed = true;
		return 1;
	}
	if (dhcpcd_old(d, l)) {
		strbuf_add(out, "#");
		d->changed = true;
	}
	strbuf_addn(out, l->s, l->full);
	return d->changed;
}

int net_etc_dhcpcd(const char *text, const struct net_plan *p, char **ret, bool *done)
{
	struct dhcpcd d = { .p = p, .done = done };
	CLEANUP(strbuf_done) struct strbuf want = { 0 };

	/* What is there already, as it was put in. */
	for (size_t i = 0; i < p->n; i++) {
		const struct net_if *x = &p->v[i];

		if (!x->readdress || !x->name)
			continue;
		want.len = 0;
		strbuf_addf(&want, "interface %s\n", x->name);
		dhcpcd_wanted(&want, &x->ip);
		if (want.failed)
			return -ENOMEM;
		if (strstr(text, want.s)) {
			done[i] = true;
			return 0;
		}
	}
	return lines_rewrite(text, dhcpcd_line, &d, ret);
}

/* -- SUSE's name servers */

int net_etc_suse_dns(const char *text, const struct ipspec *ip, char **ret)
{
	CLEANUP(net_doc_done) struct net_doc d = { 0 };
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	int r = net_doc_open(&d, NET_SHELL, text);

	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	for (size_t i = 0; i < ip->ndns; i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", ip->dns[i].text);
	if (b.failed)
		return -ENOMEM;
	if (b.len)
		net_doc_set(&d, NULL, "NETCONFIG_DNS_STATIC_SERVERS", b.s);
	return net_doc_take(&d, ret);
}

/* -- mentions */

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool mentions(const struct line *l, const char *word, bool any_case)
{
	size_t n = strlen(word);

	for (const char *p = l->s; n && p + n <= l->s + l->len; p++) {
		if (any_case ? strncasecmp(p, word, n) != 0 : strncmp(p, word, n) != 0)
			continue;
		if ((p == l->s || !in_name(p[-1])) &&
		    (p + n == l->s + l->len || !in_name(p[n])))
			return true;
	}
	return false;
}

static int add_once(struct machine_strv *ret, const char *s)
{
	return machine_strv_has(ret, s) ? 0 : machine_strv_add(ret, s);
}

int net_etc_mentions(const char *text, const struct net_plan *p, struct machine_strv *ret)
{
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		if (lines_is_comment(&l, "#;"))
			continue;
		for (size_t i = 0; i < p->n; i++) {
			const struct net_if *x = &p->v[i];
			bool gone = x->name && (x->gone || (x->bond && x->bond->flat));

			if (gone && mentions(&l, x->name, false) && add_once(ret, x->name) < 0)
				return -ENOMEM;
			if (x->vnic && strcmp(x->mac, x->old_mac) != 0 &&
			    mentions(&l, x->old_mac, true) && add_once(ret, x->old_mac) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}
