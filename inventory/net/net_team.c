/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_team.h"

#include <linux/genetlink.h>
#include <linux/if_team.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "inventory/net/netlink.h"

static void one_option(const struct netlink_attr *item, struct net_team *ret)
{
	struct netlink_attr at[TEAM_ATTR_OPTION_DATA + 1];
	char name[32];

	netlink_attrs(item->p, item->len, at, ARRAY_SIZE(at));
	netlink_attr_text(&at[TEAM_ATTR_OPTION_NAME], name, sizeof(name));
	if (strcmp(name, "mode") == 0) {
		netlink_attr_text(&at[TEAM_ATTR_OPTION_DATA], ret->mode, sizeof(ret->mode));
		if (ret->mode[0] == '*')
			ret->mode[0] = '\0';
	} else if (strcmp(name, "activeport") == 0) {
		ret->active_port = netlink_attr_u32(&at[TEAM_ATTR_OPTION_DATA], 0);
	}
}

void net_team_options(const uint8_t *p, size_t len, struct net_team *ret)
{
	struct netlink_attr at[TEAM_ATTR_LIST_OPTION + 1], item;
	const uint8_t *list;
	size_t left;
	uint16_t type;

	netlink_attrs_after(p, len, GENL_HDRLEN, at, ARRAY_SIZE(at));
	list = at[TEAM_ATTR_LIST_OPTION].p;
	left = at[TEAM_ATTR_LIST_OPTION].len;
	while (list && netlink_attr_next(&list, &left, &type, &item))
		if (type == TEAM_ATTR_ITEM_OPTION)
			one_option(&item, ret);
}

static int on_family(void *id, const uint8_t *p, size_t len)
{
	struct netlink_attr at[CTRL_ATTR_FAMILY_ID + 1];

	netlink_attrs_after(p, len, GENL_HDRLEN, at, ARRAY_SIZE(at));
	*(uint16_t *)id = netlink_attr_u16(&at[CTRL_ATTR_FAMILY_ID], 0);
	return 0;
}

static int on_options(void *team, const uint8_t *p, size_t len)
{
	net_team_options(p, len, team);
	return 0;
}

/* A request of one attribute. */
struct request {
	struct nlmsghdr h;
	struct genlmsghdr g;
	struct nlattr a;
	uint8_t value[16];
};

static int ask(int fd, uint16_t family, uint16_t flags, uint8_t command, uint8_t version,
	       uint16_t attr, const void *value, size_t len,
	       int (*fn)(void *opaque, const uint8_t *p, size_t len), void *opaque)
{
	struct request q = {
		.h = { .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST | flags },
		.g = { .cmd = command, .version = version },
		.a = { .nla_type = attr, .nla_len = (uint16_t)(NLA_HDRLEN + len) },
	};

	memcpy(q.value, value, len);
	q.h.nlmsg_len = (uint32_t)(offsetof(struct request, value) + NLA_ALIGN(len));
	return netlink_ask(fd, &q.h, family, fn, opaque);
}

int net_team_ask(uint32_t index, struct net_team *ret)
{
	static const char name[] = TEAM_GENL_NAME;
	CLEANUP(fd_close) int fd = netlink_open(NETLINK_GENERIC);
	uint16_t family = 0;
	int r;

	if (fd < 0)
		return fd;
	r = ask(fd, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1, CTRL_ATTR_FAMILY_NAME, name,
		sizeof(name), on_family, &family);
	if (r == 0 && family == 0)
		r = -ENOENT;
	/* The answer ends by itself; an acknowledgement on top would be taken for the next one. */
	return r < 0 ? r : ask(fd, family, 0, TEAM_CMD_OPTIONS_GET, TEAM_GENL_VERSION,
			       TEAM_ATTR_TEAM_IFINDEX, &index, sizeof(index), on_options, ret);
}
