/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans: what is made for a machine, that it is read back the same, and every slip of the pen with
 * the line that it is in.
 */
#include "inventory/plan/plan.h"

#include <errno.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/sysroot.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/machine_fields.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

#define MUST(call) \
	do { \
		struct err e = ERR_INIT; \
		int must_r = (call); \
		ck_assert_msg(must_r >= 0, "%s: %d: %s", #call, must_r, e.text); \
	} while (0)

static struct machine *m;

static struct machine_disk *add_disk(const char *name, uint64_t size)
{
	struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));

	d->name = strdup(name);
	d->size = size;
	return d;
}

static struct machine_nic *add_nic(const char *name, const char *kind, bool up, bool carrier)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));

	n->name = strdup(name);
	n->kind = kind ? strdup(kind) : NULL;
	n->up = up;
	n->carrier = carrier;
	return n;
}

static void setup(void)
{
	ck_assert_int_eq(machine_new(&m), 0);
	m->hostname = strdup("box");
	m->firmware.type = MACHINE_FIRMWARE_UEFI;
	m->cpu.sockets = 2;
	m->cpu.cores_per_socket = 4;
	m->cpu.threads_per_core = 2;
	m->cpu.online = 16;
	m->memory.installed = 8 * GIB;
	m->memory.usable = 7 * GIB;
	add_disk("sda", 4 * GIB);
	add_disk("cciss/c0d0", 2 * GIB);
	add_disk("sdc", GIB)->removable = true;
	add_nic("lo", "virtual", true, true);
	add_nic("eno1", "physical", true, true);
	add_nic("eno2", NULL, true, false);
	add_nic("eno3", "physical", false, false);
	add_nic("bond0", "bond", true, true);
}

static void teardown(void)
{
	machine_free(m);
	m = NULL;
}

START_TEST(what_is_made)
{
	const struct machine_plan_disk *d;
	struct err err = ERR_INIT;

	MUST(plan_make(m, "box-1", &e));
	ck_assert_str_eq(m->plan->name, "box-1");
	ck_assert_uint_eq(m->plan->vcpus, 16);
	ck_assert_uint_eq(m->plan->memory, 8 * GIB);
	ck_assert_str_eq(m->plan->firmware, "uefi");
	ck_assert_uint_eq(m->plan->ndisks, 3);
	d = plan_disk(m, "sda");
	ck_assert_ptr_nonnull(d);
	ck_assert(!d->skip && d->size == 4 * GIB && !d->bus);
	ck_assert(plan_disk(m, "sdc")->skip);
	ck_assert_ptr_eq(plan_disk(m, "cciss-c0d0"), plan_disk(m, "cciss/c0d0"));
	ck_assert_ptr_null(plan_disk(m, "sdb"));
	ck_assert_uint_eq(m->plan->nnics, 3);
	ck_assert_str_eq(plan_nic(m, "eno1")->connect, "network:default");
	/* The cable was out: it stays out, and nobody has decided otherwise. */
	ck_assert_ptr_null(plan_nic(m, "eno2")->connect);
	ck_assert_str_eq(plan_nic(m, "eno3")->connect, "network:default");
	ck_assert_ptr_null(plan_nic(m, "bond0"));
	ck_assert_ptr_null(plan_nic(m, "lo"));
	MUST(plan_check(m, &e));
	ck_assert_int_eq(plan_make(m, "again", &err), -EEXIST);
	ck_assert_str_eq(m->plan->name, "box-1");
}
END_TEST

START_TEST(what_is_not_known)
{
	CLEANUP(machine_free) struct machine *none = NULL;

	ck_assert_int_eq(machine_new(&none), 0);
	ck_assert_ptr_null(plan_disk(none, "sda"));
	ck_assert_ptr_null(plan_nic(none, "eth0"));
	MUST(plan_check(none, &e));
	MUST(plan_make(none, "x", &e));
	ck_assert(none->plan->vcpus == 0 && none->plan->memory == 0 && !none->plan->firmware);
	MUST(plan_check(none, &e));

	MUST(plan_make(m, "x", &e));
	machine_fields_free(m->plan, machine_fields_plan);
	free(m->plan);
	m->plan = NULL;
	m->cpu.cores_per_socket = 4000;
	m->memory.installed = 0;
	m->memory.usable = 3 * GIB - 5;
	MUST(plan_make(m, "x", &e));
	ck_assert_uint_eq(m->plan->vcpus, PLAN_VCPUS_MAX);
	ck_assert_uint_eq(m->plan->memory, 3 * GIB);
}
END_TEST

START_TEST(there_and_back)
{
	CLEANUP(machine_free) struct machine *back = NULL;
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) char *again = NULL;
	CLEANUP(json_unref) json_t *j = NULL;
	json_t *p;

	MUST(plan_make(m, "box", &e));
	MUST(plan_dump(m, &text, &e));
	MUST(plan_parse(text, strlen(text), &back, &e));
	MUST(plan_dump(back, &again, &e));
	ck_assert_str_eq(text, again);
	/* Whatever can be decided is in sight. */
	MUST(jsonx_parse(text, strlen(text), "plan", &j, &e));
	p = json_object_get(j, "plan");
	ck_assert(json_is_array(json_object_get(p, "accept")));
	ck_assert(json_is_array(json_object_get(p, "skip_fixes")));
	ck_assert_ptr_null(json_object_get(p, "advice"));
	p = json_array_get(json_object_get(p, "disks"), 0);
	ck_assert(json_is_false(json_object_get(p, "skip")));
	ck_assert(json_is_null(json_object_get(p, "bus")));
}
END_TEST

START_TEST(an_inventory_is_no_plan)
{
	CLEANUP(machine_free) struct machine *back = NULL;
	CLEANUP(mem_free) char *text = NULL;

	MUST(machine_json_dump(m, &text, &e));
	MUST(plan_parse(text, strlen(text), &back, &e));
	ck_assert_ptr_null(back->plan);
}
END_TEST

/* ---- slips of the pen */

#define HEAD	"{ \"version\": 1,\n  \"plan\": {\n"		/* what follows begins line 3 */
#define TAIL	"\n  },\n" \
		"  \"firmware\": { \"type\": \"bios\" },\n" \
		"  \"disks\": [ { \"name\": \"sda\", \"size\": 1024 },\n" \
		"\t{ \"name\": \"sdb\", \"size\": 2048 } ],\n" \
		"  \"nics\": [ { \"name\": \"eth0\" }, { \"name\": \"eth1\" } ]\n}\n"

static const struct slip {
	const char *plan;
	unsigned int line;		/* 0: good */
	const char *words;
} slips[] = {
	{ "", 0, NULL },
	{ "\"name\": null, \"vcpus\": null, \"memory\": 0, \"disks\": null, \"nics\": [],\n"
	  "\"accept\": null, \"advice\": []", 0, NULL },
	{ "\"name\": \"a\", \"vcpus\": 255, \"memory\": 16777216, \"firmware\": \"bios\",\n"
	  "\"disks\": [{\"name\": \"sdb\", \"size\": 4096, \"skip\": true, \"bus\": \"ide\"}],\n"
	  "\"nics\": [{\"name\": \"eth1\", \"connect\": \"none\", \"model\": \"rtl8139\"}],\n"
	  "\"skip_fixes\": [\"device-names\"], \"accept\": [\"ntfs-hibernated\"],\n"
	  "\"advice\": [{\"resource\": \"vcpus\", \"value\": 6}]", 0, NULL },
	/* syntax */
	{ "\"name\": \"a\",\n\"vcpus\": 1,", 5, "not valid JSON" },
	{ "\"name\": \"a\"\n\"vcpus\": 1", 4, "not valid JSON" },
	{ "\"name\": 'a'", 3, "not valid JSON" },
	{ "\"name\": \"a\",\n\n\"name\": \"b\"", 5, "duplicate" },
	{ "\"name\": \"a\xff\"", 3, "unable to decode byte 0xff" },
	{ "// a comment", 3, "not valid JSON" },
	/* names of members */
	{ "\"vcpus\": 1,\n\"cpus\": 2", 4, "plan: cpus is not a member that is known here" },
	{ "\"vcpus\": 1,\n\n\"v cpus\": 2", 5, "v cpus is not a member" },
	{ "\"disks\": [\n{\"name\": \"sda\",\n\"sizes\": 5}]", 5,
	  "disks[0]: sizes is not a member" },
	{ "\"nics\": [{\"name\": \"eth0\",\n\"conect\": \"none\"}]", 4, "nics[0]: conect" },
	{ "\"advice\": [{\"resource\": \"x\",\n\"why\": 1}]", 4, "advice[0]: why" },
	/* types */
	{ "\n\"name\": 5", 4, "\"name\" is not a string" },
	{ "\n\"vcpus\": \"5\"", 4, "\"vcpus\" is not an integer" },
	{ "\n\"vcpus\": 1.5", 4, "\"vcpus\" is not an integer" },
	{ "\n\"vcpus\": -1", 4, "vcpus is out of range" },
	{ "\n\"memory\": \"4G\"", 4, "\"memory\" is not an integer" },
	{ "\n\"memory\": 99999999999999999999", 4, "too big" },
	{ "\n\"disks\": {}", 4, "\"disks\" is not an array" },
	{ "\"disks\": [\n5]", 4, "disks[0] is not an object" },
	{ "\"disks\": [{\"name\": \"sda\"},\n{\n}]", 4, "disks[1]: name is missing" },
	{ "\"disks\": [{\n\"name\": \"../sda\"}]", 4, "name is not a device name" },
	{ "\"disks\": [{\"name\": \"sda\",\n\"skip\": 1}]", 4, "\"skip\" is not true or false" },
	{ "\"accept\": [\"a\",\n7]", 4, "accept[1] is not a string" },
	{ "\"skip_fixes\":\n\"a\"", 3, "\"skip_fixes\" is not an array" },
	{ "\"advice\": [\n{}]", 4, "advice[0]: resource is missing" },
	/* values */
	{ "\n\"name\": \"-a\"", 4, "name -a is not 1 to 63" },
	{ "\n\"name\": \"\"", 4, "plan: name  is not" },
	{ "\n\"name\": \"a\\u001b[2J\"", 4, "a\\x1b[2J" },
	{ "\n\"vcpus\": 256", 4, "vcpus 256 is more than 255" },
	{ "\n\"memory\": 4096", 4, "memory 4096 is less than 16 MiB; it is a number of bytes" },
	{ "\n\"firmware\": \"efi\"", 4, "firmware efi is none of bios and uefi" },
	{ "\n\"firmware\": \"uefi\"", 4, "firmware uefi is not the machine's bios" },
	{ "\"disks\": [{\n\"name\": \"sdz\"}]", 4, "disks[0]: name sdz is no disk" },
	{ "\"disks\": [{\n\"name\": \"sda\"}, {\"skip\": true,\n\"name\": \"sda\"}]", 5,
	  "disks[1]: name sda is in the plan twice" },
	{ "\"disks\": [{\"name\": \"sdb\",\n\"size\": 1024}]", 4,
	  "size 1024 is less than the source's 2048" },
	{ "\"disks\": [{\"name\": \"sdb\",\n\"size\": 2049}]", 4, "size 2049 is not a multiple" },
	{ "\"disks\": [{\"name\": \"sdb\",\n\"size\": 144115188075855872}]", 4, "out of range" },
	{ "\"disks\": [{\"name\": \"sdb\",\n\"bus\": \"scsi\"}]", 4,
	  "bus scsi is none of virtio-scsi, virtio-blk, sata and ide" },
	{ "\"nics\": [{\n\"name\": \"eth2\"}]", 4, "nics[0]: name eth2 is no network interface" },
	{ "\"nics\": [{\"name\": \"eth0\"}, {\n\"name\": \"eth0\"}]", 4,
	  "nics[1]: name eth0 is in" },
	{ "\"nics\": [{\"name\": \"eth0\",\n\"connect\": \"br0\"}]", 4,
	  "connect br0 is none of network:NAME" },
	{ "\"nics\": [{\"name\": \"eth0\",\n\"model\": \"e100\"}]", 4, "model e100 is none of" },
	{ "\"skip_fixes\": [\"a\",\n\"b c\"]", 4, "skip_fixes[1] b c is no id" },
	{ "\"accept\": [\n\"\"]", 4, "accept[0]  is no id" },
};

START_TEST(each_slip_has_its_line)
{
	const struct slip *s = &slips[_i];
	CLEANUP(mem_free) char *text = text_format(HEAD "%s" TAIL, s->plan);
	CLEANUP(machine_free) struct machine *got = NULL;
	struct err err = ERR_INIT;
	char line[32];
	int r = plan_parse(text, strlen(text), &got, &err);

	if (s->line == 0) {
		ck_assert_msg(r == 0 && got->plan, "%s", err.text);
		return;
	}
	snprintf(line, sizeof(line), "line %u: ", s->line);
	ck_assert_msg(r == -EBADMSG && !got, "%d: %s", r, err.text);
	ck_assert_msg(strncmp(err.text, line, strlen(line)) == 0, "not line %u: %s\n%s", s->line,
		      err.text, text);
	ck_assert_msg(strstr(err.text, s->words) != NULL, "not \"%s\": %s", s->words, err.text);
	ck_assert_int_eq(plan_parse(text, strlen(text), &got, NULL), -EBADMSG);
}
END_TEST

/* Slips outside of the plan have their lines, too. */
START_TEST(the_machine_has_lines)
{
	static const struct {
		const char *text, *begins;
	} table[] = {
		{ "", "line 1: not valid JSON" },
		{ "[]", "line 1: not a JSON object" },
		{ "{\n}", "line 1: version is missing" },
		{ "{\n\n\"version\": 2}", "line 3: version 2 is not known" },
		{ "{\"version\": 1,\n\"plan\":\n[]}", "line 2: \"plan\" is not an object" },
		{ "{\"version\": 1,\n\"disks\": [{\"name\": \"a\", \"partitions\": [{},\n{}]}]}",
		  "line 2: disks[0]: partitions[0]: name is missing" },
		{ "{\"version\": 1, \"nics\": [\n{\"name\": \"a/b\"}]}",
		  "line 2: nics[0]: name is not a device name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CLEANUP(machine_free) struct machine *got = NULL;
		struct err err = ERR_INIT;

		ck_assert_int_eq(plan_parse(table[i].text, strlen(table[i].text), &got, &err),
				 -EBADMSG);
		ck_assert_msg(strncmp(err.text, table[i].begins, strlen(table[i].begins)) == 0,
			      "%s, not %s", err.text, table[i].begins);
	}
}
END_TEST

/*
 * Whatever a file holds: a plan that is good, or an error with a line of the file. What is good is
 * written and read again.
 */
START_TEST(damaged_files)
{
	static const char tokens[][12] = { "\"", "{", "}", "[", "]", ",", ":", "0", "-1", "null",
					   "true", "1e9", "\"sda\"", "\n", "\\", "\xff", "" };
	CLEANUP(mem_free) char *good = NULL;
	uint64_t rng = 88172645463325252;
	unsigned int taken = 0;

	MUST(plan_make(m, "box", &e));
	MUST(plan_dump(m, &good, &e));
	for (int round = 0; round < 6000; round++) {
		CLEANUP(machine_free) struct machine *got = NULL, *back = NULL;
		CLEANUP(strbuf_done) struct strbuf b = { 0 };
		CLEANUP(mem_free) char *again = NULL;
		struct err err = ERR_INIT;
		size_t at, cut;
		int r;

		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		at = rng % strlen(good);
		cut = (rng >> 20) % 3 ? (rng >> 24) % 4 : (rng >> 24) % 200;
		strbuf_addn(&b, good, at);
		strbuf_add(&b, tokens[(rng >> 40) % ARRAY_SIZE(tokens)]);
		strbuf_add(&b, good + MIN(at + cut, strlen(good)));
		r = plan_parse(b.s, b.len, &got, &err);
		if (r == 0) {
			taken++;
			MUST(plan_dump(got, &again, &e));
			MUST(plan_parse(again, strlen(again), &back, &e));
			continue;
		}
		ck_assert_int_eq(r, -EBADMSG);
		ck_assert_msg(strncmp(err.text, "line ", 5) == 0 && atoi(err.text + 5) >= 1,
			      "%s", err.text);
	}
	ck_assert_uint_gt(taken, 100);
	ck_assert_uint_lt(taken, 5000);
}
END_TEST

START_TEST(laid_over_another_description)
{
	CLEANUP(machine_free) struct machine *planned = NULL;
	CLEANUP(mem_free) char *text = NULL;
	struct machine_plan *was;
	struct err err = ERR_INIT;

	MUST(plan_make(m, "one", &e));
	MUST(plan_dump(m, &text, &e));
	m->plan->vcpus = 3;
	was = m->plan;
	MUST(plan_lay(m, text, strlen(text), &e));
	ck_assert_ptr_ne(m->plan, was);
	ck_assert_uint_eq(m->plan->vcpus, 16);

	/* The file is good, but not for the machine that is there. */
	was = m->plan;
	m->disks[1].size = 3 * GIB;
	ck_assert_int_eq(plan_lay(m, text, strlen(text), &err), -EBADMSG);
	ck_assert_msg(strncmp(err.text, "line ", 5) == 0 &&
		      strstr(err.text, "plan: disks[1]: size 2147483648 is less than"), "%s",
		      err.text);
	ck_assert_ptr_eq(m->plan, was);

	m->smbios.uuid = strdup("4c4c4544-0053-4a10-8057-b4c04f4d3632");
	m->disks[1].size = 2 * GIB;
	MUST(plan_lay(m, text, strlen(text), &e));	/* the file does not know */
	MUST(plan_parse(text, strlen(text), &planned, &e));
	planned->smbios.uuid = strdup("4c4c4544-0053-4a10-8057-b4c04f4d3633");
	free(text);
	text = NULL;
	MUST(plan_dump(planned, &text, &e));
	ck_assert_int_eq(plan_lay(m, text, strlen(text), &err), -EXDEV);

	machine_fields_free(planned->plan, machine_fields_plan);
	free(planned->plan);
	planned->plan = NULL;
	free(text);
	text = NULL;
	MUST(machine_json_dump(planned, &text, &e));
	ck_assert_int_eq(plan_lay(m, text, strlen(text), &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "is an inventory"));
}
END_TEST

/* Every recorded machine gets a plan that is good and read back. */
START_TEST(recorded_machines)
{
	CLEANUP(sysroot_free) struct sysroot *all = NULL;
	CLEANUP(strv_free) char **names = NULL;
	size_t n = 0;

	MUST(sysroot_open("tests/golden/machine", &all, &e));
	ck_assert_int_ge(sysroot_list(all, &names, "/"), 0);
	for (size_t i = 0; names[i]; i++) {
		CLEANUP(mem_free) char *json = NULL;
		CLEANUP(machine_free) struct machine *one = NULL;
		CLEANUP(machine_free) struct machine *back = NULL;
		CLEANUP(mem_free) char *text = NULL;
		size_t len;

		MUST(sysroot_read(all, &json, &len, "/%s", names[i]));
		MUST(machine_json_parse(json, len, &one, &e));
		MUST(plan_make(one, "name", &e));
		MUST(plan_dump(one, &text, &e));
		MUST(plan_parse(text, strlen(text), &back, &e));
		ck_assert_uint_gt(back->plan->ndisks, 0);
		n++;
	}
	ck_assert_uint_ge(n, 12);
}
END_TEST

/* ---- the schema */

static void look_at(const json_t *schema, const struct machine_field *fields, bool strict)
{
	json_t *members = json_object_get(schema, "properties");

	for (const struct machine_field *f = fields; f->name; f++) {
		json_t *s = json_object_get(members, f->name);
		bool plan = strict || strcmp(f->name, "plan") == 0;

		ck_assert_msg(s != NULL, "no %s", f->name);
		if (strict && strcmp(f->name, "advice") != 0 &&
		    !json_object_get(members, "evidence"))
			ck_assert_msg(json_is_string(json_object_get(s, "description")),
				      "%s is not described", f->name);
		if (f->kind == FIELD_LIST)
			look_at(json_object_get(s, "items"), f->sub, plan);
		else if (f->sub)
			look_at(s, f->sub, plan);
	}
	ck_assert(json_is_false(json_object_get(schema, "additionalProperties")) == strict);
}

START_TEST(schema_has_every_member)
{
	CLEANUP(json_unref) json_t *j = NULL;

	MUST(plan_schema(&j, &e));
	look_at(j, machine_fields_machine, false);
	ck_assert_str_eq(json_string_value(json_object_get(j, "$schema")),
			 "https://json-schema.org/draft/2020-12/schema");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("plan");
	TCase *t;

#define ADD(fn) \
	t = tcase_create(#fn); \
	tcase_set_timeout(t, 60); \
	tcase_add_checked_fixture(t, setup, teardown); \
	tcase_add_test(t, fn); \
	suite_add_tcase(s, t)
	ADD(what_is_made);
	ADD(what_is_not_known);
	ADD(there_and_back);
	ADD(an_inventory_is_no_plan);
	ADD(the_machine_has_lines);
	ADD(damaged_files);
	ADD(laid_over_another_description);
	ADD(recorded_machines);
	ADD(schema_has_every_member);
	t = tcase_create("each_slip_has_its_line");
	tcase_add_loop_test(t, each_slip_has_its_line, 0, (int)ARRAY_SIZE(slips));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
