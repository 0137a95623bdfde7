/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-network": the adapters of the virtual machine get the names and addresses of the
 * physical ones. The registry is not changed for that, as the adapters that will be there have no
 * keys yet: what is to be done is written down for the first boot (winnet.h, winscript.h).
 */
#include "postfix/windows/windows_rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postfix/windows/winnet.h"
#include "postfix/windows/winscript.h"

/* Adapters of software that makes one out of several, or a switch. */
static const char *kind_of(const struct winnet_adapter *a)
{
	static const struct {
		const char *word, *kind;
	} kinds[] = {
		{ "Network Adapter Multiplexor", "a team of Windows" },
		{ "Hyper-V Virtual Ethernet", "the host's port of a Hyper-V switch" },
		{ "TEAM :", "a team of Intel's driver" },
		{ "Network Team", "a team of HP's driver" },
		{ "BASP", "a team of Broadcom's driver" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcasestr(a->description, kinds[i].word))
			return kinds[i].kind;
	return winnet_is_pci(a) ? "a card" : "an adapter of a program";
}

static void addresses_of(const struct winnet_adapter *a, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	if (a->dhcp || a->addresses.n == 0) {
		snprintf(buf, size, "%s", a->dhcp ? "DHCP" : "no address");
		return;
	}
	for (size_t i = 0; i < a->addresses.n && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", a->addresses.v[i]);
}

static int tell(struct fixer *f, const struct winnet_adapter *a)
{
	char name[80], what[200], desc[80];

	text_escape_str(a->name[0] ? a->name : a->guid, name, sizeof(name));
	text_escape_str(a->description, desc, sizeof(desc));
	addresses_of(a, what, sizeof(what));
	if (a->nic) {
		fixer_say(f, "%s (%s, %s) is for %s: %s", name, desc, what,
			  winnet_match_mac(a->nic), a->how);
		if (a->has_mac && winnet_is_pci(a))
			fixer_say(f, "%s had the MAC address %02x:%02x:%02x:%02x:%02x:%02x, set "
				  "by hand: the virtual machine has the card's own", name,
				  a->mac[0], a->mac[1], a->mac[2], a->mac[3], a->mac[4],
				  a->mac[5]);
		return 0;
	}
	fixer_say(f, "%s (%s, %s) is %s that matches no network card of the inventory", name, desc,
		  what, kind_of(a));
	if (!winnet_is_configured(a))
		return 0;
	return fixer_warn(f, "%s (%s) matches no network card of the inventory: set it up by hand "
			  "after the first start", name, what);
}

static int tell_rest(struct fixer *f, const struct winnet *net)
{
	char safe[200];

	for (size_t i = 0; i < net->notes.n; i++)
		fixer_say(f, "%s", net->notes.v[i]);
	for (size_t i = 0; i < net->routes.n; i++)
		fixer_say(f, "the route %s is for no certain adapter and stays",
			  text_escape_str(net->routes.v[i], safe, sizeof(safe)));
	if (net->static6)
		return fixer_warn(f, "IPv6 addresses were set by hand (%u entries), which are not "
				  "carried over", net->static6);
	return 0;
}

static int stage(struct fixer *f, const struct winnet *net, struct err *err)
{
	CLEANUP(mem_free) void *data = NULL;
	size_t len;
	int r = winnet_text(net, &data, &len, err);

	if (r < 0 || !data)
		return r;
	r = windows_firstboot_put(f, "network.txt", data, len, err);
	if (r >= 0)
		r = windows_firstboot_put(f, "network.ps1", winscript_network_ps1,
					  strlen(winscript_network_ps1), err);
	if (r >= 0)
		r = windows_firstboot_put(f, "network.vbs", winscript_network_vbs,
					  strlen(winscript_network_vbs), err);
	return r;
}

int windows_network_detect(struct fixer *f, struct err *err)
{
	CLEANUP(winnet_done) struct winnet net = { 0 };
	struct windows *w = f->windows;
	int r;

	if (w->sets.n == 0)
		return 0;
	r = winnet_read(w->system, w->sets.v[0], &net, err);
	if (r < 0)
		return r;
	if (winnet_match(&net, f->m) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < net.n; i++)
		if (tell(f, &net.v[i]) < 0)
			return err_nomem(err);
	if (tell_rest(f, &net) < 0)
		return err_nomem(err);
	r = stage(f, &net, err);
	return r < 0 ? r : windows_done(f);
}
