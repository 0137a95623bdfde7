/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linked with disk_read() wrapped, so that sectors can be bad and reads are seen.
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
#include "tests/lib/unit.h"
#include "wire/codec.h"

#define CHUNK	((uint64_t)PROTO_CHUNK_SIZE)
#define CLUSTER	((uint64_t)PROTO_CLUSTER_SIZE)
#define DISKS	2
#define SECTOR	512
#define RUN_LEN	(DISKS * SHA256_LEN)

static const uint64_t sizes[DISKS] = { 40 * CHUNK + 3 * CLUSTER + 1536, 5 * CHUNK };

static struct source source;
static struct source_disk disks[DISKS];
static struct usedmap used[DISKS];
static struct bitmap *have[DISKS];
static uint8_t *content[DISKS];
static char path[DISKS][64];
static struct bitmap *bad[DISKS];		/* by sector */
static atomic_bool read_free;			/* something that nobody uses was read */

int __real_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err);
int __wrap_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err);

int __wrap_disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err)
{
	for (size_t i = 0; i < DISKS; i++) {
		if (disks[i].disk != d)
			continue;
		if (used[i].map && !bitmap_all(used[i].map, offset, len))
			atomic_store(&read_free, true);
		if (bad[i] && bitmap_any(bad[i], offset, len))
			return err_set(err, EIO, "planted");
	}
	return __real_disk_read(d, buf, len, offset, err);
}

/* Reads by io_uring go past the wrapper: that engine is for tests that plant nothing. */
static enum readahead_engine engine;

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void setup(void)
{
	uint64_t rng = 2463534242;

	memset(disks, 0, sizeof(disks));
	memset(used, 0, sizeof(used));
	engine = READAHEAD_THREADS;
	atomic_store(&read_free, false);
	for (size_t i = 0; i < DISKS; i++) {
		struct err err = ERR_INIT;
		int fd;

		content[i] = calloc(1, sizes[i]);
		for (uint64_t at = 0; at < sizes[i]; at += CLUSTER) {
			uint64_t kind = next_random(&rng) % 4, n = MIN(CLUSTER, sizes[i] - at);

			for (uint64_t k = 0; kind > 1 && k + 8 <= n; k += 8)
				put_be64(content[i] + at + k,
					 kind == 2 ? k / 64 : next_random(&rng));
		}
		/* A whole chunk of zeroes, too. */
		memset(content[i] + 2 * CHUNK, 0, CHUNK);
		snprintf(path[i], sizeof(path[i]), "/tmp/p2v-unit.XXXXXX");
		fd = mkstemp(path[i]);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(write(fd, content[i], sizes[i]), (ssize_t)sizes[i]);
		close(fd);
		ck_assert_msg(disk_open(path[i], 0, &disks[i].disk, &err) == 0, "%s", err.text);
		ck_assert_int_eq(bitmap_new(sizes[i], USEDMAP_GRANULARITY, &used[i].map), 0);
		ck_assert_int_eq(bitmap_new(sizes[i], CHUNK, &have[i]), 0);
		ck_assert_int_eq(bitmap_new(sizes[i], SECTOR, &bad[i]), 0);
		disks[i].used = &used[i];
		/* Runs of used and of free clusters; in one chunk in five nothing is used. */
		for (uint64_t at = 0; at < sizes[i]; at += CLUSTER)
			if (at / CHUNK % 5 != 3 && next_random(&rng) % 3)
				bitmap_set_range(used[i].map, at, CLUSTER);
		bitmap_set_range(used[i].map, 0, CHUNK);
		bitmap_set_range(used[i].map, sizes[i] - 512, 512);
	}
	source = (struct source){ .disks = disks, .n = DISKS };
}

static void teardown(void)
{
	for (size_t i = 0; i < DISKS; i++) {
		disk_free(disks[i].disk);
		bitmap_free(used[i].map);
		bitmap_free(have[i]);
		bitmap_free(bad[i]);
		bad[i] = NULL;
		free(content[i]);
		unlink(path[i]);
	}
}

static struct pipeline *start(unsigned int threads, int level, enum reader_mode mode)
{
	static const struct bitmap *maps[DISKS];
	struct pipeline_config cfg = {
		.source = &source,
		.maps = maps,
		.have = have,
		.mode = mode,
		.engine = engine,
		.level = level,
		.threads = threads,
	};
	struct pipeline *p = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < DISKS; i++)
		maps[i] = disks[i].used ? disks[i].used->map : NULL;
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

/* What an item says, as one digest. */
static void absorb(struct sha256 *sum, const struct item *it)
{
	uint8_t head[40];

	put_be64(head, it->kind);
	put_be64(head + 8, it->disk);
	put_be64(head + 16, it->offset);
	put_be64(head + 24, it->length);
	put_be64(head + 32, it->bad.n);
	ck_assert_int_eq(sha256_update(sum, head, sizeof(head)), 0);
	if (it->kind != ITEM_DATA)
		return;
	ck_assert_int_eq(sha256_update(sum, it->data.sha256, SHA256_LEN), 0);
	for (uint16_t i = 0; i < it->data.nclusters; i++) {
		put_be64(head, it->data.clusters[i].codec);
		ck_assert_int_eq(sha256_update(sum, head, 8), 0);
		ck_assert_int_eq(
			sha256_update(sum, it->data.clusters[i].p, it->data.clusters[i].stored), 0);
	}
}

/* The whole run; what it says of each disk goes into ret, one digest after the other. */
static void run(unsigned int threads, int level, enum reader_mode mode,
		uint8_t ret[static RUN_LEN])
{
	CLEANUP(pipeline_free) struct pipeline *p = start(threads, level, mode);
	struct sha256 *sum[DISKS];
	bool more = true;

	for (size_t i = 0; i < DISKS; i++)
		ck_assert_int_eq(sha256_new(&sum[i]), 0);
	while (more) {
		CLEANUP(item_free) struct item *it = take(p);

		absorb(sum[it->disk], it);
		more = it->kind != ITEM_END && it->kind != ITEM_ERROR;
	}
	for (size_t i = 0; i < DISKS; i++) {
		ck_assert_int_eq(sha256_final(sum[i], ret + i * SHA256_LEN), 0);
		sha256_free(sum[i]);
	}
	ck_assert(!atomic_load(&read_free));
}

START_TEST(serial_equals_parallel)
{
	static const int levels[] = { 0, 1, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		uint8_t serial[RUN_LEN], parallel[RUN_LEN];

		run(0, levels[i], READER_STOP, serial);
		for (unsigned int threads = 1; threads <= 4; threads += i ? 3 : 1)
			for (engine = READAHEAD_AUTO; engine <= READAHEAD_NONE; engine++) {
				/* Where io_uring is forbidden, AUTO has shown the other way. */
				if (engine == READAHEAD_URING)
					continue;
				run(threads, levels[i], READER_STOP, parallel);
				ck_assert_mem_eq(serial, parallel, RUN_LEN);
			}
	}
}
END_TEST

/* One item in its place: behind what came of its disk, and with the right content. */
static void check_item(const struct item *it, uint64_t *pos, struct codec *codec, uint8_t *buf)
{
	/* What the far end has is left out. */
	while (*pos < sizes[it->disk] && bitmap_test(have[it->disk], *pos))
		*pos += CHUNK;
	ck_assert_uint_eq(it->offset, *pos);
	ck_assert_uint_eq(it->offset % CHUNK, 0);
	*pos += it->length;
	if (it->kind == ITEM_FREE) {
		ck_assert(!bitmap_any(used[it->disk].map, it->offset, it->length));
		ck_assert(!bitmap_any(have[it->disk], it->offset, it->length));
		return;
	}
	ck_assert_uint_eq(it->length, MIN(CHUNK, sizes[it->disk] - it->offset));
	memset(buf, 0, CHUNK);
	if (it->kind == ITEM_DATA)
		ck_assert_int_eq(codec_decode(codec, &it->data, buf, NULL), 0);
	for (uint64_t at = 0; at < it->length; at += CLUSTER) {
		static const uint8_t zero[PROTO_CLUSTER_SIZE];
		uint64_t n = MIN(CLUSTER, it->length - at);
		bool is_used = bitmap_test(used[it->disk].map, it->offset + at);

		ck_assert_mem_eq(buf + at, is_used ? content[it->disk] + it->offset + at : zero, n);
	}
}

/* Of each disk offsets rising, and every byte once. */
static void check_walk(void)
{
	CLEANUP(pipeline_free) struct pipeline *p = start(2, 1, READER_STOP);
	CLEANUP(codec_free) struct codec *codec = NULL;
	CLEANUP(mem_free) uint8_t *buf = malloc(CHUNK);
	uint64_t pos[DISKS] = { 0 };

	ck_assert_int_eq(codec_new(1, &codec, NULL), 0);
	for (;;) {
		CLEANUP(item_free) struct item *it = take(p);

		if (it->kind == ITEM_END)
			break;
		ck_assert_int_ne(it->kind, ITEM_ERROR);
		check_item(it, &pos[it->disk], codec, buf);
	}
	for (size_t i = 0; i < DISKS; i++) {
		while (pos[i] < sizes[i] && bitmap_test(have[i], pos[i]))
			pos[i] += CHUNK;
		ck_assert_uint_ge(pos[i], sizes[i]);
	}
}

START_TEST(walk)
{
	engine = READAHEAD_AUTO;
	check_walk();
	bitmap_set_range(have[0], 0, CHUNK);
	bitmap_set_range(have[0], 3 * CHUNK, 9 * CHUNK);
	bitmap_set_range(have[0], 40 * CHUNK, CHUNK);
	check_walk();
	bitmap_set_all(have[0]);
	check_walk();
	bitmap_set_all(have[1]);
	check_walk();
}
END_TEST

START_TEST(all_used_without_a_map)
{
	uint64_t data = 0;
	CLEANUP(pipeline_free) struct pipeline *p = NULL;

	for (size_t i = 0; i < DISKS; i++) {
		disks[i].used = NULL;
		bitmap_set_all(used[i].map);
	}
	p = start(2, 1, READER_STOP);
	for (;;) {
		CLEANUP(item_free) struct item *it = take(p);

		if (it->kind == ITEM_END)
			break;
		ck_assert(it->kind == ITEM_DATA || it->kind == ITEM_ZERO);
		data += it->length;
	}
	ck_assert_uint_eq(data, sizes[0] + sizes[1]);
}
END_TEST

START_TEST(bad_sector_stops)
{
	CLEANUP(pipeline_free) struct pipeline *p = NULL;
	uint64_t seen = 0;

	bitmap_set_range(used[0].map, 7 * CHUNK, CHUNK);
	bitmap_set_range(bad[0], 7 * CHUNK + 5 * SECTOR, SECTOR);
	p = start(2, 1, READER_STOP);
	for (;;) {
		CLEANUP(item_free) struct item *it = take(p);

		if (it->kind == ITEM_ERROR) {
			char at[32];

			snprintf(at, sizeof(at), "0x%" PRIx64, 7 * CHUNK + 5 * SECTOR);
			ck_assert_int_eq(it->code, -EIO);
			ck_assert_msg(strstr(it->err.text, at), "%s", it->err.text);
			break;
		}
		ck_assert_int_ne(it->kind, ITEM_END);
		seen += it->disk == 0 ? it->length : 0;
	}
	/* Everything in front of it came. */
	ck_assert_uint_eq(seen, 7 * CHUNK);
}
END_TEST

START_TEST(bad_sectors_are_zeroes)
{
	CLEANUP(extents_done) struct extents all = { 0 };
	uint8_t serial[RUN_LEN], parallel[RUN_LEN];
	CLEANUP(pipeline_free) struct pipeline *p = NULL;

	bitmap_set_range(used[0].map, 7 * CHUNK, 2 * CHUNK);
	bitmap_set_range(bad[0], 7 * CHUNK + 5 * SECTOR, 2 * SECTOR);
	bitmap_set_range(bad[0], 8 * CHUNK - SECTOR, 2 * SECTOR);
	bitmap_set_range(bad[1], 0, 3 * SECTOR);
	run(0, 1, READER_ZERO, serial);
	run(3, 1, READER_ZERO, parallel);
	ck_assert_mem_eq(serial, parallel, RUN_LEN);
	p = start(2, 1, READER_ZERO);
	for (bool more = true; more;) {
		CLEANUP(item_free) struct item *it = take(p);

		ck_assert_int_ne(it->kind, ITEM_ERROR);
		for (size_t i = 0; i < it->bad.n; i++) {
			ck_assert_uint_ge(it->bad.v[i].offset, it->offset);
			ck_assert_uint_le(it->bad.v[i].offset + it->bad.v[i].length,
					  it->offset + it->length);
			ck_assert_int_eq(extents_add(&all,
						     it->disk * 1000 * CHUNK + it->bad.v[i].offset,
						     it->bad.v[i].length, 0),
					 0);
		}
		more = it->kind != ITEM_END;
	}
	ck_assert_uint_eq(all.n, 3);
	ck_assert_uint_eq(all.v[0].offset, 7 * CHUNK + 5 * SECTOR);
	ck_assert_uint_eq(all.v[0].length, 2 * SECTOR);
	ck_assert_uint_eq(all.v[1].offset, 8 * CHUNK - SECTOR);
	ck_assert_uint_eq(all.v[1].length, 2 * SECTOR);
	ck_assert_uint_eq(all.v[2].offset, 1000 * CHUNK);
	ck_assert_uint_eq(all.v[2].length, 3 * SECTOR);
}
END_TEST

/* A bad sector where nobody's data is is nobody's business. */
START_TEST(bad_sector_in_free_space)
{
	uint8_t sum[RUN_LEN], same[RUN_LEN];

	run(0, 1, READER_STOP, sum);
	bitmap_set_range(bad[0], 3 * CHUNK, CHUNK);
	run(2, 1, READER_STOP, same);
	ck_assert_mem_eq(sum, same, RUN_LEN);
}
END_TEST

START_TEST(source_shrinks)
{
	CLEANUP(pipeline_free) struct pipeline *p = NULL;

	ck_assert_int_eq(truncate(path[0], 9 * (off_t)CHUNK), 0);
	engine = READAHEAD_AUTO;
	p = start(2, 1, READER_ZERO);
	for (bool more = true; more;) {
		CLEANUP(item_free) struct item *it = take(p);

		ck_assert_int_ne(it->kind, ITEM_END);
		more = it->kind != ITEM_ERROR;
		if (!more)
			ck_assert_int_eq(it->code, -ENODATA);
	}
}
END_TEST

START_TEST(freed_early)
{
	for (int n = 0; n < 12; n++)
		for (unsigned int threads = 0; threads < 3; threads++) {
			struct pipeline *p = start(threads, 1, READER_STOP);

			for (int i = 0; i < n * n / 2 % 40; i++)
				item_free(take(p));
			/* Let it fill up, some times. */
			if (n % 4 == 0)
				poll(NULL, 0, 30);
			pipeline_free(p);
		}
}
END_TEST

static Suite *pipeline_suite(void)
{
	const TTest *const tests[] = { serial_equals_parallel, walk,
				       all_used_without_a_map, bad_sector_stops,
				       bad_sectors_are_zeroes, bad_sector_in_free_space,
				       source_shrinks,	       freed_early };
	Suite *s = suite_create("pipeline");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		TCase *tc = tcase_create(tests[i]->name);

		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, tests[i]);
		tcase_set_timeout(tc, 60);
		suite_add_tcase(s, tc);
	}
	return s;
}

UNIT_MAIN(pipeline_suite)
