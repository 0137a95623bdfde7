/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network configuration text: what ties a setting to the old machine's slots and drivers is tied
 * to MAC addresses and pinned names instead. The virtual NICs keep the MAC addresses, so those are
 * what stays true. Pure.
 */
#ifndef P2V_POSTFIX_NETCFG_H
#define P2V_POSTFIX_NETCFG_H

#include <stdbool.h>
#include "inventory/machine.h"

/* The MAC that the virtual NIC will have: the permanent one, else the current one; NULL unknown. */
const char *netcfg_mac(const struct machine_nic *nic);
/* A name that can be a file name and a word in a configuration file. */
bool netcfg_name_valid(const char *s);
/* A NIC that becomes a virtual NIC and whose name can be pinned (sane name, known MAC). */
bool netcfg_is_pinnable(const struct machine_nic *nic);
/* "eth0", "eth17": the number; -1 for any other name. */
int netcfg_kernel_number(const char *name);
/*
 * Names eth0, eth1, ... are also what the kernel hands out first. Would giving this machine's NICs
 * their names collide with that, the virtual NICs being in the machine's order?
 */
bool netcfg_names_collide(const struct machine *m);

/*
 * The text of a systemd .link file. by_permanent: the guest's systemd knows PermanentMACAddress=
 * (245 and later), which bonds and VLANs on top do not share.
 */
int netcfg_link_file(const struct machine_nic *nic, bool by_permanent, char **ret);
/* A udev rule that does the same on systems without .link files, newline included. */
int netcfg_udev_rule(const struct machine_nic *nic, char **ret);

/* The rewriters: 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM. */

/* 70-persistent-net.rules: conditions on slot and driver go, the MAC is put in where it lacks. */
int netcfg_rewrite_udev(const char *text, const struct machine *m, char **ret);

enum netcfg_ini {
	NETCFG_NETWORKD_NETWORK,	/* X.network: [Match] Name= */
	NETCFG_NETWORKD_LINK,		/* X.link: [Match] MACAddress= */
	NETCFG_NM,			/* NetworkManager: [match], [connection] interface-name= */
};
/* Path= and Driver= matches become names or MACs of the NICs that they matched. */
int netcfg_rewrite_ini(enum netcfg_ini kind, const char *text, const struct machine *m, char **ret,
		       struct machine_strv *notes);
/* /etc/network/interfaces: speed, duplex, wake-on-LAN and ring settings of real hardware. */
int netcfg_rewrite_ifupdown(const char *text, char **ret);

#endif
