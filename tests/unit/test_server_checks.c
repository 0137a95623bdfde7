/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/checks.h"

#include "tests/unit/test_server_rig.h"

#define DISKS	2
#define MANY	(2 * (uint64_t)PROTO_HAVE_MAX + 8)

static const uint8_t uuid[16] = "0123456789abcde";
static const uint64_t sizes[DISKS] = { 9 * CHUNK + 512, MANY * CHUNK };

static struct journal *journal;
static struct checks *checks;
static struct msg_range *ranges;

static void setup(void)
{
	rig_folder_setup();
	ranges = calloc(PROTO_HAVE_MAX, sizeof(*ranges));
	MUST(journal_open(folder, "journal", uuid, sizes, DISKS, false, &journal, NULL, &e));
	MUST(checks_new(DISKS, &checks, &e));
}

static void teardown(void)
{
	checks_free(checks);
	journal_free(journal);
	free(ranges);
	rig_folder_teardown();
}

static void has(uint16_t disk, enum journal_type type, uint64_t chunk, uint8_t mark)
{
	struct journal_record r = { .type = type,
				    .reason = type == JOURNAL_ZERO ? mark : 0,
				    .disk = disk,
				    .offset = chunk * CHUNK,
				    .length = MIN(CHUNK, sizes[disk] - chunk * CHUNK) };

	memset(r.sha256, mark, sizeof(r.sha256));
	MUST(journal_append(journal, &r, 1, &e));
}

/* One CHECK of n chunks, whose digests are of one byte each; marks NULL: zeroes. */
static int add(uint64_t id, uint16_t disk, uint64_t first, uint32_t n, const uint8_t *marks,
	       struct err *err)
{
	CLEANUP(mem_free) uint8_t *sha256 = malloc(n * (size_t)SHA256_LEN);
	struct msg_digests d = { .disk = disk,
				 .kind = marks ? PROTO_DIGESTS_DATA : PROTO_DIGESTS_ZERO,
				 .n = n,
				 .offset = first * CHUNK,
				 .sha256 = marks ? sha256 : NULL };

	for (uint32_t i = 0; marks && i < n; i++)
		memset(sha256 + i * (size_t)SHA256_LEN, marks[i], SHA256_LEN);
	return checks_add(checks, id, &d, err);
}

static void differ(uint16_t disk, uint64_t first, uint64_t length)
{
	struct msg_have h;

	ck_assert(checks_next(checks, ranges, &h));
	ck_assert_uint_eq(h.disk, disk);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_uint_eq(h.ranges[0].offset, first * CHUNK);
	ck_assert_uint_eq(h.ranges[0].length, length);
}

static void agree(void)
{
	struct msg_have h;

	ck_assert(!checks_next(checks, ranges, &h));
	ck_assert(!checks_pending(checks));
}

START_TEST(by_state)
{
	static const uint8_t marks[] = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15 };
	struct msg_have h;

	/* 0 data, 1 other data, 2 zero, 3 free, 4 absent, 5 revoked; 9 the short one. */
	has(0, JOURNAL_DATA, 0, 0x10);
	has(0, JOURNAL_DATA, 1, 0xff);
	has(0, JOURNAL_ZERO, 2, PROTO_ZERO_ZERO);
	has(0, JOURNAL_ZERO, 3, PROTO_ZERO_FREE);
	has(0, JOURNAL_DATA, 5, 0x15);
	has(0, JOURNAL_REVOKE, 5, 0);
	has(0, JOURNAL_DATA, 9, 0x19);
	MUST(add(1, 0, 0, 6, marks, &e));
	ck_assert(checks_pending(checks));
	ck_assert(!checks_next(checks, ranges, &h));
	MUST(checks_answer(checks, journal, 1, &e));
	ck_assert(checks_pending(checks));
	differ(0, 1, 5 * CHUNK);
	agree();
	MUST(add(2, 0, 0, 10, NULL, &e));
	MUST(checks_answer(checks, journal, 2, &e));
	ck_assert(checks_next(checks, ranges, &h));
	ck_assert_uint_eq(h.n, 2);
	ck_assert_uint_eq(h.ranges[0].offset, 0);
	ck_assert_uint_eq(h.ranges[0].length, 2 * CHUNK);
	ck_assert_uint_eq(h.ranges[1].offset, 4 * CHUNK);
	ck_assert_uint_eq(h.ranges[1].length, 5 * CHUNK + 512);
	agree();
	MUST(add(3, 0, 9, 1, (const uint8_t[]){ 0x19 }, &e));
	MUST(checks_answer(checks, journal, 3, &e));
	agree();
	MUST(add(4, 0, 9, 1, (const uint8_t[]){ 0x18 }, &e));
	MUST(checks_answer(checks, journal, 4, &e));
	differ(0, 9, 512);
	agree();
}
END_TEST

/* A chunk whose digest is that of zeroes, and one that came as zeroes: the same, both ways. */
START_TEST(zeroes_are_zeroes)
{
	CLEANUP(mem_free) uint8_t *zeroes = calloc(1, CHUNK);

	for (uint64_t c = 8; c < 10; c++) {
		uint64_t length = MIN(CHUNK, sizes[0] - c * CHUNK);
		struct journal_record r = { .type = JOURNAL_DATA, .offset = c * CHUNK,
					    .length = length };
		struct msg_digests d = { .kind = PROTO_DIGESTS_DATA, .n = 1, .offset = c * CHUNK,
					 .sha256 = r.sha256 };

		ck_assert_int_eq(chunk_digest(zeroes, length, r.sha256), 0);
		MUST(journal_append(journal, &r, 1, &e));
		MUST(add(1, 0, c, 1, NULL, &e));
		MUST(checks_answer(checks, journal, 1, &e));
		agree();
		has(0, JOURNAL_ZERO, c, PROTO_ZERO_FREE);
		MUST(checks_add(checks, 2, &d, &e));
		MUST(checks_answer(checks, journal, 2, &e));
		agree();
		r.sha256[0] ^= 1;
		MUST(checks_add(checks, 3, &d, &e));
		MUST(checks_answer(checks, journal, 3, &e));
		differ(0, c, length);
	}
}
END_TEST

/* Only those that the flush covers. */
START_TEST(by_id)
{
	for (uint64_t c = 0; c < 4; c++)
		MUST(add(10 + 5 * c, 0, 2 * c, 1, (const uint8_t[]){ 1 }, &e));
	MUST(checks_answer(checks, journal, 9, &e));
	ck_assert(checks_pending(checks));
	MUST(checks_answer(checks, journal, 15, &e));
	{
		struct msg_have h;

		ck_assert(checks_next(checks, ranges, &h));
		ck_assert_uint_eq(h.n, 2);
		ck_assert_uint_eq(h.ranges[1].offset, 2 * CHUNK);
	}
	/* What has come to the journal meanwhile. */
	has(0, JOURNAL_DATA, 4, 1);
	MUST(checks_answer(checks, journal, 24, &e));
	ck_assert(checks_pending(checks));
	MUST(checks_answer(checks, journal, 25, &e));
	differ(0, 6, CHUNK);
	agree();
}
END_TEST

/* Told is not mended. */
START_TEST(open_until_sent_again)
{
	has(0, JOURNAL_DATA, 0, 1);
	has(0, JOURNAL_DATA, 1, 1);
	ck_assert(!checks_open(checks));
	MUST(add(1, 0, 0, 1, (const uint8_t[]){ 1 }, &e));
	ck_assert(checks_open(checks));
	MUST(checks_answer(checks, journal, 1, &e));
	ck_assert(!checks_open(checks));
	MUST(add(2, 0, 0, 3, (const uint8_t[]){ 2, 1, 1 }, &e));
	MUST(checks_answer(checks, journal, 2, &e));
	while (checks_next(checks, ranges, &(struct msg_have){ 0 }))
		;
	ck_assert(!checks_pending(checks));
	ck_assert(checks_open(checks));
	MUST(checks_sent(checks, 1, 0, 4 * CHUNK, &e));
	MUST(checks_sent(checks, 0, 0, 2 * CHUNK, &e));
	ck_assert(checks_open(checks));
	MUST(checks_sent(checks, 0, 2 * CHUNK, CHUNK, &e));
	ck_assert(!checks_open(checks));
}
END_TEST

START_TEST(too_many)
{
	CLEANUP(mem_free) uint8_t *marks = calloc(1, PROTO_DIGESTS_MAX);
	struct err why = ERR_INIT;
	uint64_t id = 0;

	for (uint64_t n = 0; n < CHECKS_MAX; n += PROTO_DIGESTS_MAX)
		MUST(add(++id, 1, 0, PROTO_DIGESTS_MAX, marks, &e));
	ck_assert_int_eq(add(id + 1, 1, 0, 1, marks, &why), -E2BIG);
	ck_assert_uint_gt(strlen(why.text), 0);
	/* Zeroes take no memory. */
	MUST(add(++id, 1, 0, 1, NULL, &e));
	/* There is room again for as many as are answered. */
	MUST(checks_answer(checks, journal, 1, &e));
	MUST(add(++id, 1, 0, PROTO_DIGESTS_MAX, marks, &e));
	ck_assert_int_eq(add(id + 1, 1, 0, 1, marks, &why), -E2BIG);
}
END_TEST

/* More ranges than one DIFFER takes, of two disks: none is lost, none is said twice. */
START_TEST(many_ranges)
{
	CLEANUP(mem_free) struct journal_record *v = calloc(MANY, sizeof(*v));
	uint64_t last = 0, sum = 0;
	unsigned int messages = 0;
	struct msg_have h;
	size_t n = 0;

	for (uint64_t c = 0; c < MANY; c += 2)
		v[n++] = (struct journal_record){ .type = JOURNAL_ZERO,
						  .reason = PROTO_ZERO_FREE,
						  .disk = 1,
						  .offset = c * CHUNK,
						  .length = CHUNK };
	MUST(journal_append(journal, v, n, &e));
	MUST(add(1, 1, 0, (uint32_t)MANY, NULL, &e));
	MUST(add(2, 0, 3, 1, NULL, &e));
	MUST(checks_answer(checks, journal, 2, &e));
	differ(0, 3, CHUNK);
	while (checks_next(checks, ranges, &h)) {
		messages++;
		ck_assert_uint_eq(h.disk, 1);
		ck_assert_uint_le(h.n, PROTO_HAVE_MAX);
		for (uint32_t i = 0; i < h.n; i++) {
			ck_assert_uint_eq(h.ranges[i].offset / CHUNK % 2, 1);
			ck_assert_uint_eq(h.ranges[i].length, CHUNK);
			ck_assert(last == 0 || h.ranges[i].offset > last);
			last = h.ranges[i].offset;
		}
		sum += h.n;
	}
	ck_assert_uint_eq(sum, MANY / 2);
	ck_assert_uint_eq(messages, 2);
	agree();
}
END_TEST

static Suite *checks_suite(void)
{
	const TTest *const tests[] = { by_state, zeroes_are_zeroes, by_id,
				       open_until_sent_again, too_many, many_ranges };

	return rig_suite("checks", tests, ARRAY_SIZE(tests), setup, teardown);
}

UNIT_MAIN(checks_suite)
