/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network of a Windows that is off, as its registry has it, and which of the machine's NICs
 * each adapter was.
 *
 *	Control\Class\{4d36e972-...}\NNNN	an adapter: NetCfgInstanceId is its GUID
 *	Control\Network\{4D36E972-...}\{GUID}\Connection   its name, its device
 *	Enum\PCI\VEN_...\...			the device: on which bus it was
 *	Services\Tcpip\Parameters\Interfaces\{GUID}	   its addresses
 *
 * In the virtual machine other adapters come up, with other GUIDs. What stays is the MAC address,
 * which the registry does not have: so an adapter is matched to a NIC of the inventory, which knows
 * its MAC address, by what both tell of the device. Never by the order of a list; what does not
 * match is reported, and its addresses are not given to anybody.
 *
 * Only checked values get into the model: addresses that are addresses, names without control
 * characters. What was left out is in notes. One thread.
 */
#ifndef P2V_POSTFIX_WINDOWS_WINNET_H
#define P2V_POSTFIX_WINDOWS_WINNET_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/windows/hive.h"

#define WINNET_ADAPTERS_MAX	256
#define WINNET_LIST_MAX		64	/* addresses, gateways, ... of an adapter */

struct winnet_adapter {
	char *guid;			/* "{...}", of a safe form */
	char *number;			/* "0007": its key below the class */
	char *device;			/* "PCI\\VEN_8086&DEV_1521&...\\...", "ROOT\\..."; "" */
	char *description;		/* of its driver; "" */
	char *name;			/* of the connection; "" none, or not to be used */
	bool has_mac;			/* NetworkAddress: a MAC address was set by hand */
	uint8_t mac[6];
	int bus, slot, function;	/* of the device, -1 not known */
	int vendor, model, subsystem_vendor, subsystem_model;	/* of PCI, -1 not known */
	bool dhcp;
	struct machine_strv addresses;	/* "10.0.0.5 255.255.255.0" */
	struct machine_strv gateways;	/* "10.0.0.1 0": with a metric, 0 automatic */
	struct machine_strv dns, dns6, wins;
	char *domain;			/* DNS suffix, "" */
	uint32_t metric;		/* of the interface, 0 automatic */
	uint32_t netbios;		/* 0 by DHCP, 1 on, 2 off */
	char *lease;			/* the address that DHCP gave it last, "" */
	const struct machine_nic *nic;	/* the one it was, or NULL */
	const char *how;		/* "it was on the same bus", in words */
};

struct winnet {
	struct winnet_adapter *v;
	size_t n;
	struct machine_strv routes;	/* "10.1.0.0,255.255.0.0,10.0.0.1,1" */
	unsigned int static6;		/* IPv6 settings made by hand, which are not read */
	struct machine_strv notes;	/* what was left out, in words */
};

/* Adapters that devices stand behind (hidden ones of Windows itself are left out). */
int winnet_read(struct hive *system, const char *set, struct winnet *ret, struct err *err);
void winnet_done(struct winnet *w);
DEFINE_CLEANUP_VALUE(struct winnet, winnet_done)
/* Does the adapter's configuration have anything but DHCP? */
bool winnet_is_configured(const struct winnet_adapter *a);
bool winnet_is_pci(const struct winnet_adapter *a);

/* Set nic and how. The machine is borrowed by the model. */
int winnet_match(struct winnet *w, const struct machine *m);
/* The MAC address that the virtual NIC will have: "52:54:00:..", or NULL when there is none. */
const char *winnet_match_mac(const struct machine_nic *nic);

/*
 * network.txt, the data of the scripts (winscript.h): UTF-16LE with a mark in front, CR LF. *ret
 * is NULL when there is nothing to do.
 */
int winnet_text(const struct winnet *w, void **ret, size_t *ret_len, struct err *err);

#endif
