/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of network interfaces: what udev is told. What ties a name to the old machine's slots and
 * drivers is tied to Ethernet addresses instead: the virtual NICs have those. Pure.
 *
 * Names like eth0 are also those that the kernel hands out, and udev (since 2013) does not swap
 * two of them. That is the virtual machine's business, not the guest's: convert/vmspec.h puts the
 * NIC that is to be eth0 first, so that what the kernel calls it is right already.
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

/*
 * The text of a systemd .link file. by_permanent: the guest's systemd knows PermanentMACAddress=
 * (245 and later), which bonds and VLANs on top do not share.
 */
int netcfg_link_file(const char *name, const char *mac, bool by_permanent, char **ret);
/* A udev rule that does the same on systems without .link files, newline included. */
int netcfg_udev_rule(const char *name, const char *mac, char **ret);

/* The rewriters: 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM. */

struct net_plan;
/*
 * 70-persistent-net.rules: conditions on slot, driver and port go, the address is put in where it
 * lacks, and follows a new one; the carrier of a flattened bond gets its name.
 */
int netcfg_rewrite_udev(const char *text, const struct net_plan *p, char **ret);
/* 70-persistent-cd.rules: names for drives that are gone, so that the virtual one gets them. */
int netcfg_rewrite_cd(const char *text, char **ret);

#endif
