/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole table of fixes over guests that are written down (tests/lib/fix_case.h): what it says
 * and changes is compared with tests/golden/trees/NAME.txt. Then it must find nothing more to do.
 *
 * P2V_REGEN=1 writes the golden files; P2V_TREE=NAME takes only that one.
 */
#include "tests/lib/unit.h"

#include <glob.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"
#include "tests/lib/fix_case.h"

static glob_t trees;

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

static void expect_nothing_to_do(const char *name, const struct fix_report *rep)
{
	for (size_t i = 0; i < rep->nresults; i++) {
		const struct fix_result *x = &rep->results[i];

		ck_assert_msg(x->state != FIX_APPLIED && x->nchanges == 0,
			      "%s: %s finds something to do a second time: %s", name, x->id,
			      x->detail ? x->detail : "");
	}
}

/* The first line that differs; a whole report is more than check can carry. */
static void expect_same(const char *golden, const char *want, const char *have)
{
	unsigned int line = 1;
	size_t i = 0, start = 0;

	for (; want[i] == have[i] && want[i]; i++)
		if (want[i] == '\n') {
			line++;
			start = i + 1;
		}
	ck_assert_msg(want[i] == have[i], "%s:%u is \"%.*s\", now it would be \"%.*s\"", golden,
		      line, (int)strcspn(want + start, "\n"), want + start,
		      (int)strcspn(have + start, "\n"), have + start);
}

START_TEST(tree_is_fixed)
{
	CLEANUP(fix_report_free) struct fix_report *dry = NULL, *rep = NULL, *second = NULL;
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	CLEANUP(mem_free) char *want = NULL;
	char golden[300], before[65], after[65], again[65];
	struct err e = ERR_INIT, e2 = ERR_INIT;
	struct fix_case c;
	int r;

	fix_case_make(&c, trees.gl_pathv[_i]);
	if (getenv("P2V_TREE") && strcmp(getenv("P2V_TREE"), c.name) != 0) {
		fix_case_done(&c);
		return;
	}
	fix_case_digest(c.root, before);
	fix_case_run(&c, true, &dry, &e);
	fix_case_digest(c.root, after);
	ck_assert_msg(strcmp(before, after) == 0, "%s: a dry run changed the guest", c.name);

	err_reset(&e);
	r = fix_case_run(&c, false, &rep, &e);
	ck_assert_msg(rep != NULL, "%s: %s", c.name, e.text);
	report_text(rep, r, &e, &out);
	fix_case_digest(c.root, after);
	fix_case_run(&c, false, &second, &e2);
	fix_case_digest(c.root, again);

	snprintf(golden, sizeof(golden), "tests/golden/trees/%s.txt", c.name);
	if (getenv("P2V_REGEN"))
		ck_assert_msg(fdio_replace_file(golden, out.s, out.len, 0644, &e) >= 0, "%s",
			      e.text);
	ck_assert_msg(fdio_read_file(golden, (size_t)16 << 20, &want, &(size_t){ 0 }, &e) >= 0,
		      "%s", e.text);
	expect_same(golden, want, out.s);
	ck_assert_msg(second != NULL, "%s: %s", c.name, e2.text);
	expect_nothing_to_do(c.name, second);
	ck_assert_msg(strcmp(after, again) == 0, "%s: a second run changed the guest", c.name);
	fix_case_done(&c);
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
