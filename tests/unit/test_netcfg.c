/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/net_plan.h"
#include "postfix/linux/netcfg.h"

static struct machine *m;
static struct net_plan *plan;

static struct machine_nic *add(const char *name, const char *kind, const char *mac,
			       const char *perm, const char *driver, const char *bus)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));

	n->name = strdup(name);
	n->kind = strdup(kind);
	n->mac = mac ? strdup(mac) : NULL;
	n->permanent_mac = perm ? strdup(perm) : NULL;
	n->driver = driver ? strdup(driver) : NULL;
	n->bus = bus ? strdup(bus) : NULL;
	return n;
}

static void setup(void)
{
	ck_assert_int_eq(machine_new(&m), 0);
	add("eno1", "physical", "02:00:00:00:00:bb", "02:00:00:00:00:01", "ixgbe", "0000:01:00.0");
	add("eno2", "physical", "02:00:00:00:00:bb", "02:00:00:00:00:02", "ixgbe", "0000:01:00.1");
	add("ens3", "physical", "02:00:00:00:00:03", NULL, "igb", "0000:05:00.0");
	add("bond0", "bond", "02:00:00:00:00:bb", NULL, "bonding", NULL);
}

static void teardown(void)
{
	net_plan_free(plan);
	plan = NULL;
	machine_free(m);
}

START_TEST(the_permanent_address_counts)
{
	ck_assert_str_eq(netcfg_mac(&m->nics[0]), "02:00:00:00:00:01");
	ck_assert_str_eq(netcfg_mac(&m->nics[2]), "02:00:00:00:00:03");
	ck_assert(netcfg_is_pinnable(&m->nics[0]));
	ck_assert(!netcfg_is_pinnable(&m->nics[3]));
}
END_TEST

static const struct {
	const char *name, *mac;
} bad[] = {
	{ "../../x", "02:00:00:00:00:09" },
	{ "a/b", "02:00:00:00:00:09" },
	{ "", "02:00:00:00:00:09" },
	{ "a b", "02:00:00:00:00:09" },
	{ "averyveryverylong", "02:00:00:00:00:09" },
	{ ".hidden", "02:00:00:00:00:09" },
	{ "ok", "00:00:00:00:00:00" },
	{ "ok", "02:00:00:00:00" },
	{ "ok", "02:00:00:00:00:0g" },
	{ "ok", NULL },
};

START_TEST(odd_names_and_addresses_are_not_pinned)
{
	ck_assert(
		!netcfg_is_pinnable(add(bad[_i].name, "physical", bad[_i].mac, NULL, NULL, NULL)));
}
END_TEST

START_TEST(pins)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL;

	ck_assert_int_eq(netcfg_link_file("eno1", netcfg_mac(&m->nics[0]), true, &a), 0);
	ck_assert_ptr_nonnull(strstr(a, "[Match]\nPermanentMACAddress=02:00:00:00:00:01\n"));
	ck_assert_ptr_nonnull(strstr(a, "[Link]\nName=eno1\n"));
	ck_assert_int_eq(netcfg_link_file("eno1", netcfg_mac(&m->nics[0]), false, &b), 0);
	ck_assert_ptr_nonnull(strstr(b, "[Match]\nMACAddress=02:00:00:00:00:01\nPath=*pci-*\n"));
	ck_assert_int_eq(netcfg_udev_rule("eno1", netcfg_mac(&m->nics[0]), &c), 0);
	ck_assert_ptr_nonnull(strstr(c, "ATTR{address}==\"02:00:00:00:00:01\""));
	ck_assert_ptr_nonnull(strstr(c, "NAME=\"eno1\"\n"));
}
END_TEST

static const struct {
	const char *in, *out;
} rules[] = {
	/* Debian's generator: stays as it is, DRIVERS=="?*" keeps VLANs out. */
	{ "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", "
	  "ATTR{address}==\"02:00:00:00:00:01\", "
	  "ATTR{dev_id}==\"0x0\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n",
	  NULL },
	{ "SUBSYSTEM==\"net\", DRIVERS==\"ixgbe\", ATTR{address}==\"02:00:00:00:00:01\", "
	  "NAME=\"eno1\"\n",
	  "SUBSYSTEM==\"net\", ATTR{address}==\"02:00:00:00:00:01\", NAME=\"eno1\"\n" },
	/* A slot instead of an address: the inventory knows the address. */
	{ "SUBSYSTEM==\"net\", ACTION==\"add\", KERNELS==\"0000:01:00.0\", NAME=\"eno1\"\n",
	  "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"02:00:00:00:00:01\", "
	  "NAME=\"eno1\"\n" },
	{ "SUBSYSTEM==\"net\", KERNELS==\"0000:01:00.0\", ATTR{address}==\"x\", NAME=\"eno1\"\n",
	  "SUBSYSTEM==\"net\", ATTR{address}==\"x\", NAME=\"eno1\"\n" },
	/* Which port of a card: only the first one is there. */
	{ "SUBSYSTEM==\"net\", ATTR{address}==\"02:00:00:00:00:02\", ATTR{dev_id}==\"0x1\", "
	  "NAME=\"eno2\"\n",
	  "SUBSYSTEM==\"net\", ATTR{address}==\"02:00:00:00:00:02\", NAME=\"eno2\"\n" },
	{ "SUBSYSTEM==\"net\", KERNELS==\"0000:09:00.0\", NAME=\"unknown9\"\n", NULL },
	{ "SUBSYSTEM==\"block\", KERNELS==\"0000:01:00.0\", NAME=\"eno1\"\n", NULL },
	{ "# SUBSYSTEM==\"net\", KERNELS==\"x\", NAME=\"eno1\"\n\n", NULL },
	{ "SUBSYSTEM==\"net\", KERNELS==\"unterminated", NULL },
	{ "KERNELS", NULL },
};

START_TEST(udev_rules)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(net_plan_make(m, NULL, 0, false, &plan, NULL), 0);
	ck_assert_int_eq(netcfg_rewrite_udev(rules[_i].in, plan, &out), rules[_i].out != NULL);
	if (!rules[_i].out)
		return;
	ck_assert_str_eq(out, rules[_i].out);
	ck_assert_int_eq(netcfg_rewrite_udev(out, plan, &again), 0);
}
END_TEST

START_TEST(rules_follow_addresses_and_bonds)
{
	const struct fix_nic_change c = { .name = "eno2", .mac = "52:54:00:00:00:02" };
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	m->nics[1].master = strdup("bond0");
	ck_assert_int_eq(net_plan_make(m, &c, 1, true, &plan, NULL), 0);
	ck_assert_int_eq(netcfg_rewrite_udev("SUBSYSTEM==\"net\", "
					     "ATTR{address}==\"02:00:00:00:00:02\", "
					     "NAME=\"eno2\"\n", plan, &out), 1);
	ck_assert_str_eq(out, "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:02\", "
			      "NAME=\"bond0\"\n");
	ck_assert_int_eq(netcfg_rewrite_udev(out, plan, &again), 0);
}
END_TEST

START_TEST(names_of_optical_drives)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(netcfg_rewrite_cd("# DVD\nSUBSYSTEM==\"block\", ENV{ID_CDROM}==\"?*\", "
					   "ENV{ID_PATH}==\"pci-0000:00:1f.2\", "
					   "SYMLINK+=\"cdrom\"\nENV{ID_CDROM}==\"?*\", "
					   "SYMLINK+=\"dvd\"\n", &out), 1);
	ck_assert_str_eq(out, "# DVD\n#SUBSYSTEM==\"block\", ENV{ID_CDROM}==\"?*\", "
			      "ENV{ID_PATH}==\"pci-0000:00:1f.2\", SYMLINK+=\"cdrom\"\n"
			      "ENV{ID_CDROM}==\"?*\", SYMLINK+=\"dvd\"\n");
	ck_assert_int_eq(netcfg_rewrite_cd(out, &again), 0);
}
END_TEST

static Suite *netcfg_suite(void)
{
	Suite *s = suite_create("netcfg");
	TCase *t = tcase_create("netcfg");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_permanent_address_counts);
	tcase_add_loop_test(t, odd_names_and_addresses_are_not_pinned, 0, ARRAY_SIZE(bad));
	tcase_add_test(t, pins);
	tcase_add_loop_test(t, udev_rules, 0, ARRAY_SIZE(rules));
	tcase_add_test(t, rules_follow_addresses_and_bonds);
	tcase_add_test(t, names_of_optical_drives);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(netcfg_suite)
