/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the kernel through netlink(7): open a socket, ask for a dump, look at the attributes of
 * what comes. The messages are the kernel's own, still every length is checked.
 *
 *	message: nlmsghdr | payload = fixed struct, padded to 4 | attribute | attribute ...
 *	attribute: 16 bits length with these 4 bytes, 16 bits type | value, padded to 4
 *
 * Attributes may hold attributes: parse the value again. Nothing here waits longer than the time
 * that netlink_open() sets.
 */
#ifndef P2V_INVENTORY_NETLINK_H
#define P2V_INVENTORY_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink_attr {
	const uint8_t *p;		/* NULL: not in the message */
	size_t len;
};

/*
 * Of each type below max its last attribute; with a type mask, so NLA_F_NESTED does not matter. A
 * list that breaks off gives what is before the break.
 */
void netlink_attrs(const uint8_t *p, size_t len, struct netlink_attr *ret, size_t max);
/* The same behind a fixed part of that many bytes; a message too short has no attributes. */
void netlink_attrs_after(const uint8_t *p, size_t len, size_t fixed, struct netlink_attr *ret,
			 size_t max);
/* All attributes of a list, one after the other: false at its end, or where it breaks off. */
bool netlink_attr_next(const uint8_t **p, size_t *len, uint16_t *ret_type,
		       struct netlink_attr *ret);
/* In host order; unknown when it is absent or too short. */
uint32_t netlink_attr_u32(const struct netlink_attr *a, uint32_t unknown);
uint16_t netlink_attr_u16(const struct netlink_attr *a, uint16_t unknown);
uint8_t netlink_attr_u8(const struct netlink_attr *a, uint8_t unknown);
/* Cut to size - 1 bytes; "" when absent. */
void netlink_attr_text(const struct netlink_attr *a, char *buf, size_t size);
/* An AF_INET or AF_INET6 address; false when there is none. */
bool netlink_attr_address(const struct netlink_attr *a, int family, char *buf, size_t size);

/* NETLINK_ROUTE, ...; a descriptor or -errno. */
int netlink_open(int protocol);
/*
 * Send a request, and hand the payload of each message of the type answer to fn, until the dump
 * is done (NLM_F_DUMP), or the acknowledgement is there (NLM_F_ACK). 0, -errno of the kernel's, or
 * what fn returned when that was negative.
 */
int netlink_ask(int fd, const struct nlmsghdr *request, uint16_t answer,
		int (*fn)(void *opaque, const uint8_t *p, size_t len), void *opaque);

#endif
