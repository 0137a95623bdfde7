/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading and patching an image that is being written, against a model of its bytes: sixteen
 * clusters at the beginning of the disk, and sixteen around the border of its last L2 table, the
 * last of which is short.
 */
#include <errno.h>
#include "tests/lib/fault.h"
#include "tests/unit/test_qcow2_rig.h"

#define BLOCK		IMAGE_BLOCK
#define SIZE		(512 * MIB + 7 * CLUSTER + 5 * BLOCK + 512)
#define ALL		DIV_ROUND_UP(SIZE, CLUSTER)
#define AREA		16u
#define SLOTS		(2 * AREA)

static uint8_t bytes[SLOTS][CLUSTER] __attribute__((aligned(4096)));
static bool changed[SLOTS];			/* since the last flush */
static bool compressed;

static uint64_t cluster_of(uint32_t slot)
{
	return slot < AREA ? slot : ALL - SLOTS + slot;
}

static uint64_t offset_of(uint32_t slot)
{
	return cluster_of(slot) * CLUSTER;
}

static uint64_t slot_bytes(uint32_t slot)
{
	return cluster_bytes(SIZE, cluster_of(slot));
}

/* Of n clusters from slot on, all of one area. */
static uint64_t run_bytes(uint32_t slot, uint32_t n)
{
	return offset_of(slot + n - 1) + slot_bytes(slot + n - 1) - offset_of(slot);
}

static struct image *new_image(const char *path)
{
	memset(bytes, 0, sizeof(bytes));
	memset(changed, 0, sizeof(changed));
	return create(path, SIZE, compressed);
}

static struct image *again(const char *path)
{
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;

	ck_assert_int_ge(bitmap_new(SIZE, CLUSTER, &keep), 0);
	bitmap_set_all(keep);
	for (uint32_t s = 0; s < SLOTS; s++)
		if (changed[s]) {
			bitmap_clear_range(keep, offset_of(s), slot_bytes(s));
			memset(bytes[s], 0, CLUSTER);
			changed[s] = false;
		}
	return take_up(path, SIZE, compressed, keep);
}

static void touch(uint32_t slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		changed[slot + i] = true;
}

/* ---- operations; the model first, as a journal does */

static int do_write(struct image *im, uint32_t slot, uint32_t n, uint32_t number, struct err *err)
{
	for (uint32_t i = 0; i < n; i++) {
		fill_cluster(bytes[slot + i], number + i);
		memset(bytes[slot + i] + slot_bytes(slot + i), 0, CLUSTER - slot_bytes(slot + i));
	}
	touch(slot, n);
	return MODEL_CALL(im->ops->write(im, bytes[slot], offset_of(slot), run_bytes(slot, n),
					 err));
}

static int do_packed(struct image *im, uint32_t slot, uint32_t number, struct err *err)
{
	static uint8_t frame[CLUSTER + 1024];
	uint32_t len = pack_cluster(frame, sizeof(frame), number);

	if (!compressed || len == 0 || slot_bytes(slot) < CLUSTER)
		return do_write(im, slot, 1, number, err);
	fill_cluster(bytes[slot], number);
	touch(slot, 1);
	return MODEL_CALL(im->ops->write_compressed(im, frame, len, offset_of(slot), err));
}

static int do_zero(struct image *im, uint32_t slot, uint32_t n, struct err *err)
{
	memset(bytes[slot], 0, n * CLUSTER);
	touch(slot, n);
	return MODEL_CALL(im->ops->zero(im, offset_of(slot), run_bytes(slot, n), err));
}

/* n bytes from at on, counted from the slot's beginning; skew: how far from aligned memory. */
static int do_patch(struct image *im, uint32_t slot, uint64_t at, uint64_t n, uint32_t number,
		    size_t skew, struct err *err)
{
	static uint8_t buf[AREA * CLUSTER + 16] __attribute__((aligned(4096)));
	uint64_t state = number;

	for (uint64_t i = 0; i < n; i++)
		buf[skew + i] = number % 3 == 0 ? 0 : (uint8_t)(rnd(&state) >> 17);
	memcpy(bytes[slot] + at, buf + skew, n);
	touch(slot + (uint32_t)(at / CLUSTER),
	      (uint32_t)((at + n - 1) / CLUSTER - at / CLUSTER + 1));
	return MODEL_CALL(im->ops->patch(im, buf + skew, offset_of(slot) + at, n, err));
}

static int do_read(struct image *im, uint32_t slot, uint32_t n, size_t skew, struct err *err)
{
	static uint8_t buf[AREA * CLUSTER + 16] __attribute__((aligned(4096)));
	uint64_t len = run_bytes(slot, n);
	int r;

	memset(buf, 0xa5, sizeof(buf));
	r = MODEL_CALL(im->ops->read(im, buf + skew, offset_of(slot), len, err));
	if (r < 0)
		return r;
	ck_assert_msg(memcmp(buf + skew, bytes[slot], len) == 0, "slot %u + %u reads wrong", slot,
		      n);
	ck_assert_uint_eq(buf[skew + len], 0xa5);
	return r;
}

static int do_flush(struct image *im, struct err *err)
{
	int r = MODEL_CALL(im->ops->flush(im, err));

	if (r >= 0)
		memset(changed, 0, sizeof(changed));
	return r;
}

/* The file, to somebody who only reads. */
static void verify(const char *path)
{
	static uint8_t got[CLUSTER];
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	struct err err = ERR_INIT;

	check_refcounts(path, BOOKS_EXACT);
	ck_good(qcow2_read_open(AT_FDCWD, path, &r, &err), &err);
	for (uint32_t s = 0; s < SLOTS; s++) {
		ck_good(qcow2_read(r, got, offset_of(s), slot_bytes(s), &err), &err);
		ck_assert_msg(memcmp(got, bytes[s], slot_bytes(s)) == 0, "slot %u differs", s);
	}
	ck_assert(qcow2_read_is_zero(r, AREA * CLUSTER, offset_of(AREA) - AREA * CLUSTER));
}

static void close_and_verify(struct image *im, const char *path)
{
	struct err err = ERR_INIT;

	ck_good(im->ops->close(im, &err), &err);
	verify(path);
}

/* ---- each kind of cluster, each place in it */

/* Raw, packed, given up, never there: whole, its first block, its last, one inside, across two. */
START_TEST(every_kind_and_place)
{
	static const struct { uint64_t at, n; } places[] = {
		{ 0, CLUSTER }, { 0, BLOCK }, { CLUSTER - BLOCK, BLOCK }, { 5 * BLOCK, 3 * BLOCK },
		{ CLUSTER - BLOCK, 2 * BLOCK }, { BLOCK, 2 * CLUSTER },
	};
	const char *path = tmp_path("kinds");
	struct err err = ERR_INIT;

	for (int c = 0; c < 2; c++) {
		for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
			struct image *im;

			compressed = c;
			im = new_image(path);
			for (uint32_t area = 0; area < SLOTS; area += AREA) {
				ck_good(do_write(im, area, 3, 4, &err), &err);
				for (uint32_t i = 3; i < 6; i++)
					ck_good(do_packed(im, area + i, 4 * i + 1, &err), &err);
				ck_good(do_write(im, area + 6, 3, 8, &err), &err);
				ck_good(do_zero(im, area + 6, 3, &err), &err);
				/* The last three of the first area were never written. */
			}
			ck_good(do_write(im, SLOTS - 3, 3, 80, &err), &err);
			for (int flushed = 0; flushed < 2; flushed++) {
				for (uint32_t s = 0; s + 3 < SLOTS; s += 3) {
					if (s % AREA > 12)
						continue;
					ck_good(do_patch(im, s, places[p].at, places[p].n, s + 1,
							 p % 2 ? 8 : 0, &err), &err);
					ck_good(do_read(im, s, 3, 0, &err), &err);
				}
				ck_good(do_flush(im, &err), &err);
				verify(path);
			}
			close_and_verify(im, path);
			unlink(path);
		}
	}
}
END_TEST

/* The last cluster has five blocks and a sector: alone, with others in front, over every kind. */
START_TEST(end_of_the_disk)
{
	const char *path = tmp_path("end");
	const uint32_t last = SLOTS - 1;
	struct err err = ERR_INIT;

	for (int kind = 0; kind < 8; kind++) {
		struct image *im;

		compressed = kind >= 4;
		im = new_image(path);
		if (kind % 4 > 0)
			ck_good(do_write(im, last - 1, 2, 44, &err), &err);
		if (kind % 4 == 2)
			ck_good(do_zero(im, last, 1, &err), &err);
		if (kind % 4 == 3)
			ck_good(do_flush(im, &err), &err);
		ck_good(do_patch(im, last, 5 * BLOCK, 512, 1, 0, &err), &err);
		ck_good(do_read(im, last, 1, 0, &err), &err);
		ck_good(do_patch(im, last, 4 * BLOCK, BLOCK, 2, 0, &err), &err);
		ck_good(do_patch(im, last, 4 * BLOCK, BLOCK + 512, 4, 4, &err), &err);
		ck_good(do_read(im, last, 1, 4, &err), &err);
		ck_good(do_patch(im, last - 1, CLUSTER - BLOCK, BLOCK + 5 * BLOCK + 512, 5, 0,
				 &err), &err);
		ck_good(do_read(im, last - 1, 2, 0, &err), &err);
		ck_good(do_read(im, AREA, AREA, 0, &err), &err);
		ck_good(do_flush(im, &err), &err);
		verify(path);
		image_abandon(im);
		im = again(path);
		ck_good(do_patch(im, last, 5 * BLOCK, 512, 7, 0, &err), &err);
		close_and_verify(im, path);
		unlink(path);
	}
}
END_TEST

START_TEST(ranges_that_are_refused)
{
	static uint8_t buf[2 * CLUSTER];
	struct err err = ERR_INIT;
	struct image *im = new_image(tmp_path("refused"));

	ck_assert_int_eq(im->ops->read(im, buf, 512, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->read(im, buf, 0, BLOCK, &err), -EINVAL);
	ck_assert_int_eq(im->ops->read(im, buf, offset_of(SLOTS - 1), CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->read(im, buf, SIZE, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->patch(im, buf, 512, BLOCK, &err), -EINVAL);
	ck_assert_int_eq(im->ops->patch(im, buf, 0, 512, &err), -EINVAL);
	ck_assert_int_eq(im->ops->patch(im, buf, SIZE - 512, BLOCK, &err), -EINVAL);
	ck_assert_int_eq(im->ops->patch(im, buf, SIZE - 512 - BLOCK, 2 * BLOCK, &err), -EINVAL);
	ck_assert_int_eq(im->ops->patch(im, buf, UINT64_MAX - BLOCK + 1, BLOCK, &err), -EINVAL);
	ck_assert_int_eq(im->ops->read(im, buf, 0, 0, &err), 0);
	ck_assert_int_eq(im->ops->patch(im, buf, 0, 0, &err), 0);
	image_abandon(im);
}
END_TEST

/* A frame that rotted on the disk is refused; the other clusters are as they were. */
START_TEST(rotten_frame)
{
	const char *path = tmp_path("rot");
	static uint8_t frame[CLUSTER + 1024];
	uint32_t len = pack_cluster(frame, sizeof(frame), 5);
	struct err err = ERR_INIT;
	struct image *im;
	uint8_t *file;
	uint64_t size;
	uint8_t *at;
	int fd;

	compressed = true;
	im = new_image(path);
	ck_good(do_packed(im, 1, 5, &err), &err);
	ck_good(do_packed(im, 2, 9, &err), &err);
	ck_good(do_flush(im, &err), &err);
	ck_good(do_read(im, 0, 3, 0, &err), &err);
	size = file_size(path);
	file = malloc(size);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, file, size, 0), (ssize_t)size);
	at = memmem(file, size, frame, len);
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(pwrite(fd, "rot", 3, at - file), 3);
	fd_close(fd);
	free(file);
	ck_assert_int_eq(im->ops->read(im, frame, CLUSTER, CLUSTER, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "0x10000"), "%s", err.text);
	ck_assert_int_eq(im->ops->patch(im, frame, CLUSTER, BLOCK, &err), -EBADMSG);
	ck_good(do_read(im, 2, 1, 0, &err), &err);
	/* What is replaced as a whole need not be read. */
	ck_good(do_write(im, 1, 1, 12, &err), &err);
	close_and_verify(im, path);
}
END_TEST

/* ---- at random */

static int random_step(struct image *im, uint64_t *state, struct err *err)
{
	uint32_t slot = (uint32_t)(rnd(state) % SLOTS), number = (uint32_t)rnd(state) | 1;
	uint32_t n = (uint32_t)(1 + rnd(state) % MIN(4u, AREA - slot % AREA));
	uint64_t most = run_bytes(slot, n), blocks = DIV_ROUND_UP(most, BLOCK);
	uint64_t from = rnd(state) % blocks, len = 1 + rnd(state) % (blocks - from);
	size_t skew = rnd(state) % 3 == 0 ? 8 : 0;
	int r = 0;

	switch (rnd(state) % 10) {
	case 0:
		return do_write(im, slot, n, number, err);
	case 1:
		return do_zero(im, slot, n, err);
	case 2: case 3:
		for (uint32_t i = 0; r >= 0 && i < n; i++)
			r = do_packed(im, slot + i, number + i, err);
		return r;
	case 4: case 5:
		return do_read(im, slot, n, skew, err);
	default:
		return do_patch(im, slot, from * BLOCK, MIN(len * BLOCK, most - from * BLOCK),
				number, skew, err);
	}
}

/* Past the page cache, without, and with a filesystem that changes its mind. */
START_TEST(random_matches_model)
{
	static const uint64_t direct[] = { 0, 1, 30, 90 };
	const char *path = tmp_path("random");
	struct err err = ERR_INIT;
	uint64_t state = 4242 + (uint64_t)_i;
	struct image *im;

	compressed = _i % 2;
	im = new_image(path);
	fault_arm(FAULT_DIRECT, direct[_i / 2 % 4], true);
	for (unsigned int i = 0; i < (unit_slow() ? 60 : 300); i++) {
		ck_good(random_step(im, &state, &err), &err);
		if (rnd(&state) % 10 == 0) {
			ck_good(do_flush(im, &err), &err);
			verify(path);
		}
		if (rnd(&state) % 24 == 0) {
			image_abandon(im);
			im = again(path);
			verify(path);
		}
	}
	close_and_verify(im, path);
	ck_assert(direct[_i / 2 % 4] == 0 || fault_hit());
	fault_disarm();
}
END_TEST

/* Patching for ever must not grow the file for ever. */
START_TEST(patched_space_is_reused)
{
	const char *path = tmp_path("reuse");
	struct err err = ERR_INIT;
	uint64_t after = 0;
	struct image *im;

	compressed = true;
	im = new_image(path);
	for (uint32_t round = 0; round < 30; round++) {
		for (uint32_t s = 0; s < SLOTS; s++) {
			ck_good(do_packed(im, s, (round * SLOTS + s) * 4 + 2, &err), &err);
			ck_good(do_patch(im, s, 0, BLOCK, round + 1, 0, &err), &err);
		}
		ck_good(do_flush(im, &err), &err);
		if (round == 4)
			after = file_size(path);
	}
	ck_assert_uint_le(file_size(path), after);
	close_and_verify(im, path);
}
END_TEST

/* ---- QEMU's opinion */

START_TEST(qemu_agrees)
{
	const char *path = tmp_path("qemu"), *raw = tmp_path("raw");
	struct err err = ERR_INIT;
	uint64_t state = 99;
	struct image *im;
	char command[512];
	int fd;

	if (system("qemu-img --version >/dev/null 2>&1") != 0)
		UNIT_LEAVE("no qemu-img");
	for (int round = 0; round < 4; round++) {
		compressed = round % 2;
		im = new_image(path);
		for (int i = 0; i < 120; i++)
			ck_good(random_step(im, &state, &err), &err);
		ck_good(im->ops->close(im, &err), &err);
		fd = open(raw, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(ftruncate(fd, SIZE), 0);
		for (uint32_t s = 0; s < SLOTS; s++)
			ck_assert_int_eq(pwrite(fd, bytes[s], slot_bytes(s), (off_t)offset_of(s)),
					 (ssize_t)slot_bytes(s));
		fd_close(fd);
		snprintf(command, sizeof(command),
			 "qemu-img check -q -f qcow2 '%s' >/dev/null 2>&1 && "
			 "qemu-img compare -q -f qcow2 -F raw '%s' '%s' >/dev/null 2>&1", path,
			 path, raw);
		ck_assert_int_eq(system(command), 0);
		unlink(path);
		unlink(raw);
	}
}
END_TEST

/* ---- every call failing in turn */

#define STEPS	24

static int step(const char *path, struct image **im, int at, struct err *err)
{
	const uint32_t last = SLOTS - 1;

	switch (at) {
	case 0:
		memset(bytes, 0, sizeof(bytes));
		memset(changed, 0, sizeof(changed));
		return MODEL_CALL(qcow2_write_create(AT_FDCWD, path, SIZE, true, im, err));
	case 1:
		return do_write(*im, 0, 4, 40, err);
	case 2: case 3: case 4:
		return do_packed(*im, 2u + (uint32_t)at, 4u * (uint32_t)at + 1, err);
	case 5:
		return do_write(*im, last - 2, 3, 60, err);
	case 6: case 13: case 20:
		return do_flush(*im, err);
	case 7:
		return do_patch(*im, 1, BLOCK, 2 * CLUSTER, 1, 0, err);
	case 8: case 14:
		return do_patch(*im, 4, CLUSTER - BLOCK, 2 * BLOCK, 2, 8, err);
	case 9:
		return do_patch(*im, 9, 0, BLOCK, 4, 0, err);
	case 10: case 15:
		return do_patch(*im, last - 1, 2 * BLOCK, CLUSTER + 3 * BLOCK + 512, 5, 0, err);
	case 11: case 17: case 21:
		return do_read(*im, 0, AREA, at == 17 ? 8 : 0, err);
	case 12: case 18:
		return do_read(*im, last - 4, 5, 0, err);
	case 16:
		return do_patch(*im, 5, 0, CLUSTER, 7, 0, err);
	case 19:
		return do_zero(*im, 1, 2, err);
	case 22:
		return do_patch(*im, 0, 3 * BLOCK, 2 * CLUSTER, 8, 0, err);
	default:
		return MODEL_CALL((*im)->ops->close(TAKE_PTR(*im), err));
	}
}

static int script(const char *path, struct image **im, int *at, struct err *err)
{
	int r = 0;

	while (*at < STEPS && (r = step(path, im, *at, err)) >= 0)
		++*at;
	return r;
}

static void resume_and_verify(const char *path)
{
	struct err err = ERR_INIT;
	struct image *im = again(path);

	verify(path);
	for (uint32_t s = 0; s < SLOTS; s += 5)
		ck_good(do_patch(im, s, 0, BLOCK, s + 1, 0, &err), &err);
	ck_good(do_read(im, 0, AREA, 0, &err), &err);
	close_and_verify(im, path);
}

static const unsigned int kinds[] = {FAULT_ALLOC, FAULT_WRITE, FAULT_SYNC, FAULT_TRUNCATE,
				     FAULT_READ};

START_TEST(nth_call_fails)
{
	const char *path = tmp_path("nth");

	for (uint64_t nth = 1;; nth++) {
		struct err err = ERR_INIT;
		struct image *im = NULL;
		int at = 0, r;

		fault_arm(kinds[_i / 2], nth, _i % 2);
		fault_pause(true);
		compressed = true;
		r = script(path, &im, &at, &err);
		fault_disarm();
		if (!fault_hit()) {
			ck_good(r, &err);
			ck_assert_uint_gt(nth, 1);
			break;
		}
		if (r >= 0) {
			verify(path);
		} else {
			ck_assert_int_eq(err.code, -r);
			ck_assert_int_ne(err.text[0], 0);
			image_abandon(im);
			if (at == 0)
				ck_assert_int_eq(access(path, F_OK), -1);
			else
				resume_and_verify(path);
		}
		unlink(path);
	}
}
END_TEST

/* What failed for want of memory or room is tried again, and all is as if nothing had been. */
START_TEST(failed_operation_again)
{
	const char *path = tmp_path("again");
	unsigned int kind = (unsigned int[]){FAULT_ALLOC, FAULT_WRITE, FAULT_READ}[_i];

	for (uint64_t nth = 1;; nth++) {
		struct err err = ERR_INIT;
		struct image *im = NULL;
		int at = 0, r;

		fault_arm(kind, nth, false);
		fault_pause(true);
		compressed = true;
		r = script(path, &im, &at, &err);
		fault_disarm();
		if (!fault_hit())
			break;
		/* An image that failed to close is gone. */
		if (r < 0 && (im || at == 0))
			ck_good(script(path, &im, &at, &err), &err);
		else if (r < 0)
			resume_and_verify(path);
		verify(path);
		unlink(path);
	}
}
END_TEST

static Suite *qcow2_patch_suite(void)
{
	Suite *s = suite_create("qcow2_patch");
	TCase *tc = tcase_create("patch");

	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_test(tc, every_kind_and_place);
	tcase_add_test(tc, end_of_the_disk);
	tcase_add_test(tc, ranges_that_are_refused);
	tcase_add_test(tc, rotten_frame);
	tcase_add_loop_test(tc, random_matches_model, 0, 16);
	tcase_add_test(tc, patched_space_is_reused);
	tcase_add_test(tc, qemu_agrees);
	tcase_add_loop_test(tc, nth_call_fails, 0, 2 * (int)ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, failed_operation_again, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_patch_suite)
