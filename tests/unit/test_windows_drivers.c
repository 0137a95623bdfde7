/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drivers for Windows guests that are written down: tests/trees/windows/NAME.system.reg and
 * NAME.software.reg become the registry of a guest whose files are a folder. The rows about drivers
 * run over it, with collections of drivers in every layout. What hivexregedit says of the registry
 * afterwards, the files that came, and what the VM may be are compared with
 * tests/golden/windows/NAME.reg (P2V_REGEN=1 writes it). A second run must change nothing.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/spawn.h"
#include "common/text.h"
#include "postfix/fix.h"
#include "tests/lib/drivers.h"
#include "tests/lib/guest_tree.h"
#include "tests/lib/hives.h"

/* All but that of 2025, which has to take the one for 2022. */
#define VERSIONS "xp 2k3 2k8 2k8R2 w7 w8 w8.1 2k12 2k12R2 w10 w11 2k16 2k19 2k22"

static char work[] = "/tmp/p2v-windrv.XXXXXX";

static const struct {
	const char *name, *files;
} families[] = {
	{ "xp-x86", "ACPI atapi disk iaStor intelide pciide" },
	{ "2003-x86", "ACPI atapi disk iaStor pciide" },
	{ "7-amd64", "ACPI atapi disk iaStorV intelide pciide msahci tcpip" },
	{ "2008r2-amd64", "ACPI atapi disk iaStorV intelide pciide msahci tcpip" },
	{ "8.1-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "10-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "11-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "2016-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "2019-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "2022-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
	{ "2025-amd64", "ACPI atapi disk iaStorA intelide pciide storahci stornvme tcpip" },
};

static char *shell(const char *script, const char *arg)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char sh[] = "sh", c[] = "-c";
	char *const argv[] = { sh, c, (char *)(uintptr_t)script, sh, (char *)(uintptr_t)arg, NULL };
	struct err e = ERR_INIT;
	char *out;

	ck_assert_msg(spawn_run(argv, NULL, 0, 60, 1 << 20, &res, &e) >= 0, "%s", e.text);
	ck_assert_int_eq(res.status, 0);
	out = strdup(res.out ? res.out : "");
	ck_assert_ptr_nonnull(out);
	return out;
}

/* Every name and content below dir. */
static char *listing(const char *dir)
{
	return shell("cd \"$1\" && find . -type f -exec sha256sum {} + | LC_ALL=C sort", dir);
}

/* Names as old ones write them: nothing may depend on their case. */
static bool upper(const char *name)
{
	return strcmp(name, "xp-x86") == 0;
}

static void guest_path(char *buf, size_t size, const char *root, const char *name, const char *rest)
{
	snprintf(buf, size, "%s/%s/%s", root,
		 upper(name) ? "WINDOWS/system32" : "Windows/System32", rest);
}

static void hive_of(char *buf, size_t size, const char *root, const char *name, const char *hive)
{
	char rest[40];

	snprintf(rest, sizeof(rest), "config/%s", hive);
	if (upper(name))
		for (char *p = rest; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	guest_path(buf, size, root, name, rest);
}

static void make_guest(const char *root, size_t family)
{
	static const char *const hives[] = { "SYSTEM", "SOFTWARE" };
	static const char *const regs[] = { "system", "software" };
	const char *name = families[family].name;
	CLEANUP(mem_free) char *files = strdup(families[family].files);
	char path[300], reg[300], *save = NULL;
	struct err e = ERR_INIT;

	guest_path(path, sizeof(path), root, name, "config");
	ck_assert_msg(fdio_mkdir_p(path, 0755, &e) >= 0, "%s", e.text);
	guest_path(path, sizeof(path), root, name, "drivers");
	ck_assert_msg(fdio_mkdir_p(path, 0755, &e) >= 0, "%s", e.text);
	for (size_t i = 0; i < 2; i++) {
		hive_of(path, sizeof(path), root, name, hives[i]);
		snprintf(reg, sizeof(reg), "tests/trees/windows/%s.%s.reg", name, regs[i]);
		hives_make_from(path, reg);
	}
	for (char *f = strtok_r(files, " ", &save); f; f = strtok_r(NULL, " ", &save)) {
		char rest[100];

		snprintf(rest, sizeof(rest), "drivers/%s.sys", f);
		guest_path(path, sizeof(path), root, name, rest);
		ck_assert_int_ge(fdio_replace_file(path, f, strlen(f), 0644, NULL), 0);
	}
}

static struct fix_report *run(const char *root, const char *virtio_win, bool dry_run, int code)
{
	static const char *const only[] = { "windows-drivers", "windows-storage", NULL };
	struct fix_options opt = { .dry_run = dry_run, .only = only, .virtio_win = virtio_win };
	CLEANUP(guest_free) struct guest *guest = NULL;
	struct fix_report *rep = NULL;
	struct err e = ERR_INIT;
	int r;

	ck_assert_msg(guest_tree_open(root, NULL, NULL, &guest, &e) >= 0, "%s", e.text);
	r = fix_guest(&opt, guest, &rep, &e);
	ck_assert_msg(r == code, "%d: %s", r, e.text);
	ck_assert_ptr_nonnull(rep);
	return rep;
}

static const struct fix_result *row(const struct fix_report *rep, const char *id)
{
	for (size_t i = 0; i < rep->nresults; i++)
		if (strcmp(rep->results[i].id, id) == 0)
			return &rep->results[i];
	ck_abort_msg("no row %s", id);
}

static void add_caps(struct strbuf *b, const struct fix_report *rep)
{
	static const char *const block[] = { "virtio-scsi", "virtio-blk", "sata", "ide" };
	static const char *const net[] = { "virtio", "e1000e", "e1000", "rtl8139" };
	const struct guestcaps *c = &rep->caps;

	for (size_t i = 0; i < rep->warnings.n; i++)
		strbuf_addf(b, "; warning: %s\n", rep->warnings.v[i]);
	strbuf_addf(b, "; caps: %s %s %s%s%s%s%s, %s %d.%d %s %s\n\n", block[c->block], net[c->net],
		    c->q35 ? "q35" : "i440fx", c->virtio_1_0 ? " virtio-1.0" : "",
		    c->virtio_rng ? " rng" : "", c->virtio_balloon ? " balloon" : "",
		    c->guest_agent ? " agent" : "", c->os_type, c->major, c->minor, c->arch,
		    c->osinfo);
}

static char *outcome(const char *root, const char *name, const struct fix_report *rep)
{
	static const char *const hives[] = { "SYSTEM", "SOFTWARE" };
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *files =
		shell("cd \"$1\" && find . -type f -not -path '*config*' -size -2 | LC_ALL=C sort "
		      "| while read -r f; do printf '; %s: %s\\n' \"$f\" \"$(head -n1 \"$f\" | "
		      "tr -cd '[:print:]' | head -c 60)\"; done", root);
	char path[300];

	add_caps(&b, rep);
	strbuf_add(&b, files);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(mem_free) char *text = NULL;

		hive_of(path, sizeof(path), root, name, hives[i]);
		text = hives_export(path);
		if (!text)
			return NULL;
		strbuf_addf(&b, "\n; %s\n%s", hives[i], text);
	}
	return strbuf_take(&b);
}

static void not_changed(const char *root, const char *before, const char *when)
{
	CLEANUP(mem_free) char *after = listing(root);

	ck_assert_msg(strcmp(before, after) == 0, "%s changed the guest", when);
}

START_TEST(test_family)
{
	const char *name = families[_i].name;
	CLEANUP(fix_report_free) struct fix_report *dry = NULL, *rep = NULL, *again = NULL;
	CLEANUP(mem_free) char *root = text_format("%s/%s", work, name), *before = NULL;
	CLEANUP(mem_free) char *source = text_format("%s/drivers", work), *after = NULL;
	CLEANUP(mem_free) char *now = NULL, *want = NULL;
	char golden[200];
	size_t n;

	make_guest(root, (size_t)_i);
	before = listing(root);
	dry = run(root, source, true, 0);
	not_changed(root, before, "a dry run");
	ck_assert_int_eq(row(dry, "windows-drivers")->state, FIX_WOULD_APPLY);
	rep = run(root, source, false, 0);
	ck_assert_int_eq(row(rep, "windows-drivers")->state, FIX_APPLIED);
	ck_assert_int_eq(row(rep, "windows-commit")->state, FIX_APPLIED);
	ck_assert_msg(strcmp(row(dry, "windows-drivers")->detail,
			     row(rep, "windows-drivers")->detail) == 0,
		      "the dry run said something else");
	now = outcome(root, name, rep);
	if (!now)
		UNIT_LEAVE("no hivexregedit");
	snprintf(golden, sizeof(golden), "tests/golden/windows/%s.reg", name);
	if (getenv("P2V_REGEN"))
		ck_assert_int_ge(fdio_replace_file(golden, now, strlen(now), 0644, NULL), 0);
	ck_assert_msg(fdio_read_file(golden, 1 << 20, &want, &n, NULL) >= 0, "no %s", golden);
	ck_assert_msg(strcmp(want, now) == 0, "%s is not what it was; it is now:\n%s", golden, now);

	after = listing(root);
	again = run(root, source, false, 0);
	for (size_t i = 0; i < again->nresults; i++)
		ck_assert_msg(again->results[i].state == FIX_NOT_NEEDED ||
				      again->results[i].state == FIX_SKIPPED,
			      "%s: %s", again->results[i].id, again->results[i].detail);
	not_changed(root, after, "a second run");
	ck_assert_int_eq(memcmp(&rep->caps, &again->caps, sizeof(rep->caps)), 0);
}
END_TEST

/* The same files lead to the same guest, in whatever layout they come. */
START_TEST(test_layouts)
{
	CLEANUP(mem_free) char *a = text_format("%s/as-folder", work), *in_a = NULL;
	CLEANUP(mem_free) char *b = text_format("%s/as-iso", work), *in_b = NULL;
	CLEANUP(mem_free) char *c = text_format("%s/as-os", work), *msi = NULL;
	CLEANUP(mem_free) char *folder = text_format("%s/drivers", work);
	CLEANUP(mem_free) char *iso = text_format("%s/virtio-win.iso", work);
	CLEANUP(mem_free) char *by_os = text_format("%s/by-os", work), *in_c = NULL;

	make_guest(a, 5);
	make_guest(b, 5);
	make_guest(c, 5);
	drivers_iso(folder, iso);
	drivers_by_os(by_os, VERSIONS);
	fix_report_free(run(a, folder, false, 0));
	setenv("VIRTIO_WIN", iso, 1);
	fix_report_free(run(b, NULL, false, 0));
	fix_report_free(run(c, by_os, false, 0));
	in_a = listing(a);
	in_b = listing(b);
	ck_assert_str_eq(in_a, in_b);
	/* Packages of distributions have the agent elsewhere. */
	msi = text_format("%s/Windows/p2v/packages/qemu-ga-x86_64.msi", a);
	ck_assert_int_eq(unlink(msi), 0);
	free(in_a);
	in_a = listing(a);
	in_c = listing(c);
	ck_assert_str_eq(in_a, in_c);
}
END_TEST

/* Without drivers the machine still starts: from SATA, or from IDE. */
START_TEST(test_no_drivers)
{
	CLEANUP(mem_free) char *ten = text_format("%s/none-10", work);
	CLEANUP(mem_free) char *xp = text_format("%s/none-xp", work);
	CLEANUP(mem_free) char *empty = text_format("%s/empty", work);
	CLEANUP(fix_report_free) struct fix_report *a = NULL, *b = NULL, *c = NULL;

	make_guest(ten, 5);
	make_guest(xp, 0);
	ck_assert_int_eq(mkdir(empty, 0700), 0);
	a = run(ten, empty, false, 0);
	ck_assert_int_eq(a->caps.block, VM_BLOCK_SATA);
	ck_assert_int_eq(a->caps.net, VM_NET_E1000E);
	ck_assert(a->caps.q35 && !a->caps.virtio_1_0);
	ck_assert_uint_eq(a->warnings.n, 2);
	b = run(xp, empty, false, 0);
	ck_assert_int_eq(b->caps.block, VM_BLOCK_IDE);
	ck_assert_int_eq(b->caps.net, VM_NET_RTL8139);
	ck_assert(!b->caps.q35);
	unsetenv("VIRTIO_WIN");
	if (access("/usr/share/virtio-win", F_OK) != 0) {
		c = run(ten, NULL, false, 0);
		ck_assert_ptr_nonnull(strstr(c->warnings.v[0], "--virtio-win"));
	}
	fix_report_free(run(ten, "/nonexistent", false, -ENOENT));
}
END_TEST

/* Nothing is written when a hive is dirty, whichever it is, or when a row fails. */
START_TEST(test_dirty)
{
	static const char *const hives[] = { "SYSTEM", "SOFTWARE" };
	CLEANUP(mem_free) char *source = text_format("%s/drivers", work);

	for (size_t i = 0; i < 2; i++) {
		CLEANUP(mem_free) char *root = text_format("%s/dirty-%zu", work, i), *data = NULL;
		CLEANUP(mem_free) char *before = NULL;
		CLEANUP(fix_report_free) struct fix_report *rep = NULL;
		char path[300];
		size_t n;

		make_guest(root, 5);
		hive_of(path, sizeof(path), root, "10-amd64", hives[i]);
		ck_assert_int_ge(fdio_read_file(path, 1 << 24, &data, &n, NULL), 0);
		put_le32(data + 4, get_le32(data + 4) + 1);
		hives_seal((uint8_t *)data);
		ck_assert_int_ge(fdio_replace_file(path, data, n, 0644, NULL), 0);
		before = listing(root);
		rep = run(root, source, false, -EILSEQ);
		not_changed(root, before, "a run on a dirty hive");
		ck_assert_str_eq(rep->caps.os_type, "windows");
	}
}
END_TEST

/* A driver that cannot be used is left out and named; the rest goes in. */
START_TEST(test_bad_drivers)
{
	CLEANUP(mem_free) char *source = text_format("%s/bad", work);
	CLEANUP(mem_free) char *root = text_format("%s/bad-guest", work);
	CLEANUP(mem_free) char *inf = text_format("%s/NetKVM/w10/amd64/netkvm.inf", source);
	CLEANUP(mem_free) char *sys = text_format("%s/viostor/w10/amd64/viostor.sys", source);
	CLEANUP(mem_free) char *big = malloc(3 << 20);
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;

	drivers_folder(source, "w10");
	make_guest(root, 5);
	memset(big, 'x', 3 << 20);
	ck_assert_int_ge(fdio_replace_file(inf, big, 3 << 20, 0644, NULL), 0);
	ck_assert_int_eq(unlink(sys), 0);
	rep = run(root, source, false, 0);
	ck_assert_int_eq(rep->caps.block, VM_BLOCK_VIRTIO_SCSI);
	ck_assert_int_eq(rep->caps.net, VM_NET_E1000E);
	ck_assert_uint_eq(rep->warnings.n, 1);
	ck_assert_ptr_nonnull(strstr(rep->warnings.v[0], "netkvm is not used"));
	ck_assert_ptr_nonnull(strstr(row(rep, "windows-drivers")->detail,
				     "viostor.sys is missing"));
}
END_TEST

static void setup(void)
{
	CLEANUP(mem_free) char *source = NULL;

	ck_assert_ptr_nonnull(mkdtemp(work));
	source = text_format("%s/drivers", work);
	drivers_folder(source, VERSIONS);
}

static void teardown(void)
{
	free(shell("rm -rf \"$1\"", work));
}

static Suite *suite(void)
{
	Suite *s = suite_create("windows_drivers");
	TCase *t = tcase_create("windows_drivers");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_family, 0, (int)ARRAY_SIZE(families));
	tcase_add_test(t, test_layouts);
	tcase_add_test(t, test_no_drivers);
	tcase_add_test(t, test_dirty);
	tcase_add_test(t, test_bad_drivers);
	suite_add_tcase(s, t);
	return s;
}
UNIT_MAIN(suite)
