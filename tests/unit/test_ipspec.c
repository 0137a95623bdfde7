/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/ipspec.h"

#include <errno.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"

static struct ipspec s;

static void setup(void)
{
	s = (struct ipspec){ 0 };
}

START_TEST(what_is_given_adds_up)
{
	ck_assert_int_eq(ipspec_add(&s, "10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2,10.0.0.3", NULL), 0);
	ck_assert(ipspec_has(&s, false) && !ipspec_has(&s, true));
	ck_assert_int_eq(ipspec_add(&s, "2001:DB8::5/64,gw=fe80::1,dns=2001:db8::2", NULL), 0);
	ck_assert(ipspec_has(&s, true));
	ck_assert_uint_eq(s.naddresses, 2);
	ck_assert_str_eq(s.address[0].text, "10.0.0.5");
	ck_assert_uint_eq(s.address[0].prefix, 24);
	ck_assert_str_eq(s.address[1].text, "2001:db8::5");
	ck_assert(s.has_gateway[0] && s.has_gateway[1]);
	ck_assert_uint_eq(s.ndns, 3);
	ck_assert_str_eq(s.dns[1].text, "10.0.0.3");
}
END_TEST

START_TEST(dhcp_is_for_ipv4)
{
	ck_assert_int_eq(ipspec_add(&s, "dhcp,dns=10.0.0.2", NULL), 0);
	ck_assert_int_eq(ipspec_add(&s, "2001:db8::5/64", NULL), 0);
	ck_assert(s.dhcp && ipspec_has(&s, false) && ipspec_has(&s, true));
}
END_TEST

static const struct {
	const char *first, *text, *says;
} bad[] = {
	{ NULL, "", "no address with the length" },
	{ NULL, "10.0.0.5", "no address with the length" },
	{ NULL, "10.0.0.5/", "no address with the length" },
	{ NULL, "10.0.0.5/33", "no address with the length" },
	{ NULL, "10.0.0.5/0", "no address with the length" },
	{ NULL, "10.0.0.5/24x", "no address with the length" },
	{ NULL, "10.0.0.5/-1", "no address with the length" },
	{ NULL, "10.0.0/24", "no address with the length" },
	{ NULL, "10.0.0.256/24", "no address with the length" },
	{ NULL, " 10.0.0.5/24", "no address with the length" },
	{ NULL, "2001:db8::g/64", "no address with the length" },
	{ NULL, "2001:db8::5/129", "no address with the length" },
	{ NULL, "10.0.0.0/24", "no address of a machine" },
	{ NULL, "10.0.0.255/24", "no address of a machine" },
	{ NULL, "224.0.0.1/24", "no address of a machine" },
	{ NULL, "ff02::1/64", "no address of a machine" },
	{ NULL, "0.0.0.0/8", "no address of a machine" },
	{ NULL, "10.0.0.5/24,gw=10.0.1.1", "gateway 10.0.1.1 is outside of 10.0.0.5/24" },
	{ NULL, "10.0.0.5/25,gw=10.0.0.129", "gateway 10.0.0.129 is outside of 10.0.0.5/25" },
	{ NULL, "2001:db8::5/64,gw=2001:db9::1", "is outside of" },
	{ NULL, "10.0.0.5/24,gw=fe80::1", "no IPv4 address" },
	{ NULL, "10.0.0.5/24,gw=10.0.0.1/24", "no IPv4 address" },
	{ NULL, "10.0.0.5/24,gw=10.0.0.5", "own address" },
	{ NULL, "10.0.0.5/24,gw=10.0.0.1,gw=10.0.0.2", "one for IPv4 already" },
	{ NULL, "10.0.0.5/24,gw=", "no IPv4 address" },
	{ NULL, "10.0.0.5/24,dns=", "no address" },
	{ NULL, "10.0.0.5/24,dns=a.b", "no address" },
	{ NULL, "10.0.0.5/24,10.0.0.6/24", "none of gw=" },
	{ NULL, "10.0.0.5/24,mtu=9000", "none of gw=" },
	{ NULL, "10.0.0.5/24\n,gw=10.0.0.1", "no address with the length" },
	{ NULL, "DHCP", "no address with the length" },
	{ NULL, "dhcp,gw=10.0.0.1", "not with dhcp" },
	{ "dhcp", "10.0.0.5/24", "dhcp is asked for" },
	{ "10.0.0.5/24", "dhcp", "IPv4 address is given" },
	{ "10.0.0.5/24", "10.0.0.5/16", "given twice" },
};

START_TEST(errors_name_what_is_wrong)
{
	struct err err = ERR_INIT;

	if (bad[_i].first)
		ck_assert_int_eq(ipspec_add(&s, bad[_i].first, NULL), 0);
	ck_assert_int_eq(ipspec_add(&s, bad[_i].text, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, bad[_i].says), "%s", err.text);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}
END_TEST

START_TEST(there_is_an_end)
{
	char text[32];

	for (int i = 1; i <= IPSPEC_ADDRESSES_MAX; i++) {
		snprintf(text, sizeof(text), "10.0.0.%d/24", i);
		ck_assert_int_eq(ipspec_add(&s, text, NULL), 0);
	}
	ck_assert_int_eq(ipspec_add(&s, "10.0.0.99/24", NULL), -EINVAL);
	s = (struct ipspec){ 0 };
	ck_assert_int_eq(ipspec_add(&s, "dhcp,dns=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,"
					"1.1.1.7,1.1.1.8,1.1.1.9", NULL), -EINVAL);
}
END_TEST

START_TEST(netmasks)
{
	static const struct {
		unsigned int prefix;
		const char *mask;
	} masks[] = {
		{ 32, "255.255.255.255" }, { 24, "255.255.255.0" }, { 23, "255.255.254.0" },
		{ 1, "128.0.0.0" }, { 0, "0.0.0.0" }, { 12, "255.240.0.0" },
	};
	char got[16];

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		ipspec_netmask(masks[i].prefix, got);
		ck_assert_str_eq(got, masks[i].mask);
	}
}
END_TEST

START_TEST(ethernet_addresses)
{
	char mac[18];

	ck_assert(ipspec_parse_mac("52:54:00:AA:bb:01", mac));
	ck_assert_str_eq(mac, "52:54:00:aa:bb:01");
	ck_assert(!ipspec_parse_mac("53:54:00:aa:bb:01", mac));
	ck_assert(!ipspec_parse_mac("00:00:00:00:00:00", mac));
	ck_assert(!ipspec_parse_mac("52:54:00:aa:bb", mac));
	ck_assert(!ipspec_parse_mac("52-54-00-aa-bb-01", mac));
	ck_assert(!ipspec_parse_mac("52:54:00:aa:bb:0g", mac));
	ck_assert(!ipspec_parse_mac(NULL, mac));
}
END_TEST

static Suite *ipspec_suite(void)
{
	Suite *suite = suite_create("ipspec");
	TCase *t = tcase_create("ipspec");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_is_given_adds_up);
	tcase_add_test(t, dhcp_is_for_ipv4);
	tcase_add_loop_test(t, errors_name_what_is_wrong, 0, ARRAY_SIZE(bad));
	tcase_add_test(t, there_is_an_end);
	tcase_add_test(t, netmasks);
	tcase_add_test(t, ethernet_addresses);
	suite_add_tcase(suite, t);
	return suite;
}

UNIT_MAIN(ipspec_suite)
