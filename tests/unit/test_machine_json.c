/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine as JSON: what is written is read back to the last member, hostile text of every kind
 * gives a clean error or a machine that can be written again, and errors name the member.
 */
#include <errno.h>
#include <inttypes.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "inventory/machine_fields.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

static unsigned int serial;
static int per_list = 3;		/* elements that fill() puts into each list */

/* A different text every time, so that two members swapped by mistake do not look the same. */
static char *text(unsigned int rules)
{
	char *s;

	if (rules & RULE_MAC)
		ck_assert_int_ge(asprintf(&s, "52:54:00:00:%02x:%02x", serial >> 8 & 0xff,
					  serial & 0xff), 0);
	else
		ck_assert_int_ge(asprintf(&s, "text %u", ++serial), 0);
	return s;
}

static void fill_strv(struct machine_strv *v)
{
	for (int i = 0; i < 3; i++) {
		CLEANUP(mem_free) char *s = text(RULE_ANY);

		ck_assert_int_eq(machine_strv_add(v, s), 0);
	}
}

static void fill(void *base, const struct machine_field *fields);

static void fill_list(void *base, const struct machine_field *f)
{
	size_t *n = (size_t *)(void *)((char *)base + f->offset_n);
	void *list = (char *)base + f->offset;

	for (int i = 0; i < per_list; i++) {
		if (f->kind == FIELD_U16LIST)
			*(uint16_t *)machine_grow(list, n, sizeof(uint16_t)) = (uint16_t)++serial;
		else
			fill(machine_grow(list, n, f->size), f->sub);
	}
}

/* Every member that the tables know. */
static void fill(void *base, const struct machine_field *fields)
{
	for (const struct machine_field *f = fields; f->name; f++) {
		void *p = (char *)base + f->offset;

		switch (f->kind) {
		case FIELD_STR:
			*(char **)p = text(f->rules);
			break;
		case FIELD_STRV:
			fill_strv(p);
			break;
		case FIELD_BOOL:
		case FIELD_FLAG:
			*(bool *)p = true;
			break;
		case FIELD_ANSWER:
			*(enum machine_answer *)p = MACHINE_YES;
			break;
		case FIELD_U16:
			*(uint16_t *)p = (uint16_t)++serial;
			break;
		case FIELD_U32:
			*(uint32_t *)p = ++serial;
			break;
		case FIELD_U64:
			*(uint64_t *)p = ++serial;
			break;
		case FIELD_I32:
			*(int32_t *)p = (int32_t)++serial;
			break;
		case FIELD_I64:
			*(int64_t *)p = ++serial;
			break;
		case FIELD_FIRMWARE:
			*(enum machine_firmware_type *)p = MACHINE_FIRMWARE_UEFI;
			break;
		case FIELD_OBJECT:
			fill(p, f->sub);
			break;
		case FIELD_POINTER:
			*(void **)p = calloc(1, f->size);
			ck_assert_ptr_nonnull(*(void **)p);
			fill(*(void **)p, f->sub);
			break;
		case FIELD_LIST:
		case FIELD_U16LIST:
			fill_list(base, f);
			break;
		}
	}
}

static struct machine *full_machine(void)
{
	struct machine *m;

	serial = 0;
	ck_assert_int_eq(machine_new(&m), 0);
	fill(m, machine_fields_machine);
	return m;
}

/* One of each: for tests whose time grows with the square of the text. */
static struct machine *small_machine(void)
{
	struct machine *m;

	per_list = 1;
	m = full_machine();
	per_list = 3;
	return m;
}

/* The edges of what numbers and text can be. */
static struct machine *extreme_machine(void)
{
	struct machine *m = full_machine();

	free(m->hostname);
	m->hostname = strdup("w\xc3\xbcrfel \xf0\x9f\x8e\xb2 \"quoted\" \x01 \\");
	m->clock.rtc_minus_system = INT64_MIN;
	m->disks[0].size = INT64_MAX;
	m->disks[0].logical_sector = UINT32_MAX;
	m->disks[1].partitions[2].size = INT64_MAX - m->disks[1].partitions[2].start;
	m->firmware.boot_order[0] = 0xffff;
	m->firmware.boot_current = 0;
	free(m->nics[0].permanent_mac);
	m->nics[0].permanent_mac =
		strdup("80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:10:3b");
	return m;
}

static size_t field_size(const struct machine_field *f)
{
	switch (f->kind) {
	case FIELD_STRV:
		return sizeof(struct machine_strv);
	case FIELD_BOOL:
	case FIELD_FLAG:
		return sizeof(bool);
	case FIELD_U16:
		return sizeof(uint16_t);
	case FIELD_U32:
	case FIELD_I32:
		return sizeof(uint32_t);
	case FIELD_ANSWER:
		return sizeof(enum machine_answer);
	case FIELD_FIRMWARE:
		return sizeof(enum machine_firmware_type);
	case FIELD_LIST:
	case FIELD_U16LIST:
		return sizeof(void *) + sizeof(size_t);
	default:
		return sizeof(void *);
	}
}

static void measure(const char *where, const struct machine_field *fields, size_t size)
{
	unsigned char *seen = calloc(1, size);
	size_t gap = 0, end;

	ck_assert_ptr_nonnull(seen);
	for (const struct machine_field *f = fields; f->name; f++) {
		size_t n = field_size(f);

		if (f->kind == FIELD_OBJECT) {
			/* By value: up to the next member, or the end. */
			n = size - f->offset;
			for (const struct machine_field *g = fields; g->name; g++)
				if (g->offset > f->offset && g->offset - f->offset < n)
					n = g->offset - f->offset;
			measure(f->name, f->sub, n);
		} else if (f->kind == FIELD_LIST) {
			ck_assert_uint_eq(f->offset_n, f->offset + sizeof(void *));
			measure(f->name, f->sub, f->size);
		} else if (f->kind == FIELD_POINTER) {
			measure(f->name, f->sub, f->size);
		}
		ck_assert_uint_le(f->offset + n, size);
		memset(seen + f->offset, 1, n);
	}
	for (end = 0; end < size; end++) {
		gap = seen[end] ? 0 : gap + 1;
		ck_assert_msg(gap < sizeof(void *), "%s has a member in no table before byte %zu",
			      where, end);
	}
	free(seen);
}

/* A text or list that a struct has and its table has not leaves a hole of a pointer's size. */
START_TEST(test_tables_cover_the_structs)
{
	measure("machine", machine_fields_machine, sizeof(struct machine));
}
END_TEST

static char *dump(const struct machine *m)
{
	struct err err = ERR_INIT;
	char *s = NULL;

	ck_assert_msg(machine_json_dump(m, &s, &err) == 0, "%s", err.text);
	return s;
}

/* Every text that full_machine() makes is in the JSON: nothing is left out by the tables. */
START_TEST(test_every_member_is_written)
{
	CLEANUP(machine_free) struct machine *m = full_machine();
	CLEANUP(mem_free) char *s = dump(m);
	unsigned int last = serial, missing = 0;

	for (unsigned int i = 1; i <= last; i++) {
		char as_text[40], as_number[40], as_number_end[40];

		snprintf(as_text, sizeof(as_text), "\"text %u\"", i);
		snprintf(as_number, sizeof(as_number), " %u,", i);
		snprintf(as_number_end, sizeof(as_number_end), " %u\n", i);
		if (!strstr(s, as_text) && !strstr(s, as_number) && !strstr(s, as_number_end))
			missing++;
	}
	ck_assert_uint_gt(last, 200);
	ck_assert_uint_eq(missing, 0);
}
END_TEST

START_TEST(test_round_trip_of_a_full_machine)
{
	CLEANUP(machine_free) struct machine *m = extreme_machine(), *back = NULL;
	CLEANUP(mem_free) char *first = dump(m), *second = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(machine_json_parse(first, strlen(first), &back, &err) == 0, "%s", err.text);
	second = dump(back);
	ck_assert_str_eq(first, second);
	ck_assert_str_eq(back->hostname, m->hostname);
	ck_assert_int_eq(back->clock.rtc_minus_system, INT64_MIN);
	ck_assert_uint_eq(back->disks[1].partitions[2].size, m->disks[1].partitions[2].size);
	ck_assert_uint_eq(back->firmware.boot_order[0], 0xffff);
	ck_assert_int_eq(back->firmware.boot_current, 0);
	ck_assert(back->nics[1].addresses[1].dynamic);
}
END_TEST

/* Off and not known are two things; files of before always said one or the other. */
START_TEST(test_an_answer_may_be_left_out)
{
	static const struct {
		const char *text;
		enum machine_answer answer;
	} rows[] = {
		{ "{}", MACHINE_NOT_KNOWN },
		{ "{\"secure_boot\":null}", MACHINE_NOT_KNOWN },
		{ "{\"secure_boot\":false}", MACHINE_NO },
		{ "{\"secure_boot\":true}", MACHINE_YES },
	};
	static const char bad[] = "{\"version\":1,\"firmware\":{\"secure_boot\":2}}";
	CLEANUP(machine_free) struct machine *none = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		CLEANUP(mem_free) char *out = NULL;
		char text[128];

		snprintf(text, sizeof(text), "{\"version\":1,\"firmware\":%s}", rows[i].text);
		ck_assert_int_eq(machine_json_parse(text, strlen(text), &m, &err), 0);
		ck_assert_int_eq(m->firmware.secure_boot, rows[i].answer);
		out = dump(m);
		ck_assert_int_eq(strstr(out, "secure_boot") != NULL,
				 rows[i].answer != MACHINE_NOT_KNOWN);
		ck_assert_int_eq(strstr(out, "\"secure_boot\": true") != NULL,
				 rows[i].answer == MACHINE_YES);
	}
	ck_assert_int_eq(machine_json_parse(bad, strlen(bad), &none, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "firmware"));
	ck_assert_int_eq(machine_new(&none), 0);
	none->firmware.secure_boot = (enum machine_answer)7;
	ck_assert_int_eq(machine_json_dump(none, &(char *){ NULL }, &err), -EINVAL);
}
END_TEST

START_TEST(test_empty_machine_stays_unknown)
{
	CLEANUP(machine_free) struct machine *m = NULL, *back = NULL;
	CLEANUP(mem_free) char *s = NULL;
	static const char nic[] = "{\"version\":1,\"nics\":[{\"name\":\"eth0\"}]}";

	ck_assert_int_eq(machine_new(&m), 0);
	s = dump(m);
	ck_assert_ptr_null(strstr(s, "null"));
	ck_assert_ptr_null(strstr(s, "boot_current"));
	ck_assert_int_eq(machine_json_parse(s, strlen(s), &back, NULL), 0);
	ck_assert_int_eq(back->firmware.boot_current, -1);
	ck_assert_ptr_null(machine_boot_current(back));
	ck_assert_ptr_null(back->hostname);
	ck_assert_uint_eq(back->ndisks, 0);

	machine_free(TAKE_PTR(back));
	ck_assert_int_eq(machine_json_parse(nic, sizeof(nic) - 1, &back, NULL), 0);
	ck_assert_int_eq(back->nics[0].speed, -1);
}
END_TEST

static const struct {
	const char *json, *names;
} hostile[] = {
    {"", "machine"},
    {"[]", "not a JSON object"},
    {"{}", "version"},
    {"{\"version\":2}", "version 2"},
    {"{\"version\":\"1\"}", "version"},
    {"{\"version\":1.0}", "version"},
    {"{\"version\":1,\"version\":1}", "machine"},
    {"{\"version\":1,\"hostname\":7}", "hostname"},
    {"{\"version\":1,\"cpu\":[]}", "cpu"},
    {"{\"version\":1,\"cpu\":{\"sockets\":-1}}", "cpu: sockets"},
    {"{\"version\":1,\"cpu\":{\"sockets\":4294967296}}", "cpu: sockets"},
    {"{\"version\":1,\"cpu\":{\"sockets\":1.5}}", "sockets"},
    {"{\"version\":1,\"cpu\":{\"flags\":\"sse\"}}", "flags"},
    {"{\"version\":1,\"cpu\":{\"flags\":[\"sse\",null]}}", "flags[1]"},
    {"{\"version\":1,\"memory\":{\"installed\":9223372036854775808}}", "machine"},
    {"{\"version\":1,\"memory\":{\"installed\":-5}}", "installed"},
    {"{\"version\":1,\"firmware\":{\"type\":\"openfirmware\"}}", "type"},
    {"{\"version\":1,\"firmware\":{\"type\":1}}", "type"},
    {"{\"version\":1,\"firmware\":{\"boot_order\":[65536]}}", "boot_order[0]"},
    {"{\"version\":1,\"firmware\":{\"boot_order\":[1,\"2\"]}}", "boot_order[1]"},
    {"{\"version\":1,\"firmware\":{\"boot_current\":99999999999}}", "boot_current"},
    {"{\"version\":1,\"firmware\":{\"entries\":[{\"label\":\"x\"}]}}", "entries[0]: number"},
    {"{\"version\":1,\"firmware\":{\"entries\":[{\"number\":-1}]}}", "number"},
    {"{\"version\":1,\"disks\":{}}", "disks"},
    {"{\"version\":1,\"disks\":[1]}", "disks[0]"},
    {"{\"version\":1,\"disks\":[{}]}", "disks[0]: name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"\"}]}", "disks[0]: name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"../../etc/passwd\"}]}", "name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"a/../b\"}]}", "name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"/sda\"}]}", "name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"sda/\"}]}", "name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"s\\nda\"}]}", "name"},
    {"{\"version\":1,\"disks\":[{\"name\":\"a\\u0000b\"}]}", "machine"},
    {"{\"version\":1,\"disks\":[{\"name\":\"sda\",\"rotational\":1}]}", "rotational"},
    {"{\"version\":1,\"disks\":[{\"name\":\"sda\"},{\"name\":\"sdb\",\"partitions\":[{\"name\":"
     "\"sdb1\",\"start\":9223372036854775807,\"size\":1}]}]}",
     "disks[1]: partitions[0]: start + size"},
    {"{\"version\":1,\"nics\":[{\"name\":\"eth0\",\"mac\":\"52:54:00\"}]}", "mac"},
    {"{\"version\":1,\"nics\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:AA:bb:cc\"}]}", "mac"},
    {"{\"version\":1,\"nics\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:aa:bb:c\"}]}", "mac"},
    {"{\"version\":1,\"nics\":[{\"name\":\"eth0\",\"mac\":\"'><x y='1-aa:bb:cc\"}]}", "mac"},
    {"{\"version\":1,\"nics\":[{\"name\":\"net/eth0\"}]}", "name"},
    {"{\"version\":1,\"nics\":[{\"name\":\"eth0\",\"addresses\":[{}]}]}", "addresses[0]: address"},
    {"{\"version\":1,\"mounts\":[{\"source\":\"/dev/sda1\"}]}", "mounts[0]: target"},
    {"{\"version\":1,\"hostname\":\"\xff\xfe\"}", "machine"},
    {"{\"version\":1}{\"version\":1}", "machine"},
};

START_TEST(test_hostile_text_is_refused_by_name)
{
	struct err err = ERR_INIT;
	struct machine *m = NULL;
	int r = machine_json_parse(hostile[_i].json, strlen(hostile[_i].json), &m, &err);

	ck_assert_msg(r == -EBADMSG, "%s: %d", hostile[_i].json, r);
	ck_assert_ptr_null(m);
	ck_assert_msg(strstr(err.text, hostile[_i].names), "%s: %s", hostile[_i].json, err.text);
}
END_TEST

START_TEST(test_unknown_members_are_ignored)
{
	static const char s[] = "{\"version\":1,\"future\":{\"a\":[1,2,{}]},\"hostname\":null,"
				"\"disks\":[{\"name\":\"sda\",\"flavour\":true}]}";
	CLEANUP(machine_free) struct machine *m = NULL;

	ck_assert_int_eq(machine_json_parse(s, sizeof(s) - 1, &m, NULL), 0);
	ck_assert_ptr_null(m->hostname);
	ck_assert_str_eq(m->disks[0].name, "sda");
}
END_TEST

/* In a plan a person writes: what is not known there is a slip. */
START_TEST(test_unknown_members_of_a_plan_are_refused)
{
	static const char *const bad[][2] = {
		{ "{\"version\":1,\"plan\":{\"vcpu\":2}}", "plan: vcpu" },
		{ "{\"version\":1,\"plan\":{\"disks\":[{\"name\":\"sda\",\"skipp\":1}]}}",
		  "plan: disks[0]: skipp" },
	};
	static const char good[] = "{\"version\":1,\"plan\":{},\"future\":1}";
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *s = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(machine_json_parse(bad[i][0], strlen(bad[i][0]), &m, &err),
				 -EBADMSG);
		ck_assert_msg(strstr(err.text, bad[i][1]) != NULL, "%s", err.text);
		err_reset(&err);
	}
	ck_assert_int_eq(machine_json_parse(good, sizeof(good) - 1, &m, NULL), 0);
	ck_assert_ptr_nonnull(m->plan);
	s = dump(m);
	ck_assert_ptr_nonnull(strstr(s, "\"plan\""));
}
END_TEST

/* A NUL can also hide in a tree that somebody else has parsed. */
START_TEST(test_nul_in_a_tree_is_refused)
{
	CLEANUP(json_unref) json_t *j = json_object();
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	json_object_set_new(j, "version", json_integer(1));
	json_object_set_new(j, "hostname", json_stringn("a\0b", 3));
	ck_assert_int_eq(machine_from_json(j, &m, &err), -EBADMSG);
	json_object_set_new(j, "hostname", json_string("ab"));
	json_object_set_new(j, "dns", json_array());
	json_array_append_new(json_object_get(j, "dns"), json_stringn("\0", 1));
	ck_assert_int_eq(machine_from_json(j, &m, &err), -EBADMSG);
	ck_assert_ptr_null(m);
	ck_assert_ptr_nonnull(strstr(err.text, "dns[0]"));
}
END_TEST

START_TEST(test_limits)
{
	CLEANUP(json_unref) json_t *j = json_object(), *a = json_array();
	CLEANUP(mem_free) char *s = malloc(MACHINE_JSON_TEXT_MAX + 1);
	struct machine *m = NULL;

	memset(s, 'x', MACHINE_JSON_TEXT_MAX + 1);
	json_object_set_new(j, "version", json_integer(1));
	json_object_set_new(j, "hostname", json_stringn(s, MACHINE_JSON_STRING_MAX));
	ck_assert_int_eq(machine_from_json(j, &m, NULL), 0);
	machine_free(TAKE_PTR(m));
	json_object_set_new(j, "hostname", json_stringn(s, MACHINE_JSON_STRING_MAX + 1));
	ck_assert_int_eq(machine_from_json(j, &m, NULL), -EBADMSG);

	json_object_del(j, "hostname");
	for (int i = 0; i < MACHINE_JSON_LIST_MAX; i++)
		json_array_append_new(a, json_string("1.2.3.4"));
	json_object_set(j, "dns", a);
	ck_assert_int_eq(machine_from_json(j, &m, NULL), 0);
	machine_free(TAKE_PTR(m));
	json_array_append_new(a, json_string("1.2.3.4"));
	ck_assert_int_eq(machine_from_json(j, &m, NULL), -EBADMSG);

	memset(s, ' ', MACHINE_JSON_TEXT_MAX + 1);
	memcpy(s, "{\"version\":1}", 13);
	ck_assert_int_eq(machine_json_parse(s, MACHINE_JSON_TEXT_MAX + 1, &m, NULL), -EBADMSG);
	ck_assert_int_eq(machine_json_parse(s, MACHINE_JSON_TEXT_MAX, &m, NULL), 0);
	machine_free(TAKE_PTR(m));
}
END_TEST

/* We never write what we would not read. */
START_TEST(test_encoder_keeps_the_promises)
{
	static const char *const bad_names[] = { "", "..", "a//b", "sd\na", "\xff" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i <= ARRAY_SIZE(bad_names); i++) {
		CLEANUP(machine_free) struct machine *m = full_machine();
		char *s = NULL;

		free(m->disks[1].name);
		m->disks[1].name = i < ARRAY_SIZE(bad_names) ? strdup(bad_names[i]) : NULL;
		ck_assert_int_eq(machine_json_dump(m, &s, &err), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.text, "disks[1]: name"));
		ck_assert_ptr_null(s);
	}
	for (int i = 0; i < 4; i++) {
		CLEANUP(machine_free) struct machine *m = full_machine();
		char *s = NULL;

		if (i == 0)
			m->disks[0].size = (uint64_t)INT64_MAX + 1;
		else if (i == 1)
			m->disks[0].partitions[0].size = INT64_MAX;
		else if (i == 2)
			m->nics[0].mac[0] = 'A';
		else
			m->firmware.type = 17;
		ck_assert_msg(machine_json_dump(m, &s, &err) == -EINVAL, "case %d", i);
		ck_assert_ptr_null(s);
	}
}
END_TEST

/* Cut at every byte: never a machine, never a crash (the last byte is the newline). */
START_TEST(test_every_truncation_is_refused)
{
	CLEANUP(machine_free) struct machine *m = small_machine();
	CLEANUP(mem_free) char *s = dump(m);
	size_t len = strlen(s);

	ck_assert_uint_gt(len, 4000);
	for (size_t cut = 0; cut + 1 < len; cut++) {
		/* A copy of exactly this size, so that the sanitizer sees a read past the end. */
		CLEANUP(mem_free) char *t = malloc(cut ? cut : 1);
		struct machine *got = NULL;

		memcpy(t, s, cut);
		ck_assert_int_eq(machine_json_parse(t, cut, &got, NULL), -EBADMSG);
		ck_assert_ptr_null(got);
	}
}
END_TEST

/* What the decoder takes, the encoder writes, and the second reading agrees with the first. */
static void must_survive(const json_t *j, unsigned int *accepted, unsigned int *refused)
{
	CLEANUP(machine_free) struct machine *m = NULL, *back = NULL;
	CLEANUP(mem_free) char *first = NULL, *second = NULL;
	struct err err = ERR_INIT;
	int r = machine_from_json(j, &m, &err);

	if (r < 0) {
		ck_assert_int_eq(r, -EBADMSG);
		ck_assert_int_ne(err.text[0], 0);
		(*refused)++;
		return;
	}
	first = dump(m);
	ck_assert_msg(machine_json_parse(first, strlen(first), &back, &err) == 0, "%s", err.text);
	second = dump(back);
	ck_assert_str_eq(first, second);
	(*accepted)++;
}

static json_t *swap_value(unsigned int i)
{
	switch (i) {
	case 0:
		return json_null();
	case 1:
		return json_true();
	case 2:
		return json_integer(-1);
	case 3:
		return json_integer(INT64_MAX);
	case 4:
		return json_integer(INT64_MIN);
	case 5:
		return json_real(0.5);
	case 6:
		return json_string("");
	case 7:
		return json_string("../\x01");
	case 8:
		return json_array();
	case 9:
		return json_pack("[[]]");
	case 10:
		return json_pack("[{}]");
	default:
		return json_object();
	}
}
#define NSWAPS 12

/* Put each foreign value in each place of the tree, one at a time. */
static void swap_below(const json_t *top, json_t *here, unsigned int *accepted,
		       unsigned int *refused)
{
	const char *key;
	json_t *v;
	size_t i;
	void *tmp;

	json_object_foreach_safe(here, tmp, key, v) {
		CLEANUP(json_unref) json_t *keep = json_incref(v);

		for (unsigned int k = 0; k < NSWAPS; k++) {
			json_object_set_new(here, key, swap_value(k));
			must_survive(top, accepted, refused);
		}
		json_object_set(here, key, keep);
		swap_below(top, keep, accepted, refused);
	}
	json_array_foreach(here, i, v) {
		CLEANUP(json_unref) json_t *keep = json_incref(v);

		for (unsigned int k = 0; k < NSWAPS; k++) {
			json_array_set_new(here, i, swap_value(k));
			must_survive(top, accepted, refused);
		}
		json_array_set(here, i, keep);
		swap_below(top, keep, accepted, refused);
	}
}

START_TEST(test_every_type_swap_is_survived)
{
	CLEANUP(machine_free) struct machine *m = small_machine();
	CLEANUP(json_unref) json_t *j = NULL;
	unsigned int accepted = 0, refused = 0;

	ck_assert_int_eq(machine_to_json(m, &j, NULL), 0);
	swap_below(j, j, &accepted, &refused);
	/* null is accepted nearly everywhere, a real number nowhere. */
	ck_assert_uint_gt(accepted, 200);
	ck_assert_uint_gt(refused, 1000);
}
END_TEST

START_TEST(test_random_damage_is_survived)
{
	CLEANUP(machine_free) struct machine *m = small_machine();
	CLEANUP(mem_free) char *s = dump(m);
	size_t len = strlen(s);
	uint32_t rng = 0x2545f491;

	for (int round = 0; round < 3000; round++) {
		CLEANUP(mem_free) char *t = malloc(len), *again = NULL;
		struct machine *got = NULL;

		memcpy(t, s, len);
		for (int k = 0; k < 1 + round % 3; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			t[rng % len] = (char)"0{}[]\",:-9e.\\nt \x80\xff"[(rng >> 24) % 18];
		}
		if (machine_json_parse(t, len, &got, NULL) == 0) {
			again = dump(got);
			machine_free(got);
		}
	}
}
END_TEST

START_TEST(test_look_ups)
{
	static const char s[] =
	    "{\"version\":1,\"firmware\":{\"boot_current\":3,\"entries\":[{\"number\":1},{"
	    "\"number\":3,"
	    "\"label\":\"debian\"}]},\"disks\":[{\"name\":\"sda\",\"path\":\"/dev/"
	    "sda\",\"aliases\":"
	    "[\"/dev/disk/by-id/wwn-1\"],\"partitions\":[{\"name\":\"sda1\",\"path\":\"/dev/sda1\","
	    "\"aliases\":[\"/dev/disk/by-uuid/u\"]}]},{\"name\":\"sdb\"}]}";
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d = NULL;

	ck_assert_int_eq(machine_json_parse(s, sizeof(s) - 1, &m, NULL), 0);
	ck_assert_ptr_eq(machine_find_disk(m, "sda"), &m->disks[0]);
	ck_assert_ptr_eq(machine_find_disk(m, "/dev/sda"), &m->disks[0]);
	ck_assert_ptr_eq(machine_find_disk(m, "/dev/disk/by-id/wwn-1"), &m->disks[0]);
	ck_assert_ptr_eq(machine_find_disk(m, "sdb"), &m->disks[1]);
	ck_assert_ptr_null(machine_find_disk(m, "sda1"));
	ck_assert_ptr_eq(machine_find_partition(m, "/dev/disk/by-uuid/u", &d),
			 &m->disks[0].partitions[0]);
	ck_assert_ptr_eq(d, &m->disks[0]);
	ck_assert_ptr_eq(machine_find_partition(m, "sda1", NULL), &m->disks[0].partitions[0]);
	ck_assert_ptr_null(machine_find_partition(m, "sda", NULL));
	ck_assert_str_eq(machine_boot_current(m)->label, "debian");
}
END_TEST

START_TEST(test_grow_keeps_what_is_there)
{
	uint64_t *v = NULL;
	size_t n = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t *p = machine_grow(&v, &n, sizeof(*v));

		ck_assert_uint_eq(*p, 0);
		ck_assert_uint_eq(n, i + 1);
		*p = i + 7;
	}
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(v[i], i + 7);
	free(v);
}
END_TEST

static Suite *machine_json_suite(void)
{
	Suite *s = suite_create("machine_json");
	TCase *t = tcase_create("machine_json");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_tables_cover_the_structs);
	tcase_add_test(t, test_every_member_is_written);
	tcase_add_test(t, test_round_trip_of_a_full_machine);
	tcase_add_test(t, test_an_answer_may_be_left_out);
	tcase_add_test(t, test_empty_machine_stays_unknown);
	tcase_add_loop_test(t, test_hostile_text_is_refused_by_name, 0, ARRAY_SIZE(hostile));
	tcase_add_test(t, test_unknown_members_are_ignored);
	tcase_add_test(t, test_unknown_members_of_a_plan_are_refused);
	tcase_add_test(t, test_nul_in_a_tree_is_refused);
	tcase_add_test(t, test_limits);
	tcase_add_test(t, test_encoder_keeps_the_promises);
	tcase_add_test(t, test_every_truncation_is_refused);
	tcase_add_test(t, test_every_type_swap_is_survived);
	tcase_add_test(t, test_random_damage_is_survived);
	tcase_add_test(t, test_look_ups);
	tcase_add_test(t, test_grow_keeps_what_is_there);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(machine_json_suite)
