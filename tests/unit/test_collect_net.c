/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network of roots made here: sysfs, the JSON of ip, /proc/net, files of configuration. What
 * the kernel says in netlink is in test_net_message.c and test_collect_net_live.c.
 */
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/machine_json.h"
#include "inventory/net/net_facts.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

#define NET	"/sys/class/net/"

static void put_text(const char *path, const char *text)
{
	tmproot_text(text, "%s", path);
}

static struct machine *collect(void)
{
	CLEANUP(sysroot_free) struct sysroot *root = tmproot_open();
	CLEANUP(machine_free) struct machine *back = NULL;
	CLEANUP(mem_free) char *json = NULL;
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(collect_net(root, m, &err) == 0, "%s", err.text);
	tmproot_remove();
	/* Whatever was found can be written and read. */
	ck_assert_msg(machine_json_dump(m, &json, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_parse(json, strlen(json), &back, &err) == 0, "%s", err.text);
	return m;
}

static void link_file(const char *nic, const char *file, const char *text)
{
	tmproot_text(text, NET "%s/%s", nic, file);
}

static void link_to(const char *nic, const char *file, const char *target)
{
	CLEANUP(mem_free) char *path = text_format(NET "%s/%s", nic, file);

	tmproot_link(path, target);
}

/* A link; type is ARPHRD_*. */
static void add(const char *nic, const char *type)
{
	link_file(nic, "address", "02:00:00:00:00:01\n");
	link_file(nic, "type", type);
}

static const struct machine_nic *nic(struct machine *m, const char *name)
{
	const struct machine_nic *n = net_facts_nic(m, name);

	ck_assert_msg(n, "no %s", name);
	return n;
}

START_TEST(test_kinds)
{
	static const struct {
		const char *name, *type, *uevent, *folder, *kind;
		bool device;
	} links[] = {
		{ "eth0", "1\n", "", NULL, "physical", true },
		{ "idrac", "1\n", "DEVTYPE=usb\n", NULL, "physical", true },
		{ "wlan0", "1\n", "DEVTYPE=wlan\n", NULL, "wireless", true },
		{ "wlan1", "1\n", "", "phy80211", "wireless", true },
		{ "ib0", "32\n", "", NULL, "infiniband", true },
		{ "ib0.8001", "32\n", "", NULL, "infiniband", false },
		{ "wwan0", "65534\n", "DEVTYPE=wwan\n", NULL, "wwan", true },
		{ "wwan1", "1\n", "DEVTYPE=wwan\n", NULL, "wwan", true },
		{ "can0", "280\n", "", NULL, "other", true },
		{ "bond0", "1\n", "DEVTYPE=bond\n", "bonding", "bond", false },
		{ "docker0", "1\n", "DEVTYPE=bridge\n", "bridge", "bridge", false },
		{ "veth12ab", "1\n", "", NULL, "virtual", false },
		{ "dummy0", "1\n", "", NULL, "virtual", false },
		{ "tun0", "65534\n", "", NULL, "virtual", false },
		{ "wg0", "65534\n", "DEVTYPE=wireguard\n", NULL, "virtual", false },
		{ "vxlan1", "1\n", "DEVTYPE=vxlan\n", NULL, "virtual", false },
		{ "macvtap0", "1\n", "DEVTYPE=macvtap\n", NULL, "virtual", false },
		{ "gre0", "778\n", "", NULL, "virtual", false },
		{ "x.5", "1\n", "DEVTYPE=vlan\n", NULL, "vlan", false },
		/* Not every kernel says so in uevent. */
		{ "y.6", "1\n", "", NULL, "vlan", false },
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		add(links[i].name, links[i].type);
		link_file(links[i].name, "uevent", links[i].uevent);
		if (links[i].folder) {
			CLEANUP(mem_free) char *file = text_format("%s/x", links[i].folder);

			link_file(links[i].name, file, "");
		}
		if (links[i].device)
			link_file(links[i].name, "device/uevent", "");
	}
	add("lo", "772\n");
	put_text(NET "bonding_masters", "bond0\n");
	put_text("/proc/net/vlan/config", "VLAN Dev name    | VLAN ID\n"
			"Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n"
			"y.6            | 6  | eth0\nx.5|5|eth0\n");
	m = collect();
	ck_assert_uint_eq(m->nnics, ARRAY_SIZE(links));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		ck_assert_msg(strcmp(nic(m, links[i].name)->kind, links[i].kind) == 0, "%s is %s",
			      links[i].name, nic(m, links[i].name)->kind);
	ck_assert_uint_eq(nic(m, "y.6")->vlan_id, 6);
	ck_assert_uint_eq(nic(m, "x.5")->vlan_id, 5);
	/* The permanent MAC needs a device and the kernel's word. */
	ck_assert_ptr_null(nic(m, "dummy0")->permanent_mac);
}
END_TEST

START_TEST(test_attributes_of_a_card)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_nic *n;

	tmproot_make();
	add("eth0", "1\n");
	add("eth0v0", "1\n");
	add("down0", "1\n");
	link_file("eth0", "duplex", "full\n");
	link_file("eth0", "speed", "25000\n");
	link_file("down0", "duplex", "unknown\n");
	link_file("down0", "speed", "-1\n");
	put_text("/sys/devices/pci0000:00/0000:03:00.0/sriov_totalvfs", "64\n");
	put_text("/sys/devices/pci0000:00/0000:03:00.0/sriov_numvfs", "2\n");
	put_text("/sys/devices/pci0000:00/0000:03:10.0/vendor", "0x8086\n");
	tmproot_link("/sys/devices/pci0000:00/0000:03:10.0/physfn", "../0000:03:00.0");
	link_to("eth0", "device", "/sys/devices/pci0000:00/0000:03:00.0");
	link_to("eth0v0", "device", "/sys/devices/pci0000:00/0000:03:10.0");
	link_file("eth0", "ifindex", "2\n");
	put_text("/run/udev/data/n2",
		       "E:ID_NET_NAME_MAC=enx020000000001\nE:ID_NET_NAME_PATH=enp3s0\n"
		       "E:ID_NET_NAME_SLOT=ens7\nE:ID_NET_NAME_ONBOARD=eno1\n");
	put_text("/p2v/permanent-mac", "eth0 02:00:00:00:00:AA\n");
	put_text("/p2v/ip-addr.json",
		       "[{\"ifname\":\"eth0\",\"altnames\":[\"eno1\",\"enp3s0\",\"eno1\",7]}]");
	m = collect();
	n = nic(m, "eth0");
	ck_assert_str_eq(n->duplex, "full");
	ck_assert_int_eq(n->speed, 25000);
	ck_assert_uint_eq(n->sriov_total, 64);
	ck_assert_uint_eq(n->sriov_vfs, 2);
	ck_assert_ptr_null(n->physfn);
	ck_assert_str_eq(n->bus, "0000:03:00.0");
	ck_assert_str_eq(n->permanent_mac, "02:00:00:00:00:aa");
	ck_assert_uint_eq(n->predictable.n, 4);
	ck_assert_str_eq(n->predictable.v[0], "eno1");
	ck_assert_str_eq(n->predictable.v[3], "enx020000000001");
	ck_assert_uint_eq(n->altnames.n, 2);
	ck_assert_str_eq(n->altnames.v[1], "enp3s0");
	n = nic(m, "eth0v0");
	ck_assert_str_eq(n->physfn, "0000:03:00.0");
	ck_assert_uint_eq(n->sriov_total, 0);
	ck_assert_ptr_null(nic(m, "down0")->duplex);
	ck_assert_int_eq(nic(m, "down0")->speed, -1);
}
END_TEST

START_TEST(test_masters)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_nic *n;

	tmproot_make();
	add("bond0", "1\n");
	link_file("bond0", "bonding/mode", "active-backup 1\n");
	link_file("bond0", "bonding/active_slave", "eth1\n");
	link_file("bond0", "bonding/slaves", "eth0 eth1\n");
	link_to("bond0", "lower_eth0", "../eth0");
	add("bond1", "1\n");
	link_file("bond1", "bonding/x", "");
	add("br0", "1\n");
	link_file("br0", "bridge/stp_state", "1\n");
	link_file("br0", "brif/bond0/x", "");
	add("br1", "1\n");
	link_file("br1", "bridge/stp_state", "0\n");
	add("v.100", "1\n");
	add("team0", "1\n");
	put_text("/p2v/ip-addr.json",
		"[{\"ifname\":\"bond0\",\"linkinfo\":{\"info_kind\":\"bond\",\"info_data\":"
		"{\"mode\":\"balance-rr\",\"active_slave\":\"eth0\"}}},"
		"{\"ifname\":\"bond1\",\"linkinfo\":{\"info_kind\":\"bond\",\"info_data\":"
		"{\"mode\":\"802.3ad\"}}},"
		"{\"ifname\":\"br1\",\"linkinfo\":{\"info_kind\":\"bridge\",\"info_data\":"
		"{\"stp_state\":1}}},"
		"{\"ifname\":\"v.100\",\"linkinfo\":{\"info_kind\":\"vlan\",\"info_data\":"
		"{\"protocol\":\"802.1ad\",\"id\":100}}},"
		"{\"ifname\":\"team0\",\"linkinfo\":{\"info_kind\":\"team\"}},"
		"{\"ifname\":\"gone\",\"linkinfo\":{\"info_kind\":\"bond\"}},"
		"{\"ifname\":7},7,{\"ifname\":\"br0\",\"linkinfo\":[],\"altnames\":\"x\"}]");
	put_text("/p2v/team-mode", "team0 activebackup\nbond1 x\nteam9 y\nteam0\n");
	m = collect();
	n = nic(m, "bond0");
	ck_assert_str_eq(n->bond_mode, "active-backup");	/* sysfs comes first */
	ck_assert_str_eq(n->bond_active, "eth1");
	ck_assert_uint_eq(n->lower.n, 2);
	n = nic(m, "bond1");
	ck_assert_str_eq(n->bond_mode, "802.3ad");
	ck_assert_ptr_null(n->bond_active);
	ck_assert(nic(m, "br0")->bridge_stp);
	ck_assert_uint_eq(nic(m, "br0")->lower.n, 1);
	ck_assert(nic(m, "br1")->bridge_stp);
	n = nic(m, "v.100");
	ck_assert_str_eq(n->kind, "vlan");
	ck_assert_uint_eq(n->vlan_id, 100);
	ck_assert_str_eq(n->vlan_protocol, "802.1ad");
	n = nic(m, "team0");
	ck_assert_str_eq(n->kind, "team");
	ck_assert_str_eq(n->bond_mode, "activebackup");
}
END_TEST

static void route_is(const struct machine_route *r, const char *to, const char *gateway,
		     const char *dev, uint32_t metric, const char *source, const char *table)
{
	ck_assert_str_eq(r->destination, to);
	ck_assert_pstr_eq(r->gateway, gateway);
	ck_assert_pstr_eq(r->nic, dev);
	ck_assert_uint_eq(r->metric, metric);
	ck_assert_pstr_eq(r->source, source);
	ck_assert_pstr_eq(r->table, table);
}

START_TEST(test_routes_of_json)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	add("eth0", "1\n");
	put_text("/p2v/ip-addr.json", "[]");
	put_text("/p2v/ip-route.json",
		"[{\"dst\":\"default\",\"gateway\":\"10.0.0.1\",\"dev\":\"eth0\","
		"\"protocol\":\"dhcp\",\"prefsrc\":\"10.0.0.5\",\"metric\":100,\"flags\":[]},"
		"{\"type\":\"local\",\"dst\":\"10.0.0.5\",\"dev\":\"eth0\",\"table\":\"local\"},"
		"{\"dst\":\"10.9.0.0/16\",\"dev\":\"eth0\",\"table\":\"local\"},"
		"{\"dst\":\"10.0.0.0/24\",\"dev\":\"eth0\",\"protocol\":\"kernel\"},"
		"{\"dst\":\"default\",\"gateway\":\"10.1.0.1\",\"dev\":\"eth1\","
		"\"table\":\"isp2\"},"
		"{\"dst\":\"10.7.0.1\",\"via\":{\"family\":\"inet6\",\"host\":\"fe80::1\"},"
		"\"dev\":\"eth0\",\"table\":\"100\"},"
		"{\"dst\":\"10.8.0.0/16\",\"protocol\":\"static\",\"metric\":7,\"nexthops\":["
		"{\"gateway\":\"10.0.0.2\",\"dev\":\"eth0\",\"weight\":1,\"flags\":[]},"
		"{\"dev\":\"eth1\",\"weight\":5}]},"
		"{\"dst\":\"0.0.0.0/0\",\"metric\":-3,\"dev\":\"eth0\",\"table\":\"main\"},"
		"{\"type\":\"blackhole\",\"dst\":\"10.66.0.0/16\"},{\"dst\":5},[]]");
	put_text("/p2v/ip-route6.json",
		"[{\"dst\":\"2001:db8::/32\",\"gateway\":\"fe80::1\",\"dev\":\"eth0\","
		"\"metric\":1024,\"pref\":\"medium\"},{\"dst\":\"2001:db8::7\",\"dev\":\"eth0\"}]");
	m = collect();
	ck_assert_uint_eq(m->nroutes, 8);
	route_is(&m->routes[0], "default", "10.0.0.1", "eth0", 100, "10.0.0.5", NULL);
	route_is(&m->routes[1], "default", "10.1.0.1", "eth1", 0, NULL, "isp2");
	route_is(&m->routes[2], "10.7.0.1/32", "fe80::1", "eth0", 0, NULL, "100");
	route_is(&m->routes[3], "10.8.0.0/16", "10.0.0.2", "eth0", 7, NULL, NULL);
	route_is(&m->routes[4], "10.8.0.0/16", NULL, "eth1", 7, NULL, NULL);
	route_is(&m->routes[5], "0.0.0.0/0", NULL, "eth0", 0, NULL, NULL);
	route_is(&m->routes[6], "2001:db8::/32", "fe80::1", "eth0", 1024, NULL, NULL);
	route_is(&m->routes[7], "2001:db8::7/128", NULL, "eth0", 0, NULL, NULL);
}
END_TEST

START_TEST(test_rules_of_json)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	add("eth0", "1\n");
	put_text("/p2v/ip-addr.json", "[]");
	put_text("/p2v/ip-rule.json",
		"[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"},"
		"{\"priority\":99,\"not\":null,\"src\":\"10.0.0.0\",\"srclen\":24,"
		"\"iif\":\"eth0\",\"fwmark\":\"0x1\",\"fwmask\":\"0xff\",\"table\":\"isp2\"},"
		"{\"priority\":100,\"src\":\"all\",\"dst\":\"10.9.9.9\",\"fwmark\":16,"
		"\"ipproto\":\"tcp\",\"dport_start\":80,\"dport_end\":90,\"action\":\"blackhole\"},"
		"{\"priority\":32766,\"src\":\"all\",\"table\":\"main\"},7]");
	put_text("/p2v/ip-rule6.json",
		"[{\"priority\":5,\"src\":\"2001:db8::1\",\"goto\":32766,\"sport\":53}]");
	m = collect();
	ck_assert_uint_eq(m->nrules, 3);
	ck_assert_uint_eq(m->rules[0].priority, 99);
	ck_assert(m->rules[0].invert);
	ck_assert_str_eq(m->rules[0].from, "10.0.0.0/24");
	ck_assert_pstr_eq(m->rules[0].to, NULL);
	ck_assert_str_eq(m->rules[0].iif, "eth0");
	ck_assert_str_eq(m->rules[0].mark, "0x1/0xff");
	ck_assert_str_eq(m->rules[0].table, "isp2");
	ck_assert_str_eq(m->rules[1].to, "10.9.9.9/32");
	ck_assert_str_eq(m->rules[1].mark, "0x10");
	ck_assert_str_eq(m->rules[1].action, "blackhole");
	ck_assert_uint_eq(m->rules[1].also.n, 2);
	ck_assert_str_eq(m->rules[1].also.v[0], "ipproto tcp");
	ck_assert_str_eq(m->rules[1].also.v[1], "dport 80-90");
	ck_assert_str_eq(m->rules[2].family, "inet6");
	ck_assert_str_eq(m->rules[2].from, "2001:db8::1/128");
	ck_assert_str_eq(m->rules[2].action, "goto 32766");
	ck_assert_str_eq(m->rules[2].also.v[0], "sport 53");
}
END_TEST

START_TEST(test_routes_of_proc)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	add("eth0", "1\n");
	put_text("/proc/net/route",
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n"
		"eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
		"eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		"eth0\t0000A8C0\t0200000A\t0003\t0\t0\t7\t0000FFFF\t0\t0\t0\n");
	put_text("/proc/net/fib_trie",
		"Main:\n  |-- 10.0.0.5\n     /32 host LOCAL\n"
		"  |-- 10.0.0.5\n     /32 host LOCAL\n");
	put_text("/proc/net/if_inet6",
		"fe80000000000000000000fffe000001 02 40 20 80     eth0\n"
		"20010db8000000000000000000000005 02 40 00 00     eth0\n"
		"20010db8000000000000000000000006 02 40 00 01     eth0\n");
	put_text("/proc/net/ipv6_route",
		/* default by the router's advertisement; on-link; local; reject; lo */
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00450003 eth0\n"
		"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
		"20010db8000000000000000000000005 80 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000000 00000002 00000000 80200001 eth0\n"
		"20010db8000100000000000000000000 30 00000000000000000000000000000000 00 "
		"20010db8000000000000000000000009 00000010 00000001 00000000 00000003 eth0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n"
		"zz\n");
	m = collect();
	ck_assert_uint_eq(m->nroutes, 4);
	route_is(&m->routes[0], "default", "10.0.0.1", "eth0", 100, NULL, NULL);
	route_is(&m->routes[1], "192.168.0.0/16", "10.0.0.2", "eth0", 7, NULL, NULL);
	route_is(&m->routes[2], "default", "fe80::1", "eth0", 1024, NULL, NULL);
	route_is(&m->routes[3], "2001:db8:1::/48", "2001:db8::9", "eth0", 16, NULL, NULL);
	ck_assert_uint_eq(m->nics[0].naddresses, 3);
	ck_assert_str_eq(m->nics[0].addresses[0].address, "10.0.0.5/24");
	ck_assert_str_eq(m->nics[0].addresses[1].scope, "link");
	ck_assert(m->nics[0].addresses[2].dynamic);
}
END_TEST

static void strv_is(const struct machine_strv *v, const char *all)
{
	char text[256] = "";

	for (size_t i = 0; i < v->n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, v->v[i]);
	}
	ck_assert_str_eq(text, all);
}

START_TEST(test_name_servers)
{
	static const struct {
		const char *etc, *resolved, *manager, *servers, *search;
	} cases[] = {
		{ "nameserver 192.0.2.1\nnameserver ::1 \nsearch a.example b.example\n"
		  "domain c.example\n", NULL, NULL, "192.0.2.1 ::1", "c.example" },
		{ "# nameserver 1.1.1.1\n\tnameserver\t192.0.2.2 # one\r\n;x\n"
		  "nameserver fe80::1%eth0\nnameserver 192.0.2.2\n"
		  "nameservers 9.9.9.9\noptions edns0",
		  NULL, NULL, "192.0.2.2 fe80::1%eth0", "" },
		/* A stub: whom it asks. */
		{ "nameserver 127.0.0.53\nsearch stub.example\n",
		  "nameserver 192.0.2.3\nsearch other.example\n", NULL, "192.0.2.3",
		  "stub.example" },
		{ "nameserver 127.0.0.1\n", NULL, "search n.example\nnameserver 192.0.2.4\n",
		  "192.0.2.4", "n.example" },
		/* resolved is there, and not asked. */
		{ "nameserver 192.0.2.5\n", "nameserver 192.0.2.6\n", NULL, "192.0.2.5", "" },
		/* Nobody knows whom the stub asks. */
		{ "nameserver 127.0.0.1\n", NULL, NULL, "127.0.0.1", "" },
		{ NULL, "nameserver 192.0.2.7\n", NULL, "192.0.2.7", "" },
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	if (cases[_i].etc)
		put_text("/etc/resolv.conf", cases[_i].etc);
	if (cases[_i].resolved)
		put_text("/run/systemd/resolve/resolv.conf", cases[_i].resolved);
	if (cases[_i].manager)
		put_text("/run/NetworkManager/no-stub-resolv.conf", cases[_i].manager);
	m = collect();
	strv_is(&m->dns, cases[_i].servers);
	strv_is(&m->dns_search, cases[_i].search);
}
END_TEST

#define WANTS	"/etc/systemd/system/multi-user.target.wants/"

/* Files of a system, "path=content" or "path>target", and who looks after its network. */
static const struct setup {
	const char *files[6];
	const char *stacks, *manager, *backend;
} setups[] = {
	{ { "/x=" }, "", NULL, NULL },
	/* RHEL 9 */
	{ { WANTS "NetworkManager.service>/usr/lib/x", WANTS "firewalld.service>/usr/lib/x",
	    "/etc/sysconfig/network-scripts/ifcfg-eth0=",
	    "/p2v/nft-tables=table inet firewalld\n" },
	  "networkmanager", "firewalld", "nftables" },
	/* RHEL 6 */
	{ { "/etc/rc3.d/S10network>../init.d/network", "/etc/rc3.d/S08iptables>../init.d/iptables",
	    "/etc/rc3.d/K87NetworkManager>x", "/etc/sysconfig/network-scripts/ifcfg-eth0=",
	    "/proc/net/ip_tables_names=filter\n" },
	  "ifcfg", "iptables.service", "iptables" },
	{ { "/etc/rc3.d/S10network>x", "/etc/sysconfig/network-scripts/ifcfg-lo=" }, "", NULL,
	  NULL },
	/* Debian */
	{ { WANTS "networking.service>x", WANTS "nftables.service>x",
	    "/etc/network/interfaces=auto lo\niface lo inet loopback\n iface ens3 inet dhcp\n" },
	  "ifupdown", "nftables.service", NULL },
	{ { "/etc/rcS.d/S12networking>x", "/etc/network/interfaces=iface lo inet loopback\n",
	    "/etc/network/interfaces.d/one=iface eth0 inet manual\n" }, "ifupdown", NULL, NULL },
	{ { WANTS "networking.service>x", "/etc/network/interfaces=iface lo inet loopback\n" },
	  "", NULL, NULL },
	/* Ubuntu: ufw is switched on and says no. */
	{ { "/etc/netplan/50-cloud-init.yaml=", WANTS "ufw.service>x",
	    "/etc/ufw/ufw.conf=# ENABLED=yes\nENABLED=no\n",
	    "/run/systemd/generator.late/multi-user.target.wants/systemd-networkd.service>x",
	    "/run/systemd/network/10-netplan-ens3.network=" },
	  "netplan networkd", NULL, NULL },
	{ { WANTS "ufw.service>x", "/etc/ufw/ufw.conf=ENABLED=yes\n",
	    WANTS "iptables.service>x" }, "", "ufw", NULL },
	/* networkd without anything to configure */
	{ { WANTS "systemd-networkd.service>x", "/usr/lib/systemd/network/80-x.network=" },
	  "", NULL, NULL },
	{ { WANTS "systemd-networkd.service>x", "/etc/systemd/network/lan.network=" },
	  "networkd", NULL, NULL },
	/* SLES */
	{ { WANTS "wicked.service>x", WANTS "SuSEfirewall2.service>x",
	    "/etc/sysconfig/network/ifcfg-eth0=" }, "wicked", "SuSEfirewall2", NULL },
	/* Masked, though the links are there. */
	{ { WANTS "firewalld.service>x", "/etc/systemd/system/firewalld.service>/dev/null",
	    "/etc/rc3.d/S10network>x", "/etc/systemd/system/network.service>/dev/null",
	    "/etc/sysconfig/network-scripts/ifcfg-eth0=" }, "", NULL, NULL },
	{ { WANTS "shorewall.service>x", "/etc/shorewall/shorewall.conf=STARTUP_ENABLED=\"Yes\"\n",
	    "/proc/net/ip_tables_names=\n", "/p2v/nft-tables=\n" }, "", "shorewall", NULL },
	{ { WANTS "csf.service>x", WANTS "dhcpcd.service>x", "/proc/net/ip6_tables_names=raw\n" },
	  "dhcpcd", "csf", "iptables" },
	/* Alpine */
	{ { "/etc/runlevels/boot/networking>x", "/etc/network/interfaces=iface eth0 inet dhcp\n" },
	  "ifupdown", NULL, NULL },
	{ { WANTS "connman.service>x", "/etc/systemd/system/basic.target.requires/NetworkManager"
	    ".service>x", "/etc/rc.d/rc3.d/S05x>x" }, "networkmanager connman", NULL, NULL },
};

START_TEST(test_who_looks_after_it)
{
	const struct setup *s = &setups[_i];
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	for (size_t i = 0; i < ARRAY_SIZE(s->files) && s->files[i]; i++) {
		size_t n = strcspn(s->files[i], "=>");
		CLEANUP(mem_free) char *path = strndup(s->files[i], n);

		if (s->files[i][n] == '>')
			tmproot_link(path, s->files[i] + n + 1);
		else
			put_text(path, s->files[i] + n + 1);
	}
	m = collect();
	strv_is(&m->network_stacks, s->stacks);
	ck_assert_pstr_eq(m->firewall.manager, s->manager);
	ck_assert_pstr_eq(m->firewall.backend, s->backend);
}
END_TEST

/* Names that a kernel allows and nobody expects; loops, noise, files of 1 MiB. */
START_TEST(test_hostile_links)
{
	CLEANUP(mem_free) char *big = malloc((1 << 20) + 1);
	CLEANUP(machine_free) struct machine *m = NULL;
	size_t odd = 0;

	memset(big, '|', 1 << 20);
	big[1 << 20] = '\0';
	tmproot_make();
	add("%s%n%d", "1\n");
	add("\xff\xfe", "1\n");
	add("a\x01" "b", "1\n");
	add("-rf", "1\n");
	add("lower_", "1\n");
	add("...", "1\n");
	link_to("loop0", "address", "address");
	add("big", "1\n");
	link_file("big", "bonding/mode", big);
	link_file("big", "uevent", big);
	link_to("big", "device", "device");
	link_file("big", "bonding/slaves", "\xff \xfe %s");
	put_text("/proc/net/vlan/config", big);
	put_text("/etc/resolv.conf", big);
	put_text("/p2v/ip-addr.json", "[{\"ifname\":\"big\",\"linkinfo\":{\"info_kind\":"
			"\"vlan\",\"info_data\":{\"id\":99999999999,\"protocol\":5}}}]");
	put_text("/p2v/ip-route.json", "{\"a\":1}");
	put_text("/p2v/ip-route6.json", "[");
	put_text("/p2v/ip-rule.json", "[{\"priority\":-1,\"src\":7,\"fwmark\":\"x\"},[]]");
	m = collect();
	ck_assert_uint_eq(m->nnics, 5);
	for (size_t i = 0; i < m->warnings.n; i++)
		odd += strstr(m->warnings.v[i], "odd name") != NULL;
	ck_assert_uint_eq(odd, 2);
	ck_assert_uint_eq(nic(m, "big")->vlan_id, 0);
	ck_assert_str_eq(nic(m, "%s%n%d")->mac, "02:00:00:00:00:01");
}
END_TEST

START_TEST(test_many_links)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	for (unsigned int i = 0; i < 256; i++) {
		char name[16], mac[32];

		snprintf(name, sizeof(name), "eth%u", i);
		snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x\n", i);
		add(name, "1\n");
		link_file(name, "address", mac);
		link_file(name, "device/uevent", "");
	}
	m = collect();
	ck_assert_uint_eq(m->nnics, 256);
	ck_assert_str_eq(m->nics[255].name, "eth255");
	ck_assert_str_eq(m->nics[255].mac, "02:00:00:00:00:ff");
}
END_TEST

static Suite *net_suite(void)
{
	Suite *s = suite_create("collect_net");
	TCase *t = tcase_create("collect_net");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_kinds);
	tcase_add_test(t, test_attributes_of_a_card);
	tcase_add_test(t, test_masters);
	tcase_add_test(t, test_routes_of_json);
	tcase_add_test(t, test_rules_of_json);
	tcase_add_test(t, test_routes_of_proc);
	tcase_add_loop_test(t, test_name_servers, 0, 7);
	tcase_add_loop_test(t, test_who_looks_after_it, 0, ARRAY_SIZE(setups));
	tcase_add_test(t, test_hostile_links);
	tcase_add_test(t, test_many_links);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_suite)
