/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink(7) dumps: links for their kinds, addresses, routes of the main table. Messages come
 * from the kernel, still every length is checked: attributes are walked by hand.
 */
#include "inventory/net_live.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "inventory/net_facts.h"

#define RECV_MAX	(256 * 1024)

struct link_name {
	uint32_t index;
	char name[IFNAMSIZ];
};

struct live {
	struct machine *m;
	struct link_name *names;
	size_t nnames;
};

static void live_done(struct live *l)
{
	free(l->names);
}
DEFINE_CLEANUP_VALUE(struct live, live_done)

static const char *name_of(const struct live *l, uint32_t index)
{
	for (size_t i = 0; i < l->nnames; i++)
		if (l->names[i].index == index)
			return l->names[i].name;
	return NULL;
}

/* The last attribute of each type below max; payload and its length. */
struct attr {
	const uint8_t *p;
	size_t len;
};

static void parse_attrs(const uint8_t *p, size_t len, struct attr *ret, size_t max)
{
	memset(ret, 0, max * sizeof(*ret));
	while (len >= sizeof(struct rtattr)) {
		struct rtattr a;
		size_t step;

		memcpy(&a, p, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len)
			return;
		if ((a.rta_type & NLA_TYPE_MASK) < max)
			ret[a.rta_type & NLA_TYPE_MASK] = (struct attr){ p + sizeof(a),
									 a.rta_len - sizeof(a) };
		step = RTA_ALIGN(a.rta_len);
		if (step >= len)
			return;
		p += step;
		len -= step;
	}
}

static uint32_t attr_u32(const struct attr *a, uint32_t unknown)
{
	uint32_t v;

	if (!a->p || a->len < sizeof(v))
		return unknown;
	memcpy(&v, a->p, sizeof(v));
	return v;
}

static void attr_text(const struct attr *a, char *buf, size_t size)
{
	size_t n = a->p ? strnlen((const char *)a->p, a->len) : 0;

	n = n < size ? n : size - 1;
	if (n)
		memcpy(buf, a->p, n);
	buf[n] = '\0';
}

static bool attr_address(const struct attr *a, int family, char *buf, size_t size)
{
	size_t need = family == AF_INET ? 4 : 16;

	return a->p && a->len >= need && inet_ntop(family, a->p, buf, (socklen_t)size);
}

static int on_link(struct live *l, const uint8_t *p, size_t len)
{
	struct attr at[IFLA_LINKINFO + 1], info[IFLA_INFO_KIND + 1];
	struct link_name *slot;
	struct ifinfomsg msg;
	char kind[32];

	if (len < NLMSG_ALIGN(sizeof(msg)))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	parse_attrs(p + NLMSG_ALIGN(sizeof(msg)), len - NLMSG_ALIGN(sizeof(msg)), at,
		    ARRAY_SIZE(at));
	slot = machine_grow(&l->names, &l->nnames, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->index = (uint32_t)msg.ifi_index;
	attr_text(&at[IFLA_IFNAME], slot->name, sizeof(slot->name));
	if (!at[IFLA_LINKINFO].p)
		return 0;
	parse_attrs(at[IFLA_LINKINFO].p, at[IFLA_LINKINFO].len, info, ARRAY_SIZE(info));
	attr_text(&info[IFLA_INFO_KIND], kind, sizeof(kind));
	return net_facts_kind(l->m, slot->name, kind);
}

static int on_address(struct live *l, const uint8_t *p, size_t len)
{
	struct attr at[IFA_FLAGS + 1];
	struct ifaddrmsg msg;
	char text[INET6_ADDRSTRLEN];
	const char *nic, *scope;
	uint32_t flags;

	if (len < NLMSG_ALIGN(sizeof(msg)))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	parse_attrs(p + NLMSG_ALIGN(sizeof(msg)), len - NLMSG_ALIGN(sizeof(msg)), at,
		    ARRAY_SIZE(at));
	nic = name_of(l, msg.ifa_index);
	if (!nic || (msg.ifa_family != AF_INET && msg.ifa_family != AF_INET6))
		return 0;
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	if (!attr_address(at[IFA_LOCAL].p ? &at[IFA_LOCAL] : &at[IFA_ADDRESS], msg.ifa_family, text,
			  sizeof(text)))
		return 0;
	flags = attr_u32(&at[IFA_FLAGS], msg.ifa_flags);
	/* Privacy addresses come and go by the hour. */
	if (msg.ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY))
		return 0;
	scope = msg.ifa_scope == RT_SCOPE_HOST ? "host" : msg.ifa_scope == RT_SCOPE_LINK ? "link" :
		"global";
	return net_facts_address(l->m, nic, text, msg.ifa_prefixlen, scope,
				 !(flags & IFA_F_PERMANENT));
}

static int on_route(struct live *l, const uint8_t *p, size_t len)
{
	struct attr at[RTA_TABLE + 1];
	struct rtmsg msg;
	char to[INET6_ADDRSTRLEN + 8] = "default", gateway[INET6_ADDRSTRLEN];
	const char *nic;
	bool has_gateway;

	if (len < NLMSG_ALIGN(sizeof(msg)))
		return 0;
	memcpy(&msg, p, sizeof(msg));
	parse_attrs(p + NLMSG_ALIGN(sizeof(msg)), len - NLMSG_ALIGN(sizeof(msg)), at,
		    ARRAY_SIZE(at));
	if (attr_u32(&at[RTA_TABLE], msg.rtm_table) != RT_TABLE_MAIN ||
	    msg.rtm_type != RTN_UNICAST || (msg.rtm_flags & RTM_F_CLONED) ||
	    (msg.rtm_family != AF_INET && msg.rtm_family != AF_INET6))
		return 0;
	has_gateway = attr_address(&at[RTA_GATEWAY], msg.rtm_family, gateway, sizeof(gateway));
	/* What the kernel makes of each address by itself needs no telling. */
	if (!has_gateway && msg.rtm_protocol == RTPROT_KERNEL)
		return 0;
	if (msg.rtm_dst_len > 0) {
		if (!attr_address(&at[RTA_DST], msg.rtm_family, to, INET6_ADDRSTRLEN))
			return 0;
		snprintf(to + strlen(to), 5, "/%u", (unsigned int)msg.rtm_dst_len);
	}
	nic = name_of(l, attr_u32(&at[RTA_OIF], 0));
	return net_facts_route(l->m, to, has_gateway ? gateway : NULL, nic);
}

/* Ask for a dump and hand each message's payload to fn. */
static int dump(int fd, struct live *l, uint16_t request, uint16_t answer,
		int (*fn)(struct live *l, const uint8_t *p, size_t len))
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
	} req = {
		.h = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			.nlmsg_type = request,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = request,
		},
		.g = { .rtgen_family = AF_UNSPEC },
	};
	CLEANUP(mem_free) uint8_t *buf = malloc(RECV_MAX);

	if (!buf)
		return -ENOMEM;
	if (send(fd, &req, req.h.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		const uint8_t *p = buf;
		ssize_t n = recv(fd, buf, RECV_MAX, 0);
		size_t len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		for (len = (size_t)n; len >= NLMSG_HDRLEN;) {
			struct nlmsghdr h;
			size_t step;
			int r = 0;

			memcpy(&h, p, sizeof(h));
			if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > len)
				return -EIO;
			if (h.nlmsg_type == NLMSG_DONE)
				return 0;
			if (h.nlmsg_type == NLMSG_ERROR)
				return -EIO;
			if (h.nlmsg_type == answer)
				r = fn(l, p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);
			if (r < 0)
				return r;
			step = NLMSG_ALIGN(h.nlmsg_len);
			if (step >= len)
				break;
			p += step;
			len -= step;
		}
	}
}

static int permanent_mac(int fd, struct machine_nic *n)
{
	union {
		struct ethtool_perm_addr head;
		uint8_t room[sizeof(struct ethtool_perm_addr) + 32];
	} perm = { .head = { .cmd = ETHTOOL_GPERMADDR, .size = 32 } };
	struct ifreq ifr = { 0 };

	if (strlen(n->name) >= sizeof(ifr.ifr_name))
		return 0;
	strcpy(ifr.ifr_name, n->name);
	ifr.ifr_data = (void *)&perm;
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0 || perm.head.size > 32)
		return 0;
	return net_facts_mac(perm.room + sizeof(struct ethtool_perm_addr), perm.head.size,
			     &n->permanent_mac);
}

int net_live_fill(struct machine *m)
{
	CLEANUP(live_done) struct live l = { .m = m };
	CLEANUP(fd_close) int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	CLEANUP(fd_close) int ethtool = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = 5 };
	int r;

	for (size_t i = 0; ethtool >= 0 && i < m->nnics; i++)
		if (permanent_mac(ethtool, &m->nics[i]) < 0)
			return -ENOMEM;
	if (nl < 0 || setsockopt(nl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	r = dump(nl, &l, RTM_GETLINK, RTM_NEWLINK, on_link);
	if (r == 0)
		r = dump(nl, &l, RTM_GETADDR, RTM_NEWADDR, on_address);
	if (r == 0)
		r = dump(nl, &l, RTM_GETROUTE, RTM_NEWROUTE, on_route);
	return r;
}
