/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_ifupdown.h"

#include "tests/unit/test_net_rig.h"

static const struct {
	unsigned int wish;
	const char *in, *out;
} cases[] = {
	{ KEEP, "auto lo\niface lo inet loopback\n\nauto ens3\niface ens3 inet dhcp\n", NULL },
	{ KEEP,
	  "iface ens3 inet static\n\taddress 10.0.0.1/24\n\tlink-speed 1000\n"
	  "\thardware-dma-ring-rx 4096\n\tpost-up /sbin/ethtool -K ens3 tso off\n\tmtu 9000\n",
	  "iface ens3 inet static\n\taddress 10.0.0.1/24\n#\tlink-speed 1000\n"
	  "#\thardware-dma-ring-rx 4096\n#\tpost-up /sbin/ethtool -K ens3 tso off\n\tmtu 9000\n" },
	{ MAC, "iface ens3 inet dhcp\n    hwaddress ether 02:00:00:00:00:0C\n",
	  "iface ens3 inet dhcp\n    hwaddress ether 52:54:00:00:00:0c\n" },
	{ KEEP,
	  "auto bond0\niface bond0 inet static\n    address 10.0.0.5\n    netmask 255.255.255.0\n"
	  "    bond-mode 4\n    bond-lacp-rate 1\n    bond-slaves eno1 eno2\n",
	  "auto bond0\niface bond0 inet static\n    address 10.0.0.5\n    netmask 255.255.255.0\n"
	  "    bond-mode active-backup\n    bond-miimon 100\n    bond-primary eno2\n"
	  "#    bond-lacp-rate 1\n    bond-slaves eno1 eno2\n" },
	{ KEEP, "iface bond0 inet manual\n\tslaves eno1 eno2\n\tbond_miimon 100",
	  "iface bond0 inet manual\n\tslaves eno1 eno2\n\tbond-mode active-backup\n"
	  "\tbond-primary eno2\n\tbond_miimon 100" },
	{ FLAT,
	  "auto lo eno1 eno2 bond0 bond0.20\niface eno1 inet manual\n    bond-master bond0\n\n"
	  "# the bond\niface bond0 inet static\n    address 10.0.0.5/24\n    bond-mode 802.3ad\n"
	  "    bond-slaves none\n\niface bond0.20 inet dhcp\n",
	  "auto lo bond0 bond0.20\n#iface eno1 inet manual\n#    bond-master bond0\n\n"
	  "# the bond\niface bond0 inet static\n    address 10.0.0.5/24\n#    bond-mode 802.3ad\n"
	  "#    bond-slaves none\n\niface bond0.20 inet dhcp\n" },
	{ FLAT, "allow-bond0 eno1 eno2\niface p9 inet manual\n\tbond-master bond0\n",
	  "#allow-bond0 eno1 eno2\n#iface p9 inet manual\n#\tbond-master bond0\n" },
	{ IP,
	  "auto ens3\niface ens3 inet static\n\taddress 10.0.0.5\n\tnetmask 255.255.0.0\n"
	  "\tgateway 10.0.0.1\n\tdns-nameservers 10.0.0.2\n\tdns-search example.com\n"
	  "iface ens3 inet6 auto\n",
	  "auto ens3\niface ens3 inet static\n\taddress 10.9.0.5\n\tnetmask 255.255.255.0\n"
	  "\tup ip -4 addr add 10.9.1.5/24 dev ens3\n\tgateway 10.9.0.1\n"
	  "\tdns-nameservers 10.9.0.2 10.9.0.3\n#\taddress 10.0.0.5\n#\tnetmask 255.255.0.0\n"
	  "#\tgateway 10.0.0.1\n#\tdns-nameservers 10.0.0.2\n\tdns-search example.com\n"
	  "iface ens3 inet6 auto\n" },
	{ DHCP, "iface ens3 inet static\n\taddress 10.0.0.5/24\n\tgateway 10.0.0.1\n\tmtu 1400\n",
	  "iface ens3 inet dhcp\n#\taddress 10.0.0.5/24\n#\tgateway 10.0.0.1\n\tmtu 1400\n" },
	{ IP6, "iface ens3 inet dhcp\n",
	  "iface ens3 inet dhcp\n\niface ens3 inet6 static\n\taddress 2001:db8:9::5\n"
	  "\tnetmask 64\n\tgateway fe80::1\n" },
	/* A second address of old. */
	{ DHCP, "iface ens3 inet static\n\taddress 10.0.0.5/24\niface ens3 inet static\n"
		"\taddress 10.0.0.6/24\n",
	  "iface ens3 inet dhcp\n#\taddress 10.0.0.5/24\n#iface ens3 inet static\n"
	  "#\taddress 10.0.0.6/24\n" },
	/* ifupdown-ng */
	{ IP, "auto ens3\niface ens3\n    use dhcp\n    address 2001:db8::7/64\n",
	  "auto ens3\niface ens3\n\taddress 10.9.0.5/24\n\taddress 10.9.1.5/24\n"
	  "\tgateway 10.9.0.1\n\tdns-nameservers 10.9.0.2 10.9.0.3\n#    use dhcp\n"
	  "    address 2001:db8::7/64\n" },
	{ FLAT, "iface bond0\n    requires eno1 eno2\n    use bond\n    bond-members eno1 eno2\n"
		"    address 10.0.0.5/24\n",
	  "iface bond0\n#    requires eno1 eno2\n#    use bond\n#    bond-members eno1 eno2\n"
	  "    address 10.0.0.5/24\n" },
};

START_TEST(before_and_after)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	bool done[16] = { 0 };
	int r;

	rig_decide(cases[_i].wish);
	r = net_ifupdown_rewrite(cases[_i].in, rig_plan, &out, done, &rig_notes);
	ck_assert_msg(r == (cases[_i].out != NULL), "%d: %s", r, out ? out : "");
	if (!cases[_i].out)
		return;
	ck_assert_str_eq(out, cases[_i].out);
	ck_assert_int_eq(done[2], (cases[_i].wish & (IP | IP6 | DHCP)) != 0);
	r = net_ifupdown_rewrite(out, rig_plan, &again, done, &rig_notes);
	ck_assert_msg(r == 0, "again: %s", again);
}
END_TEST

START_TEST(new_stanzas)
{
	CLEANUP(mem_free) char *text = NULL, *again = NULL;
	bool done[16] = { 0 };

	rig_decide(IP | IP6);
	text = net_ifupdown_new(net_plan_find(rig_plan, (struct span){ "ens3", 4 }));
	ck_assert_ptr_nonnull(strstr(text, "auto ens3\niface ens3 inet static\n"
		  "\taddress 10.9.0.5\n"));
	ck_assert_ptr_nonnull(strstr(text, "iface ens3 inet6 static\n\taddress 2001:db8:9::5\n"));
	ck_assert_int_eq(net_ifupdown_rewrite(text, rig_plan, &again, done, NULL), 0);
	ck_assert(done[2]);
}
END_TEST

START_TEST(hostile_text)
{
	rig_survives(net_ifupdown_rewrite);
}
END_TEST

static Suite *net_ifupdown_suite(void)
{
	Suite *s = suite_create("net_ifupdown");
	TCase *t = tcase_create("net_ifupdown");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, before_and_after, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, new_stanzas);
	tcase_add_test(t, hostile_text);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_ifupdown_suite)
