/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NetworkManager's profiles (keyfiles in system-connections) and its settings (NetworkManager.conf,
 * conf.d). What is done to a profile:
 *
 *	[ethtool], [sriov], and speed, duplex and wake-on-LAN of [ethernet] are switched off
 *	[match] path= and driver= become interface-name=, of the NICs that they matched
 *	mac-address= and its kin follow a new address
 *	profiles of hardware that is gone (wifi, mobile, InfiniBand) are not started by themselves
 *	a bond or team becomes active-backup, or (flattened) an Ethernet profile with the same name
 *	and UUID, so that VLANs on it still find their parent; its members' profiles are removed
 *	the addresses that were asked for take the place of those of their family
 *
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_NM_H
#define P2V_POSTFIX_NET_NM_H

#include "postfix/linux/net_ifcfg.h"

/* As net_ifcfg_rewrite(). */
int net_nm_rewrite(const char *text, const struct net_plan *p, char **ret,
		   const struct net_if **ret_done, struct machine_strv *notes);
/* A new profile for an interface that has none. malloc'd; NULL on ENOMEM. */
char *net_nm_new(const struct net_if *x);
/* NetworkManager.conf: lists of addresses and drivers. */
int net_nm_conf(const char *text, const struct net_plan *p, char **ret,
		struct machine_strv *notes);

#endif
