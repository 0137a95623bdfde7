/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * receive_serve() in a child process, an agent's session on the other end of a socket pair. The
 * store is a folder inside the test's own, so that whatever escapes it is seen.
 */
#include "p2v-server/receive.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/quit.h"
#include "tests/lib/loopback.h"
#include "tests/unit/test_server_rig.h"

#define DISKS	2
#define SIZE0	(3 * CHUNK + 1536)
#define SIZE1	(2 * CHUNK)
#define SUMMARY	"{\"consistency\":\"consistent\"}"

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

static char store[96];
static char *machine;
static struct rig_disk disk[DISKS];
static struct codec *codec;
static uint8_t *scratch;
static struct receive_config config;

static void setup(void)
{
	rig_setup();
	snprintf(store, sizeof(store), "%s/store", rig_store);
	machine = rig_machine();
	disk[0] = rig_disk_new(SIZE0, 1);
	disk[1] = rig_disk_new(SIZE1, 2);
	MUST(codec_new(1, &codec, &e));
	scratch = malloc(CODEC_SCRATCH_SIZE);
	config = (struct receive_config){ .store = store, .credit = 8 * MIB, .threads = 2 };
	signal(SIGPIPE, SIG_IGN);
}

static void teardown(void)
{
	codec_free(codec);
	free(scratch);
	free(machine);
	for (size_t i = 0; i < DISKS; i++)
		free(disk[i].bytes);
	rig_teardown();
}

/* ---- the two ends */

struct client {
	struct session *session;
	int fd;
	pid_t pid;
	struct msg msg;			/* got last */
	char error[512];		/* the server's ERROR */
	uint16_t error_code;
	uint8_t job_state;
	bool have[DISKS][8];		/* HAVE, by chunk */
	struct iobuf sent;		/* every byte that went out, when recording */
	bool record;
};

static void serve_in_child(struct client *c)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	c->pid = fork();
	ck_assert_int_ge(c->pid, 0);
	if (c->pid == 0) {
		struct err err = ERR_INIT;
		bool told = false;
		int r;

		close(pair[0]);
		log_set_stderr(false);
		r = quit_init(&err);
		if (r >= 0)
			r = receive_serve(&config, pair[1], pair[1], &told, &err);
		if (r < 0 && !err.text[0])
			_exit(254);
		_exit(r < 0 ? -r : 0);
	}
	close(pair[1]);
	c->fd = pair[0];
	ck_assert_int_eq(fdio_set_nonblock(c->fd, true), 0);
}

static void start(struct client *c)
{
	*c = (struct client){ .fd = -1 };
	iobuf_init(&c->sent, 64 << 20);
	MUST(session_new(PROTO_ROLE_AGENT, "test", &c->session, &e));
	serve_in_child(c);
}

/* The server's exit status; 128 + signal. */
static int end(struct client *c)
{
	int status = -1;

	fd_close(c->fd);
	session_free(c->session);
	iobuf_done(&c->sent);
	for (int tenths = 0; tenths < 300; tenths++) {
		if (waitpid(c->pid, &status, WNOHANG) == c->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		poll(NULL, 0, 10);
	}
	kill(c->pid, SIGKILL);
	waitpid(c->pid, &status, 0);
	ck_abort_msg("the server does not end");
	return -1;
}

static void note(struct client *c, const struct msg *m)
{
	switch (m->type) {
	case PROTO_JOB:
		c->job_state = m->job.state;
		break;
	case PROTO_HAVE:
		for (uint32_t i = 0; i < m->have.n; i++)
			for (uint64_t at = 0; at < m->have.ranges[i].length; at += CHUNK)
				c->have[m->have.disk][(m->have.ranges[i].offset + at) / CHUNK] =
					true;
		break;
	case PROTO_ERROR:
		c->error_code = m->error.code;
		snprintf(c->error, sizeof(c->error), "%.*s", (int)m->error.text.len,
			 (const char *)m->error.text.p);
		break;
	default:
		break;
	}
}

static bool write_out(struct client *c)
{
	struct iobuf *out = session_output(c->session);

	while (iobuf_len(out) > 0) {
		ssize_t n = write(c->fd, iobuf_ptr(out), iobuf_len(out));

		if (n < 0)
			return errno == EAGAIN;
		if (c->record)
			ck_assert_int_eq(iobuf_put(&c->sent, iobuf_ptr(out), (size_t)n), 0);
		iobuf_consume(out, (size_t)n);
	}
	return true;
}

/* The next message's type; 0: the connection ended. */
static int next(struct client *c)
{
	uint8_t buf[65536];

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		bool alive = write_out(c);
		ssize_t n;

		if (session_step(c->session, &c->msg, NULL) == 1) {
			note(c, &c->msg);
			return c->msg.type;
		}
		n = read(c->fd, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return 0;
		if (n > 0) {
			ck_assert_int_eq(session_feed(c->session, buf, (size_t)n, NULL), 0);
			continue;
		}
		if (alive && iobuf_len(session_output(c->session)) > 0)
			p.events |= POLLOUT;
		ck_assert_msg(poll(&p, 1, 20000) == 1, "the server is silent");
	}
}

/* Until a message of this type, an ERROR or the end. */
static int until(struct client *c, int type)
{
	int got;

	do
		got = next(c);
	while (got != 0 && got != type && got != PROTO_ERROR);
	return got;
}

static int try_send(struct client *c, struct msg *m)
{
	int r;

	while ((r = session_send(c->session, m, NULL)) == -EAGAIN)
		if (next(c) == 0)
			return -ECONNRESET;
	return r;
}

static int send_open(struct client *c, const char *name, uint16_t ndisks, uint64_t size0,
		     const char *name0)
{
	struct msg_disk d[3] = { 0 };
	struct msg m = { .type = PROTO_OPEN };

	if (until(c, PROTO_HELLO) != PROTO_HELLO)
		return -ECONNRESET;
	snprintf(m.open.name, sizeof(m.open.name), "%s", name);
	m.open.machine = (struct msg_blob){ (const uint8_t *)machine, (uint32_t)strlen(machine) };
	m.open.ndisks = ndisks;
	m.open.disks = d;
	for (uint16_t i = 0; i < ndisks; i++) {
		snprintf(d[i].name, sizeof(d[i].name), "sd%c", 'a' + i);
		snprintf(d[i].source, sizeof(d[i].source), "/dev/sd%c", 'a' + i);
		d[i].size = i == 0 ? size0 : SIZE1;
		d[i].logical_sector = d[i].physical_sector = 512;
	}
	snprintf(d[0].name, sizeof(d[0].name), "%s", name0);
	return try_send(c, &m);
}

/* Open the job and hear READY; the job's state, or 0. */
static int open_job(struct client *c, const char *name)
{
	if (send_open(c, name, DISKS, SIZE0, "sda") < 0 || until(c, PROTO_READY) != PROTO_READY)
		return 0;
	return c->job_state;
}

static int send_chunk(struct client *c, uint16_t i, uint64_t chunk)
{
	struct msg m = { .type = PROTO_DATA };

	if (rig_encode(codec, &disk[i], i, chunk * CHUNK, scratch, &m.data) == 1) {
		m.type = PROTO_ZERO;
		m.zero = (struct msg_zero){ .disk = i,
					    .reason = PROTO_ZERO_ZERO,
					    .offset = chunk * CHUNK,
					    .length = rig_chunk_length(&disk[i], chunk * CHUNK) };
	}
	return try_send(c, &m);
}

/* Up to n chunks that the server does not have. */
static int send_some(struct client *c, int n)
{
	int r = 0;

	for (uint16_t i = 0; i < DISKS; i++)
		for (uint64_t k = 0; r >= 0 && k * CHUNK < disk[i].size && n > 0; k++)
			if (!c->have[i][k]) {
				r = send_chunk(c, i, k);
				n--;
			}
	return r;
}

static int send_id(struct client *c, uint16_t type)
{
	struct msg m = { .type = type };

	return try_send(c, &m);
}

static int send_finish(struct client *c, const char *summary)
{
	struct msg m = { .type = PROTO_FINISH };

	m.finish.summary = (struct msg_blob){ (const uint8_t *)summary, (uint32_t)strlen(summary) };
	return try_send(c, &m);
}

static struct job *look(const char *name)
{
	struct job *j = NULL;

	MUST(job_open(store, name, JOB_LOCK_NONE, &j, &e));
	return j;
}

static void finish(struct client *c)
{
	CLEANUP(job_free) struct job *j = NULL;

	ck_assert_int_eq(send_some(c, 100), 0);
	ck_assert_int_eq(send_finish(c, SUMMARY), 0);
	ck_assert_msg(until(c, PROTO_FINISHED) == PROTO_FINISHED, "no FINISHED: %s", c->error);
	ck_assert_int_eq(end(c), 0);
	j = look("box");
	ck_assert_int_eq(j->state, JOB_VERIFIED);
	ck_assert_str_eq(j->consistency, "consistent");
	rig_compare(j->dirfd, "sda.qcow2", &disk[0], NULL);
	rig_compare(j->dirfd, "sdb.qcow2", &disk[1], NULL);
	ck_assert_int_lt(faccessat(j->dirfd, "sda.qcow2.partial", F_OK, 0), 0);
}

/*
 * The journal claims only what the images have, and no image of an unfinished job has its final
 * name.
 */
static void check_job(const char *name)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(mem_free) uint8_t *buf = malloc(CHUNK);

	if (job_open(store, name, JOB_LOCK_NONE, &j, NULL) < 0 ||
	    job_journal(j, true, &journal, NULL) < 0)
		return;
	for (size_t i = 0; i < j->nimages; i++) {
		const struct journal_disk *d = &journal->disks[i];
		CLEANUP(mem_free) char *partial = job_image_name(&j->images[i], true);
		CLEANUP(mem_free) char *final = job_image_name(&j->images[i], false);
		CLEANUP(qcow2_read_free) struct qcow2_read *q = NULL;
		bool done = j->state != JOB_RECEIVING;

		ck_assert_int_eq(faccessat(j->dirfd, final, F_OK, 0) == 0, done);
		MUST(qcow2_read_open(j->dirfd, done ? final : partial, &q, &e));
		for (uint64_t k = 0; k < d->nchunks; k++) {
			uint64_t n = MIN(CHUNK, d->size - k * CHUNK);
			uint8_t sha[SHA256_LEN];

			if (d->state[k] != CHUNK_DATA)
				continue;
			MUST(qcow2_read(q, buf, k * CHUNK, n, &e));
			ck_assert_int_eq(chunk_digest(buf, n, sha), 0);
			ck_assert_mem_eq(sha, d->sha256[k], sizeof(sha));
		}
	}
}

/* Nothing but the store in the test's folder, nothing but jobs of these names in the store. */
static void check_store(const char *name)
{
	CLEANUP(dir_close) DIR *outer = opendir(rig_store);
	CLEANUP(dir_close) DIR *inner = opendir(store);
	struct dirent *d;

	while ((d = readdir(outer)))
		ck_assert_msg(d->d_name[0] == '.' || strcmp(d->d_name, "store") == 0,
			      "%s outside the store", d->d_name);
	while (inner && (d = readdir(inner)))
		ck_assert_msg(d->d_name[0] == '.' || (name && strcmp(d->d_name, name) == 0),
			      "%s in the store", d->d_name);
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
