/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/netlink.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "common/cleanup.h"

/* The kernel makes dumps in pieces of at most 32 KiB, larger ones only for single large answers. */
#define RECV_MAX	(256 * 1024)
#define WAIT_SECONDS	5

bool netlink_attr_next(const uint8_t **p, size_t *len, uint16_t *ret_type, struct netlink_attr *ret)
{
	struct nlattr a;
	size_t step;

	if (*len < sizeof(a))
		return false;
	memcpy(&a, *p, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > *len)
		return false;
	*ret_type = a.nla_type & NLA_TYPE_MASK;
	*ret = (struct netlink_attr){ *p + sizeof(a), a.nla_len - sizeof(a) };
	step = NLA_ALIGN(a.nla_len);
	/* The last one may go without its padding. */
	step = step < *len ? step : *len;
	*p += step;
	*len -= step;
	return true;
}

void netlink_attrs(const uint8_t *p, size_t len, struct netlink_attr *ret, size_t max)
{
	struct netlink_attr a;
	uint16_t type;

	memset(ret, 0, max * sizeof(*ret));
	while (netlink_attr_next(&p, &len, &type, &a))
		if (type < max)
			ret[type] = a;
}

void netlink_attrs_after(const uint8_t *p, size_t len, size_t fixed, struct netlink_attr *ret,
			 size_t max)
{
	size_t skip = NLA_ALIGN(fixed);

	if (len < skip)
		len = skip = 0;
	netlink_attrs(p + skip, len - skip, ret, max);
}

uint32_t netlink_attr_u32(const struct netlink_attr *a, uint32_t unknown)
{
	uint32_t v;

	if (!a->p || a->len < sizeof(v))
		return unknown;
	memcpy(&v, a->p, sizeof(v));
	return v;
}

uint16_t netlink_attr_u16(const struct netlink_attr *a, uint16_t unknown)
{
	uint16_t v;

	if (!a->p || a->len < sizeof(v))
		return unknown;
	memcpy(&v, a->p, sizeof(v));
	return v;
}

uint8_t netlink_attr_u8(const struct netlink_attr *a, uint8_t unknown)
{
	return a->p && a->len > 0 ? a->p[0] : unknown;
}

void netlink_attr_text(const struct netlink_attr *a, char *buf, size_t size)
{
	size_t n = a->p ? strnlen((const char *)a->p, a->len) : 0;

	n = n < size ? n : size - 1;
	if (n)
		memcpy(buf, a->p, n);
	buf[n] = '\0';
}

bool netlink_attr_address(const struct netlink_attr *a, int family, char *buf, size_t size)
{
	size_t need = family == AF_INET ? 4 : 16;

	return a->p && a->len >= need && inet_ntop(family, a->p, buf, (socklen_t)size);
}

int netlink_open(int protocol)
{
	CLEANUP(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct timeval limit = { .tv_sec = WAIT_SECONDS };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* The messages of one datagram. 1: the answer is complete. */
static int take(const uint8_t *p, size_t len, uint16_t answer,
		int (*fn)(void *opaque, const uint8_t *p, size_t len), void *opaque)
{
	while (len >= NLMSG_HDRLEN) {
		struct nlmsghdr h;
		size_t step;
		int code = 0;

		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > len)
			return -EIO;
		if (h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < NLMSG_HDRLEN + sizeof(code))
				return -EIO;
			memcpy(&code, p + NLMSG_HDRLEN, sizeof(code));
			/* Zero is an acknowledgement. */
			return code == 0 ? 1 : code < 0 && code > -4096 ? code : -EIO;
		}
		if (h.nlmsg_type == answer)
			code = fn(opaque, p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);
		if (code < 0)
			return code;
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step >= len)
			break;
		p += step;
		len -= step;
	}
	return 0;
}

int netlink_ask(int fd, const struct nlmsghdr *request, uint16_t answer,
		int (*fn)(void *opaque, const uint8_t *p, size_t len), void *opaque)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(RECV_MAX);
	int r;

	if (!buf)
		return -ENOMEM;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	do {
		ssize_t n = recv(fd, buf, RECV_MAX, 0);

		if (n < 0 && errno == EINTR) {
			r = 0;
			continue;
		}
		r = n > 0 ? take(buf, (size_t)n, answer, fn, opaque) : n < 0 ? -errno : -EIO;
	} while (r == 0);
	return r < 0 ? r : 0;
}
