/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Documents come out as they were written, whatever the text in them: a parser reads back what
 * went in. What XML cannot carry, and calls in the wrong order, are errors at the end.
 */
#include <errno.h>
#include <libxml/parser.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "convert/xmlw.h"
#include "tests/lib/unit.h"

#define HEAD	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static struct xmlw *w;

static void setup(void)
{
	w = NULL;
	ck_assert_int_eq(xmlw_new(&w), 0);
}

static void teardown(void)
{
	xmlw_free(w);
}

static void finish(const char *want)
{
	CLEANUP(mem_free) char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(xmlw_end(w, &text, &err) == 0, "%s", err.text);
	ck_assert_str_eq(text, want);
}

static void broken(const char *why)
{
	char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(xmlw_end(w, &text, &err), -EINVAL);
	ck_assert_ptr_null(text);
	ck_assert_msg(strstr(err.text, why) != NULL, "\"%s\" does not say \"%s\"", err.text, why);
}

START_TEST(document)
{
	xmlw_open(w, "domain");
	xmlw_attr(w, "type", "kvm");
	xmlw_attr(w, "left-out", NULL);
	xmlw_attrf(w, "id", "%d", 7);
	xmlw_comment(w, "why");
	xmlw_element(w, "name", "a");
	xmlw_element(w, "nothing", NULL);
	xmlw_element(w, "blank", "");
	xmlw_elementf(w, "n", "%s-%u", "x", 3u);
	xmlw_open(w, "memory");
	xmlw_attr(w, "unit", "KiB");
	xmlw_textf(w, "%d", 12);
	xmlw_text(w, "34");
	xmlw_close(w);
	xmlw_open(w, "os");
	xmlw_empty(w, "boot", "dev", "hd", "gone", NULL, "x", "1", NULL);
	xmlw_empty(w, "acpi", NULL);
	xmlw_close(w);
	xmlw_close(w);
	finish(HEAD "<domain type=\"kvm\" id=\"7\">\n"
	       "  <!--why-->\n"
	       "  <name>a</name>\n"
	       "  <blank></blank>\n"
	       "  <n>x-3</n>\n"
	       "  <memory unit=\"KiB\">1234</memory>\n"
	       "  <os>\n"
	       "    <boot dev=\"hd\" x=\"1\"/>\n"
	       "    <acpi/>\n"
	       "  </os>\n"
	       "</domain>\n");
}
END_TEST

/* Write text as an attribute and as an element's text, parse the result, compare. */
static void round_trip(const char *text)
{
	CLEANUP(xmlw_free) struct xmlw *x = NULL;
	CLEANUP(mem_free) char *out = NULL;
	struct err err = ERR_INIT;
	xmlDocPtr doc;
	xmlChar *got;

	ck_assert_int_eq(xmlw_new(&x), 0);
	xmlw_open(x, "a");
	xmlw_attr(x, "v", text);
	xmlw_text(x, text);
	xmlw_close(x);
	ck_assert_msg(xmlw_end(x, &out, &err) == 0, "%s", err.text);
	doc = xmlReadMemory(out, (int)strlen(out), NULL, NULL, XML_PARSE_NONET);
	ck_assert_ptr_nonnull(doc);
	got = xmlGetProp(xmlDocGetRootElement(doc), (const xmlChar *)"v");
	ck_assert_str_eq((const char *)got, text);
	xmlFree(got);
	got = xmlNodeGetContent(xmlDocGetRootElement(doc));
	ck_assert_str_eq((const char *)got, text);
	xmlFree(got);
	xmlFreeDoc(doc);
}

START_TEST(escaping)
{
	static const char *const texts[] = {
	    "",
	    "plain",
	    "<a href=\"x\">&amp;</a>",
	    "it's",
	    "]]>",
	    "&#0;",
	    "<!--",
	    "-->",
	    "%s%n",
	    "tab\there",
	    "two\nlines",
	    "carriage\rreturn",
	    "\r\n",
	    "  blanks  ",
	    "\n",
	    "gr\xc3\xbc\xc3\x9f",
	    "\xe2\x82\xac",
	    "\xf0\x9f\x96\xa5",
	    "\xf4\x8f\xbf\xbd",
	    "\xc2\x80",
	    "\xef\xbf\xbd",
	    "\xed\x9f\xbf",
	    "\xee\x80\x80",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		round_trip(texts[i]);
}
END_TEST

START_TEST(what_xml_cannot_carry)
{
	static const char *const texts[] = {
	    "\x01",
	    "a\x1f",
	    "\x0b",
	    "\xff",
	    "\x80",
	    "a\xc3",
	    "\xc3(",
	    "\xc0\x80",
	    "\xc1\xbf",
	    "\xe0\x80\x80",
	    "\xe0\x9f\xbf",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf",
	    "\xef\xbf\xbe",
	    "\xef\xbf\xbf",
	    "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf",
	    "\xf4\x90\x80\x80",
	    "\xf8\x88\x80\x80\x80",
	    "\xf0\x9f\x96",
	    "\xe2\x82",
	    "\xf0\x9f\xbf\xbe\xf0\x9f\xbf\xbf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (int how = 0; how < 4; how++) {
			teardown();
			setup();
			xmlw_open(w, "a");
			if (how == 0)
				xmlw_attr(w, "where", texts[i]);
			else if (how == 1)
				xmlw_text(w, texts[i]);
			else if (how == 2)
				xmlw_element(w, "where", texts[i]);
			else
				xmlw_comment(w, texts[i]);
			/* Nothing after the first error changes it. */
			xmlw_close(w);
			xmlw_close(w);
			broken("cannot carry");
		}
	}
}
END_TEST

START_TEST(random_bytes_parse_or_fail)
{
	uint32_t seed = 12345;

	for (int n = 0; n < 3000; n++) {
		CLEANUP(xmlw_free) struct xmlw *x = NULL;
		CLEANUP(mem_free) char *out = NULL;
		char text[9] = "";

		for (size_t i = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)(seed >> 24);
		}
		ck_assert_int_eq(xmlw_new(&x), 0);
		xmlw_open(x, "a");
		xmlw_comment(x, text);
		xmlw_empty(x, "b", "c", text, NULL);
		xmlw_close(x);
		if (xmlw_end(x, &out, NULL) == 0) {
			xmlDocPtr doc = xmlReadMemory(out, (int)strlen(out), NULL, NULL,
						      XML_PARSE_NONET | XML_PARSE_NOERROR);

			ck_assert_msg(doc != NULL, "%s", out);
			xmlFreeDoc(doc);
			round_trip(text);
		}
	}
}
END_TEST

START_TEST(comments_do_not_end_early)
{
	xmlw_open(w, "a");
	xmlw_comment(w, "one -- two --- three-");
	xmlw_comment(w, "-");
	xmlw_close(w);
	finish(HEAD "<a>\n  <!--one - - two - - - three- -->\n  <!--- -->\n</a>\n");
}
END_TEST

START_TEST(wrong_order)
{
	xmlw_open(w, "a");
	broken("open");
	teardown();
	setup();
	broken("without an element");
	teardown();
	setup();
	xmlw_close(w);
	broken("closed");
	teardown();
	setup();
	xmlw_open(w, "a");
	xmlw_text(w, "t");
	xmlw_attr(w, "late", "v");
	xmlw_close(w);
	broken("late");
	teardown();
	setup();
	xmlw_empty(w, "a", NULL);
	xmlw_empty(w, "b", NULL);
	broken("second root");
	teardown();
	setup();
	xmlw_text(w, "t");
	broken("outside");
	teardown();
	setup();
	xmlw_empty(w, "a", NULL);
	xmlw_attr(w, "late", "v");
	broken("late");
}
END_TEST

START_TEST(bad_names)
{
	static const char *const names[] = { "", "1a", "a b", "a>", "a:b:c", "\xff", "<a", "-a" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		teardown();
		setup();
		xmlw_empty(w, names[i], NULL);
		broken("name");
		teardown();
		setup();
		xmlw_empty(w, "a", names[i], "v", NULL);
		broken("name");
	}
}
END_TEST

START_TEST(finished_is_finished)
{
	CLEANUP(mem_free) char *text = NULL;

	xmlw_empty(w, "p:a", "xmlns:p", "http://example.org/", NULL);
	ck_assert_int_eq(xmlw_end(w, &text, NULL), 0);
	ck_assert_str_eq(text, HEAD "<p:a xmlns:p=\"http://example.org/\"/>\n");
	xmlw_empty(w, "b", NULL);
	broken("finished");
	/* Without a place for the text of the error. */
	ck_assert_int_eq(xmlw_end(w, &text, NULL), -EINVAL);
}
END_TEST

START_TEST(deep_and_long)
{
	CLEANUP(mem_free) char *text = NULL, *big = malloc(300001);

	memset(big, '<', 300000);
	big[300000] = '\0';
	for (int i = 0; i < 200; i++)
		xmlw_open(w, "a");
	xmlw_text(w, big);
	for (int i = 0; i < 200; i++)
		xmlw_close(w);
	ck_assert_int_eq(xmlw_end(w, &text, NULL), 0);
	ck_assert_uint_gt(strlen(text), 4 * 300000);
}
END_TEST

static Suite *xmlw_suite(void)
{
	Suite *s = suite_create("xmlw");
	TCase *tc = tcase_create("xmlw");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, document);
	tcase_add_test(tc, escaping);
	tcase_add_test(tc, what_xml_cannot_carry);
	tcase_add_test(tc, random_bytes_parse_or_fail);
	tcase_add_test(tc, comments_do_not_end_early);
	tcase_add_test(tc, wrong_order);
	tcase_add_test(tc, bad_names);
	tcase_add_test(tc, finished_is_finished);
	tcase_add_test(tc, deep_and_long);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(xmlw_suite)
