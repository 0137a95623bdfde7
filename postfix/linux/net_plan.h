/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of each network interface: the machine as it was, with the user's word on bonds,
 * Ethernet addresses and IP addresses (struct fix_nic_change). The rewriters of the network stacks
 * (net_ifcfg.h, net_nm.h, ...) ask it, so that all of them do the same.
 *
 * A bond or team has no partner in a virtual network. What balances over several links, or speaks
 * LACP, would lose frames or never come up. Two ways out:
 *
 *	keep	It stays, and becomes active-backup: that works with one virtual NIC or with all
 *		of them. Its primary member is the one whose own Ethernet address the bond had, so
 *		that its traffic leaves by the virtual NIC with that address, and filters against
 *		forged addresses have nothing to object to.
 *	flatten	One virtual NIC (the *carrier*, the same one) takes the bond's name. So whatever
 *		stands on the bond, or mentions it (VLANs, bridges, addresses, firewall), stays
 *		as it is and is right; only the bond's own settings go, and its members' files. The
 *		address is the carrier's own, which is the bond's where it was recorded.
 *
 * Only bonds that were recorded, with a member that becomes a virtual NIC, are flattened.
 *
 * A virtual NIC has the permanent address of the old one, or the new one that was asked for; then
 * what refers to the old one (HWADDR=, macaddress:, ...) follows.
 *
 * Pure; any thread. The machine and the changes are borrowed.
 */
#ifndef P2V_POSTFIX_NET_PLAN_H
#define P2V_POSTFIX_NET_PLAN_H

#include "common/cleanup.h"
#include "common/ipspec.h"
#include "inventory/machine.h"
#include "postfix/fix.h"
#include "postfix/linux/lines.h"

struct net_if {
	const struct machine_nic *nic;
	const char *name;		/* as it was */
	const char *new_name;		/* the same, or the flattened bond's */
	char old_mac[18], mac[18];	/* lower case; "" unless it becomes a virtual NIC */
	bool vnic;			/* its name can be pinned to its address */
	bool gone;			/* not in a virtual machine: a VF, InfiniBand */
	bool flat;			/* a bond or team that becomes its carrier */
	const struct net_if *bond;	/* the recorded bond or team it is a member of */
	const struct net_if *carrier;	/* of a bond or team: its first NIC; NULL none */
	bool readdress;
	struct ipspec ip;
};

struct net_plan {
	struct net_if *v;		/* in the order of the machine's NICs */
	size_t n;
	bool *done;			/* by interface: its new addresses are set; for the rows */
	bool new_macs;			/* some vNIC has another address than its NIC */
};

/* -EINVAL: a change makes no sense for this machine; one line says which. */
int net_plan_make(const struct machine *m, const struct fix_nic_change *changes, size_t nchanges,
		  bool flatten, struct net_plan **ret, struct err *err);
void net_plan_free(struct net_plan *p);
DEFINE_CLEANUP(struct net_plan *, net_plan_free)

/* By name, as it was; NULL when the machine has none. */
const struct net_if *net_plan_find(const struct net_plan *p, struct span name);
/* By an Ethernet address that it had; only what becomes a virtual NIC. */
const struct net_if *net_plan_find_mac(const struct net_plan *p, struct span mac);
/* What is written instead of this address; NULL: it stays. */
const char *net_plan_new_mac(const struct net_plan *p, struct span mac);
/* A member of a bond that is flattened: its settings go. By name. */
bool net_plan_is_member(const struct net_plan *p, struct span name);
/* A bond or team that is flattened. By name. */
bool net_plan_is_flat(const struct net_plan *p, struct span name);
/* The preferred member of a bond that is kept; NULL not known. */
const char *net_plan_primary(const struct net_plan *p, struct span bond);
/*
 * The NICs that a list of shell patterns of drivers (or of "pci-SLOT" paths) matched, as a list of
 * their names or addresses, sep between them. *ret is NULL when there is none: then a note says
 * that key, whose value patterns is, stays. 0 or -ENOMEM.
 */
enum net_by { NET_BY_DRIVER, NET_BY_PATH };
int net_plan_match(const struct net_plan *p, enum net_by by, const char *key, struct span patterns,
		   bool macs, const char *sep, struct machine_strv *notes, char **ret);
/* What is told about a line that was left as it is. 0 or -ENOMEM; notes may be NULL. */
int net_note(struct machine_strv *notes, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
