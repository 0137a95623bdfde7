/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pre-flight apart from its rules: order, acceptance, amounts, output, and hostile machines. */
#include "tests/lib/fault.h"
#include "tests/unit/test_preflight_rules.h"

#define TROUBLE \
	"'disks':[{'smart':{'status':'failed'},'logical_sector':4096},{'partitions':[" \
	"{'mountpoints':null,'fs':{'type':'ntfs','hibernated':true}}]}]," \
	"'nics':[{},{'name':'v','kind':'vlan'}]"

START_TEST(test_worst_first_then_by_the_table)
{
	CLEANUP(flight_done) struct flight f;
	const char *ids[] = { "disk-failing", "ntfs-hibernated", "net-vlan", "disk-4kn",
			      "net-address-clash" };

	fly(&f, "{" TROUBLE "}");
	ck_assert_uint_eq(f.report->n, ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		ck_assert_str_eq(f.report->findings[i].rule->id, ids[i]);
	ck_assert_uint_eq(preflight_blocking(f.report), 2);
}
END_TEST

/* By the command line and by the plan; one id accepts all of its findings, and no other. */
START_TEST(test_accept)
{
	CLEANUP(flight_done) struct flight f, g;

	fly(&f, "{" TROUBLE ",'with':{'accept':['disk-failing']}}");
	ck_assert_uint_eq(preflight_blocking(f.report), 1);
	ck_assert(f.report->findings[0].accepted && !f.report->findings[1].accepted);
	fly(&g, "{" TROUBLE ",'plan':{'accept':['ntfs-hibernated']},"
		"'with':{'accept':['disk-failing']}}");
	ck_assert_uint_eq(preflight_blocking(g.report), 0);
}
END_TEST

START_TEST(test_amounts)
{
	CLEANUP(flight_done) struct flight all, some, known, odd;

	fly(&all, "{'with':{'rate':1000000}}");
	ck_assert_uint_eq(all.report->total, UINT64_C(1000204886016) + UINT64_C(2000398934016));
	ck_assert_uint_eq(all.report->to_copy, 0);
	ck_assert_uint_eq(all.report->seconds, 3000604);
	/* One that nobody looked at makes the sum unknown. */
	fly(&some, "{'with':{'disks':[{'name':'sda','size':4096,'used':512},{'name':'sdb'}]}}");
	ck_assert_uint_eq(some.report->total, 4096 + UINT64_C(2000398934016));
	ck_assert_uint_eq(some.report->to_copy, 0);
	ck_assert_uint_eq(some.report->seconds, 0);
	fly(&known, "{'with':{'rate':1000,'disks':[{'name':'sda','size':4096,'used':1001}]}}");
	ck_assert_uint_eq(known.report->to_copy, 1001);
	ck_assert_uint_eq(known.report->seconds, 2);
	fly(&odd, "{'with':{'rate':1,'disks':[{'name':'a','size':9223372036854775807},{'name':'b',"
		  "'size':9223372036854775807},{'name':'c','size':9223372036854775807}]}}");
	ck_assert_uint_eq(odd.report->total, UINT64_MAX);
	ck_assert_uint_eq(odd.report->seconds, UINT64_MAX);
}
END_TEST

/* ---- output */

static void check_shape(const char *s)
{
	size_t column = 0;

	ck_assert_uint_gt(strlen(s), 0);
	ck_assert_int_eq(s[strlen(s) - 1], '\n');
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p == '\n') {
			column = 0;
			continue;
		}
		/* An assertion leaves its mark in a file: too slow for every byte of megabytes. */
		if (*p < ' ' || *p == 0x7f)
			ck_abort_msg("control character 0x%02x", *p);
		column += (*p & 0xc0) != 0x80;
		if (column > 100)
			ck_abort_msg("more than 100 columns: %.*s", 120, p - column + 1);
	}
}

START_TEST(test_text)
{
	CLEANUP(flight_done) struct flight f, g, h;
	CLEANUP(mem_free) char *s = NULL, *t = NULL, *u = NULL;

	fly(&f, "{" TROUBLE "}");
	s = preflight_text(f.report);
	check_shape(s);
	ck_assert_ptr_nonnull(
		strstr(s, "BLOCKS    NTFS holds a hibernated Windows [ntfs-hibernated]"));
	ck_assert_ptr_nonnull(strstr(s, "sdb1 has a hiberfil.sys"));
	ck_assert_ptr_nonnull(strstr(s, "> Start Windows"));
	ck_assert_ptr_nonnull(strstr(s, "  1 Gbit/s     at most 6:40:05\n"));
	ck_assert_ptr_nonnull(strstr(s, "5 findings: 2 block, 1 degrades, 2 notes\n"));
	/* A note asks for nothing. */
	ck_assert_ptr_null(strstr(s, "virtio drivers and starts by UEFI"));
	fly(&g, "{" TROUBLE ",'with':{'accept':['disk-failing','ntfs-hibernated'],'rate':1048576,"
		"'disks':[{'name':'sda','size':1000204886016,'used':1073741824},{'name':'sdb',"
		"'size':2000398934016,'used':1073741824}]}}");
	t = preflight_text(g.report);
	check_shape(t);
	ck_assert_ptr_nonnull(strstr(t, "accepted  NTFS"));
	ck_assert_ptr_nonnull(strstr(t, "To copy: 2 GiB of 2.7 TiB\nAt 1 MiB/s: 34:08\n"));
	ck_assert_ptr_nonnull(strstr(t, "0 block, 2 accepted"));
	ck_assert_ptr_null(strstr(t, "--force ID accepts"));
	fly(&h, "{'disks':[{'partitions':[{'mountpoints':['/\\u001b[2J\\nforged']}]}],"
		"'warnings':['\\u202eevil\\n\\nBLOCKS forged'],'with':{'disks':[{'name':'sdb'}]}}");
	u = preflight_text(h.report);
	check_shape(u);
	ck_assert_ptr_nonnull(strstr(u, "\\x1b[2J"));
	ck_assert_ptr_null(strstr(u, "\nBLOCKS forged"));
	ck_assert_ptr_null(strstr(u, "\xe2\x80\xae"));
}
END_TEST

START_TEST(test_json)
{
	CLEANUP(flight_done) struct flight f;
	CLEANUP(json_unref) json_t *j = NULL;
	struct err err = ERR_INIT;
	json_t *list, *o;

	fly(&f, "{" TROUBLE ",'disks':[{},{'partitions':[{'mountpoints':null,'fs':{'type':'ntfs',"
		"'hibernated':true,'label':'a\\u001bb'}}]}],'with':{'rate':1000,"
		"'accept':['ntfs-hibernated']}}");
	ck_assert_int_eq(preflight_to_json(f.report, &j, &err), 0);
	list = json_object_get(j, "findings");
	ck_assert_uint_eq(json_array_size(list), f.report->n);
	o = json_array_get(list, 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "id")), "ntfs-hibernated");
	ck_assert_str_eq(json_string_value(json_object_get(o, "severity")), "blocks");
	ck_assert(json_is_true(json_object_get(o, "accepted")));
	ck_assert_str_eq(json_string_value(json_object_get(o, "subject")), "sdb1");
	ck_assert_str_eq(json_string_value(json_object_get(o, "link")),
			 "docs/preflight.md#ntfs-hibernated");
	ck_assert_ptr_nonnull(strchr(json_string_value(json_object_get(o, "evidence")), '\x1b'));
	ck_assert(json_is_string(json_object_get(o, "title")));
	ck_assert(json_is_string(json_object_get(o, "advice")));
	ck_assert_int_eq(json_integer_value(json_object_get(j, "blocking")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "total")), INT64_C(3000603820032));
	ck_assert_ptr_null(json_object_get(j, "to_copy"));
	ck_assert_int_eq(json_integer_value(json_object_get(j, "seconds")), INT64_C(3000603821));
}
END_TEST

static bool is_sentence(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n > 7 && (s[n - 1] == '.' || s[n - 1] == ')') && s[0] != ' ' && !strstr(s, "  ");
}

/* What scripts and the document rely on. */
START_TEST(test_table_has_its_shape)
{
	const struct preflight_theme *const *themes;
	const char *seen[256];
	size_t n, nseen = 0;

	themes = preflight_themes(&n);
	ck_assert_uint_ge(n, 7);
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < themes[t]->n; i++) {
			const struct preflight_rule *r = &themes[t]->rules[i];

			ck_assert_msg(strspn(r->id, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
				      strlen(r->id) && strlen(r->id) <= 23 && r->id[0] != '-',
				      "id %s", r->id);
			for (size_t k = 0; k < nseen; k++)
				ck_assert_msg(strcmp(seen[k], r->id) != 0, "%s twice", r->id);
			seen[nseen++] = r->id;
			ck_assert_msg(r->title && strlen(r->title) > 8 && strlen(r->title) <= 72 &&
				      r->title[strlen(r->title) - 1] != '.', "%s: title", r->id);
			ck_assert_msg(is_sentence(r->why), "%s: why", r->id);
			ck_assert_msg(is_sentence(r->advice), "%s: advice", r->id);
			ck_assert_ptr_eq(preflight_find(r->id), r);
		}
	ck_assert_uint_ge(nseen, 70);
	ck_assert_ptr_null(preflight_find("no-such-id"));
	ck_assert_ptr_null(preflight_find(""));
}
END_TEST

START_TEST(test_document_and_list_have_every_rule)
{
	CLEANUP(mem_free) char *doc = preflight_document(), *listed = preflight_list();
	CLEANUP(json_unref) json_t *j = NULL;
	const struct preflight_theme *const *themes;
	struct err err = ERR_INIT;
	size_t n, rules = 0;

	check_shape(listed);
	ck_assert_int_eq(preflight_rules_to_json(&j, &err), 0);
	themes = preflight_themes(&n);
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < themes[t]->n; i++, rules++) {
			const struct preflight_rule *r = &themes[t]->rules[i];
			char text[128];

			snprintf(text, sizeof(text), "\n### %s\n\n**", r->id);
			ck_assert_msg(strstr(doc, text) != NULL, "%s has no section", r->id);
			snprintf(text, sizeof(text), "| [%s](#%s) | %s |", r->id, r->id,
				 preflight_severity_name(r->severity));
			ck_assert_msg(strstr(doc, text) != NULL, "%s has no row", r->id);
			snprintf(text, sizeof(text), "\n  %-23s %-9s ", r->id,
				 preflight_severity_name(r->severity));
			ck_assert_msg(strstr(listed, text) != NULL, "%s is not listed", r->id);
			ck_assert_str_eq(json_string_value(json_object_get(json_array_get(j, rules),
									   "id")), r->id);
		}
	ck_assert_uint_eq(json_array_size(j), rules);
	ck_assert_ptr_null(strstr(doc, "<iommu"));
}
END_TEST

/* ---- hostile machines */

static void run_any(const struct machine *m, bool hot)
{
	const struct preflight_disk disks[] = { { "sda", "someone", 1, 0 }, { "", NULL, 0, 0 } };
	const struct preflight_key keys[] = { { "sda2", false }, { "sdb1", true } };
	struct machine_strv none = { 0 };
	struct err err = ERR_INIT;

	for (int some = 0; some < 2; some++) {
		CLEANUP(preflight_report_free) struct preflight_report *r = NULL;
		struct preflight_input in = { .machine = m, .hot = hot, .rate = 1,
					      .keys = keys, .nkeys = 2, .accept = &none };
		CLEANUP(json_unref) json_t *j = NULL;
		CLEANUP(mem_free) char *s = NULL;

		if (some) {
			in.disks = disks;
			in.ndisks = 2;
		}
		ck_assert_msg(preflight_run(&in, &r, &err) == 0, "%s", err.text);
		s = preflight_text(r);
		check_shape(s);
		ck_assert_int_eq(preflight_to_json(r, &j, &err), 0);
	}
}

START_TEST(test_nothing_known)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	run_any(m, false);
	run_any(m, true);
}
END_TEST

/* Volumes made of themselves, of each other, of nothing, all of one name. */
START_TEST(test_loops)
{
	CLEANUP(flight_done) struct flight f;

	fly(&f, "{'volumes':[{'name':'dm-0','slaves':['dm-0'],'mountpoints':['/']},"
		"{'name':'dm-1','slaves':['dm-2','sda2']},{'name':'dm-2','slaves':['dm-1']},"
		"{'name':'dm-2','slaves':['nothing']},{'name':'sda','slaves':['sda']}]}");
	run_any(f.machine, true);
}
END_TEST

static void text_to(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	ck_assert_ptr_nonnull(*to);
}

/* As large as what is decoded may be, every list full, everything pointing at everything. */
START_TEST(test_full_machine)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	char name[32];

	ck_assert_int_eq(machine_new(&m), 0);
	for (unsigned int i = 0; i < MACHINE_JSON_LIST_MAX; i++) {
		struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
		struct machine_volume *v = machine_grow(&m->volumes, &m->nvolumes, sizeof(*v));
		struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));
		struct machine_pci *p = machine_grow(&m->pci, &m->npci, sizeof(*p));
		struct machine_mount *mount = machine_grow(&m->mounts, &m->nmounts, sizeof(*mount));

		snprintf(name, sizeof(name), "d%u", i);
		text_to(&d->name, name);
		text_to(&d->path, name);
		text_to(&d->wwn, "same");
		text_to(&d->fs.type, "bcache");
		text_to(&d->fs.role, "backing");
		snprintf(name, sizeof(name), "g%u", i);
		text_to(&d->fs.group_uuid, name);
		d->dax = true;
		d->size = INT64_MAX;
		snprintf(name, sizeof(name), "v%u", i);
		text_to(&v->name, name);
		text_to(&v->kind, "bcache");
		/* A chain as long as the list. */
		snprintf(name, sizeof(name), "v%u", i + 1);
		ck_assert_int_eq(machine_strv_add(&v->slaves, name), 0);
		snprintf(name, sizeof(name), "d%u", i);
		for (int k = 0; k < 50; k++)
			ck_assert_int_eq(machine_strv_add(&v->slaves, name), 0);
		text_to(&v->fs.type, "LVM2_member");
		text_to(&v->fs.group, "vg");
		text_to(&n->name, name);
		text_to(&n->kind, "bond");
		text_to(&p->group, name);
		text_to(&p->lacks, "x");
		text_to(&mount->source, name);
		text_to(&mount->target, "/");
		text_to(&mount->options, "dax");
		ck_assert_int_eq(machine_strv_add(&m->warnings, name), 0);
	}
	ck_assert_int_eq(machine_strv_add(&m->volumes[0].mountpoints, "/"), 0);
	run_any(m, true);
}
END_TEST

/* Whichever allocation fails, it is said, and nothing is lost; with all of them it works. */
START_TEST(test_no_memory)
{
	CLEANUP(flight_done) struct flight f;
	bool whole = false;

	fly(&f, "{" TROUBLE ",'disks':[{},{},{'name':'sdc','wwn':'0x5000c500a1b2c3d4','fs':"
		"{'type':'LVM2_member','group':'vg','uuid':'u'}}],'volumes':[{'name':'dm-0',"
		"'slaves':['sda','sdx']}],'warnings':['w'],'tpm_present':true}");
	for (uint64_t nth = 1; !whole; nth++) {
		CLEANUP(preflight_report_free) struct preflight_report *r = NULL;
		CLEANUP(mem_free) char *s = NULL, *d = NULL, *l = NULL;
		struct err err = ERR_INIT;
		int ret;

		ck_assert_uint_lt(nth, 20000);
		fault_arm(FAULT_ALLOC, nth, true);
		ret = preflight_run(&f.in, &r, &err);
		s = ret == 0 ? preflight_text(r) : NULL;
		d = s ? preflight_document() : NULL;
		l = d ? preflight_list() : NULL;
		fault_disarm();
		whole = fault_hit() == 0;
		ck_assert(ret == 0 || ret == -ENOMEM);
		ck_assert_msg(whole == (ret == 0 && s && d && l), "call %ju", (uintmax_t)nth);
	}
}
END_TEST

/* Bytes of a machine's JSON, damaged; what is still a machine is looked at. */
START_TEST(test_damaged_machines)
{
	CLEANUP(json_unref) json_t *j = quoted(healthy);
	CLEANUP(mem_free) char *text = json_dumps(j, JSON_COMPACT);
	size_t len = strlen(text), good = 0;
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (int i = 0; i < 3000; i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		CLEANUP(mem_free) char *copy = strdup(text);

		for (int k = 0; k < 3; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			copy[(seed >> 33) % len] = " 019aey/-'"[(seed >> 20) % 10];
		}
		if (machine_json_parse(copy, len, &m, NULL) < 0)
			continue;
		good++;
		run_any(m, i & 1);
	}
	ck_assert_uint_gt(good, 300);
}
END_TEST

static Suite *preflight_suite(void)
{
	Suite *s = suite_create("preflight");
	TCase *t = tcase_create("preflight");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_worst_first_then_by_the_table);
	tcase_add_test(t, test_accept);
	tcase_add_test(t, test_amounts);
	tcase_add_test(t, test_text);
	tcase_add_test(t, test_json);
	tcase_add_test(t, test_table_has_its_shape);
	tcase_add_test(t, test_document_and_list_have_every_rule);
	tcase_add_test(t, test_nothing_known);
	tcase_add_test(t, test_loops);
	tcase_add_test(t, test_full_machine);
	tcase_add_test(t, test_no_memory);
	tcase_add_test(t, test_damaged_machines);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(preflight_suite)
