/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the machine model that is the network. */
#ifndef P2V_INVENTORY_MACHINE_NET_H
#define P2V_INVENTORY_MACHINE_NET_H

#include "inventory/machine_base.h"

struct machine_address {
	char *address;			/* "192.168.1.10/24", "fe80::1/64" */
	char *scope;			/* "global", "site", "link", "host" */
	bool dynamic;			/* valid lifetime is limited: DHCP or RA */
};

struct machine_nic {
	char *name;			/* in use: "eth0", "eno1" */
	char *kind;			/* "physical" (Ethernet), "wireless", "wwan", "infiniband",
					   "other" (CAN, ...), "bond", "team", "bridge", "vlan",
					   "virtual" */
	char *mac;			/* current, "52:54:00:..." lower case */
	char *permanent_mac;		/* ethtool's, NULL when the device has none */
	char *driver;
	char *bus;			/* "0000:03:00.0" */
	char *master;			/* bond or bridge it belongs to */
	struct machine_strv lower;	/* members of a bond or bridge, parent of a VLAN */
	uint32_t vlan_id;		/* 0 none */
	char *vlan_protocol;		/* "802.1Q", "802.1ad" */
	char *bond_mode;		/* "802.3ad", "active-backup", ...; of a team
					   "activebackup", ... */
	char *bond_active;		/* the member in use, of an active-backup bond */
	bool bridge_stp;
	uint32_t mtu;
	int64_t speed;			/* Mbit/s, -1 unknown */
	char *duplex;			/* "full", "half" */
	bool carrier, up;
	uint32_t sriov_total, sriov_vfs;/* virtual functions: possible, switched on */
	char *physfn;			/* a VF: PCI address of its physical function */
	struct machine_strv predictable;/* ID_NET_NAME_* candidates: "eno1", "enp3s0", "enx..." */
	struct machine_strv altnames;	/* other names that the kernel knows it by */
	struct machine_address *addresses;
	size_t naddresses;
};

struct machine_route {
	char *destination;		/* "default" or "10.0.0.0/8" */
	char *gateway;			/* or NULL */
	char *nic;
	uint32_t metric;
	char *source;			/* preferred source address */
	char *table;			/* NULL: the main one; a name of rt_tables, or a number */
};

struct machine_rule {			/* of policy routing, beside the kernel's own three */
	uint32_t priority;
	char *family;			/* "inet", "inet6" */
	bool invert;			/* all that does not match */
	char *from, *to;		/* "10.0.0.0/24"; NULL: all */
	char *iif, *oif;		/* links */
	char *mark;			/* of the firewall: "0x1", "0x1/0xff" */
	struct machine_strv also;	/* more conditions: "ipproto tcp", "dport 80-90" */
	char *action;			/* NULL: look up in table; "blackhole", "goto 200", ... */
	char *table;			/* "main", a name of rt_tables, or a number */
};

struct machine_firewall {
	char *manager;			/* "firewalld", "ufw", "nftables.service", ...; NULL none */
	char *backend;			/* "nftables", "iptables"; NULL: no rules, or not known */
};

#endif
