/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/verify.h"

#include <poll.h>

#include "p2v-server/disk_digest.h"
#include "p2v-server/target.h"
#include "tests/unit/test_server_rig.h"

#define DISKS	2

static const uint64_t sizes[DISKS] = { 4 * CHUNK + 1536, 2 * CHUNK };
static struct rig_disk disk[DISKS];
static struct codec *codec;
static uint8_t *scratch;
static struct job *job;
static unsigned int threads;		/* every test is run with 0 and with 3 */

static void setup(void)
{
	rig_setup();
	for (size_t i = 0; i < DISKS; i++)
		disk[i] = rig_disk_new(sizes[i], 5 + i);
	/* One chunk of noise and one of text, whatever else there is. */
	for (uint64_t i = 0, rng = 3; i < CHUNK; i += 8)
		put_be64(disk[0].bytes + CHUNK + i, rig_random(&rng));
	for (uint64_t i = 0; i < CHUNK; i += 8)
		put_be64(disk[0].bytes + 2 * CHUNK + i, i % 1000);
	memset(disk[0].bytes + 3 * CHUNK, 0, CHUNK);
	MUST(codec_new(1, &codec, &e));
	scratch = malloc(CODEC_SCRATCH_SIZE);
}

static void setup_serial(void)
{
	threads = 0;
	setup();
}

static void setup_parallel(void)
{
	threads = 3;
	setup();
}

static void teardown(void)
{
	job_free(job);
	job = NULL;
	codec_free(codec);
	free(scratch);
	for (size_t i = 0; i < DISKS; i++)
		free(disk[i].bytes);
	rig_teardown();
}

/* Copy what the journal lacks. */
static void copy(void)
{
	struct target *t = NULL;
	uint64_t id = 0;

	MUST(target_open(job, 2, &t, &e));
	for (uint16_t i = 0; i < DISKS; i++) {
		for (uint64_t k = 0; k * CHUNK < sizes[i]; k++) {
			struct msg_data m;
			struct msg_zero z = { .disk = i,
					      .offset = k * CHUNK,
					      .length = rig_chunk_length(&disk[i], k * CHUNK),
					      .reason = PROTO_ZERO_ZERO };

			if (target_journal(t)->disks[i].state[k] != CHUNK_ABSENT)
				continue;
			m.id = z.id = ++id;
			if (rig_encode(codec, &disk[i], i, k * CHUNK, scratch, &m) == 1) {
				MUST(target_zero(t, &z, &e));
			} else {
				m.id = id;
				MUST(target_data(t, &m, &e));
			}
		}
	}
	MUST(target_save(t, &e));
	MUST(target_close(t, &e));
}

static struct journal *journal(void)
{
	struct journal *j = NULL;

	MUST(job_journal(job, false, &j, &e));
	return j;
}

static int verify(struct verify_result *res, struct err *err)
{
	CLEANUP(journal_free) struct journal *j = journal();

	return verify_job(job, j, true, threads, NULL, NULL, NULL, res, err);
}

/* As docs/job-format.md says, with every chunk hashed. */
static void digest_of(const struct rig_disk *d, char ret[static SHA256_HEX_LEN + 1])
{
	uint8_t list[64][SHA256_LEN], sha[SHA256_LEN];
	size_t n = 0;

	for (uint64_t at = 0; at < d->size; at += CHUNK) {
		uint64_t end = at + rig_chunk_length(d, at), k = 0;
		uint8_t blocks[256][SHA256_LEN];

		for (uint64_t b = at; b < end; b += 4096)
			ck_assert_int_eq(digest_sha256(d->bytes + b, MIN(4096, end - b),
						       blocks[k++]), 0);
		ck_assert_int_eq(digest_sha256(blocks, k * SHA256_LEN, list[n++]), 0);
	}
	ck_assert_int_eq(digest_sha256(list, n * SHA256_LEN, sha), 0);
	digest_hex(sha, sizeof(sha), ret);
}

static void check_clean(void)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };

	MUST(verify(&res, &e));
	ck_assert_uint_eq(res.bad_bytes, 0);
	for (size_t i = 0; i < DISKS; i++) {
		char hex[SHA256_HEX_LEN + 1];

		digest_of(&disk[i], hex);
		ck_assert_str_eq(job->images[i].digest, hex);
	}
}

/* Change a byte in the middle of these bytes of disk 0's image. */
static void flip(const void *bytes, size_t len)
{
	CLEANUP(mem_free) char *file = NULL;
	size_t size;
	char *at;

	MUST(fdio_read_file_at(job->dirfd, "sda0.qcow2.partial", 64 << 20, &file, &size, &e));
	at = memmem(file, size, bytes, len);
	ck_assert_msg(at, "not in the image");
	at[len / 2] ^= 1;
	rig_write("box/sda0.qcow2.partial", file, size);
}

/* Verification names this chunk of disk 0 and no other; sent again, all is well. */
static void check_bad_then_repair(uint64_t chunk)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	struct journal_record rec = { .type = JOURNAL_REVOKE,
				      .offset = chunk * CHUNK,
				      .length = CHUNK };
	struct journal *j;

	MUST(verify(&res, &e));
	ck_assert_uint_eq(res.bad_bytes, CHUNK);
	ck_assert_uint_eq(res.bad[0].n, 1);
	ck_assert_uint_eq(res.bad[0].v[0].offset, chunk * CHUNK);
	ck_assert_uint_eq(res.bad[0].v[0].length, CHUNK);
	ck_assert_uint_eq(res.bad[1].n, 0);
	j = journal();
	MUST(journal_append(j, &rec, 1, &e));
	journal_free(j);
	copy();
	check_clean();
}

START_TEST(clean)
{
	for (int compressed = 0; compressed < 2; compressed++) {
		job = rig_job("box", sizes, DISKS, compressed);
		copy();
		check_clean();
		teardown();
		setup();
	}
}
END_TEST

START_TEST(byte_in_a_raw_cluster)
{
	job = rig_job("box", sizes, DISKS, false);
	copy();
	flip(disk[0].bytes + CHUNK + 5 * CLUSTER, 4096);
	check_bad_then_repair(1);
}
END_TEST

START_TEST(byte_in_a_compressed_cluster)
{
	struct msg_data m;

	job = rig_job("box", sizes, DISKS, true);
	copy();
	ck_assert_int_eq(rig_encode(codec, &disk[0], 0, 2 * CHUNK, scratch, &m), 0);
	ck_assert_int_eq(m.clusters[7].codec, PROTO_CODEC_ZSTD);
	flip(m.clusters[7].p, m.clusters[7].stored);
	check_bad_then_repair(2);
}
END_TEST

/* The journal says zero, the image has something there. */
START_TEST(zero_that_is_not)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	struct journal_record rec = {
		.type = JOURNAL_ZERO, .reason = PROTO_ZERO_FREE, .offset = 0, .length = 4 * CHUNK
	};
	struct journal *j;

	job = rig_job("box", sizes, DISKS, false);
	copy();
	j = journal();
	MUST(journal_append(j, &rec, 1, &e));
	journal_free(j);
	MUST(verify(&res, &e));
	ck_assert_uint_eq(res.bad[0].n, 1);
	ck_assert_uint_eq(res.bad[0].v[0].offset, 0);
	ck_assert_uint_eq(res.bad[0].v[0].length, 3 * CHUNK);
	ck_assert_str_eq(job->images[0].digest, "");
	ck_assert_str_ne(job->images[1].digest, "");
}
END_TEST

START_TEST(never_sent)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	struct target *t = NULL;

	job = rig_job("box", sizes, DISKS, false);
	MUST(target_open(job, 2, &t, &e));
	target_free(t);
	MUST(verify(&res, &e));
	ck_assert_uint_eq(res.bad_bytes, sizes[0] + sizes[1]);
}
END_TEST

/* Cut at many places: ranges are named or the image is refused; it is never called good. */
START_TEST(truncated)
{
	for (int compressed = 0; compressed < 2; compressed++) {
		CLEANUP(mem_free) char *file = NULL;
		size_t size;

		job = rig_job("box", sizes, DISKS, compressed);
		copy();
		MUST(fdio_read_file_at(job->dirfd, "sda0.qcow2.partial", 64 << 20, &file, &size,
				       &e));
		/* Its last 64 KiB may be only half used. */
		for (size_t n = 0; n + CLUSTER < size; n += n < 4096 ? 509 : size / 23) {
			CLEANUP(verify_result_done) struct verify_result res = { 0 };
			struct err why = ERR_INIT;
			int r;

			rig_write("box/sda0.qcow2.partial", file, n);
			job->images[0].digest[0] = '\0';
			r = verify(&res, &why);
			ck_assert_msg(r < 0 || res.bad[0].n > 0, "cut at %zu passes", n);
			ck_assert(r >= 0 || strlen(why.text) > 0);
			ck_assert_str_eq(job->images[0].digest, "");
		}
		teardown();
		setup();
	}
}
END_TEST

START_TEST(image_missing)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	struct err why = ERR_INIT;

	job = rig_job("box", sizes, DISKS, false);
	copy();
	ck_assert_int_eq(
		renameat(job->dirfd, "sdb1.qcow2.partial", job->dirfd, "sda0.qcow2.partial"), 0);
	ck_assert_int_lt(verify(&res, &why), 0);	/* sda0 is the other's: another size */
	ck_assert_ptr_nonnull(strstr(why.text, "sda0"));
	ck_assert_int_eq(unlinkat(job->dirfd, "sda0.qcow2.partial", 0), 0);
	ck_assert_int_eq(verify(&res, &why), -ENOENT);
}
END_TEST

static int stop_halfway(uint64_t done, uint64_t total, void *opaque)
{
	uint64_t *last = opaque;

	ck_assert_uint_gt(done, *last);
	ck_assert_uint_eq(total, sizes[0] + sizes[1]);
	*last = done;
	return done * 2 > total ? -ECANCELED : 0;
}

START_TEST(stopped)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(journal_free) struct journal *j = NULL;
	uint64_t last = 0;

	job = rig_job("box", sizes, DISKS, false);
	copy();
	j = journal();
	ck_assert_int_eq(verify_job(job, j, true, threads, NULL, stop_halfway, &last, &res, NULL),
			 -ECANCELED);
	ck_assert_uint_lt(last, sizes[0] + sizes[1]);
}
END_TEST

static int count_calls(uint64_t done, uint64_t total, void *opaque)
{
	(void)done;
	(void)total;
	++*(unsigned int *)opaque;
	return 0;
}

/* A million chunks of which two are used: what is free is gone over in strides. */
START_TEST(large_and_sparse)
{
	static const uint64_t size = TIB + CLUSTER;
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(journal_free) struct journal *j = NULL;
	CLEANUP(disk_digest_free) struct disk_digest *want = NULL;
	struct msg_zero z = { .length = size, .reason = PROTO_ZERO_FREE, .id = 1 };
	uint8_t sha[SHA256_LEN];
	struct target *t = NULL;
	char hex[SHA256_HEX_LEN + 1];
	unsigned int calls = 0;
	struct msg_data m;

	job = rig_job("box", &size, 1, false);
	MUST(target_open(job, 2, &t, &e));
	MUST(target_zero(t, &z, &e));
	for (uint64_t i = 0; i < 2; i++) {
		ck_assert_int_eq(rig_encode(codec, &disk[0], 0, CHUNK, scratch, &m), 0);
		m.offset = i * (TIB / 2 + 3 * CHUNK);
		m.id = i + 2;
		MUST(target_data(t, &m, &e));
	}
	MUST(target_save(t, &e));
	MUST(target_close(t, &e));
	j = journal();
	MUST(verify_job(job, j, true, threads, NULL, count_calls, &calls, &res, &e));
	ck_assert_uint_eq(res.bad_bytes, 0);
	ck_assert_uint_lt(calls, 8);

	ck_assert_int_eq(chunk_digest(disk[0].bytes + CHUNK, CHUNK, sha), 0);
	MUST(disk_digest_new(&want, &e));
	MUST(disk_digest_add(want, sha, &e));
	MUST(disk_digest_add_zeroes(want, TIB / 2 + 2 * CHUNK, &e));
	MUST(disk_digest_add(want, sha, &e));
	MUST(disk_digest_add_zeroes(want, TIB / 2 - 4 * CHUNK + CLUSTER, &e));
	MUST(disk_digest_final(want, hex, &e));
	ck_assert_str_eq(job->images[0].digest, hex);
}
END_TEST

static Suite *verify_suite(void)
{
	const TTest *const tests[] = { clean,
				       byte_in_a_raw_cluster,
				       byte_in_a_compressed_cluster,
				       zero_that_is_not,
				       never_sent,
				       truncated,
				       image_missing,
				       stopped,
				       large_and_sparse };

	Suite *s = rig_suite("verify", tests, ARRAY_SIZE(tests), setup_serial, teardown);

	rig_suite_add(s, tests, ARRAY_SIZE(tests), setup_parallel, teardown);
	return s;
}

UNIT_MAIN(verify_suite)
