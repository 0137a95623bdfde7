/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * network.txt:
 *
 *	ghost=DEVICE|NUMBER|GUID	a record of a card that stays behind
 *	[nic]				a card of the virtual machine, known by
 *	mac=52:54:00:12:34:56
 *	name=LAN
 *	dhcp=0
 *	team=1				it was one of several cards, and is alone now
 *	address=10.0.0.5 255.255.255.0	these may be there several times: address, gateway, dns,
 *	gateway=10.0.0.1 0		dns6, wins
 *	dns=10.0.0.2
 *	domain=example.org
 *	metric=10
 *	netbios=2
 */
#include "postfix/windows/winnet.h"

#include <string.h>

#include "common/text.h"
#include "common/utf16.h"

static void add_list(struct strbuf *b, const char *key, const struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		strbuf_addf(b, "%s=%s\r\n", key, v->v[i]);
}

static void add_nic(struct strbuf *b, const struct winnet_adapter *a, const char *name)
{
	strbuf_addf(b, "[nic]\r\nmac=%s\r\n", winnet_match_mac(a->nic));
	if (name[0])
		strbuf_addf(b, "name=%s\r\n", name);
	/* A fixed address that was not understood is not made up. */
	strbuf_addf(b, "dhcp=%d\r\n", a->dhcp || a->addresses.n == 0);
	if (!winnet_is_pci(a))
		strbuf_add(b, "team=1\r\n");
	if (!a->dhcp) {
		add_list(b, "address", &a->addresses);
		add_list(b, "gateway", &a->gateways);
	}
	add_list(b, "dns", &a->dns);
	add_list(b, "dns6", &a->dns6);
	if (a->domain[0])
		strbuf_addf(b, "domain=%s\r\n", a->domain);
	add_list(b, "wins", &a->wins);
	if (a->metric)
		strbuf_addf(b, "metric=%u\r\n", a->metric);
	if (a->netbios)
		strbuf_addf(b, "netbios=%u\r\n", a->netbios);
}

/* A team that was matched to a card speaks for it: the card itself has no addresses. */
static const struct winnet_adapter *speaker(const struct winnet *w, const struct winnet_adapter *a)
{
	for (size_t i = 0; i < w->n; i++)
		if (&w->v[i] != a && w->v[i].nic == a->nic && !winnet_is_pci(&w->v[i]) &&
		    (winnet_is_configured(&w->v[i]) || !winnet_is_configured(a)))
			return &w->v[i];
	return a;
}

static bool is_first(const struct winnet *w, const struct winnet_adapter *a)
{
	for (const struct winnet_adapter *b = w->v; b < a; b++)
		if (b->nic == a->nic)
			return false;
	return true;
}

int winnet_text(const struct winnet *w, void **ret, size_t *ret_len, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	size_t mark;

	/* The mark in front, from which PowerShell and VBScript know what it is. */
	strbuf_add(&b, "\xef\xbb\xbf");
	mark = b.len;
	for (size_t i = 0; i < w->n; i++)
		if (winnet_is_pci(&w->v[i]))
			strbuf_addf(&b, "ghost=%s|%s|%s\r\n", w->v[i].device, w->v[i].number,
				    w->v[i].guid);
	for (size_t i = 0; i < w->n; i++) {
		const struct winnet_adapter *a = &w->v[i], *from;

		if (!a->nic || !is_first(w, a))
			continue;
		from = speaker(w, a);
		add_nic(&b, from, from->name[0] ? from->name : a->name);
	}
	if (b.failed)
		return err_nomem(err);
	*ret = NULL;
	*ret_len = 0;
	if (b.len == mark)
		return 0;
	return utf16_from_utf8(b.s, b.len, ret, ret_len) < 0 ? err_nomem(err) : 0;
}
