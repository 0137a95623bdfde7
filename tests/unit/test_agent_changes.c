/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the pipeline makes of a map of changes, and of chunks that are to be compared. Linked with
 * disk_read() wrapped, so that sectors can be bad and reads are counted.
 *
 * WRAP: -Wl,--wrap=disk_read
 */
#include "p2v-agent/pipeline.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/iszero.h"
#include "tests/lib/unit.h"
#include "wire/chunk_digest.h"
#include "wire/codec.h"

#define CHUNK	((uint64_t)PROTO_CHUNK_SIZE)
#define CLUSTER	((uint64_t)PROTO_CLUSTER_SIZE)
#define BLOCK	((uint64_t)PROTO_BLOCK_SIZE)
#define BLOCKS	(CHUNK / BLOCK)
#define DISKS	2
#define HOLE	3u			/* a chunk that the file does not have */

/* The second one is less than a chunk, and than half of one. */
static const uint64_t sizes[DISKS] = { 12 * CHUNK + 3 * CLUSTER + 5 * BLOCK + 1536,
				       7 * BLOCK + 512 };

static struct source source;
static struct source_disk disks[DISKS];
static struct bitmap *map[DISKS], *have[DISKS], *bad[DISKS];
static uint8_t *content[DISKS];
static char path[DISKS][64];
static atomic_uint reads;
static enum readahead_engine engine;
static enum reader_mode mode;

int __real_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err);
int __wrap_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err);

int __wrap_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err)
{
	atomic_fetch_add(&reads, 1);
	for (size_t i = 0; i < DISKS; i++)
		if (disks[i].disk == d && bitmap_any(bad[i], offset, len))
			return err_set(err, EIO, "planted");
	return __real_disk_read(d, buf, len, offset, err);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void make_disk(size_t i, uint64_t *rng)
{
	struct err err = ERR_INIT;
	int fd;

	content[i] = calloc(1, sizes[i]);
	for (uint64_t at = 0; at + 8 <= sizes[i]; at += 8) {
		uint64_t kind = (at / CLUSTER + i) % 4;

		if (kind > 0 && at / CHUNK != HOLE && at / CHUNK != HOLE + 1)
			put_be64(content[i] + at, kind == 1 ? at / 64 : next_random(rng));
	}
	snprintf(path[i], sizeof(path[i]), "/tmp/p2v-unit.XXXXXX");
	fd = mkstemp(path[i]);
	ck_assert_int_ge(fd, 0);
	for (uint64_t at = 0; at < sizes[i]; at += CHUNK) {
		ssize_t n = (ssize_t)MIN(CHUNK, sizes[i] - at);

		if (at / CHUNK != HOLE)
			ck_assert_int_eq(pwrite(fd, content[i] + at, (size_t)n, (off_t)at), n);
	}
	close(fd);
	ck_assert_msg(disk_open(path[i], 0, &disks[i].disk, &err) == 0, "%s", err.text);
	ck_assert_int_eq(bitmap_new(sizes[i], BLOCK, &map[i]), 0);
	ck_assert_int_eq(bitmap_new(sizes[i], CHUNK, &have[i]), 0);
	ck_assert_int_eq(bitmap_new(sizes[i], 512, &bad[i]), 0);
}

static void setup(void)
{
	uint64_t rng = 88172645463325252;

	memset(disks, 0, sizeof(disks));
	atomic_store(&reads, 0);
	engine = READAHEAD_THREADS;
	mode = READER_STOP;
	for (size_t i = 0; i < DISKS; i++)
		make_disk(i, &rng);
	source = (struct source){ .disks = disks, .n = DISKS };
}

static void teardown(void)
{
	for (size_t i = 0; i < DISKS; i++) {
		disk_free(disks[i].disk);
		bitmap_free(map[i]);
		bitmap_free(have[i]);
		bitmap_free(bad[i]);
		free(content[i]);
		unlink(path[i]);
	}
}

static struct pipeline *start(enum walk_kind kind, unsigned int threads)
{
	static const struct bitmap *maps[DISKS];
	struct pipeline_config cfg = {
		.source = &source,
		.kind = kind,
		.maps = maps,
		.have = kind == WALK_CHECK ? have : NULL,
		.mode = mode,
		.engine = engine,
		.level = 1,
		.threads = threads,
	};
	struct pipeline *p = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < DISKS; i++)
		maps[i] = map[i];
	ck_assert_msg(pipeline_new(&cfg, &p, &err) == 0, "%s", err.text);
	return p;
}

static struct item *take(struct pipeline *p)
{
	struct item *it = NULL;

	for (;;) {
		struct pollfd pfd = { .fd = pipeline_fd(p), .events = POLLIN };
		int r = pipeline_next(p, &it);

		if (r == 0)
			return it;
		ck_assert_int_eq(r, -EAGAIN);
		ck_assert_msg(poll(&pfd, 1, 20000) == 1, "nothing comes any more");
		pipeline_fd_clear(p);
	}
}

static uint64_t changed_bytes(const struct item *it)
{
	uint64_t sum = 0;

	for (uint64_t at = 0; at < it->length; at += BLOCK)
		if (bitmap_test(map[it->disk], it->offset + at))
			sum += MIN(BLOCK, it->length - at);
	return sum;
}

/* The pieces are what has changed, no more and no less, and their bytes are the disk's. */
static void check_patch(struct codec *codec, const struct item *it)
{
	static uint8_t raw[PROTO_CHUNK_SIZE];
	const struct msg_patch *p = it->patch;
	uint64_t end = 0, sum = 0;
	const uint8_t *from = raw;
	struct err err = ERR_INIT;

	ck_assert_uint_eq(p->disk, it->disk);
	ck_assert_uint_eq(p->offset, it->offset);
	ck_assert_uint_ge(p->npieces, 1);
	ck_assert_uint_le(p->npieces, PROTO_CHUNK_BLOCKS);
	ck_assert_msg(codec_patch_decode(codec, p, raw, &err) == 0, "%s", err.text);
	for (uint16_t i = 0; i < p->npieces; i++) {
		const struct msg_piece *k = &p->pieces[i];

		ck_assert_uint_eq(k->offset % BLOCK, 0);
		ck_assert(i == 0 || k->offset > end);
		end = k->offset + k->length;
		ck_assert_uint_le(end, it->length);
		ck_assert(k->length > 0 && (k->length % BLOCK == 0 || end == it->length));
		ck_assert(bitmap_all(map[it->disk], it->offset + k->offset, k->length));
		ck_assert_mem_eq(from, content[it->disk] + it->offset + k->offset, k->length);
		from += k->length;
		sum += k->length;
	}
	ck_assert_uint_eq(sum, changed_bytes(it));
	ck_assert_uint_le(sum, CHUNK / 2);
	ck_assert_uint_lt(sum, it->length);
}

static void check_whole(struct codec *codec, const struct item *it)
{
	static uint8_t raw[PROTO_CHUNK_SIZE];
	const uint8_t *want = content[it->disk] + it->offset;
	uint64_t sum = changed_bytes(it);

	if (it->kind == ITEM_ZERO) {
		ck_assert(is_zero(want, it->length));
		return;
	}
	ck_assert(sum > CHUNK / 2 || sum == it->length);
	ck_assert_int_eq(it->kind, ITEM_DATA);
	ck_assert_int_eq(codec_decode(codec, &it->data, raw, NULL), 0);
	ck_assert_mem_eq(raw, want, it->length);
}

struct seen {
	unsigned int patches, data, zeroes, pieces;
};

/* The whole walk: chunks that changed, once, rising, and no others. */
static struct seen changes(unsigned int threads)
{
	CLEANUP(pipeline_free) struct pipeline *p = start(WALK_CHANGES, threads);
	CLEANUP(codec_free) struct codec *codec = NULL;
	uint64_t pos[DISKS] = { 0 };
	struct seen seen = { 0 };

	ck_assert_int_eq(codec_new(1, &codec, NULL), 0);
	for (;;) {
		CLEANUP(item_free) struct item *it = take(p);

		if (it->kind == ITEM_END)
			break;
		ck_assert_msg(it->kind != ITEM_ERROR, "%s", it->err.text);
		ck_assert_uint_eq(it->offset % CHUNK, 0);
		ck_assert_uint_ge(it->offset, pos[it->disk]);
		ck_assert(it->offset == pos[it->disk] ||
			  !bitmap_any(map[it->disk], pos[it->disk], it->offset - pos[it->disk]));
		ck_assert_uint_eq(it->length, MIN(CHUNK, sizes[it->disk] - it->offset));
		ck_assert(bitmap_any(map[it->disk], it->offset, it->length));
		pos[it->disk] = it->offset + it->length;
		if (it->kind == ITEM_PATCH)
			check_patch(codec, it);
		else
			check_whole(codec, it);
		seen.patches += it->kind == ITEM_PATCH;
		seen.data += it->kind == ITEM_DATA;
		seen.zeroes += it->kind == ITEM_ZERO;
		seen.pieces += it->kind == ITEM_PATCH ? it->patch->npieces : 0;
	}
	for (size_t i = 0; i < DISKS; i++)
		ck_assert(pos[i] >= sizes[i] || !bitmap_any(map[i], pos[i], sizes[i] - pos[i]));
	return seen;
}

static void set_block(size_t disk, uint64_t block)
{
	bitmap_set_range(map[disk], block * BLOCK, BLOCK);
}

/* ---- changes */

START_TEST(nothing_changed)
{
	struct seen s = changes(2);

	ck_assert_uint_eq(s.patches + s.data + s.zeroes, 0);
	ck_assert_uint_eq(atomic_load(&reads), 0);
}
END_TEST

START_TEST(random_changes)
{
	uint64_t rng = 5;

	for (int run = 0; run < (unit_slow() ? 6 : 40); run++) {
		static const unsigned int threads[] = { 0, 1, 3 };

		engine = run % 4 == 3 ? READAHEAD_AUTO : READAHEAD_THREADS;
		for (size_t i = 0; i < DISKS; i++) {
			bitmap_clear_all(map[i]);
			for (uint64_t at = 0; at < sizes[i]; at += CHUNK) {
				uint64_t one_in = 1 + next_random(&rng) % (run % 2 ? 4 : 60);

				for (uint64_t b = 0; b < BLOCKS && one_in % 7; b++)
					if (at + b * BLOCK < sizes[i] &&
					    next_random(&rng) % one_in == 0)
						set_block(i, at / BLOCK + b);
			}
		}
		(void)changes(threads[run % 3]);
	}
}
END_TEST

/* As many pieces as there can be, and one block more: the whole chunk. */
START_TEST(most_pieces)
{
	struct seen s;

	for (uint64_t b = 0; b < BLOCKS; b += 2) {
		set_block(0, b);
		set_block(0, 5 * BLOCKS + b + 1);
	}
	s = changes(2);
	ck_assert_uint_eq(s.patches, 2);
	ck_assert_uint_eq(s.pieces, BLOCKS);
	set_block(0, 1);
	s = changes(2);
	ck_assert_uint_eq(s.patches, 1);
	ck_assert_uint_eq(s.data, 1);
}
END_TEST

/* Half a chunk goes as a patch; a block more goes as a chunk. */
START_TEST(half_of_it)
{
	struct seen s;

	bitmap_set_range(map[0], 7 * CHUNK + 3 * BLOCK, CHUNK / 2);
	s = changes(0);
	ck_assert_uint_eq(s.patches, 1);
	ck_assert_uint_eq(s.pieces, 1);
	bitmap_set_range(map[0], 7 * CHUNK + 3 * BLOCK, CHUNK / 2 + BLOCK);
	s = changes(0);
	ck_assert_uint_eq(s.patches, 0);
	ck_assert_uint_eq(s.data, 1);
}
END_TEST

/* Of the short chunk at the end a part, its odd last block alone, and all of it. */
START_TEST(end_of_the_disk)
{
	for (size_t i = 0; i < DISKS; i++) {
		uint64_t last = (sizes[i] - 1) / BLOCK, chunk = last / BLOCKS * BLOCKS;
		struct seen s;

		set_block(i, last);
		s = changes(2);
		ck_assert_uint_eq(s.patches, 1);
		set_block(i, chunk + 1);
		s = changes(2);
		ck_assert_uint_eq(s.pieces, 2);
		/* A server that lost it could do nothing with a patch of all of it. */
		bitmap_set_range(map[i], chunk * BLOCK, sizes[i] - chunk * BLOCK);
		s = changes(2);
		ck_assert_uint_eq(s.patches, 0);
		ck_assert_uint_eq(s.data, 1);
		bitmap_clear_all(map[i]);
	}
}
END_TEST

/* What lies close together is read at once. */
START_TEST(gaps)
{
	engine = READAHEAD_NONE;
	set_block(0, 10);
	set_block(0, 15);
	set_block(0, 20);
	ck_assert_uint_eq(changes(1).pieces, 3);
	ck_assert_uint_eq(atomic_exchange(&reads, 0), 1);
	set_block(0, 26);
	ck_assert_uint_eq(changes(1).pieces, 4);
	ck_assert_uint_eq(atomic_exchange(&reads, 0), 2);
	/* A map of 64 KiB: more runs than a coarse one may have in a chunk are one read. */
	bitmap_free(map[0]);
	ck_assert_int_eq(bitmap_new(sizes[0], CLUSTER, &map[0]), 0);
	for (uint64_t c = 0; c < 16; c += 2)
		bitmap_set_range(map[0], c * CLUSTER, CLUSTER);
	ck_assert_uint_eq(changes(1).pieces, 8);
	ck_assert_uint_le(atomic_exchange(&reads, 0), 8);
}
END_TEST

START_TEST(holes)
{
	struct seen s;

	set_block(0, HOLE * BLOCKS + 9);
	set_block(0, (HOLE + 1) * BLOCKS + 9);
	s = changes(2);
	/* One is known to be zeroes without a look; of the other a block is, and only that. */
	ck_assert_uint_eq(s.zeroes, 1);
	ck_assert_uint_eq(s.patches, 1);
	bitmap_set_range(map[0], (HOLE + 1) * CHUNK, CHUNK);
	s = changes(2);
	ck_assert_uint_eq(s.zeroes, 2);
}
END_TEST

/* ---- unreadable sectors */

START_TEST(bad_between_the_pieces)
{
	set_block(0, 10);
	set_block(0, 13);
	bitmap_set_range(bad[0], 11 * BLOCK, 512);
	for (int zero = 0; zero < 2; zero++) {
		mode = zero ? READER_ZERO : READER_STOP;
		for (unsigned int threads = 0; threads < 3; threads += 2) {
			struct pipeline *p = start(WALK_CHANGES, threads);
			struct item *it = take(p);

			ck_assert_int_eq(it->kind, ITEM_PATCH);
			ck_assert_uint_eq(it->bad.n, 0);
			item_free(it);
			pipeline_free(p);
			ck_assert_uint_eq(changes(threads).pieces, 2);
		}
	}
}
END_TEST

START_TEST(bad_in_a_piece)
{
	set_block(0, 10);
	set_block(0, 13);
	set_block(0, 14);
	bitmap_set_range(bad[0], 14 * BLOCK + 1024, 512);
	memset(content[0] + 14 * BLOCK + 1024, 0, 512);
	for (unsigned int threads = 0; threads < 3; threads += 2) {
		{
			CLEANUP(pipeline_free) struct pipeline *p = start(WALK_CHANGES, threads);
			CLEANUP(item_free) struct item *it = take(p);

			ck_assert_int_eq(it->kind, ITEM_ERROR);
			ck_assert_int_eq(it->code, -EIO);
			ck_assert_msg(strstr(it->err.text, "0xe400"), "%s", it->err.text);
		}
		mode = READER_ZERO;
		{
			CLEANUP(pipeline_free) struct pipeline *p = start(WALK_CHANGES, threads);
			CLEANUP(item_free) struct item *it = take(p);

			ck_assert_int_eq(it->kind, ITEM_PATCH);
			ck_assert_uint_eq(it->bad.n, 1);
			ck_assert_uint_eq(it->bad.v[0].offset, 14 * BLOCK + 1024);
			ck_assert_uint_eq(it->bad.v[0].length, 512);
		}
		ck_assert_uint_eq(changes(threads).pieces, 2);
		mode = READER_STOP;
	}
}
END_TEST

/* ---- chunks that are compared */

static void check_digest(const struct item *it)
{
	static uint8_t want[PROTO_CHUNK_SIZE];
	uint8_t sha256[SHA256_LEN];

	memset(want, 0, sizeof(want));
	for (uint64_t at = 0; at < it->length; at += BLOCK)
		if (bitmap_test(map[it->disk], it->offset + at))
			memcpy(want + at, content[it->disk] + it->offset + at,
			       MIN(BLOCK, it->length - at));
	ck_assert_int_eq(it->kind, ITEM_CHECK);
	ck_assert_int_eq(it->zero, is_zero(want, it->length));
	ck_assert_ptr_null(it->raw);
	if (it->zero)
		return;
	ck_assert_int_eq(chunk_digest(want, it->length, sha256), 0);
	ck_assert_mem_eq(it->check, sha256, SHA256_LEN);
}

/* All that is used and not left out, with what is not used as zeroes; how many. */
static unsigned int compared(unsigned int threads)
{
	CLEANUP(pipeline_free) struct pipeline *p = start(WALK_CHECK, threads);
	uint64_t pos[DISKS] = { 0 };
	unsigned int n = 0;

	for (;; n++) {
		CLEANUP(item_free) struct item *it = take(p);

		if (it->kind == ITEM_END)
			break;
		ck_assert_msg(it->kind != ITEM_ERROR, "%s", it->err.text);
		ck_assert_uint_ge(it->offset, pos[it->disk]);
		for (uint64_t at = pos[it->disk]; at < it->offset; at += CHUNK)
			ck_assert(bitmap_test(have[it->disk], at) ||
				  !bitmap_any(map[it->disk], at, CHUNK));
		ck_assert(!bitmap_test(have[it->disk], it->offset));
		ck_assert(bitmap_any(map[it->disk], it->offset, it->length));
		pos[it->disk] = it->offset + it->length;
		check_digest(it);
	}
	return n;
}

START_TEST(check_of_all)
{
	for (size_t i = 0; i < DISKS; i++)
		bitmap_set_all(map[i]);
	for (unsigned int threads = 0; threads < 4; threads++)
		ck_assert_uint_eq(compared(threads), 13 + 1);
}
END_TEST

START_TEST(check_with_masks)
{
	uint64_t rng = 17;

	for (int run = 0; run < 12; run++) {
		for (size_t i = 0; i < DISKS; i++) {
			bitmap_clear_all(map[i]);
			bitmap_clear_all(have[i]);
			for (uint64_t at = 0; at < sizes[i]; at += CHUNK) {
				uint64_t how = next_random(&rng) % 5;

				if (next_random(&rng) % 4 == 0)
					bitmap_set_range(have[i], at, MIN(CHUNK, sizes[i] - at));
				/* Nothing, a few runs, more than are read one by one. */
				for (uint64_t b = 0; b < BLOCKS && how; b++)
					if (at + b * BLOCK < sizes[i] &&
					    (how == 4 ? b % 2 == 0
						      : next_random(&rng) % (how * how * how) == 0))
						set_block(i, at / BLOCK + b);
			}
		}
		(void)compared(run % 3 ? 2 : 0);
	}
}
END_TEST

/* What cannot be read is compared as what was sent for it: zeroes. */
START_TEST(check_of_bad_sectors)
{
	bitmap_set_all(map[0]);
	bitmap_set_range(bad[0], 2 * CHUNK + 3 * BLOCK, 1024);
	memset(content[0] + 2 * CHUNK + 3 * BLOCK, 0, 1024);
	mode = READER_ZERO;
	ck_assert_uint_eq(compared(2), 13);
	ck_assert_uint_eq(compared(0), 13);
}
END_TEST

START_TEST(freed_early)
{
	for (size_t i = 0; i < DISKS; i++)
		for (uint64_t b = 0; b * BLOCK < sizes[i]; b += 5)
			set_block(i, b);
	for (int n = 0; n < 12; n++)
		for (unsigned int threads = 0; threads < 3; threads++) {
			struct pipeline *p = start(n % 2 ? WALK_CHECK : WALK_CHANGES, threads);

			for (int i = 0; i < n; i++)
				item_free(take(p));
			pipeline_free(p);
		}
}
END_TEST

static Suite *changes_suite(void)
{
	const TTest *const tests[] = { nothing_changed, random_changes, most_pieces, half_of_it,
				       end_of_the_disk, gaps, holes, bad_between_the_pieces,
				       bad_in_a_piece, check_of_all, check_with_masks,
				       check_of_bad_sectors, freed_early };
	Suite *s = suite_create("changes");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		TCase *tc = tcase_create(tests[i]->name);

		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, tests[i]);
		tcase_set_timeout(tc, 60);
		suite_add_tcase(s, tc);
	}
	return s;
}

UNIT_MAIN(changes_suite)
