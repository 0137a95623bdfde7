/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_netplan.h"

#include "tests/unit/test_net_rig.h"

#define HEAD "# Ours: ü.\nnetwork:\n  version: 2\n"

static const struct {
	unsigned int wish;
	const char *in, *out;
	size_t notes;
} cases[] = {
	{ KEEP, HEAD "  ethernets:\n    ens3:\n      dhcp4: true # yes\n", NULL, 0 },
	{ KEEP, HEAD "  ethernets:\n    lan:\n      match:\n        driver: igb # the board's\n"
		     "      dhcp4: true\n",
	  HEAD "  ethernets:\n    lan:\n      match:\n        macaddress: \"02:00:00:00:00:0c\"\n"
	       "#        driver: igb # the board's\n      dhcp4: true\n", 0 },
	{ KEEP, HEAD "  ethernets:\n    all:\n      match: {driver: ixgbe*}\n      dhcp4: true\n",
	  HEAD "  ethernets:\n    all:\n      match: {name: \"eno*\", }\n      dhcp4: true\n", 0 },
	{ KEEP, HEAD "  ethernets:\n    all:\n      match:\n        name: en*\n"
		  "        driver: [igb]\n",
	  HEAD "  ethernets:\n    all:\n      match:\n        macaddress: \"02:00:00:00:00:0c\"\n"
	       "        name: en*\n#        driver: [igb]\n", 0 },
	{ KEEP, HEAD "  ethernets:\n    all:\n      match: {driver: tg3}\n", NULL, 1 },
	{ MAC, HEAD "  ethernets:\n    ens3:\n      match:\n        macaddress: 02:00:00:00:00:0c\n"
		    "      set-name: ens3\n",
	  HEAD "  ethernets:\n    ens3:\n      match:\n        macaddress: \"52:54:00:00:00:0c\"\n"
	       "      set-name: ens3\n", 0 },
	{ KEEP, HEAD "  ethernets:\n    ens3:\n      dhcp4: true\n      wakeonlan: true\n"
		     "      virtual-function-count: 8\n",
	  HEAD "  ethernets:\n    ens3:\n      dhcp4: true\n#      wakeonlan: true\n"
	       "#      virtual-function-count: 8\n", 0 },
	{ KEEP, HEAD "  bonds:\n    bond0:\n      interfaces: [eno1, eno2]\n      parameters:\n"
		     "        mode: 802.3ad\n        lacp-rate: fast\n"
		     "        mii-monitor-interval: 100\n      dhcp4: true\n",
	  HEAD "  bonds:\n    bond0:\n      interfaces: [eno1, eno2]\n      parameters:\n"
	       "        primary: eno2\n        mode: active-backup\n#        lacp-rate: fast\n"
	       "        mii-monitor-interval: 100\n      dhcp4: true\n", 0 },
	{ KEEP, HEAD "  ethernets:\n    b:\n      match: {macaddress: \"02:00:00:00:00:02\"}\n"
		     "  bonds:\n    bond0:\n      interfaces: [a, b]\n",
	  HEAD "  ethernets:\n    b:\n      match: {macaddress: \"02:00:00:00:00:02\"}\n"
	       "  bonds:\n    bond0:\n      parameters: {mode: active-backup, "
	       "mii-monitor-interval: 100, primary: b}\n      interfaces: [a, b]\n", 0 },
	{ FLAT, HEAD "  ethernets:\n    eno1: {}\n    eno2:\n      dhcp4: false\n    ens3:\n"
		     "      dhcp4: true\n  bonds:\n    bond0:\n      interfaces:\n      - eno1\n"
		     "      - eno2\n      parameters: {mode: 4}\n      addresses: [10.0.0.5/24]\n"
		     "      gateway4: 10.0.0.1\n  vlans:\n    bond0.20:\n      id: 20\n"
		     "      link: bond0\n",
	  HEAD "  ethernets:\n#    eno1: {}\n#    eno2:\n#      dhcp4: false\n    ens3:\n"
	       "      dhcp4: true\n    bond0:\n    #      interfaces:\n    #      - eno1\n"
	       "    #      - eno2\n    #      parameters: {mode: 4}\n"
	       "      addresses: [10.0.0.5/24]\n      gateway4: 10.0.0.1\n  vlans:\n"
	       "    bond0.20:\n      id: 20\n      link: bond0\n", 0 },
	{ FLAT, HEAD "  ethernets:\n    eno1: {}\n    eno2: {}\n  bonds:\n    bond0:\n"
		     "      interfaces: [eno1, eno2]\n      dhcp4: true\n",
	  HEAD "#  ethernets:\n#    eno1: {}\n#    eno2: {}\n  ethernets:\n    bond0:\n"
	       "#      interfaces: [eno1, eno2]\n      dhcp4: true\n", 0 },
	{ IP, HEAD "  ethernets:\n    ens3:\n      dhcp4: true\n",
	  HEAD "  ethernets:\n    ens3:\n"
	       "      nameservers: {addresses: [\"10.9.0.2\", \"10.9.0.3\"]}\n"
	       "      routes: [{to: \"0.0.0.0/0\", via: \"10.9.0.1\"}]\n"
	       "      addresses: [\"10.9.0.5/24\", \"10.9.1.5/24\"]\n      dhcp4: false\n", 0 },
	{ IP, HEAD "  ethernets:\n    ens3:\n      addresses:\n      - 10.0.0.5/24\n"
		   "      - 2001:db8::1/64\n      gateway4: 10.0.0.1\n      routes:\n"
		   "      - to: default\n        via: 10.0.0.1\n      - to: 10.3.0.0/16\n"
		   "        via: 10.0.0.9\n      nameservers:\n        search: [example.com]\n"
		   "        addresses: [10.0.0.2]\n",
	  HEAD "  ethernets:\n    ens3:\n"
	       "      addresses: [\"2001:db8::1/64\", \"10.9.0.5/24\", \"10.9.1.5/24\"]\n"
	       "#      addresses:\n#      - 10.0.0.5/24\n"
	       "#      - 2001:db8::1/64\n#      gateway4: 10.0.0.1\n      routes:\n"
	       "      - {to: \"0.0.0.0/0\", via: \"10.9.0.1\"}\n"
	       "#      - to: default\n#        via: 10.0.0.1\n      - to: 10.3.0.0/16\n"
	       "        via: 10.0.0.9\n      nameservers:\n        search: [example.com]\n"
	       "        addresses: [\"10.9.0.2\", \"10.9.0.3\"]\n", 0 },
	{ DHCP, HEAD "  ethernets:\n    ens3:\n      addresses: [10.0.0.5/24]\n"
		     "      gateway4: 10.0.0.1\n",
	  HEAD "  ethernets:\n    ens3:\n      dhcp4: true\n#      addresses: [10.0.0.5/24]\n"
	       "#      gateway4: 10.0.0.1\n", 0 },
	{ IP6, "network: {ethernets: {ens3: {addresses: [10.0.0.5/24], gateway6: \"fe80::2\"}}}\n",
	  "network: {ethernets: {ens3: {routes: [{to: \"::/0\", via: \"fe80::1\"}], "
	  "addresses: [\"10.0.0.5/24\", \"2001:db8:9::5/64\"], }}}\n", 0 },
	{ IP | FLAT, HEAD "  ethernets:\n    ens3: {dhcp4: true}\n    eno2: {}\n    eno1: {}\n"
			  "  bonds:\n    bond0:\n      interfaces: [eno1, eno2]\n"
				  "      dhcp4: yes\n",
	  HEAD "  ethernets:\n    ens3: {nameservers: {addresses: [\"10.9.0.2\", \"10.9.0.3\"]}, "
	       "routes: [{to: \"0.0.0.0/0\", via: \"10.9.0.1\"}], "
	       "addresses: [\"10.9.0.5/24\", \"10.9.1.5/24\"], dhcp4: false}\n"
	       "    bond0:\n"
	       "      routes: [{to: \"0.0.0.0/0\", via: \"10.8.0.1\"}]\n"
	       "      addresses: [\"10.8.0.5/22\"]\n"
	       "    #      interfaces: [eno1, eno2]\n      dhcp4: false\n"
	       "#    eno2: {}\n#    eno1: {}\n", 0 },
	{ FLAT, "network: {bonds: {bond0: {interfaces: [eno1]}}, "
		"ethernets: {eno1: {}, ens3: {}}}\n",
	  NULL, 99 },
	{ KEEP, "network:\n  ethernets: [\n", NULL, 1 },
	{ KEEP, "a: 1\n---\nb: 2\n", NULL, 1 },
};

START_TEST(before_and_after)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	bool done[16] = { 0 };
	int r;

	rig_decide(cases[_i].wish);
	r = net_netplan_rewrite(cases[_i].in, rig_plan, &out, done, &rig_notes);
	if (cases[_i].notes == 99) {
		/* Not all of it can be done; it says so. */
		ck_assert_uint_gt(rig_notes.n, 0);
		return;
	}
	ck_assert_msg(r == (cases[_i].out != NULL), "%d: %s", r, out ? out : "");
	ck_assert_uint_eq(rig_notes.n, cases[_i].notes);
	if (!cases[_i].out)
		return;
	ck_assert_str_eq(out, cases[_i].out);
	ck_assert_int_eq(done[2], (cases[_i].wish & (IP | IP6 | DHCP)) != 0);
	r = net_netplan_rewrite(out, rig_plan, &again, done, &rig_notes);
	ck_assert_msg(r == 0, "again: %s", again);
}
END_TEST

START_TEST(new_file)
{
	CLEANUP(mem_free) char *text = NULL, *again = NULL;
	bool done[16] = { 0 };

	rig_decide(IP);
	text = net_netplan_new(net_plan_find(rig_plan, (struct span){ "ens3", 4 }));
	ck_assert_msg(strstr(text, "    ens3:\n") && strstr(text, "\"10.9.0.5/24\""), "%s", text);
	ck_assert_int_eq(net_netplan_rewrite(text, rig_plan, &again, done, NULL), 0);
	ck_assert(done[2]);
}
END_TEST

START_TEST(hostile_text)
{
	rig_survives(net_netplan_rewrite);
}
END_TEST

static Suite *net_netplan_suite(void)
{
	Suite *s = suite_create("net_netplan");
	TCase *t = tcase_create("net_netplan");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, before_and_after, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, new_file);
	tcase_add_test(t, hostile_text);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_netplan_suite)
