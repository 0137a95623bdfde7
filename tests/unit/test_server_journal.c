/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/journal.h"

#include "tests/unit/test_server_rig.h"

#define RECORD	64
#define SIZE0	(3 * CHUNK + 1536)
#define SIZE1	(2 * CHUNK)

static const uint8_t uuid[16] = "0123456789abcde";
static const uint64_t sizes[2] = { SIZE0, SIZE1 };

static struct journal *open_journal(bool readonly, uint64_t *ret_cut)
{
	struct journal *j = NULL;

	MUST(journal_open(folder, "journal", uuid, sizes, 2, readonly, &j, ret_cut, &e));
	return j;
}

static struct journal_record data(uint16_t disk, uint64_t chunk, uint8_t mark)
{
	struct journal_record r = { .type = JOURNAL_DATA, .disk = disk, .offset = chunk * CHUNK };

	r.length = MIN(CHUNK, sizes[disk] - r.offset);
	memset(r.sha256, mark, sizeof(r.sha256));
	return r;
}

static struct journal_record range(enum journal_type type, uint8_t reason, uint16_t disk,
				   uint64_t offset, uint64_t length)
{
	return (struct journal_record){
		.type = type, .reason = reason, .disk = disk, .offset = offset, .length = length
	};
}

static void append(struct journal *j, struct journal_record r)
{
	MUST(journal_append(j, &r, 1, &e));
}

START_TEST(empty)
{
	uint64_t cut = 99;
	CLEANUP(journal_free) struct journal *j = open_journal(false, &cut);
	CLEANUP(bitmap_free) struct bitmap *have = NULL;

	ck_assert_uint_eq(cut, 0);
	ck_assert(!journal_complete(j));
	ck_assert_uint_eq(journal_bad_bytes(j), 0);
	ck_assert_int_eq(journal_have(j, 0, &have, NULL), 0);
	ck_assert_uint_eq(bitmap_count(have), 0);
	ck_assert_int_eq(rig_size("journal"), RECORD);
}
END_TEST

START_TEST(all_types_survive)
{
	for (int round = 0; round < 2; round++) {
		CLEANUP(journal_free) struct journal *j = open_journal(round > 0, NULL);
		CLEANUP(bitmap_free) struct bitmap *have = NULL;
		uint64_t t[4];

		if (round == 0) {
			append(j, data(0, 0, 0xa0));
			append(j, data(0, 3, 0xa3));
			append(j, range(JOURNAL_ZERO, PROTO_ZERO_FREE, 0, CHUNK, CHUNK));
			append(j, range(JOURNAL_BAD, 0, 0, 512, 1024));
			append(j, range(JOURNAL_ZERO, PROTO_ZERO_ZERO, 1, 0, SIZE1));
		}
		ck_assert_int_eq(j->disks[0].state[0], CHUNK_DATA);
		ck_assert_int_eq(j->disks[0].state[1], CHUNK_FREE);
		ck_assert_int_eq(j->disks[0].state[2], CHUNK_ABSENT);
		ck_assert_int_eq(j->disks[0].state[3], CHUNK_DATA);
		ck_assert_int_eq(j->disks[0].sha256[3][31], 0xa3);
		ck_assert_int_eq(j->disks[1].state[1], CHUNK_ZERO);
		ck_assert_uint_eq(journal_bad_bytes(j), 1024);
		ck_assert(!journal_complete(j));
		journal_totals(j, 0, t);
		ck_assert_uint_eq(t[CHUNK_DATA], CHUNK + 1536);
		ck_assert_uint_eq(t[CHUNK_FREE], CHUNK);
		ck_assert_uint_eq(t[CHUNK_ZERO], 0);
		ck_assert_uint_eq(t[CHUNK_ABSENT], CHUNK);
		ck_assert_int_eq(journal_have(j, 0, &have, NULL), 0);
		ck_assert(bitmap_test(have, 0) && bitmap_test(have, CHUNK) &&
			  !bitmap_test(have, 2 * CHUNK) && bitmap_test(have, 3 * CHUNK));
	}
}
END_TEST

START_TEST(complete_then_revoked)
{
	CLEANUP(journal_free) struct journal *j = open_journal(false, NULL);
	CLEANUP(journal_free) struct journal *again = NULL;

	append(j, range(JOURNAL_ZERO, PROTO_ZERO_FREE, 0, 0, SIZE0));
	ck_assert(!journal_complete(j));
	append(j, range(JOURNAL_ZERO, PROTO_ZERO_FREE, 1, 0, SIZE1));
	ck_assert(journal_complete(j));
	append(j, range(JOURNAL_REVOKE, 0, 0, CHUNK, 2 * CHUNK));
	ck_assert(!journal_complete(j));
	again = open_journal(true, NULL);
	ck_assert(!journal_complete(again));
	ck_assert_int_eq(again->disks[0].state[0], CHUNK_FREE);
	ck_assert_int_eq(again->disks[0].state[1], CHUNK_ABSENT);
	ck_assert_int_eq(again->disks[0].state[2], CHUNK_ABSENT);
	ck_assert_int_eq(again->disks[0].state[3], CHUNK_FREE);
}
END_TEST

/* A file of the header and five records, the last of which is a revocation. */
static size_t sample(char **ret)
{
	struct journal *j = open_journal(false, NULL);
	size_t len;

	append(j, data(0, 0, 1));
	append(j, data(0, 1, 2));
	append(j, range(JOURNAL_BAD, 0, 1, CHUNK, 512));
	append(j, data(1, 1, 3));
	append(j, range(JOURNAL_REVOKE, 0, 0, 0, CHUNK));
	journal_free(j);
	MUST(fdio_read_file_at(folder, "journal", 1 << 20, ret, &len, &e));
	ck_assert_uint_eq(len, 6 * RECORD);
	return len;
}

/* What is claimed after the first n of sample()'s records. */
static void check_prefix(const struct journal *j, size_t n)
{
	ck_assert_uint_eq(j->end, (n + 1) * RECORD);
	ck_assert_int_eq(j->disks[0].state[0], n >= 1 && n < 5 ? CHUNK_DATA : CHUNK_ABSENT);
	ck_assert_int_eq(j->disks[0].state[1], n >= 2 ? CHUNK_DATA : CHUNK_ABSENT);
	ck_assert_uint_eq(journal_bad_bytes(j), n >= 3 ? 512 : 0);
	ck_assert_int_eq(j->disks[1].state[1], n >= 4 ? CHUNK_DATA : CHUNK_ABSENT);
}

START_TEST(torn_at_every_byte)
{
	CLEANUP(mem_free) char *file = NULL;
	size_t len = sample(&file);

	for (size_t cut_at = 0; cut_at <= len; cut_at++) {
		size_t whole = cut_at < RECORD ? 0 : cut_at / RECORD - 1;
		uint64_t cut = 0;
		struct journal *j = NULL;
		struct err e = ERR_INIT;

		rig_write("journal", file, cut_at);
		if (cut_at < RECORD) {
			ck_assert_int_eq(
				journal_open(folder, "journal", uuid, sizes, 2, true, &j, NULL, &e),
				-EBADMSG);
			ck_assert_uint_gt(strlen(e.text), 0);
		} else {
			/* Somebody who only looks changes nothing. */
			j = open_journal(true, &cut);
			check_prefix(j, whole);
			ck_assert_uint_eq(cut, cut_at - j->end);
			journal_free(j);
			ck_assert_int_eq(rig_size("journal"), (int64_t)cut_at);
		}
		j = open_journal(false, NULL);
		check_prefix(j, whole);
		ck_assert_int_eq(rig_size("journal"), (int64_t)j->end);
		append(j, data(0, 2, 9));
		journal_free(j);
		j = open_journal(true, &cut);
		ck_assert_uint_eq(cut, 0);
		ck_assert_int_eq(j->disks[0].state[2], CHUNK_DATA);
		journal_free(j);
	}
}
END_TEST

/*
 * A damaged record ends what is believed: the ones behind it may depend on it (a revocation does).
 */
START_TEST(every_bit_flipped)
{
	CLEANUP(mem_free) char *file = NULL;
	size_t len = sample(&file);

	for (size_t bit = 0; bit < 8 * len; bit++) {
		struct journal *j = NULL;
		struct err e = ERR_INIT;
		int r;

		file[bit / 8] ^= (char)(1 << bit % 8);
		rig_write("journal", file, len);
		r = journal_open(folder, "journal", uuid, sizes, 2, true, &j, NULL, &e);
		if (bit / 8 < RECORD) {
			ck_assert_int_eq(r, -EBADMSG);
			ck_assert_ptr_nonnull(strstr(e.text, "journal"));
		} else {
			ck_assert_int_eq(r, 0);
			check_prefix(j, bit / 8 / RECORD - 1);
		}
		journal_free(j);
		file[bit / 8] ^= (char)(1 << bit % 8);
	}
}
END_TEST

START_TEST(of_another_job)
{
	uint8_t other[16];
	const uint64_t three[3] = { SIZE0, SIZE1, CHUNK };
	struct journal *j = NULL;

	journal_free(open_journal(false, NULL));
	for (size_t i = 0; i < sizeof(other); i++) {
		memcpy(other, uuid, sizeof(other));
		other[i] ^= 1;
		ck_assert_int_eq(
			journal_open(folder, "journal", other, sizes, 2, false, &j, NULL, NULL),
			-EBADMSG);
	}
	ck_assert_int_eq(journal_open(folder, "journal", uuid, sizes, 1, false, &j, NULL, NULL),
			 -EBADMSG);
	ck_assert_int_eq(journal_open(folder, "journal", uuid, three, 3, false, &j, NULL, NULL),
			 -EBADMSG);
	ck_assert_ptr_null(j);
	/* What was refused is as it was. */
	ck_assert_int_eq(rig_size("journal"), RECORD);
	journal_free(open_journal(true, NULL));
}
END_TEST

START_TEST(odd_files)
{
	struct journal *j = NULL;

	ck_assert_int_eq(journal_open(folder, "journal", uuid, sizes, 2, true, &j, NULL, NULL),
			 -ENOENT);
	ck_assert_int_eq(symlinkat("/etc/passwd", folder, "journal"), 0);
	ck_assert_int_lt(journal_open(folder, "journal", uuid, sizes, 2, false, &j, NULL, NULL), 0);
	ck_assert_int_lt(journal_open(folder, "journal", uuid, sizes, 2, true, &j, NULL, NULL), 0);
	ck_assert_int_eq(unlinkat(folder, "journal", 0), 0);
	ck_assert_int_eq(mkdirat(folder, "journal", 0700), 0);
	ck_assert_int_lt(journal_open(folder, "journal", uuid, sizes, 2, false, &j, NULL, NULL), 0);
	ck_assert_ptr_null(j);
}
END_TEST

START_TEST(records_that_cannot_be)
{
	static const struct {
		int type;
		uint8_t reason;
		uint16_t disk;
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0, 0, 0, CHUNK },
		{ 5, 0, 0, 0, CHUNK },
		{ 255, 0, 0, 0, CHUNK },
		{ JOURNAL_DATA, 0, 2, 0, CHUNK },
		{ JOURNAL_DATA, 0, 65535, 0, CHUNK },
		{ JOURNAL_DATA, 0, 0, 0, 0 },
		{ JOURNAL_DATA, 0, 0, 512, CHUNK },
		{ JOURNAL_DATA, 0, 0, 0, 512 },
		{ JOURNAL_DATA, 0, 0, 0, 2 * CHUNK },
		{ JOURNAL_DATA, 0, 0, 3 * CHUNK, CHUNK },
		{ JOURNAL_DATA, 0, 0, 3 * CHUNK, 1024 },
		{ JOURNAL_DATA, 0, 0, 4 * CHUNK, 512 },
		{ JOURNAL_DATA, 0, 0, UINT64_MAX - CHUNK + 1, CHUNK },
		{ JOURNAL_DATA, 0, 0, 0, UINT64_MAX },
		{ JOURNAL_ZERO, 0, 0, 0, CHUNK },
		{ JOURNAL_ZERO, 3, 0, 0, CHUNK },
		{ JOURNAL_ZERO, PROTO_ZERO_FREE, 0, 0, CHUNK + 512 },
		{ JOURNAL_ZERO, PROTO_ZERO_FREE, 1, 0, 3 * CHUNK },
		{ JOURNAL_REVOKE, 0, 0, 512, CHUNK - 512 },
		{ JOURNAL_REVOKE, 0, 0, 0, SIZE0 + 512 },
		{ JOURNAL_BAD, 0, 0, SIZE0, 512 },
		{ JOURNAL_BAD, 0, 0, 0, 0 },
	};
	CLEANUP(journal_free) struct journal *j = open_journal(false, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct journal_record v[2] = { data(0, 0, 1),
					       range((enum journal_type)bad[i].type, bad[i].reason,
						     bad[i].disk, bad[i].offset, bad[i].length) };
		struct err e = ERR_INIT;

		ck_assert_msg(journal_append(j, v, 2, &e) == -EINVAL, "record %zu was taken", i);
		ck_assert_uint_gt(strlen(e.text), 0);
	}
	/* Not even the good one in front of it. */
	ck_assert_int_eq(rig_size("journal"), RECORD);
	ck_assert_int_eq(j->disks[0].state[0], CHUNK_ABSENT);
	append(j, data(0, 0, 1));
}
END_TEST

/* A sealed record that makes no sense (of another program, say) ends the replay like a torn one. */
START_TEST(sealed_nonsense_in_the_file)
{
	CLEANUP(mem_free) char *file = NULL;
	size_t len = sample(&file);
	uint8_t *rec = (uint8_t *)file + 3 * RECORD;
	CLEANUP(journal_free) struct journal *j = NULL;

	put_be16(rec + 2, 7);
	put_be32(rec + 60, digest_crc32c(0, rec, 60));
	rig_write("journal", file, len);
	j = open_journal(false, NULL);
	check_prefix(j, 2);
}
END_TEST

/* More records than one read or one write takes. */
START_TEST(many_records)
{
	enum { N = 9000 };
	CLEANUP(mem_free) struct journal_record *v = calloc(N, sizeof(*v));
	struct journal *j = open_journal(false, NULL);

	for (size_t i = 0; i < N; i++)
		v[i] = data((uint16_t)(i % 2), i / 2 % 2, (uint8_t)(i >> 4));
	MUST(journal_append(j, v, N, &e));
	MUST(journal_append(j, v, 0, &e));
	journal_free(j);
	ck_assert_int_eq(rig_size("journal"), (N + 1) * RECORD);
	j = open_journal(true, NULL);
	ck_assert_uint_eq(j->end, (N + 1) * RECORD);
	for (size_t i = N - 4; i < N; i++)
		ck_assert_int_eq(j->disks[i % 2].sha256[i / 2 % 2][0], (uint8_t)(i >> 4));
	journal_free(j);
}
END_TEST

/* No descriptor, no append; and then never again, for what reached the file is not known. */
START_TEST(failed_append_is_final)
{
	struct journal *j = open_journal(false, NULL);
	struct journal_record r = data(0, 0, 1);
	int keep = j->fd, full = open("/dev/full", O_RDWR);
	struct err e = ERR_INIT;

	append(j, data(0, 1, 1));
	ck_assert_int_ge(full, 0);
	j->fd = full;
	ck_assert_int_lt(journal_append(j, &r, 1, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "journal"));
	ck_assert_int_eq(j->disks[0].state[0], CHUNK_ABSENT);
	j->fd = keep;
	close(full);
	ck_assert_int_eq(journal_append(j, &r, 1, &e), -EIO);
	journal_free(j);
	j = open_journal(false, NULL);
	ck_assert_int_eq(j->disks[0].state[0], CHUNK_ABSENT);
	ck_assert_int_eq(j->disks[0].state[1], CHUNK_DATA);
	append(j, r);
	journal_free(j);
}
END_TEST

static Suite *journal_suite(void)
{
	const TTest *const tests[] = { empty,
				       all_types_survive,
				       complete_then_revoked,
				       torn_at_every_byte,
				       every_bit_flipped,
				       of_another_job,
				       odd_files,
				       records_that_cannot_be,
				       sealed_nonsense_in_the_file,
				       many_records,
				       failed_append_is_final };

	return rig_suite("journal", tests, ARRAY_SIZE(tests),
				  rig_folder_setup, rig_folder_teardown);
}

UNIT_MAIN(journal_suite)
