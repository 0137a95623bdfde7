/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of bonds and teams that stay (net_plan.h): every mode becomes active-backup, and what
 * only makes sense with another mode goes. The link is watched (miimon), or a bond would never
 * notice; what watches it already stays.
 *
 * Pure; any thread. Rewriters return 1 and *ret (malloc'd), 0 when there is nothing to change, or
 * -ENOMEM.
 */
#ifndef P2V_POSTFIX_NET_BOND_H
#define P2V_POSTFIX_NET_BOND_H

#include "postfix/linux/net_plan.h"

/* "active-backup" or "1", in any case. */
bool net_bond_is_backup(struct span mode);
/* A setting for other modes only, in the words of any stack: "lacp_rate", "bond-lacp-rate", ... */
bool net_bond_is_balancing(struct span key);
/* "mode=4 miimon=100 lacp_rate=1"; primary may be NULL. */
int net_bond_opts(struct span opts, const char *primary, char **ret);
/* A team's JSON. *ret is a whole new one: ports keep what they have of their own. */
int net_bond_team(struct span config, char **ret);
/*
 * Files of modprobe: "options bonding mode=4 ...", "options bond0 ..."; of a flattened bond,
 * "alias bond0 bonding" goes too.
 */
int net_bond_modprobe(const char *text, const struct net_plan *p, char **ret);

#endif
