/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conversations about disks that go on changing: who may open such a job, rounds, what a FINISH
 * has to wait for, and the wish to go over to the virtual machine.
 */
#include "p2v-server/commands.h"
#include "p2v-server/cutover.h"
#include "p2v-server/target.h"
#include "tests/unit/test_server_client.h"

#define PATCHED	0xc5

/* The command's surroundings, in place of main(). */

static const struct subcommand commands[] = {
	{ "cutover", "NAME", "", cutover_opts, cutover_run }, { 0 }
};
static struct program_globals globals;
static const struct opt global_opts[] = { { 0 } };
const struct program server_program = { .name = "p2v-server", .description = "",
					.global_opts = global_opts, .globals = &globals,
					.commands = commands };

const char *server_store(void)
{
	return store;
}

static struct err said;			/* by the command, last */

int server_exit(int code, const struct err *err)
{
	said = *err;
	return code;
}

static int command(const char *name, bool cancel)
{
	char *argv[] = { "p2v-server", "cutover", cancel ? "--cancel" : (char *)name,
			 (char *)name, NULL };

	said = (struct err)ERR_INIT;
	return program_main(&server_program, cancel ? 4 : 3, argv);
}

static void setup_quiet(void)
{
	setup();
	log_set_stderr(false);
}

static void start_live(struct client *c)
{
	start(c);
	c->flags = PROTO_OPEN_LIVE;
}

static void open_live(struct client *c, uint8_t state)
{
	start_live(c);
	ck_assert_msg(open_job(c, "box") == state, "%s", c->error);
}

static int send_stale(struct client *c, uint16_t i, uint64_t chunk, uint64_t n)
{
	struct msg_range range = { chunk * CHUNK, MIN(n * CHUNK, disk[i].size - chunk * CHUNK) };
	struct msg m = { .type = PROTO_STALE,
			 .stale.what = { .disk = i, .n = 1, .ranges = &range } };

	return try_send(c, &m);
}

/* A block of the chunk changes, and is sent. */
static int send_patch(struct client *c, uint16_t i, uint64_t chunk, uint32_t block)
{
	uint8_t *p = disk[i].bytes + chunk * CHUNK + block * PROTO_BLOCK_SIZE;
	struct msg m = { .type = PROTO_PATCH,
			 .patch = { .disk = i, .offset = chunk * CHUNK, .npieces = 1,
				    .pieces = { { block * PROTO_BLOCK_SIZE,
						  PROTO_BLOCK_SIZE } } } };

	memset(p, PATCHED, PROTO_BLOCK_SIZE);
	put_be64(p, chunk << 32 | block);
	MUST(codec_patch_encode(codec, p, scratch, &m.patch, &e));
	return try_send(c, &m);
}

static int send_check(struct client *c, uint16_t i, uint64_t chunk, bool planted)
{
	uint8_t sha256[SHA256_LEN];
	struct msg m = { .type = PROTO_CHECK,
			 .check.what = { .disk = i, .kind = PROTO_DIGESTS_DATA, .n = 1,
					 .offset = chunk * CHUNK, .sha256 = sha256 } };

	ck_assert_int_eq(chunk_digest(disk[i].bytes + chunk * CHUNK,
				      rig_chunk_length(&disk[i], chunk * CHUNK), sha256), 0);
	sha256[3] ^= planted;
	return try_send(c, &m);
}

static void flush_now(struct client *c)
{
	ck_assert_int_eq(send_id(c, PROTO_FLUSH), 0);
	ck_assert_msg(until(c, PROTO_FLUSHED) == PROTO_FLUSHED, "%s", c->error);
}

static void copy_all(struct client *c)
{
	ck_assert_int_eq(send_some(c, 100), 0);
	flush_now(c);
}

static void leave(struct client *c)
{
	struct msg m = { .type = PROTO_CLOSE };

	ck_assert_int_eq(try_send(c, &m), 0);
	ck_assert_int_eq(until(c, 0), 0);
	ck_assert_int_eq(end(c), 0);
}

/* One round over every chunk that is not all zeroes at its beginning. */
static void round_of(struct client *c, uint32_t block)
{
	for (uint16_t i = 0; i < DISKS; i++)
		ck_assert_int_eq(send_stale(c, i, 0, 3), 0);
	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t k = 0; k < 3 && k * CHUNK < disk[i].size; k++)
			ck_assert_int_eq(send_patch(c, i, k, block), 0);
	flush_now(c);
}

/* Everything was sent: FINISH, and what it leaves behind. */
static void finish_live(struct client *c, const char *summary, const char *consistency)
{
	CLEANUP(job_free) struct job *j = NULL;

	ck_assert_int_eq(send_finish(c, summary), 0);
	ck_assert_msg(until(c, PROTO_FINISHED) == PROTO_FINISHED, "no FINISHED: %s", c->error);
	ck_assert_int_eq(end(c), 0);
	j = look("box");
	ck_assert_int_eq(j->state, JOB_VERIFIED);
	ck_assert(!j->live && !j->resync);
	ck_assert_str_eq(j->consistency, consistency);
	ck_assert(!cutover_wanted(j->dirfd));
	rig_compare(j->dirfd, "sda.qcow2", &disk[0], NULL);
	rig_compare(j->dirfd, "sdb.qcow2", &disk[1], NULL);
}

#define FILESYSTEM "{\"consistency\":\"filesystem-consistent\"}"

static void finish_it(struct client *c)
{
	finish_live(c, FILESYSTEM, "filesystem-consistent");
}

/* The server says no: the error's code, and words that are in it. */
static void refused(struct client *c, int code, const char *words)
{
	ck_assert_int_eq(until(c, PROTO_FINISHED), PROTO_ERROR);
	ck_assert_int_eq(c->error_code, code);
	ck_assert_msg(strstr(c->error, words), "%s", c->error);
	ck_assert_int_gt(end(c), 0);
	check_job("box");
}

/* ---- rounds */

START_TEST(rounds)
{
	static const char *const words[] = { "consistent", "in-use", "crash-consistent",
					     "filesystem-consistent", "application-consistent" };

	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		CLEANUP(mem_free) char *summary = text_format("{\"consistency\":\"%s\"}",
							      words[w]);
		CLEANUP(job_free) struct job *j = NULL;
		struct client c;

		config.threads = w % 2 ? 2 : 0;
		open_live(&c, PROTO_JOB_NEW);
		j = look("box");
		ck_assert(j->live);
		copy_all(&c);
		for (uint32_t block = 3; block < 6; block++)
			round_of(&c, block);
		finish_live(&c, summary, words[w]);
		job_free(TAKE_PTR(j));
		j = look("box");
		/* Only what may be torn is worth a warning. */
		ck_assert_uint_eq(j->warnings.n, strcmp(words[w], "in-use") == 0);
		/* Complete: only looked at. */
		start_live(&c);
		ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_COMPLETE);
		ck_assert_int_eq(end(&c), 0);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(consistency_that_is_none)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	ck_assert_int_eq(send_finish(&c, "{\"consistency\":\"moment\"}"), 0);
	refused(&c, PROTO_ERR_PROTOCOL, "no valid consistency");
	open_live(&c, PROTO_JOB_RESUMED);
	finish_it(&c);
}
END_TEST

/* Lost in the middle of a round: what was stale and did not come again is not there. */
START_TEST(lost_in_a_round)
{
	for (int how = 0; how < 3; how++) {
		struct client c;

		open_live(&c, PROTO_JOB_NEW);
		copy_all(&c);
		ck_assert_int_eq(send_stale(&c, 0, 0, 3), 0);
		ck_assert_int_eq(send_patch(&c, 0, 1, 7), 0);
		if (how == 0) {
			leave(&c);
		} else if (how == 1) {
			while (iobuf_len(session_output(c.session)) > 0)
				ck_assert(write_out(&c));
			ck_assert_int_eq(end(&c), ECONNRESET);
		} else {
			ck_assert_int_eq(until(&c, PROTO_ACK), PROTO_ACK);
			kill(c.pid, SIGKILL);
			ck_assert_int_eq(end(&c), 128 + SIGKILL);
		}
		check_job("box");
		open_live(&c, PROTO_JOB_RESUMED);
		ck_assert(!c.have[0][0] && !c.have[0][2] && c.have[0][3]);
		ck_assert(c.have[1][0] && c.have[1][1]);
		/* Patched, and saved when the connection ended in order. */
		ck_assert_int_eq(c.have[0][1], how < 2);
		ck_assert_int_eq(send_some(&c, 100), 0);
		finish_it(&c);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(patch_of_what_was_lost)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	ck_assert_int_eq(send_stale(&c, 0, 0, 3), 0);
	leave(&c);
	open_live(&c, PROTO_JOB_RESUMED);
	ck_assert(!c.have[0][1]);
	/* Not even our own session would send that. */
	if (send_patch(&c, 0, 1, 2) == 0)
		refused(&c, PROTO_ERR_PROTOCOL, "never sent");
	else
		end(&c);
	open_live(&c, PROTO_JOB_RESUMED);
	ck_assert_int_eq(send_some(&c, 100), 0);
	finish_it(&c);
}
END_TEST

/* ---- CHECK and DIFFER */

/* Every DIFFER is there before the FLUSHED that covers its CHECK. */
START_TEST(differ_comes_first)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	memset(disk[0].bytes, 'x', 512);
	memset(disk[0].bytes + CHUNK, 'x', 512);
	memset(disk[1].bytes, 'x', 512);
	copy_all(&c);
	for (int round = 0; round < 5; round++) {
		bool planted = round % 2;

		ck_assert_int_eq(send_check(&c, 0, 0, false), 0);
		ck_assert_int_eq(send_check(&c, 0, 1, planted), 0);
		ck_assert_int_eq(send_check(&c, 1, 0, planted), 0);
		flush_now(&c);
		ck_assert(!c.differs[0][0]);
		ck_assert_int_eq(c.differs[0][1], planted);
		ck_assert_int_eq(c.differs[1][0], planted);
		memset(c.differs, 0, sizeof(c.differs));
	}
	ck_assert_int_eq(send_chunk(&c, 0, 1), 0);
	ck_assert_int_eq(send_chunk(&c, 1, 0), 0);
	finish_it(&c);
}
END_TEST

START_TEST(finish_with_what_differs)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	memset(disk[0].bytes + CHUNK, 'x', 512);
	copy_all(&c);
	ck_assert_int_eq(send_check(&c, 0, 1, true), 0);
	flush_now(&c);
	ck_assert(c.differs[0][1]);
	ck_assert_int_eq(send_finish(&c, FILESYSTEM), 0);
	refused(&c, PROTO_ERR_PROTOCOL, "chunks differ from the source");
	/* Sent again, and one that agrees: these stand in nobody's way. */
	open_live(&c, PROTO_JOB_RESUMED);
	ck_assert_int_eq(send_check(&c, 0, 1, true), 0);
	flush_now(&c);
	ck_assert_int_eq(send_stale(&c, 0, 1, 1), 0);
	ck_assert_int_eq(send_chunk(&c, 0, 1), 0);
	ck_assert_int_eq(send_check(&c, 0, 1, false), 0);
	flush_now(&c);
	finish_it(&c);
}
END_TEST

START_TEST(finish_with_what_is_stale)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	ck_assert_int_eq(send_stale(&c, 0, 1, 2), 0);
	ck_assert_int_eq(send_patch(&c, 0, 1, 2), 0);
	ck_assert_int_eq(send_finish(&c, FILESYSTEM), 0);
	refused(&c, PROTO_ERR_PROTOCOL, "parts of the disks were never sent");
	open_live(&c, PROTO_JOB_RESUMED);
	ck_assert(c.have[0][1] && !c.have[0][2]);
	ck_assert_int_eq(send_some(&c, 100), 0);
	finish_it(&c);
}
END_TEST

/* ---- who may open what */

START_TEST(cold_job_opened_live)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 2), 0);
	leave(&c);
	start_live(&c);
	ck_assert_int_eq(open_job(&c, "box"), 0);
	ck_assert_int_eq(c.error_code, PROTO_ERR_MISMATCH);
	ck_assert_msg(strstr(c.error, "job box is a cold one: go on with p2v-agent cold"), "%s",
		      c.error);
	ck_assert_msg(strstr(c.error, "--resync"), "%s", c.error);
	ck_assert_int_gt(end(&c), 0);
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_RESUMED);
	ck_assert(c.have[0][0] && c.have[0][1]);
	finish(&c);
}
END_TEST

START_TEST(live_job_opened_cold)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 2), 0);
	leave(&c);
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), 0);
	ck_assert_int_eq(c.error_code, PROTO_ERR_MISMATCH);
	ck_assert_msg(strstr(c.error, "job box is a live one: go on with p2v-agent hot"), "%s",
		      c.error);
	ck_assert_msg(strstr(c.error, "--resync"), "%s", c.error);
	ck_assert_int_gt(end(&c), 0);
	open_live(&c, PROTO_JOB_RESUMED);
	ck_assert(c.have[0][0] && c.have[0][1]);
	ck_assert_int_eq(send_some(&c, 100), 0);
	finish_it(&c);
}
END_TEST

static void open_comparing(struct client *c, uint8_t flags)
{
	start(c);
	c->flags = (uint8_t)(flags | PROTO_OPEN_COMPARE);
	ck_assert_msg(open_job(c, "box") == PROTO_JOB_RESUMED, "%s", c->error);
	for (size_t i = 0; i < DISKS; i++)
		for (size_t k = 0; k < 8; k++)
			ck_assert_int_eq(c->known[i][k], k * CHUNK < disk[i].size);
}

/* A copy that was complete is brought up to date, in rounds. */
START_TEST(compared_and_live)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	finish(&c);
	for (int times = 0; times < 2; times++) {
		open_comparing(&c, PROTO_OPEN_LIVE);
		job_free(TAKE_PTR(j));
		j = look("box");
		ck_assert(j->live && j->resync);
		ck_assert_int_eq(j->state, JOB_RECEIVING);
		/* What DIGESTS named may be patched. */
		round_of(&c, 9);
		if (times == 0) {
			leave(&c);
			/* Marked until it has come to its end. */
			start_live(&c);
			ck_assert_int_eq(open_job(&c, "box"), 0);
			ck_assert_msg(strstr(c.error, "--resync"), "%s", c.error);
			ck_assert_int_gt(end(&c), 0);
		}
	}
	finish_it(&c);
}
END_TEST

/* Comparing leads from one kind to the other, both ways. */
START_TEST(compared_to_the_other_kind)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	leave(&c);
	open_comparing(&c, 0);
	j = look("box");
	ck_assert(!j->live && j->resync);
	leave(&c);
	job_free(TAKE_PTR(j));
	open_comparing(&c, PROTO_OPEN_LIVE);
	j = look("box");
	ck_assert(j->live && j->resync);
	round_of(&c, 1);
	finish_it(&c);
}
END_TEST

/* ---- the wish to go over */

static void hear_cutovers(struct client *c, unsigned int n)
{
	while (c->cutovers < n)
		ck_assert_msg(until(c, PROTO_CUTOVER) == PROTO_CUTOVER, "%s", c->error);
}

START_TEST(cutover_is_passed_on)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	ck_assert_uint_eq(c.cutovers, 0);
	for (unsigned int n = 1; n < 3; n++) {
		ck_assert_msg(command("box", false) == 0, "%s", said.text);
		hear_cutovers(&c, n);
		round_of(&c, n);
		poll(NULL, 0, 700);
		round_of(&c, n);
		/* Once, and it is gone. */
		ck_assert_uint_eq(c.cutovers, n);
		ck_assert_int_eq(rig_size("store/box/cutover"), -1);
	}
	/* Too late to be taken back. */
	ck_assert_int_eq(command("box", true), -ENOENT);
	ck_assert_msg(strstr(said.text, "nothing to take back"), "%s", said.text);
	finish_it(&c);
}
END_TEST

START_TEST(cutover_waits_for_the_agent)
{
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	leave(&c);
	ck_assert_int_eq(command("box", false), 0);
	ck_assert_int_eq(command("box", true), 0);
	ck_assert_int_eq(rig_size("store/box/cutover"), -1);
	ck_assert_int_eq(command("box", true), -ENOENT);
	ck_assert_int_eq(command("box", false), 0);
	ck_assert_int_eq(command("box", false), 0);
	ck_assert_int_eq(rig_size("store/box/cutover"), 0);
	open_live(&c, PROTO_JOB_RESUMED);
	hear_cutovers(&c, 1);
	poll(NULL, 0, 700);
	flush_now(&c);
	ck_assert_uint_eq(c.cutovers, 1);
	finish_it(&c);
}
END_TEST

START_TEST(cutover_of_what_is_not_live)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(command("bax", false), -ENOENT);
	ck_assert_msg(strstr(said.text, "there is no job bax"), "%s", said.text);
	ck_assert_int_eq(command("box", false), -EINVAL);
	ck_assert_msg(strstr(said.text, "job box is a cold copy"), "%s", said.text);
	finish(&c);
	ck_assert_int_eq(command("box", false), -EALREADY);
	ck_assert_msg(strstr(said.text, "job box is verified"), "%s", said.text);
	ck_assert_int_eq(rig_size("store/box/cutover"), -1);
}
END_TEST

/* Asked for while the last FINISH is on its way: not a command for the next copy. */
START_TEST(cutover_that_comes_too_late)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	open_live(&c, PROTO_JOB_NEW);
	copy_all(&c);
	/* FINISH is taken at once, and what is asked for is looked at twice a second. */
	j = look("box");
	ck_assert_int_eq(send_finish(&c, FILESYSTEM), 0);
	MUST(cutover_ask(j->dirfd, &e));
	ck_assert_int_eq(until(&c, PROTO_FINISHED), PROTO_FINISHED);
	ck_assert_int_eq(end(&c), 0);
	ck_assert_int_eq(rig_size("store/box/cutover"), -1);
	/* Later still. */
	MUST(cutover_ask(j->dirfd, &e));
	open_comparing(&c, PROTO_OPEN_LIVE);
	poll(NULL, 0, 700);
	flush_now(&c);
	ck_assert_uint_eq(c.cutovers, 0);
	/* But one for a re-sync that was lost waits for it. */
	leave(&c);
	ck_assert_int_eq(command("box", false), 0);
	open_comparing(&c, PROTO_OPEN_LIVE);
	hear_cutovers(&c, 1);
	finish_it(&c);
}
END_TEST

static Suite *receive_live_suite(void)
{
	const TTest *const tests[] = { rounds,
				       consistency_that_is_none,
				       lost_in_a_round,
				       patch_of_what_was_lost,
				       differ_comes_first,
				       finish_with_what_differs,
				       finish_with_what_is_stale,
				       cold_job_opened_live,
				       live_job_opened_cold,
				       compared_and_live,
				       compared_to_the_other_kind,
				       cutover_is_passed_on,
				       cutover_waits_for_the_agent,
				       cutover_of_what_is_not_live,
				       cutover_that_comes_too_late };

	return rig_suite("receive_live", tests, ARRAY_SIZE(tests), setup_quiet, teardown);
}

UNIT_MAIN(receive_live_suite)
