/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writer against a model: random work, every call failing in turn, the power going out at
 * every point, and files that were tampered with. What QEMU thinks is asked in test_qcow2_qemu.
 */
#include <errno.h>
#include "tests/lib/fault.h"

/* Only the writer's own calls are to fail, not what the tests do around them. */
#define MODEL_CALL(call) \
	({ \
		fault_pause(false); \
		int call_ = (call); \
		fault_pause(true); \
		call_; \
	})

#include "tests/unit/test_qcow2_model.h"

static struct model model, snapshot;

static void model_new(uint64_t size)
{
	memset(&model, 0, sizeof(model));
	model.size = size;
}

static struct image *create(const char *path, uint64_t size, bool compressed)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_create(AT_FDCWD, path, size, compressed, &im, &err), &err);
	ck_assert_uint_eq(im->size, size);
	ck_assert_uint_eq(im->cluster, CLUSTER);
	model_new(size);
	return im;
}

static struct image *take_up(const char *path, uint64_t size, bool compressed,
			     const struct bitmap *keep)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_open(AT_FDCWD, path, size, compressed, keep, &im, &err), &err);
	return im;
}

static void flush(struct image *im)
{
	struct err err = ERR_INIT;

	ck_good(im->ops->flush(im, &err), &err);
	model_flushed(&model);
}

static void finish(struct image *im, const char *path)
{
	struct err err = ERR_INIT;

	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
}

/* --- random work --- */

static int put_either(struct image *im, bool packed, uint64_t cluster, uint32_t number,
		      struct err *err)
{
	return packed ? put_packed(&model, im, cluster, number, err)
		      : put_raw(&model, im, cluster, 1, number, err);
}

/* Guest clusters worth writing to: the disk's start, L2 table borders, its end. */
static uint64_t pick_cluster(uint64_t *state, uint64_t size)
{
	uint64_t all = DIV_ROUND_UP(size, CLUSTER), tables = DIV_ROUND_UP(all, QCOW2_L2_ENTRIES);
	uint64_t base = rnd(state) % tables * QCOW2_L2_ENTRIES, c;

	switch (rnd(state) % 4) {
	case 0:
		c = base + rnd(state) % 24;
		break;
	case 1:
		c = base + QCOW2_L2_ENTRIES - 12 + rnd(state) % 24;
		break;
	case 2:
		c = all + 11 - rnd(state) % 12;
		break;
	default:
		c = rnd(state) % 24;
	}
	return c % all;
}

static int random_step(struct image *im, uint64_t *state, bool compressed, struct err *err)
{
	uint64_t c = pick_cluster(state, im->size), all = DIV_ROUND_UP(im->size, CLUSTER);
	uint32_t n = (uint32_t)(1 + rnd(state) % 12), number = (uint32_t)rnd(state) | 1;
	int r = 0;

	n = (uint32_t)MIN(n, all - c);

	switch (rnd(state) % 4) {
	case 0:
		return put_raw(&model, im, c, n, number, err);
	case 1:
		return put_zero(&model, im, c, n, err);
	default:
		for (uint32_t i = 0; i < n && r >= 0; i++)
			r = put_either(im, compressed, c + i, number + i, err);
		return r;
	}
}

static const uint64_t sizes[] = {
    512,	   CLUSTER - 512,   CLUSTER,
    CLUSTER + 512, 30 * MIB,	    512 * MIB - 512,
    512 * MIB,	   512 * MIB + 512, GIB + 3 * CLUSTER + 512,
    3 * TIB,
};

static void random_work(uint64_t size, bool compressed, uint64_t seed, unsigned int steps)
{
	const char *path = tmp_path("random");
	struct image *im = create(path, size, compressed);
	struct err err = ERR_INIT;
	uint64_t state = seed;

	for (unsigned int i = 0; i < steps; i++) {
		if (rnd(&state) % 8 == 0) {
			flush(im);
			check_refcounts(path, BOOKS_EXACT);
			model_verify(&model, path);
		}
		if (rnd(&state) % 16 == 0) {
			CLEANUP(bitmap_free) struct bitmap *keep = model_keep(&model);

			image_abandon(im);
			im = take_up(path, size, compressed, keep);
			model_reopened(&model);
			check_refcounts(path, BOOKS_EXACT);
			model_verify(&model, path);
		}
		ck_good(random_step(im, &state, compressed, &err), &err);
	}
	finish(im, path);
	unlink(path);
}

START_TEST(random_matches_model)
{
	uint64_t size = sizes[_i / 2];

	random_work(size, _i % 2, 77 + (uint64_t)_i, size < 10 * MIB ? 60 : 40);
}
END_TEST

/* --- the edges of the operations --- */

START_TEST(create_refuses)
{
	const char *path = tmp_path("new");
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 0, false, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 513, false, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 3072 * TIB, false, &im, &err), -EFBIG);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, "/nowhere/x", 512, false, &im, &err),
			 -ENOENT);
	im = create(path, 512, false);
	image_abandon(im);
	im = NULL;
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 512, false, &im, &err), -EEXIST);
	ck_assert_ptr_null(im);
	check_refcounts(path, BOOKS_EXACT);
}
END_TEST

START_TEST(largest_disk)
{
	const char *path = tmp_path("large");
	struct image *im = create(path, 2048 * TIB, true);
	struct err err = ERR_INIT;

	ck_good(put_packed(&model, im, 2048 * TIB / CLUSTER - 1, 6, &err), &err);
	ck_good(put_raw(&model, im, 0, 3, 8, &err), &err);
	finish(im, path);
}
END_TEST

START_TEST(operations_refuse)
{
	static const uint8_t buf[2 * CLUSTER] = { 1 };
	struct image *im = create(tmp_path("a"), 10 * CLUSTER + 512, false);
	struct err err = ERR_INIT;

	ck_assert_int_eq(im->ops->write(im, buf, 512, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 0, 512, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 10 * CLUSTER, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, UINT64_MAX - CLUSTER + 1, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->zero(im, 10 * CLUSTER, 513, &err), -EINVAL);
	ck_assert_int_eq(im->ops->zero(im, CLUSTER, 1, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 0, 0, &err), 0);
	image_abandon(im);

	im = create(tmp_path("b"), 10 * CLUSTER + 512, true);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 0, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, CLUSTER + 1, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 512, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 11 * CLUSTER, &err), -EINVAL);
	image_abandon(im);
}
END_TEST

static uint64_t file_size(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

/* Overwriting for ever must not grow the file for ever. */
START_TEST(freed_space_is_reused)
{
	const char *path = tmp_path("reuse");
	struct image *im = create(path, 64 * CLUSTER, true);
	struct err err = ERR_INIT;
	uint64_t after = 0;

	for (uint32_t round = 0; round < 60; round++) {
		for (uint32_t c = 0; c < 64; c++)
			ck_good(round % 3 == 2
				    ? put_raw(&model, im, c, 1, round * 64 + c, &err)
				    : put_packed(&model, im, c, (round * 64 + c) * 4 + 2, &err),
				&err);
		flush(im);
		if (round == 6)
			after = file_size(path);
	}
	check_refcounts(path, BOOKS_EXACT);
	ck_assert_uint_le(file_size(path), after);
	ck_assert_uint_le(after, (5 + 1 + 3 * 64) * CLUSTER);
	ck_good(put_zero(&model, im, 0, 64, &err), &err);
	finish(im, path);
	/* Closing gives everything back but the fixed tables and one L2 table. */
	ck_assert_uint_le(file_size(path), 6 * CLUSTER);
}
END_TEST

/* More frames in one host cluster than a 16-bit refcount can count. */
START_TEST(refcount_does_not_overflow)
{
	const char *path = tmp_path("tiny");
	uint64_t frames = 70000;
	struct image *im = create(path, frames * CLUSTER, true);
	struct err err = ERR_INIT;

	for (uint64_t c = 0; c < frames; c++)
		ck_good(im->ops->write_compressed(im, "x", 1, c * CLUSTER, &err), &err);
	ck_good(im->ops->flush(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	ck_good(im->ops->zero(im, 0, frames * CLUSTER, &err), &err);
	finish(im, path);
}
END_TEST

/* A file past 2 GiB needs a second refcount block; the data is holes, so it costs no memory. */
START_TEST(second_refcount_block)
{
	const char *path = tmp_path("big");
	CLEANUP(mem_free) uint8_t *zeroes = calloc(16, MIB);
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;
	struct image *im = create(path, 3 * TIB, true);
	struct err err = ERR_INIT;

	fault_sparse(true);
	for (uint64_t at = 0; at < 4112 * MIB; at += 16 * MIB)
		ck_good(im->ops->write(im, zeroes, at, 16 * MIB, &err), &err);
	ck_good(put_packed(&model, im, TIB / CLUSTER, 2, &err), &err);
	ck_good(put_raw(&model, im, 2 * TIB / CLUSTER, 5, 100, &err), &err);
	flush(im);
	ck_assert_uint_gt(file_size(path), 4 * GIB);
	check_refcounts(path, BOOKS_EXACT);
	image_abandon(im);

	/* Keep what is in the third region only: the refcount blocks before it still stand. */
	ck_assert_int_ge(bitmap_new(3 * TIB, CLUSTER, &keep), 0);
	bitmap_set_range(keep, TIB / 2, 2 * TIB);
	im = take_up(path, 3 * TIB, true, keep);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
	for (uint64_t at = 0; at < 4000 * MIB; at += 16 * MIB)
		ck_good(im->ops->write(im, zeroes, at, 16 * MIB, &err), &err);
	flush(im);
	check_refcounts(path, BOOKS_EXACT);
	ck_good(im->ops->zero(im, 0, 4112 * MIB, &err), &err);
	finish(im, path);
	fault_sparse(false);
}
END_TEST

/* More dirty tables than the cache holds: it has to flush by itself, and to come back to them. */
START_TEST(more_tables_than_cache)
{
	const char *path = tmp_path("wide");
	struct image *im = create(path, 600 * 512 * MIB, true);
	struct err err = ERR_INIT;

	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 600; i++)
			ck_good(put_packed(&model, im, (uint64_t)i * QCOW2_L2_ENTRIES + i % 7,
					   (round * 600 + i) * 4 + 1, &err),
				&err);
	flush(im);
	check_refcounts(path, BOOKS_EXACT);
	finish(im, path);
}
END_TEST

/* A table that rotted on the disk while it was out of the cache is refused, not believed. */
START_TEST(rotten_table)
{
	const char *path = tmp_path("rot");
	struct image *im = create(path, 600 * 512 * MIB, true);
	static uint8_t rot[CLUSTER];
	struct err err = ERR_INIT;
	uint8_t entry[8];
	int fd;

	for (uint32_t i = 0; i < 600; i++)
		ck_good(put_packed(&model, im, (uint64_t)i * QCOW2_L2_ENTRIES, 4 * i + 1, &err),
			&err);
	flush(im);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, entry, 8, 2 * CLUSTER), 8);
	memset(rot, 0xff, sizeof(rot));
	ck_assert_int_eq(pwrite(fd, rot, CLUSTER, (off_t)(get_be64(entry) & QCOW2_OFFSET_MASK)),
			 CLUSTER);
	fd_close(fd);
	ck_assert_int_eq(put_packed(&model, im, 1, 5, &err), -EBADMSG);
	ck_assert_int_eq(put_zero(&model, im, 0, 3, &err), -EBADMSG);
	ck_good(put_packed(&model, im, 599ull * QCOW2_L2_ENTRIES, 9, &err), &err);
	image_abandon(im);
}
END_TEST

/* --- every call failing in turn --- */

#define SCRIPT_SIZE	(512 * MIB + 5 * CLUSTER + 512)

/* Short, but it comes by everything: create, both kinds of data, reuse, flush, take up, close. */
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
			r = put_raw(&model, *im, 10, 3, 300, err);
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

/* --- files that were tampered with --- */

#define HOSTILE_SIZE	(600 * MIB)

static uint8_t *base;
static size_t base_len;

/* Two L2 tables with raw and packed clusters. Fixed: cluster 0 to 3; L2: 4. */
static void hostile_base(void)
{
	const char *path = tmp_path("base");
	struct image *im = create(path, HOSTILE_SIZE, true);
	struct err err = ERR_INIT;
	int fd;

	ck_good(put_raw(&model, im, 0, 2, 4, &err), &err);
	for (uint32_t i = 0; i < 4; i++)
		ck_good(put_packed(&model, im, 5 + i, 3 + i * 4, &err), &err);
	ck_good(put_raw(&model, im, QCOW2_L2_ENTRIES, 1, 8, &err), &err);
	finish(im, path);
	base_len = file_size(path);
	base = malloc(base_len);
	ck_assert_ptr_nonnull(base);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, base, base_len), (ssize_t)base_len);
	fd_close(fd);
}

static void hostile_done(void)
{
	free(base);
	base = NULL;
}

static void spill(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	fd_close(fd);
}

static void same_file(const char *path, const uint8_t *data, size_t len)
{
	CLEANUP(mem_free) uint8_t *now = malloc(len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_uint_eq(file_size(path), len);
	ck_assert_int_eq(read(fd, now, len), (ssize_t)len);
	ck_assert_mem_eq(now, data, len);
	fd_close(fd);
}

/* Read all there is; whatever the reader says, it must say it. */
static void read_through(const char *path)
{
	static uint8_t buf[CLUSTER];
	static const uint64_t where[] = {
	    0, 1, 2, 5, 6, 7, 8, QCOW2_L2_ENTRIES - 1, QCOW2_L2_ENTRIES};
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	struct err err = ERR_INIT;

	if (qcow2_read_open(AT_FDCWD, path, &r, &err) < 0) {
		ck_assert_int_ne(err.text[0], 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		uint64_t at = where[i] * CLUSTER;

		err_reset(&err);
		if (range_inside(at, CLUSTER, qcow2_read_size(r)) &&
		    qcow2_read(r, buf, at, CLUSTER, &err) < 0)
			ck_assert_int_ne(err.text[0], 0);
	}
	qcow2_read_is_zero(r, 0, MIN(qcow2_read_size(r), 64 * GIB));
}

/* Either refused, and then untouched, or consistent and good to work with. */
static int hostile_try(const uint8_t *data, size_t len, const struct bitmap *keep)
{
	const char *path = tmp_path("hostile");
	struct err err = ERR_INIT;
	struct image *im = NULL;
	int r;

	spill(path, data, len);
	read_through(path);
	r = qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, true, keep, &im, &err);
	if (r < 0) {
		ck_assert_msg(r == -EBADMSG || r == -EINVAL, "%d %s", r, err.text);
		same_file(path, data, len);
		return r;
	}
	check_refcounts(path, BOOKS_EXACT);
	ck_good(put_packed(&model, im, 6, 14, &err), &err);
	ck_good(put_raw(&model, im, 1, 5, 16, &err), &err);
	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	read_through(path);
	return 0;
}

static struct bitmap *keep_all(void)
{
	struct bitmap *keep;

	ck_assert_int_ge(bitmap_new(HOSTILE_SIZE, CLUSTER, &keep), 0);
	bitmap_set_all(keep);
	return keep;
}

START_TEST(header_fields_mutated)
{
	static const uint8_t change[] = { 0x01, 0x80, 0xff, 0x10 };
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	for (size_t at = 0; at < QCOW2_LAYOUT_HEADER; at++) {
		for (size_t k = 0; k < ARRAY_SIZE(change); k++) {
			bool only_dirty =
			    at == QCOW2_H_INCOMPATIBLE + 7 && change[k] == QCOW2_INCOMPAT_DIRTY;

			base[at] ^= change[k];
			ck_assert_msg((hostile_try(base, base_len, keep) == 0) == only_dirty,
				      "header byte %zu ^ %#x", at, change[k]);
			base[at] ^= change[k];
		}
	}
}
END_TEST

static size_t l1_at(void)
{
	return get_be64(base + QCOW2_H_L1_OFFSET);
}

static size_t l2_at(unsigned int i)
{
	return get_be64(base + l1_at() + i * 8) & QCOW2_OFFSET_MASK;
}

START_TEST(tables_point_wrong)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	size_t l2 = l2_at(0), other = l2_at(1);
	uint64_t raw0 = get_be64(base + l2), raw1 = get_be64(base + l2 + 8), past = base_len;
	uint64_t packed_in =
	    qcow2_layout_decode(get_be64(base + l2 + 5 * 8), 16).host / CLUSTER * CLUSTER;
	const struct {
		size_t at;
		uint64_t entry;
	} bad[] = {
		/*
		 * L1: header, tables, itself, refcounts, twice the same, data, outside, not
		 * aligned, flags
		 */
		{ l1_at(), QCOW2_COPIED | 0 },
		{ l1_at(), QCOW2_COPIED | CLUSTER },
		{ l1_at(), QCOW2_COPIED | l1_at() },
		{ l1_at(), QCOW2_COPIED | (l1_at() + CLUSTER) },
		{ l1_at(), QCOW2_COPIED | other },
		{ l1_at(), raw0 },
		{ l1_at(), QCOW2_COPIED | past },
		{ l1_at(), QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(uint64_t)(CLUSTER - 1)) },
		{ l1_at(), QCOW2_COPIED | (l2 + 512) },
		{ l1_at(), l2 },
		{ l1_at(), QCOW2_COPIED | l2 | 1 },
		{ l1_at(), QCOW2_COMPRESSED | l2 },
		/* L2: the same places for a raw cluster */
		{ l2, QCOW2_COPIED },
		{ l2, QCOW2_COPIED | CLUSTER },
		{ l2, QCOW2_COPIED | l1_at() },
		{ l2, QCOW2_COPIED | l2 },
		{ l2, QCOW2_COPIED | other },
		{ l2, raw1 },
		{ l2, QCOW2_COPIED | past },
		{ l2, QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(uint64_t)(CLUSTER - 1)) },
		{ l2, raw0 & ~QCOW2_COPIED },
		{ l2, raw0 | 512 },
		{ l2, raw0 | QCOW2_L2_ZERO },
		{ l2, QCOW2_L2_ZERO },
		{ l2, raw0 | UINT64_C(1) << 60 },
		{ l2, UINT64_MAX },
		/* packed data over the header, tables and raw data, and past the end */
		{ l2, qcow2_layout_packed(0, 100) },
		{ l2, qcow2_layout_packed(l2 + 100, 100) },
		{ l2, qcow2_layout_packed(l1_at() + 5, 100) },
		{ l2, qcow2_layout_packed((raw1 & QCOW2_OFFSET_MASK) + 4000, 100) },
		{ l2, qcow2_layout_packed(base_len - 100, 1000) },
		{ l2, QCOW2_COMPRESSED | ((UINT64_C(1) << 54) - 1) },
		{ l2, QCOW2_COPIED | qcow2_layout_packed(base_len - 100, 100) },
		/* raw over packed */
		{ l2, QCOW2_COPIED | packed_in },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t was = get_be64(base + bad[i].at);

		put_be64(base + bad[i].at, bad[i].entry);
		ck_assert_msg(hostile_try(base, base_len, keep) == -EBADMSG, "case %zu", i);
		put_be64(base + bad[i].at, was);
	}
}
END_TEST

/* Damage where nothing is to be kept is cleared away, not refused. */
START_TEST(damage_outside_keep)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	bitmap_clear_range(keep, 0, 4 * CLUSTER);
	put_be64(base + l2_at(0), UINT64_MAX);
	put_be64(base + l2_at(0) + 8, QCOW2_COPIED | l1_at());
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	put_be64(base + l1_at(), UINT64_MAX);
	ck_assert_int_eq(hostile_try(base, base_len, keep), -EBADMSG);
	bitmap_clear_range(keep, 0, 512 * MIB);
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	bitmap_clear_all(keep);
	put_be64(base + l1_at() + 8, UINT64_MAX);
	/* Refcounts are never believed. */
	memset(base + get_be64(base + QCOW2_H_REFTABLE_OFFSET), 0xff, CLUSTER);
	memset(base + l1_at() + CLUSTER, 0xff, CLUSTER);
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
}
END_TEST

START_TEST(cut_short)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	for (size_t len = 0; len < base_len; len += len < 256 ? 1 : 8191)
		ck_assert_int_lt(hostile_try(base, len, keep), 0);
}
END_TEST

START_TEST(random_flips)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	CLEANUP(mem_free) uint8_t *copy = malloc(base_len);
	uint64_t state = 4711;

	ck_assert_ptr_nonnull(copy);
	if (_i % 2)
		bitmap_clear_range(keep, 5 * CLUSTER, 2 * CLUSTER);
	for (int round = 0; round < 300; round++) {
		memcpy(copy, base, base_len);
		for (uint64_t n = 1 + rnd(&state) % 4; n > 0; n--) {
			/* The interesting entries far more often than chance would have it. */
			size_t spots[] = { l1_at() + rnd(&state) % 24, l2_at(0) + rnd(&state) % 80,
					   l2_at(1) + rnd(&state) % 16, rnd(&state) % base_len };

			copy[spots[rnd(&state) % 4]] ^= (uint8_t)(1u << rnd(&state) % 8);
		}
		hostile_try(copy, base_len, keep);
	}
}
END_TEST

START_TEST(open_refuses)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	CLEANUP(bitmap_free) struct bitmap *small = NULL;
	const char *path = tmp_path("hostile"), *link = tmp_path("link");
	struct err err = ERR_INIT;
	struct image *im = NULL;

	spill(path, base, base_len);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, false, keep, &im, &err),
			 -EINVAL);
	ck_assert_int_ge(bitmap_new(HOSTILE_SIZE - 512, CLUSTER, &small), 0);
	ck_assert_int_eq(
	    qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE - 512, true, small, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, true, small, &im, &err),
			 -EINVAL);
	ck_assert_int_eq(
	    qcow2_write_open(AT_FDCWD, "/nowhere/x", HOSTILE_SIZE, true, keep, &im, &err), -ENOENT);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, link, HOSTILE_SIZE, true, keep, &im, &err),
			 -ELOOP);
	unlink(link);
	ck_assert_int_eq(mkfifo(link, 0600), 0);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, link, HOSTILE_SIZE, true, keep, &im, &err),
			 -EBADMSG);
	ck_assert_ptr_null(im);
	same_file(path, base, base_len);
}
END_TEST

static Suite *qcow2_write_suite(void)
{
	Suite *s = suite_create("qcow2_write");
	TCase *tc = tcase_create("work");

	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_loop_test(tc, random_matches_model, 0, 2 * (int)ARRAY_SIZE(sizes));
	tcase_add_test(tc, create_refuses);
	tcase_add_test(tc, largest_disk);
	tcase_add_test(tc, operations_refuse);
	tcase_add_test(tc, freed_space_is_reused);
	tcase_add_test(tc, refcount_does_not_overflow);
	tcase_add_test(tc, second_refcount_block);
	tcase_add_test(tc, more_tables_than_cache);
	tcase_add_test(tc, rotten_table);
	suite_add_tcase(s, tc);

	tc = tcase_create("faults");
	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_loop_test(tc, nth_call_fails, 0, 2 * (int)ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, failed_operation_again, 0, 4);
	tcase_add_test(tc, failed_sync_is_final);
	tcase_add_loop_test(tc, power_cut_anywhere, 0, 6);
	tcase_add_loop_test(tc, power_cut_reuse, 0, 2);
	suite_add_tcase(s, tc);

	tc = tcase_create("hostile");
	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_checked_fixture(tc, hostile_base, hostile_done);
	tcase_add_test(tc, header_fields_mutated);
	tcase_add_test(tc, tables_point_wrong);
	tcase_add_test(tc, damage_outside_keep);
	tcase_add_test(tc, cut_short);
	tcase_add_loop_test(tc, random_flips, 0, 2);
	tcase_add_test(tc, open_refuses);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_write_suite)
