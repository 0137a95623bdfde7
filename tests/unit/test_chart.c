/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Well-formed XML (libxml2's word), whatever the data; escapes; axes. */
#include "inventory/load/chart.h"

#include <libxml/parser.h>
#include "common/size.h"
#include "tests/lib/unit.h"

static struct sample_stat flat(uint64_t v)
{
	struct sample_stat s;

	sample_window_stat(&v, 1, &s);
	return s;
}

static struct sizing *load(size_t records, uint64_t scale, const char *disk)
{
	struct sizing *s = NULL;

	ck_assert_int_eq(sizing_new(NULL, &s), 0);
	for (size_t i = 0; i < records; i++) {
		struct sample_device_stat d = { 0 }, n = { .name = "eno1" };
		struct sample_record r = { .time = 1795000000 + i * 60 + i / 100 * 7200,
					   .duration_ms = 60000, .cpus_online = 8,
					   .mem_total = 16 * GIB, .disks = &d, .ndisks = 1,
					   .nics = &n, .nnics = 1 };

		snprintf(d.name, sizeof(d.name), "%s", disk);
		for (int k = 0; k < SAMPLE_SERIES; k++)
			r.s[k] = flat(i * scale);
		for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++)
			d.s[k] = n.s[k] = flat(i * scale);
		ck_assert_int_eq(sizing_add(s, &r), 0);
	}
	return s;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text++;
	}
	return n;
}

static void check_svg(const char *svg)
{
	xmlDocPtr doc;

	ck_assert_ptr_nonnull(svg);
	doc = xmlReadMemory(svg, (int)strlen(svg), "chart.svg", NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	ck_assert_msg(doc != NULL, "not well-formed: %.2000s", svg);
	ck_assert_str_eq((const char *)xmlDocGetRootElement(doc)->name, "svg");
	xmlFreeDoc(doc);
	ck_assert_uint_eq(count(svg, "<title id="), 1);
	ck_assert_uint_eq(count(svg, "<desc id="), 1);
	ck_assert_uint_eq(count(svg, "prefers-color-scheme:dark"), 1);
	ck_assert_ptr_null(strstr(svg, "<script"));
	ck_assert_ptr_null(strstr(svg, "href"));
	ck_assert_ptr_null(strstr(svg, "@import"));
	ck_assert_ptr_null(strstr(svg, "nan"));
}

static void check_all(const struct sizing *s)
{
	CLEANUP(mem_free) char *cpu = chart_cpu(s), *memory = chart_memory(s);

	check_svg(cpu);
	check_svg(memory);
	for (size_t i = 0; i < s->ndisks; i++) {
		CLEANUP(mem_free) char *svg = chart_disk(s, &s->disks[i]);

		check_svg(svg);
	}
	for (size_t i = 0; i < s->nnics; i++) {
		CLEANUP(mem_free) char *svg = chart_nic(s, &s->nics[i]);

		check_svg(svg);
	}
}

START_TEST(many_shapes)
{
	static const size_t records[] = { 0, 1, 2, 3, 150, 479, 480, 481, 2000 };
	static const uint64_t scales[] = { 0, 1, 1000, UINT64_C(1) << 30, UINT64_MAX / 4000 };

	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		for (size_t k = 0; k < ARRAY_SIZE(scales); k++) {
			CLEANUP(sizing_free) struct sizing *s = load(records[i], scales[k], "sda");

			check_all(s);
		}
}
END_TEST

START_TEST(nothing_recorded)
{
	CLEANUP(sizing_free) struct sizing *s = load(0, 0, "sda");
	CLEANUP(mem_free) char *svg = chart_cpu(s);

	ck_assert_ptr_nonnull(strstr(svg, "nothing was recorded"));
}
END_TEST

START_TEST(one_sample_is_a_level)
{
	CLEANUP(sizing_free) struct sizing *s = NULL;
	CLEANUP(mem_free) char *svg = NULL;

	s = load(2, 1000, "sda");
	s->nbins = 1;
	svg = chart_cpu(s);
	/* From one end of the time axis to the other. */
	ck_assert_ptr_nonnull(strstr(svg, "L936 "));
	check_svg(svg);
}
END_TEST

START_TEST(foreign_text)
{
	CLEANUP(sizing_free) struct sizing *s = load(10, 1000, "a<b>&\"'\x1b\xff]]>");
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *svg = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	m->hostname = strdup("<script>alert(1)</script>");
	s->machine = m;
	check_all(s);
	svg = chart_disk(s, &s->disks[0]);
	ck_assert_ptr_nonnull(strstr(svg, "a&lt;b&gt;&amp;&quot;"));
	ck_assert_ptr_nonnull(strstr(svg, "&lt;script&gt;"));
}
END_TEST

START_TEST(gaps_break_the_line)
{
	CLEANUP(sizing_free) struct sizing *s = load(300, 1000, "sda");
	CLEANUP(mem_free) char *svg = chart_cpu(s);

	ck_assert_uint_eq(s->gaps, 2);
	ck_assert_uint_eq(count(svg, "<rect class=\"gap\""), 2);
	ck_assert_uint_eq(count(svg, "class=\"r c0\""), 3);
}
END_TEST

START_TEST(ticks)
{
	static const enum chart_unit units[] = {
		CHART_CPUS, CHART_BYTES, CHART_BYTE_RATE, CHART_BIT_RATE, CHART_COUNT_RATE,
	};
	char buf[32];

	for (size_t u = 0; u < ARRAY_SIZE(units); u++)
		for (uint64_t max = 100; max < UINT64_C(1) << 60; max += max / 7) {
			uint64_t step = chart_step(max, units[u]);

			ck_assert_uint_lt(max / step, 6);
			ck_assert_uint_ge(max / step, 2);
		}
	ck_assert_uint_eq(chart_step(8970, CHART_CPUS), 2000);
	ck_assert_uint_eq(chart_step(128 * GIB, CHART_BYTES), 32 * GIB);
	ck_assert_str_eq(chart_value(2500, CHART_CPUS, buf), "2.5");
	ck_assert_str_eq(chart_value(5883, CHART_CPUS, buf), "5.88");
	ck_assert_str_eq(chart_value(3 * GIB / 2, CHART_BYTES, buf), "1.5 GiB");
	ck_assert_str_eq(chart_value(1250000000, CHART_BIT_RATE, buf), "1.2 Gbit/s");
	ck_assert_str_eq(chart_value(15000, CHART_COUNT_RATE, buf), "15k");
	ck_assert_str_eq(chart_value(20 * MIB, CHART_BYTE_RATE, buf), "20 MiB/s");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("chart");
	TCase *t = tcase_create("chart");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, many_shapes);
	tcase_add_test(t, nothing_recorded);
	tcase_add_test(t, one_sample_is_a_level);
	tcase_add_test(t, foreign_text);
	tcase_add_test(t, gaps_break_the_line);
	tcase_add_test(t, ticks);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
