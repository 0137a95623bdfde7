/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/digests.h"

#include "tests/unit/test_server_rig.h"

static const uint8_t uuid[16] = "0123456789abcde";

static void add(struct journal *j, enum journal_type type, uint64_t first, uint64_t n, uint8_t mark)
{
	struct journal_record r = { .type = type,
				    .reason = type == JOURNAL_ZERO ? mark : 0,
				    .offset = first * CHUNK,
				    .length = n * CHUNK };

	if (type == JOURNAL_BAD)
		r.length = 512;
	memset(r.sha256, mark, sizeof(r.sha256));
	MUST(journal_append(j, &r, 1, &e));
}

static void expect(const struct journal *j, uint64_t *chunk, uint8_t kind, uint64_t first,
		   uint32_t n, const uint8_t *marks)
{
	static uint8_t sha256[PROTO_DIGESTS_MAX * SHA256_LEN];
	struct msg_digests m;

	ck_assert(digests_next(j, 0, chunk, sha256, &m));
	ck_assert_uint_eq(m.disk, 0);
	ck_assert_uint_eq(m.kind, kind);
	ck_assert_uint_eq(m.offset, first * CHUNK);
	ck_assert_uint_eq(m.n, n);
	ck_assert_int_eq(m.sha256 != NULL, kind == PROTO_DIGESTS_DATA);
	for (uint32_t i = 0; marks && i < n; i++)
		for (size_t k = 0; k < SHA256_LEN; k++)
			ck_assert_uint_eq(m.sha256[i * SHA256_LEN + k], marks[i]);
}

START_TEST(kinds_and_gaps)
{
	const uint64_t size = 9 * CHUNK + 512;
	CLEANUP(journal_free) struct journal *j = NULL;
	uint64_t chunk = 0;
	struct msg_digests m;

	MUST(journal_open(folder, "journal", uuid, &size, 1, false, &j, NULL, &e));
	ck_assert(!digests_next(j, 0, &chunk, NULL, &m));
	chunk = 0;
	/*
	 * 0 1 data, 2 free, 3 zero, 4 absent, 5 data, 6 data and in part unreadable, 7 data, 8
	 * zero.
	 */
	for (uint8_t i = 0; i < 8; i++)
		if (i < 2 || i > 4)
			add(j, JOURNAL_DATA, i, 1, (uint8_t)(0x10 + i));
	add(j, JOURNAL_ZERO, 2, 1, PROTO_ZERO_FREE);
	add(j, JOURNAL_ZERO, 3, 1, PROTO_ZERO_ZERO);
	add(j, JOURNAL_ZERO, 8, 1, PROTO_ZERO_ZERO);
	add(j, JOURNAL_BAD, 6, 1, 0);
	expect(j, &chunk, PROTO_DIGESTS_DATA, 0, 2, (const uint8_t[]){ 0x10, 0x11 });
	expect(j, &chunk, PROTO_DIGESTS_ZERO, 2, 2, NULL);
	expect(j, &chunk, PROTO_DIGESTS_DATA, 5, 1, (const uint8_t[]){ 0x15 });
	expect(j, &chunk, PROTO_DIGESTS_DATA, 7, 1, (const uint8_t[]){ 0x17 });
	expect(j, &chunk, PROTO_DIGESTS_ZERO, 8, 1, NULL);
	ck_assert(!digests_next(j, 0, &chunk, NULL, &m));
	/* What was unreadable is forgotten with its chunk. */
	add(j, JOURNAL_REVOKE, 6, 1, 0);
	ck_assert_uint_eq(journal_bad_bytes(j), 0);
	add(j, JOURNAL_DATA, 6, 1, 0x16);
	chunk = 5;
	expect(j, &chunk, PROTO_DIGESTS_DATA, 5, 3, (const uint8_t[]){ 0x15, 0x16, 0x17 });
}
END_TEST

/* More than one message holds; zeroes have no such limit. */
START_TEST(many)
{
	const uint64_t size = (PROTO_DIGESTS_MAX + 3) * CHUNK;
	CLEANUP(journal_free) struct journal *j = NULL;
	CLEANUP(mem_free) struct journal_record *v = calloc(PROTO_DIGESTS_MAX + 3, sizeof(*v));
	struct journal_record zero = { .type = JOURNAL_ZERO, .reason = PROTO_ZERO_FREE,
				       .length = size };
	uint64_t chunk = 0;
	struct msg_digests m;

	MUST(journal_open(folder, "journal", uuid, &size, 1, false, &j, NULL, &e));
	MUST(journal_append(j, &zero, 1, &e));
	expect(j, &chunk, PROTO_DIGESTS_ZERO, 0, PROTO_DIGESTS_MAX + 3, NULL);
	ck_assert(!digests_next(j, 0, &chunk, NULL, &m));
	for (uint64_t i = 0; i < PROTO_DIGESTS_MAX + 3; i++)
		v[i] = (struct journal_record){ .type = JOURNAL_DATA, .offset = i * CHUNK,
						.length = CHUNK };
	MUST(journal_append(j, v, PROTO_DIGESTS_MAX + 3, &e));
	chunk = 0;
	expect(j, &chunk, PROTO_DIGESTS_DATA, 0, PROTO_DIGESTS_MAX, NULL);
	expect(j, &chunk, PROTO_DIGESTS_DATA, PROTO_DIGESTS_MAX, 3, NULL);
	ck_assert(!digests_next(j, 0, &chunk, NULL, &m));
}
END_TEST

static Suite *digests_suite(void)
{
	Suite *s = suite_create("digests");
	TCase *t = tcase_create("digests");

	tcase_add_checked_fixture(t, rig_folder_setup, rig_folder_teardown);
	tcase_add_test(t, kinds_and_gaps);
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(digests_suite)
