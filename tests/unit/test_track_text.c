/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ftrace and blktrace say, as kernels of several ages say it. */
#include "track/ftrace_text.h"

#include <errno.h>
#include <linux/blktrace_api.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"
#include "track/blktrace_record.h"

static struct ftrace_line parse(const char *line)
{
	struct ftrace_line l;

	ck_assert_msg(ftrace_text_line(line, strlen(line), &l) == 0, "%s", line);
	return l;
}

START_TEST(lines)
{
	static const struct {
		const char *line;
		enum ftrace_kind kind;
		bool reads;
		uint64_t sector, sectors;
	} rows[] = {
		{ "block_bio_queue: 7,3 WS 2048 + 8 [dd]", FTRACE_QUEUE, false, 2048, 8 },
		{ "  block_bio_queue: 7,3 R 0 + 256 [cat]", FTRACE_QUEUE, true, 0, 256 },
		{ "block_rq_complete: 7,3 WS () 2048 + 8 [0]", FTRACE_COMPLETE, false, 2048, 8 },
		{ "block_rq_complete: 7,3 WS () 2048 + 8 none,0,0 [-5]", FTRACE_COMPLETE, false,
		  2048, 8 },
		{ "block_rq_complete: 7,3 FWFSM (0a 1f) 7 + 9 [0]", FTRACE_COMPLETE, false, 7, 9 },
		{ "block_rq_complete: 7,3 FF () 18446744073709551615 + 0 [0]", FTRACE_COMPLETE,
		  false, UINT64_MAX, 0 },
		{ "block_rq_complete: 7,3 N () 18446744073709551615 + 8 [0]", FTRACE_COMPLETE,
		  false, UINT64_MAX, 8 },
		{ "block_rq_complete: 7,3 DS () 0 + 4294967295 [0]", FTRACE_COMPLETE, false, 0,
		  UINT32_MAX },
		{ "block_rq_complete: 7,3 RA () 5 + 8 [0]", FTRACE_COMPLETE, true, 5, 8 },
		{ "block_rq_complete: 7,3 FR () 5 + 8 [0]", FTRACE_COMPLETE, true, 5, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ftrace_line l = parse(rows[i].line);

		ck_assert_msg(l.kind == rows[i].kind && l.reads == rows[i].reads &&
				      l.sector == rows[i].sector && l.sectors == rows[i].sectors &&
				      l.major == 7 && l.minor == 3,
			      "%s", rows[i].line);
	}
}
END_TEST

START_TEST(other_lines)
{
	struct ftrace_line l;

	ck_assert_int_eq(parse("").kind, FTRACE_OTHER);
	ck_assert_int_eq(parse("block_rq_issue: 7,3 WS 8 () 2048 + 8 [dd]").kind, FTRACE_OTHER);
	l = parse("CPU:1 [LOST 12 EVENTS]");
	ck_assert_int_eq(l.kind, FTRACE_LOST);
	ck_assert_uint_eq(l.lost, 12);
	ck_assert_uint_eq(parse("CPU:1 [LOST EVENTS]").lost, 1);
}
END_TEST

/* Doubt about a line is doubt about what it told. */
START_TEST(damaged_lines)
{
	static const char whole[] = "block_rq_complete: 7,3 WS () 2048 + 8";
	static const char *const bad[] = {
		"block_bio_queue: 7 WS 2048 + 8", "block_bio_queue: 7,3  2048 + 8",
		"block_bio_queue: 7,3 W 99999999999999999999 + 8", "block_bio_queue: 7,3 W -1 + 8",
		"block_bio_queue: 7,3 W 1 + 4294967296", "block_bio_queue: 4294967296,3 W 1 + 8",
		"block_rq_complete: 7,3 W 1 + 8", "CPU:x [LOST 1 EVENTS]",
	};
	struct ftrace_line l;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(ftrace_text_line(bad[i], strlen(bad[i]), &l) == -EBADMSG, "%s",
			      bad[i]);
	for (size_t n = strlen("block_rq_complete: "); n < strlen(whole); n++)
		ck_assert_int_eq(ftrace_text_line(whole, n, &l), -EBADMSG);
	ck_assert_int_eq(ftrace_text_line(whole, strlen(whole), &l), 0);
}
END_TEST

#define FIELDS \
	"name: x\nID: 1\nformat:\n" \
	"\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;\n" \
	"\tfield:sector_t sector;\toffset:16;\tsize:8;\tsigned:0;\n"

START_TEST(formats)
{
	static const char queue[] =
		FIELDS "\tfield:unsigned int nr_sector;\toffset:24;\n\tfield:char rwbs[10];\n"
		"\nprint fmt: \"%d,%d %s %llu + %u [%s]\", 1, 2\n";
	static const char complete[] =
		FIELDS "\tfield:unsigned int nr_sector;\toffset:24;\n\tfield:char rwbs[8];\n"
		"\nprint fmt: \"%d,%d %s (%s) %llu + %u %s,%u,%u [%d]\", 1\n";

	ck_assert_int_eq(ftrace_text_format(queue, false), 0);
	ck_assert_int_eq(ftrace_text_format(complete, true), 0);
	ck_assert_int_eq(ftrace_text_format(queue, true), -EBADMSG);
	ck_assert_int_eq(ftrace_text_format(complete, false), -EBADMSG);
	ck_assert_int_eq(ftrace_text_format(FIELDS, false), -EBADMSG);
	/* nr_sector is missing, and sector is no part of another name. */
	ck_assert_int_eq(ftrace_text_format(FIELDS "field:char rwbs[8];\nprint fmt: \"%d,%d %s "
						   "%llu + %u\"", false), -ENOENT);
}
END_TEST

START_TEST(stats)
{
	uint64_t n = 0;

	ck_assert_int_eq(ftrace_text_stats("entries: 5\noverrun: 3\ncommit overrun: 4\nbytes: 9\n"
					   "dropped events: 5\nread events: 7\n", &n), 0);
	ck_assert_uint_eq(n, 12);
	ck_assert_int_eq(ftrace_text_stats("overrun: 0\n", &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(ftrace_text_stats("overrun: x\n", &n), -EBADMSG);
	ck_assert_int_eq(ftrace_text_stats("entries: 5\n", &n), -EBADMSG);
}
END_TEST

/* ---- blktrace */

static struct {
	struct blk_io_trace t;
	char pdu[8];
} rec;

static int parse_record(uint32_t action, size_t len, struct blktrace_record *ret)
{
	rec.t = (struct blk_io_trace){ .magic = BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION,
				       .sequence = 9,
				       .sector = 77,
				       .bytes = 4096,
				       .action = action,
				       .pdu_len = 8 };
	return blktrace_record_parse(&rec, len, ret);
}

START_TEST(records)
{
	static const struct {
		uint32_t action;
		enum blktrace_kind kind;
		bool writes, driver;
	} rows[] = {
		{ BLK_TA_QUEUE | BLK_TC_ACT(BLK_TC_WRITE), BLKTRACE_QUEUE, true, false },
		{ BLK_TA_QUEUE | __BLK_TA_CGROUP | BLK_TC_ACT(BLK_TC_WRITE), BLKTRACE_QUEUE, true,
		  false },
		{ BLK_TA_QUEUE | BLK_TC_ACT(BLK_TC_READ), BLKTRACE_QUEUE, false, false },
		{ BLK_TA_QUEUE, BLKTRACE_QUEUE, true, false },
		{ BLK_TA_COMPLETE | BLK_TC_ACT(BLK_TC_DISCARD | BLK_TC_READ), BLKTRACE_COMPLETE,
		  true, false },
		{ BLK_TA_COMPLETE | BLK_TC_ACT(BLK_TC_WRITE | BLK_TC_PC), BLKTRACE_COMPLETE, true,
		  true },
		{ BLK_TA_BACKMERGE | BLK_TC_ACT(BLK_TC_WRITE), BLKTRACE_OTHER, true, false },
		{ BLK_TN_TIMESTAMP, BLKTRACE_OTHER, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct blktrace_record r;

		ck_assert_int_eq(parse_record(rows[i].action, sizeof(rec), &r), sizeof(rec.t) + 8);
		ck_assert_msg(r.kind == rows[i].kind && r.writes == rows[i].writes &&
				      r.driver == rows[i].driver && r.sector == 77 &&
				      r.bytes == 4096 && r.sequence == (r.numbered ? 9 : 0) &&
				      r.numbered == (rows[i].action != BLK_TN_TIMESTAMP),
			      "row %zu", i);
	}
}
END_TEST

START_TEST(cut_and_damaged_records)
{
	struct blktrace_record r;

	for (size_t n = 0; n < sizeof(rec.t) + 8; n++)
		ck_assert_int_eq(parse_record(BLK_TA_QUEUE, n, &r), 0);
	rec.t.magic++;
	ck_assert_int_eq(blktrace_record_parse(&rec, sizeof(rec), &r), -EBADMSG);
}
END_TEST

static Suite *track_text_suite(void)
{
	Suite *s = suite_create("track_text");
	TCase *tc = tcase_create("track_text");

	tcase_add_test(tc, lines);
	tcase_add_test(tc, other_lines);
	tcase_add_test(tc, damaged_lines);
	tcase_add_test(tc, formats);
	tcase_add_test(tc, stats);
	tcase_add_test(tc, records);
	tcase_add_test(tc, cut_and_damaged_records);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_text_suite)
