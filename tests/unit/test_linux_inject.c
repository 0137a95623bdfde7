/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finish --inject, over a guest that is a folder: its "dpkg" and "rpm" are a script, which notes
 * how it was called and puts the agent's files there, or fails.
 */
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "postfix/fix.h"
#include "tests/lib/guest_tree.h"

static char base[] = "/tmp/p2v-inject.XXXXXX";
static char root[64], packages[64], runner[64];

static const char runner_text[] =
	"root=$1\n"
	"c=$(printf '%s\\n' \"$2\" | sed -n \"s/.*sh -c '\\(.*\\)' <\\/dev\\/null.*/\\1/p\")\n"
	"echo \"$c\" >>\"$root/calls\"\n"
	"case $c in\n"
	"*'dpkg -i '*.deb)\n"
	"	[ -x \"$root/usr/sbin/policy-rc.d\" ] || { echo no policy; exit 1; }\n"
	"	[ -s \"$root/${c##* /}\" ] || { echo no file; exit 1; }\n"
	"	[ ! -e \"$root/lacks\" ] || { echo dependency problems; exit 1; }\n"
	"	mkdir -p \"$root/lib/systemd/system\" \"$root/usr/sbin\"\n"
	"	: >\"$root/usr/sbin/qemu-ga\"\n"
	"	printf '[Install]\\nWantedBy=multi-user.target\\n' "
	">\"$root/lib/systemd/system/qemu-guest-agent.service\" ;;\n"
	"*'dpkg --purge qemu-guest-agent') ;;\n"
	"*) echo not found; exit 127 ;;\n"
	"esac\n";

static void put(const char *dir, const char *name, const char *text)
{
	CLEANUP(mem_free) char *path = text_format("%s/%s", dir, name), *folder = NULL;

	ck_assert_ptr_nonnull(path);
	folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	ck_assert_int_eq(fdio_mkdir_p(folder, 0755, NULL), 0);
	ck_assert_int_ge(fdio_replace_file(path, text, strlen(text), 0755, NULL), 0);
}

static bool there(const char *name)
{
	CLEANUP(mem_free) char *path = text_format("%s/%s", root, name);

	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void setup(void)
{
	strcpy(base + strlen(base) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(root, sizeof(root), "%s/root", base);
	snprintf(packages, sizeof(packages), "%s/packages", base);
	snprintf(runner, sizeof(runner), "%s/run", base);
	put(base, "run", runner_text);
	put(root, "etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian\"\n");
	put(root, "usr/bin/dpkg", "tool");
	put(root, "var/tmp/x", "");
	put(packages, "qemu-guest-agent_5.2+dfsg-11_amd64.deb", "old");
	put(packages, "qemu-guest-agent_7.2+dfsg-7_amd64.deb", "new");
	put(packages, "qemu-guest-agent_9.0-1_arm64.deb", "other processor");
	put(packages, "qemu-guest-agent-9.0-1.el9.x86_64.rpm", "other packages");
	put(packages, "liburing2_2.3-3_amd64.deb", "not the agent");
}

static void teardown(void)
{
	CLEANUP(mem_free) char *cmd = text_format("rm -rf %s", base);

	ck_assert_int_eq(system(cmd), 0);
}

static struct fix_report *run(bool dry)
{
	static const char *const only[] = { "guest-agent", NULL };
	CLEANUP(guest_free) struct guest *guest = NULL;
	struct fix_options opt = { .dry_run = dry, .only = only, .inject = packages };
	struct fix_report *rep = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(guest_tree_open(root, NULL, runner, &guest, &err) >= 0, "%s", err.text);
	ck_assert_msg(fix_guest(&opt, guest, &rep, &err) >= 0, "%s", err.text);
	return rep;
}

static const struct fix_result *agent(const struct fix_report *rep)
{
	for (size_t i = 0; i < rep->nresults; i++)
		if (strcmp(rep->results[i].id, "guest-agent") == 0)
			return &rep->results[i];
	ck_abort_msg("no row guest-agent");
}

START_TEST(the_newest_that_fits_is_installed)
{
	CLEANUP(fix_report_free) struct fix_report *dry = run(true), *rep = NULL, *again = NULL;

	ck_assert_int_eq(agent(dry)->state, FIX_WOULD_APPLY);
	ck_assert_ptr_nonnull(strstr(agent(dry)->detail,
				     "would install qemu-guest-agent_7.2+dfsg-7_amd64.deb"));
	ck_assert(!there("calls"));
	rep = run(false);
	ck_assert_int_eq(agent(rep)->state, FIX_APPLIED);
	ck_assert_ptr_nonnull(strstr(agent(rep)->detail,
				     "qemu-guest-agent_7.2+dfsg-7_amd64.deb is installed"));
	ck_assert(there("usr/sbin/qemu-ga"));
	ck_assert(there("etc/systemd/system/multi-user.target.wants/qemu-guest-agent.service"));
	/* Nothing of ours stays. */
	ck_assert(!there("usr/sbin/policy-rc.d"));
	ck_assert(!there("var/tmp/p2v-qemu-guest-agent_7.2+dfsg-7_amd64.deb"));
	again = run(false);
	ck_assert_int_eq(agent(again)->state, FIX_NOT_NEEDED);
}
END_TEST

START_TEST(what_lacks_others_is_taken_out)
{
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;
	CLEANUP(mem_free) char *path = NULL, *calls = NULL;
	size_t n;

	put(root, "lacks", "");
	rep = run(false);
	ck_assert_int_eq(agent(rep)->state, FIX_FAILED);
	ck_assert_ptr_nonnull(strstr(agent(rep)->detail, "dependency problems"));
	path = text_format("%s/calls", root);
	ck_assert_int_eq(fdio_read_file(path, 4096, &calls, &n, NULL), 0);
	ck_assert_ptr_nonnull(strstr(calls, "dpkg --purge qemu-guest-agent"));
	ck_assert(!there("usr/sbin/policy-rc.d"));
	ck_assert(!there("var/tmp/p2v-qemu-guest-agent_7.2+dfsg-7_amd64.deb"));
}
END_TEST

START_TEST(what_does_not_fit_is_not_tried)
{
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;
	CLEANUP(mem_free) char *dpkg = text_format("%s/usr/bin/dpkg", root);

	ck_assert_int_eq(unlink(dpkg), 0);
	put(root, "sbin/apk", "tool");
	rep = run(false);
	ck_assert_ptr_nonnull(strstr(agent(rep)->detail, "has no qemu-guest-agent package"));
	ck_assert(!there("calls"));
}
END_TEST

static Suite *linux_inject_suite(void)
{
	Suite *s = suite_create("linux_inject");
	TCase *t = tcase_create("linux_inject");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_newest_that_fits_is_installed);
	tcase_add_test(t, what_lacks_others_is_taken_out);
	tcase_add_test(t, what_does_not_fit_is_not_tried);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(linux_inject_suite)
