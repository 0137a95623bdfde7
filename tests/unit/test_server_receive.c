/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations in order and out of it; those about disks that change are in _receive_live. */
#include "tests/unit/test_server_client.h"

/*
 * A job of an impossible size is refused for want of memory; the sanitizers' allocators would
 * abort.
 */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* ---- in order */

START_TEST(new_job_then_complete)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	finish(&c);
	check_store("box");
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_COMPLETE);
	ck_assert_int_eq(next(&c), 0);
	ck_assert_int_eq(end(&c), 0);
}
END_TEST

START_TEST(resume_after_every_number_of_chunks)
{
	for (int n = 0; n <= 6; n++) {
		struct client c;
		int had = 0;

		start(&c);
		ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
		ck_assert_int_eq(send_some(&c, n), 0);
		/* Lost, left in order, killed after a flush: each time all of it is durable. */
		if (n % 3 == 0) {
			ck_assert(write_out(&c));
			while (iobuf_len(session_output(c.session)) > 0)
				write_out(&c);
			ck_assert_int_eq(end(&c), ECONNRESET);
		} else if (n % 3 == 1) {
			struct msg m = { .type = PROTO_CLOSE };

			ck_assert_int_eq(try_send(&c, &m), 0);
			ck_assert_int_eq(until(&c, 0), 0);
			ck_assert_int_eq(end(&c), 0);
		} else {
			ck_assert_int_eq(send_id(&c, PROTO_FLUSH), 0);
			ck_assert_int_eq(until(&c, PROTO_FLUSHED), PROTO_FLUSHED);
			kill(c.pid, SIGKILL);
			ck_assert_int_eq(end(&c), 128 + SIGKILL);
		}
		check_job("box");
		start(&c);
		ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_RESUMED);
		for (size_t i = 0; i < DISKS * 8; i++)
			had += c.have[i / 8][i % 8];
		ck_assert_int_eq(had, n);
		finish(&c);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(told_to_leave)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 2), 0);
	ck_assert_int_eq(until(&c, PROTO_ACK), PROTO_ACK);
	kill(c.pid, SIGTERM);
	ck_assert_int_eq(until(&c, PROTO_ERROR), PROTO_ERROR);
	ck_assert_int_eq(c.error_code, PROTO_ERR_CANCELLED);
	ck_assert_int_eq(end(&c), ECANCELED);
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_RESUMED);
	ck_assert(c.have[0][0] && c.have[0][1]);
	finish(&c);
}
END_TEST

START_TEST(many_flushes)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	for (uint64_t k = 0; k < 3; k++) {
		ck_assert_int_eq(send_chunk(&c, 0, k), 0);
		ck_assert_int_eq(send_id(&c, PROTO_FLUSH), 0);
	}
	finish(&c);
}
END_TEST

START_TEST(bad_sectors_are_remembered)
{
	struct msg m = { .type = PROTO_BAD, .bad = { .disk = 0, .offset = 512, .length = 1024 } };
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(try_send(&c, &m), 0);
	finish(&c);
	j = look("box");
	ck_assert_uint_eq(j->warnings.n, 1);
}
END_TEST

/* ---- refusals */

static void refused(const char *name, uint16_t ndisks, uint64_t size0, const char *name0, int code)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(send_open(&c, name, ndisks, size0, name0), 0);
	ck_assert_int_eq(until(&c, PROTO_READY), PROTO_ERROR);
	ck_assert_int_eq(c.error_code, code);
	ck_assert_uint_gt(strlen(c.error), 0);
	ck_assert_int_gt(end(&c), 0);
}

START_TEST(other_disks)
{
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 1), 0);
	ck_assert_int_eq(send_id(&c, PROTO_FLUSH), 0);
	ck_assert_int_eq(until(&c, PROTO_FLUSHED), PROTO_FLUSHED);
	end(&c);
	refused("box", 1, SIZE0, "sda", PROTO_ERR_MISMATCH);
	refused("box", 3, SIZE0, "sda", PROTO_ERR_MISMATCH);
	refused("box", 2, SIZE0 + 512, "sda", PROTO_ERR_MISMATCH);
	refused("box", 2, SIZE0, "sdx", PROTO_ERR_MISMATCH);
	check_store("box");
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_RESUMED);
	ck_assert(c.have[0][0]);
	finish(&c);
}
END_TEST

/* finish would give the overlay of sdb the file that is the replica of sdb-vm. */
START_TEST(disk_named_like_an_overlay)
{
	refused("box", 2, SIZE0, "sdb-vm", PROTO_ERR_NAME);
	check_store(NULL);
}
END_TEST

/* An image that does not hold any more what was sent is not reported as done. */
START_TEST(damaged_job)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	finish(&c);
	ck_assert_int_eq(job_open(store, "box", JOB_LOCK_TRY, &j, NULL), 0);
	j->state = JOB_DAMAGED;
	ck_assert_int_eq(job_save(j, NULL), 0);
	job_free(TAKE_PTR(j));
	refused("box", 2, SIZE0, "sda", PROTO_ERR_VERIFY);
}
END_TEST

START_TEST(keys_of_other_jobs)
{
	config.job_prefix = "web-";
	refused("box", 2, SIZE0, "sda", PROTO_ERR_DENIED);
	refused("web", 2, SIZE0, "sda", PROTO_ERR_DENIED);
	config.job_prefix = NULL;
	config.job = "web";
	refused("web-1", 2, SIZE0, "sda", PROTO_ERR_DENIED);
	refused("we", 2, SIZE0, "sda", PROTO_ERR_DENIED);
	check_store(NULL);
}
END_TEST

START_TEST(impossible_disks)
{
	struct client c;

	/* As large as the protocol allows: refused or taken up, but not the end of the machine. */
	start(&c);
	ck_assert_int_eq(send_open(&c, "box", 1, PROTO_DISK_SIZE_MAX, "sda"), 0);
	ck_assert_int_ne(until(&c, PROTO_READY), 0);
	ck_assert_int_lt(end(&c), 128);
	check_store("box");
}
END_TEST

START_TEST(machine_that_is_none)
{
	static const char *const texts[] = { "", "{", "[]", "null", "{\"version\":99}", "{}" };
	char *keep = machine;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct client c;

		machine = (char *)texts[i];
		start(&c);
		if (send_open(&c, "box", DISKS, SIZE0, "sda") == 0) {
			ck_assert_int_eq(until(&c, PROTO_READY), PROTO_ERROR);
			ck_assert_int_gt(end(&c), 0);
		} else {
			end(&c);	/* not even our own session would send that */
		}
		check_store(NULL);
	}
	machine = keep;
}
END_TEST

/* What is planned is checked before anything of the job is there. */
START_TEST(plan_that_is_none)
{
	static const struct {
		const char *plan, *words;
	} table[] = {
		{ "[]", "\"plan\" is not an object" },
		{ "{\"cpus\":1}", "plan: cpus is not a member" },
		{ "{\"vcpus\":256}", "plan: vcpus 256 is more than" },
		{ "{\"name\":\"../x\"}", "plan: name ../x is not" },
		{ "{\"name\":\"\\u001b[2J\"}", "plan: name \\x1b[2J is not" },
		{ "{\"disks\":[{\"name\":\"sda\"}]}", "plan: disks[0]: name sda is no disk" },
		{ "{\"nics\":[{\"name\":\"*\"}]}", "plan: nics[0]: name * is no network" },
		{ "{\"skip_fixes\":[\"a b\"]}", "plan: skip_fixes[0] a b is no id" },
	};
	char *keep = machine;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CLEANUP(mem_free) char *text = NULL;
		struct client c;

		text = text_format("{\"version\":1,\"plan\":%s}", table[i].plan);
		machine = text;
		start(&c);
		ck_assert_int_eq(send_open(&c, "box", DISKS, SIZE0, "sda"), 0);
		ck_assert_int_eq(until(&c, PROTO_READY), PROTO_ERROR);
		ck_assert_msg(strstr(c.error, table[i].words), "%s", c.error);
		ck_assert_int_gt(end(&c), 0);
		check_store(NULL);
		ck_assert_int_eq(rig_size("store/box"), -1);
	}
	machine = keep;
}
END_TEST

START_TEST(finish_too_early)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct client c;

	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 5), 0);
	ck_assert_int_eq(send_finish(&c, SUMMARY), 0);
	ck_assert_int_eq(until(&c, PROTO_FINISHED), PROTO_ERROR);
	ck_assert_int_gt(end(&c), 0);
	j = look("box");
	ck_assert_int_eq(j->state, JOB_RECEIVING);
	check_job("box");
	start(&c);
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_RESUMED);
	finish(&c);
}
END_TEST

START_TEST(summary_that_is_none)
{
	static const char *const texts[] = { "{", "[]", "{}", "{\"consistency\":1}",
					     "{\"consistency\":\"sure\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct client c;

		start(&c);
		ck_assert_int_ne(open_job(&c, "box"), 0);
		ck_assert_int_eq(send_some(&c, 100), 0);
		ck_assert_int_eq(send_finish(&c, texts[i]), 0);
		ck_assert_int_eq(until(&c, PROTO_FINISHED), PROTO_ERROR);
		ck_assert_int_gt(end(&c), 0);
		check_job("box");
	}
}
END_TEST

/* ---- hostile bytes */

/* What a whole conversation sends: greeting, OPEN, everything, FINISH. */
static void stream(struct iobuf *ret)
{
	struct client c;

	start(&c);
	c.record = true;
	ck_assert_int_eq(open_job(&c, "box"), PROTO_JOB_NEW);
	ck_assert_int_eq(send_some(&c, 4), 0);
	ck_assert_int_eq(send_id(&c, PROTO_FLUSH), 0);
	ck_assert_int_eq(until(&c, PROTO_FLUSHED), PROTO_FLUSHED);
	ck_assert_int_eq(send_some(&c, 100), 0);
	ck_assert_int_eq(send_finish(&c, SUMMARY), 0);
	ck_assert_int_eq(until(&c, PROTO_FINISHED), PROTO_FINISHED);
	iobuf_init(ret, 64 << 20);
	ck_assert_int_eq(iobuf_put(ret, iobuf_ptr(&c.sent), iobuf_len(&c.sent)), 0);
	ck_assert_int_eq(end(&c), 0);
	teardown();
	setup();
}

/* Send the bytes whatever is answered, and then perhaps the end; the server's exit status. */
static int blast_until(const uint8_t *p, size_t len, bool close_after)
{
	struct client c;
	uint8_t buf[65536];
	size_t at = 0;

	start(&c);
	if (len == 0)
		shutdown(c.fd, SHUT_WR);
	for (;;) {
		struct pollfd pfd = { .fd = c.fd, .events = POLLIN | (at < len ? POLLOUT : 0) };
		ssize_t n;

		ck_assert_msg(poll(&pfd, 1, 20000) == 1, "the server is silent");
		if (pfd.revents & POLLOUT) {
			n = write(c.fd, p + at, len - at);
			at = n < 0 && errno != EAGAIN ? len : n > 0 ? at + (size_t)n : at;
			if (at == len && close_after)
				shutdown(c.fd, SHUT_WR);
		}
		if (pfd.revents & (POLLIN | POLLHUP)) {
			n = read(c.fd, buf, sizeof(buf));
			if (n == 0 || (n < 0 && errno != EAGAIN))
				return end(&c);
		}
	}
}

static int blast(const uint8_t *p, size_t len)
{
	return blast_until(p, len, true);
}

/* Offset of the nth frame. */
static size_t frame_at(const struct iobuf *b, size_t n)
{
	size_t at = 0;

	while (n-- > 0 && at < iobuf_len(b))
		at += PROTO_FRAME_HEADER + get_be32(iobuf_ptr(b) + at);
	return at;
}

static size_t frame_len(const struct iobuf *b, size_t n)
{
	return PROTO_FRAME_HEADER + get_be32(iobuf_ptr(b) + frame_at(b, n));
}

START_TEST(names_that_escape_on_the_wire)
{
	static const char *const names[] = { "../", "a/b", "/ab",  "..a",
					     "-ab", ".ab", "a\0b", "a\nb" };
	CLEANUP(iobuf_done) struct iobuf s;
	uint8_t *open;

	stream(&s);
	open = (uint8_t *)iobuf_ptr(&s) + frame_at(&s, 1);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(names); i++) {
		/* The job's name, and the name of the first disk. */
		const char *was = i < ARRAY_SIZE(names) ? "box" : "sda";
		uint8_t *at = memmem(open, frame_len(&s, 1), was, 3);

		ck_assert_ptr_nonnull(at);
		memcpy(at, names[i % ARRAY_SIZE(names)], 3);
		loopback_reseal(open, frame_len(&s, 1));
		ck_assert_int_gt(blast(iobuf_ptr(&s), iobuf_len(&s)), 0);
		check_store(NULL);
		memcpy(at, was, 3);
	}
	loopback_reseal(open, frame_len(&s, 1));
	ck_assert_int_eq(blast_until(iobuf_ptr(&s), iobuf_len(&s), false), 0);
	check_job("box");
}
END_TEST

/* Frames left out, twice, in another order, cut short. */
START_TEST(frames_out_of_order)
{
	CLEANUP(iobuf_done) struct iobuf s;
	size_t n = 0;

	stream(&s);
	while (frame_at(&s, n) < iobuf_len(&s))
		n++;
	for (size_t i = 0; i < 3 * n; i++) {
		size_t k = i / 3, at = frame_at(&s, k), len = frame_len(&s, k), next_at = at + len;
		CLEANUP(iobuf_done) struct iobuf b;

		iobuf_init(&b, 64 << 20);
		ck_assert_int_eq(iobuf_put(&b, iobuf_ptr(&s), i % 3 == 2 ? at + len - 1 : at), 0);
		if (i % 3 == 1) {
			/* Twice. */
			ck_assert_int_eq(iobuf_put(&b, iobuf_ptr(&s) + at, len), 0);
			ck_assert_int_eq(iobuf_put(&b, iobuf_ptr(&s) + at, len), 0);
		}
		if (i % 3 < 2)
			ck_assert_int_eq(
				iobuf_put(&b, iobuf_ptr(&s) + next_at, iobuf_len(&s) - next_at), 0);
		/* A FINISH that is repeated comes after the end: that may pass. */
		if (k + 1 == n && i % 3 == 1)
			ck_assert_int_lt(blast(iobuf_ptr(&b), iobuf_len(&b)), 128);
		else
			ck_assert_int_gt(blast(iobuf_ptr(&b), iobuf_len(&b)), 0);
		check_store("box");
		check_job("box");
		rig_teardown();
		rig_setup();
		snprintf(store, sizeof(store), "%s/store", rig_store);
	}
}
END_TEST

/* Any byte changed, with the frame's CRC wrong or right again. */
START_TEST(mutated_frames)
{
	CLEANUP(iobuf_done) struct iobuf s;
	uint64_t rng = 99;
	size_t n = 0;

	stream(&s);
	while (frame_at(&s, n) < iobuf_len(&s))
		n++;
	for (int i = 0; i < 120; i++) {
		size_t k = rig_random(&rng) % n, len = frame_len(&s, k);
		/* Mostly in the first bytes, where the fields are. */
		size_t in = rig_random(&rng) % (i % 3 ? MIN(len, (size_t)100) : len);
		uint8_t *frame = (uint8_t *)iobuf_ptr(&s) + frame_at(&s, k);
		CLEANUP(mem_free) uint8_t *keep = malloc(len);
		int status;

		memcpy(keep, frame, len);
		frame[in] ^= (uint8_t)(1 + rig_random(&rng) % 255);
		if (i % 4 && in >= 4)
			loopback_reseal(frame, len);
		status = blast(iobuf_ptr(&s), iobuf_len(&s));
		ck_assert_msg(status < 128 || status == 254, "status %d", status);
		memcpy(frame, keep, len);
		if (k > 1 || status == 0)
			check_job("box");
		rig_teardown();
		rig_setup();
		snprintf(store, sizeof(store), "%s/store", rig_store);
	}
}
END_TEST

START_TEST(garbage)
{
	uint8_t noise[4096];
	uint64_t rng = 5;

	for (size_t len = 0; len < sizeof(noise); len = len * 3 + 1) {
		for (size_t i = 0; i < len; i++)
			noise[i] = (uint8_t)rig_random(&rng);
		ck_assert_int_gt(blast(noise, len), 0);
		memset(noise, 'A', len);
		ck_assert_int_gt(blast(noise, len), 0);
	}
	check_store(NULL);
}
END_TEST

static Suite *receive_suite(void)
{
	const TTest *const tests[] = { new_job_then_complete,
				       resume_after_every_number_of_chunks,
				       told_to_leave,
				       many_flushes,
				       bad_sectors_are_remembered,
				       other_disks,
				       disk_named_like_an_overlay,
				       damaged_job,
				       keys_of_other_jobs,
				       impossible_disks,
				       machine_that_is_none,
				       plan_that_is_none,
				       finish_too_early,
				       summary_that_is_none,
				       names_that_escape_on_the_wire,
				       frames_out_of_order,
				       mutated_frames,
				       garbage };

	return rig_suite("receive", tests, ARRAY_SIZE(tests), setup, teardown);
}

UNIT_MAIN(receive_suite)
