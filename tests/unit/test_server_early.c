/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Verification beside the copy: what it saves, and that it vouches for nothing that changed.
 *
 * WRAP: -Wl,--wrap=pread64
 */
#include "p2v-server/early.h"

#include <poll.h>

#include "p2v-server/target.h"
#include "p2v-server/verify.h"
#include "tests/unit/test_server_rig.h"

#define CHUNKS	12
#define SIZE	(CHUNKS * CHUNK + 1536)

static const uint64_t size = SIZE;
static struct rig_disk disk;
static struct codec *codec;
static uint8_t *scratch;
static struct job *job;
static struct target *target;
static uint64_t id;
static uint64_t bytes_read;		/* by anybody, with pread */

ssize_t __real_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset);

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset)
{
	__atomic_add_fetch(&bytes_read, len, __ATOMIC_RELAXED);
	return __real_pread64(fd, buf, len, offset);
}

/* All of it noise, so that every cluster is raw; the tests make other chunks as they need. */
static void setup(void)
{
	uint64_t rng = 8;

	rig_setup();
	disk = rig_disk_new(SIZE, 1);
	for (uint64_t i = 0; i < SIZE; i += 8)
		put_be64(disk.bytes + i, rig_random(&rng));
	MUST(codec_new(1, &codec, &e));
	scratch = malloc(CODEC_SCRATCH_SIZE);
	id = 0;
}

static void teardown(void)
{
	target_free(target);
	target = NULL;
	job_free(job);
	job = NULL;
	codec_free(codec);
	free(scratch);
	free(disk.bytes);
	rig_teardown();
}

static void give(uint64_t chunk)
{
	struct msg_data m;

	ck_assert_int_eq(rig_encode(codec, &disk, 0, chunk * CHUNK, scratch, &m), 0);
	m.id = ++id;
	MUST(target_data(target, &m, &e));
}

/* Until what was given is journalled, and nothing that is waits to be looked at. */
static void settle(void)
{
	uint64_t acked, durable;

	MUST(target_save(target, &e));
	do {
		MUST(target_poll(target, &acked, &durable, &e));
		poll(NULL, 0, 1);
	} while (early_pending(target_early(target)) > 0);
}

static void begin(bool compressed, unsigned int threads)
{
	job = rig_job("box", &size, 1, compressed);
	MUST(target_open(job, threads, &target, &e));
	for (uint64_t c = 0; c <= CHUNKS; c++)
		give(c);
}

/* The end of the copy. verify() is told by what was found beside it. */
static struct early *end(void)
{
	struct early *early = target_take_early(target);

	MUST(target_save(target, &e));
	MUST(target_close(TAKE_PTR(target), &e));
	return early;
}

static void verify(struct early *early, struct verify_result *res)
{
	CLEANUP(journal_free) struct journal *j = NULL;

	MUST(job_journal(job, false, &j, &e));
	bytes_read = 0;
	MUST(verify_job(job, j, true, 2, early, NULL, NULL, res, &e));
}

/* The digest that reading everything gives. */
static void check_digest(void)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	char digest[SHA256_HEX_LEN + 1];

	memcpy(digest, job->images[0].digest, sizeof(digest));
	verify(NULL, &res);
	ck_assert_uint_eq(res.read_bytes, SIZE);
	ck_assert_str_eq(job->images[0].digest, digest);
}

START_TEST(nothing_is_left_to_read)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(early_free) struct early *early = NULL;

	begin(false, 2);
	settle();
	ck_assert_uint_eq(early_bytes(target_early(target)), SIZE);
	early = end();
	verify(early, &res);
	ck_assert_uint_eq(res.bad_bytes, 0);
	ck_assert_uint_eq(res.read_bytes, 0);
	/* Three readers' headers and L1 tables, and the one L2 table. */
	ck_assert_uint_lt(bytes_read, CHUNK / 2);
	check_digest();
	ck_assert_uint_gt(bytes_read, SIZE);
}
END_TEST

START_TEST(a_change_takes_the_mark_back)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(early_free) struct early *early = NULL;
	struct msg_zero z = { .reason = PROTO_ZERO_ZERO, .offset = 7 * CHUNK, .length = CHUNK };

	begin(false, 2);
	settle();
	/* The same clusters are written again, in place: the mapping stays. */
	for (uint64_t i = 0, rng = 5; i < CHUNK; i += 8)
		put_be64(disk.bytes + 3 * CHUNK + i, rig_random(&rng));
	give(3);
	z.id = ++id;
	MUST(target_zero(target, &z, &e));
	memset(disk.bytes + 7 * CHUNK, 0, CHUNK);
	ck_assert_uint_eq(early_mark(target_early(target), 0, 3), 0);
	ck_assert_uint_eq(early_mark(target_early(target), 0, 7), 0);
	ck_assert_uint_ne(early_mark(target_early(target), 0, 4), 0);
	early = end();
	ck_assert_uint_eq(early_mark(early, 0, 3), 0);
	verify(early, &res);
	ck_assert_uint_eq(res.bad_bytes, 0);
	ck_assert_uint_eq(res.read_bytes, CHUNK);
}
END_TEST

/* Taken up again: what is durable from before is looked at, and what is wrong gets no mark. */
START_TEST(wrong_bytes_get_no_mark)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(early_free) struct early *early = NULL;
	CLEANUP(mem_free) char *file = NULL;
	size_t len;
	char *at;

	begin(false, 0);
	ck_assert_ptr_null(target_take_early(target));
	MUST(target_save(target, &e));
	MUST(target_close(TAKE_PTR(target), &e));
	MUST(fdio_read_file_at(job->dirfd, "sda0.qcow2.partial", 64 << 20, &file, &len, &e));
	at = memmem(file, len, disk.bytes + 5 * CHUNK + 7 * CLUSTER, 4096);
	ck_assert_ptr_nonnull(at);
	at[100] ^= 1;
	rig_write("box/sda0.qcow2.partial", file, len);

	MUST(target_open(job, 2, &target, &e));
	settle();
	ck_assert_uint_eq(early_bytes(target_early(target)), SIZE - CHUNK);
	early = end();
	verify(early, &res);
	ck_assert_uint_eq(res.read_bytes, CHUNK);
	ck_assert_uint_eq(res.bad_bytes, CHUNK);
	ck_assert_uint_eq(res.bad[0].v[0].offset, 5 * CHUNK);
}
END_TEST

/* The file offset of the image's only L2 table. */
static uint64_t l2_offset(const char *file)
{
	uint64_t l1 = get_be64((const uint8_t *)file + 40);

	return get_be64((const uint8_t *)file + l1) & UINT64_C(0x00fffffffffffe00);
}

/* Change something in the tables behind everybody's back after all was marked. */
static void tamper(void (*change)(char *file), struct verify_result *res)
{
	CLEANUP(early_free) struct early *early = NULL;
	CLEANUP(mem_free) char *file = NULL;
	size_t len;

	begin(false, 2);
	settle();
	early = end();
	MUST(fdio_read_file_at(job->dirfd, "sda0.qcow2.partial", 64 << 20, &file, &len, &e));
	change(file);
	rig_write("box/sda0.qcow2.partial", file, len);
	verify(early, res);
}

static void copy_entry(char *file, uint64_t to, uint64_t from)
{
	char *l2 = file + l2_offset(file);

	memcpy(l2 + to * 8, l2 + from * 8, 8);
}

static void share(char *file)
{
	copy_entry(file, 2 * 16 + 3, 9 * 16 + 5);
}

/* Two chunks on one cluster: the one whose entries changed is bad, the other is read again. */
START_TEST(shared_cluster_is_read_again)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };

	tamper(share, &res);
	ck_assert_uint_eq(res.read_bytes, 2 * CHUNK);
	ck_assert_uint_eq(res.bad_bytes, CHUNK);
	ck_assert_uint_eq(res.bad[0].v[0].offset, 2 * CHUNK);
}
END_TEST

static void lose(char *file)
{
	copy_entry(file, 4 * 16 + 3, 8000);	/* from where nothing is mapped */
}

START_TEST(lost_mapping_is_read_again)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };

	tamper(lose, &res);
	ck_assert_uint_eq(res.read_bytes, CHUNK);
	ck_assert_uint_eq(res.bad_bytes, CHUNK);
	ck_assert_uint_eq(res.bad[0].v[0].offset, 4 * CHUNK);
}
END_TEST

/* The refcount of a cluster of chunk 6 says that it is free. */
static void free_one(char *file)
{
	uint64_t host = get_be64((const uint8_t *)file + l2_offset(file) + (6 * 16 + 1) * 8) &
			UINT64_C(0x00fffffffffffe00);
	uint64_t table = get_be64((const uint8_t *)file + 48);
	uint64_t block = get_be64((const uint8_t *)file + table);

	ck_assert_uint_eq(get_be16((const uint8_t *)file + block + host / CLUSTER * 2), 1);
	put_be16((uint8_t *)file + block + host / CLUSTER * 2, 0);
}

START_TEST(free_cluster_is_read_again)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };

	tamper(free_one, &res);
	ck_assert_uint_eq(res.read_bytes, CHUNK);
	ck_assert_uint_eq(res.bad_bytes, 0);
}
END_TEST

START_TEST(packed_chunks_are_read_at_the_end)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(early_free) struct early *early = NULL;

	memset(disk.bytes + CHUNK, 'p', CLUSTER);	/* one packed cluster is enough */
	begin(true, 2);
	settle();
	ck_assert_uint_eq(early_mark(target_early(target), 0, 1), 0);
	ck_assert_uint_eq(early_bytes(target_early(target)), SIZE - CHUNK);
	early = end();
	verify(early, &res);
	ck_assert_uint_eq(res.bad_bytes, 0);
	ck_assert_uint_eq(res.read_bytes, CHUNK);
	check_digest();
}
END_TEST

START_TEST(busy_writers_are_left_alone)
{
	CLEANUP(journal_free) struct journal *j = NULL;
	CLEANUP(early_free) struct early *early = NULL;

	begin(false, 0);
	MUST(target_save(target, &e));
	MUST(target_close(TAKE_PTR(target), &e));
	MUST(job_journal(job, false, &j, &e));
	MUST(early_new(job, j, &early, &e));
	ck_assert_uint_eq(early_pending(early), CHUNKS + 1);
	/* As much time as all of it takes otherwise, and more; what is right passes in any. */
	for (int i = 0; i < 50 && early_pending(early) > 0; i++)
		poll(NULL, 0, 2);
	early_stop(early);
	ck_assert_uint_eq(early_bytes(early), 0);
	ck_assert_uint_eq(early_pending(early), CHUNKS + 1);
}
END_TEST

/* Chunks that change all the time, while they are being read: the marks that stay are right. */
START_TEST(changes_and_marks_race)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(early_free) struct early *early = NULL;
	uint64_t rng = 77;

	begin(false, 2);
	for (int i = 0; i < 150; i++) {
		uint64_t c = rig_random(&rng) % CHUNKS, acked, durable;

		put_be64(disk.bytes + c * CHUNK + 64 * (rig_random(&rng) % 1000),
			 rig_random(&rng));
		give(c);
		if (i % 3 == 0)
			MUST(target_save(target, &e));
		MUST(target_poll(target, &acked, &durable, &e));
		if (i % 10 == 0)
			poll(NULL, 0, 1);
	}
	early = end();
	verify(early, &res);
	ck_assert_uint_eq(res.bad_bytes, 0);
	ck_assert_uint_eq(res.read_bytes, SIZE - early_bytes(early));
	check_digest();
	rig_compare(job->dirfd, "sda0.qcow2.partial", &disk, NULL);
}
END_TEST

static Suite *early_suite(void)
{
	const TTest *const tests[] = { nothing_is_left_to_read,
				       a_change_takes_the_mark_back,
				       wrong_bytes_get_no_mark,
				       shared_cluster_is_read_again,
				       lost_mapping_is_read_again,
				       free_cluster_is_read_again,
				       packed_chunks_are_read_at_the_end,
				       busy_writers_are_left_alone,
				       changes_and_marks_race };

	return rig_suite("early", tests, ARRAY_SIZE(tests), setup, teardown);
}

UNIT_MAIN(early_suite)
