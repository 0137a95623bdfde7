/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/network/interfaces and what it sources, as ifupdown, ifupdown2 and ifupdown-ng read it:
 * stanzas ("iface eth0 inet static") with options below them.
 *
 *	auto eno1 eno2 bond0			flattened: auto bond0
 *	iface eno1 inet manual			members: switched off
 *	    bond-master bond0
 *	iface bond0 inet static			stays, without its bond- options
 *	    address 10.0.0.5/24
 *	    bond-slaves eno1 eno2
 *
 * Options and commands for real hardware (link-speed, ethernet-wol, "up ethtool ...") are switched
 * off; a bond that is kept becomes active-backup; new addresses replace those of their family.
 * What goes gets a '#' in front.
 *
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_IFUPDOWN_H
#define P2V_POSTFIX_NET_IFUPDOWN_H

#include "postfix/linux/net_plan.h"

/*
 * 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM. done has room for p->n: set for an
 * interface whose new addresses are in this file now.
 */
int net_ifupdown_rewrite(const char *text, const struct net_plan *p, char **ret, bool *done,
			 struct machine_strv *notes);
/* Stanzas for an interface that has none, to be added. malloc'd; NULL on ENOMEM. */
char *net_ifupdown_new(const struct net_if *x);

#endif
