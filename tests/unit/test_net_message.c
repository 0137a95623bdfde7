/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtnetlink messages made by hand: kinds of links that a test's kernel need not have, and messages
 * cut and damaged at every place.
 */
#include "inventory/net/net_message.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/if_team.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include "common/compiler.h"
#include "common/text.h"
#include "inventory/net/net_rule.h"
#include "inventory/net/net_team.h"
#include "inventory/net/netlink.h"
#include "tests/lib/unit.h"

/* A message under construction; attributes nest by number of the one that holds them. */
struct message {
	uint8_t data[1024];
	size_t len;
};

static void fixed(struct message *g, const void *p, size_t len)
{
	memset(g, 0, sizeof(*g));
	memcpy(g->data, p, len);
	g->len = NLA_ALIGN(len);
}

static void attr(struct message *g, uint16_t type, const void *p, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len), .nla_type = type };

	ck_assert_uint_le(g->len + sizeof(a) + len + 4, sizeof(g->data));
	memcpy(g->data + g->len, &a, sizeof(a));
	if (len)
		memcpy(g->data + g->len + sizeof(a), p, len);
	g->len += NLA_ALIGN(sizeof(a) + len);
}

static void text(struct message *g, uint16_t type, const char *s)
{
	attr(g, type, s, strlen(s) + 1);
}

static void u32(struct message *g, uint16_t type, uint32_t v)
{
	attr(g, type, &v, sizeof(v));
}

static void u16(struct message *g, uint16_t type, uint16_t v)
{
	attr(g, type, &v, sizeof(v));
}

static size_t begin(struct message *g, uint16_t type)
{
	attr(g, type | NLA_F_NESTED, NULL, 0);
	return g->len - sizeof(struct nlattr);
}

static void end(struct message *g, size_t at)
{
	uint16_t len = (uint16_t)(g->len - at);

	memcpy(g->data + at, &len, sizeof(len));
}

static void ip_attr(struct message *g, uint16_t type, const char *address)
{
	uint8_t raw[16];
	bool v6 = strchr(address, ':');

	ck_assert_int_eq(inet_pton(v6 ? AF_INET6 : AF_INET, address, raw), 1);
	attr(g, type, raw, v6 ? 16 : 4);
}

static void link_begin(struct message *g, int index, const char *name)
{
	struct ifinfomsg msg = { .ifi_index = index };

	fixed(g, &msg, sizeof(msg));
	text(g, IFLA_IFNAME, name);
}

static void add_nic(struct machine *m, const char *name)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));

	n->name = strdup(name);
	n->kind = strdup("virtual");
}

/* The messages of the tests, by number; false past the last. */
static bool make_link(struct message *g, int which)
{
	uint8_t mode = 1;
	size_t info, data, list;

	switch (which) {
	case 0:		/* before its active member */
		link_begin(g, 7, "bond0");
		info = begin(g, IFLA_LINKINFO);
		text(g, IFLA_INFO_KIND, "bond");
		data = begin(g, IFLA_INFO_DATA);
		attr(g, IFLA_BOND_MODE, &mode, 1);
		u32(g, IFLA_BOND_ACTIVE_SLAVE, 9);
		break;
	case 1:
		link_begin(g, 8, "v.5");
		info = begin(g, IFLA_LINKINFO);
		text(g, IFLA_INFO_KIND, "vlan");
		data = begin(g, IFLA_INFO_DATA);
		u16(g, IFLA_VLAN_ID, 4094);
		u16(g, IFLA_VLAN_PROTOCOL, htons(0x88a8));
		break;
	case 2:
		link_begin(g, 9, "eth0");
		list = begin(g, IFLA_PROP_LIST);
		text(g, IFLA_ALT_IFNAME, "enp1s0");
		text(g, IFLA_ALT_IFNAME, "a-name-that-is-longer-than-fifteen-letters");
		end(g, list);
		return true;
	case 3:
		link_begin(g, 10, "br0");
		info = begin(g, IFLA_LINKINFO);
		text(g, IFLA_INFO_KIND, "bridge");
		data = begin(g, IFLA_INFO_DATA);
		u32(g, IFLA_BR_STP_STATE, 2);
		break;
	case 4:
		link_begin(g, 11, "team0");
		info = begin(g, IFLA_LINKINFO);
		text(g, IFLA_INFO_KIND, "team");
		data = begin(g, IFLA_INFO_DATA);
		break;
	default:
		return false;
	}
	end(g, data);
	end(g, info);
	return true;
}

static void route_begin(struct message *g, uint8_t family, uint8_t table, const char *to,
			uint8_t bits)
{
	struct rtmsg msg = {
		.rtm_family = family, .rtm_table = table, .rtm_dst_len = bits,
		.rtm_type = RTN_UNICAST, .rtm_protocol = RTPROT_STATIC,
	};

	fixed(g, &msg, sizeof(msg));
	if (to)
		ip_attr(g, RTA_DST, to);
}

static bool make_route(struct message *g, int which)
{
	struct {
		uint16_t family;
		uint8_t address[16];
	} via = { .family = AF_INET6 };
	struct rtnexthop hop = { .rtnh_ifindex = 9 };
	size_t list, at;

	switch (which) {
	case 0:
		route_begin(g, AF_INET, RT_TABLE_MAIN, NULL, 0);
		ip_attr(g, RTA_GATEWAY, "10.0.0.1");
		ip_attr(g, RTA_PREFSRC, "10.0.0.5");
		u32(g, RTA_OIF, 9);
		u32(g, RTA_PRIORITY, 100);
		return true;
	case 1:		/* a table past 255: the byte says RT_TABLE_COMPAT */
		route_begin(g, AF_INET, RT_TABLE_COMPAT, "10.1.0.0", 16);
		u32(g, RTA_TABLE, 70000);
		u32(g, RTA_OIF, 7);
		return true;
	case 2:
		route_begin(g, AF_INET6, 100, "2001:db8::", 32);
		list = begin(g, RTA_MULTIPATH);
		for (int i = 0; i < 2; i++) {
			at = g->len;
			memcpy(g->data + at, &hop, sizeof(hop));
			g->len += sizeof(hop);
			ip_attr(g, RTA_GATEWAY, i ? "fe80::2" : "fe80::1");
			hop.rtnh_len = (uint16_t)(g->len - at);
			memcpy(g->data + at, &hop, sizeof(hop.rtnh_len));
		}
		end(g, list);
		return true;
	case 3:
		route_begin(g, AF_INET, RT_TABLE_MAIN, "100.64.0.0", 10);
		inet_pton(AF_INET6, "fe80::9", via.address);
		attr(g, RTA_VIA, &via, 18);
		u32(g, RTA_OIF, 9);
		return true;
	case 4:		/* the kernel's own */
		route_begin(g, AF_INET, RT_TABLE_LOCAL, "127.0.0.0", 8);
		u32(g, RTA_OIF, 9);
		return true;
	case 5:
		route_begin(g, AF_INET, RT_TABLE_MAIN, "10.0.0.0", 24);
		((struct rtmsg *)g->data)->rtm_protocol = RTPROT_KERNEL;
		return true;
	case 6:
		route_begin(g, AF_INET, RT_TABLE_MAIN, "10.6.0.0", 24);
		((struct rtmsg *)g->data)->rtm_type = RTN_BLACKHOLE;
		return true;
	case 7:
		route_begin(g, AF_INET6, RT_TABLE_MAIN, "2001:db8::1", 128);
		((struct rtmsg *)g->data)->rtm_flags = RTM_F_CLONED;
		return true;
	default:
		return false;
	}
}

static void feed(struct net_message *s)
{
	struct message g;

	for (int i = 0; make_link(&g, i); i++)
		ck_assert_int_eq(net_message_link(s, g.data, g.len), 0);
	ck_assert_int_eq(net_message_links_done(s), 0);
	for (int i = 0; make_route(&g, i); i++)
		ck_assert_int_eq(net_message_route(s, g.data, g.len), 0);
}

static struct machine *new_machine(void)
{
	static const char *const names[] = { "bond0", "v.5", "eth0", "br0", "team0" };
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		add_nic(m, names[i]);
	return m;
}

START_TEST(test_links)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	CLEANUP(net_message_done) struct net_message s = { .m = m };

	feed(&s);
	ck_assert_str_eq(m->nics[0].kind, "bond");
	ck_assert_str_eq(m->nics[0].bond_mode, "active-backup");
	ck_assert_str_eq(m->nics[0].bond_active, "eth0");
	ck_assert_str_eq(m->nics[1].kind, "vlan");
	ck_assert_uint_eq(m->nics[1].vlan_id, 4094);
	ck_assert_str_eq(m->nics[1].vlan_protocol, "802.1ad");
	ck_assert_str_eq(m->nics[2].kind, "virtual");
	ck_assert_uint_eq(m->nics[2].altnames.n, 2);
	ck_assert_str_eq(m->nics[2].altnames.v[1], "a-name-that-is-longer-than-fifteen-letters");
	ck_assert(m->nics[3].bridge_stp);
	ck_assert_str_eq(m->nics[4].kind, "team");
}
END_TEST

START_TEST(test_routes)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	CLEANUP(net_message_done) struct net_message s = {
		.m = m, .rt_tables = "#\n255\tlocal\n100 isp2 # two\n",
	};
	static const struct machine_route want[] = {
		{ (char *)"default", (char *)"10.0.0.1", (char *)"eth0", 100, (char *)"10.0.0.5",
		  NULL },
		{ (char *)"10.1.0.0/16", NULL, (char *)"bond0", 0, NULL, (char *)"70000" },
		{ (char *)"2001:db8::/32", (char *)"fe80::1", (char *)"eth0", 0, NULL,
		  (char *)"isp2" },
		{ (char *)"2001:db8::/32", (char *)"fe80::2", (char *)"eth0", 0, NULL,
		  (char *)"isp2" },
		{ (char *)"100.64.0.0/10", (char *)"fe80::9", (char *)"eth0", 0, NULL, NULL },
	};

	feed(&s);
	ck_assert_uint_eq(m->nroutes, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_str_eq(m->routes[i].destination, want[i].destination);
		ck_assert_pstr_eq(m->routes[i].gateway, want[i].gateway);
		ck_assert_pstr_eq(m->routes[i].nic, want[i].nic);
		ck_assert_uint_eq(m->routes[i].metric, want[i].metric);
		ck_assert_pstr_eq(m->routes[i].source, want[i].source);
		ck_assert_pstr_eq(m->routes[i].table, want[i].table);
	}
}
END_TEST

START_TEST(test_table_names)
{
	static const char file[] = "# x\n1 one\n  2\ttwo\n0x3 three\n4\n5 five#x\n256 big";
	static const struct {
		uint32_t id;
		const char *name;
	} cases[] = {
		{ 1, "one" }, { 2, "two" }, { 3, "three" }, { 4, "4" }, { 5, "five" },
		{ 256, "big" }, { 253, "default" }, { 254, "main" }, { 255, "local" },
		{ UINT32_MAX, "4294967295" },
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(net_message_table(file, cases[i].id, buf, sizeof(buf)),
				 cases[i].name);
	ck_assert_str_eq(net_message_table(NULL, 1, buf, sizeof(buf)), "1");
}
END_TEST

static void rule_begin(struct message *g, uint8_t family, uint32_t priority, uint8_t table)
{
	struct fib_rule_hdr h = { .family = family, .table = table, .action = FR_ACT_TO_TBL };

	fixed(g, &h, sizeof(h));
	u32(g, FRA_PRIORITY, priority);
}

#define RULE(g)	((struct fib_rule_hdr *)(g)->data)

static bool make_rule(struct message *g, int which)
{
	static const struct fib_rule_uid_range uid = { 0, 99 };
	static const struct fib_rule_port_range one = { 53, 53 }, some = { 80, 90 };

	switch (which) {
	case 0:
		rule_begin(g, AF_INET, 100, RT_TABLE_COMPAT);
		RULE(g)->src_len = 24;
		RULE(g)->dst_len = 32;
		RULE(g)->flags = FIB_RULE_INVERT;
		ip_attr(g, FRA_SRC, "10.0.0.0");
		ip_attr(g, FRA_DST, "10.9.9.9");
		text(g, FRA_IIFNAME, "eth0");
		text(g, FRA_OIFNAME, "bond0");
		u32(g, FRA_TABLE, 70000);
		u32(g, FRA_FWMARK, 1);
		u32(g, FRA_FWMASK, 0xff);
		return true;
	case 1:
		rule_begin(g, AF_INET6, 200, 100);
		RULE(g)->tos = 0x10;
		u32(g, FRA_FWMARK, 0xabc);
		u32(g, FRA_FWMASK, UINT32_MAX);
		attr(g, FRA_UID_RANGE, &uid, sizeof(uid));
		attr(g, FRA_IP_PROTO, "\x06", 1);
		attr(g, FRA_SPORT_RANGE, &one, sizeof(one));
		attr(g, FRA_DPORT_RANGE, &some, sizeof(some));
		return true;
	case 2:
		rule_begin(g, AF_INET, 300, 0);
		RULE(g)->action = FR_ACT_BLACKHOLE;
		return true;
	case 3:
		rule_begin(g, AF_INET, 400, 0);
		RULE(g)->action = FR_ACT_GOTO;
		u32(g, FRA_GOTO, 32766);
		attr(g, FRA_IP_PROTO, "\xfe", 1);
		return true;
	case 4:		/* the kernel's own */
		rule_begin(g, AF_INET, 0, RT_TABLE_LOCAL);
		return true;
	case 5:
		rule_begin(g, AF_INET6, 32766, RT_TABLE_MAIN);
		return true;
	case 6:		/* the same table, but not for all */
		rule_begin(g, AF_INET, 32766, RT_TABLE_MAIN);
		RULE(g)->src_len = 8;
		return true;
	default:
		return false;
	}
}

static void check_rule(const struct machine_rule *r, const char *head, const char *also)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char text_of[256];

	snprintf(text_of, sizeof(text_of), "%u %s%s %s>%s %s>%s %s %s %s", r->priority,
		 r->invert ? "not " : "", r->family, r->from ? r->from : "",
		 r->to ? r->to : "", r->iif ? r->iif : "", r->oif ? r->oif : "",
		 r->mark ? r->mark : "-", r->action ? r->action : "-", r->table ? r->table : "-");
	ck_assert_str_eq(text_of, head);
	for (size_t i = 0; i < r->also.n; i++)
		strbuf_addf(&b, "%s;", r->also.v[i]);
	strbuf_add(&b, "");
	ck_assert_pstr_eq(b.s, also);
}

START_TEST(test_rules)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	CLEANUP(net_message_done) struct net_message s = { .m = m, .rt_tables = "100 isp2\n" };
	struct message g;

	for (int i = 0; make_rule(&g, i); i++)
		ck_assert_int_eq(net_rule_message(&s, g.data, g.len), 0);
	ck_assert_uint_eq(m->nrules, 5);
	check_rule(&m->rules[0], "100 not inet 10.0.0.0/24>10.9.9.9/32 eth0>bond0 0x1/0xff - "
		   "70000", "");
	check_rule(&m->rules[1], "200 inet6 > > 0xabc - isp2",
		   "tos 0x10;uidrange 0-99;ipproto tcp;sport 53;dport 80-90;");
	check_rule(&m->rules[2], "300 inet > > - blackhole -", "");
	check_rule(&m->rules[3], "400 inet > > - goto 32766 -", "ipproto 254;");
	check_rule(&m->rules[4], "32766 inet 0.0.0.0/8> > - - main", "");
}
END_TEST

static void make_team(struct message *g, const char *mode)
{
	static const struct genlmsghdr h = { .cmd = TEAM_CMD_OPTIONS_GET, .version = 1 };
	size_t list, item;

	fixed(g, &h, sizeof(h));
	u32(g, TEAM_ATTR_TEAM_IFINDEX, 11);
	list = begin(g, TEAM_ATTR_LIST_OPTION);
	item = begin(g, TEAM_ATTR_ITEM_OPTION);
	text(g, TEAM_ATTR_OPTION_NAME, "notify_peers_count");
	u32(g, TEAM_ATTR_OPTION_DATA, 3);
	end(g, item);
	item = begin(g, TEAM_ATTR_ITEM_OPTION);
	text(g, TEAM_ATTR_OPTION_NAME, "mode");
	text(g, TEAM_ATTR_OPTION_DATA, mode);
	end(g, item);
	item = begin(g, TEAM_ATTR_ITEM_OPTION);
	text(g, TEAM_ATTR_OPTION_NAME, "activeport");
	u32(g, TEAM_ATTR_OPTION_DATA, 9);
	end(g, item);
	end(g, list);
}

START_TEST(test_options_of_a_team)
{
	struct net_team team = { 0 };
	struct message g;

	make_team(&g, "activebackup");
	net_team_options(g.data, g.len, &team);
	ck_assert_str_eq(team.mode, "activebackup");
	ck_assert_uint_eq(team.active_port, 9);
	make_team(&g, "*NOMODE*");
	net_team_options(g.data, g.len, &team);
	ck_assert_str_eq(team.mode, "");
}
END_TEST

/* As the messages of links and routes below. */
START_TEST(test_cut_rules_and_options)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	CLEANUP(net_message_done) struct net_message s = { .m = m };
	uint32_t rng = 0x2545f491;
	struct message g;

	for (int i = 0; make_rule(&g, i); i++)
		for (size_t n = 0; n < g.len; n++) {
			CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

			memcpy(copy, g.data, n);
			ck_assert_int_eq(net_rule_message(&s, copy, n), 0);
		}
	for (int round = 0; round < 5000; round++) {
		CLEANUP(mem_free) uint8_t *copy = NULL;
		struct net_team team = { 0 };
		size_t n;

		make_team(&g, "loadbalance");
		n = (size_t)round < g.len ? (size_t)round : g.len;
		copy = malloc(n ? n : 1);
		memcpy(copy, g.data, n);
		for (int k = 0; k < 3 && n == g.len; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			copy[rng % n] = (uint8_t)(rng >> 24);
		}
		net_team_options(copy, n, &team);
		ck_assert_uint_lt(strlen(team.mode), sizeof(team.mode));
	}
}
END_TEST

/* Cut at every length, in memory of just that size, for the sanitizer to see a read past it. */
START_TEST(test_cut_messages)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	CLEANUP(net_message_done) struct net_message s = { .m = m };
	struct ifaddrmsg msg = { .ifa_family = AF_INET6, .ifa_index = 9, .ifa_prefixlen = 64 };
	struct message g;

	feed(&s);
	for (int i = 0; make_link(&g, i); i++)
		for (size_t n = 0; n < g.len; n++) {
			CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

			memcpy(copy, g.data, n);
			ck_assert_int_eq(net_message_link(&s, copy, n), 0);
		}
	for (int i = 0; make_route(&g, i); i++)
		for (size_t n = 0; n < g.len; n++) {
			CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

			memcpy(copy, g.data, n);
			ck_assert_int_eq(net_message_route(&s, copy, n), 0);
		}
	fixed(&g, &msg, sizeof(msg));
	ip_attr(&g, IFA_ADDRESS, "2001:db8::1");
	u32(&g, IFA_FLAGS, IFA_F_PERMANENT);
	for (size_t n = 0; n <= g.len; n++) {
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, g.data, n);
		ck_assert_int_eq(net_message_address(&s, copy, n), 0);
	}
	/* Whole but for the flags, and whole. */
	ck_assert_str_eq(m->nics[2].addresses[m->nics[2].naddresses - 1].address,
			 "2001:db8::1/64");
	ck_assert(!m->nics[2].addresses[m->nics[2].naddresses - 1].dynamic);
}
END_TEST

START_TEST(test_damaged_messages)
{
	uint32_t rng = 0x2545f491;

	for (int round = 0; round < 20000; round++) {
		CLEANUP(machine_free) struct machine *m = new_machine();
		CLEANUP(net_message_done) struct net_message s = { .m = m };
		CLEANUP(mem_free) uint8_t *copy = NULL;
		struct message g;
		bool is_link = round & 1;

		if (!(is_link ? make_link(&g, round / 2 % 5) : make_route(&g, round / 2 % 8)))
			ck_abort();
		for (int k = 0; k < 3; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			g.data[rng % g.len] = (uint8_t)(rng >> 24);
		}
		copy = malloc(g.len);
		memcpy(copy, g.data, g.len);
		ck_assert_int_eq(is_link ? net_message_link(&s, copy, g.len) :
					   net_message_route(&s, copy, g.len), 0);
		ck_assert_int_eq(net_message_links_done(&s), 0);
	}
}
END_TEST

static Suite *message_suite(void)
{
	Suite *s = suite_create("net_message");
	TCase *t = tcase_create("net_message");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_links);
	tcase_add_test(t, test_routes);
	tcase_add_test(t, test_table_names);
	tcase_add_test(t, test_rules);
	tcase_add_test(t, test_options_of_a_team);
	tcase_add_test(t, test_cut_rules_and_options);
	tcase_add_test(t, test_cut_messages);
	tcase_add_test(t, test_damaged_messages);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(message_suite)
