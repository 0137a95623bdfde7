/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include <stdint.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "postfix/diff.h"

static char *diff(const char *a, const char *b)
{
	char *s = NULL;

	ck_assert_int_eq(diff_unified("/etc/f", a, b, &s), 0);
	return s;
}

static void expect(const char *a, const char *b, const char *want)
{
	CLEANUP(mem_free) char *s = diff(a, b);

	ck_assert_str_eq(s, want);
}

#define HEAD "--- a/etc/f\n+++ b/etc/f\n"

START_TEST(equal_texts_have_no_diff)
{
	expect("a\nb\n", "a\nb\n", "");
	expect("", "", "");
}
END_TEST

START_TEST(one_line_changes)
{
	expect("a\nb\nc\n", "a\nB\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
	expect("a\n", "a\nb\n", HEAD "@@ -1 +1,2 @@\n a\n+b\n");
	expect("a\nb\n", "b\n", HEAD "@@ -1,2 +1 @@\n-a\n b\n");
}
END_TEST

START_TEST(new_and_removed_files)
{
	expect(NULL, "x\n", "--- /dev/null\n+++ b/etc/f\n@@ -0,0 +1 @@\n+x\n");
	expect("x\n", NULL, "--- a/etc/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
}
END_TEST

START_TEST(missing_newline_is_shown)
{
	expect("a", "a\n", HEAD "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}
END_TEST

START_TEST(hunks_join_only_when_contexts_touch)
{
	/* Six quiet lines: one hunk; seven: two. */
	expect("A\n1\n2\n3\n4\n5\n6\nB\n", "a\n1\n2\n3\n4\n5\n6\nb\n",
	       HEAD "@@ -1,8 +1,8 @@\n-A\n+a\n 1\n 2\n 3\n 4\n 5\n 6\n-B\n+b\n");
	expect("A\n1\n2\n3\n4\n5\n6\n7\nB\n", "a\n1\n2\n3\n4\n5\n6\n7\nb\n",
	       HEAD "@@ -1,4 +1,4 @@\n-A\n+a\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-B\n+b\n");
}
END_TEST

static uint32_t state;

static uint32_t rnd(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static void random_text(struct strbuf *b)
{
	uint32_t n = rnd(40);

	strbuf_add(b, "");
	for (uint32_t i = 0; i < n; i++)
		strbuf_addf(b, "%c%s", 'a' + (int)rnd(4), i + 1 == n && rnd(4) == 0 ? "" : "\n");
}

/* Apply our own output to the old text; what comes out must be the new one. */
static char *apply(const char *old, const char *d)
{
	struct strbuf out = { 0 };
	const char *p = old;
	size_t line = 0;

	strbuf_add(&out, "");
	while (*d && strncmp(d, "@@", 2) != 0)
		d = strchr(d, '\n') + 1;
	while (*d) {
		const char *end = strchr(d, '\n') + 1;
		bool cut = strncmp(end, "\\ No", 4) == 0;
		size_t n = (size_t)(end - d) - 1 - cut;

		if (strncmp(d, "@@ -", 4) == 0) {
			size_t start = (size_t)atol(d + 4), count = 1;
			const char *comma = strpbrk(d + 4, ", ");

			if (*comma == ',')
				count = (size_t)atol(comma + 1);
			if (count == 0)
				start++;
			for (; line + 1 < start; line++) {
				const char *e = strchr(p, '\n');
				size_t k = e ? (size_t)(e - p) + 1 : strlen(p);

				strbuf_addn(&out, p, k);
				p += k;
			}
			d = end;
			continue;
		}
		if (d[0] == ' ' || d[0] == '-') {
			ck_assert_msg(strncmp(p, d + 1, n) == 0, "context does not match");
			if (d[0] == ' ')
				strbuf_addn(&out, p, n);
			p += n;
			line++;
		} else {
			ck_assert_int_eq(d[0], '+');
			strbuf_addn(&out, d + 1, n);
		}
		d = cut ? strchr(end, '\n') + 1 : end;
	}
	strbuf_add(&out, p);
	return strbuf_take(&out);
}

START_TEST(applying_the_diff_gives_the_new_text)
{
	state = 20261123;
	for (int i = 0; i < 3000; i++) {
		CLEANUP(strbuf_done) struct strbuf a = { 0 }, b = { 0 };
		CLEANUP(mem_free) char *d = NULL, *got = NULL;

		random_text(&a);
		random_text(&b);
		d = diff(a.s, b.s);
		got = apply(a.s, d);
		ck_assert_str_eq(got, b.s);
	}
}
END_TEST

START_TEST(huge_unlike_texts_end_quickly)
{
	CLEANUP(strbuf_done) struct strbuf a = { 0 }, b = { 0 };
	CLEANUP(mem_free) char *d = NULL, *got = NULL;

	for (int i = 0; i < 60000; i++) {
		strbuf_addf(&a, "old %d\n", i);
		strbuf_addf(&b, "new %d\n", i * 7);
	}
	d = diff(a.s, b.s);
	got = apply(a.s, d);
	ck_assert_str_eq(got, b.s);
}
END_TEST

static Suite *diff_suite(void)
{
	Suite *s = suite_create("diff");
	TCase *t = tcase_create("diff");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, equal_texts_have_no_diff);
	tcase_add_test(t, one_line_changes);
	tcase_add_test(t, new_and_removed_files);
	tcase_add_test(t, missing_newline_is_shown);
	tcase_add_test(t, hunks_join_only_when_contexts_touch);
	tcase_add_test(t, applying_the_diff_gives_the_new_text);
	tcase_add_test(t, huge_unlike_texts_end_quickly);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(diff_suite)
