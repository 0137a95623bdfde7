/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/loopback.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "wire/frame.h"
#include "wire/msg.h"

/*
 * Magic, single segment with a two-byte content size (65536 - 256), one last RLE block of 65536
 * times the byte 'A': RFC 8878.
 */
const uint8_t loopback_zstd_cluster[LOOPBACK_ZSTD_LEN] = {
	0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0xff, 0x03, 0x00, 0x08, 'A',
};

/* The same of two blocks: 8192 - 256. */
const uint8_t loopback_zstd_patch[LOOPBACK_ZSTD_LEN] = {
	0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x1f, 0x03, 0x00, 0x01, 'A',
};

static void must(int r)
{
	if (r < 0)
		abort();
}

void loopback_init(struct loopback *l)
{
	*l = (struct loopback){ 0 };
	must(session_new(PROTO_ROLE_AGENT, "test-agent 1", &l->side[LOOPBACK_AGENT].session, NULL));
	must(session_new(PROTO_ROLE_SERVER, "test-server 1", &l->side[LOOPBACK_SERVER].session,
			 NULL));
}

void loopback_done(struct loopback *l)
{
	session_free(l->side[LOOPBACK_AGENT].session);
	session_free(l->side[LOOPBACK_SERVER].session);
	l->side[LOOPBACK_AGENT].session = l->side[LOOPBACK_SERVER].session = NULL;
}

void loopback_reseal(uint8_t *p, size_t len)
{
	uint32_t crc;

	if (len < PROTO_FRAME_HEADER)
		return;
	crc = digest_crc32c(0, p, 8);
	put_be32(p + 8, digest_crc32c(crc, p + PROTO_FRAME_HEADER, len - PROTO_FRAME_HEADER));
}

static void step_all(struct loopback *l, enum loopback_dir to)
{
	struct loopback_side *side = &l->side[to];
	struct msg m;
	int r;

	while ((r = session_step(side->session, &m, &side->err)) == 1) {
		if (l->judge)
			l->judge(l->judge_opaque, to, &m);
		if (side->got)
			side->got(l, &m);
	}
	side->result = r;
}

static void deliver(struct loopback *l, enum loopback_dir to, const struct iobuf *bytes)
{
	const uint8_t *p = iobuf_ptr(bytes);
	size_t left = iobuf_len(bytes);

	while (left > 0) {
		size_t n = l->split && l->split < left ? l->split : left;

		must(session_feed(l->side[to].session, p, n, NULL));
		step_all(l, to);
		p += n;
		left -= n;
	}
}

static bool move(struct loopback *l, enum loopback_dir from)
{
	struct loopback_side *side = &l->side[from];
	struct iobuf *out = session_output(side->session);
	bool moved = false;

	/* One frame at a time, copied out: the receiver's answers must not wait for the rest. */
	while (iobuf_len(out) > 0) {
		size_t len = PROTO_FRAME_HEADER + (size_t)get_be32(iobuf_ptr(out));
		uint16_t type = get_be16(iobuf_ptr(out) + 4);
		CLEANUP(iobuf_done) struct iobuf arrived;

		iobuf_init(&arrived, 1u << 26);
		if (l->hook)
			l->hook(l->opaque, from, side->sent, iobuf_ptr(out), len, &arrived);
		else
			must(iobuf_put(&arrived, iobuf_ptr(out), len));
		iobuf_consume(out, len);
		side->sent++;
		side->after_error += side->errors_sent > 0;
		side->errors_sent += type == PROTO_ERROR;
		deliver(l, from == LOOPBACK_AGENT ? LOOPBACK_SERVER : LOOPBACK_AGENT, &arrived);
		moved = true;
	}
	return moved;
}

bool loopback_pump(struct loopback *l)
{
	bool up = move(l, LOOPBACK_AGENT), down = move(l, LOOPBACK_SERVER);

	return up || down;
}

/* The conversation: a server that answers everything... */

static void say(struct loopback *l, enum loopback_dir who, struct msg m)
{
	/* A side that was led astray may have nothing legal to say. */
	(void)session_send(l->side[who].session, &m, NULL);
}

static void say_id(struct loopback *l, enum loopback_dir who, uint16_t type, uint64_t id)
{
	say(l, who, (struct msg){ .type = type, .id = { .id = id } });
}

static void say_digests(struct loopback *l)
{
	static const uint8_t sha256[2 * SHA256_LEN] = { 1, 2, 3 };

	say(l, LOOPBACK_SERVER,
	    (struct msg){ .type = PROTO_DIGESTS,
			  .digests = { .kind = PROTO_DIGESTS_DATA, .n = 2, .sha256 = sha256 } });
	say(l, LOOPBACK_SERVER,
	    (struct msg){ .type = PROTO_DIGESTS,
			  .digests = { .kind = PROTO_DIGESTS_ZERO,
				       .n = 1,
				       .offset = 3 * PROTO_CHUNK_SIZE } });
	say(l, LOOPBACK_SERVER,
	    (struct msg){ .type = PROTO_DIGESTS,
			  .digests = { .disk = 1,
				       .kind = PROTO_DIGESTS_ZERO,
				       .n = 1 } });
}

static void server_opened(struct loopback *l)
{
	struct msg_range ranges[2] = {
		{ .offset = 0, .length = PROTO_CHUNK_SIZE },
		{ .offset = 3 * PROTO_CHUNK_SIZE, .length = 1536 },
	};
	struct msg job = {
		.type = PROTO_JOB,
		.job = {
			.uuid = "0123456789abcde",
			.state = l->complete ? PROTO_JOB_COMPLETE : PROTO_JOB_RESUMED,
			.credit = PROTO_CREDIT_MIN,
		},
	};

	say(l, LOOPBACK_SERVER, job);
	if (l->compare) {
		say_digests(l);
	} else if (!l->complete) {
		say(l, LOOPBACK_SERVER,
			(struct msg){ .type = PROTO_HAVE,
				 .have = { .disk = 0, .n = 2, .ranges = ranges } });
		say(l, LOOPBACK_SERVER,
			(struct msg){ .type = PROTO_HAVE,
				 .have = { .disk = 1, .n = 1, .ranges = ranges } });
	}
	say(l, LOOPBACK_SERVER, (struct msg){ .type = PROTO_READY });
	say_id(l, LOOPBACK_SERVER, PROTO_PING, 77);
}

static void server_checked(struct loopback *l, const struct msg_digests *d)
{
	struct msg_range range = { .offset = 2 * PROTO_CHUNK_SIZE, .length = PROTO_CHUNK_SIZE };

	if (d->kind == PROTO_DIGESTS_ZERO)
		return;
	l->differs = true;
	say(l, LOOPBACK_SERVER, (struct msg){ .type = PROTO_DIFFER,
					      .have = { .disk = 0, .n = 1, .ranges = &range } });
}

static void server_got(struct loopback *l, const struct msg *m)
{
	struct msg copy = *m;
	uint64_t *id = msg_counted_id(&copy);

	if (id && m->type != PROTO_FLUSH && m->type != PROTO_FINISH)
		say_id(l, LOOPBACK_SERVER, PROTO_ACK, *id);
	switch (m->type) {
	case PROTO_OPEN:
		server_opened(l);
		break;
	case PROTO_PATCH:
		if (m->patch.offset == 2 * PROTO_CHUNK_SIZE)
			l->differs = false;
		break;
	case PROTO_CHECK:
		server_checked(l, &m->check.what);
		break;
	case PROTO_FLUSH:
		say_id(l, LOOPBACK_SERVER, PROTO_ACK, m->id.id);
		say(l, LOOPBACK_SERVER, (struct msg){ .type = PROTO_STATUS,
						      .status = { PROTO_PHASE_FLUSHING, 1, 2 } });
		say(l, LOOPBACK_SERVER, (struct msg){ .type = PROTO_THROTTLE,
						      .throttle = { PROTO_THROTTLE_RATE, MIB } });
		if (l->live)
			say(l, LOOPBACK_SERVER, (struct msg){ .type = PROTO_CUTOVER });
		say_id(l, LOOPBACK_SERVER, PROTO_FLUSHED, m->id.id);
		break;
	case PROTO_FINISH:
		if (l->differs) {
			session_send_error(l->side[LOOPBACK_SERVER].session, PROTO_ERR_PROTOCOL,
					   "chunks differ");
			break;
		}
		say(l, LOOPBACK_SERVER,
			(struct msg){ .type = PROTO_STATUS,
				 .status = { PROTO_PHASE_VERIFYING, 512, 1024 } });
		say(l, LOOPBACK_SERVER,
			(struct msg){ .type = PROTO_FINISHED,
				      .finished = { { (const uint8_t *)"{}", 2 } } });
		break;
	default:
		break;
	}
}

/* ...and an agent that goes through a script, each step when the one before has been answered. */

static void agent_open(struct loopback *l)
{
	static const char machine[] = "{\"name\":\"web\"}";
	struct msg_disk disks[LOOPBACK_DISKS] = {
		{ .name = "sda", .source = "/dev/sda", .size = LOOPBACK_DISK0_SIZE,
		  .logical_sector = 512, .physical_sector = 4096 },
		{ .name = "sdb", .source = "/dev/sdb", .size = LOOPBACK_DISK1_SIZE,
		  .logical_sector = 512, .physical_sector = 512 },
	};
	struct msg m = {
		.type = PROTO_OPEN,
		.open = {
			.name = "web",
			.flags = PROTO_OPEN_COMPRESSED | (l->compare ? PROTO_OPEN_COMPARE : 0) |
				 (l->live ? PROTO_OPEN_LIVE : 0),
			.machine = { (const uint8_t *)machine, sizeof(machine) - 1 },
			.ndisks = LOOPBACK_DISKS,
			.disks = disks,
		},
	};

	say(l, LOOPBACK_AGENT, m);
}

static void agent_data(struct loopback *l, uint16_t disk, uint64_t offset, uint32_t length)
{
	static uint8_t tail[1536];
	static const uint8_t digest[SHA256_LEN] = { 1, 2, 3 };
	struct msg m = {
		.type = PROTO_DATA,
		.data = {
			.disk = disk,
			.offset = offset,
			.length = length,
			.nclusters = (uint16_t)DIV_ROUND_UP(length, PROTO_CLUSTER_SIZE),
		},
	};

	memset(tail, 'T', sizeof(tail));
	memcpy(m.data.sha256, digest, sizeof(digest));
	for (unsigned int i = 0; i < m.data.nclusters; i++)
		m.data.clusters[i].codec = PROTO_CODEC_ZERO;
	if (length == PROTO_CHUNK_SIZE)
		m.data.clusters[1] = (struct msg_cluster){ PROTO_CODEC_ZSTD, LOOPBACK_ZSTD_LEN,
							   loopback_zstd_cluster };
	else
		m.data.clusters[0] = (struct msg_cluster){ PROTO_CODEC_RAW, length, tail };
	say(l, LOOPBACK_AGENT, m);
}

static void agent_zero(struct loopback *l, uint16_t disk, uint64_t offset, uint64_t length)
{
	say(l, LOOPBACK_AGENT, (struct msg){ .type = PROTO_ZERO,
					     .zero = { .disk = disk, .reason = PROTO_ZERO_FREE,
						       .offset = offset, .length = length } });
}

static void agent_stale(struct loopback *l, uint16_t disk, uint32_t n, struct msg_range *ranges)
{
	say(l, LOOPBACK_AGENT, (struct msg){ .type = PROTO_STALE,
					     .stale = { .what = { disk, n, ranges } } });
}

/* Two blocks, apart. */
static void agent_patch(struct loopback *l, uint64_t offset)
{
	say(l, LOOPBACK_AGENT,
	    (struct msg){ .type = PROTO_PATCH,
			  .patch = { .codec = PROTO_PATCH_ZSTD,
				     .npieces = 2,
				     .offset = offset,
				     .stored = LOOPBACK_ZSTD_LEN,
				     .p = loopback_zstd_patch,
				     .pieces = { { 4096, 4096 }, { 1044480, 4096 } } } });
}

/* All of the last chunk of disk 0, which is no whole block. */
static void agent_patch_tail(struct loopback *l)
{
	static const uint8_t tail[1536] = { 't', 'a', 'i', 'l' };

	say(l, LOOPBACK_AGENT, (struct msg){ .type = PROTO_PATCH,
					     .patch = { .codec = PROTO_PATCH_RAW,
							.npieces = 1,
							.offset = 3 * PROTO_CHUNK_SIZE,
							.stored = sizeof(tail),
							.p = tail,
							.pieces = { { 0, sizeof(tail) } } } });
}

static void agent_check(struct loopback *l, uint16_t disk, uint8_t kind, uint32_t n,
			uint64_t offset)
{
	static const uint8_t sha256[4 * SHA256_LEN] = { 4, 3, 2, 1 };

	say(l, LOOPBACK_AGENT,
	    (struct msg){ .type = PROTO_CHECK,
			  .check = { .what = { .disk = disk,
					       .kind = kind,
					       .n = n,
					       .offset = offset,
					       .sha256 = kind == PROTO_DIGESTS_DATA ? sha256
										    : NULL } } });
}

/* What has changed since the first round; then what differs after all. */
static void agent_round(struct loopback *l, bool again)
{
	struct msg_range ranges[2] = {
		{ .offset = PROTO_CHUNK_SIZE, .length = PROTO_CHUNK_SIZE },
		{ .offset = 3 * PROTO_CHUNK_SIZE, .length = 1536 },
	};
	struct msg_range first = { .offset = 0, .length = PROTO_CHUNK_SIZE };
	struct msg_range third = { .offset = 2 * PROTO_CHUNK_SIZE, .length = PROTO_CHUNK_SIZE };

	if (again) {
		agent_stale(l, 0, 1, &third);
		agent_patch(l, 2 * PROTO_CHUNK_SIZE);
		agent_check(l, 1, PROTO_DIGESTS_ZERO, 1, PROTO_CHUNK_SIZE);
	} else {
		agent_stale(l, 0, 2, ranges);
		agent_stale(l, 1, 1, &first);
		agent_patch(l, PROTO_CHUNK_SIZE);
		agent_patch_tail(l);
		agent_data(l, 1, 0, PROTO_CHUNK_SIZE);
		agent_check(l, 0, PROTO_DIGESTS_DATA, 4, 0);
		agent_check(l, 1, PROTO_DIGESTS_ZERO, 1, PROTO_CHUNK_SIZE);
	}
	say_id(l, LOOPBACK_AGENT, PROTO_FLUSH, 0);
}

static bool answered(struct loopback *l, uint64_t durable)
{
	return l->durable >= durable;
}

/* The rounds of live disks stand before step 4. */
static bool agent_act_live(struct loopback *l, bool *ret_done)
{
	if (!answered(l, LOOPBACK_FLUSH2))
		return false;
	*ret_done = l->rounds == 2 || (l->rounds == 1 && answered(l, LOOPBACK_LIVE_FLUSH3) &&
				       !l->told_differ);
	if (*ret_done)
		return true;
	if (l->rounds == 1 && !answered(l, LOOPBACK_LIVE_FLUSH3))
		return false;
	agent_round(l, l->rounds == 1);
	l->rounds++;
	return true;
}

/* One step of the script; false: not yet, or no more. */
static bool agent_act(struct loopback *l)
{
	struct session *s = l->side[LOOPBACK_AGENT].session;
	enum session_state state = session_get_state(s);
	unsigned int step = l->agent_step;

	if (l->close_at && step == l->close_at) {
		say(l, LOOPBACK_AGENT, (struct msg){ .type = PROTO_CLOSE });
		l->agent_step = 100;
		return true;
	}
	switch (step) {
	case 0:
		if (state != SESSION_OPEN)
			return false;
		agent_open(l);
		break;
	case 1:
		say_id(l, LOOPBACK_AGENT, PROTO_PING, 1);
		break;
	case 2:
		if (state != SESSION_COPY)
			return false;
		agent_data(l, 0, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
		agent_zero(l, 0, 2 * PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE + 1536);
		say(l, LOOPBACK_AGENT,
			(struct msg){ .type = PROTO_BAD,
				 .bad = { .disk = 1, .offset = 512, .length = 1024 } });
		agent_data(l, 1, 0, PROTO_CHUNK_SIZE);
		say_id(l, LOOPBACK_AGENT, PROTO_FLUSH, 0);
		break;
	case 3:
		if (!answered(l, LOOPBACK_FLUSH1))
			return false;
		agent_data(l, 0, 3 * PROTO_CHUNK_SIZE, 1536);
		agent_zero(l, 1, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
		say_id(l, LOOPBACK_AGENT, PROTO_PING, 2);
		say_id(l, LOOPBACK_AGENT, PROTO_FLUSH, 0);
		break;
	case 4:
		if (l->live && !l->rounds_done) {
			if (!agent_act_live(l, &l->rounds_done))
				return false;
			return true;
		}
		if (!answered(l, !l->live	   ? LOOPBACK_FLUSH2
				 : l->rounds == 2 ? LOOPBACK_LIVE_FLUSH4
						  : LOOPBACK_LIVE_FLUSH3))
			return false;
		say(l, LOOPBACK_AGENT,
			(struct msg){ .type = PROTO_FINISH,
				 .finish = {.summary = {(const uint8_t *)"{}", 2}}});
		break;
	default:
		return false;
	}
	l->agent_step++;
	return true;
}

static void agent_got(struct loopback *l, const struct msg *m)
{
	if (m->type == PROTO_FLUSHED)
		l->durable = m->id.id;
	if (m->type == PROTO_FINISHED)
		l->finished = true;
	l->told_differ = l->told_differ || m->type == PROTO_DIFFER;
	l->cutovers += m->type == PROTO_CUTOVER;
}

void loopback_converse(struct loopback *l)
{
	l->side[LOOPBACK_AGENT].got = agent_got;
	l->side[LOOPBACK_SERVER].got = server_got;
	do
		while (loopback_pump(l))
			;
	while (agent_act(l));
}
