/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a machine to a virtual one: its network cards. */
#include "tests/unit/test_vmspec_rig.h"

START_TEST(macs)
{
	static const struct {
		const char *mac, *permanent, *want;
	} t[] = {
		{ "52:54:00:00:00:02", "52:54:00:00:00:03", "52:54:00:00:00:03" },
		{ "52:54:00:00:00:02", NULL, "52:54:00:00:00:02" },
		{ "52:54:00:00:00:02", "00:00:00:00:00:00", "52:54:00:00:00:02" },
		{ "01:54:00:00:00:02", "ff:ff:ff:ff:ff:ff", NULL },
		{ "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01", NULL, NULL },
		{ NULL, NULL, NULL },
		{ "52-54-00-00-00-02", NULL, NULL },
		{ "52:54:00:00:00:0", NULL, NULL },
		{ "52:54:00:00:00:01", NULL, NULL },		/* eno1's */
	};

	add_nic("eno2", NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		set(&m->nics[1].mac, t[i].mac);
		set(&m->nics[1].permanent_mac, t[i].permanent);
		SPEC;

		ck_assert_uint_eq(s->nnics, 2);
		if (t[i].want)
			ck_assert_str_eq(s->nics[1].mac, t[i].want);
		else
			ck_assert_msg(!s->nics[1].mac, "%zu", i);
		ck_assert_int_eq(warned("new one"), !t[i].want);
	}
}
END_TEST

START_TEST(what_becomes_a_nic)
{
	static const char *const kinds[] = {"bond", "team",    "bridge",
					    "vlan", "virtual", "wireless"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		set(&add_nic(kinds[i], "52:54:00:00:00:01", NULL)->kind, kinds[i]);
	set(&add_nic("lo", NULL, NULL)->kind, NULL);
	set(&add_nic("old", "52:54:00:00:00:09", NULL)->kind, NULL);
	SPEC;

	ck_assert_uint_eq(s->nnics, 2);
	ck_assert_str_eq(s->nics[0].name, "eno1");
	ck_assert_str_eq(s->nics[1].name, "old");
	ck_assert(warned("wireless"));
	ck_assert_uint_eq(warnings.n, 1);
}
END_TEST

START_TEST(nic_details)
{
	struct machine_nic *n = &m->nics[0];

	caps.net = VM_NET_E1000E;
	n->mtu = 9000;
	n->carrier = false;
	SPEC;

	ck_assert_int_eq(s->nics[0].model, VM_NET_E1000E);
	ck_assert_uint_eq(s->nics[0].mtu, 9000);
	ck_assert(!s->nics[0].link_up && warned("no link"));
	ck_assert_int_eq(s->nics[0].kind, VM_NET_NETWORK);
	ck_assert_str_eq(s->nics[0].target, "default");
	caps.q35 = false;
	n->up = false;
	n->mtu = 1500;
	vmspec_free(s);
	s = build();
	ck_assert_int_eq(s->nics[0].model, VM_NET_E1000);
	ck_assert(s->nics[0].link_up);
	ck_assert_uint_eq(s->nics[0].mtu, 0);
	ck_assert_uint_eq(warnings.n, 0);
	n->mtu = UINT32_MAX;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->nics[0].mtu, 0);
}
END_TEST

START_TEST(maps)
{
	static const char *const texts[] = {
	    "eno1=bridge:br0",	  "52:54:00:00:00:02=direct:eth9", "eno3=none", "*=user",
	    "absent=network:lab",
	};
	struct vmspec_map parsed[ARRAY_SIZE(texts)];

	add_nic("eno2", "52:54:00:00:00:02", NULL)->carrier = false;
	add_nic("eno3", "52:54:00:00:00:03", NULL);
	add_nic("eno4", "52:54:00:00:00:04", NULL)->carrier = false;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_int_eq(vmspec_map_parse(texts[i], &parsed[i], &err), 0);
	opt.maps = parsed;
	opt.nmaps = ARRAY_SIZE(texts);
	SPEC;

	ck_assert_uint_eq(s->nnics, 3);
	ck_assert_int_eq(s->nics[0].kind, VM_NET_BRIDGE);
	ck_assert_str_eq(s->nics[0].target, "br0");
	ck_assert_int_eq(s->nics[1].kind, VM_NET_DIRECT);
	ck_assert_str_eq(s->nics[1].target, "eth9");
	ck_assert(s->nics[1].link_up);		/* asked for by its address */
	ck_assert_str_eq(s->nics[2].name, "eno4");
	ck_assert_int_eq(s->nics[2].kind, VM_NET_USER);
	ck_assert(!s->nics[2].link_up);
	ck_assert(warned("interface absent") && warned("eno4 had no link"));
	ck_assert_uint_eq(warnings.n, 2);
	/* Without the "*": the default network, and a word about it. */
	opt.nmaps = 3;
	vmspec_free(s);
	s = build();
	ck_assert_str_eq(s->nics[2].target, "default");
	ck_assert(warned("no map"));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		vmspec_map_done(&parsed[i]);
}
END_TEST

START_TEST(map_syntax)
{
	static const char *const bad[] = {
	    "",
	    "=",
	    "eth0",
	    "eth0=",
	    "=bridge:br0",
	    "eth0=bridge",
	    "eth0=bridge:",
	    "eth0=user:x",
	    "eth0=none:",
	    "eth0=bridge:a b",
	    "eth0=bridge:sixteen-letters-",
	    "eth0=bridge:../x",
	    "eth0=network:a/b",
	    "eth0=bridge:-x",
	    "eth0=Bridge:br0",
	    "eth0=bridge:br0=x",
	    "eth0=vdpa:x",
	    "eth0=direct:\x01",
	    "eth0= user",
	};
	struct vmspec_map map = { .kind = VM_NET_DIRECT };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(vmspec_map_parse(bad[i], &map, &err) == -EINVAL, "%s", bad[i]);
		ck_assert_ptr_null(map.nic);
		ck_assert_int_eq(map.kind, VM_NET_DIRECT);
		ck_assert_ptr_null(strchr(err.text, '\x01'));
	}
	ck_assert_int_eq(vmspec_map_parse("eth0", &map, NULL), -EINVAL);
	ck_assert_int_eq(vmspec_map_parse("*=network:my.net-1", &map, &err), 0);
	ck_assert_str_eq(map.nic, "*");
	ck_assert_str_eq(map.target, "my.net-1");
	vmspec_map_done(&map);
	ck_assert(!map.nic && !map.target);
}
END_TEST

START_TEST(wishes_for_nics)
{
	struct vmspec_model models[] = {
		{ "eno2", "rtl8139" }, { "eno3", "e1000e" }, { "eno9", "virtio" },
	};

	add_nic("eno2", "52:54:00:00:00:02", NULL);
	add_nic("eno3", "52:54:00:00:00:03", NULL);
	caps.net = VM_NET_VIRTIO;
	opt.models = models;
	opt.nmodels = ARRAY_SIZE(models);
	SPEC;

	ck_assert_int_eq(s->nics[0].model, VM_NET_VIRTIO);
	ck_assert_int_eq(s->nics[1].model, VM_NET_RTL8139);
	ck_assert_int_eq(s->nics[2].model, VM_NET_E1000E);
	ck_assert(warned("eno2 becomes rtl8139 as it was wished"));
	ck_assert_uint_eq(warnings.n, 2);
	vmspec_free(s);
	/* e1000e needs PCI Express. */
	caps.q35 = false;
	s = build();
	ck_assert_int_eq(s->nics[2].model, VM_NET_E1000);
	models[0].model = "ne2k";
	refused("there is no model ne2k");
}
END_TEST

static Suite *vmspec_nics_suite(void)
{
	Suite *s = suite_create("vmspec_nics");
	TCase *tc = tcase_create("vmspec_nics");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, macs);
	tcase_add_test(tc, what_becomes_a_nic);
	tcase_add_test(tc, nic_details);
	tcase_add_test(tc, maps);
	tcase_add_test(tc, map_syntax);
	tcase_add_test(tc, wishes_for_nics);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(vmspec_nics_suite)
