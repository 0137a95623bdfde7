/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of each interface; and the settings of bonds that stay. */
#include "postfix/linux/net_bond.h"

#include <errno.h>
#include "tests/unit/test_net_rig.h"

#define S(text) ((struct span){ text, strlen(text) })

START_TEST(the_carrier_has_the_bonds_address)
{
	rig_decide(KEEP);
	ck_assert_str_eq(net_plan_primary(rig_plan, S("bond0")), "eno2");
	ck_assert_ptr_null(net_plan_primary(rig_plan, S("ens3")));
	ck_assert(!net_plan_is_flat(rig_plan, S("bond0")));
	ck_assert(!net_plan_is_member(rig_plan, S("eno1")));
	ck_assert_str_eq(net_plan_find(rig_plan, S("eno2"))->new_name, "eno2");
}
END_TEST

START_TEST(a_flattened_bonds_carrier_takes_its_name)
{
	rig_decide(FLAT);
	ck_assert(net_plan_is_flat(rig_plan, S("bond0")));
	ck_assert(net_plan_is_member(rig_plan, S("eno1")));
	ck_assert(net_plan_is_member(rig_plan, S("eno2")));
	ck_assert(!net_plan_is_member(rig_plan, S("ens3")));
	ck_assert_str_eq(net_plan_find(rig_plan, S("eno2"))->new_name, "bond0");
	ck_assert_str_eq(net_plan_find(rig_plan, S("eno1"))->new_name, "eno1");
}
END_TEST

START_TEST(without_the_address_the_active_member_counts)
{
	free(rig_machine->nics[3].mac);
	rig_machine->nics[3].mac = strdup("02:00:00:00:00:77");
	rig_machine->nics[3].bond_active = strdup("eno1");
	rig_decide(FLAT);
	ck_assert_str_eq(net_plan_primary(rig_plan, S("bond0")), "eno1");
}
END_TEST

START_TEST(a_nic_that_is_not_made_carries_nothing)
{
	struct fix_nic_change c = { .name = "eno2", .absent = true };

	ck_assert_int_eq(net_plan_make(rig_machine, &c, 1, true, &rig_plan, NULL), 0);
	ck_assert_str_eq(net_plan_primary(rig_plan, S("bond0")), "eno1");
}
END_TEST

START_TEST(new_addresses_follow)
{
	rig_decide(MAC);
	ck_assert_str_eq(net_plan_new_mac(rig_plan, S("02:00:00:00:00:0C")), "52:54:00:00:00:0c");
	ck_assert_str_eq(net_plan_new_mac(rig_plan, S("02-00-00-00-00-02")), "52:54:00:00:00:02");
	ck_assert_ptr_null(net_plan_new_mac(rig_plan, S("52:54:00:00:00:02")));
	ck_assert_ptr_null(net_plan_new_mac(rig_plan, S("02:00:00:00:00:01")));
	ck_assert_ptr_null(net_plan_new_mac(rig_plan, S("")));
}
END_TEST

static const char *const one[] = { "10.0.0.5/24", NULL };
static const char *const outside[] = { "10.0.0.5/24,gw=10.1.0.1", NULL };

static const struct {
	struct fix_nic_change c;
	const char *says;
} bad[] = {
	{ { .name = "eth9", .addresses = one }, "the machine has no network interface eth9" },
	{ { .name = "eth9", .mac = "52:54:00:00:00:01" }, "no network interface eth9" },
	{ { .name = "bond0", .mac = "52:54:00:00:00:01" }, "does not become a virtual" },
	{ { .name = "ens3", .mac = "nonsense" }, "ens3: nonsense is no Ethernet address" },
	{ { .name = "eno1", .addresses = one }, "eno1 is a member of bond0" },
	{ { .name = "ib0", .addresses = one }, "ib0 is not there" },
	{ { .name = "ens3", .addresses = outside }, "ens3: gateway 10.1.0.1 is outside" },
	{ { .name = "ens3", .mac = "02:00:00:00:00:01" }, "cannot both have" },
};

START_TEST(changes_that_make_no_sense)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(net_plan_make(rig_machine, &bad[_i].c, 1, false, &rig_plan, &err),
			 -EINVAL);
	ck_assert_msg(strstr(err.text, bad[_i].says), "%s", err.text);
	ck_assert_ptr_null(rig_plan);
}
END_TEST

static const struct {
	const char *in, *primary, *out;
} opts[] = {
	{ "mode=4 miimon=100 lacp_rate=1 xmit_hash_policy=layer3+4", "eno2",
	  "mode=active-backup miimon=100 primary=eno2" },
	{ "mode=802.3ad", NULL, "mode=active-backup miimon=100" },
	{ "miimon=50 mode=balance-rr", NULL, "miimon=50 mode=active-backup" },
	{ "", NULL, "mode=active-backup miimon=100" },
	{ "mode=1 miimon=100", "eno2", NULL },
	{ "mode=active-backup primary=eno1", "eno2", NULL },
	{ "mode=6 arp_interval=100 arp_ip_target=10.0.0.1", NULL,
	  "mode=active-backup arp_interval=100 arp_ip_target=10.0.0.1" },
	{ "mode=4 primary=eno1", "eno2", "mode=active-backup primary=eno1 miimon=100" },
};

START_TEST(bonds_become_active_backup)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(net_bond_opts(S(opts[_i].in), opts[_i].primary, &out),
			 opts[_i].out != NULL);
	if (!opts[_i].out)
		return;
	ck_assert_str_eq(out, opts[_i].out);
	ck_assert_int_eq(net_bond_opts(S(out), opts[_i].primary, &again), 0);
}
END_TEST

START_TEST(settings_of_balancing)
{
	static const char *const yes[] = { "lacp_rate", "bond-lacp-rate", "LACPTransmitRate",
					   "transmit-hash-policy", "bond_xmit_hash_policy" };
	static const char *const no[] = { "mode", "miimon", "primary", "bond-slaves", "" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		ck_assert_msg(net_bond_is_balancing(S(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		ck_assert_msg(!net_bond_is_balancing(S(no[i])), "%s", no[i]);
}
END_TEST

START_TEST(modprobes_options)
{
	CLEANUP(mem_free) char *out = NULL, *flat = NULL;
	const char *text = "# bonds\nalias bond0 bonding\noptions bond0 mode=4 miimon=80\n"
			   "options bonding max_bonds=0\noptions igb RSS=4\n";

	rig_decide(KEEP);
	ck_assert_int_eq(net_bond_modprobe(text, rig_plan, &out), 1);
	ck_assert_str_eq(out, "# bonds\nalias bond0 bonding\n"
			      "options bond0 mode=active-backup miimon=80 primary=eno2\n"
			      "options bonding max_bonds=0\noptions igb RSS=4\n");
	net_plan_free(rig_plan);
	rig_decide(FLAT);
	ck_assert_int_eq(net_bond_modprobe(out, rig_plan, &flat), 1);
	ck_assert_ptr_nonnull(strstr(flat, "\n#alias bond0 bonding\n"));
}
END_TEST

START_TEST(teams)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(net_bond_team(S("{\"runner\": {\"name\": \"lacp\"}}"), &out), 1);
	ck_assert_int_eq(net_bond_team(S(out), &again), 0);
}
END_TEST

START_TEST(what_drivers_and_slots_matched)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL;

	rig_decide(MAC);
	ck_assert_int_eq(net_plan_match(rig_plan, NET_BY_DRIVER, "key", S("ixgbe"), false, " ",
					NULL, &a), 0);
	ck_assert_str_eq(a, "eno1 eno2");
	ck_assert_int_eq(net_plan_match(rig_plan, NET_BY_PATH, "key", S("x;pci-0000:05:*"), true,
					" ", NULL, &b), 0);
	ck_assert_str_eq(b, "52:54:00:00:00:0c");
	ck_assert_int_eq(net_plan_match(rig_plan, NET_BY_DRIVER, "key", S("bonding"), false, " ",
					&rig_notes, &c), 0);
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(rig_notes.n, 1);
	ck_assert_ptr_nonnull(strstr(rig_notes.v[0], "key=bonding matches none"));
}
END_TEST

static Suite *net_plan_suite(void)
{
	Suite *s = suite_create("net_plan");
	TCase *t = tcase_create("net_plan");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_add_test(t, the_carrier_has_the_bonds_address);
	tcase_add_test(t, a_flattened_bonds_carrier_takes_its_name);
	tcase_add_test(t, without_the_address_the_active_member_counts);
	tcase_add_test(t, a_nic_that_is_not_made_carries_nothing);
	tcase_add_test(t, new_addresses_follow);
	tcase_add_loop_test(t, changes_that_make_no_sense, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(t, bonds_become_active_backup, 0, ARRAY_SIZE(opts));
	tcase_add_test(t, settings_of_balancing);
	tcase_add_test(t, modprobes_options);
	tcase_add_test(t, teams);
	tcase_add_test(t, what_drivers_and_slots_matched);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(net_plan_suite)
