/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/netcfg.h"

static struct machine *m;

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

	ck_assert_int_eq(netcfg_link_file(&m->nics[0], true, &a), 0);
	ck_assert_ptr_nonnull(strstr(a, "[Match]\nPermanentMACAddress=02:00:00:00:00:01\n"));
	ck_assert_ptr_nonnull(strstr(a, "[Link]\nName=eno1\n"));
	ck_assert_int_eq(netcfg_link_file(&m->nics[0], false, &b), 0);
	ck_assert_ptr_nonnull(strstr(b, "[Match]\nMACAddress=02:00:00:00:00:01\nPath=*pci-*\n"));
	ck_assert_int_eq(netcfg_udev_rule(&m->nics[0], &c), 0);
	ck_assert_ptr_nonnull(strstr(c, "ATTR{address}==\"02:00:00:00:00:01\""));
	ck_assert_ptr_nonnull(strstr(c, "NAME=\"eno1\"\n"));
}
END_TEST

START_TEST(kernel_names_that_collide)
{
	struct machine *one;

	ck_assert_int_eq(netcfg_kernel_number("eth0"), 0);
	ck_assert_int_eq(netcfg_kernel_number("eth12"), 12);
	ck_assert_int_eq(netcfg_kernel_number("eth"), -1);
	ck_assert_int_eq(netcfg_kernel_number("eth0.5"), -1);
	ck_assert(!netcfg_names_collide(m));
	ck_assert_int_eq(machine_new(&one), 0);
	machine_free(m);
	m = one;
	add("eth0", "physical", "02:00:00:00:00:01", NULL, NULL, NULL);
	add("eth1", "physical", "02:00:00:00:00:02", NULL, NULL, NULL);
	ck_assert(!netcfg_names_collide(m));
	add("eth5", "physical", "02:00:00:00:00:03", NULL, NULL, NULL);
	ck_assert(!netcfg_names_collide(m));
	/* In the wrong order: the kernel gives eth0 to the one that wants eth1. */
	free(m->nics[0].name);
	m->nics[0].name = strdup("eth1");
	free(m->nics[1].name);
	m->nics[1].name = strdup("eth0");
	ck_assert(netcfg_names_collide(m));
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
	{ "SUBSYSTEM==\"net\", KERNELS==\"0000:09:00.0\", NAME=\"unknown9\"\n", NULL },
	{ "SUBSYSTEM==\"block\", KERNELS==\"0000:01:00.0\", NAME=\"eno1\"\n", NULL },
	{ "# SUBSYSTEM==\"net\", KERNELS==\"x\", NAME=\"eno1\"\n\n", NULL },
	{ "SUBSYSTEM==\"net\", KERNELS==\"unterminated", NULL },
	{ "KERNELS", NULL },
};

START_TEST(udev_rules)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(netcfg_rewrite_udev(rules[_i].in, m, &out), rules[_i].out != NULL);
	if (!rules[_i].out)
		return;
	ck_assert_str_eq(out, rules[_i].out);
	ck_assert_int_eq(netcfg_rewrite_udev(out, m, &again), 0);
}
END_TEST

static const struct {
	enum netcfg_ini kind;
	const char *in, *out;
	size_t notes;
} inis[] = {
	{ NETCFG_NETWORKD_NETWORK, "[Match]\nName=eno1\n\n[Network]\nDHCP=yes\n", NULL, 0 },
	{ NETCFG_NETWORKD_NETWORK, "[Match]\nPath=pci-0000:01:00.1\n[Network]\nDHCP=yes\n",
	  "[Match]\nName=eno2\n[Network]\nDHCP=yes\n", 0 },
	{ NETCFG_NETWORKD_NETWORK, "[Match]\nDriver=ixgbe\n", "[Match]\nName=eno1 eno2\n", 0 },
	{ NETCFG_NETWORKD_NETWORK, "[Match]\nName=en*\nDriver=ixgbe\n", "[Match]\nName=en*\n", 0 },
	{ NETCFG_NETWORKD_NETWORK, "[Match]\nDriver=bonding\n", NULL, 1 },
	{ NETCFG_NETWORKD_NETWORK, "[Network]\nDriver=ixgbe\n", NULL, 0 },
	{ NETCFG_NETWORKD_LINK, "[Match]\nPath=pci-0000:05:*\n\n[Link]\nName=lan\n",
	  "[Match]\nMACAddress=02:00:00:00:00:03\n\n[Link]\nName=lan\n", 0 },
	{ NETCFG_NETWORKD_LINK, "[Match]\nMACAddress=02:00:00:00:00:01\nPath=*pci-*\n", NULL, 0 },
	{ NETCFG_NM, "[connection]\ninterface-name=eno1\n[match]\ndriver=ixgbe;\n",
	  "[connection]\ninterface-name=eno1\n[match]\n", 0 },
	{ NETCFG_NM, "[connection]\nid=x\n\n[match]\npath=pci-0000:01:00.0\n",
	  "[connection]\nid=x\n\n[match]\ninterface-name=eno1\n", 0 },
	{ NETCFG_NM, "[match]\n", NULL, 0 },
	{ NETCFG_NM, "", NULL, 0 },
};

START_TEST(ini_files)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	struct machine_strv notes = { 0 };

	ck_assert_int_eq(netcfg_rewrite_ini(inis[_i].kind, inis[_i].in, m, &out, &notes),
			 inis[_i].out != NULL);
	ck_assert_uint_eq(notes.n, inis[_i].notes);
	for (size_t i = 0; i < notes.n; i++)
		free(notes.v[i]);
	free(notes.v);
	if (!inis[_i].out)
		return;
	ck_assert_str_eq(out, inis[_i].out);
	ck_assert_int_eq(netcfg_rewrite_ini(inis[_i].kind, out, m, &again, NULL), 0);
}
END_TEST

START_TEST(ifupdown)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;

	ck_assert_int_eq(netcfg_rewrite_ifupdown("iface eno1 inet static\n\taddress 10.0.0.1/24\n"
						 "\tlink-speed 1000\n\thardware-dma-ring-rx 4096\n",
						 &out),
			 1);
	ck_assert_str_eq(out, "iface eno1 inet static\n\taddress 10.0.0.1/24\n"
			      "#\tlink-speed 1000\n#\thardware-dma-ring-rx 4096\n");
	ck_assert_int_eq(netcfg_rewrite_ifupdown(out, &again), 0);
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
	tcase_add_test(t, kernel_names_that_collide);
	tcase_add_loop_test(t, udev_rules, 0, ARRAY_SIZE(rules));
	tcase_add_loop_test(t, ini_files, 0, ARRAY_SIZE(inis));
	tcase_add_test(t, ifupdown);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(netcfg_suite)
