/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chunks through the decoders and back in any order of waiting that writers could have.
 *
 * WRAP: -Wl,--wrap=fdio_alloc
 */
#include "p2v-server/decode.h"

#include <pthread.h>

#include "tests/unit/test_server_rig.h"

#define CHUNKS	48

static unsigned int lent;		/* chunks of memory that were ever allocated to lend */

void *__real_fdio_alloc(size_t len);
void *__wrap_fdio_alloc(size_t len);

void *__wrap_fdio_alloc(size_t len)
{
	__atomic_add_fetch(&lent, 1, __ATOMIC_RELAXED);
	return __real_fdio_alloc(len);
}

struct work {
	struct chunk chunk;
	struct decode_ticket ticket;
	struct err err;
	bool wrong;
};

static struct rig_disk disk;
static struct work work[CHUNKS];
static struct decode *decode;

static void nothing(void)
{
}

/* Every chunk packs, so every one needs memory to be decoded into; every fifth is damaged. */
static void make(unsigned int threads)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	CLEANUP(mem_free) uint8_t *scratch = malloc(CODEC_SCRATCH_SIZE);

	disk = rig_disk_new(CHUNKS * CHUNK, 9);
	memset(work, 0, sizeof(work));
	MUST(codec_new(1, &c, &e));
	for (size_t i = 0; i < CHUNKS; i++) {
		struct msg_data m;

		memset(disk.bytes + i * CHUNK, (int)i + 1, CLUSTER);
		ck_assert_int_eq(rig_encode(c, &disk, 0, i * CHUNK, scratch, &m), 0);
		work[i].wrong = i % 5 == 3;
		m.sha256[0] ^= work[i].wrong;
		MUST(chunk_take(&work[i].chunk, &m, &e));
		ck_assert(!work[i].chunk.in_place);
	}
	lent = 0;
	MUST(decode_new(threads, &decode, &e));
	for (size_t i = 0; i < CHUNKS; i++)
		decode_submit(decode, &work[i].ticket, &work[i].chunk, &work[i].err);
}

static void done(void)
{
	decode_free(decode);
	for (size_t i = 0; i < CHUNKS; i++)
		chunk_drop(&work[i].chunk);
	free(disk.bytes);
}

static void check(size_t i)
{
	int r = decode_wait(decode, &work[i].ticket);

	ck_assert_int_eq(r, work[i].wrong ? -EILSEQ : 0);
	ck_assert_int_eq(work[i].err.code, work[i].wrong ? EILSEQ : 0);
	if (r == 0)
		ck_assert_mem_eq(work[i].chunk.raw, disk.bytes + i * CHUNK, CHUNK);
	decode_release(decode, &work[i].ticket);
}

START_TEST(one_after_the_other)
{
	static const unsigned int threads[] = { 0, 1, 2, 5 };

	make(threads[_i]);
	for (size_t i = 0; i < CHUNKS; i++)
		check(i);
	ck_assert_uint_gt(lent, 0);
	ck_assert_uint_le(lent, decode_ahead(threads[_i]));
	done();
}
END_TEST

static void *every_third(void *arg)
{
	for (size_t i = (size_t)(uintptr_t)arg; i < CHUNKS; i += 3)
		check(i);
	return NULL;
}

/* Three writers, of which each waits for its own; the limit stops none of them for good. */
START_TEST(several_wait)
{
	for (unsigned int threads = 1; threads < 4; threads++) {
		pthread_t t[3];

		make(threads);
		for (size_t i = 0; i < 3; i++)
			ck_assert_int_eq(pthread_create(&t[i], NULL, every_third, (void *)i), 0);
		for (size_t i = 0; i < 3; i++)
			pthread_join(t[i], NULL);
		ck_assert_uint_le(lent, decode_ahead(threads));
		done();
	}
}
END_TEST

START_TEST(numbers_of_threads)
{
	ck_assert_int_eq(decode_threads_check(-1, NULL), -EINVAL);
	ck_assert_int_eq(decode_threads_check(0, NULL), 0);
	ck_assert_int_eq(decode_threads_check((int)DECODE_THREADS_MAX, NULL), 0);
	ck_assert_int_eq(decode_threads_check((int)DECODE_THREADS_MAX + 1, NULL), -EINVAL);
	ck_assert_uint_ge(decode_threads_default(), 1);
	ck_assert_uint_le(decode_threads_default(), 8);
}
END_TEST

static Suite *decode_suite(void)
{
	const TTest *const tests[] = { several_wait, numbers_of_threads };
	Suite *s = rig_suite("decode", tests, ARRAY_SIZE(tests), nothing, nothing);
	TCase *tc = tcase_create("one_after_the_other");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, one_after_the_other, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(decode_suite)
