/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * New addresses of a network interface, as --ip has them behind "NAME=" and a plan in "addresses":
 *
 *	10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2,10.0.0.3
 *	2001:db8::5/64,gw=fe80::1
 *	dhcp
 *
 * Several texts for one interface add up: one IPv4 and one IPv6 address, say. What is given counts
 * for its family: new IPv4 addresses replace all IPv4 addresses and the IPv4 gateway there were,
 * and leave IPv6 as it is. "dhcp" is IPv4 by DHCP.
 *
 * Also the small questions about addresses that this takes. Pure; any thread.
 */
#ifndef P2V_COMMON_IPSPEC_H
#define P2V_COMMON_IPSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include "common/err.h"

#define IPSPEC_ADDRESSES_MAX	16
#define IPSPEC_DNS_MAX		8
#define IPSPEC_TEXT_MAX		48	/* the longest IPv6 address and its end */

struct ipspec_ip {
	bool v6;
	unsigned char bytes[16];	/* the first four of IPv4 */
	unsigned int prefix;		/* bits; all of them when none was given */
	char text[IPSPEC_TEXT_MAX];	/* the usual way to write it, without the prefix */
};

struct ipspec {
	bool dhcp;
	struct ipspec_ip address[IPSPEC_ADDRESSES_MAX];
	size_t naddresses;
	struct ipspec_ip gateway[2];	/* of IPv4, of IPv6 */
	bool has_gateway[2];
	struct ipspec_ip dns[IPSPEC_DNS_MAX];
	size_t ndns;
};

/* Add what text says. -EINVAL with what is wrong; s may then hold a part of it. */
int ipspec_add(struct ipspec *s, const char *text, struct err *err);
/* Does s say anything of this family? */
bool ipspec_has(const struct ipspec *s, bool v6);

/* "10.0.0.5" or "10.0.0.5/24"; blanks are not taken. */
bool ipspec_parse_ip(const char *text, struct ipspec_ip *ret);
/* 255.255.255.0 for 24. */
void ipspec_netmask(unsigned int prefix, char ret[static 16]);
/*
 * "52:54:00:AA:bb:01" as it is written here, in lower case; false when it is no address that a
 * network interface can have: six bytes, unicast, not zero.
 */
bool ipspec_parse_mac(const char *text, char ret[static 18]);

#endif
