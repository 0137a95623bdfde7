/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What smaller stacks need: connman's services, dhcpcd.conf, SUSE's name servers; and which of an
 * interface's names other files mention. Pure; any thread. 1 and *ret (malloc'd), 0, -ENOMEM.
 */
#ifndef P2V_POSTFIX_NET_ETC_H
#define P2V_POSTFIX_NET_ETC_H

#include "postfix/linux/net_plan.h"

/*
 * connman's settings of "ethernet_001b213a4c5e_cable": the address is in the name of the folder
 * (service) and of the section. *ret_service is set when that is another one now.
 */
int net_etc_connman(const char *service, const char *text, const struct net_plan *p,
		    char **ret_service, char **ret, const struct net_if **ret_done);
/* dhcpcd.conf: "static ..." lines below "interface NAME"; done: as net_ifupdown_rewrite(). */
int net_etc_dhcpcd(const char *text, const struct net_plan *p, char **ret, bool *done);
/* NETCONFIG_DNS_STATIC_SERVERS of SUSE's config. */
int net_etc_suse_dns(const char *text, const struct ipspec *ip, char **ret);
/*
 * Names that will be gone (members of flattened bonds, hardware that a virtual machine has not)
 * and old addresses of hardware, as far as text has them as words outside of comments; once each.
 */
int net_etc_mentions(const char *text, const struct net_plan *p, struct machine_strv *ret);

#endif
