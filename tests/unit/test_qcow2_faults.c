/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer: every call failing in turn, and the power going out at every point. */
#include <errno.h>
#include "tests/lib/fault.h"
#include "tests/unit/test_qcow2_rig.h"

/* --- every call failing in turn --- */

#define SCRIPT_SIZE	(512 * MIB + 5 * CLUSTER + 512)

/* Short, but it comes by everything: create, all kinds of data, reuse, flush, take up, close. */
static int script(const char *path, struct image **im, int from, int *ret_at, struct err *err)
{
	uint64_t edge = QCOW2_L2_ENTRIES;
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;
	int r = 0;

	for (int at = from; r >= 0; at++) {
		*ret_at = at;
		switch (at) {
		case 0:
			model_new(SCRIPT_SIZE);
			r = MODEL_CALL(
			    qcow2_write_create(AT_FDCWD, path, SCRIPT_SIZE, true, im, err));
			break;
		case 1:
			r = put_raw(&model, *im, edge - 2, 8, 40, err);
			break;
		case 2: case 3: case 4: case 5:
			r = put_packed(&model, *im, (uint64_t)at, 4u * (uint32_t)at + 2, err);
			break;
		case 6: case 10: case 14:
			r = MODEL_CALL((*im)->ops->flush(*im, err));
			if (r >= 0)
				model_flushed(&model);
			break;
		case 7:
			r = put_packed(&model, *im, 3, 202, err);
			break;
		case 8:
			r = put_raw(&model, *im, 4, 1, 204, err);
			break;
		case 9:
			r = put_zero(&model, *im, edge, 2, err);
			break;
		case 11:
			r = put_mixed(&model, *im, 10, 8, 300, 0x56, err);
			break;
		case 12:
			if (*im) {
				image_abandon(TAKE_PTR(*im));
				/* What was not flushed is gone, from the model too. */
				keep = model_keep(&model);
				model_reopened(&model);
			} else {
				keep = model_keep(&model);
			}
			r = MODEL_CALL(
			    qcow2_write_open(AT_FDCWD, path, SCRIPT_SIZE, true, keep, im, err));
			break;
		case 13:
			r = put_packed(&model, *im, 11, 310, err);
			break;
		default:
			return MODEL_CALL((*im)->ops->close(TAKE_PTR(*im), err));
		}
	}
	return r;
}

/* The file as it stands must be good to go on with, whatever failed. */
static void resume_and_check(const char *path)
{
	CLEANUP(bitmap_free) struct bitmap *keep = model_keep(&model);
	struct err err = ERR_INIT;
	struct image *im;

	im = take_up(path, SCRIPT_SIZE, true, keep);
	model_reopened(&model);
	model_verify(&model, path);
	ck_good(put_raw(&model, im, 7, 3, 900, &err), &err);
	ck_good(put_packed(&model, im, 3, 902, &err), &err);
	finish(im, path);
}

static const unsigned int kinds[] = {FAULT_ALLOC, FAULT_WRITE, FAULT_SYNC, FAULT_TRUNCATE,
				     FAULT_READ};

START_TEST(nth_call_fails)
{
	const char *path = tmp_path("nth");
	unsigned int kind = kinds[_i / 2];
	bool for_good = _i % 2;

	for (uint64_t nth = 1;; nth++) {
		struct err err = ERR_INIT;
		struct image *im = NULL;
		int at, r;

		fault_arm(kind, nth, for_good);
		fault_pause(true);
		r = script(path, &im, 0, &at, &err);
		fault_disarm();
		if (!fault_hit()) {
			ck_good(r, &err);
			ck_assert_uint_gt(nth, 1);
			break;
		}
		/*
		 * Reading back is not part of every run, nor does every write fault bite:
		 * trimming.
		 */
		if (r >= 0) {
			check_refcounts(path, BOOKS_EXACT);
			model_verify(&model, path);
			unlink(path);
			continue;
		}
		ck_assert_int_lt(r, 0);
		ck_assert_int_eq(err.code, -r);
		ck_assert_int_ne(err.text[0], 0);
		image_abandon(im);
		if (at == 0)
			ck_assert_int_eq(access(path, F_OK), -1);
		else
			resume_and_check(path);
		unlink(path);
	}
}
END_TEST

/*
 * Short memory and a full disk pass: the same operation again, and all is as if nothing had
 * been.
 */
START_TEST(failed_operation_again)
{
	const char *path = tmp_path("again");
	unsigned int kind =
	    (unsigned int[]){FAULT_ALLOC, FAULT_WRITE, FAULT_READ, FAULT_TRUNCATE}[_i];

	for (uint64_t nth = 1;; nth++) {
		struct err err = ERR_INIT;
		struct image *im = NULL;
		int at, r;

		fault_arm(kind, nth, false);
		fault_pause(true);
		r = script(path, &im, 0, &at, &err);
		fault_disarm();
		if (!fault_hit())
			break;
		/* An image that failed to close is gone. */
		if (r < 0 && (im || at == 0 || at == 12))
			ck_good(script(path, &im, at, &at, &err), &err);
		else if (r < 0)
			resume_and_check(path);
		check_refcounts(path, BOOKS_EXACT);
		model_verify(&model, path);
		unlink(path);
	}
}
END_TEST

/* After a failed sync nothing may be believed again, not even a sync that succeeds. */
START_TEST(failed_sync_is_final)
{
	const char *path = tmp_path("sync");
	struct image *im = create(path, SCRIPT_SIZE, true);
	struct err err = ERR_INIT;

	ck_good(put_raw(&model, im, 0, 2, 8, &err), &err);
	fault_arm(FAULT_SYNC, 1, false);
	ck_assert_int_eq(im->ops->flush(im, &err), -EIO);
	fault_disarm();
	ck_assert_int_eq(im->ops->flush(im, &err), -EIO);
	ck_assert_int_eq(put_raw(&model, im, 4, 1, 8, &err), -EIO);
	ck_assert_int_eq(im->ops->close(im, &err), -EIO);
	resume_and_check(path);
}
END_TEST

/* --- the power goes out --- */

#define CUT_SIZE	(9 * GIB + 512)

struct mark {
	uint64_t point;			/* of the log, when the flush had returned */
	uint32_t number[64];		/* what it had made durable */
};

struct change {
	uint64_t point;			/* when it began */
	uint32_t slot;
};

static uint64_t slot_cluster(uint32_t slot)
{
	/*
	 * Two L2 tables and their border, and sixteen tables that come into being one by one, when
	 * there are freed clusters to put them into. The last slot is the odd end of the disk.
	 */
	if (slot < 24)
		return slot;
	if (slot < 48)
		return QCOW2_L2_ENTRIES - 12 + slot - 24;
	return (uint64_t)(slot - 48 + 3) * QCOW2_L2_ENTRIES;
}

static struct mark marks[64];
static struct change changes[4096];
static size_t nmarks, nchanges;

static void cut_mark(void)
{
	struct mark *k = &marks[nmarks++];

	ck_assert_uint_le(nmarks, ARRAY_SIZE(marks));
	k->point = fault_record_count();
	for (uint32_t s = 0; s < 64; s++)
		k->number[s] = *model_at(&model, slot_cluster(s));
	model_flushed(&model);
}

static void cut_change(uint32_t slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_lt(nchanges, ARRAY_SIZE(changes));
		changes[nchanges++] = (struct change){ fault_record_count(), slot + i };
	}
}

/* Work on the slots, marking every durable point. */
static struct image *cut_work(const char *path, bool compressed, uint64_t seed)
{
	struct image *im = create(path, CUT_SIZE, compressed);
	struct err err = ERR_INIT;
	uint64_t state = seed;

	cut_mark();
	for (int i = 0; i < 60; i++) {
		uint32_t slot = (uint32_t)(rnd(&state) % (i < 20 ? 12 : 64)),
			 n = (uint32_t)(1 + rnd(&state) % 4);
		uint32_t number = (uint32_t)rnd(&state) | 1;
		uint64_t c = slot_cluster(slot);

		switch (rnd(&state) % 9) {
		case 0:
			ck_good(im->ops->flush(im, &err), &err);
			cut_mark();
			break;
		case 1:
			if (rnd(&state) % 2) {
				CLEANUP(bitmap_free) struct bitmap *keep = model_keep(&model);

				image_abandon(im);
				im = take_up(path, CUT_SIZE, compressed, keep);
				model_reopened(&model);
				cut_mark();
			}
			break;
		case 2:
			cut_change(slot, 1);
			ck_good(put_zero(&model, im, c, 1, &err), &err);
			break;
		case 3: case 4:
			n = slot / 24 == (slot + n) / 24 && slot < 48 ? n : 1;
			cut_change(slot, n);
			ck_good(put_raw(&model, im, c, n, number, &err), &err);
			break;
		default:
			cut_change(slot, 1);
			ck_good(put_either(im, compressed, c, number, &err), &err);
		}
	}
	return im;
}

/*
 * What the journal knew at this point: the last flush that had returned, minus what changed
 * since.
 */
static void cut_journal(uint64_t point)
{
	const struct mark *k = &marks[0];

	for (size_t i = 0; i < nmarks && marks[i].point <= point; i++)
		k = &marks[i];
	memset(&snapshot, 0, sizeof(snapshot));
	snapshot.size = CUT_SIZE;
	for (uint32_t s = 0; s < 64; s++)
		model_set(&snapshot, slot_cluster(s), k->number[s]);
	model_flushed(&snapshot);
	for (size_t i = 0; i < nchanges; i++)
		if (changes[i].point >= k->point && changes[i].point <= point)
			model_set(&snapshot, slot_cluster(changes[i].slot), 0);
}

static void cut_check(const char *path, bool compressed, uint64_t point, bool finish_job)
{
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;
	struct err err = ERR_INIT;
	struct image *im;

	cut_journal(point);
	check_refcounts(path, BOOKS_LEAKS);
	keep = model_keep(&snapshot);
	im = take_up(path, CUT_SIZE, compressed, keep);
	model_reopened(&snapshot);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&snapshot, path);
	if (!finish_job) {
		image_abandon(im);
		return;
	}
	for (size_t i = 0; i < model.n; i++) {
		uint64_t c = model.c[i].cluster;
		uint32_t number = model.c[i].number;

		if (*model_at(&snapshot, c) != number)
			ck_good(number ? put_raw(&snapshot, im, c, 1, number, &err)
				       : put_zero(&snapshot, im, c, 1, &err), &err);
	}
	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
}

/* Cut at every point of what work does, with so many random outcomes each. */
static void cut_everywhere(struct image *(*work)(const char *path, bool compressed, uint64_t seed),
			   bool compressed, uint64_t seed, unsigned int outcomes)
{
	const char *path = tmp_path("live"), *crash = tmp_path("crash");
	struct err err = ERR_INIT;
	CLEANUP(fd_close) int live = -1;
	uint64_t state = seed, points;
	struct image *im;

	nmarks = nchanges = 0;
	fault_record_start();
	im = work(path, compressed, seed);
	live = open(path, O_RDONLY | O_CLOEXEC);
	ck_good(im->ops->close(im, &err), &err);
	cut_mark();
	points = fault_record_count();
	for (uint64_t point = marks[0].point; point <= points; point++) {
		for (unsigned int i = 0; i < outcomes; i++) {
			uint64_t how = (point + i) % 4 ? rnd(&state) | 2 : rnd(&state) & 1;
			CLEANUP(fd_close)
			int out = open(crash, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

			ck_assert_int_ge(out, 0);
			fault_record_build(live, point, how, out);
			cut_check(crash, compressed, point, (point + i) % 8 == 0);
		}
	}
	fault_record_stop();
}

START_TEST(power_cut_anywhere)
{
	cut_everywhere(cut_work, _i % 2, 1000 + (uint64_t)_i, 1);
}
END_TEST

/*
 * Every kind of cluster moves into the place of another kind: what a table or an entry points to
 * must be there before it, or the old content shows through.
 */
static struct image *cut_reuse(const char *path, bool compressed, uint64_t seed)
{
	struct image *im = create(path, CUT_SIZE, compressed);
	struct err err = ERR_INIT;

	(void)seed;
	cut_mark();
	cut_change(0, 4);
	ck_good(put_raw(&model, im, slot_cluster(0), 4, 1000, &err), &err);
	cut_change(10, 1);
	ck_good(put_either(im, compressed, slot_cluster(10), 1006, &err), &err);
	flush(im);
	cut_mark();
	cut_change(0, 2);
	ck_good(put_zero(&model, im, slot_cluster(0), 2, &err), &err);
	flush(im);
	cut_mark();
	/* An L2 table and its data in the two free places. */
	cut_change(50, 1);
	ck_good(put_raw(&model, im, slot_cluster(50), 1, 2000, &err), &err);
	flush(im);
	cut_mark();
	/* Packed over raw and raw over packed, and the places swapped. */
	cut_change(2, 2);
	ck_good(put_either(im, compressed, slot_cluster(2), 2002, &err), &err);
	ck_good(put_either(im, compressed, slot_cluster(3), 2006, &err), &err);
	cut_change(10, 1);
	ck_good(put_raw(&model, im, slot_cluster(10), 1, 2008, &err), &err);
	cut_change(5, 2);
	ck_good(put_raw(&model, im, slot_cluster(5), 2, 2012, &err), &err);
	flush(im);
	cut_mark();
	cut_change(51, 1);
	ck_good(put_either(im, compressed, slot_cluster(51), 2010, &err), &err);
	cut_change(7, 3);
	ck_good(put_raw(&model, im, slot_cluster(7), 3, 2020, &err), &err);
	return im;
}

START_TEST(power_cut_reuse)
{
	cut_everywhere(cut_reuse, _i, 2000, 12);
}
END_TEST

static Suite *qcow2_faults_suite(void)
{
	Suite *s = suite_create("qcow2_faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_loop_test(tc, nth_call_fails, 0, 2 * (int)ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, failed_operation_again, 0, 4);
	tcase_add_test(tc, failed_sync_is_final);
	tcase_add_loop_test(tc, power_cut_anywhere, 0, 6);
	tcase_add_loop_test(tc, power_cut_reuse, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_faults_suite)
