/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network cards, what is built of them, and who looks after it. What stays true on the target is
 * the permanent MAC and the names udev would give the card: those are what the guest's
 * configuration refers to.
 */
#include "inventory/collect.h"

#include <string.h>
#include "inventory/collect_util.h"
#include "inventory/net/net_link.h"
#include "inventory/net/net_live.h"
#include "inventory/net/net_recorded.h"
#include "inventory/net/net_setup.h"

/* A name that would not survive in JSON could not be found again either. */
static int add_link(const struct sysroot *root, struct machine *m, const char *name,
		    const char *vlans)
{
	CLEANUP(mem_free) char *text = NULL;
	bool odd;

	if (collect_util_text(name, strlen(name), &text) < 0)
		return -ENOMEM;
	odd = !text || strcmp(text, name) != 0;
	for (const char *p = name; *p; p++)
		odd = odd || (unsigned char)*p < ' ' || *p == 0x7f;
	if (odd)
		return collect_warn(m, "a network link with an odd name is left out: %s", name);
	return net_link_add(root, m, name, vlans);
}

int collect_net(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *vlans = NULL;
	int r;

	r = sysroot_read(root, &vlans, NULL, "/proc/net/vlan/config");
	if (r != -ENOMEM)
		r = sysroot_list(root, &names, "/sys/class/net");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 && collect_warn(m, "cannot read /sys/class/net: the network is not known") < 0)
		return err_nomem(err);
	for (char **p = names; p && *p; p++) {
		/* bonding_masters is a file among the folders. */
		if (strcmp(*p, "lo") == 0 || !sysroot_exists(root, "/sys/class/net/%s/address", *p))
			continue;
		r = m->nnics == COLLECT_LIST_MAX ? collect_full(m, "network links") :
						   add_link(root, m, *p, vlans);
		if (r < 0)
			return err_nomem(err);
	}
	r = sysroot_is_live(root) ? net_live_fill(root, m) : net_recorded_fill(root, m);
	if (r < 0 && r != -ENOMEM)
		r = collect_warn(m, "the kernel does not tell the network addresses: %s",
				 strerror(-r));
	for (size_t i = 0; i < m->nnics && r == 0; i++)
		r = net_link_finish(root, &m->nics[i]);
	if (r == 0)
		r = net_setup_dns(root, m);
	if (r == 0)
		r = net_setup_fill(root, m);
	return r < 0 ? err_nomem(err) : 0;
}
