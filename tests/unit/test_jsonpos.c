/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of members: in texts by hand, in random documents as jansson lays them out, and in text
 * that is no JSON at all, where nothing may be read past the end.
 */
#include "common/jsonpos.h"

#include <errno.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/jsonx.h"
#include "common/text.h"
#include "tests/lib/unit.h"

static const char document[] =
	"\n"
	"{ \"version\": 1,\n"					/* 2 */
	"  \"plan\"\n"						/* 3 */
	"  :\n"
	"  {\n"
	"    \"na\": 0, \"name\": \"a \\\"plan\\\": {[,\",\n"	/* 6 */
	"    \"disks\": [\n"					/* 7 */
	"      { \"name\": \"sda\" }, {\n"			/* 8 */
	"        \"name\": \"sdb\",\n"				/* 9 */
	"        \"size\": [[], {}, \"]\", -1.5e3, true, null],\n"/* 10 */
	"        \"a size\": 1, \"bo gus\": 2, \"x\": {},\n"	/* 11 */
	"        \"x.y\": { \"z\": 1 }, \"a\":\n"	/* 12 */
	"        1\n"
	"      }\n"
	"    ],\n"
	"    \"list\": [ [1,\n"					/* 16 */
	"      2], [3] ], \"\": 5\n"				/* 17 */
	"  }\n"
	"}\n";

START_TEST(lines)
{
	static const struct {
		const char *path;
		unsigned int line;
	} table[] = {
		{ "version 7 is not known", 2 },
		{ "\"version\" is not an integer", 2 },
		{ "plan", 3 },
		{ "plan: name", 6 },
		{ "plan: name is no name", 6 },
		{ "plan: \"name\" is not a string", 6 },
		{ "plan.name", 6 },
		{ "plan: names", 3 },			/* not there: the plan's line */
		{ "plan: nam", 3 },
		{ "plan: na", 6 },
		{ "plan: disks", 7 },
		{ "plan: disks are many", 7 },
		{ "plan: disks[0]", 8 },
		{ "plan: disks[0]: name", 8 },
		{ "plan: disks[1]", 8 },
		{ "plan: disks[1]: name is there twice", 9 },
		{ "plan: disks[1]: size 5", 10 },
		{ "plan: disks[1].size[2]", 10 },
		{ "plan: disks[1]: bo gus is not a member", 11 },
		{ "plan: disks[1]: a size is not a member", 11 },
		{ "plan: disks[1].x.y.z", 12 },		/* the longest name wins */
		{ "plan: disks[1].a", 12 },
		{ "plan: disks[1]: bus", 8 },
		{ "plan: disks[2]: name", 7 },
		{ "plan: disks[99999999999999999999]", 7 },
		{ "plan: disks[-1]", 7 },
		{ "plan: disks[", 7 },
		{ "plan: disks[1", 7 },
		{ "plan: disks[x]", 7 },
		{ "plan: name[0]", 6 },
		{ "plan: list[0][1] is odd", 17 },
		{ "plan: list[1]", 17 },
		{ "plan: list[1][0]", 17 },
		{ "plan: ", 3 },
		{ "plan:name", 3 },
		{ "plan: \"\"", 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned int line = 0;
		int r = jsonpos_line(document, strlen(document), table[i].path, &line);

		ck_assert_msg(r == 0 && line == table[i].line, "%s: %d, line %u, not %u",
			      table[i].path, r, line, table[i].line);
	}
}
END_TEST

START_TEST(nothing_found)
{
	static const struct {
		const char *text, *path;
		int r;
	} table[] = {
		{ "{\"a\": 1}", "b", -ENOENT }, { "{\"a\": 1}", "", -ENOENT },
		{ "{\"a\": 1}", "[0]", -ENOENT }, { "[1]", "a", -ENOENT },
		{ "[1]", "[1]", -ENOENT }, { "[]", "[0]", -ENOENT },
		{ "{}", "a", -ENOENT }, { "{", "a", -ENOENT },
		{ "", "a", -EBADMSG }, { " \n\t", "a", -EBADMSG },
		{ "\"a\"", "a", -EBADMSG }, { "5", "a", -EBADMSG }, { "a", "a", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned int line = 77;
		int r = jsonpos_line(table[i].text, strlen(table[i].text), table[i].path, &line);

		ck_assert_msg(r == table[i].r, "%s in %s: %d", table[i].path, table[i].text, r);
		ck_assert_uint_eq(line, 77);
	}
}
END_TEST

/* ---- random documents */

static uint64_t rng;

static unsigned int dice(unsigned int sides)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned int)(rng % sides);
}

static json_t *random_scalar(void)
{
	static const char *const texts[] = { "", "\"", "a\nb", "{\"k0\": [", "]}", "\\", ": ,",
					     "k1", "\xc3\xa4\x01" };

	switch (dice(5)) {
	case 0:
		return json_integer((json_int_t)dice(1000) - 500);
	case 1:
		return json_real(0.5 + dice(100));
	case 2:
		return dice(2) ? json_true() : json_null();
	default:
		return json_string(texts[dice(ARRAY_SIZE(texts))]);
	}
}

static json_t *random_value(unsigned int depth)
{
	unsigned int kind = dice(depth > 5 ? 1 : 4), n = dice(5);
	json_t *j;

	if (kind < 2)
		return random_scalar();
	j = kind == 2 ? json_array() : json_object();
	for (unsigned int i = 0; i < n; i++) {
		char key[16];

		/* Some are the beginnings of others. */
		snprintf(key, sizeof(key), "k%s%u", dice(2) ? "" : "-k", dice(12));
		if (kind == 2)
			json_array_append_new(j, random_value(depth + 1));
		else
			json_object_set_new(j, key, random_value(depth + 1));
	}
	return j;
}

static unsigned int newlines(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/*
 * In jansson's layout each member and each place has a line of its own: the line of what comes
 * next is counted from dumps of what was before it. Visit all, and look each one up.
 */
static void visit(const char *text, const char *path, json_t *j, unsigned int line)
{
	bool object = json_is_object(j);
	void *it = object ? json_object_iter(j) : NULL;
	size_t n = object ? json_object_size(j) : json_array_size(j);
	unsigned int next = line + 1;

	for (size_t i = 0; i < n; i++) {
		json_t *v = object ? json_object_iter_value(it) : json_array_get(j, i);
		CLEANUP(mem_free) char *dump = json_dumps(v, JSON_INDENT(1) | JSON_ENCODE_ANY);
		CLEANUP(mem_free) char *at = NULL;
		unsigned int got = 0;

		if (object)
			at = text_format("%s%s%s", path, *path ? (dice(2) ? ": " : ".") : "",
					 json_object_iter_key(it));
		else
			at = text_format("%s[%zu]", path, i);
		ck_assert_int_eq(jsonpos_line(text, strlen(text), at, &got), 0);
		ck_assert_msg(got == next, "%s: line %u, not %u, in\n%s", at, got, next, text);
		if (json_is_object(v) || json_is_array(v))
			visit(text, at, v, next);
		next += newlines(dump) + 1;
		if (object)
			it = json_object_iter_next(j, it);
	}
}

START_TEST(as_jansson_writes)
{
	rng = 0x9e3779b97f4a7c15;
	for (int round = 0; round < 3000; round++) {
		CLEANUP(json_unref) json_t *j = json_object();
		CLEANUP(mem_free) char *text = NULL;

		json_object_set_new(j, "root", random_value(0));
		json_object_set_new(j, "other", random_value(0));
		text = json_dumps(j, JSON_INDENT(1));
		visit(text, "", j, 1);
	}
}
END_TEST

/* Cut and damaged text, in memory that ends where it ends. */
START_TEST(hostile)
{
	static const char junk[] = "{}[]\",:\\\n \0\xff" "a1-";
	size_t len = strlen(document);

	rng = 88172645463325252;
	for (int round = 0; round < 20000; round++) {
		size_t n = round < (int)len ? (size_t)round : len;
		CLEANUP(mem_free) char *text = malloc(n ? n : 1);
		unsigned int line = 0, times = dice(4);

		memcpy(text, document, n);
		for (unsigned int i = 0; n > 0 && i < times; i++)
			text[dice((unsigned int)n)] = junk[dice(sizeof(junk) - 1)];
		(void)jsonpos_line(text, n, "plan: disks[1].size[3]", &line);
		(void)jsonpos_line(text, n, "plan: list[1][0]", &line);
		(void)jsonpos_line(text, n, "p", &line);
		ck_assert_uint_le(line, (unsigned int)len + 1);
	}
}
END_TEST

/* A NUL in a name is none at the path's end. */
START_TEST(name_with_a_nul)
{
	char text[128] = "{\"p\0rest of a long name that is not in the path at all\": 1}";
	CLEANUP(mem_free) char *path = strdup("p");
	unsigned int line = 0;

	memset(text + 60, ' ', sizeof(text) - 60);
	ck_assert_int_eq(jsonpos_line(text, sizeof(text), path, &line), -ENOENT);
}
END_TEST

START_TEST(deep)
{
	size_t n = 1 << 20;
	CLEANUP(mem_free) char *text = malloc(2 * n + 32);
	unsigned int line = 0;
	int at = snprintf(text, 16, "{\"a\":");

	memset(text + at, '[', n);
	memset(text + at + n, ']', n);
	memcpy(text + at + 2 * n, ",\n\"b\":1}", 9);
	ck_assert_int_eq(jsonpos_line(text, strlen(text), "b", &line), 0);
	ck_assert_uint_eq(line, 2);
	/* And without the ends. */
	ck_assert_int_eq(jsonpos_line(text, (size_t)at + n, "b", &line), -ENOENT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("jsonpos");
	TCase *t;

#define ADD(fn) \
	t = tcase_create(#fn); \
	tcase_set_timeout(t, 60); \
	tcase_add_test(t, fn); \
	suite_add_tcase(s, t)
	ADD(lines);
	ADD(nothing_found);
	ADD(as_jansson_writes);
	ADD(hostile);
	ADD(name_with_a_nul);
	ADD(deep);
	return s;
}

UNIT_MAIN(suite)
