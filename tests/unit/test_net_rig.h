/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine for the tests of the network's rewriters:
 *
 *	eno1 eno2	ixgbe, members of bond0 (LACP), which has eno2's address
 *	ens3		igb
 *	bond0.20	VLAN on bond0
 *	ib0, wlp2s0	not there in a virtual machine
 */
#ifndef P2V_TEST_NET_RIG_H
#define P2V_TEST_NET_RIG_H

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/net_plan.h"
#include "tests/lib/unit.h"

static struct machine *rig_machine;
static struct net_plan *rig_plan;
static struct machine_strv rig_notes;

static inline struct machine_nic *rig_add(const char *name, const char *kind, const char *mac,
					  const char *perm, const char *driver, const char *bus)
{
	struct machine_nic *n = machine_grow(&rig_machine->nics, &rig_machine->nnics, sizeof(*n));

	ck_assert_ptr_nonnull(n);
	n->name = strdup(name);
	n->kind = strdup(kind);
	n->mac = mac ? strdup(mac) : NULL;
	n->permanent_mac = perm ? strdup(perm) : NULL;
	n->driver = driver ? strdup(driver) : NULL;
	n->bus = bus ? strdup(bus) : NULL;
	return n;
}

static inline void rig_setup(void)
{
	struct machine_nic *n;

	ck_assert_int_eq(machine_new(&rig_machine), 0);
	n = rig_add("eno1", "physical", "02:00:00:00:00:02", "02:00:00:00:00:01", "ixgbe",
		    "0000:01:00.0");
	n->master = strdup("bond0");
	n = rig_add("eno2", "physical", "02:00:00:00:00:02", "02:00:00:00:00:02", "ixgbe",
		    "0000:01:00.1");
	n->master = strdup("bond0");
	rig_add("ens3", "physical", "02:00:00:00:00:0C", NULL, "igb", "0000:05:00.0");
	n = rig_add("bond0", "bond", "02:00:00:00:00:02", NULL, "bonding", NULL);
	n->bond_mode = strdup("802.3ad");
	n = rig_add("bond0.20", "vlan", "02:00:00:00:00:02", NULL, "802.1Q VLAN Support", NULL);
	n->vlan_id = 20;
	rig_add("ib0", "infiniband", NULL, NULL, "mlx5_core", "0000:06:00.0");
	rig_add("wlp2s0", "wireless", "02:00:00:00:00:99", NULL, "iwlwifi", "0000:02:00.0");
}

static inline void rig_teardown(void)
{
	for (size_t i = 0; i < rig_notes.n; i++)
		free(rig_notes.v[i]);
	free(rig_notes.v);
	rig_notes = (struct machine_strv){ 0 };
	net_plan_free(rig_plan);
	rig_plan = NULL;
	machine_free(rig_machine);
	rig_machine = NULL;
}

/* What a case asks for, in one word each: see rig_decide(). */
enum rig_wish {
	KEEP = 0, FLAT = 1,
	MAC = 2,			/* eno2 becomes 52:54:00:00:00:02, ens3 52:54:00:00:00:0c */
	IP = 4,				/* ens3 and bond0 get new IPv4 addresses */
	IP6 = 8,			/* ens3 gets a new IPv6 address */
	DHCP = 16,			/* ens3 */
};

static inline void rig_decide(unsigned int wish)
{
	static const char *const ens3_4[] = { "10.9.0.5/24,gw=10.9.0.1,dns=10.9.0.2,10.9.0.3",
					      "10.9.1.5/24", NULL };
	static const char *const ens3_6[] = { "2001:db8:9::5/64,gw=fe80::1", NULL };
	static const char *const bond_4[] = { "10.8.0.5/22,gw=10.8.0.1", NULL };
	static const char *const dhcp[] = { "dhcp", NULL };
	struct fix_nic_change c[8] = { 0 };
	struct err err = ERR_INIT;
	size_t n = 0;

	if (wish & MAC) {
		c[n++] = (struct fix_nic_change){ .name = "eno2", .mac = "52:54:00:00:00:02" };
		c[n++] = (struct fix_nic_change){ .name = "ens3", .mac = "52:54:00:00:00:0C" };
	}
	if (wish & IP) {
		c[n++] = (struct fix_nic_change){ .name = "ens3", .addresses = ens3_4 };
		c[n++] = (struct fix_nic_change){ .name = "bond0", .addresses = bond_4 };
	}
	if (wish & IP6)
		c[n++] = (struct fix_nic_change){ .name = "ens3", .addresses = ens3_6 };
	if (wish & DHCP)
		c[n++] = (struct fix_nic_change){ .name = "ens3", .addresses = dhcp };
	ck_assert_msg(net_plan_make(rig_machine, c, n, wish & FLAT, &rig_plan, &err) == 0, "%s",
		      err.text);
}

/* Hostile text for every rewriter: it must come back, and not have made it worse. */
static inline const char *rig_hostile(int i, char **ret)
{
	static const char *const texts[] = {
		"", "\n", "=", "=\n=\n", "[", "[]\n", "[Match", "[Match]\nName",
		"\xff\xfe\x80=\x80\n",
		"'", "A='", "A=\"\\", "\\", "\\\n", "iface", "iface ", "iface eth0 inet", "auto",
		"#", "iface ens3 inet static\n\taddress \\", "network:", "network: [", "network: {",
		"network:\n\tethernets", "network: &a [*a]", "network: &a {ethernets: *a}", "- - -",
		"network: {ethernets: {ens3: {addresses: }}}", "---\n---\n", "%YAML 9.9\n---\n",
		"network: {bonds: {bond0: {interfaces: [[[[]]]]}}}", "\xef\xbb\xbfnetwork: 1\n",
		"network: {ethernets: {ens3: }}\n", "network:\n  ethernets:\n    ens3:\n",
		"network: !!binary x", "? - a\n: - b\n", "BONDING_OPTS",
		"DEVICE=ens3\nIPADDR=$(reboot)",
	};
	static const struct {
		const char *head, *unit;
	} big[] = {
		{ "A=", "x" }, { "", "[" }, { "", "[a]\nb=c\n" }, { "network: ", "[" },
		{ "network:\n ethernets: ", "{a: " }, { "auto ", "eno1 " }, { "", "iface ens3 " },
		{ "iface ens3 inet static\n", "\taddress 1\n" }, { "", "- " }, { "a: ", "\"" },
		{ "BONDING_OPTS=\"mode=4 ", "x=y " },
	};
	size_t n = 0, size = (1u << 18);
	char *s;

	*ret = NULL;
	if (i < (int)ARRAY_SIZE(texts))
		return texts[i];
	i -= (int)ARRAY_SIZE(texts);
	if (i >= (int)ARRAY_SIZE(big))
		return NULL;
	s = malloc(size + 1);
	ck_assert_ptr_nonnull(s);
	strcpy(s, big[i].head);
	n = strlen(s);
	while (n + strlen(big[i].unit) <= size) {
		strcpy(s + n, big[i].unit);
		n += strlen(big[i].unit);
	}
	s[n] = '\0';
	*ret = s;
	return s;
}

/* A rewriter of files that hold interfaces of all kinds, and says which it has given addresses. */
typedef int rig_rewrite_fn(const char *text, const struct net_plan *p, char **ret, bool *done,
			   struct machine_strv *notes);

/* Hostile text, with nothing asked for and with everything: a second time nothing is left to do. */
static inline void rig_survives(rig_rewrite_fn *rewrite)
{
	for (unsigned int wish = 0; wish < 2; wish++) {
		net_plan_free(rig_plan);
		rig_plan = NULL;
		rig_decide(wish ? FLAT | MAC | IP | IP6 : KEEP);
		for (int i = 0;; i++) {
			CLEANUP(mem_free) char *made = NULL, *out = NULL, *again = NULL;
			const char *text = rig_hostile(i, &made);
			bool done[16] = { 0 };
			int r;

			if (!text)
				break;
			r = rewrite(text, rig_plan, &out, done, &rig_notes);
			ck_assert_int_ge(r, 0);
			if (r == 0)
				continue;
			r = rewrite(out, rig_plan, &again, done, &rig_notes);
			ck_assert_msg(r == 0, "%d: %.300s -> %.300s", i, out, again);
		}
	}
}

#endif
