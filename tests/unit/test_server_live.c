/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A job whose disks go on changing: rounds of STALE, PATCH, DATA, ZERO, BAD, CHECK and FLUSH held
 * against disks in memory, which change with each message that is given.
 */
#include "common/iszero.h"
#include "tests/lib/fault.h"
#include "tests/unit/test_server_target.h"

#define MOST_CHUNKS	8

struct live {
	bool there[DISKS][MOST_CHUNKS];	/* the server has it, or did when we connected */
	bool stale[DISKS][MOST_CHUNKS];	/* and not sent again */
	bool bad[DISKS][MOST_CHUNKS];	/* its first sector could not be read */
	bool differs[DISKS][MOST_CHUNKS];	/* by DIFFER */
	uint8_t *raw;
};

static struct live live;

static void setup_live(void)
{
	setup_serial();
	memset(&live, 0, sizeof(live));
	live.raw = malloc(CHUNK);
}

static void setup_live_parallel(void)
{
	setup_live();
	rig.threads = 3;
}

static void teardown_live(void)
{
	free(live.raw);
	teardown();
}

static uint64_t nchunks(uint16_t disk)
{
	return DIV_ROUND_UP(sizes[disk], CHUNK);
}

static void make_job(bool compressed)
{
	rig.job = rig_job("box", sizes, DISKS, compressed);
	rig.job->live = true;
	MUST(job_save(rig.job, &e));
}

static void create_live(bool compressed)
{
	make_job(compressed);
	MUST(begin(&e));
	memset(live.there, 0, sizeof(live.there));
	memset(live.stale, 0, sizeof(live.stale));
	memset(live.bad, 0, sizeof(live.bad));
}

/* Crashed, or left: what the journal does not have is lost. */
static void reopen_live(void)
{
	reopen();
	ck_assert(rig.job->live);
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++) {
			const struct journal_disk *d = &target_journal(rig.target)->disks[i];

			live.there[i][c] = d->state[c] != CHUNK_ABSENT;
			live.stale[i][c] = !live.there[i][c];
			live.bad[i][c] = live.bad[i][c] && live.there[i][c];
		}
}

static void start_over(void)
{
	abandon();
	rig_teardown();
	rig_setup();
}

static int stale(uint16_t disk, uint64_t first, uint64_t n, struct err *err)
{
	struct msg_range range = { first * CHUNK, MIN(n * CHUNK, sizes[disk] - first * CHUNK) };
	struct msg_stale s = { .id = ++rig.id,
			       .what = { .disk = disk, .n = 1, .ranges = &range } };
	int r = target_stale(rig.target, &s, err);

	for (uint64_t c = first; r >= 0 && c < first + n; c++)
		live.stale[disk][c] = true;
	return r;
}

/* The chunk as it is now. */
static int give_all(uint16_t disk, uint64_t chunk, struct err *err)
{
	int r = give(disk, chunk, err);

	live.there[disk][chunk] = true;
	live.stale[disk][chunk] = false;
	live.bad[disk][chunk] = false;
	return r;
}

/* Random blocks of the chunk become something else, or zeroes; block 0 when first is set. */
static void change_blocks(struct msg_patch *p, uint16_t disk, uint64_t chunk, bool first,
			  uint64_t *rng)
{
	uint64_t length = rig_chunk_length(&rig.disk[disk], chunk * CHUNK);
	uint32_t blocks = (uint32_t)DIV_ROUND_UP(length, PROTO_BLOCK_SIZE), at = 0;
	uint8_t *to = live.raw;

	*p = (struct msg_patch){ .disk = disk, .offset = chunk * CHUNK };
	if (!first)
		at = (uint32_t)(rig_random(rng) % blocks);
	while (at < blocks && p->npieces < 40) {
		uint32_t n = 1 + (uint32_t)(rig_random(rng) % 6);
		uint32_t offset = at * PROTO_BLOCK_SIZE;
		uint32_t bytes = (uint32_t)MIN((uint64_t)n * PROTO_BLOCK_SIZE, length - offset);
		uint8_t *model = rig.disk[disk].bytes + chunk * CHUNK + offset;
		uint64_t kind = rig_random(rng) % 3;

		for (uint32_t i = 0; i < bytes; i++)
			model[i] = kind == 0 ? 0 : kind == 1 ? (uint8_t)(at + i / 64)
							     : (uint8_t)rig_random(rng);
		memcpy(to, model, bytes);
		to += bytes;
		p->pieces[p->npieces++] = (struct msg_piece){ offset, bytes };
		at += n + 1 + (uint32_t)(rig_random(rng) % 40);
	}
}

static int patch(uint16_t disk, uint64_t chunk, bool first, uint64_t *rng, struct err *err)
{
	struct msg_patch p;
	int r;

	change_blocks(&p, disk, chunk, first, rng);
	MUST(codec_patch_encode(rig.codec, live.raw, rig.scratch, &p, &e));
	p.id = ++rig.id;
	r = target_patch(rig.target, &p, err);
	if (r >= 0)
		live.stale[disk][chunk] = false;
	if (r >= 0 && p.pieces[0].offset == 0)
		live.bad[disk][chunk] = false;
	return r;
}

static int patch_block(uint16_t disk, uint64_t chunk, uint32_t block, int byte, struct err *err)
{
	uint64_t offset = chunk * CHUNK + block * PROTO_BLOCK_SIZE;
	uint32_t n = (uint32_t)MIN((uint64_t)PROTO_BLOCK_SIZE, sizes[disk] - offset);
	struct msg_patch p = { .id = ++rig.id, .disk = disk, .offset = chunk * CHUNK,
			       .npieces = 1, .pieces = { { block * PROTO_BLOCK_SIZE, n } } };

	memset(rig.disk[disk].bytes + offset, byte, n);
	MUST(codec_patch_encode(rig.codec, rig.disk[disk].bytes + offset, rig.scratch, &p, &e));
	live.stale[disk][chunk] = false;
	if (block == 0)
		live.bad[disk][chunk] = false;
	return target_patch(rig.target, &p, err);
}

/* The chunk's first sector is unreadable, and zeroes come in its place. */
static int give_bad(uint16_t disk, uint64_t chunk, struct err *err)
{
	struct msg_bad b = { .disk = disk, .offset = chunk * CHUNK, .length = 512,
			     .id = ++rig.id };
	int r = target_bad(rig.target, &b, err);

	memset(rig.disk[disk].bytes + chunk * CHUNK, 0, 512);
	if (r >= 0)
		r = give_all(disk, chunk, err);
	live.bad[disk][chunk] = true;
	return r;
}

/* What the agent would say of its chunk; with planted it says something else. */
static int check(uint16_t disk, uint64_t chunk, bool planted, struct err *err)
{
	uint64_t length = rig_chunk_length(&rig.disk[disk], chunk * CHUNK);
	const uint8_t *bytes = rig.disk[disk].bytes + chunk * CHUNK;
	uint8_t sha256[SHA256_LEN];
	struct msg_check m = { .id = ++rig.id,
			       .what = { .disk = disk, .kind = PROTO_DIGESTS_ZERO, .n = 1,
					 .offset = chunk * CHUNK } };

	if (planted || !is_zero(bytes, length)) {
		ck_assert_int_eq(chunk_digest(bytes, length, sha256), 0);
		sha256[7] ^= planted;
		m.what.kind = PROTO_DIGESTS_DATA;
		m.what.sha256 = sha256;
	}
	return target_check(rig.target, &m, err);
}

static void hear_differ(void)
{
	static struct msg_range ranges[PROTO_HAVE_MAX];
	struct msg_have h;

	memset(live.differs, 0, sizeof(live.differs));
	while (target_differ(rig.target, ranges, &h))
		for (uint32_t i = 0; i < h.n; i++)
			for (uint64_t at = 0; at < h.ranges[i].length; at += CHUNK)
				live.differs[h.disk][(ranges[i].offset + at) / CHUNK] = true;
	ck_assert(!target_checks_pending(rig.target));
}

/* All is flushed: the journal and the images say of each chunk what the disks do. */
static void check_flushed(void)
{
	uint64_t bad = 0;

	for (uint16_t i = 0; i < DISKS; i++) {
		const struct journal_disk *d = &target_journal(rig.target)->disks[i];

		for (uint64_t c = 0; c < nchunks(i); c++) {
			bool has = live.there[i][c] && !live.stale[i][c];

			ck_assert_msg((d->state[c] != CHUNK_ABSENT) == has,
				      "disk %u chunk %" PRIu64 ": state %u", i, c, d->state[c]);
			bad += has && live.bad[i][c] ? 512 : 0;
		}
	}
	ck_assert_uint_eq(journal_bad_bytes(target_journal(rig.target)), bad);
	check_claims();
}

static void flush_and_check(void)
{
	MUST(flush_now(&e));
	check_flushed();
}

/* All that is missing or stale comes, and the job is whole. */
static void finish_live(void)
{
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++)
			if (!live.there[i][c] || live.stale[i][c])
				MUST(give_all(i, c, &e));
	flush_and_check();
	check_complete();
}

/* The first copy. */
static void copy_all(void)
{
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++)
			MUST(give_all(i, c, &e));
	flush_and_check();
}

static void all_stale(void)
{
	for (uint16_t i = 0; i < DISKS; i++)
		MUST(stale(i, 0, nchunks(i), &e));
}

/* ---- one thing at a time */

START_TEST(patch_of_every_kind)
{
	uint64_t rng = 1;

	for (int compressed = 0; compressed < 2; compressed++) {
		create_live(compressed);
		/* A chunk of zeroes, and one that was never read. */
		memset(rig.disk[1].bytes, 0, CHUNK);
		copy_all();
		for (int round = 0; round < 4; round++) {
			all_stale();
			for (uint16_t i = 0; i < DISKS; i++)
				for (uint64_t c = 0; c < nchunks(i); c++)
					MUST(patch(i, c, round == 0, &rng, &e));
			flush_and_check();
		}
		finish_live();
		start_over();
	}
}
END_TEST

/* After a resume the digests are the journal's, the bytes the image's. */
START_TEST(patch_after_resume)
{
	uint64_t rng = 2;

	create_live(true);
	memset(rig.disk[1].bytes, 0, CHUNK);
	copy_all();
	for (int round = 0; round < 3; round++) {
		abandon();
		reopen_live();
		all_stale();
		for (uint16_t i = 0; i < DISKS; i++)
			for (uint64_t c = 0; c < nchunks(i); c++) {
				MUST(patch(i, c, false, &rng, &e));
				MUST(patch(i, c, true, &rng, &e));
			}
		flush_and_check();
	}
	finish_live();
}
END_TEST

/* A PATCH without a STALE costs a synchronisation, and is as right. */
START_TEST(patch_of_what_is_durable)
{
	uint64_t rng = 3;

	create_live(false);
	copy_all();
	MUST(patch(0, 1, false, &rng, &e));
	ck_assert_int_eq(target_journal(rig.target)->disks[0].state[1], CHUNK_ABSENT);
	abandon();
	check_claims();
	reopen_live();
	MUST(patch(0, 2, false, &rng, &e));
	flush_and_check();
	finish_live();
}
END_TEST

START_TEST(patch_of_what_was_never_sent)
{
	struct err why = ERR_INIT;
	uint64_t rng = 4;

	create_live(false);
	MUST(give_all(0, 0, &e));
	ck_assert_int_eq(patch(0, 1, false, &rng, &why), -EBADMSG);
	ck_assert_msg(strstr(why.text, "0x100000"), "%s", why.text);
	/* That was the end. */
	ck_assert_int_eq(give(0, 2, &why), -EBADMSG);
	abandon();
	reopen_live();
	finish_live();
}
END_TEST

/* Stale, and the connection lost before it came: the digest of old is worth nothing. */
START_TEST(patch_of_what_was_lost)
{
	struct err why = ERR_INIT;
	uint64_t rng = 5;

	create_live(true);
	copy_all();
	MUST(stale(2, 1, 2, &e));
	MUST(patch(2, 1, false, &rng, &e));
	MUST(until(rig.id, false, &e));
	abandon();
	check_claims();
	reopen_live();
	ck_assert(live.stale[2][1] && live.stale[2][2] && !live.stale[2][3]);
	for (uint64_t c = 1; c < 3; c++) {
		ck_assert_int_eq(patch(2, c, false, &rng, &why), -EBADMSG);
		abandon();
		reopen_live();
	}
	finish_live();
}
END_TEST

START_TEST(patch_in_a_cold_job)
{
	struct err why = ERR_INIT;
	uint64_t rng = 6;

	create(false);
	MUST(give(0, 0, &e));
	MUST(flush_now(&e));
	ck_assert_int_eq(patch(0, 0, false, &rng, &why), -EBADMSG);
	abandon();
	reopen();
	ck_assert_int_eq(check(0, 0, false, &why), -EBADMSG);
}
END_TEST

/* With all of a round declared at once the journal is written twice, not for each chunk. */
START_TEST(stale_is_one_record_a_range)
{
	int64_t before;
	uint64_t rng = 7;

	create_live(false);
	copy_all();
	before = rig_size("box/journal");
	MUST(stale(2, 0, 6, &e));
	/* Durable before anything else is done. */
	ck_assert_int_eq(rig_size("box/journal"), before + 64);
	for (uint64_t c = 0; c < 6; c++)
		MUST(patch(2, c, false, &rng, &e));
	ck_assert_int_eq(rig_size("box/journal"), before + 64);
	/* What is stale already needs no more. */
	MUST(flush_now(&e));
	MUST(stale(2, 0, 1, &e));
	MUST(stale(2, 0, 1, &e));
	ck_assert_int_eq(rig_size("box/journal"), before + 64 * (1 + 6 + 1));
	abandon();
	check_claims();
	reopen_live();
	finish_live();
}
END_TEST

START_TEST(stale_while_something_is_on_its_way)
{
	struct err why = ERR_INIT;

	create_live(false);
	copy_all();
	MUST(give_all(0, 0, &e));
	ck_assert_int_eq(stale(0, 1, 1, &why), -EBADMSG);
	abandon();
	check_claims();
	reopen_live();
	finish_live();
}
END_TEST

/* What the image holds is not what was sent: no patch may give it a digest that says it is. */
START_TEST(patch_of_a_damaged_image)
{
	struct err why = ERR_INIT;
	uint64_t rng = 8;
	char name[64];
	int fd;

	rig_fill(&rig.disk[1], 0, CHUNK, &rng);
	memset(rig.disk[1].bytes, 'Q', CLUSTER);
	create_live(false);
	copy_all();
	abandon();
	MUST(job_open(rig_store, "box", JOB_LOCK_TAKE_OVER, &rig.job, &e));
	image_name(1, name);
	fd = openat(rig.job->dirfd, name, O_RDWR);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0;; at += CLUSTER) {
		uint8_t b[64];

		ck_assert_int_eq(pread(fd, b, sizeof(b), at), sizeof(b));
		if (b[0] != 'Q' || b[63] != 'Q')
			continue;
		ck_assert_int_eq(pwrite(fd, "R", 1, at + 50000), 1);
		break;
	}
	close(fd);
	job_free(TAKE_PTR(rig.job));
	reopen_live();
	MUST(stale(1, 0, 1, &e));
	(void)patch(1, 0, true, &rng, &why);
	ck_assert_int_eq(until(rig.id, false, &why), -EILSEQ);
	ck_assert_msg(strstr(why.text, "0x0"), "%s", why.text);
	abandon();
	reopen_live();
	ck_assert(live.stale[1][0]);
	finish_live();
}
END_TEST

/* ---- unreadable sectors */

/* A PATCH speaks of its pieces: what else of the chunk could not be read is still not there. */
START_TEST(bad_outlives_a_patch)
{
	create_live(false);
	copy_all();
	MUST(give_bad(0, 1, &e));
	MUST(give_bad(2, 3, &e));
	flush_and_check();
	for (int resumed = 0; resumed < 2; resumed++) {
		MUST(stale(0, 1, 1, &e));
		MUST(patch_block(0, 1, 5, 'p', &e));
		/* Not only what came last. */
		MUST(flush(&e));
		MUST(patch_block(0, 1, 7, 'q', &e));
		flush_and_check();
		abandon();
		reopen_live();
		check_flushed();
	}
	/* Its first block can be read now. */
	MUST(stale(0, 1, 1, &e));
	MUST(patch_block(0, 1, 5, 'r', &e));
	MUST(patch_block(0, 1, 0, 'r', &e));
	flush_and_check();
	/* All of the other chunk. */
	MUST(stale(2, 3, 1, &e));
	MUST(give_all(2, 3, &e));
	flush_and_check();
	ck_assert_uint_eq(journal_bad_bytes(target_journal(rig.target)), 0);
	finish_live();
}
END_TEST

/* ---- CHECK and DIFFER */

START_TEST(checks_that_agree)
{
	uint64_t rng = 10;

	create_live(true);
	memset(rig.disk[1].bytes, 0, CHUNK);
	copy_all();
	for (int round = 0; round < 3; round++) {
		MUST(stale(0, 0, 4, &e));
		MUST(stale(2, 1, 3, &e));
		for (uint64_t c = 0; c < 4; c++)
			MUST(patch(0, c, false, &rng, &e));
		for (uint64_t c = 1; c < 4; c++)
			MUST(give_all(2, c, &e));
		for (uint16_t i = 0; i < DISKS; i++)
			for (uint64_t c = 0; c < nchunks(i); c++)
				MUST(check(i, c, false, &e));
		ck_assert(target_checks_pending(rig.target));
		flush_and_check();
		hear_differ();
		for (uint16_t i = 0; i < DISKS; i++)
			for (uint64_t c = 0; c < nchunks(i); c++)
				ck_assert_msg(!live.differs[i][c], "disk %u chunk %" PRIu64, i, c);
	}
}
END_TEST

/* Patched until nothing is left of it: zeroes, however they came. */
START_TEST(patched_to_zeroes)
{
	create_live(false);
	for (uint64_t c = 2; c < 4; c++) {
		memset(rig.disk[0].bytes + c * CHUNK, 0, rig_chunk_length(&rig.disk[0], c * CHUNK));
		memset(rig.disk[0].bytes + c * CHUNK, 'z', 512);
	}
	copy_all();
	MUST(stale(0, 2, 2, &e));
	MUST(patch_block(0, 2, 0, 0, &e));
	MUST(patch_block(0, 3, 0, 0, &e));
	for (uint64_t c = 0; c < 4; c++)
		MUST(check(0, c, false, &e));
	flush_and_check();
	hear_differ();
	ck_assert(!live.differs[0][2]);
	ck_assert(!live.differs[0][3]);
	finish_live();
}
END_TEST

START_TEST(checks_that_do_not)
{
	create_live(false);
	memset(rig.disk[1].bytes, 0, CHUNK);
	copy_all();
	/* Changed at the source and not sent; stale and not sent; a digest of something else. */
	memset(rig.disk[0].bytes + CHUNK, 'x', 100);
	memset(rig.disk[1].bytes + 4096, 'x', 100);
	memset(rig.disk[2].bytes + CHUNK, 0, CHUNK);
	MUST(stale(2, 5, 1, &e));
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++)
			MUST(check(i, c, i == 2 && c == 0, &e));
	ck_assert(target_checks_pending(rig.target));
	MUST(flush_now(&e));
	hear_differ();
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++) {
			bool want = (i == 0 && c == 1) || (i == 1 && c == 0) ||
				    (i == 2 && (c == 0 || c == 1 || c == 5));

			ck_assert_msg(live.differs[i][c] == want, "disk %u chunk %" PRIu64, i, c);
		}
	/* Said once. */
	hear_differ();
	ck_assert(!live.differs[0][1]);
	MUST(stale(0, 1, 1, &e));
	MUST(stale(1, 0, 1, &e));
	MUST(stale(2, 1, 1, &e));
	MUST(give_all(0, 1, &e));
	MUST(give_all(1, 0, &e));
	MUST(give_all(2, 1, &e));
	flush_and_check();
	finish_live();
}
END_TEST

/* Each CHECK is answered by the flush that covers it, not by an earlier one. */
START_TEST(checks_wait_for_their_flush)
{
	create_live(false);
	copy_all();
	for (int i = 0; i < 8; i++) {
		uint64_t covered;

		MUST(flush(&e));
		MUST(flush(&e));
		covered = rig.id;
		/* Were it compared with what an earlier flush has, it would differ. */
		memset(rig.disk[0].bytes, 'a' + i, 100);
		MUST(give_all(0, 0, &e));
		MUST(check(0, 0, false, &e));
		MUST(check(0, 1, i % 2, &e));
		MUST(until(covered, true, &e));
		ck_assert(target_checks_pending(rig.target));
		MUST(flush_now(&e));
		hear_differ();
		ck_assert(!live.differs[0][0]);
		ck_assert_int_eq(live.differs[0][1], i % 2);
	}
	flush_and_check();
	finish_live();
}
END_TEST

/* ---- at random */

/* What became of chunks that went stale. */
static void send_stale(uint16_t disk, uint64_t chunk, uint64_t *rng)
{
	uint64_t how = rig_random(rng) % 10;

	if (how == 0) {
		MUST(give_bad(disk, chunk, &e));
	} else if (how < 3 || !live.there[disk][chunk]) {
		rig_fill(&rig.disk[disk], chunk * CHUNK,
			 rig_chunk_length(&rig.disk[disk], chunk * CHUNK), rng);
		MUST(give_all(disk, chunk, &e));
	} else {
		for (uint64_t n = 1 + rig_random(rng) % 3; n > 0; n--)
			MUST(patch(disk, chunk, rig_random(rng) % 4 == 0, rng, &e));
	}
}

static void random_crash(uint64_t *rng)
{
	if (rig_random(rng) % 3 == 0)
		MUST(target_save(rig.target, &e));
	abandon();
	check_claims();
	reopen_live();
}

static void random_round(uint64_t *rng)
{
	for (uint16_t i = 0; i < DISKS; i++) {
		uint64_t first = rig_random(rng) % nchunks(i);

		MUST(stale(i, first, 1 + rig_random(rng) % (nchunks(i) - first), &e));
	}
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++) {
			if (live.stale[i][c] && rig_random(rng) % 8)
				send_stale(i, c, rng);
			if (rig_random(rng) % 16 == 0)
				MUST(poll_target(&e));
			/* A flush in the middle may come with what is not stale, too. */
			if (rig_random(rng) % 24 == 0)
				MUST(flush(&e));
			if (rig_random(rng) % 24 == 0)
				random_crash(rng);
		}
}

static void random_checks(uint64_t *rng)
{
	bool want[DISKS][MOST_CHUNKS] = { 0 };

	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++) {
			bool planted = rig_random(rng) % 8 == 0;

			want[i][c] = planted || !live.there[i][c] || live.stale[i][c];
			MUST(check(i, c, planted, &e));
		}
	flush_and_check();
	hear_differ();
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t c = 0; c < nchunks(i); c++)
			ck_assert_msg(live.differs[i][c] == want[i][c],
				      "disk %u chunk %" PRIu64 ": differs %d, not %d", i, c,
				      live.differs[i][c], want[i][c]);
}

START_TEST(random_rounds)
{
	uint64_t rng = 20261201;

	for (int run = 0; run < (unit_slow() ? 2 : 8); run++) {
		create_live(run % 2);
		copy_all();
		for (int round = 0; round < 6; round++) {
			random_round(&rng);
			if (round % 2)
				random_checks(&rng);
			else
				flush_and_check();
		}
		finish_live();
		start_over();
	}
}
END_TEST

#ifndef __SANITIZE_THREAD__

/* ---- the nth call of a kind fails */

/* Chunks that a round changes; the disks change only after STALE said so. */
static int attempt_round(uint64_t *rng, struct err *err)
{
	int r = stale(0, 0, nchunks(0), err);

	if (r >= 0)
		r = stale(2, 2, 3, err);
	for (uint64_t c = 0; r >= 0 && c < nchunks(0); c++)
		r = patch(0, c, c == 1, rng, err);
	for (uint64_t c = 2; r >= 0 && c < 5; c++)
		r = c == 3 ? give_all(2, c, err) : patch(2, c, false, rng, err);
	if (r >= 0)
		r = check(0, 1, true, err);
	return r < 0 ? r : flush_now(err);
}

static int attempt(uint64_t *rng, struct err *err)
{
	int r = begin(err);

	for (uint16_t i = 0; r >= 0 && i < DISKS; i++)
		for (uint64_t c = 0; r >= 0 && c < nchunks(i); c++)
			r = give_all(i, c, err);
	if (r >= 0)
		r = flush_now(err);
	for (int round = 0; r >= 0 && round < 2; round++)
		r = attempt_round(rng, err);
	return r;
}

static void fail_each(unsigned int ops, bool for_good, bool save)
{
	/* As in test_server_target. */
	const uint64_t skip = getenv("P2V_EXHAUSTIVE") ? 0 : 1;

	for (uint64_t nth = 1;; nth += 1 + skip * nth / 4) {
		struct err e = ERR_INIT;
		uint64_t rng = nth;
		unsigned int hit;
		int r;

		make_job(nth % 2);
		fault_arm(ops, nth, for_good);
		r = attempt(&rng, &e);
		if (r < 0 && save && rig.target)
			(void)target_save(rig.target, NULL);
		hit = fault_hit();
		fault_disarm();
		if (r < 0)
			ck_assert_msg(strlen(e.text) > 0, "no words for failure %" PRIu64, nth);
		ck_assert_msg(r >= 0 || hit, "it failed by itself: %s", e.text);
		abandon();
		check_claims();
		reopen_live();
		finish_live();
		start_over();
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

START_TEST(one_read_fails)
{
	fail_each(FAULT_READ, false, true);
}
END_TEST

START_TEST(reads_fail_then_killed)
{
	fail_each(FAULT_READ, true, false);
}
END_TEST

#endif

static Suite *live_suite(void)
{
	const TTest *const tests[] = {
		patch_of_every_kind,
		patch_after_resume,
		patch_of_what_is_durable,
		patch_of_what_was_never_sent,
		patch_of_what_was_lost,
		patch_in_a_cold_job,
		stale_is_one_record_a_range,
		stale_while_something_is_on_its_way,
		patch_of_a_damaged_image,
		bad_outlives_a_patch,
		checks_that_agree,
		patched_to_zeroes,
		checks_that_do_not,
		checks_wait_for_their_flush,
		random_rounds,
#ifndef __SANITIZE_THREAD__ /* the counters of fault.h are for one thread */
		target_full,
		one_write_fails,
		one_sync_fails,
		one_read_fails,
		reads_fail_then_killed,
#endif
	};
	Suite *s = rig_suite("live", tests, ARRAY_SIZE(tests), setup_live, teardown_live);

	rig_suite_add(s, tests, ARRAY_SIZE(tests), setup_live_parallel, teardown_live);
	return s;
}

UNIT_MAIN(live_suite)
