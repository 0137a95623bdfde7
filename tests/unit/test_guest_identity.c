/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of /etc/os-release as they come, and as they should not. */
#include "postfix/guest_identity.h"

#include <string.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

static const struct {
	const char *text, *distro, *osinfo;
	int major, minor;
} good[] = {
	{ "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
	  "debian", "debian12", 12, 0 },
	{ "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n", "ubuntu",
	  "ubuntu24.04", 24, 4 },
	{ "# note\n\nID=\"rhel\"\nVERSION_ID='9.4'", "rhel", "rhel9.4", 9, 4 },
	{ "ID=fedora\nVERSION_ID=40\nVARIANT_ID=server\n", "fedora", "fedora40", 40, 0 },
	/* A shell takes the last one. */
	{ "ID=arch\nID=debian\nVERSION_ID=\"11\"\n", "debian", "debian11", 11, 0 },
};

static const char *const bad[] = {
	"",
	"ID=debian\n",				/* sid has no version */
	"VERSION_ID=\"12\"\n",
	"ID=debian\nVERSION_ID=\"\"\n",
	"ID=debian\nVERSION_ID=\"12\n",
	"ID=debian\nVERSION_ID=\"12.\"\n",
	"ID=debian\nVERSION_ID=\"1.2.3\"\n",
	"ID=debian\nVERSION_ID=\".5\"\n",
	"ID=debian\nVERSION_ID=\"twelve\"\n",
	"ID=debian\nVERSION_ID=\"99999999999\"\n",
	"ID=debian\nVERSION_ID=\"12345678901234567890123456789012345678901234567890\"\n",
	"ID=gentoo\nVERSION_ID=\"2.15\"\n",	/* not in the table */
	"ID=debianx\nVERSION_ID=\"12\"\n",
	"ID_LIKE=debian\nVERSION_ID=\"12\"\n",
	"ID=debian\x01\nVERSION_ID=\"12\"\n",
};

START_TEST(known_systems)
{
	struct guest_identity id;

	ck_assert(guest_identity_parse(good[_i].text, &id));
	ck_assert_str_eq(id.distro, good[_i].distro);
	ck_assert_str_eq(id.osinfo, good[_i].osinfo);
	ck_assert_int_eq(id.major, good[_i].major);
	ck_assert_int_eq(id.minor, good[_i].minor);
}
END_TEST

START_TEST(not_settled)
{
	struct guest_identity id = { .major = -7 };

	ck_assert_msg(!guest_identity_parse(bad[_i], &id), "%s", bad[_i]);
	ck_assert_int_eq(id.major, -7);
}
END_TEST

START_TEST(processors)
{
	uint8_t head[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [18] = 62 };

	ck_assert_str_eq(guest_identity_arch(head, sizeof(head)), "x86_64");
	head[18] = 3;
	ck_assert_str_eq(guest_identity_arch(head, sizeof(head)), "i386");
	head[18] = 183;
	ck_assert_ptr_null(guest_identity_arch(head, sizeof(head)));
	head[18] = 62;
	ck_assert_ptr_null(guest_identity_arch(head, 19));
	head[5] = 2;
	ck_assert_ptr_null(guest_identity_arch(head, sizeof(head)));
	ck_assert_ptr_null(guest_identity_arch("#!/bin/busybox and so on", 24));
}
END_TEST

static Suite *suite_guest_identity(void)
{
	Suite *s = suite_create("guest_identity");
	TCase *tc = tcase_create("guest_identity");

	tcase_add_loop_test(tc, known_systems, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tc, not_settled, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, processors);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_guest_identity)
