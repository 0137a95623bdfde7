/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a peer may send, into a session of either role with a well-behaved program on top of it.
 *
 *	byte 0	bit 0: the session is the agent's (else the server's)
 *		bit 1: make every frame's CRC right first, so that the fuzzer gets past it
 *		bits 2-3: the job state that the server announces
 *		bit 4: the agent has live disks
 *	byte 1	feed in pieces of this many bytes; 0: all at once
 *	rest	the peer's bytes
 *
 * Besides not crashing, the session must keep its promises: ranges inside the disks, its own output
 * well-formed with at most one ERROR in it and nothing after that, and a dead session stays dead.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK0_SIZE	(3 * (uint64_t)PROTO_CHUNK_SIZE + 1536)
#define DISK1_SIZE	(2 * (uint64_t)PROTO_CHUNK_SIZE)

struct target {
	struct session *s;
	bool agent, live;
	unsigned int rounds;		/* of live disks, after the first */
	uint8_t job_state;
	uint64_t sizes[PROTO_DISKS_MAX];
	uint16_t ndisks;
	unsigned int errors;		/* sent by the session */
	bool finish_sent;
};

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void say(struct target *t, struct msg m)
{
	int r = session_send(t->s, &m, NULL);

	promise(r == 0 || r == -EAGAIN || r == -EINVAL || r == -EPIPE);
}

static void say_id(struct target *t, uint16_t type, uint64_t id)
{
	say(t, (struct msg){ .type = type, .id = { .id = id } });
}

static void agent_data(struct target *t, uint16_t disk, uint64_t offset, uint32_t length)
{
	struct msg m = {
		.type = PROTO_DATA,
		.data = { .disk = disk, .offset = offset, .length = length,
			  .nclusters = (uint16_t)DIV_ROUND_UP(length, PROTO_CLUSTER_SIZE) },
	};

	for (unsigned int i = 0; i < m.data.nclusters; i++)
		m.data.clusters[i].codec = PROTO_CODEC_ZERO;
	say(t, m);
}

static void agent_zero(struct target *t, uint16_t disk, uint64_t offset, uint64_t length)
{
	say(t, (struct msg){ .type = PROTO_ZERO, .zero = { .disk = disk, .reason = PROTO_ZERO_FREE,
							   .offset = offset, .length = length } });
}

static void agent_open(struct target *t)
{
	struct msg_disk disks[2] = {
		{ "sda", "/dev/sda", DISK0_SIZE, 512, 4096 },
		{ "sdb", "", DISK1_SIZE, 512, 512 },
	};

	t->sizes[0] = DISK0_SIZE;
	t->sizes[1] = DISK1_SIZE;
	t->ndisks = 2;
	say(t, (struct msg){ .type = PROTO_OPEN,
			     .open = { .name = "web",
				       .flags = t->live ? PROTO_OPEN_LIVE : 0,
				       .ndisks = 2,
				       .disks = disks } });
	say_id(t, PROTO_PING, 1);
}

static void agent_copy(struct target *t)
{
	agent_data(t, 0, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
	agent_zero(t, 0, 2 * PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE + 1536);
	say(t, (struct msg){ .type = PROTO_BAD,
			     .bad = { .disk = 1, .offset = 512, .length = 1024 } });
	agent_data(t, 1, 0, PROTO_CHUNK_SIZE);
	say_id(t, PROTO_FLUSH, 0);
	agent_data(t, 0, 3 * PROTO_CHUNK_SIZE, 1536);
	agent_zero(t, 1, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
	say_id(t, PROTO_PING, 2);
	say_id(t, PROTO_FLUSH, 0);
}

static void agent_stale(struct target *t, uint16_t disk, uint64_t offset, uint64_t length)
{
	struct msg_range range = { offset, length };

	say(t, (struct msg){ .type = PROTO_STALE, .stale = { .what = { disk, 1, &range } } });
}

static void agent_patch(struct target *t, uint64_t offset, uint32_t length)
{
	static const uint8_t bytes[PROTO_BLOCK_SIZE];

	say(t, (struct msg){ .type = PROTO_PATCH,
			     .patch = { .npieces = 1,
					.offset = offset,
					.pieces = { { 0, length } },
					.stored = length,
					.p = bytes } });
}

static void agent_check(struct target *t, uint16_t disk, uint32_t n)
{
	say(t, (struct msg){ .type = PROTO_CHECK,
			     .check = { .what = { .disk = disk,
						  .kind = PROTO_DIGESTS_ZERO,
						  .n = n } } });
}

/* With the ids of loopback_converse(), so that its server's answers fit. */
static void agent_round(struct target *t)
{
	if (t->rounds++ == 0) {
		agent_stale(t, 0, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
		agent_stale(t, 0, 3 * PROTO_CHUNK_SIZE, 1536);
		agent_patch(t, PROTO_CHUNK_SIZE, PROTO_BLOCK_SIZE);
		agent_patch(t, 3 * PROTO_CHUNK_SIZE, 1536);
		agent_data(t, 1, 0, PROTO_CHUNK_SIZE);
		agent_check(t, 0, 4);
		agent_check(t, 1, 2);
	} else {
		agent_stale(t, 0, 2 * PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
		agent_patch(t, 2 * PROTO_CHUNK_SIZE, PROTO_BLOCK_SIZE);
		agent_check(t, 1, 1);
	}
	say_id(t, PROTO_FLUSH, 0);
}

static void check_ranges(const struct target *t, const struct msg_have *h)
{
	promise(h->disk < t->ndisks && h->n > 0);
	for (uint32_t i = 0; i < h->n; i++)
		promise(range_inside(h->ranges[i].offset, h->ranges[i].length, t->sizes[h->disk]));
}

static void check_digests(const struct target *t, const struct msg_digests *d)
{
	promise(d->disk < t->ndisks);
	promise(d->offset + (d->n - 1) * (uint64_t)PROTO_CHUNK_SIZE < t->sizes[d->disk]);
}

static void agent_got(struct target *t, const struct msg *m)
{
	switch (m->type) {
	case PROTO_HELLO:
		agent_open(t);
		break;
	case PROTO_HAVE:
		check_ranges(t, &m->have);
		break;
	case PROTO_DIFFER:
		/* Only while a CHECK is not answered. */
		promise(t->live && t->rounds > 0 && !t->finish_sent);
		check_ranges(t, &m->have);
		break;
	case PROTO_CUTOVER:
		promise(t->live);
		break;
	case PROTO_DIGESTS:
		check_digests(t, &m->digests);
		break;
	case PROTO_READY:
		agent_copy(t);
		break;
	case PROTO_FLUSHED:
		promise(session_durable_id(t->s) == m->id.id);
		if (m->id.id != session_last_id(t->s))
			break;
		if (t->live && t->rounds < 2) {
			agent_round(t);
		} else if (!t->finish_sent) {
			t->finish_sent = true;
			say(t, (struct msg){ .type = PROTO_FINISH });
		}
		break;
	case PROTO_FINISHED:
		promise(t->finish_sent);
		break;
	case PROTO_JOB:
	case PROTO_ACK:
	case PROTO_STATUS:
	case PROTO_ERROR:
	case PROTO_PONG:
		break;
	case PROTO_THROTTLE:
		promise(session_has_feature(t->s, PROTO_FEATURE_THROTTLE));
		promise((m->throttle.mode == PROTO_THROTTLE_RATE) == (m->throttle.rate > 0));
		break;
	default:
		abort();
	}
}

static void server_opened(struct target *t, const struct msg_open *o)
{
	t->live = o->flags & PROTO_OPEN_LIVE;
	promise(!t->live || !(o->flags & PROTO_OPEN_JOIN));
	promise(o->ndisks >= 1 && o->ndisks <= PROTO_DISKS_MAX);
	t->ndisks = o->ndisks;
	for (uint16_t i = 0; i < o->ndisks; i++)
		t->sizes[i] = o->disks[i].size;
	say(t, (struct msg){ .type = PROTO_JOB,
				.job = { .state = t->job_state, .credit = PROTO_CREDIT_MIN } });
	say(t, (struct msg){ .type = PROTO_READY });
	say_id(t, PROTO_PING, 77);
}

static uint8_t raw[PROTO_CHUNK_SIZE];

static struct codec *codec(void)
{
	static struct codec *c;

	if (!c)
		promise(codec_new(0, &c, NULL) == 0);
	return c;
}

static void server_data(const struct msg_data *d)
{
	int r = codec_decode(codec(), d, raw, NULL);

	promise(r == 0 || r == -EBADMSG || r == -EILSEQ);
}

static void server_patch(const struct target *t, const struct msg_patch *p)
{
	uint64_t size, end = 0;
	int r;

	promise(t->live && p->disk < t->ndisks && p->npieces > 0);
	size = t->sizes[p->disk];
	for (uint16_t i = 0; i < p->npieces; i++) {
		const struct msg_piece *k = &p->pieces[i];

		promise(k->length > 0 && (i == 0 || k->offset > end));
		end = (uint64_t)k->offset + k->length;
		promise(end <= PROTO_CHUNK_SIZE && range_inside(p->offset, end, size));
		promise(k->offset % PROTO_BLOCK_SIZE == 0);
		promise(end % PROTO_BLOCK_SIZE == 0 || p->offset + end == size);
	}
	r = codec_patch_decode(codec(), p, raw, NULL);
	promise(r == 0 || r == -EBADMSG || r == -EILSEQ);
}

/* Something always differs; said at once. */
static void server_check(struct target *t, const struct msg_digests *d)
{
	struct msg_range range = { .offset = d->offset };

	check_digests(t, d);
	range.length = MIN(t->sizes[d->disk] - d->offset, (uint64_t)PROTO_CHUNK_SIZE);
	promise(t->live);
	say(t, (struct msg){ .type = PROTO_DIFFER, .have = { d->disk, 1, &range } });
}

static void server_got(struct target *t, const struct msg *m)
{
	struct msg copy = *m;
	const uint64_t *id = msg_counted_id(&copy);

	if (id)
		promise(*id == session_last_id(t->s) && *id > session_acked_id(t->s));
	switch (m->type) {
	case PROTO_OPEN:
		server_opened(t, &m->open);
		break;
	case PROTO_DATA:
		promise(m->data.disk < t->ndisks);
		promise(range_inside(m->data.offset, m->data.length, t->sizes[m->data.disk]));
		server_data(&m->data);
		break;
	case PROTO_ZERO:
		promise(m->zero.disk < t->ndisks);
		promise(range_inside(m->zero.offset, m->zero.length, t->sizes[m->zero.disk]));
		break;
	case PROTO_BAD:
		promise(m->bad.disk < t->ndisks);
		promise(range_inside(m->bad.offset, m->bad.length, t->sizes[m->bad.disk]));
		break;
	case PROTO_STALE:
		promise(t->live);
		check_ranges(t, &m->stale.what);
		break;
	case PROTO_PATCH:
		server_patch(t, &m->patch);
		break;
	case PROTO_CHECK:
		server_check(t, &m->check.what);
		break;
	case PROTO_FLUSH:
		if (t->live)
			say(t, (struct msg){ .type = PROTO_CUTOVER });
		say_id(t, PROTO_FLUSHED, m->id.id);
		break;
	case PROTO_FINISH:
		say(t, (struct msg){ .type = PROTO_STATUS,
				     .status = { PROTO_PHASE_VERIFYING, 1, 2 } });
		say(t, (struct msg){ .type = PROTO_FINISHED });
		break;
	case PROTO_HELLO:
	case PROTO_CLOSE:
	case PROTO_ERROR:
	case PROTO_PONG:
		break;
	default:
		abort();
	}
	if (id && m->type != PROTO_FINISH)
		say_id(t, PROTO_ACK, *id);
}

static void check_output(struct target *t)
{
	struct iobuf *out = session_output(t->s);

	while (iobuf_len(out) > 0) {
		struct frame f;
		struct msg m;

		promise(t->errors == 0);
		promise(frame_peek(out, &f, NULL) == 1);
		promise(msg_decode(&f, &m, NULL) == 0);
		t->errors += m.type == PROTO_ERROR;
		msg_done(&m);
		iobuf_consume(out, frame_size(&f));
	}
}

static void run(struct target *t, const uint8_t *p, size_t len)
{
	struct err err = ERR_INIT, again = ERR_INIT;
	struct msg m;
	int r;

	promise(session_feed(t->s, p, len, NULL) == 0);
	while ((r = session_step(t->s, &m, &err)) == 1) {
		if (t->agent)
			agent_got(t, &m);
		else
			server_got(t, &m);
		check_output(t);
	}
	check_output(t);
	if (r < 0) {
		promise(err.code == -r && err.text[0] != '\0');
		promise(session_get_state(t->s) == SESSION_DEAD);
		promise(session_step(t->s, &m, &again) == r && strcmp(err.text, again.text) == 0);
	}
}

/* Each frame's CRC made right, for as long as the lengths lead from one frame to the next. */
static void reseal(uint8_t *p, size_t len)
{
	while (len >= PROTO_FRAME_HEADER) {
		size_t n = PROTO_FRAME_HEADER + (size_t)get_be32(p);
		uint32_t crc;

		if (n > len)
			return;
		crc = digest_crc32c(0, p, 8);
		put_be32(p + 8, digest_crc32c(crc, p + PROTO_FRAME_HEADER, n - PROTO_FRAME_HEADER));
		p += n;
		len -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(mem_free) uint8_t *bytes = NULL;
	struct target t = { 0 };
	size_t split;

	if (size < 2)
		return 0;
	t.agent = data[0] & 1;
	t.live = t.agent && (data[0] & 16);
	t.job_state = (uint8_t)(PROTO_JOB_NEW + (data[0] >> 2) % 3);
	split = data[1] ? data[1] : SESSION_FEED_MAX;
	bytes = malloc(size);
	if (!bytes)
		return 0;
	memcpy(bytes, data + 2, size - 2);
	if (data[0] & 2)
		reseal(bytes, size - 2);
	if (session_new(t.agent ? PROTO_ROLE_AGENT : PROTO_ROLE_SERVER, "fuzz", &t.s, NULL) < 0)
		return 0;
	for (size_t pos = 0; pos < size - 2; pos += split)
		run(&t, bytes + pos, MIN(split, size - 2 - pos));
	session_eof(t.s, NULL);
	session_free(t.s);
	return 0;
}
