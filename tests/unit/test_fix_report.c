/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report as JSON against a golden file, the table's names, and the pattern tables' generator.
 */
#include "tests/lib/unit.h"

#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "postfix/fix.h"

#define GOLDEN	"tests/golden/postfix/report.json"
#define GEN	"postfix/data/gen.sh"

START_TEST(the_report_is_as_documented)
{
	CLEANUP(mem_free) char *got = NULL, *want = NULL;
	CLEANUP(fix_report_free) struct fix_report *rep = calloc(1, sizeof(*rep));
	CLEANUP(json_unref) json_t *json = NULL;
	struct fix_result *res;
	struct fix_change *c;
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(rep);
	rep->os_name = strdup("Debian GNU/Linux 12 (bookworm)");
	rep->root = strdup("/dev/sda1");
	rep->boot_image = 1;
	guestcaps_default(&rep->caps);
	snprintf(rep->caps.os_type, sizeof(rep->caps.os_type), "linux");
	rep->caps.block = VM_BLOCK_VIRTIO_SCSI;
	rep->caps.net = VM_NET_VIRTIO;
	rep->caps.major = 12;
	rep->caps.minor = 5;
	res = machine_grow(&rep->results, &rep->nresults, sizeof(*res));
	*res = (struct fix_result){ .id = "device-names",
				    .title = "t",
				    .undo = "u",
				    .severity = FIX_BOOT,
				    .state = FIX_APPLIED,
				    .detail = strdup("one\ntwo") };
	c = machine_grow(&res->changes, &res->nchanges, sizeof(*c));
	*c = (struct fix_change){ strdup("/etc/fstab"), strdup("edited"), strdup("-a\n+b\n") };
	c = machine_grow(&res->changes, &res->nchanges, sizeof(*c));
	*c = (struct fix_change){ strdup("/boot/initrd"), strdup("rebuilt"), NULL };
	res = machine_grow(&rep->results, &rep->nresults, sizeof(*res));
	*res = (struct fix_result){ .id = "trim",
				    .title = "t",
				    .undo = "u",
				    .severity = FIX_COMFORT,
				    .state = FIX_NOT_NEEDED,
				    .detail = strdup("") };
	/* What a guest can make us say: bytes that are no UTF-8. */
	ck_assert_int_eq(machine_strv_add(&rep->warnings, "odd \xff name"), 0);
	ck_assert_int_eq(fix_report_to_json(rep, &json, &err), 0);
	got = jsonx_dump(json);
	ck_assert_ptr_nonnull(got);
	ck_assert_msg(fdio_read_file(GOLDEN, MIB, &want, NULL, &err) == 0, "%s", err.text);
	ck_assert_msg(strcmp(got, want) == 0, "the report is now:\n%s", got);
}
END_TEST

START_TEST(the_table_is_sound)
{
	size_t n = 0;
	const struct fix_info *list = fix_list(&n);

	ck_assert_uint_gt(n, 10);
	ck_assert_ptr_null(list[n].id);
	for (size_t i = 0; i < n; i++) {
		ck_assert(list[i].id && *list[i].id && list[i].title && *list[i].title);
		ck_assert(list[i].undo && *list[i].undo);
		ck_assert_uint_eq(strspn(list[i].id, "abcdefghijklmnopqrstuvwxyz-"),
				  strlen(list[i].id));
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(list[i].id, list[k].id);
	}
	ck_assert_str_eq(fix_state_name(FIX_WOULD_APPLY), "would-apply");
	ck_assert_str_eq(fix_severity_name(FIX_NETWORK), "network");
}
END_TEST

static const struct {
	const char *row;
	bool good;
} table_rows[] = {
	{ "disk\\tsmartd.service\\tno SMART data\\n", true },
	{ "disk\\t\\tx@*.service\\tno [SMART] data, none\\n", true },
	{ "# comment\\n\\ndisk\\t!a?[bc].service\\twhy not\\n", true },
	{ "disk smartd.service no-tabs\\n", false },
	{ "disk\\tsmartd.service\\n", false },
	{ "disk\\tsmartd.service\\ta\\tb\\n", false },
	{ "Disk\\tsmartd.service\\tbad group\\n", false },
	{ "disk\\tsmart d.service\\tbad pattern\\n", false },
	{ "disk\\tx\\\",0}\\tbad pattern\\n", false },
	{ "disk\\tx\\tbad \\042 reason\\n", false },
	{ "disk\\tx\\tends with a full stop.\\n", false },
	{ "a\\tx\\tonce\\na\\tx\\ttwice\\n", false },
	{ "# only comments\\n", false },
};

START_TEST(the_generator_checks_the_tables)
{
	CLEANUP(mem_free) char *cmd = NULL;
	int status;

	ck_assert_int_gt(asprintf(&cmd,
				  "d=$(mktemp -d) || exit 9; printf '%s' >$d/services.tbl; "
				  "for t in postfix/data/*.tbl; do "
				  "[ ${t##*/} = services.tbl ] || cp $t $d/; done; sh " GEN
				  " $d >$d/out 2>/dev/null; "
				  "r=$?; rm -rf $d; exit $r",
				  table_rows[_i].row),
			 0);
	status = system(cmd);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status) == 0, table_rows[_i].good);
}
END_TEST

static Suite *report_suite(void)
{
	Suite *s = suite_create("fix_report");
	TCase *t = tcase_create("fix_report");

	tcase_add_test(t, the_report_is_as_documented);
	tcase_add_test(t, the_table_is_sound);
	tcase_add_loop_test(t, the_generator_checks_the_tables, 0, ARRAY_SIZE(table_rows));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(report_suite)
