/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/jsonx.h"

#include <errno.h>
#include "tests/lib/mutate.h"
#include "tests/lib/unit.h"

static json_t *parse(const char *text)
{
	struct err err = ERR_INIT;
	json_t *j = NULL;

	ck_assert_msg(jsonx_parse(text, strlen(text), "test", &j, &err) == 0, "%s", err.text);
	return j;
}

START_TEST(getters)
{
	CLEANUP(json_unref)
	json_t *j = parse("{\"s\":\"x\",\"n\":9223372036854775807,\"m\":-5,\"b\":true,"
			  "\"o\":{},\"a\":[1],\"z\":null,\"r\":1.0}");
	struct err err = ERR_INIT;
	uint64_t u = 1;
	int64_t i = 1;
	json_t *t = NULL;
	char *s = NULL;
	bool b = false;

	ck_assert_int_eq(jsonx_get_str(j, "s", &s, &err), 0);
	ck_assert_str_eq(s, "x");
	free(s);
	ck_assert_int_eq(jsonx_get_u64(j, "n", &u, &err), 0);
	ck_assert_uint_eq(u, INT64_MAX);
	ck_assert_int_eq(jsonx_get_i64(j, "m", &i, &err), 0);
	ck_assert_int_eq(i, -5);
	ck_assert_int_eq(jsonx_get_bool(j, "b", &b, &err), 0);
	ck_assert(b);
	ck_assert_int_eq(jsonx_get_obj(j, "o", &t, &err), 0);
	ck_assert(json_is_object(t));
	ck_assert_int_eq(jsonx_get_arr(j, "a", &t, &err), 0);
	ck_assert(json_is_array(t));
	ck_assert_int_eq(err.code, 0);
}
END_TEST

START_TEST(absent_is_not_wrong)
{
	CLEANUP(json_unref) json_t *j = parse("{\"z\":null}");
	static const char *const keys[] = { "z", "none" };
	struct err err = ERR_INIT;
	uint64_t u = 1;
	int64_t i = 1;
	json_t *t = NULL;
	char *s = NULL;
	bool b = true;

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		ck_assert_int_eq(jsonx_get_str(j, keys[k], &s, &err), -ENOENT);
		ck_assert_int_eq(jsonx_get_u64(j, keys[k], &u, &err), -ENOENT);
		ck_assert_int_eq(jsonx_get_i64(j, keys[k], &i, &err), -ENOENT);
		ck_assert_int_eq(jsonx_get_bool(j, keys[k], &b, &err), -ENOENT);
		ck_assert_int_eq(jsonx_get_obj(j, keys[k], &t, &err), -ENOENT);
		ck_assert_int_eq(jsonx_get_arr(j, keys[k], &t, &err), -ENOENT);
	}
	ck_assert_int_eq(err.code, 0);
	ck_assert_ptr_null(s);
	ck_assert_ptr_null(t);
	ck_assert(u == 1 && i == 1 && b);
}
END_TEST

START_TEST(wrong_types)
{
	CLEANUP(json_unref) json_t *j = parse("{\"x\":1.5,\"m\":-1,\"l\":[]}");
	struct err err = ERR_INIT;
	uint64_t u;
	int64_t i;
	json_t *t;
	char *s;
	bool b;

	ck_assert_int_eq(jsonx_get_str(j, "x", &s, &err), -EBADMSG);
	ck_assert_str_eq(err.text, "\"x\" is not a string");
	ck_assert_int_eq(jsonx_get_u64(j, "x", &u, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_u64(j, "m", &u, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_i64(j, "x", &i, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_bool(j, "x", &b, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_obj(j, "l", &t, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_arr(j, "m", &t, &err), -EBADMSG);
	/* Asking an array, or nothing, for a member. */
	ck_assert_int_eq(jsonx_get_u64(json_object_get(j, "l"), "m", &u, &err), -EBADMSG);
	ck_assert_int_eq(jsonx_get_u64(NULL, "m", &u, &err), -EBADMSG);
}
END_TEST

START_TEST(hostile_texts)
{
	static const char *const wrong[] = {
		"",
		"{",
		"1",
		"\"x\"",
		"{\"a\":1,\"a\":2}",
		"{} x",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":9223372036854775808}",
		"{\"a\":1e999}",
		"\xef\xbb\xbf{}",
	};
	char *deep = malloc(200001);
	struct err err = ERR_INIT;
	json_t *j = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		err_reset(&err);
		ck_assert_msg(jsonx_parse(wrong[i], strlen(wrong[i]), "job.json", &j, &err) ==
				      -EBADMSG,
			      "%s", wrong[i]);
		ck_assert_int_eq(strncmp(err.text, "job.json is not valid JSON: line 1: ", 36), 0);
		for (const char *p = err.text; *p; p++)
			ck_assert((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	}
	memset(deep, '[', 200000);
	ck_assert_int_eq(jsonx_parse(deep, 200000, "deep", &j, &err), -EBADMSG);
	ck_assert_ptr_null(j);
	free(deep);
}
END_TEST

START_TEST(round_trip)
{
	CLEANUP(json_unref) json_t *j = json_object();
	CLEANUP(json_unref) json_t *k = NULL;
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) char *again = NULL;

	ck_assert_int_eq(jsonx_set_str(j, "zeta", "a \"b\"\n"), 0);
	ck_assert_int_eq(jsonx_set_str(j, "left out", NULL), 0);
	ck_assert_int_eq(jsonx_set_u64(j, "n", INT64_MAX), 0);
	ck_assert_int_eq(jsonx_set_u64(j, "n2", (uint64_t)INT64_MAX + 1), -ERANGE);
	ck_assert_int_eq(jsonx_set_bool(j, "b", false), 0);
	ck_assert_int_eq(jsonx_set_str(j, "latin1", "caf\xe9\\"), 0);
	ck_assert_int_eq(jsonx_set_str(NULL, "x", "y"), -ENOMEM);
	ck_assert_int_eq(jsonx_set_u64(NULL, "x", 1), -ENOMEM);
	text = jsonx_dump(j);
	ck_assert_str_eq(text, "{\n  \"zeta\": \"a \\\"b\\\"\\n\",\n  \"n\": 9223372036854775807,\n"
			       "  \"b\": false,\n  \"latin1\": \"caf\\\\xe9\\\\x5c\"\n}\n");
	k = parse(text);
	again = jsonx_dump(k);
	ck_assert_str_eq(text, again);
	ck_assert_ptr_null(jsonx_dump(NULL));
}
END_TEST

static void try_parse(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	CLEANUP(json_unref) json_t *j = NULL;
	struct err err = ERR_INIT;
	int *good = opaque;
	int r = jsonx_parse((const char *)data, len, "mutant", &j, &err);

	if (r == 0)
		++*good;
	else if (r != -EBADMSG || !err.text[0] || j)
		ck_abort_msg("%s: %d", what, r);
}

START_TEST(mutants)
{
	static const char text[] = "{\"version\": 1, \"disks\": [{\"name\": \"sda\", \"size\": "
				   "1e3, \"ro\": false}], \"x\": null}";
	int good = 0;

	ck_assert_uint_gt(mutate_each(text, sizeof(text) - 1, 0, try_parse, &good), 1000);
	ck_assert_int_gt(good, 10);
}
END_TEST

static Suite *jsonx_suite(void)
{
	Suite *s = suite_create("jsonx");
	TCase *t = tcase_create("jsonx");

	tcase_add_test(t, getters);
	tcase_add_test(t, absent_is_not_wrong);
	tcase_add_test(t, wrong_types);
	tcase_add_test(t, hostile_texts);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, mutants);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(jsonx_suite)
