/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/text.h"

#include <stdint.h>
#include "tests/lib/unit.h"

/* For hot loops: ck_assert reports each success to its runner, which costs more than the test. */
#define HOLDS(x) \
	do { \
		if (!(x)) \
			ck_abort_msg("%s", #x); \
	} while (0)

static const char *esc(const char *s)
{
	static char buf[256];

	return text_escape_str(s, buf, sizeof(buf));
}

START_TEST(escape_keeps_text)
{
	ck_assert_str_eq(esc("plain text ~!"), "plain text ~!");
	ck_assert_str_eq(esc("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xbe"),
			 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xbe");
	ck_assert_str_eq(esc(""), "");
	ck_assert_str_eq(esc(NULL), "");
}
END_TEST

START_TEST(escape_control)
{
	static char buf[64];

	ck_assert_str_eq(esc("a\nb\x1b[31m\x7f\\"), "a\\x0ab\\x1b[31m\\x7f\\x5c");
	ck_assert_str_eq(text_escape("a\0b", 3, buf, sizeof(buf)), "a\\x00b");
	/* C1 controls, an override of direction, a line separator. */
	ck_assert_str_eq(esc("\xc2\x9b"), "\\xc2\\x9b");
	ck_assert_str_eq(esc("\xe2\x80\xae"), "\\xe2\\x80\\xae");
	ck_assert_str_eq(esc("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");
}
END_TEST

START_TEST(escape_broken_utf8)
{
	ck_assert_str_eq(esc("\xff\xfe"), "\\xff\\xfe");
	ck_assert_str_eq(esc("\x80" "a"), "\\x80a");
	ck_assert_str_eq(esc("\xc3"), "\\xc3");
	ck_assert_str_eq(esc("\xc3" "a"), "\\xc3a");
	ck_assert_str_eq(esc("\xe2\x82"), "\\xe2\\x82");
	/* overlong '/', overlong NUL, surrogate, past U+10FFFF, a five-byte form */
	ck_assert_str_eq(esc("\xc0\xaf"), "\\xc0\\xaf");
	ck_assert_str_eq(esc("\xe0\x80\x80"), "\\xe0\\x80\\x80");
	ck_assert_str_eq(esc("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	ck_assert_str_eq(esc("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	ck_assert_str_eq(esc("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80");
}
END_TEST

START_TEST(escape_truncates)
{
	char buf[16];

	ck_assert_str_eq(text_escape_str("123456789012345", buf, 16), "123456789012345");
	ck_assert_str_eq(text_escape_str("1234567890123456", buf, 16), "123456789012...");
	ck_assert_str_eq(text_escape_str("\n\n\n\n", buf, 16), "\\x0a\\x0a\\x0a...");
	/* The euro sign does not fit in front of the dots, so all of it goes. */
	ck_assert_str_eq(text_escape_str("12345678901\xe2\x82\xac"
					 "4567",
					 buf, 16),
			 "12345678901...");
	ck_assert_str_eq(text_escape_str("abc", buf, 1), "");
	ck_assert_str_eq(text_escape_str("abc", buf, 2), ".");
	ck_assert_str_eq(text_escape_str("abc", buf, 3), "..");
	ck_assert_str_eq(text_escape_str("abc", buf, 4), "abc");
	ck_assert_str_eq(text_escape_str("abcd", buf, 4), "...");
	buf[0] = 'x';
	text_escape_str("abc", buf, 0);
	ck_assert_int_eq(buf[0], 'x');
}
END_TEST

/* Whatever goes in, what comes out has no control byte, escapes to itself again, and fits. */
START_TEST(escape_property)
{
	unsigned int seed = 1;

	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand_r(&seed) % 40, size = 1 + (size_t)rand_r(&seed) % 60;
		uint8_t in[40];
		char *out = malloc(size);

		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(rand_r(&seed) % 3 ? 0x80 | rand_r(&seed) : rand_r(&seed));
		memset(out, 'x', size);
		ck_assert_ptr_eq(text_escape(in, len, out, size), out);
		ck_assert_ptr_nonnull(memchr(out, 0, size));
		for (char *p = out; *p; p++) {
			char again[128];

			HOLDS((unsigned char)*p >= 0x20 && *p != 0x7f);
			if (*p == '\\')
				*p = '/';
			else if (p[1] == '\0')
				HOLDS(strcmp(text_escape_str(out, again, sizeof(again)), out) == 0);
		}
		free(out);
	}
}
END_TEST

START_TEST(names)
{
	char longest[TEXT_NAME_MAX + 2];

	ck_assert(text_name_valid("a"));
	ck_assert(text_name_valid("Web-01.example_x"));
	ck_assert(text_name_valid("0"));
	ck_assert(!text_name_valid(NULL));
	ck_assert(!text_name_valid(""));
	ck_assert(!text_name_valid("."));
	ck_assert(!text_name_valid(".."));
	ck_assert(!text_name_valid("-rf"));
	ck_assert(!text_name_valid("_x"));
	ck_assert(!text_name_valid("a/b"));
	ck_assert(!text_name_valid("a b"));
	ck_assert(!text_name_valid("a\n"));
	ck_assert(!text_name_valid("gr\xc3\xbcn"));
	memset(longest, 'a', sizeof(longest));
	longest[TEXT_NAME_MAX] = '\0';
	ck_assert(text_name_valid(longest));
	longest[TEXT_NAME_MAX] = 'a';
	longest[TEXT_NAME_MAX + 1] = '\0';
	ck_assert(!text_name_valid(longest));
}
END_TEST

static const char *made(const char *s)
{
	static char buf[TEXT_NAME_MAX + 1];

	text_name_make(s, buf);
	return buf;
}

START_TEST(name_make)
{
	unsigned int seed = 2;

	ck_assert_str_eq(made("web01"), "web01");
	ck_assert_str_eq(made("Web.x-"), "Web.x-");
	ck_assert_str_eq(made("../../etc/passwd"), "etc-passwd");
	ck_assert_str_eq(made("my  big\tserver!"), "my-big-server");
	ck_assert_str_eq(made("--x"), "x");
	ck_assert_str_eq(made("gr\xc3\xbcn"), "gr-n");
	ck_assert_str_eq(made(""), "machine");
	ck_assert_str_eq(made(NULL), "machine");
	ck_assert_str_eq(made("///"), "machine");
	for (int round = 0; round < 20000; round++) {
		char in[100];
		size_t len = (size_t)rand_r(&seed) % sizeof(in);

		for (size_t i = 0; i < len; i++)
			in[i] = (char)(rand_r(&seed) % 2 ? 'a' : 1 + rand_r(&seed) % 255);
		in[len] = '\0';
		ck_assert(text_name_valid(made(in)));
	}
}
END_TEST

START_TEST(xml)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "", "" },
		{ "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
		{ "t\tn\nr\r", "t&#9;n&#10;r&#13;" },
		{ "\x01\x1f", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xff" "a\xc3\xbc", "\xef\xbf\xbd" "a\xc3\xbc" },
		{ "\xef\xbf\xbf", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *s = text_escape_xml(cases[i].in);

		ck_assert_str_eq(s, cases[i].out);
		free(s);
	}
}
END_TEST

START_TEST(wraps)
{
	static const struct {
		const char *text;
		size_t column, indent, width;
		const char *wanted;
	} rows[] = {
		{ "", 0, 0, 10, "\n" },
		{ "  \n ", 0, 0, 10, "\n" },
		{ "one two", 0, 0, 10, "one two\n" },
		{ "one  two\nthree", 0, 0, 7, "one two\nthree\n" },
		{ "one two", 0, 0, 6, "one\ntwo\n" },
		/* What stands in front counts, and the rest is indented. */
		{ "one two", 4, 2, 7, "one\n  two\n" },
		{ "three", 6, 2, 8, "\n  three\n" },
		/* A word that fits no line is cut. */
		{ "abcdefghijkl", 0, 0, 8, "abcde...\n" },
		{ "a abcdefghijkl", 0, 2, 8, "a abc...\n" },
		{ "a\033[2Jb\001", 0, 0, 20, "a\\x1b[2Jb\\x01\n" },
		{ "\342\200\256x y", 0, 0, 20, "\\xe2\\x80\\xaex y\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf b = { 0 };
		char *s;

		text_wrap(&b, rows[i].text, rows[i].column, rows[i].indent, rows[i].width);
		s = strbuf_take(&b);
		ck_assert_ptr_nonnull(s);
		ck_assert_msg(strcmp(s, rows[i].wanted) == 0, "row %zu: \"%s\"", i, s);
		free(s);
	}
}
END_TEST

START_TEST(strbufs)
{
	struct strbuf b = { 0 };
	char *s;

	s = strbuf_take(&b);
	ck_assert_str_eq(s, "");
	free(s);
	strbuf_add(&b, "");
	ck_assert_ptr_nonnull(b.s);
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%d,", i);
	strbuf_addn(&b, "xyz", 2);
	ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 2);
	ck_assert_uint_eq(strlen(b.s), b.len);
	ck_assert(!b.failed);
	s = strbuf_take(&b);
	ck_assert_str_eq(s + strlen(s) - 6, "999,xy");
	free(s);
	ck_assert_ptr_null(b.s);
	/* Once failed, it stays failed and gives nothing. */
	strbuf_add(&b, "a");
	strbuf_addn(&b, "a", SIZE_MAX - 1);
	ck_assert(b.failed);
	strbuf_add(&b, "b");
	ck_assert_ptr_null(strbuf_take(&b));
	ck_assert(!b.failed);
}
END_TEST

static Suite *text_suite(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");

	tcase_add_test(t, escape_keeps_text);
	tcase_add_test(t, escape_control);
	tcase_add_test(t, escape_broken_utf8);
	tcase_add_test(t, escape_truncates);
	tcase_add_test(t, escape_property);
	tcase_add_test(t, names);
	tcase_add_test(t, name_make);
	tcase_add_test(t, xml);
	tcase_add_test(t, strbufs);
	tcase_add_test(t, wraps);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(text_suite)
