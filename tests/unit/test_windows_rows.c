/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows for Windows that are not about drivers, over systems that are written down in
 * tests/windows/rows:
 *
 *	NAME.tree		files		NAME.system.reg, NAME.software.reg, NAME.bcd.reg
 *	NAME.machine.json	the inventory
 *
 * What the rows say, what hivexregedit finds changed in the registry, the files that are staged:
 * tests/golden/windows/NAME.txt (P2V_REGEN=1 writes it). Then the rows run again and must find
 * nothing.
 */
#include "tests/lib/unit.h"

#include <unistd.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/text.h"
#include "common/utf16.h"
#include "inventory/machine_json.h"
#include "postfix/diff.h"
#include "postfix/windows/windows_rows.h"
#include "tests/lib/guest_tree.h"
#include "tests/lib/hives.h"
#include "tests/lib/tree.h"

static const char *const systems[] = { "xp", "win7", "win10", "srv2022" };

static const struct {
	const char *id;
	int (*detect)(struct fixer *f, struct err *err);
} rows[] = {
	{ "windows-services", windows_services_detect },
	{ "windows-boot", windows_boot_detect },
	{ "windows-esp", windows_esp_detect },
	{ "windows-network", windows_network_detect },
	{ "windows-firstboot", windows_firstboot_detect },
};

struct rig {
	char root[64], system[200];
	struct machine *m;
	struct guest *guest;
	struct machine_strv warnings;
	struct fix_options opt;
	struct fixer f;
};

static struct machine *read_machine(const char *path)
{
	CLEANUP(json_unref) json_t *json = NULL;
	CLEANUP(mem_free) char *text = NULL;
	struct machine *m = NULL;
	struct err e = ERR_INIT;
	size_t n;

	ck_assert_msg(fdio_read_file(path, 1 << 20, &text, &n, &e) >= 0, "%s", e.text);
	ck_assert_msg(jsonx_parse(text, n, path, &json, &e) >= 0, "%s", e.text);
	ck_assert_msg(machine_from_json(json, &m, &e) >= 0, "%s: %s", path, e.text);
	return m;
}

static void make(struct rig *r, const char *name)
{
	const char *folder = strcmp(name, "xp") == 0 ? "WINDOWS/system32" : "Windows/System32";
	char spec[200], path[200];
	struct err e = ERR_INIT;

	snprintf(r->root, sizeof(r->root), "/tmp/p2v-winrows.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->root));
	snprintf(spec, sizeof(spec), "tests/windows/rows/%s.tree", name);
	ck_assert_msg(tree_make(spec, r->root, &e) >= 0, "%s", e.text);
	snprintf(r->system, sizeof(r->system), "%s/%s/config/SYSTEM", r->root, folder);
	snprintf(spec, sizeof(spec), "tests/windows/rows/%s.system.reg", name);
	hives_make_from(r->system, spec);
	snprintf(path, sizeof(path), "%s/%s/config/SOFTWARE", r->root, folder);
	snprintf(spec, sizeof(spec), "tests/windows/rows/%s.software.reg", name);
	hives_make_from(path, spec);
	snprintf(spec, sizeof(spec), "tests/windows/rows/%s.bcd.reg", name);
	snprintf(path, sizeof(path), "%s/boot/efi/EFI/Microsoft/Boot/BCD", r->root);
	if (access(spec, R_OK) == 0)
		hives_make_from(path, spec);
	snprintf(spec, sizeof(spec), "tests/windows/rows/%s.machine.json", name);
	r->m = read_machine(spec);
}

static void open_rig(struct rig *r)
{
	struct err e = ERR_INIT;

	ck_assert_msg(guest_tree_open(r->root, r->m, NULL, &r->guest, &e) >= 0, "%s", e.text);
	r->opt = (struct fix_options){ .machine = r->m };
	r->f = (struct fixer){ .opt = &r->opt, .m = r->m, .guest = r->guest,
			       .edits = { .guest = r->guest }, .warnings = &r->warnings };
	ck_assert_msg(windows_begin(&r->f, &e) >= 0, "%s", e.text);
}

static void close_rig(struct rig *r)
{
	windows_free(r->f.windows);
	guest_edit_done(&r->f.edits);
	strbuf_done(&r->f.detail);
	guest_free(r->guest);
	machine_strv_done(&r->warnings);
	r->guest = NULL;
}

static void remove_rig(struct rig *r)
{
	char command[200];

	machine_free(r->m);
	snprintf(command, sizeof(command), "rm -rf %s", r->root);
	ck_assert_int_eq(system(command), 0);
}

/* What is staged goes into the guest, as the last row does it. */
static void commit(struct rig *r)
{
	struct windows *w = r->f.windows;
	struct err e = ERR_INIT;

	ck_assert_msg(guest_edit_commit(&r->f.edits, &e) >= 0, "%s", e.text);
	for (size_t i = 0; i < w->nfiles; i++)
		ck_assert_msg(guest_put(r->guest, w->files[i].path, w->files[i].data,
					w->files[i].len, 0644, &e) >= 0, "%s", e.text);
	ck_assert_msg(hive_commit(w->system, &e) >= 0, "%s", e.text);
}

static const struct windows_file *staged(struct rig *r, const char *name)
{
	struct windows *w = r->f.windows;

	for (size_t i = 0; i < w->nfiles; i++)
		if (strcmp(strrchr(w->files[i].path, '/') + 1, name) == 0)
			return &w->files[i];
	return NULL;
}

/* Lines that ran, in a form for golden files: without CR. */
static void add_unix(struct strbuf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != '\r')
			strbuf_addn(out, s + i, 1);
}

static void expect_golden(const char *path, const struct strbuf *out)
{
	CLEANUP(mem_free) char *want = NULL;
	struct err e = ERR_INIT;
	size_t n;

	ck_assert(!out->failed);
	if (getenv("P2V_REGEN"))
		ck_assert_msg(fdio_replace_file(path, out->s, out->len, 0644, &e) >= 0, "%s",
			      e.text);
	ck_assert_msg(fdio_read_file(path, 1 << 20, &want, &n, &e) >= 0, "%s", e.text);
	ck_assert_msg(strcmp(want, out->s) == 0, "%s is not what it was; it is now:\n%.2000s", path,
		      out->s);
}

static void run_rows(struct rig *r, struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t edits = r->f.edits.n;
		struct err e = ERR_INIT;
		CLEANUP(mem_free) char *detail = NULL;
		int k = rows[i].detect(&r->f, &e);

		ck_assert_msg(k >= 0, "%s: %s", rows[i].id, e.text);
		detail = strbuf_take(&r->f.detail);
		strbuf_addf(out, "== %s %s\n%s%s", rows[i].id,
			    k > 0 || r->f.edits.n > edits ? "needed" : "not needed",
			    detail ? detail : "", detail && *detail ? "\n" : "");
	}
}

START_TEST(system_is_fixed)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 }, again = { 0 }, script = { 0 };
	CLEANUP(mem_free) char *before = NULL, *after = NULL, *diff = NULL;
	const struct windows_file *net, *first;
	const char *name = systems[_i];
	struct rig r = { 0 };
	char path[200];

	make(&r, name);
	before = hives_export(r.system);
	open_rig(&r);
	run_rows(&r, &out);
	strbuf_add(&out, "\n");
	for (size_t i = 0; i < r.warnings.n; i++)
		strbuf_addf(&out, "warning: %s\n", r.warnings.v[i]);
	for (size_t i = 0; i < r.f.edits.n; i++)
		strbuf_addf(&out, "copied: %s from %s\n", r.f.edits.v[i].path,
			    r.f.edits.v[i].new_text);
	net = staged(&r, "network.txt");
	ck_assert_ptr_nonnull(net);
	/* A mark, then whole units. */
	ck_assert_int_eq(memcmp(net->data, "\xff\xfe", 2), 0);
	strbuf_add(&out, "\nnetwork.txt:\n");
	{
		CLEANUP(strbuf_done) struct strbuf text = { 0 };

		utf16_add(&text, (const char *)net->data + 2, net->len / 2 - 1);
		add_unix(&out, text.s, text.len);
	}
	first = staged(&r, "firstboot.cmd");
	ck_assert_ptr_nonnull(first);
	add_unix(&script, first->data, first->len);
	snprintf(path, sizeof(path), "tests/golden/windows/%s-firstboot.cmd", name);
	expect_golden(path, &script);
	commit(&r);
	close_rig(&r);

	after = hives_export(r.system);
	if (before && after) {
		ck_assert_int_ge(diff_unified("SYSTEM", before, after, &diff), 0);
		strbuf_addf(&out, "\nas hivexregedit sees it:\n%s", diff);
		snprintf(path, sizeof(path), "tests/golden/windows/%s.txt", name);
		expect_golden(path, &out);
	}

	open_rig(&r);
	run_rows(&r, &again);
	ck_assert_msg(strstr(again.s, "needed") != NULL, "nothing ran");
	for (char *p = again.s; (p = strstr(p, "== ")); p++)
		ck_assert_msg(strstr(p, "not needed") &&
			      strstr(p, "not needed") < strchr(p, '\n'),
			      "%s: something to do a second time:\n%s", name, again.s);
	ck_assert_uint_eq(r.f.edits.n, 0);
	ck_assert_uint_eq(r.f.windows->nfiles, 0);
	close_rig(&r);
	remove_rig(&r);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("windows_rows");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, system_is_fixed, 0, (int)ARRAY_SIZE(systems));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
