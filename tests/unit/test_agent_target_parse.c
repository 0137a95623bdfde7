/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/transport_ssh.h"

#include "tests/lib/unit.h"

START_TEST(accepted)
{
	static const struct {
		const char *text, *user, *host;
		unsigned int port;
	} t[] = {
		{ "host", NULL, "host", 0 },
		{ "host.example.org", NULL, "host.example.org", 0 },
		{ "host:22", NULL, "host", 22 },
		{ "host:1", NULL, "host", 1 },
		{ "host:65535", NULL, "host", 65535 },
		{ "root@host", "root", "host", 0 },
		{ "root@host:2222", "root", "host", 2222 },
		{ "192.0.2.1", NULL, "192.0.2.1", 0 },
		{ "p2v@192.0.2.1:2200", "p2v", "192.0.2.1", 2200 },
		{ "[::1]", NULL, "::1", 0 },
		{ "[::1]:22", NULL, "::1", 22 },
		{ "user@[fe80::1%eth0]:22", "user", "fe80::1%eth0", 22 },
		{ "::1", NULL, "::1", 0 },
		{ "2001:db8::1", NULL, "2001:db8::1", 0 },
		{ "user@2001:db8::1", "user", "2001:db8::1", 0 },
		/* Domain accounts have an @ of their own. */
		{ "me@corp.example@host", "me@corp.example", "host", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		CLEANUP(ssh_target_done) struct ssh_target got = { 0 };
		struct err err = ERR_INIT;

		ck_assert_msg(ssh_target_parse(t[i].text, &got, &err) == 0, "%s: %s", t[i].text,
			      err.text);
		ck_assert_str_eq(got.host, t[i].host);
		ck_assert_uint_eq(got.port, t[i].port);
		if (t[i].user)
			ck_assert_str_eq(got.user, t[i].user);
		else
			ck_assert_ptr_null(got.user);
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const t[] = {
		"",
		":",
		":22",
		"@",
		"@host",
		"user@",
		"user@:22",
		"host:",
		"host:0",
		"host:65536",
		"host:-1",
		"host:+1",
		"host: 22",
		"host:22x",
		"host:x",
		"host:99999999999999999999",
		"[::1",
		"[::1]x",
		"[::1]:",
		"[::1]22",
		"[]",
		"[]:22",
		"user@[",
		/* Taken for an option by what is run with it. */
		"-oProxyCommand=x",
		"user@-oProxyCommand=x",
		"[-x]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct ssh_target got = { .port = 7 };
		struct err err = ERR_INIT;

		ck_assert_msg(ssh_target_parse(t[i], &got, &err) == -EINVAL,
			      "%s was taken: user %s host %s", t[i], got.user ? got.user : "-",
			      got.host ? got.host : "-");
		ck_assert_msg(strlen(err.text) > 0, "no words for %s", t[i]);
		ck_assert_ptr_null(got.host);
		ck_assert_uint_eq(got.port, 7);
	}
}
END_TEST

static Suite *parse_suite(void)
{
	Suite *s = suite_create("target_parse");
	TCase *tc = tcase_create("target_parse");

	tcase_add_test(tc, accepted);
	tcase_add_test(tc, refused);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(parse_suite)
