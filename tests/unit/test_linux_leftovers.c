/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rewriters for what a physical machine leaves behind, and the tables they go by. */
#include "tests/lib/unit.h"

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/devconf.h"
#include "postfix/linux/pkglist.h"
#include "postfix/linux/sysconf.h"

/* Text in, text out; to NULL: nothing changes. What comes out changes no more. */
static void becomes(int (*rewrite)(const char *text, char **ret), const char *from, const char *to)
{
	CLEANUP(mem_free) char *s = NULL, *again = NULL;
	int r = rewrite(from, &s);

	ck_assert_msg(r == (to != NULL), "%d for %s", r, from);
	if (!to)
		return;
	ck_assert_str_eq(s, to);
	r = rewrite(s, &again);
	ck_assert_msg(r == 0, "twice: %s", again ? again : "?");
}

/* ---- conftext */

START_TEST(keys_are_read_in_their_section)
{
	static const char text[] = "a=0\n[Login]\n#HandlePowerKey=x\nHandlePowerKey=ignore\n"
				   "[Other]\nHandlePowerKey=no\n[Login]\n HandlePowerKey = "
				   "\"two\"\n";
	CLEANUP(mem_free) char *v = NULL, *none = NULL, *top = NULL;

	ck_assert_int_eq(conftext_get(text, "Login", "HandlePowerKey", &v), 0);
	ck_assert_str_eq(v, "two");
	ck_assert_int_eq(conftext_get(text, "Login", "Handle", &none), 0);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(conftext_get(text, NULL, "a", &top), 0);
	ck_assert_str_eq(top, "0");
}
END_TEST

static int power_off(const char *text, char **ret)
{
	return conftext_set(text, "Login", "HandlePowerKey", "poweroff", ret);
}

static int no_watchdog(const char *text, char **ret)
{
	return conftext_set(text, "Manager", "RuntimeWatchdogSec", NULL, ret);
}

static int no_multipath(const char *text, char **ret)
{
	return conftext_drop_word(text, "add_dracutmodules", "multipath", ret);
}

START_TEST(keys_and_words_are_changed)
{
	becomes(power_off, "[Login]\nHandlePowerKey=ignore \r\n[X]\nHandlePowerKey=ignore",
		"[Login]\nHandlePowerKey=poweroff \r\n[X]\nHandlePowerKey=ignore");
	becomes(power_off, "HandlePowerKey=ignore\n", NULL);
	becomes(no_watchdog, "[Manager]\nRuntimeWatchdogSec=30\nX=1\n",
		"[Manager]\n#RuntimeWatchdogSec=30\nX=1\n");
	becomes(no_multipath, "add_dracutmodules+=\" lvm multipath mdraid \"\n",
		"add_dracutmodules+=\" lvm mdraid \"\n");
	becomes(no_multipath, "add_dracutmodules+=\"multipath\"", "add_dracutmodules+=\"\"");
	becomes(no_multipath, "add_dracutmodules+=\" multipath-x nomultipath \"\n", NULL);
	becomes(no_multipath, "omit_dracutmodules+=\" multipath \"\n", NULL);
	becomes(no_multipath, "#add_dracutmodules+=\" multipath \"\n", NULL);
	ck_assert(conftext_listed("ups, time", "time") && !conftext_listed("ups,time", "tim"));
	ck_assert(!conftext_listed(NULL, "x") && !conftext_listed("", "x"));
}
END_TEST

/* ---- sysconf */

START_TEST(huge_pages_fit)
{
	CLEANUP(mem_free) char *to = NULL;
	uint64_t n = 0;

	/* 64 GiB of 128 are 50 %; of 64 they are all, of 80 they are 80 %. */
	ck_assert_uint_eq(sysconf_hugepages(32768, 2 * MIB, 128 * GIB), 32768);
	ck_assert_uint_eq(sysconf_hugepages(32768, 2 * MIB, 64 * GIB), 16384);
	ck_assert_uint_eq(sysconf_hugepages(32768, 2 * MIB, 80 * GIB), 20480);
	ck_assert_uint_eq(sysconf_hugepages(32768, 2 * MIB, 0), 32768);
	ck_assert_uint_eq(sysconf_hugepages(UINT64_MAX, GIB, 8 * GIB), 4);
	ck_assert_uint_eq(sysconf_hugepage_size("ro default_hugepagesz=1G x"), GIB);
	ck_assert_uint_eq(sysconf_hugepage_size("ro default_hugepagesz="), 2 * MIB);
	ck_assert_uint_eq(sysconf_hugepage_size(NULL), 2 * MIB);
	ck_assert(sysconf_sysctl_number("vm/nr_hugepages=5\n-vm.nr_hugepages = 77 \n#vm.nr_hug"
					"epages=1\n", "vm.nr_hugepages", &n));
	ck_assert_uint_eq(n, 77);
	ck_assert(!sysconf_sysctl_number("vm.nr_hugepages=5x\n", "vm.nr_hugepages", &n));
	ck_assert(!sysconf_sysctl_number("vm.nr_hugepages=99999999999999999999999\n",
					 "vm.nr_hugepages", &n));
	ck_assert_int_eq(sysconf_sysctl_set("a=1\nvm.nr_hugepages = 5 # x\n", "vm.nr_hugepages",
					    "2", &to), 1);
	ck_assert_str_eq(to, "a=1\nvm.nr_hugepages = 2\n");
}
END_TEST

static int sources(const char *text, char **ret)
{
	return sysconf_time_sources(text, ret, NULL);
}

START_TEST(clocks_are_forgotten)
{
	becomes(sysconf_adjtime, "-1.234 1700000000 0.0\n1700000000\nLOCAL\n",
		"0.0 0 0.0\n0\nLOCAL\n");
	becomes(sysconf_adjtime, "0.0 0 0.0\n0\nUTC\n", NULL);
	becomes(sysconf_adjtime, "x\ny", "0.0 0 0.0\n0\n");
	becomes(sysconf_adjtime, "", NULL);
	becomes(sysconf_adjtime, "one line", NULL);
	ck_assert(sysconf_adjtime_local("0 0 0\n0\nLOCAL\n"));
	ck_assert(!sysconf_adjtime_local("LOCAL\n0\nUTC\n"));
	becomes(sources, "pool a.b iburst\nrefclock PHC /dev/ptp0 poll 2\nrefclock SHM 0\n"
		"hwtimestamp *\nrtcsync\nrefclock PHC /dev/ptp_kvm poll 2\n",
		"pool a.b iburst\n#refclock PHC /dev/ptp0 poll 2\n#refclock SHM 0\n"
		"#hwtimestamp *\nrtcsync\nrefclock PHC /dev/ptp_kvm poll 2\n");
	becomes(sources, "server 127.127.28.0\nfudge 127.127.28.0 refid GPS\n"
		"server 127.127.1.0\nserver 127.127.221.0\nserver ntp1\n",
		"#server 127.127.28.0\n#fudge 127.127.28.0 refid GPS\n"
		"server 127.127.1.0\nserver 127.127.221.0\nserver ntp1\n");
	ck_assert(sysconf_has_time_source("driftfile x\npool a\n"));
	ck_assert(!sysconf_has_time_source("driftfile x\n#pool a\n"));
}
END_TEST

/* ---- devconf */

START_TEST(crash_dumps_find_their_disk)
{
	CLEANUP(devmap_done) struct devmap map = { 0 };
	CLEANUP(machine_strv_done) struct machine_strv notes = { 0 };
	CLEANUP(mem_free) char *to = NULL;
	static char disk[] = "sda", type[] = "xfs", uuid[] = "1111-2222";
	struct devmap_part p = { .disk = disk, .number = 3, .type = type, .uuid = uuid };

	ck_assert_int_eq(devmap_add(&map, &p), 0);
	ck_assert_int_eq(devconf_kdump("# xfs /dev/sda3\nxfs /dev/sda3\nraw /dev/sda3\n"
				       "ext4 /dev/sdq1\nxfs UUID=1111-2222\nxfs UUID=9\n"
				       "path /var/crash\nnfs h:/x\n", &map, &to, &notes), 1);
	ck_assert_str_eq(to, "# xfs /dev/sda3\nxfs UUID=1111-2222\n"
			 "raw /dev/disk/by-uuid/1111-2222\n#ext4 /dev/sdq1\nxfs UUID=1111-2222\n"
			 "#xfs UUID=9\npath /var/crash\nnfs h:/x\n");
	ck_assert_uint_eq(notes.n, 2);
}
END_TEST

START_TEST(cards_are_recognised)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "Section \"Device\"\n\tDriver \"nvidia\"\nEndSection\n", "Driver \"nvidia\"" },
		{ "Section \"Device\"\n  BusID \"PCI:1:0:0\"\nEndSection\n",
		  "BusID \"PCI:1:0:0\"" },
		{ "section \"device\"\n driver \"modesetting\"\n", NULL },
		{ "Section \"InputDevice\"\n Driver \"evdev\"\nEndSection\n", NULL },
		{ "Section \"Device\"\nEndSection\nDriver \"nvidia\"\n", NULL },
		{ "#Section \"Device\"\nDriver \"nvidia\"\n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(mem_free) char *why = NULL;
		const char *p;

		ck_assert_int_eq(devconf_xorg(cases[i].text, &why), 0);
		if (!cases[i].why) {
			ck_assert_msg(!why, "%s: %s", cases[i].text, why);
			continue;
		}
		p = why ? strstr(why, cases[i].why) : NULL;
		ck_assert_msg(p, "%s", cases[i].text);
	}
}
END_TEST

START_TEST(rules_for_disks_are_found)
{
	CLEANUP(machine_strv_done) struct machine_strv found = { 0 };

	ck_assert_int_eq(devconf_udev_disks(
		"# ID_SERIAL\n"
		"KERNEL==\"sd*\", ENV{ID_SERIAL}==\"3600a\", NAME=\"asm1\"\n"
		"SUBSYSTEM==\"net\", ENV{ID_PATH}==\"pci-0\", NAME=\"x\"\n"
		"PROGRAM==\"/sbin/scsi_id -g\", RESULT==\"x\"\nACTION==\"add\"\n", &found), 0);
	ck_assert_uint_eq(found.n, 2);
}
END_TEST

START_TEST(jobs_are_switched_off)
{
	becomes(devconf_cron_off, "SHELL=/bin/sh\n# x\n\n0 1 * * 0 root /usr/sbin/raid-check\n"
		"@daily root x\n", "SHELL=/bin/sh\n# x\n\n#0 1 * * 0 root /usr/sbin/raid-check\n"
		"#@daily root x\n");
	becomes(devconf_script_off, "#!/bin/sh\nmegacli -x\n", "#!/bin/sh\n"
		"exit 0 # switched off by p2v: it looks after hardware\nmegacli -x\n");
	becomes(devconf_script_off, "#!/usr/bin/python3\nprint(1)\n", NULL);
	becomes(devconf_script_off, "no script\n", NULL);
	becomes(devconf_script_off, "#!/bin/sh", NULL);
}
END_TEST

/* ---- packages */

static char seen[400];

static int see(const char *name, const char *version, void *opaque)
{
	size_t n = strlen(seen);

	(void)opaque;
	snprintf(seen + n, sizeof(seen) - n, "%s=%s;", name, version);
	return 0;
}

START_TEST(installed_packages_are_listed)
{
	static const char dpkg[] =
		"Package: hp-health\nStatus: install ok installed\nVersion: 10.80\n"
		"Description: x\n Package: no\n\n"
		"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\n"
		"Status: install ok installed\nPackage: a\x01" "b\nVersion: 2\n";
	static const char apk[] = "C:Q1\nP:smartmontools\nV:7.4-r0\n\nP:x\nV:1\n";

	seen[0] = '\0';
	ck_assert_int_eq(pkglist_dpkg(dpkg, sizeof(dpkg) - 1, see, NULL), 0);
	ck_assert_str_eq(seen, "hp-health=10.80;a?b=2;");
	seen[0] = '\0';
	ck_assert_int_eq(pkglist_apk(apk, sizeof(apk) - 1, see, NULL), 0);
	ck_assert_str_eq(seen, "smartmontools=7.4-r0;x=1;");
	/* Bytes beyond the end are not looked at. */
	seen[0] = '\0';
	ck_assert_int_eq(pkglist_apk(apk, 20, see, NULL), 0);
	ck_assert_str_eq(seen, "smartmontools=;");
	ck_assert_int_eq(pkglist_dpkg("", 0, see, NULL), 0);
}
END_TEST

START_TEST(package_files_say_what_they_are)
{
	static const struct {
		const char *file, *name, *arch;
		enum pkglist_format format;
	} good[] = {
		{ "qemu-guest-agent_7.2+dfsg-7+deb12u6_amd64.deb", "qemu-guest-agent", "amd64",
		  PKGLIST_DEB },
		{ "qemu-guest-agent-6.2.0-53.module+el8.x86_64.rpm", "qemu-guest-agent", "x86_64",
		  PKGLIST_RPM },
		{ "qemu-guest-agent-8.1.3-r0.apk", "qemu-guest-agent", "", PKGLIST_APK },
	};
	static const char *const bad[] = { "", ".deb", "x.deb", "x_1.deb", "_1_amd64.deb", "x.rpm",
					   "x-1.x86_64.rpm", "a.apk", "x.txt", "../x_1_amd64.deb",
					   "x y_1_amd64.deb", "x;reboot_1_amd64.deb",
					   "-x_1_all.deb" };
	struct pkglist_file f;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_msg(pkglist_parse_file(good[i].file, &f), "%s", good[i].file);
		ck_assert_str_eq(f.name, good[i].name);
		ck_assert_str_eq(f.arch, good[i].arch);
		ck_assert_int_eq(f.format, good[i].format);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!pkglist_parse_file(bad[i], &f), "%s", bad[i]);
	ck_assert(pkglist_arch_fits("amd64", "x86_64") && pkglist_arch_fits("noarch", "s390x"));
	ck_assert(pkglist_arch_fits("i686", "i386") && pkglist_arch_fits("", "x86_64"));
	ck_assert(!pkglist_arch_fits("arm64", "x86_64") && !pkglist_arch_fits("amd64", ""));
}
END_TEST

/* ---- tables */

START_TEST(tables_know_what_they_are_for)
{
	static const char *const off[] = {
		"multipathd.socket", "fcoe.service", "ptp4l.service", "phc2sys@eth0.service",
		"nvidia-persistenced.service", "vmtoolsd.service", "hv_kvp_daemon.service",
		"raid-check.timer", "mdcheck_start.timer", "ondemand.service", "nut-client.service",
	};
	static const char *const on[] = {
		"mdmonitor.service", "mdadm-raid.service", "mdraid.service", "lvm2-monitor.service",
		"tuned.service", "irqbalance.service", "numad.service", "iscsid.service",
		"gpsd.service", "rasdaemon.service", "chronyd.service", "crond.service",
		"cloud-init.service", "acpid.service", "mdadm-last-resort@.timer",
	};
	static const char *const cron[] = { "raid-check", "mdadm", "storcli-check", "hp-health" };
	static const char *const packages[] = { "hp-health", "srvadmin-base", "smartmontools" };

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		ck_assert_msg(tables_match(tables_services, tables_services_count, off[i]), "%s",
			      off[i]);
	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		ck_assert_msg(!tables_match(tables_services, tables_services_count, on[i]), "%s",
			      on[i]);
	for (size_t i = 0; i < ARRAY_SIZE(cron); i++)
		ck_assert_msg(tables_match(tables_cron, tables_cron_count, cron[i]), "%s", cron[i]);
	for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
		ck_assert_msg(tables_match(tables_packages, tables_packages_count, packages[i]),
			      "%s", packages[i]);
	ck_assert(!tables_match(tables_cron, tables_cron_count, "logrotate"));
	ck_assert(!tables_match(tables_cron, tables_cron_count, "sysstat"));
	ck_assert(!tables_match(tables_packages, tables_packages_count, "openssh-server"));
	/* Patterns that are paths have a folder that can be listed. */
	for (size_t i = 0; i < tables_packages_count; i++) {
		const char *p = tables_packages[i].pattern, *star = strpbrk(p, "*?[");

		ck_assert_msg(*p != '/' || !star || star > strrchr(p, '/'), "%s", p);
	}
}
END_TEST

START_TEST(noise_is_survived)
{
	static const char bytes[] = "[]=\"#\n \t,Section DeviceBusIDrefclock127.\\\xff\xc3\x01";
	CLEANUP(devmap_done) struct devmap map = { 0 };
	unsigned int seed = 11;

	for (int round = 0; round < 3000; round++) {
		CLEANUP(machine_strv_done) struct machine_strv list = { 0 };
		char text[200], *to = NULL;
		size_t n = (size_t)rand_r(&seed) % (sizeof(text) - 1);
		struct pkglist_file file;

		for (size_t i = 0; i < n; i++)
			text[i] = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
		text[n] = '\0';
		if (devconf_kdump(text, &map, &to, &list) == 1)
			free(to);
		ck_assert_int_eq(devconf_xorg(text, &to), 0);
		free(to);
		ck_assert_int_eq(devconf_udev_disks(text, &list), 0);
		if (sources(text, &to) == 1)
			free(to);
		if (sysconf_adjtime(text, &to) == 1)
			free(to);
		if (no_multipath(text, &to) == 1)
			free(to);
		pkglist_parse_file(text, &file);
		ck_assert_int_eq(pkglist_dpkg(text, n, see, NULL), 0);
	}
}
END_TEST

static Suite *linux_leftovers_suite(void)
{
	Suite *s = suite_create("linux_leftovers");
	TCase *t = tcase_create("linux_leftovers");

	tcase_add_test(t, keys_are_read_in_their_section);
	tcase_add_test(t, keys_and_words_are_changed);
	tcase_add_test(t, huge_pages_fit);
	tcase_add_test(t, clocks_are_forgotten);
	tcase_add_test(t, crash_dumps_find_their_disk);
	tcase_add_test(t, cards_are_recognised);
	tcase_add_test(t, rules_for_disks_are_found);
	tcase_add_test(t, jobs_are_switched_off);
	tcase_add_test(t, installed_packages_are_listed);
	tcase_add_test(t, package_files_say_what_they_are);
	tcase_add_test(t, tables_know_what_they_are_for);
	tcase_add_test(t, noise_is_survived);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(linux_leftovers_suite)
