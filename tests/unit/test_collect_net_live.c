/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live network against `ip -j -d`, in a network namespace of its own: bridge, bond, VLANs,
 * addresses, routes of several tables. Kinds of links that the kernel lacks are left out, by name.
 * ip's answer is read here anew, not by net_recorded.c; that one is compared through a record.
 */
#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/jsonx.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/net/net_facts.h"
#include "inventory/net/net_live.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

static bool run(const char *command)
{
	CLEANUP(mem_free) char *quiet = text_format("{ %s ; } >/dev/null 2>&1", command);
	int status = system(quiet);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void must(const char *command)
{
	ck_assert_msg(run(command), "%s", command);
}

/* What needs a kind of link that the kernel may lack. */
static bool may(const char *kind, const char *command)
{
	if (run(command))
		return true;
	printf("# left out: %s: this kernel does not make such links\n", kind);
	return false;
}

/* A namespace with its own /sys: that shows the links of the namespace it was mounted in. */
static bool enter(void)
{
	return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

static void build(void)
{
	must("ip link set lo up");
	/* Two pairs: ends in the bond, or alone. */
	must("ip link add m0 type veth peer name m0p && ip link add m1 type veth peer name m1p");
	must("ip link add br0 type bridge stp_state 1 && ip link add br1 type bridge");
	must("ip link set m0p master br0 && ip link set m1p master br0");
	(void)may("altname", "ip link property add dev m0 altname the-first-of-the-two");
	(void)may("dummy", "ip link add d0 type dummy && ip link set d0 up mtu 9000");
	(void)may("tun", "ip tuntap add t0 mode tap");
	(void)may("vxlan", "ip link add x0 type vxlan id 4 dstport 4789 local 10.1.0.1");
	(void)may("team", "ip link add team0 type team");
	if (may("bond", "ip link add bond0 type bond mode active-backup miimon 100")) {
		must("ip link set m0 master bond0 && ip link set m1 master bond0");
		must("ip link add bond1 type bond mode 802.3ad");
		must("ip link set bond0 up");
	}
	if (may("vlan", "ip link add link br0 name br0.20 type vlan id 20")) {
		must("ip link add link br0 name stag type vlan protocol 802.1ad id 4000");
		must("ip link set br0 up && ip link set br0.20 up && "
		     "ip addr add 10.20.0.1/24 dev br0.20");
		run("ip link add link bond0 name bond0.7 type vlan id 7");
	}
	must("ip link set br0 up; ip link set m0p up; ip link set m1p up; ip link set m0 up; "
	     "ip link set m1 up; ip link set br1 address 02:00:00:00:00:ab");
	/* The other way round: a bond whose members are VLANs. */
	if (may("VLANs in a bond", "ip link add link br1 name br1.30 type vlan id 30 && "
		"ip link add link br1 name br1.31 type vlan id 31 && "
		"ip link add bond2 type bond mode balance-rr")) {
		must("ip link set br1.30 master bond2 && ip link set br1.31 master bond2");
		must("ip link set br1 up && ip link set bond2 up && "
		     "ip addr add 10.30.0.1/24 dev bond2");
	}
	must("ip rule add from 10.1.0.0/24 table 100 priority 1000");
	must("ip rule add not to 10.9.9.9 fwmark 0x10/0xff iif br0 table 70000 priority 1001");
	must("ip rule add ipproto tcp dport 80-90 uidrange 0-99 table 100 priority 1002");
	must("ip rule add from 192.0.2.0/24 blackhole priority 1003");
	must("ip rule add from all oif br0 goto 32766 priority 1004");
	must("ip -6 rule add from 2001:db8::/32 tos 0x10 sport 53 table 100 priority 1005");
	must("ip addr add 10.1.0.1/24 dev br0 && ip addr add 10.1.0.2/24 dev br0");
	must("ip addr add 10.2.0.1 peer 10.2.0.2/32 dev br0");
	must("ip addr add 10.3.0.1/16 dev br0 scope link valid_lft 1000 preferred_lft 500");
	must("ip addr add 2001:db8::1/64 dev br0 nodad");
	must("ip addr add 2001:db8:1::1/64 dev br0 nodad valid_lft 1000 preferred_lft 500");
	must("ip route add default via 10.1.0.254 dev br0 metric 100 src 10.1.0.2");
	must("ip route add default via 10.1.0.253 dev br0 metric 200 proto static");
	must("ip route add 192.0.2.7 via 10.1.0.250");
	must("ip route add 198.51.100.0/24 dev br0 scope link");
	must("ip route add default via 10.1.0.252 dev br0 table 100 && "
	     "ip rule add fwmark 1 table 100");
	must("ip route add 203.0.113.0/24 via 10.1.0.251 table 70000 metric 5");
	must("ip route add 172.16.0.0/12 via 10.1.0.249 table default");
	must("ip route add 172.16.0.0/12 nexthop via 10.1.0.248 nexthop via 10.1.0.247 weight 3");
	must("ip route add blackhole 192.168.66.0/24");
	must("ip -6 route add default via 2001:db8::fe dev br0 metric 50");
	must("ip -6 route add 2001:db8:5::/48 via 2001:db8::fd dev br0 table 100");
	must("ip -6 route add 2001:db8:6::/48 nexthop via 2001:db8::fc dev br0 "
	     "nexthop via 2001:db8::fb dev br0");
	must("ip -6 route add 2001:db8:7::7 dev br0 src 2001:db8::1");
	must("ip -6 route add unreachable 2001:db8:66::/48");
	(void)may("routes via inet6", "ip route add 100.64.0.0/10 via inet6 2001:db8::fa dev br0");
}

/* Carriers come, and addresses with them, tentative for a while: until nothing changes. */
static void settle(void)
{
	must("look() { ip -o addr | sed 's/valid_lft.*//'; ip -o link; }; i=0; "
	     "until was=$(look); sleep 2; is=$(look); [ \"$was\" = \"$is\" ]; do "
	     "i=$((i + 1)); [ $i -lt 40 ] || exit 1; done");
}

static json_t *ip(const char *command)
{
	CLEANUP(mem_free) char *text = calloc(1, 1 << 20);
	FILE *f = popen(command, "re");
	json_t *j = NULL;
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_msg(jsonx_parse(text, n, command, &j, NULL) == 0, "%s", command);
	return j;
}

static const char *str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool has_word(const json_t *list, const char *word)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		if (json_is_string(o) && strcmp(json_string_value(o), word) == 0)
			return true;
	return false;
}

static void same_addresses(const struct machine_nic *n, const json_t *list)
{
	const json_t *o;
	size_t i;

	ck_assert_msg(n->naddresses == json_array_size(list), "%s has %zu addresses, not %zu",
		      n->name, n->naddresses, json_array_size(list));
	json_array_foreach(list, i, o) {
		CLEANUP(mem_free) char *want = text_format("%s/%d", str(o, "local"),
							   (int)num(o, "prefixlen"));
		const struct machine_address *a = NULL;

		for (size_t k = 0; k < n->naddresses; k++)
			if (strcmp(n->addresses[k].address, want) == 0)
				a = &n->addresses[k];
		ck_assert_msg(a, "%s lacks %s", n->name, want);
		ck_assert_str_eq(a->scope, str(o, "scope"));
		ck_assert_int_eq(a->dynamic, json_is_true(json_object_get(o, "dynamic")));
	}
}

static void same_link(struct machine *m, const json_t *o)
{
	const json_t *info = json_object_get(o, "linkinfo"), *alt;
	const json_t *data = json_object_get(info, "info_data");
	const struct machine_nic *n = net_facts_nic(m, str(o, "ifname"));
	const char *kind = str(info, "info_kind") ? str(info, "info_kind") : "";
	size_t i;

	ck_assert_msg(n, "%s is not there", str(o, "ifname"));
	if (strcmp(str(o, "link_type"), "ether") == 0)
		ck_assert_pstr_eq(n->mac, str(o, "address"));
	ck_assert_uint_eq(n->mtu, (uint32_t)num(o, "mtu"));
	ck_assert_int_eq(n->up, has_word(json_object_get(o, "flags"), "UP"));
	ck_assert_int_eq(n->carrier, has_word(json_object_get(o, "flags"), "LOWER_UP"));
	ck_assert_pstr_eq(n->master, str(o, "master"));
	if (strcmp(kind, "bond") == 0 || strcmp(kind, "bridge") == 0 || strcmp(kind, "vlan") == 0 ||
	    strcmp(kind, "team") == 0)
		ck_assert_str_eq(n->kind, kind);
	else
		ck_assert_str_eq(n->kind, "virtual");
	if (strcmp(kind, "vlan") == 0) {
		ck_assert_uint_eq(n->vlan_id, (uint32_t)num(data, "id"));
		ck_assert_pstr_eq(n->vlan_protocol, str(data, "protocol"));
		ck_assert(machine_strv_has(&n->lower, str(o, "link")));
	}
	if (strcmp(kind, "bond") == 0) {
		ck_assert_pstr_eq(n->bond_mode, str(data, "mode"));
		ck_assert_pstr_eq(n->bond_active, str(data, "active_slave"));
	}
	if (strcmp(kind, "bridge") == 0)
		ck_assert_int_eq(n->bridge_stp, num(data, "stp_state") != 0);
	ck_assert_uint_eq(n->altnames.n, json_array_size(json_object_get(o, "altnames")));
	json_array_foreach(json_object_get(o, "altnames"), i, alt)
		ck_assert(machine_strv_has(&n->altnames, json_string_value(alt)));
	same_addresses(n, json_object_get(o, "addr_info"));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void find_route(const struct machine *m, const json_t *o, const json_t *hop)
{
	const char *table = str(o, "table"), *dst = str(o, "dst");
	const char *via = str(json_object_get(hop, "via"), "host");
	const char *bits = strcmp(dst, "default") == 0 || strchr(dst, '/') ? "" :
			   strchr(dst, ':') ? "/128" : "/32";
	CLEANUP(mem_free) char *to = text_format("%s%s", dst, bits);
	size_t found = 0;

	if (table && strcmp(table, "main") == 0)
		table = NULL;
	for (size_t i = 0; i < m->nroutes; i++) {
		const struct machine_route *r = &m->routes[i];

		found += strcmp(r->destination, to) == 0 && same_text(r->table, table) &&
			 same_text(r->gateway, via ? via : str(hop, "gateway")) &&
			 same_text(r->nic, str(hop, "dev")) &&
			 same_text(r->source, str(o, "prefsrc")) &&
			 r->metric == (uint32_t)num(o, "metric");
	}
	ck_assert_msg(found == 1, "route %s via %s table %s: %zu times", to,
		      str(hop, "gateway") ? str(hop, "gateway") : "-", table ? table : "main",
		      found);
}

/* How many of ip's routes are ours; each of them is in the machine, once. */
static size_t same_routes(const struct machine *m, const json_t *routes)
{
	const json_t *o, *hop;
	size_t i, k, n = 0;

	json_array_foreach(routes, i, o) {
		const json_t *hops = json_object_get(o, "nexthops");

		if (!same_text(str(o, "type"), "unicast") || same_text(str(o, "table"), "local"))
			continue;
		if (same_text(str(o, "protocol"), "kernel") && !str(o, "gateway"))
			continue;
		json_array_foreach(hops, k, hop)
			find_route(m, o, hop);
		n += json_array_size(hops);
		if (!hops) {
			find_route(m, o, o);
			n++;
		}
	}
	return n;
}

/* ip and we have the same rules: in its words, in the order of both. */
static void same_rules(const struct machine *m, const json_t *rules, const char *family,
		       size_t *at)
{
	const json_t *o;
	size_t i;

	json_array_foreach(rules, i, o) {
		const char *src = str(o, "src"), *table = str(o, "table");
		const struct machine_rule *r;

		if (num(o, "priority") == 0 || num(o, "priority") >= 32766)
			continue;
		ck_assert_uint_lt(*at, m->nrules);
		r = &m->rules[(*at)++];
		ck_assert_str_eq(r->family, family);
		ck_assert_uint_eq(r->priority, (uint32_t)num(o, "priority"));
		ck_assert_int_eq(r->from != NULL, strcmp(src, "all") != 0);
		ck_assert(!r->from || strncmp(r->from, src, strlen(src)) == 0);
		ck_assert_pstr_eq(r->table, table);
		ck_assert_pstr_eq(r->iif, str(o, "iif"));
		ck_assert_pstr_eq(r->oif, str(o, "oif"));
		ck_assert_int_eq(r->invert, json_object_get(o, "not") != NULL);
		ck_assert_int_eq(r->mark != NULL, json_object_get(o, "fwmark") != NULL);
	}
}

static struct machine *collect(const char *path)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_msg(sysroot_open(path, &root, &err) == 0, "%s", err.text);
	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(collect_net(root, m, &err) == 0, "%s", err.text);
	return m;
}

START_TEST(test_agrees_with_ip)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(json_unref) json_t *links = NULL, *v4 = NULL, *v6 = NULL;
	CLEANUP(json_unref) json_t *r4 = NULL, *r6 = NULL;
	const json_t *o;
	size_t i, n;

	if (!enter())
		UNIT_LEAVE("no network namespace can be made here");
	build();
	/* Duplicate address detection and the bond's choice take their time. */
	settle();
	m = collect("/");
	links = ip("ip -j -d addr show");
	v4 = ip("ip -j -d -4 route show table all");
	v6 = ip("ip -j -d -6 route show table all");
	ck_assert_uint_eq(m->nnics + 1, json_array_size(links));
	json_array_foreach(links, i, o)
		if (strcmp(str(o, "ifname"), "lo") != 0)
			same_link(m, o);
	n = same_routes(m, v4) + same_routes(m, v6);
	ck_assert_uint_eq(m->nroutes, n);
	ck_assert_uint_ge(n, 13);
	r4 = ip("ip -j -4 rule show");
	r6 = ip("ip -j -6 rule show");
	n = 0;
	/* The kernel's dump goes by family, in the order in which they were registered. */
	if (m->nrules > 0 && strcmp(m->rules[0].family, "inet6") == 0)
		same_rules(m, r6, "inet6", &n);
	same_rules(m, r4, "inet", &n);
	if (m->nrules > 0 && strcmp(m->rules[0].family, "inet6") != 0)
		same_rules(m, r6, "inet6", &n);
	ck_assert_uint_eq(m->nrules, n);
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(m->warnings.n, 0);
}
END_TEST

/* Two roads to every fact: the kernel's messages, and the record. */
START_TEST(test_agrees_with_its_record)
{
	CLEANUP(machine_free) struct machine *live = NULL, *record = NULL;
	CLEANUP(mem_free) char *command = NULL, *folder = NULL;

	if (!enter())
		UNIT_LEAVE("no network namespace can be made here");
	build();
	settle();
	tmproot_make();
	folder = text_format("%s/r", tmproot_path());
	command = text_format("tests/sysroots/record-machine %s", folder);
	must(command);
	live = collect("/");
	record = collect(folder);
	tmproot_remove();
	ck_assert_uint_eq(live->nnics, record->nnics);
	for (size_t i = 0; i < live->nnics; i++) {
		const struct machine_nic *a = &live->nics[i], *b = &record->nics[i];

		ck_assert_str_eq(a->name, b->name);
		ck_assert_str_eq(a->kind, b->kind);
		ck_assert_pstr_eq(a->duplex, b->duplex);
		ck_assert_pstr_eq(a->bond_mode, b->bond_mode);
		ck_assert_pstr_eq(a->bond_active, b->bond_active);
		ck_assert_pstr_eq(a->vlan_protocol, b->vlan_protocol);
		ck_assert_int_eq(a->bridge_stp, b->bridge_stp);
		ck_assert_uint_eq(a->altnames.n, b->altnames.n);
		ck_assert_uint_eq(a->lower.n, b->lower.n);
		ck_assert_uint_eq(a->naddresses, b->naddresses);
	}
	ck_assert_uint_eq(live->nrules, record->nrules);
	for (size_t i = 0; i < live->nrules; i++) {
		const struct machine_rule *a = &live->rules[i], *b = NULL;

		for (size_t k = 0; k < record->nrules && !b; k++)
			if (record->rules[k].priority == a->priority)
				b = &record->rules[k];
		ck_assert_ptr_nonnull(b);
		ck_assert_str_eq(a->family, b->family);
		ck_assert_int_eq(a->invert, b->invert);
		ck_assert_pstr_eq(a->from, b->from);
		ck_assert_pstr_eq(a->to, b->to);
		ck_assert_pstr_eq(a->iif, b->iif);
		ck_assert_pstr_eq(a->oif, b->oif);
		ck_assert_pstr_eq(a->mark, b->mark);
		ck_assert_pstr_eq(a->action, b->action);
		ck_assert_pstr_eq(a->table, b->table);
		ck_assert_uint_eq(a->also.n, b->also.n);
		for (size_t k = 0; k < a->also.n; k++)
			ck_assert_str_eq(a->also.v[k], b->also.v[k]);
	}
	ck_assert_uint_eq(live->nroutes, record->nroutes);
	for (size_t i = 0; i < live->nroutes; i++) {
		const struct machine_route *a = &live->routes[i];
		size_t found = 0;

		for (size_t k = 0; k < record->nroutes; k++) {
			const struct machine_route *b = &record->routes[k];

			found += strcmp(a->destination, b->destination) == 0 &&
				 same_text(a->gateway, b->gateway) && same_text(a->nic, b->nic) &&
				 same_text(a->source, b->source) && same_text(a->table, b->table) &&
				 a->metric == b->metric;
		}
		ck_assert_msg(found == 1, "%s", a->destination);
	}
	ck_assert_pstr_eq(live->firewall.backend, record->firewall.backend);
}
END_TEST

/* Links that come and go while they are looked at. */
START_TEST(test_vanishing_links)
{
	pid_t pid;

	if (!enter())
		UNIT_LEAVE("no network namespace can be made here");
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 40; i++)
			(void)!system("ip link add w0 type veth peer name w1 2>/dev/null; "
				      "ip link del w0 2>/dev/null");
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		CLEANUP(machine_free) struct machine *m = collect("/");

		ck_assert_uint_le(m->nnics, 8);
		for (size_t i = 0; i < m->nnics; i++)
			ck_assert_ptr_nonnull(m->nics[i].kind);
	}
}
END_TEST

START_TEST(test_nftables)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct err err = ERR_INIT;

	if (!enter())
		UNIT_LEAVE("no network namespace can be made here");
	ck_assert_int_eq(sysroot_open("/", &root, &err), 0);
	ck_assert_int_le(net_live_nftables(root), 0);
	if (!run("nft add table inet p2v") && !run("iptables-nft -A INPUT -j ACCEPT")) {
		printf("# left out: no nft and no iptables-nft, or no nf_tables in this kernel\n");
		return;
	}
	ck_assert_int_eq(net_live_nftables(root), 1);
}
END_TEST

static Suite *net_suite(void)
{
	Suite *s = suite_create("collect_net_live");
	TCase *t = tcase_create("collect_net_live");

	if (geteuid() != 0)
		UNIT_SKIP("needs root, for a network namespace");
	if (!run("command -v ip"))
		UNIT_SKIP("needs ip");
	/* Emulated machines take their time. */
	tcase_set_timeout(t, 300);
	tcase_add_test(t, test_agrees_with_ip);
	tcase_add_test(t, test_agrees_with_its_record);
	tcase_add_test(t, test_vanishing_links);
	tcase_add_test(t, test_nftables);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_suite)
