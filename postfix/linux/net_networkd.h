/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * systemd-networkd's .network and .netdev files, and the .link files of udev:
 *
 *	Path= and Driver= of [Match] become names (.network) or addresses (.link) of the NICs that
 *	they matched; addresses follow a new one
 *	speed, duplex, wake-on-LAN, rings, offloads and virtual functions are switched off
 *	a bond becomes active-backup; its primary member gets PrimarySlave=. Flattened: its
 *	.netdev is removed, and so are its members' files; the bond's .network stays
 *	addresses that were asked for take the place of those of their family, in the file whose
 *	[Match] names that interface and nothing else
 *
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_NETWORKD_H
#define P2V_POSTFIX_NET_NETWORKD_H

#include "postfix/linux/net_ifcfg.h"

/* By the end of file: ".network", ".netdev", ".link". As net_ifcfg_rewrite(). */
int net_networkd_rewrite(const char *file, const char *text, const struct net_plan *p, char **ret,
			 const struct net_if **ret_done, struct machine_strv *notes);
/* A new .network for an interface that none names alone. malloc'd; NULL on ENOMEM. */
char *net_networkd_new(const struct net_if *x);

#endif
