/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that is written; one whose disks go on changing meanwhile is test_server_live's. */
#include "tests/lib/fault.h"
#include "tests/unit/test_server_target.h"

START_TEST(whole_copy)
{
	for (int compressed = 0; compressed < 2; compressed++) {
		create(compressed);
		finish();
		abandon();
		rig_teardown();
		rig_setup();
	}
}
END_TEST

START_TEST(acknowledged_is_not_durable)
{
	create(false);
	MUST(give(0, 0, &e));
	MUST(give(2, 1, &e));
	MUST(give(1, 0, &e));
	MUST(until(3, false, &e));
	ck_assert_uint_eq(rig.acked, 3);
	ck_assert_uint_eq(rig.durable, 0);
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
	ck_assert_int_eq(rig_size("box/journal"), 64);
	abandon();
	reopen();
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
	finish();
}
END_TEST

START_TEST(flush_covers_what_came_before_it)
{
	create(true);
	MUST(give(0, 0, &e));
	MUST(give(1, 1, &e));
	MUST(flush(&e));
	MUST(give(2, 0, &e));
	MUST(until(3, true, &e));
	MUST(until(4, false, &e));
	ck_assert_uint_eq(rig.durable, 3);
	ck_assert_int_ne(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
	ck_assert_int_eq(target_journal(rig.target)->disks[2].state[0], CHUNK_ABSENT);
	abandon();
	check_claims();
	reopen();
	finish();
}
END_TEST

/* The protocol lets an agent have 16 of them unanswered. */
START_TEST(many_flushes_at_once)
{
	create(false);
	for (uint64_t c = 0; c < 5; c++) {
		MUST(give(2, c, &e));
		MUST(flush(&e));
		MUST(flush(&e));
		MUST(poll_target(&e));
	}
	MUST(until(rig.id, true, &e));
	ck_assert_uint_eq(rig.durable, rig.id);
	for (uint64_t c = 0; c < 5; c++)
		ck_assert_int_ne(target_journal(rig.target)->disks[2].state[c], CHUNK_ABSENT);
	finish();
}
END_TEST

/* An agent that never sends a FLUSH must not make us hold a record for each message for ever. */
START_TEST(never_a_flush)
{
	create(false);
	for (unsigned int i = 0; i < 65536 + 2; i++) {
		struct msg_zero z = { .disk = 0,
				      .reason = PROTO_ZERO_ZERO,
				      .length = rig_chunk_length(&rig.disk[0], 0),
				      .id = ++rig.id };

		MUST(target_zero(rig.target, &z, &e));
	}
	MUST(until(65537, true, &e));
	MUST(target_save(rig.target, &e));
	MUST(poll_target(&e));
	ck_assert_uint_eq(rig.durable, rig.id);
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[0], CHUNK_ZERO);
}
END_TEST

START_TEST(save_makes_all_durable)
{
	static const struct msg_bad bad = { .disk = 0, .offset = CHUNK, .length = 512 };
	struct msg_bad b = bad;

	/* With nothing given, with a flush on its way, without one. */
	for (int flushes = 0; flushes < 3; flushes++) {
		create(flushes == 1);
		MUST(target_save(rig.target, &e));
		MUST(give(0, 0, &e));
		for (int i = 0; i < flushes; i++)
			MUST(flush(&e));
		b.id = ++rig.id;
		MUST(target_bad(rig.target, &b, &e));
		MUST(give(0, 1, &e));
		MUST(give(1, 1, &e));
		MUST(target_save(rig.target, &e));
		MUST(target_save(rig.target, &e));
		abandon();
		check_claims();
		reopen();
		ck_assert_int_ne(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
		ck_assert_int_ne(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
		ck_assert_int_ne(target_journal(rig.target)->disks[1].state[1], CHUNK_ABSENT);
		ck_assert_uint_eq(journal_bad_bytes(target_journal(rig.target)), 512);
		finish();
		abandon();
		rig_teardown();
		rig_setup();
	}
}
END_TEST

/* A chunk that was durable is sent again, and a flush comes between its BAD and its data. */
START_TEST(bad_outlives_the_revocation)
{
	struct msg_bad b = { .disk = 0, .offset = CHUNK + 512, .length = 512 };

	create(false);
	MUST(give(0, 0, &e));
	MUST(give(0, 1, &e));
	MUST(target_save(rig.target, &e));
	b.id = ++rig.id;
	MUST(target_bad(rig.target, &b, &e));
	MUST(target_save(rig.target, &e));
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
	MUST(give(0, 1, &e));
	MUST(target_save(rig.target, &e));
	abandon();
	reopen();
	ck_assert_uint_eq(journal_bad_bytes(target_journal(rig.target)), 512);
	ck_assert_int_ne(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
	ck_assert_int_ne(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
	/* Sent once more, and readable now. */
	MUST(give(0, 1, &e));
	MUST(target_save(rig.target, &e));
	ck_assert_uint_eq(journal_bad_bytes(target_journal(rig.target)), 0);
	abandon();
}
END_TEST

START_TEST(overwritten_chunk_is_revoked_first)
{
	create(false);
	MUST(give(2, 1, &e));
	MUST(give(2, 2, &e));
	MUST(flush_now(&e));
	memset(rig.disk[2].bytes + CHUNK, 'N', CHUNK);
	MUST(give(2, 1, &e));
	/* At once, not only when the image has it. */
	ck_assert_int_eq(target_journal(rig.target)->disks[2].state[1], CHUNK_ABSENT);
	abandon();
	check_claims();
	reopen();
	ck_assert_int_eq(target_journal(rig.target)->disks[2].state[1], CHUNK_ABSENT);
	ck_assert_int_ne(target_journal(rig.target)->disks[2].state[2], CHUNK_ABSENT);
	finish();
}
END_TEST

static void give_free(uint16_t disk, uint64_t offset, uint64_t length)
{
	struct msg_zero z = { .disk = disk,
			      .reason = PROTO_ZERO_FREE,
			      .offset = offset,
			      .length = length,
			      .id = ++rig.id };

	MUST(target_zero(rig.target, &z, &e));
}

/* The second version is given while the flush of the first is on its way. */
START_TEST(overwritten_before_it_is_journalled)
{
	for (uint64_t round = 0; round < 8; round++) {
		create(round % 2);
		give_free(2, 0, sizes[2]);
		MUST(give(0, 1, &e));
		MUST(flush(&e));
		if (round & 2)
			MUST(until(2, false, &e));
		memset(rig.disk[0].bytes + CHUNK, 'a' + (int)round, CHUNK);
		MUST(give(0, 1, &e));
		MUST(give(2, 3, &e));
		MUST(give(2, 5, &e));
		MUST(until(3, true, &e));
		/*
		 * The journal may have either nothing or the newer one, and all else of the free
		 * range.
		 */
		ck_assert_int_eq(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
		ck_assert_int_eq(target_journal(rig.target)->disks[2].state[3], CHUNK_ABSENT);
		ck_assert_int_eq(target_journal(rig.target)->disks[2].state[5], CHUNK_ABSENT);
		ck_assert_int_eq(target_journal(rig.target)->disks[2].state[4], CHUNK_FREE);
		ck_assert_int_eq(target_journal(rig.target)->disks[2].state[2], CHUNK_FREE);
		if (round & 4) {
			MUST(flush_now(&e));
			ck_assert_int_eq(target_journal(rig.target)->disks[0].state[1], CHUNK_DATA);
		}
		abandon();
		reopen();
		for (uint64_t c = 0; c < 6; c++)
			MUST(give(2, c, &e));
		finish();
		abandon();
		rig_teardown();
		rig_setup();
	}
}
END_TEST

START_TEST(last_of_several_counts)
{
	create(true);
	for (int i = 0; i < 3; i++) {
		memset(rig.disk[1].bytes, '0' + i, CHUNK);
		give_free(1, 0, 2 * CHUNK);
		MUST(give(1, 0, &e));
	}
	MUST(flush_now(&e));
	ck_assert_int_eq(target_journal(rig.target)->disks[1].state[0], CHUNK_DATA);
	ck_assert_int_eq(target_journal(rig.target)->disks[1].state[1], CHUNK_FREE);
	/* One record for each chunk. */
	ck_assert_int_eq(rig_size("box/journal"), 64 * 3);
	MUST(give(1, 1, &e));
	finish();
}
END_TEST

/* Data that does not match its digest reaches no image, and nothing behind it does either. */
START_TEST(wrong_digest)
{
	struct msg_data m;
	struct err why = ERR_INIT;

	create(false);
	MUST(give(0, 0, &e));
	MUST(flush_now(&e));
	ck_assert_int_eq(rig_encode(rig.codec, &rig.disk[0], 0, CHUNK, rig.scratch, &m), 0);
	m.sha256[5] ^= 1;
	m.id = ++rig.id;
	MUST(target_data(rig.target, &m, &e));
	(void)give(0, 2, &why);
	(void)flush(&why);
	ck_assert_int_eq(until(rig.id, true, &why), -EILSEQ);
	ck_assert_uint_gt(strlen(why.text), 0);
	ck_assert_int_eq(target_save(rig.target, &why), -EILSEQ);
	ck_assert_int_eq(give(0, 2, &why), -EILSEQ);
	ck_assert_int_eq(flush(&why), -EILSEQ);
	abandon();
	check_claims();
	reopen();
	ck_assert_int_ne(target_journal(rig.target)->disks[0].state[0], CHUNK_ABSENT);
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[2], CHUNK_ABSENT);
	finish();
}
END_TEST

/*
 * A failure in one image while another one still flushes: saving must end, not wait for the first.
 */
START_TEST(failure_does_not_hang_the_save)
{
	struct msg_data m;
	struct err why = ERR_INIT;

	for (int i = 0; i < 10; i++) {
		create(false);
		ck_assert_int_eq(rig_encode(rig.codec, &rig.disk[0], 0, 0, rig.scratch, &m), 0);
		m.sha256[5] ^= 1;
		m.id = ++rig.id;
		MUST(target_data(rig.target, &m, &e));
		for (uint64_t c = 0; c < 5; c++)
			MUST(give(2, c, &e));
		(void)flush(&why);
		ck_assert_int_lt(until(rig.id, true, &why), 0);
		ck_assert_int_eq(target_save(rig.target, &why), -EILSEQ);
		abandon();
		rig_teardown();
		rig_setup();
	}
}
END_TEST

START_TEST(random_walks)
{
	uint64_t rng = 4711;

	for (int run = 0; run < 30; run++) {
		create(run % 2);
		for (int step = 0; step < 40; step++) {
			uint16_t disk = (uint16_t)(rig_random(&rng) % DISKS);
			uint64_t chunk = rig_random(&rng) % DIV_ROUND_UP(sizes[disk], CHUNK);

			switch (rig_random(&rng) % 12) {
			case 0:
				MUST(flush(&e));
				break;
			case 1:
				MUST(flush_now(&e));
				break;
			case 2:
				MUST(target_save(rig.target, &e));
				abandon();
				check_claims();
				reopen();
				break;
			case 3:
				abandon();
				check_claims();
				reopen();
				break;
			case 4:
				rig_fill(&rig.disk[disk], chunk * CHUNK,
					 rig_chunk_length(&rig.disk[disk], chunk * CHUNK), &rng);
				MUST(give(disk, chunk, &e));
				break;
			case 5:
				MUST(poll_target(&e));
				break;
			default:
				MUST(give(disk, chunk, &e));
			}
		}
		finish();
		abandon();
		rig_teardown();
		rig_setup();
	}
}
END_TEST

START_TEST(more_disks_than_a_poll_takes)
{
	uint64_t many[40];

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = CHUNK;
	rig.job = rig_job("box", many, ARRAY_SIZE(many), false);
	MUST(begin(&e));
	for (uint16_t i = 0; i < ARRAY_SIZE(many); i++)
		give_free(i, 0, CHUNK);
	MUST(flush_now(&e));
	ck_assert(journal_complete(target_journal(rig.target)));
	MUST(target_close(TAKE_PTR(rig.target), &e));
}
END_TEST

/* Images got their names, then the machine died before job.json said so. */
START_TEST(renamed_but_not_recorded)
{
	char name[64], final[64];

	create(false);
	finish();
	for (size_t i = 0; i < DISKS; i += 2) {
		image_name(i, name);
		snprintf(final, sizeof(final), "%.*s", (int)(strlen(name) - strlen(".partial")),
			 name);
		ck_assert_int_eq(fchmodat(rig.job->dirfd, name, 0400, 0), 0);
		ck_assert_int_eq(renameat(rig.job->dirfd, name, rig.job->dirfd, final), 0);
	}
	abandon();
	reopen();
	ck_assert(journal_complete(target_journal(rig.target)));
	finish();
}
END_TEST

START_TEST(image_that_is_gone)
{
	struct err why = ERR_INIT;
	char name[64];

	create(false);
	MUST(give(0, 0, &e));
	MUST(flush_now(&e));
	image_name(0, name);
	ck_assert_int_eq(unlinkat(rig.job->dirfd, name, 0), 0);
	abandon();
	MUST(job_open(rig_store, "box", JOB_LOCK_TAKE_OVER, &rig.job, &e));
	ck_assert_int_lt(begin(&why), 0);
	ck_assert_ptr_nonnull(strstr(why.text, name));
	/* A link in its place is not followed. */
	ck_assert_int_eq(symlinkat("/etc/passwd", rig.job->dirfd, name), 0);
	ck_assert_int_lt(begin(&why), 0);
}
END_TEST

/* The work of a seed: chunks in any order, some twice, flushes at the same places. */
static void work(uint64_t rng)
{
	for (int i = 0; i < 60; i++) {
		uint16_t disk = (uint16_t)(rig_random(&rng) % DISKS);

		if (rig_random(&rng) % 8 == 0)
			MUST(flush_now(&e));
		MUST(give(disk, rig_random(&rng) % DIV_ROUND_UP(sizes[disk], CHUNK), &e));
	}
}

START_TEST(same_file_for_any_threads)
{
	static const unsigned int counts[] = { 0, 1, 2, 7 };

	for (int compressed = 0; compressed < 2; compressed++) {
		char *first[DISKS] = { 0 };
		size_t first_len[DISKS];

		for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
			rig.threads = counts[k];
			create(compressed);
			work(99);
			finish();
			for (size_t i = 0; i < DISKS; i++) {
				char name[64], *file = NULL;
				size_t len;

				image_name(i, name);
				MUST(fdio_read_file_at(rig.job->dirfd, name, 64 << 20, &file, &len,
						       &e));
				if (k > 0) {
					ck_assert_uint_eq(len, first_len[i]);
					ck_assert(memcmp(file, first[i], len) == 0);
					free(file);
				} else {
					first[i] = file;
					first_len[i] = len;
				}
			}
			abandon();
			rig_teardown();
			rig_setup();
		}
		for (size_t i = 0; i < DISKS; i++)
			free(first[i]);
	}
}
END_TEST

#ifndef __SANITIZE_THREAD__

/* One attempt at the whole copy, in which the nth call of a kind fails. */
static int attempt(struct err *err)
{
	int r = begin(err);

	if (r < 0)
		return r;
	for (uint16_t i = 0; r >= 0 && i < DISKS; i++) {
		for (uint64_t c = 0; r >= 0 && c * CHUNK < sizes[i]; c++) {
			r = target_journal(rig.target)->disks[i].state[c] == CHUNK_ABSENT
				    ? give(i, c, err)
				    : 0;
			if (r >= 0 && c % 2 == 1)
				r = flush_now(err);
		}
	}
	return r < 0 ? r : flush_now(err);
}

static void fail_each(unsigned int ops, bool for_good, bool save)
{
	/* All take a minute: P2V_EXHAUSTIVE=1. Else ever wider apart, the first ones all. */
	const uint64_t skip = getenv("P2V_EXHAUSTIVE") ? 0 : 1;

	for (uint64_t nth = 1;; nth += 1 + skip * nth / 4) {
		struct err e = ERR_INIT;
		unsigned int hit;
		int r;

		rig.job = rig_job("box", sizes, DISKS, nth % 2);
		fault_arm(ops, nth, for_good);
		r = attempt(&e);
		if (r < 0 && save && rig.target)
			(void)target_save(rig.target, NULL);
		hit = fault_hit();
		fault_disarm();
		if (r < 0)
			ck_assert_msg(strlen(e.text) > 0, "no words for failure %" PRIu64, nth);
		ck_assert_msg(r >= 0 || hit, "it failed by itself: %s", e.text);
		abandon();
		check_claims();
		reopen();
		finish();
		abandon();
		rig_teardown();
		rig_setup();
		if (!hit)
			return;
		ck_assert_uint_lt(nth, 5000);
	}
}

START_TEST(target_full)
{
	fail_each(FAULT_WRITE | FAULT_TRUNCATE, true, true);
}
END_TEST

START_TEST(one_write_fails)
{
	fail_each(FAULT_WRITE | FAULT_TRUNCATE, false, true);
}
END_TEST

START_TEST(one_sync_fails)
{
	fail_each(FAULT_SYNC, false, true);
}
END_TEST

START_TEST(syncs_fail_then_killed)
{
	fail_each(FAULT_SYNC, true, false);
}
END_TEST

START_TEST(one_read_fails)
{
	fail_each(FAULT_READ, false, true);
}
END_TEST

#endif

static Suite *target_suite(void)
{
	const TTest *const tests[] = {
		whole_copy,
		acknowledged_is_not_durable,
		flush_covers_what_came_before_it,
		many_flushes_at_once,
		never_a_flush,
		save_makes_all_durable,
		bad_outlives_the_revocation,
		overwritten_chunk_is_revoked_first,
		overwritten_before_it_is_journalled,
		last_of_several_counts,
		wrong_digest,
		failure_does_not_hang_the_save,
		random_walks,
		more_disks_than_a_poll_takes,
		renamed_but_not_recorded,
		image_that_is_gone,
		same_file_for_any_threads,
#ifndef __SANITIZE_THREAD__ /* the counters of fault.h are for one thread; here two use them */
		target_full,
		one_write_fails,
		one_sync_fails,
		syncs_fail_then_killed,
		one_read_fails,
#endif
	};

	Suite *s = rig_suite("target", tests, ARRAY_SIZE(tests), setup_serial, teardown);

	rig_suite_add(s, tests, ARRAY_SIZE(tests), setup_parallel, teardown);
	return s;
}

UNIT_MAIN(target_suite)
