/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ifcfg files, NetworkManager's profiles and networkd's files, before and after. */
#include "postfix/linux/net_ifcfg.h"
#include "postfix/linux/net_networkd.h"
#include "postfix/linux/net_nm.h"
#include "tests/unit/test_net_rig.h"

#define LACP "BONDING_OPTS=\"mode=4 miimon=100 lacp_rate=fast\"\n"

/* file decides which rewriter: "ifcfg-...", "suse/ifcfg-...", "*.network", else a profile. */
static const struct {
	unsigned int wish;
	const char *file, *in, *out;	/* NULL: nothing changes; "" it is removed */
	size_t notes;
} cases[] = {
	/* Red Hat */
	{ KEEP, "ifcfg-ens3", "DEVICE=ens3\nBOOTPROTO=dhcp\nHWADDR=02:00:00:00:00:0C\n", NULL, 0 },
	{ KEEP, "ifcfg-ens3", "DEVICE=ens3\nETHTOOL_OPTS=\"speed 1000 duplex full autoneg off\"\n",
	  "DEVICE=ens3\n#ETHTOOL_OPTS=\"speed 1000 duplex full autoneg off\"\n", 0 },
	{ MAC, "ifcfg-ens3", "DEVICE=ens3\nHWADDR=\"02:00:00:00:00:0C\" # the board\n",
	  "DEVICE=ens3\nHWADDR=\"52:54:00:00:00:0c\"\n", 0 },
	{ KEEP, "ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\n" LACP "IPADDR=10.0.0.5\n",
	  "DEVICE=bond0\nTYPE=Bond\n"
	  "BONDING_OPTS=\"mode=active-backup miimon=100 primary=eno2\"\nIPADDR=10.0.0.5\n", 0 },
	{ KEEP, "ifcfg-bond0", "DEVICE=bond0\nBONDING_OPTS=\"mode=$MODE\"\n", NULL, 1 },
	{ KEEP, "ifcfg-bond0", "DEVICE=bond0\nBONDING_OPTS=\"mode=4 \\\n  miimon=100\"\n",
	  NULL, 1 },
	{ FLAT, "ifcfg-bond0",
	  "DEVICE=bond0\nTYPE=Bond\nBONDING_MASTER=yes\n" LACP "IPADDR=10.0.0.5\nPREFIX=24\n",
	  "DEVICE=bond0\nTYPE=Ethernet\n#BONDING_MASTER=yes\n#" LACP "IPADDR=10.0.0.5\nPREFIX=24\n",
	  0 },
	{ FLAT, "ifcfg-eno1", "DEVICE=eno1\nMASTER=bond0\nSLAVE=yes\n", "", 0 },
	{ FLAT, "ifcfg-port", "DEVICE=p1\nMASTER=bond0\nSLAVE=yes\n", "", 0 },
	{ FLAT, "ifcfg-bond0.20", "DEVICE=bond0.20\nVLAN=yes\nIPADDR=10.2.0.5\n", NULL, 0 },
	{ KEEP, "ifcfg-team0",
	  "DEVICE=team0\nDEVICETYPE=Team\nTEAM_CONFIG='{\"runner\": {\"name\": \"lacp\"}}'\n",
	  "DEVICE=team0\nDEVICETYPE=Team\nTEAM_CONFIG='{\"runner\": {\"name\": \"activebackup\"}, "
	  "\"link_watch\": {\"name\": \"ethtool\"}}'\n", 0 },
	{ KEEP, "ifcfg-ib0", "DEVICE=ib0\nTYPE=InfiniBand\nONBOOT=yes\n",
	  "DEVICE=ib0\nTYPE=InfiniBand\nONBOOT=no\n", 0 },
	{ IP, "ifcfg-ens3",
	  "DEVICE=ens3\nBOOTPROTO=static\nIPADDR=10.0.0.5\nNETMASK=255.255.255.0\n"
	  "GATEWAY=10.0.0.1\nDNS1=10.0.0.2\nIPV6ADDR=2001:db8::1/64\nONBOOT=yes\n",
	  "DEVICE=ens3\nBOOTPROTO=none\n#IPADDR=10.0.0.5\n#NETMASK=255.255.255.0\n"
	  "#GATEWAY=10.0.0.1\nIPADDR=10.9.0.5\nPREFIX=24\nIPADDR1=10.9.1.5\nPREFIX1=24\n"
	  "GATEWAY=10.9.0.1\n#DNS1=10.0.0.2\nDNS1=10.9.0.2\nDNS2=10.9.0.3\n"
	  "IPV6ADDR=2001:db8::1/64\nONBOOT=yes\n", 0 },
	{ DHCP, "ifcfg-ens3", "DEVICE=ens3\nBOOTPROTO=none\nIPADDR=10.0.0.5\nPREFIX=24\n",
	  "DEVICE=ens3\nBOOTPROTO=dhcp\n#IPADDR=10.0.0.5\n#PREFIX=24\n", 0 },
	{ IP6, "ifcfg-ens3", "DEVICE=ens3\nBOOTPROTO=dhcp",
	  "DEVICE=ens3\nBOOTPROTO=dhcp\nIPV6INIT=yes\nIPV6_AUTOCONF=no\n"
	  "IPV6ADDR=2001:db8:9::5/64\nIPV6_DEFAULTGW=fe80::1\n", 0 },
	{ IP | FLAT, "ifcfg-bond0", "DEVICE=bond0\nBOOTPROTO=dhcp\n" LACP,
	  "DEVICE=bond0\nBOOTPROTO=none\n#" LACP "IPADDR=10.8.0.5\nPREFIX=22\nGATEWAY=10.8.0.1\n",
	  0 },
	{ KEEP, "ifcfg-ens3", "DEVICE='ens3\n", NULL, 1 },
	/* SUSE */
	{ KEEP, "suse/ifcfg-eth0", "BOOTPROTO='dhcp'\nETHTOOL_OPTIONS='speed 1000'\n",
	  "BOOTPROTO='dhcp'\n#ETHTOOL_OPTIONS='speed 1000'\n", 0 },
	{ KEEP, "suse/ifcfg-bond0",
	  "BONDING_MASTER='yes'\nBONDING_MODULE_OPTS='mode=802.3ad miimon=100'\n"
	  "BONDING_SLAVE_0='eno1'\n",
	  "BONDING_MASTER='yes'\nBONDING_MODULE_OPTS='mode=active-backup miimon=100 "
	  "primary=eno2'\nBONDING_SLAVE_0='eno1'\n", 0 },
	{ FLAT, "suse/ifcfg-bond0",
	  "BONDING_MASTER='yes'\nBONDING_MODULE_OPTS='mode=802.3ad'\nBONDING_SLAVE_0='eno1'\n"
	  "IPADDR='10.0.0.5/24'\n",
	  "#BONDING_MASTER='yes'\n#BONDING_MODULE_OPTS='mode=802.3ad'\n#BONDING_SLAVE_0='eno1'\n"
	  "IPADDR='10.0.0.5/24'\n", 0 },
	{ FLAT, "suse/ifcfg-eno1", "BOOTPROTO='none'\nSTARTMODE='hotplug'\n", "", 0 },
	{ IP, "suse/ifcfg-ens3",
	  "BOOTPROTO='static'\nIPADDR='10.0.0.5/24'\nIPADDR_1='2001:db8::1/64'\n",
	  "BOOTPROTO='static'\n#IPADDR='10.0.0.5/24'\nIPADDR='10.9.0.5/24'\n"
	  "IPADDR_p2v1='10.9.1.5/24'\nIPADDR_1='2001:db8::1/64'\n", 0 },
	{ KEEP, "suse/ifcfg-ib0", "STARTMODE='auto'\n", "STARTMODE='off'\n", 0 },
	/* NetworkManager */
	{ KEEP, "lan", "[connection]\nid=lan\ntype=ethernet\ninterface-name=ens3\n", NULL, 0 },
	{ KEEP, "lan",
	  "[connection]\nid=lan\ninterface-name=ens3\n\n[ethernet]\nspeed=1000\nduplex=full\n"
	  "wake-on-lan=64\nmtu=9000\n\n[ethtool]\nfeature-gro=false\n",
	  "[connection]\nid=lan\ninterface-name=ens3\n\n[ethernet]\n#speed=1000\n#duplex=full\n"
	  "#wake-on-lan=64\nmtu=9000\n\n#[ethtool]\n#feature-gro=false\n", 0 },
	{ MAC, "lan", "[ethernet]\nmac-address=02:00:00:00:00:0C\n",
	  "[ethernet]\nmac-address=52:54:00:00:00:0c\n", 0 },
	{ KEEP, "lan", "[connection]\ninterface-name=eno1\n[match]\ndriver=ixgbe;\n",
	  "[connection]\ninterface-name=eno1\n[match]\n#driver=ixgbe;\n", 0 },
	{ KEEP, "lan", "[connection]\nid=x\n\n[match]\npath=pci-0000:05:00.0\n",
	  "[connection]\nid=x\n\n[match]\ninterface-name=ens3\n#path=pci-0000:05:00.0\n", 0 },
	{ KEEP, "lan", "[match]\ndriver=tg3\n", NULL, 1 },
	{ KEEP, "bond", "[connection]\ntype=bond\ninterface-name=bond0\n\n[bond]\nmode=802.3ad\n"
			"lacp_rate=fast\nmiimon=100\n",
	  "[connection]\ntype=bond\ninterface-name=bond0\n\n[bond]\nmode=active-backup\n"
	  "#lacp_rate=fast\nmiimon=100\nprimary=eno2\n", 0 },
	{ FLAT, "bond",
	  "[connection]\ntype=bond\nuuid=7\ninterface-name=bond0\n\n[bond]\nmode=802.3ad\n\n"
	  "[ipv4]\nmethod=auto\n",
	  "[connection]\ntype=ethernet\nuuid=7\ninterface-name=bond0\n\n#[bond]\n#mode=802.3ad\n\n"
	  "[ipv4]\nmethod=auto\n", 0 },
	{ FLAT, "port", "[connection]\ninterface-name=eno1\nmaster=9f\nslave-type=bond\n", "", 0 },
	{ FLAT, "port", "[connection]\nid=p\nmaster=9f\nslave-type=bond\n", "", 0 },
	{ FLAT, "port", "[connection]\nid=p\ncontroller=bond0\nport-type=bond\n", "", 0 },
	{ KEEP, "wifi", "[connection]\nid=home\ntype=wifi\n\n[wifi]\nssid=x\n",
	  "[connection]\nid=home\ntype=wifi\nautoconnect=false\n\n[wifi]\nssid=x\n", 0 },
	{ IP | IP6, "lan",
	  "[connection]\ninterface-name=ens3\n\n[ipv4]\naddress1=10.0.0.5/24,10.0.0.1\n"
	  "dns=10.0.0.2;\nmethod=manual\nroute1=10.3.0.0/16,10.0.0.9\n\n[ipv6]\nmethod=ignore\n",
	  "[connection]\ninterface-name=ens3\n\n[ipv4]\n#address1=10.0.0.5/24,10.0.0.1\n"
	  "address1=10.9.0.5/24\naddress2=10.9.1.5/24\ngateway=10.9.0.1\n#dns=10.0.0.2;\n"
	  "dns=10.9.0.2;10.9.0.3;\nmethod=manual\nroute1=10.3.0.0/16,10.0.0.9\n\n[ipv6]\n"
	  "method=manual\naddress1=2001:db8:9::5/64\ngateway=fe80::1\n", 0 },
	/* networkd, and .link files */
	{ KEEP, "a.network", "[Match]\nName=ens3\n\n[Network]\nDHCP=yes\n", NULL, 0 },
	{ KEEP, "a.network", "[Match]\nPath=pci-0000:05:00.0\n[Network]\nDHCP=yes\n",
	  "[Match]\nName=ens3\n#Path=pci-0000:05:00.0\n[Network]\nDHCP=yes\n", 0 },
	{ KEEP, "a.network", "[Match]\nDriver=ixgbe\n", "[Match]\nName=eno1 eno2\n#Driver=ixgbe\n",
	  0 },
	{ KEEP, "a.network", "[Match]\nName=en*\nDriver=ixgbe\n",
	  "[Match]\nName=en*\n#Driver=ixgbe\n", 0 },
	{ KEEP, "a.network", "[Match]\nDriver=bonding\n", NULL, 1 },
	{ KEEP, "a.network", "[Network]\nDriver=ixgbe\n", NULL, 0 },
	{ KEEP, "a.link", "[Match]\nPath=pci-0000:05:*\n\n[Link]\nName=lan\nWakeOnLan=magic\n",
	  "[Match]\nMACAddress=02:00:00:00:00:0c\n#Path=pci-0000:05:*\n\n[Link]\nName=lan\n"
	  "#WakeOnLan=magic\n", 0 },
	{ KEEP, "a.link", "[Match]\nMACAddress=02:00:00:00:00:01\nPath=*pci-*\n", NULL, 0 },
	{ MAC, "a.link", "[Match]\nPermanentMACAddress=02:00:00:00:00:02\n",
	  "[Match]\nPermanentMACAddress=52:54:00:00:00:02\n", 0 },
	{ KEEP, "b.netdev", "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=802.3ad\n"
			    "LACPTransmitRate=fast\nMIIMonitorSec=1s\n",
	  "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=active-backup\n"
	  "#LACPTransmitRate=fast\nMIIMonitorSec=1s\n", 0 },
	{ KEEP, "b.network", "[Match]\nName=eno2\n[Network]\nBond=bond0\n",
	  "[Match]\nName=eno2\n[Network]\nBond=bond0\nPrimarySlave=true\n", 0 },
	{ FLAT, "b.netdev", "[NetDev]\nName=bond0\nKind=bond\n", "", 0 },
	{ FLAT, "b.network", "[Match]\nName=eno1 eno2\n[Network]\nBond=bond0\n", "", 0 },
	{ FLAT, "b.network", "[Match]\nName=bond0\n[Network]\nVLAN=bond0.20\n", NULL, 0 },
	{ IP, "a.network",
	  "[Match]\nName=ens3\n\n[Network]\nDHCP=yes\nAddress=10.0.0.5/24\nAddress=2001:db8::1/64\n"
	  "Gateway=10.0.0.1\n\n[Address]\nAddress=10.0.0.6/24\n\n[Route]\nGateway=10.0.0.1\n"
	  "Destination=0.0.0.0/0\n",
	  "[Match]\nName=ens3\n\n[Network]\nDHCP=ipv6\n#Address=10.0.0.5/24\n"
	  "Address=2001:db8::1/64\n#Gateway=10.0.0.1\nAddress=10.9.0.5/24\nAddress=10.9.1.5/24\n"
	  "Gateway=10.9.0.1\nDNS=10.9.0.2\nDNS=10.9.0.3\n\n#[Address]\n#Address=10.0.0.6/24\n\n"
	  "#[Route]\n#Gateway=10.0.0.1\n#Destination=0.0.0.0/0\n", 0 },
};

static int rewrite(const char *file, const char *text, char **ret)
{
	const struct net_if *done = NULL;
	const char *dot = strrchr(file, '.');

	if (strncmp(file, "suse/", 5) == 0)
		return net_ifcfg_rewrite(file + 5, text, true, rig_plan, ret, &done, &rig_notes);
	if (strncmp(file, "ifcfg-", 6) == 0)
		return net_ifcfg_rewrite(file, text, false, rig_plan, ret, &done, &rig_notes);
	if (dot)
		return net_networkd_rewrite(file, text, rig_plan, ret, &done, &rig_notes);
	return net_nm_rewrite(text, rig_plan, ret, &done, &rig_notes);
}

START_TEST(before_and_after)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	const char *want = cases[_i].out;
	int r;

	rig_decide(cases[_i].wish);
	r = rewrite(cases[_i].file, cases[_i].in, &out);
	ck_assert_msg(r == (!want ? NET_SAME : *want ? NET_CHANGED : NET_REMOVE), "%s: %d %s",
		      cases[_i].in, r, out ? out : "");
	ck_assert_uint_eq(rig_notes.n, cases[_i].notes);
	if (r != NET_CHANGED)
		return;
	ck_assert_str_eq(out, want);
	r = rewrite(cases[_i].file, out, &again);
	ck_assert_msg(r == NET_SAME, "again: %s", again ? again : "");
}
END_TEST

static const struct {
	const char *file, *name;
} names[] = {
	{ "ifcfg-eth-id-02:00:00:00:00:0c", "ifcfg-ens3" },
	{ "ifcfg-eth-bus-pci-0000:05:00.0", "ifcfg-ens3" },
	{ "ifcfg-bus-pci-0000:05:00.0", "ifcfg-ens3" },
	{ "ifcfg-eth-id-02:00:00:00:00:77", NULL },
	{ "ifcfg-eth0", NULL },
	{ "ifcfg-grid-x", NULL },
	{ "routes", NULL },
};

START_TEST(suses_old_names)
{
	CLEANUP(mem_free) char *name = NULL;

	rig_decide(KEEP);
	name = net_ifcfg_new_name(names[_i].file, rig_plan);
	ck_assert_msg(names[_i].name ? name && strcmp(name, names[_i].name) == 0 : !name, "%s",
		      name ? name : "none");
}
END_TEST

START_TEST(suses_routes)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL;
	const struct net_if *x;

	rig_decide(IP);
	x = net_plan_find(rig_plan, (struct span){ "ens3", 4 });
	ck_assert_int_eq(net_ifcfg_routes("10.3.0.0/16 10.0.0.9 - ens3\ndefault 10.0.0.1 - -\n"
					  "default fe80::1 - -\n", x, true, false, &a), 1);
	ck_assert_str_eq(a, "10.3.0.0/16 10.0.0.9 - ens3\n#default 10.0.0.1 - -\n"
			    "default fe80::1 - -\n");
	ck_assert_int_eq(net_ifcfg_routes("", x, false, true, &b), 1);
	ck_assert_str_eq(b, "default 10.9.0.1 - ens3\n");
	ck_assert_int_eq(net_ifcfg_routes(b, x, false, true, &c), 0);
}
END_TEST

START_TEST(new_files)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL, *d = NULL;
	const struct net_if *x;

	rig_decide(IP);
	x = net_plan_find(rig_plan, (struct span){ "ens3", 4 });
	a = net_ifcfg_new(x, false);
	b = net_ifcfg_new(x, true);
	c = net_nm_new(x);
	d = net_networkd_new(x);
	ck_assert_ptr_nonnull(strstr(a, "DEVICE=ens3\nONBOOT=yes\nBOOTPROTO=none\n"
		  "IPADDR=10.9.0.5\n"));
	ck_assert_ptr_nonnull(strstr(b, "STARTMODE='auto'\nBOOTPROTO='static'\n"
		  "IPADDR='10.9.0.5/24'\n"));
	ck_assert_ptr_nonnull(strstr(c, "method=manual\ndns=10.9.0.2;10.9.0.3;\n"
		  "address1=10.9.0.5/24\n"));
	ck_assert_ptr_nonnull(strstr(d, "[Match]\nName=ens3\n\n[Network]\nAddress=10.9.0.5/24\n"));
}
END_TEST

START_TEST(nm_settings)
{
	CLEANUP(mem_free) char *out = NULL;

	rig_decide(MAC);
	ck_assert_int_eq(net_nm_conf("[main]\n"
		  "no-auto-default=02:00:00:00:00:0C,02:00:00:00:00:01,\n"
				     "[keyfile]\nunmanaged-devices=mac:02:00:00:00:00:02;"
				     "except:driver:ixgbe\n", rig_plan, &out, &rig_notes), 1);
	ck_assert_str_eq(out, "[main]\nno-auto-default=52:54:00:00:00:0c,02:00:00:00:00:01,\n"
			      "[keyfile]\nunmanaged-devices=mac:52:54:00:00:00:02;"
			      "except:driver:ixgbe\n");
	ck_assert_uint_eq(rig_notes.n, 1);
}
END_TEST

START_TEST(hostile_text)
{
	static const char *const files[] = { "ifcfg-ens3", "suse/ifcfg-ens3", "lan", "a.network",
					     "a.link", "a.netdev" };

	for (unsigned int wish = 0; wish < 2; wish++) {
		net_plan_free(rig_plan);
		rig_plan = NULL;
		rig_decide(wish ? FLAT | MAC | IP | IP6 : KEEP);
		for (int i = 0;; i++) {
			CLEANUP(mem_free) char *made = NULL;
			const char *text = rig_hostile(i, &made);

			if (!text)
				break;
			for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
				CLEANUP(mem_free) char *out = NULL, *again = NULL;
				int r = rewrite(files[k], text, &out);

				ck_assert_int_ge(r, 0);
				if (r != NET_CHANGED)
					continue;
				r = rewrite(files[k], out, &again);
				ck_assert_msg(r != NET_CHANGED, "%s %d: %.300s -> %.300s", files[k],
					      i, out, again);
			}
		}
	}
}
END_TEST

static Suite *net_files_suite(void)
{
	Suite *s = suite_create("net_files");
	TCase *t = tcase_create("net_files");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, before_and_after, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(t, suses_old_names, 0, ARRAY_SIZE(names));
	tcase_add_test(t, suses_routes);
	tcase_add_test(t, new_files);
	tcase_add_test(t, nm_settings);
	tcase_add_test(t, hostile_text);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_files_suite)
