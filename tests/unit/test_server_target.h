/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of a job's target share: disks in memory, what the job should hold of them, and
 * the target in between. The rule under test: whatever happened, the journal claims only what the
 * images have, and going on from there ends with the same images.
 */
#ifndef P2V_TESTS_SERVER_TARGET_H
#define P2V_TESTS_SERVER_TARGET_H

#include <poll.h>

#include "p2v-server/target.h"
#include "tests/unit/test_server_rig.h"

#define DISKS	3

static UNUSED const uint64_t sizes[DISKS] = { 3 * CHUNK + 1536, 2 * CHUNK, 5 * CHUNK + CLUSTER };

struct rig {
	struct rig_disk disk[DISKS];
	struct codec *codec;
	uint8_t *scratch;
	bool compressed;
	unsigned int threads;
	struct job *job;
	struct target *target;
	uint64_t id;			/* given last */
	uint64_t acked, durable;
};

static UNUSED struct rig rig;

static UNUSED void setup(void)
{
	rig_setup();
	rig = (struct rig){ 0 };
	for (size_t i = 0; i < DISKS; i++)
		rig.disk[i] = rig_disk_new(sizes[i], 77 + i);
	MUST(codec_new(1, &rig.codec, &e));
	rig.scratch = malloc(CODEC_SCRATCH_SIZE);
}

/* Every test is run with all in one thread, and with three that decode. */
static UNUSED void setup_serial(void)
{
	setup();
	rig.threads = 0;
}

static UNUSED void setup_parallel(void)
{
	setup();
	rig.threads = 3;
}

static UNUSED void teardown(void)
{
	target_free(rig.target);
	job_free(rig.job);
	codec_free(rig.codec);
	free(rig.scratch);
	for (size_t i = 0; i < DISKS; i++)
		free(rig.disk[i].bytes);
	rig_teardown();
}

static UNUSED int begin(struct err *err)
{
	rig.id = rig.acked = rig.durable = 0;
	return target_open(rig.job, rig.threads, &rig.target, err);
}

static UNUSED void create(bool compressed)
{
	rig.compressed = compressed;
	rig.job = rig_job("box", sizes, DISKS, compressed);
	MUST(begin(&e));
}

/* As after a crash: nothing more is made durable. */
static UNUSED void abandon(void)
{
	target_free(rig.target);
	job_free(rig.job);
	rig.target = NULL;
	rig.job = NULL;
}

static UNUSED void reopen(void)
{
	MUST(job_open(rig_store, "box", JOB_LOCK_TAKE_OVER, &rig.job, &e));
	MUST(begin(&e));
}

static UNUSED int give(uint16_t disk, uint64_t chunk, struct err *err)
{
	const struct rig_disk *d = &rig.disk[disk];
	struct msg_data m;

	if (rig_encode(rig.codec, d, disk, chunk * CHUNK, rig.scratch, &m) == 1) {
		struct msg_zero z = { .disk = disk,
				      .reason = PROTO_ZERO_ZERO,
				      .offset = chunk * CHUNK,
				      .length = rig_chunk_length(d, chunk * CHUNK),
				      .id = ++rig.id };

		return target_zero(rig.target, &z, err);
	}
	m.id = ++rig.id;
	return target_data(rig.target, &m, err);
}

static UNUSED int flush(struct err *err)
{
	return target_flush(rig.target, ++rig.id, err);
}

static UNUSED int poll_target(struct err *err)
{
	uint64_t acked = 0, durable = 0;
	int r = target_poll(rig.target, &acked, &durable, err);

	if (r < 0)
		return r;
	ck_assert_uint_ge(acked, rig.acked);
	ck_assert_uint_ge(durable, rig.durable);
	ck_assert_uint_ge(acked, durable);
	ck_assert_uint_le(acked, rig.id);
	rig.acked = acked;
	rig.durable = durable;
	return 0;
}

/* Until id is acknowledged (durable). */
static UNUSED int until(uint64_t id, bool durable, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = target_fd(rig.target), .events = POLLIN };
		int r = poll_target(err);

		if (r < 0 || (durable ? rig.durable : rig.acked) >= id)
			return r;
		ck_assert_msg(poll(&p, 1, 10000) == 1, "nothing happens any more");
	}
}

static UNUSED int flush_now(struct err *err)
{
	int r = flush(err);

	return r < 0 ? r : until(rig.id, true, err);
}

/* All that is not durable, in the order of the disks. */
static UNUSED int give_rest(struct err *err)
{
	int r = 0;

	for (uint16_t i = 0; r >= 0 && i < DISKS; i++)
		for (uint64_t c = 0; r >= 0 && c * CHUNK < sizes[i]; c++)
			if (target_journal(rig.target)->disks[i].state[c] == CHUNK_ABSENT)
				r = give(i, c, err);
	return r;
}

static UNUSED void image_name(size_t i, char ret[static 64])
{
	CLEANUP(mem_free) char *s = job_image_name(&rig.job->images[i], true);

	snprintf(ret, 64, "%s", s);
}

/* Where the journal on disk claims anything, the image on disk has it, and the digest is right. */
static UNUSED void check_claims(void)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(journal_free) struct journal *journal = NULL;

	MUST(job_open(rig_store, "box", JOB_LOCK_NONE, &j, &e));
	if (faccessat(j->dirfd, "journal", F_OK, 0) < 0)
		return;
	if (job_journal(j, true, &journal, NULL) == -EBADMSG)
		return;			/* not begun */
	for (size_t i = 0; i < DISKS; i++) {
		const struct journal_disk *d = &journal->disks[i];
		CLEANUP(mem_free) char *name = job_image_name(&j->images[i], true);

		for (uint64_t c = 0; c < d->nchunks; c++) {
			uint8_t sha[SHA256_LEN];

			if (d->state[c] != CHUNK_DATA)
				continue;
			ck_assert_int_eq(chunk_digest(rig.disk[i].bytes + c * CHUNK,
						      rig_chunk_length(&rig.disk[i], c * CHUNK),
						      sha),
					 0);
			ck_assert_msg(memcmp(sha, d->sha256[c], sizeof(sha)) == 0,
				      "disk %zu chunk %" PRIu64 ": another digest", i, c);
		}
		if (memchr(d->state, CHUNK_DATA, d->nchunks) ||
		    memchr(d->state, CHUNK_ZERO, d->nchunks))
			rig_compare(j->dirfd, name, &rig.disk[i], d->state);
	}
}

static UNUSED void check_complete(void)
{
	ck_assert(journal_complete(target_journal(rig.target)));
	MUST(target_close(TAKE_PTR(rig.target), &e));
	for (size_t i = 0; i < DISKS; i++) {
		char name[64];

		image_name(i, name);
		rig_compare(rig.job->dirfd, name, &rig.disk[i], NULL);
	}
}

static UNUSED void finish(void)
{
	MUST(give_rest(&e));
	MUST(flush_now(&e));
	check_complete();
}

#endif
