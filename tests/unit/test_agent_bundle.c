/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent undoes of the launcher's work. Each test is a process of its own. */
#include "p2v-agent/bundle/bundle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "common/spawn.h"
#include "tests/lib/unit.h"

static void child_environment(struct spawn_result *ret)
{
	char *argv[] = { "env", NULL };

	ck_assert_int_eq(spawn_run(argv, NULL, 0, 10, 100000, ret, NULL), 0);
	ck_assert_int_eq(ret->status, 0);
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = strstr(text, line); p; p = strstr(p + 1, line))
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
	return false;
}

START_TEST(without_launcher)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	int fd = fcntl(0, F_DUPFD, 120);

	unsetenv(BUNDLE_FDS);
	setenv("OPENSSL_CONF", "/etc/mine", 1);
	bundle_begin();
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	child_environment(&r);
	ck_assert(has_line(r.out, "OPENSSL_CONF=/etc/mine"));
	close(fd);
}
END_TEST

START_TEST(descriptors_are_closed)
{
	int a = fcntl(0, F_DUPFD, 120), b = fcntl(0, F_DUPFD, a + 1), c = fcntl(0, F_DUPFD, b + 1);
	char text[64], name[16] = "";

	/* Nor is any of the first three closed, whoever says so. */
	snprintf(text, sizeof(text), "0,%d,2,%d", a, c);
	setenv(BUNDLE_FDS, text, 1);
	bundle_begin();
	ck_assert_int_lt(fcntl(a, F_GETFD), 0);
	ck_assert_int_ge(fcntl(b, F_GETFD), 0);
	ck_assert_int_lt(fcntl(c, F_GETFD), 0);
	ck_assert_int_ge(fcntl(0, F_GETFD), 0);
	ck_assert_int_ge(fcntl(2, F_GETFD), 0);
	prctl(PR_GET_NAME, name);
	ck_assert_str_eq(name, "p2v-agent");
	close(b);
}
END_TEST

START_TEST(noise)
{
	static const char *const lists[] = { "", ",", "x", "5x,6", "-1", "99999999999999999999" };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		setenv(BUNDLE_FDS, lists[i], 1);
		bundle_begin();
		ck_assert_int_ge(fcntl(1, F_GETFD), 0);
	}
}
END_TEST

START_TEST(environment_is_the_callers)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };

	setenv(BUNDLE_FDS, "120", 1);
	setenv(BUNDLE_SAVED "P2V_TEST_LD", "/a=b", 1);
	setenv(BUNDLE_SAVED "OPENSSL_CONF", "/etc/mine", 1);
	setenv("OPENSSL_CONF", BUNDLE_NOWHERE, 1);
	setenv("OPENSSL_MODULES", BUNDLE_NOWHERE, 1);
	setenv("P2V_TEST_OTHER", "kept", 1);
	bundle_begin();
	child_environment(&r);
	ck_assert(has_line(r.out, "P2V_TEST_LD=/a=b"));
	ck_assert(has_line(r.out, "OPENSSL_CONF=/etc/mine"));
	ck_assert(has_line(r.out, "P2V_TEST_OTHER=kept"));
	ck_assert_ptr_null(strstr(r.out, BUNDLE_NOWHERE));
	ck_assert_ptr_null(strstr(r.out, BUNDLE_FDS));
	ck_assert_ptr_null(strstr(r.out, BUNDLE_SAVED));
	/* The agent's own stays: OpenSSL reads it late. */
	ck_assert_str_eq(getenv("OPENSSL_CONF"), BUNDLE_NOWHERE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("agent_bundle");
	TCase *tc = tcase_create("bundle");

	tcase_add_test(tc, without_launcher);
	tcase_add_test(tc, descriptors_are_closed);
	tcase_add_test(tc, noise);
	tcase_add_test(tc, environment_is_the_callers);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
