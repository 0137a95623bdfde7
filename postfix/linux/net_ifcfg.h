/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ifcfg files: of Red Hat's family (/etc/sysconfig/network-scripts, read by initscripts or by
 * NetworkManager) and of SUSE's (/etc/sysconfig/network, read by sysconfig or by wicked). What is
 * done to one:
 *
 *	settings of real hardware (ETHTOOL_*, SRIOV_*) are switched off
 *	HWADDR, MACADDR, LLADDR and SUSE's file names follow a new address
 *	a bond or team becomes active-backup, or (flattened) a plain interface of the same name
 *	the addresses that were asked for take the place of those of their family
 *
 * Flattening keeps DEVICE=bond0 and everything that is not a bond's own; TYPE becomes Ethernet.
 * MACADDR goes: the carrier has the bond's address by itself.
 *
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_IFCFG_H
#define P2V_POSTFIX_NET_IFCFG_H

#include "postfix/linux/net_plan.h"

enum net_verdict { NET_SAME = 0, NET_CHANGED = 1, NET_REMOVE = 2 };

/*
 * file is the name without its folder: "ifcfg-eth0". Returns NET_CHANGED with *ret, NET_REMOVE for
 * a member of a bond that is flattened, NET_SAME, or -ENOMEM. suse: the file is of that family.
 * *ret_done is set when an address change was made (or was there).
 */
int net_ifcfg_rewrite(const char *file, const char *text, bool suse, const struct net_plan *p,
		      char **ret, const struct net_if **ret_done, struct machine_strv *notes);
/* A new file for an interface that has none. malloc'd; NULL on ENOMEM. */
char *net_ifcfg_new(const struct net_if *x, bool suse);
/*
 * SUSE's old names "ifcfg-eth-id-00:30:..." and "ifcfg-eth-bus-pci-0000:...": what the file is to
 * be called now, "ifcfg-eth0". malloc'd; NULL when it keeps its name (or memory ran out).
 */
char *net_ifcfg_new_name(const char *file, const struct net_plan *p);
/*
 * SUSE's routes, in "routes" or "ifroute-eth0": default routes of a family that x gets new
 * addresses of are switched off, and x's gateway is added when add is set.
 */
int net_ifcfg_routes(const char *text, const struct net_if *x, bool all, bool add, char **ret);

#endif
