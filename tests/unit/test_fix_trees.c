/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole table of fixes over guests that are written down: tests/trees/NAME.tree becomes a
 * folder (tests/lib/tree.h), the table runs over it (tests/lib/guest_tree.h), and what it says and
 * changes is compared with tests/golden/trees/NAME.txt. Then it must find nothing more to do.
 *
 *	NAME.tree		the guest's files
 *	NAME.machine.json	the recorded machine, when there is one
 *	NAME.run		answers commands (guest_tree.h), else tests/trees/run
 *	NAME.options		a line each: "only ID", "skip ID", "set KEY=VALUE", "fast"
 *
 * P2V_REGEN=1 writes the golden files; P2V_TREE=NAME takes only that one.
 */
#include "tests/lib/unit.h"

#include <glob.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/spawn.h"
#include "common/text.h"
#include "inventory/machine_json.h"
#include "postfix/fix.h"
#include "tests/lib/guest_tree.h"
#include "tests/lib/tree.h"

#define MAX_NAMES 16

struct options {
	char *lines[MAX_NAMES * 3];
	size_t n;
	const char *only[MAX_NAMES + 1], *skip[MAX_NAMES + 1], *set[MAX_NAMES + 1];
	bool fast;
};

static glob_t trees;

static char *read_text(const char *path)
{
	char *text = NULL;
	size_t n;

	return fdio_read_file(path, (size_t)16 << 20, &text, &n, NULL) < 0 ? NULL : text;
}

static void add(const char **list, const char *word)
{
	size_t n = 0;

	while (list[n])
		n++;
	ck_assert_uint_lt(n, MAX_NAMES);
	list[n] = word;
}

static void read_options(const char *path, char **keep, struct options *o)
{
	char *save = NULL, *text = read_text(path);

	*keep = text;
	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "only ", 5) == 0)
			add(o->only, l + 5);
		else if (strncmp(l, "skip ", 5) == 0)
			add(o->skip, l + 5);
		else if (strncmp(l, "set ", 4) == 0)
			add(o->set, l + 4);
		else if (strcmp(l, "fast") == 0)
			o->fast = true;
		else if (*l != '#')
			ck_abort_msg("%s: not understood: %s", path, l);
	}
}

static struct machine *read_machine(const char *path)
{
	CLEANUP(mem_free) char *text = read_text(path);
	CLEANUP(json_unref) json_t *json = NULL;
	struct machine *m = NULL;
	struct err e = ERR_INIT;

	if (!text)
		return NULL;
	ck_assert_msg(jsonx_parse(text, strlen(text), path, &json, &e) >= 0, "%s", e.text);
	ck_assert_msg(machine_from_json(json, &m, &e) >= 0, "%s: %s", path, e.text);
	return m;
}

static void report_text(const struct fix_report *rep, int status, const struct err *e,
			struct strbuf *out)
{
	static const char *const buses[] = { "virtio-scsi", "virtio-blk", "sata", "ide" };
	static const char *const nets[] = { "virtio", "e1000e", "e1000", "rtl8139" };

	strbuf_addf(out, "%s\n", rep->os_name);
	for (size_t i = 0; i < rep->nresults; i++) {
		const struct fix_result *x = &rep->results[i];

		/* What has nothing to do stays out, so that a new row changes no old file. */
		if (x->state == FIX_NOT_NEEDED && !(x->detail && *x->detail))
			continue;
		if (x->state == FIX_SKIPPED)
			continue;
		strbuf_addf(out, "\n== %s %s\n%s%s", x->id, fix_state_name(x->state),
			    x->detail ? x->detail : "", x->detail && *x->detail ? "\n" : "");
		for (size_t k = 0; k < x->nchanges; k++)
			strbuf_addf(out, "-- %s %s\n%s", x->changes[k].what, x->changes[k].path,
				    x->changes[k].diff ? x->changes[k].diff : "");
	}
	strbuf_add(out, "\n");
	for (size_t i = 0; i < rep->warnings.n; i++)
		strbuf_addf(out, "warning: %s\n", rep->warnings.v[i]);
	strbuf_addf(out, "caps: %s %s%s%s%s%s\n", buses[rep->caps.block], nets[rep->caps.net],
		    rep->caps.q35 ? " q35" : " i440fx", rep->caps.virtio_1_0 ? " virtio-1.0" : "",
		    rep->caps.serial_console ? " serial" : "",
		    rep->caps.guest_agent ? " agent" : "");
	if (status < 0)
		strbuf_addf(out, "failed: %s\n", e->text);
}

/* Every name, kind, mode and content below dir, as one digest. */
static void digest_of(const char *dir, char hex[65])
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char script[] = "cd \"$1\" && { find . -printf '%P %y %m %l\\n'; "
			"find . -type f -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum";
	char sh[] = "sh", c[] = "-c";
	char *const argv[] = { sh, c, script, sh, (char *)(uintptr_t)dir, NULL };
	struct err e = ERR_INIT;

	ck_assert_msg(spawn_run(argv, NULL, 0, 60, 4096, &res, &e) >= 0, "%s", e.text);
	ck_assert_int_eq(res.status, 0);
	snprintf(hex, 65, "%.64s", res.out);
}

static int run(const char *root, const struct machine *m, const char *runner,
	       const struct options *o, bool dry_run, struct fix_report **ret, struct err *err)
{
	CLEANUP(guest_free) struct guest *guest = NULL;
	struct fix_options opt = {
		.machine = m, .dry_run = dry_run, .only = o->only, .skip = o->skip, .set = o->set,
		.fast = o->fast,
	};

	ck_assert_msg(guest_tree_open(root, m, runner, &guest, err) >= 0, "%s", err->text);
	return fix_guest(&opt, guest, ret, err);
}

static void expect_nothing_to_do(const char *name, const struct fix_report *rep)
{
	for (size_t i = 0; i < rep->nresults; i++) {
		const struct fix_result *x = &rep->results[i];

		ck_assert_msg(x->state != FIX_APPLIED && x->nchanges == 0,
			      "%s: %s finds something to do a second time: %s", name, x->id,
			      x->detail ? x->detail : "");
	}
}

START_TEST(tree_is_fixed)
{
	const char *spec = trees.gl_pathv[_i];
	char stem[256], path[300], runner[300], golden[300], before[65], after[65], again[65];
	char root[] = "/tmp/p2v-tree.XXXXXX";
	CLEANUP(fix_report_free) struct fix_report *dry = NULL, *rep = NULL, *second = NULL;
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *keep = NULL, *want = NULL;
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	struct options o = { 0 };
	struct err e = ERR_INIT, e2 = ERR_INIT;
	const char *name;
	int r;

	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(spec) - strlen(".tree")), spec);
	name = strrchr(stem, '/') + 1;
	if (getenv("P2V_TREE") && strcmp(getenv("P2V_TREE"), name) != 0)
		return;
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_msg(tree_make(spec, root, &e) >= 0, "%s", e.text);
	snprintf(path, sizeof(path), "%s.machine.json", stem);
	m = read_machine(path);
	snprintf(path, sizeof(path), "%s.options", stem);
	read_options(path, &keep, &o);
	snprintf(runner, sizeof(runner), "%s.run", stem);
	if (access(runner, R_OK) != 0)
		snprintf(runner, sizeof(runner), "tests/trees/run");

	digest_of(root, before);
	run(root, m, runner, &o, true, &dry, &e);
	digest_of(root, after);
	ck_assert_msg(strcmp(before, after) == 0, "%s: a dry run changed the guest", name);

	err_reset(&e);
	r = run(root, m, runner, &o, false, &rep, &e);
	ck_assert_msg(rep != NULL, "%s: %s", name, e.text);
	report_text(rep, r, &e, &out);
	digest_of(root, after);
	run(root, m, runner, &o, false, &second, &e2);
	digest_of(root, again);

	snprintf(golden, sizeof(golden), "tests/golden/trees/%s.txt", name);
	if (getenv("P2V_REGEN"))
		ck_assert_msg(fdio_replace_file(golden, out.s, out.len, 0644, &e) >= 0, "%s",
			      e.text);
	want = read_text(golden);
	ck_assert_msg(want != NULL, "there is no %s", golden);
	ck_assert_msg(strcmp(want, out.s) == 0, "%s is not what it was; it is now:\n%s", golden,
		      out.s);
	ck_assert_msg(second != NULL, "%s: %s", name, e2.text);
	expect_nothing_to_do(name, second);
	ck_assert_msg(strcmp(after, again) == 0, "%s: a second run changed the guest", name);
	snprintf(path, sizeof(path), "rm -rf %s", root);
	ck_assert_int_eq(system(path), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fix_trees");
	TCase *t = tcase_create("trees");

	if (glob("tests/trees/*.tree", 0, NULL, &trees) != 0)
		trees.gl_pathc = 0;
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, tree_is_fixed, 0, (int)trees.gl_pathc);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
