/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bootable medium's kernel command line: what is understood, what is refused and how it is
 * said, that secrets are shown nowhere, and what follows for scripts, plan and cold.
 */
#include "p2v-agent/medium/medium.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "inventory/plan/plan.h"
#include "tests/lib/unit.h"

#define KEY	"p2v.host-key=SHA256:abc"

static struct medium_cmdline c;
static struct err err;

static void setup(void)
{
	log_set_stderr(false);
	err_reset(&err);
}

static void teardown(void)
{
	medium_cmdline_done(&c);
}

static void parse(const char *text)
{
	int r;

	medium_cmdline_done(&c);
	err_reset(&err);
	r = medium_cmdline_parse(text, &c, &err);
	ck_assert_msg(r == 0, "%s: %d: %s", text, r, err.text);
}

static void check_settings(const char *text, const char *want)
{
	CLEANUP(mem_free) char *got = NULL;

	parse(text);
	got = medium_settings(&c);
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, want);
}

static void check_arguments(const char *text, const char *identity, const char *plan,
			    const char *want)
{
	CLEANUP(machine_strv_done) struct machine_strv args = { 0 };
	char got[1024] = "";

	parse(text);
	ck_assert_int_eq(medium_arguments(&c, identity, plan, &args, &err), 0);
	for (size_t i = 0; i < args.n; i++) {
		ck_assert_uint_lt(strlen(got) + strlen(args.v[i]) + 2, sizeof(got));
		strcat(strcat(got, i ? " " : ""), args.v[i]);
	}
	ck_assert_str_eq(got, want);
}

START_TEST(settings)
{
	check_settings("", "mode=ask\npost=stay\ndhcp=yes\n");
	check_settings("BOOT_IMAGE=/vmlinuz quiet p2v.medium xp2v.mode=x",
		       "mode=ask\npost=stay\ndhcp=yes\n");
	check_settings("p2v.server=conv " KEY " p2v.post=poweroff p2v.name=web-1 p2v.disks=sda,sdb",
		       "mode=convert\npost=poweroff\nsummary=to root@conv as web-1: /dev/sda, "
		       "/dev/sdb\ndhcp=yes\n");
	check_settings("p2v.ip=10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2,10.0.0.3 p2v.vlan=12 "
		       "p2v.nic=52:54:00:AA:bb:01",
		       "mode=ask\npost=stay\naddress=10.0.0.5/24\ngateway=10.0.0.1\n"
		       "dns=10.0.0.2 10.0.0.3\nnic=52:54:00:aa:bb:01\nvlan=12\n");
	check_settings("p2v.ip=2001:db8::5/64,gw=fe80::1",
		       "mode=ask\npost=stay\naddress=2001:db8::5/64\ngateway=fe80::1\n");
	check_settings("p2v.mode=shell p2v.ip=dhcp p2v.nic=eno1",
		       "mode=shell\npost=stay\ndhcp=yes\nnic=eno1\n");
	/* A menu entry that only looks, with the command line of a conversion. */
	check_settings("p2v.server=conv " KEY " p2v.mode=inventory",
		       "mode=inventory\npost=stay\nsummary=to root@conv\ndhcp=yes\n");
}
END_TEST

/* Nobody is there to compare the key, so nothing begins by itself. */
START_TEST(host_key)
{
	parse("p2v.server=conv");
	ck_assert_int_eq(c.mode, MEDIUM_ASK);
	ck_assert_uint_eq(c.notes.n, 1);
	ck_assert_ptr_nonnull(strstr(c.notes.v[0], "p2v.host-key"));
	parse("p2v.server=conv " KEY);
	ck_assert_int_eq(c.mode, MEDIUM_CONVERT);
	ck_assert_uint_eq(c.notes.n, 0);
}
END_TEST

START_TEST(servers)
{
	static const struct {
		const char *text, *server;
	} cases[] = {
		{ "p2v.server=conv", "root@conv" },
		{ "p2v.server=p2v@conv:2222", "p2v@conv:2222" },
		{ "p2v.server=p2v@conv:2222 p2v.port=22 p2v.username=me", "me@conv:22" },
		{ "p2v.remote.server=conv p2v.remote.port=2 p2v.auth.username=v", "v@conv:2" },
		{ "p2v.server=[2001:db8::1]:22", "root@[2001:db8::1]:22" },
		/* The last one counts, under whichever name. */
		{ "p2v.server=a p2v.remote.server=b p2v.port=1 p2v.port=2", "root@b:2" },
		{ "\"p2v.server=conv\" p2v.name=\"x\"", "root@conv" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(cases[i].text);
		ck_assert_str_eq(c.server, cases[i].server);
	}
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "p2v.dsiks=sda", "p2v.dsiks is not known" },
		{ "p2v.", "p2v. is not known" },
		{ "p2v.\x1b[2J=1", "p2v.\\x1b[2J is not known" },
		{ "p2v.name", "p2v.name needs a value" },
		{ "p2v.disks=", "p2v.disks needs a value" },
		{ "p2v.disks=sda,,sdb", "p2v.disks=sda,,sdb: a name is missing" },
		{ "p2v.server=conv p2v.port=0", "p2v.port=0: a port is 1 to 65535" },
		{ "p2v.server=conv p2v.port=65536", "p2v.port=65536: " },
		{ "p2v.server=conv p2v.port=22x", "p2v.port=22x: " },
		{ "p2v.server=a@b@c:x", "p2v.server=a@b@c:x: " },
		{ "p2v.server=conv p2v.username=a@b", "p2v.username=a@b: " },
		{ "p2v.port=22", "p2v.port is there, and p2v.server is not" },
		{ "p2v.mode=convert", "p2v.mode=convert: p2v.server=HOST" },
		{ "p2v.mode=go", "p2v.mode=go: it is ask, convert, inventory or shell" },
		{ "p2v.post=\"rm -rf /\"", "p2v.post=rm -rf /: it is stay, poweroff or reboot" },
		{ "p2v.host-key=MD5:ab", "p2v.host-key=MD5:ab: it is SHA256:" },
		{ "p2v.name=../x", "p2v.name=../x: a name is" },
		{ "p2v.ip=10.0.0.5/33", "p2v.ip=10.0.0.5/33: " },
		{ "p2v.ip=10.0.0.5/24,via=10.0.0.1", "p2v.ip=10.0.0.5/24,via=10.0.0.1: " },
		{ "p2v.vlan=0", "p2v.vlan=0: a VLAN is 1 to 4094" },
		{ "p2v.vlan=4095", "p2v.vlan=4095: " },
		{ "p2v.nic=$(reboot)", "p2v.nic=$(reboot): this is neither" },
		{ "p2v.nic=\"eth0 eth1\"", "p2v.nic=eth0 eth1: this is neither" },
		{ "p2v.nic=-x", "p2v.nic=-x: " },
		{ "p2v.vcpus=256", "p2v.vcpus=256: it is 1 to 255" },
		{ "p2v.memory=lots", "p2v.memory=lots: it is a size" },
		{ "p2v.memory=1M", "p2v.memory=1M: " },
		{ "p2v.bandwidth=fast", "p2v.bandwidth=fast: " },
		{ "p2v.retry-for=soon", "p2v.retry-for=soon: " },
		{ "p2v.compressed=no", "p2v.compressed=no: it takes no value" },
		{ "p2v.map==bridge:br0", "p2v.map==bridge:br0: it is NIC=KIND:TARGET" },
		{ "p2v.map=eth0=", "p2v.map=eth0=: " },
		{ "p2v.network=eth0:", "p2v.network=eth0:: it is NIC:NETWORK" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;

		ck_assert_msg(medium_cmdline_parse(cases[i].text, &c, &e) == -EINVAL,
			      "%s was taken, or %s", cases[i].text, e.text);
		ck_assert_msg(strstr(e.text, cases[i].says) == e.text, "%s: \"%s\"", cases[i].text,
			      e.text);
		ck_assert_ptr_null(c.server);
	}
}
END_TEST

START_TEST(secrets)
{
	static const char *const words[] = {
		"p2v.password=hunter2", "p2v.auth.password=hunter2", "p2v.passphrase=hunter2",
		"p2v.luks-passphrase=\"hunter2 3\"", "p2v.token=hunter2", "p2v.secret=hunter2",
		"p2v.server=conv p2v.password=hunter2", "\"p2v.password=hunter2\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct err e = ERR_INIT;

		ck_assert_int_eq(medium_cmdline_parse(words[i], &c, &e), -EACCES);
		ck_assert_msg(!strstr(e.text, "hunter2") && !strstr(e.hint, "hunter2"), "%s",
			      e.text);
		ck_assert_ptr_nonnull(strstr(e.text, "no place for a secret"));
	}
}
END_TEST

START_TEST(of_virt_p2v)
{
	parse("ip=dhcp p2v.sudo p2v.o=libvirt p2v.os=/x p2v.identity=https://x/y p2v.pre=ls "
	      "p2v.guestname=a p2v.vcpu.cores=3 p2v.memory=2G p2v.network=em1:lan,default");
	ck_assert_uint_eq(c.notes.n, 5);
	ck_assert_str_eq(c.notes.v[1], "p2v.o is left out: what becomes of a job is decided on "
				       "the server");
	ck_assert_str_eq(c.name, "a");
	ck_assert_uint_eq(c.vcpus, 3);
	ck_assert_uint_eq(c.memory, UINT64_C(2) << 30);
	ck_assert_uint_eq(c.nmap, 2);
	ck_assert_str_eq(c.map[0].nic, "em1");
	ck_assert_str_eq(c.map[0].connect, "network:lan");
	ck_assert_ptr_null(c.map[1].nic);
	ck_assert_str_eq(c.map[1].connect, "network:default");
	ck_assert(medium_cmdline_wants_plan(&c));
	parse("p2v.server=x p2v.disks=sda");
	ck_assert(!medium_cmdline_wants_plan(&c));
}
END_TEST

/* What follows two dashes is for init; and a line may be as long as the kernel takes it. */
START_TEST(ends)
{
	char text[MEDIUM_CMDLINE_MAX + 2];
	struct err e = ERR_INIT;

	parse("p2v.name=a -- p2v.nothing");
	ck_assert_str_eq(c.name, "a");
	memset(text, ' ', sizeof(text));
	text[MEDIUM_CMDLINE_MAX] = '\0';
	parse(text);
	text[MEDIUM_CMDLINE_MAX] = 'x';
	text[MEDIUM_CMDLINE_MAX + 1] = '\0';
	ck_assert_int_eq(medium_cmdline_parse(text, &c, &e), -E2BIG);
	parse("p2v.name=\"a");
	ck_assert_str_eq(c.name, "a");
}
END_TEST

START_TEST(arguments)
{
	struct machine_strv args = { 0 };

	check_arguments("p2v.server=conv", NULL, NULL, "cold --server root@conv");
	check_arguments("p2v.server=conv " KEY " p2v.name=n p2v.disks=sda,/dev/disk/by-id/x "
			"p2v.bandwidth=40M p2v.level=3 p2v.connections=2 p2v.compressed "
			"p2v.bad-sectors=zero p2v.retry-for=60 "
			"p2v.force=disk-in-use,luks-key-wrong",
			"/run/id", "/run/plan",
			"cold --server root@conv --identity /run/id --no-input --plan /run/plan "
			"--name n --disk /dev/sda --disk /dev/disk/by-id/x --host-key SHA256:abc "
			"--bandwidth 40M --level 3 --connections 2 --compressed --bad-sectors zero "
			"--retry-for 60 --force disk-in-use --force luks-key-wrong");
	parse("p2v.name=n");
	ck_assert_int_eq(medium_arguments(&c, NULL, NULL, &args, &err), -ENODEV);
}
END_TEST

static void add_nic(struct machine *m, const char *name, const char *mac, const char *udev)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));

	n->name = strdup(name);
	n->kind = strdup("physical");
	n->mac = strdup(mac);
	ck_assert_int_eq(machine_strv_add(&n->predictable, udev), 0);
}

static struct machine *new_machine(void)
{
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	m->hostname = strdup("web 1");
	add_nic(m, "eth0", "52:54:00:aa:bb:01", "eno1");
	add_nic(m, "eth1", "52:54:00:aa:bb:02", "eno2");
	add_nic(m, "eth2", "52:54:00:aa:bb:03", "enp3s0");
	return m;
}

static void check_plan(const char *text, const char *a, const char *b, const char *d)
{
	CLEANUP(machine_free) struct machine *m = new_machine();
	const char *want[] = { a, b, d };
	int r;

	parse(text);
	r = medium_plan(&c, m, &err);
	ck_assert_msg(r == 0, "%s: %s", text, err.text);
	for (size_t i = 0; i < 3; i++) {
		const struct machine_plan_nic *p = plan_nic(m, m->nics[i].name);

		ck_assert_ptr_nonnull(p);
		if (want[i])
			ck_assert_str_eq(p->connect, want[i]);
		else
			ck_assert_msg(!p->connect || strncmp(p->connect, "network:", 8) == 0,
				      "%s is connected to %s", p->name, p->connect);
	}
}

START_TEST(plans)
{
	CLEANUP(machine_free) struct machine *m = new_machine();

	check_plan("p2v.map=eth0=bridge:br0", "bridge:br0", NULL, NULL);
	check_plan("p2v.map=eno2=bridge:br0,none", "none", "bridge:br0", "none");
	check_plan("p2v.map=52:54:00:AA:BB:03=direct:eno9", NULL, NULL, "direct:eno9");
	check_plan("p2v.network=52:54:00:aa:bb:01:lan,dmz", "network:lan", "network:dmz",
		   "network:dmz");
	check_plan("p2v.interfaces=eth1", "none", NULL, "none");
	check_plan("p2v.interfaces=eth1 p2v.map=bridge:br0", "none", "bridge:br0", "none");
	parse("p2v.vcpus=2 p2v.memory=1G p2v.name=n");
	ck_assert_int_eq(medium_plan(&c, m, &err), 0);
	ck_assert_uint_eq(m->plan->vcpus, 2);
	ck_assert_uint_eq(m->plan->memory, UINT64_C(1) << 30);
	ck_assert_str_eq(m->plan->name, "n");
}
END_TEST

START_TEST(plans_refused)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} cases[] = {
		{ "p2v.map=eth7=none", -ENODEV,
		  "no network interface eth7; it has eth0, eth1, eth2" },
		{ "p2v.interfaces=eth0,eno7", -ENODEV, "no network interface eno7" },
		{ "p2v.map=eth0=carrier:pigeon", -EBADMSG, "carrier:pigeon is none of" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = new_machine();
		struct err e = ERR_INIT;

		parse(cases[i].text);
		ck_assert_int_eq(medium_plan(&c, m, &e), cases[i].code);
		ck_assert_msg(strstr(e.text, cases[i].says), "%s", e.text);
	}
}
END_TEST

START_TEST(own)
{
	static const struct {
		const char *type, *label;
		bool own;
	} cases[] = {
		{ "iso9660", "P2V", true }, { "iso9660", "P2V-KEY", true },
		{ "vfat", "P2V-KEY", true }, { "vfat", "P2V", false },
		{ "ext4", "P2V-KEY", false }, { "iso9660", "Debian", false },
		{ "iso9660", NULL, false }, { NULL, "P2V", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine_partition part = { .fs.type = (char *)(uintptr_t)cases[i].type,
						  .fs.label = (char *)(uintptr_t)cases[i].label };
		struct machine_disk whole = { .fs = part.fs };
		struct machine_disk parted = { .partitions = &part, .npartitions = 1 };

		ck_assert_msg(medium_is_own(&whole) == cases[i].own, "%zu", i);
		if (cases[i].type && strcmp(cases[i].label ? cases[i].label : "", "P2V-KEY") != 0)
			ck_assert_msg(medium_is_own(&parted) == cases[i].own, "%zu", i);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("medium");
	TCase *t = tcase_create("medium");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, settings);
	tcase_add_test(t, host_key);
	tcase_add_test(t, servers);
	tcase_add_test(t, refused);
	tcase_add_test(t, secrets);
	tcase_add_test(t, of_virt_p2v);
	tcase_add_test(t, ends);
	tcase_add_test(t, arguments);
	tcase_add_test(t, plans);
	tcase_add_test(t, plans_refused);
	tcase_add_test(t, own);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
