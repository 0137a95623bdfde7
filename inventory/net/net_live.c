/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_live.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/net/net_facts.h"
#include "inventory/net/net_message.h"
#include "inventory/net/net_rule.h"
#include "inventory/net/net_team.h"
#include "inventory/net/netlink.h"

static int on_link(void *s, const uint8_t *p, size_t len)
{
	return net_message_link(s, p, len);
}

static int on_address(void *s, const uint8_t *p, size_t len)
{
	return net_message_address(s, p, len);
}

static int on_route(void *s, const uint8_t *p, size_t len)
{
	return net_message_route(s, p, len);
}

static int on_rule(void *s, const uint8_t *p, size_t len)
{
	return net_rule_message(s, p, len);
}

/* A dump of everything, of all address families. */
static int dump(int fd, uint16_t request, uint16_t answer,
		int (*fn)(void *opaque, const uint8_t *p, size_t len), void *opaque)
{
	const struct {
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

	return netlink_ask(fd, &req.h, answer, fn, opaque);
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

/* Names of routing tables: one text of all files, the administrator's first. */
static int load_rt_tables(const struct sysroot *root, char **ret)
{
	CLEANUP(strv_free) char **more = NULL;
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	static const char folder[] = "/etc/iproute2/rt_tables.d";
	char *s = NULL;
	int r = sysroot_read(root, &s, NULL, "/etc/iproute2/rt_tables");

	if (r >= 0)
		strbuf_addf(&b, "%s\n", s);
	free(s);
	if (r != -ENOMEM)
		r = sysroot_list(root, &more, folder);
	for (char **p = more; p && *p && r != -ENOMEM; p++) {
		r = sysroot_read(root, &s, NULL, "%s/%s", folder, *p);
		if (r < 0)
			continue;
		strbuf_addf(&b, "%s\n", s);
		free(s);
	}
	if (r != -ENOMEM)
		r = sysroot_read(root, &s, NULL, "/usr/share/iproute2/rt_tables");
	if (r == -ENOMEM)
		return r;
	if (r >= 0) {
		strbuf_add(&b, s);
		free(s);
	}
	strbuf_add(&b, "");
	*ret = strbuf_take(&b);
	return *ret ? 0 : -ENOMEM;
}

/* Who may not ask goes without. */
static int fill_teams(const struct net_message *s)
{
	for (size_t i = 0; i < s->nlinks; i++) {
		struct net_facts_link link = { .name = s->links[i].name };
		const struct machine_nic *n = net_facts_nic(s->m, link.name);
		struct net_team team = { 0 };
		int r;

		if (!n || !n->kind || strcmp(n->kind, "team") != 0)
			continue;
		r = net_team_ask(s->links[i].index, &team);
		if (r < 0 && collect_warn(s->m, "the mode of the team %s is not known: %s",
					  link.name, strerror(-r)) < 0)
			return -ENOMEM;
		link.bond_mode = team.mode[0] ? team.mode : NULL;
		link.bond_active = net_message_name(s, team.active_port);
		if (net_facts_link(s->m, &link) < 0)
			return -ENOMEM;
	}
	return 0;
}

int net_live_fill(const struct sysroot *root, struct machine *m)
{
	CLEANUP(fd_close) int ethtool = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CLEANUP(net_message_done) struct net_message s = { .m = m };
	CLEANUP(mem_free) char *rt_tables = NULL;
	CLEANUP(fd_close) int nl = -1;
	int r;

	for (size_t i = 0; ethtool >= 0 && i < m->nnics; i++)
		if (permanent_mac(ethtool, &m->nics[i]) < 0)
			return -ENOMEM;
	if (load_rt_tables(root, &rt_tables) < 0)
		return -ENOMEM;
	s.rt_tables = rt_tables;
	nl = netlink_open(NETLINK_ROUTE);
	if (nl < 0)
		return nl;
	r = dump(nl, RTM_GETLINK, RTM_NEWLINK, on_link, &s);
	if (r == 0)
		r = net_message_links_done(&s);
	if (r == 0)
		r = dump(nl, RTM_GETADDR, RTM_NEWADDR, on_address, &s);
	if (r == 0)
		r = dump(nl, RTM_GETROUTE, RTM_NEWROUTE, on_route, &s);
	if (r == 0)
		r = dump(nl, RTM_GETRULE, RTM_NEWRULE, on_rule, &s);
	/* A kernel without policy routing. */
	if (r == -EOPNOTSUPP)
		r = 0;
	return r == 0 ? fill_teams(&s) : r;
}

static int on_table(void *any, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	*(bool *)any = true;
	return 0;
}

int net_live_nftables(const struct sysroot *root)
{
	const struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} req = {
		.h = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
			.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	CLEANUP(fd_close) int nl = -1;
	bool any = false;
	int r;

	/* A kernel without modules has nothing that could be loaded by asking. */
	if (!sysroot_exists(root, "/sys/module/nf_tables") && sysroot_exists(root, "/proc/modules"))
		return 0;
	nl = netlink_open(NETLINK_NETFILTER);
	if (nl < 0)
		return nl == -EPROTONOSUPPORT ? 0 : nl;
	r = netlink_ask(nl, &req.h, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, on_table, &any);
	/* EINVAL: there is no such subsystem. */
	return r == -EINVAL ? 0 : r < 0 ? r : any;
}
