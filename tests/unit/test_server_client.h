/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * receive_serve() in a child process, an agent's session on the other end of a socket pair. The
 * store is a folder inside the test's own, so that whatever escapes it is seen.
 */
#ifndef P2V_TESTS_SERVER_CLIENT_H
#define P2V_TESTS_SERVER_CLIENT_H

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/quit.h"
#include "p2v-server/receive.h"
#include "tests/lib/loopback.h"
#include "tests/unit/test_server_rig.h"

#define DISKS	2
#define SIZE0	(3 * CHUNK + 1536)
#define SIZE1	(2 * CHUNK)
#define SUMMARY	"{\"consistency\":\"consistent\"}"

static UNUSED char store[96];
static UNUSED char *machine;
static UNUSED struct rig_disk disk[DISKS];
static UNUSED struct codec *codec;
static UNUSED uint8_t *scratch;
static UNUSED struct receive_config config;

static UNUSED void setup(void)
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

static UNUSED void teardown(void)
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
	uint8_t uuid[PROTO_UUID_LEN];	/* of the job */
	bool have[DISKS][8];		/* HAVE, by chunk */
	bool known[DISKS][8];		/* DIGESTS */
	bool differs[DISKS][8];		/* DIFFER */
	unsigned int cutovers;		/* CUTOVERs heard */
	uint8_t flags;			/* for OPEN */
	struct iobuf sent;		/* every byte that went out, when recording */
	bool record;
};

static UNUSED void serve_in_child(struct client *c)
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

static UNUSED void start(struct client *c)
{
	*c = (struct client){ .fd = -1 };
	iobuf_init(&c->sent, 64 << 20);
	MUST(session_new(PROTO_ROLE_AGENT, "test", &c->session, &e));
	serve_in_child(c);
}

/* The server's exit status; 128 + signal. */
static UNUSED int end(struct client *c)
{
	int status = -1;

	fd_close(c->fd);
	session_free(c->session);
	iobuf_done(&c->sent);
	/* Half a minute: others may keep the processors busy. */
	for (int tries = 0; tries < 3000; tries++) {
		if (waitpid(c->pid, &status, WNOHANG) == c->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		poll(NULL, 0, 10);
	}
	kill(c->pid, SIGKILL);
	waitpid(c->pid, &status, 0);
	ck_abort_msg("the server does not end");
	return -1;
}

static UNUSED void note_ranges(bool chunks[DISKS][8], const struct msg_have *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		for (uint64_t at = 0; at < h->ranges[i].length; at += CHUNK)
			chunks[h->disk][(h->ranges[i].offset + at) / CHUNK] = true;
}

static UNUSED void note(struct client *c, const struct msg *m)
{
	switch (m->type) {
	case PROTO_JOB:
		c->job_state = m->job.state;
		memcpy(c->uuid, m->job.uuid, sizeof(c->uuid));
		break;
	case PROTO_HAVE:
		note_ranges(c->have, &m->have);
		break;
	case PROTO_DIFFER:
		note_ranges(c->differs, &m->have);
		break;
	case PROTO_DIGESTS:
		for (uint32_t i = 0; i < m->digests.n; i++)
			c->known[m->digests.disk][m->digests.offset / CHUNK + i] = true;
		break;
	case PROTO_CUTOVER:
		c->cutovers++;
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

static UNUSED bool write_out(struct client *c)
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
static UNUSED int next(struct client *c)
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
static UNUSED int until(struct client *c, int type)
{
	int got;

	do
		got = next(c);
	while (got != 0 && got != type && got != PROTO_ERROR);
	return got;
}

static UNUSED int try_send(struct client *c, struct msg *m)
{
	int r;

	while ((r = session_send(c->session, m, NULL)) == -EAGAIN)
		if (next(c) == 0)
			return -ECONNRESET;
	return r;
}

static UNUSED int send_open(struct client *c, const char *name, uint16_t ndisks, uint64_t size0,
		     const char *name0)
{
	struct msg_disk d[3] = { 0 };
	struct msg m = { .type = PROTO_OPEN };

	if (until(c, PROTO_HELLO) != PROTO_HELLO)
		return -ECONNRESET;
	snprintf(m.open.name, sizeof(m.open.name), "%s", name);
	m.open.flags = c->flags;
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
static UNUSED int open_job(struct client *c, const char *name)
{
	if (send_open(c, name, DISKS, SIZE0, "sda") < 0 || until(c, PROTO_READY) != PROTO_READY)
		return 0;
	return c->job_state;
}

static UNUSED int send_chunk(struct client *c, uint16_t i, uint64_t chunk)
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
static UNUSED int send_some(struct client *c, int n)
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

static UNUSED int send_id(struct client *c, uint16_t type)
{
	struct msg m = { .type = type };

	return try_send(c, &m);
}

static UNUSED int send_finish(struct client *c, const char *summary)
{
	struct msg m = { .type = PROTO_FINISH };

	m.finish.summary = (struct msg_blob){ (const uint8_t *)summary, (uint32_t)strlen(summary) };
	return try_send(c, &m);
}

static UNUSED struct job *look(const char *name)
{
	struct job *j = NULL;

	MUST(job_open(store, name, JOB_LOCK_NONE, &j, &e));
	return j;
}

static UNUSED void finish(struct client *c)
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
static UNUSED void check_job(const char *name)
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
static UNUSED void check_store(const char *name)
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

#endif
