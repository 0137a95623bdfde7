/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A full conversation in which every single message is dropped, cut, repeated, swapped and mutated.
 * Also the seeds of the wire's fuzz target: they are what a session really sends.
 */
#include "tests/unit/test_session.h"

#include "common/fdio.h"
#include "tests/lib/mutate.h"

enum deed { DROP, CUT, CUT_AND_END, REPEAT, SWAP, REPLACE };

struct disturber {
	enum deed deed;
	enum loopback_dir from;
	unsigned int index;
	size_t keep;			/* CUT */
	const uint8_t *bytes;		/* REPLACE */
	size_t len;
	uint8_t held[4096];		/* SWAP */
	size_t held_len;
	bool ended;
	uint16_t type, next_type; /* of the message it was done to, and SWAP: of the one after */
};

static void put(struct iobuf *b, const void *p, size_t len)
{
	ck_assert_int_eq(iobuf_put(b, p, len), 0);
}

static void disturb(void *opaque, enum loopback_dir from, unsigned int index, const uint8_t *frame,
			size_t len, struct iobuf *deliver)
{
	struct disturber *d = opaque;

	if (from != d->from) {
		put(deliver, frame, len);
		return;
	}
	if (d->ended)
		return;
	if (d->deed == SWAP && index == d->index + 1) {
		d->next_type = get_be16(frame + 4);
		put(deliver, frame, len);
		put(deliver, d->held, d->held_len);
		return;
	}
	if (index != d->index) {
		put(deliver, frame, len);
		return;
	}
	d->type = get_be16(frame + 4);
	switch (d->deed) {
	case DROP:
		break;
	case CUT:
	case CUT_AND_END:
		put(deliver, frame, MIN(d->keep, len));
		d->ended = d->deed == CUT_AND_END;
		break;
	case REPEAT:
		put(deliver, frame, len);
		put(deliver, frame, len);
		break;
	case SWAP:
		ck_assert_uint_le(len, sizeof(d->held));
		memcpy(d->held, frame, len);
		d->held_len = len;
		break;
	case REPLACE:
		put(deliver, d->bytes, d->len);
		break;
	}
}

/* The conversations that are disturbed. */
static const struct talk {
	unsigned int close_at;
	bool live;
	uint64_t durable;		/* at the end of it */
} talks[] = {
	{ 0, false, LOOPBACK_FLUSH2 },
	{ 4, false, LOOPBACK_FLUSH2 },
	{ 0, true, LOOPBACK_LIVE_FLUSH4 },
};

#define EACH_TALK(t)	for (const struct talk *t = talks; t < talks + ARRAY_SIZE(talks); t++)
#define FULL		(&talks[0])
#define LIVE		(&talks[2])

struct results {
	const struct talk *talk;
	enum outcome of[2];
	bool finished;
	uint64_t durable;		/* what the agent was told */
};

static struct results disturbed(struct disturber *d, const struct talk *t, const char *what)
{
	CLEANUP(loopback_done) struct loopback l;
	struct results r;
	struct judge j;

	loopback_init(&l);
	l.hook = disturb;
	l.opaque = d;
	l.close_at = t->close_at;
	l.live = t->live;
	converse(&l, &j, what);
	r.talk = t;
	r.of[AGENT] = outcome(&l, AGENT, what);
	r.of[SERVER] = outcome(&l, SERVER, what);
	r.finished = l.finished;
	r.durable = l.durable;
	/* The agent is never told of more than the server has seen. */
	ck_assert_msg(!l.finished || j.seen[PROTO_FINISH][SERVER] == 1,
		      "%s: finished, the server knows not", what);
	return r;
}

/* Every frame of an undisturbed run. */
struct recording {
	uint8_t bytes[64][2200];
	size_t len[64];
	unsigned int n[2];
};

static struct recording recorded[2];

static void record_frame(void *opaque, enum loopback_dir from, unsigned int index,
			 const uint8_t *frame, size_t len, struct iobuf *deliver)
{
	struct recording *r = &((struct recording *)opaque)[from];

	ck_assert_uint_lt(index, 64);
	ck_assert_uint_le(len, sizeof(r->bytes[0]));
	memcpy(r->bytes[index], frame, len);
	r->len[index] = len;
	r->n[from] = index + 1;
	put(deliver, frame, len);
}

static void record(const struct talk *t)
{
	CLEANUP(loopback_done) struct loopback l;
	struct judge j;

	memset(recorded, 0, sizeof(recorded));
	loopback_init(&l);
	l.hook = record_frame;
	l.opaque = recorded;
	l.close_at = t->close_at;
	l.live = t->live;
	converse(&l, &j, "recording");
	check_quiet(&l);
}

static unsigned int frames(enum loopback_dir from)
{
	return recorded[from].n[from];
}

#define EACH_FRAME(from, i) \
	for (enum loopback_dir from = AGENT; from <= SERVER; from++) \
		for (unsigned int i = 0; i < frames(from); i++)

/*
 * What may be missing without harm: later ACKs say it again, PING, PONG, STATUS, THROTTLE and
 * CUTOVER promise nothing, and an agent that missed a HAVE or DIGESTS sends more than it had to.
 */
static bool harmless(uint16_t type)
{
	return type == PROTO_ACK || type == PROTO_PING || type == PROTO_STATUS ||
	       type == PROTO_HAVE || type == PROTO_DIGESTS || type == PROTO_THROTTLE ||
	       type == PROTO_CUTOVER;
}

/*
 * An agent that leaves with CLOSE without its last FLUSHED knows that it has been promised nothing,
 * and resumes from the journal.
 */
static bool clean(const struct results *r)
{
	return r->of[AGENT] == OK && r->of[SERVER] == OK && r->durable == r->talk->durable;
}

START_TEST(hostile_drop)
{
	EACH_TALK(t) {
		record(t);
		EACH_FRAME(from, i) {
			struct disturber d = { .deed = DROP, .from = from, .index = i };
			struct results r;
			char what[80];

			snprintf(what, sizeof(what), "frame %u of %u dropped", i, from);
			r = disturbed(&d, t, what);
			if (!harmless(d.type) && d.type != PROTO_PONG)
				ck_assert_msg(!clean(&r), "%s (%s): nobody noticed", what,
					      msg_type_name(d.type));
		}
	}
}
END_TEST

static void cut_one(enum loopback_dir from, unsigned int i, size_t keep, enum deed deed,
		    const struct talk *t)
{
	struct disturber d = { .deed = deed, .from = from, .index = i, .keep = keep };
	struct results r;
	char what[80];

	snprintf(what, sizeof(what), "frame %u of %u cut at %zu%s", i, from, keep,
		 deed == CUT ? "" : ", then nothing");
	r = disturbed(&d, t, what);
	if (keep > 0 || (!harmless(d.type) && d.type != PROTO_PONG))
		ck_assert_msg(!clean(&r), "%s (%s): nobody noticed", what, msg_type_name(d.type));
}

START_TEST(hostile_cut)
{
	EACH_TALK(t) {
		record(t);
		EACH_FRAME(from, i) {
			size_t len = recorded[from].len[i];

			/* All heads and tails; of long payloads a part. */
			for (size_t keep = 0; keep < len; keep++) {
				if (keep >= 260 && keep + 20 <= len && keep % 97 != 0)
					continue;
				if (unit_slow() && keep % 13 != 0)
					continue;
				cut_one(from, i, keep, CUT, t);
				cut_one(from, i, keep, CUT_AND_END, t);
			}
		}
	}
}
END_TEST

START_TEST(hostile_repeat)
{
	EACH_TALK(t) {
		record(t);
		EACH_FRAME(from, i) {
			struct disturber d = { .deed = REPEAT, .from = from, .index = i };
			struct results r;
			char what[80];

			snprintf(what, sizeof(what), "frame %u of %u repeated", i, from);
			r = disturbed(&d, t, what);
			/* Only these say nothing new the second time and harm nobody. */
			if (d.type != PROTO_STATUS && d.type != PROTO_THROTTLE &&
			    d.type != PROTO_CUTOVER && d.type != PROTO_DIFFER)
				ck_assert_msg(!clean(&r), "%s (%s): nobody noticed", what,
					      msg_type_name(d.type));
		}
	}
}
END_TEST

START_TEST(hostile_swap)
{
	EACH_TALK(t) {
		record(t);
		EACH_FRAME(from, i) {
			struct disturber d = { .deed = SWAP, .from = from, .index = i };
			struct results r;
			char what[80];

			snprintf(what, sizeof(what), "frame %u of %u swapped with the next", i,
				 from);
			r = disturbed(&d, t, what);
			/* Life signs and progress reports have no place of their own in the order.
			 */
			if (harmless(d.type) || harmless(d.next_type) || d.type == PROTO_PONG ||
				d.next_type == PROTO_PONG)
				continue;
			ck_assert_msg(!clean(&r), "%s (%s): nobody noticed", what,
				      msg_type_name(d.type));
		}
	}
}
END_TEST

struct mutation {
	const struct talk *talk;
	enum loopback_dir from;
	unsigned int index;
	bool reseal;
	unsigned int runs, survived;
};

static void one_mutant(const uint8_t *data, size_t len, const char *how, void *opaque)
{
	struct mutation *mu = opaque;
	struct disturber d = {
		.deed = REPLACE, .from = mu->from, .index = mu->index, .bytes = data, .len = len };
	uint16_t type = get_be16(recorded[mu->from].bytes[mu->index] + 4);
	struct results r;
	char what[160];
	uint8_t *sealed = NULL;

	if (mu->reseal) {
		/* As a malicious peer would: a right check sum, and a length that is true. */
		sealed = malloc(len + 1);
		ck_assert_ptr_nonnull(sealed);
		memcpy(sealed, data, len);
		if (len >= PROTO_FRAME_HEADER)
			put_be32(sealed, (uint32_t)(len - PROTO_FRAME_HEADER));
		loopback_reseal(sealed, len);
		d.bytes = sealed;
	}
	snprintf(what, sizeof(what), "frame %u of %u (%s), %s%s", mu->index, mu->from,
		 msg_type_name(type), how, mu->reseal ? ", resealed" : "");
	r = disturbed(&d, mu->talk, what);
	mu->runs++;
	mu->survived += clean(&r);
	/* An empty mutant is a dropped message. */
	if (!mu->reseal && len > 0)
		ck_assert_msg(!clean(&r), "%s: nobody noticed", what);
	free(sealed);
}

START_TEST(hostile_mutate)
{
	const struct talk *t = _i & 2 ? LIVE : FULL;
	unsigned int survived = 0, runs = 0;

	record(t);
	EACH_FRAME(from, i) {
		struct mutation mu = {
			.talk = t, .from = from, .index = i, .reseal = _i & 1 };

		mutate_each(recorded[from].bytes[i], recorded[from].len[i],
			    unit_slow() ? 20 : t == LIVE ? 100 : 300, one_mutant, &mu);
		survived += mu.survived;
		runs += mu.runs;
	}
	ck_assert_uint_gt(runs, unit_slow() ? 300 : 5000);
	/* Resealed, some changes are only other messages; most are not messages at all. */
	if (_i & 1)
		ck_assert_uint_gt(survived, 0);
	ck_assert_uint_lt(survived, runs / 2);
}
END_TEST

/* Every message of the conversation in the place of every other one. */
START_TEST(hostile_replace)
{
	const struct talk *t = _i ? LIVE : FULL;

	record(t);
	EACH_FRAME(from, i) {
		EACH_FRAME(other, k) {
			struct disturber d = {
				.deed = REPLACE, .from = from, .index = i,
				.bytes = recorded[other].bytes[k], .len = recorded[other].len[k],
			};
			char what[80];

			snprintf(what, sizeof(what), "frame %u of %u in the place of %u of %u", k,
				 other, i, from);
			disturbed(&d, t, what);
		}
	}
}
END_TEST

/*
 * The seeds of tests/fuzz/fuzz_wire.c are what one side sends in such conversations, after two
 * bytes for the target. P2V_REGEN=1 writes them anew.
 */
static void corpus_file(const char *name, uint8_t mode, enum loopback_dir from)
{
	CLEANUP(iobuf_done) struct iobuf b;
	CLEANUP(mem_free) char *data = NULL;
	const char *top = getenv("P2V_TOP");
	struct err err = ERR_INIT;
	char path[4096];
	size_t len;

	iobuf_init(&b, 1u << 20);
	put(&b, (const uint8_t[]){ mode, 0 }, 2);
	for (unsigned int i = 0; i < frames(from); i++)
		put(&b, recorded[from].bytes[i], recorded[from].len[i]);
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/wire/%s", top ? top : ".", name);
	if (getenv("P2V_REGEN"))
		ck_assert_msg(fdio_replace_file(path, iobuf_ptr(&b), iobuf_len(&b), 0644, &err) ==
				  0,
			      "%s", err.text);
	ck_assert_msg(fdio_read_file(path, 1u << 20, &data, &len, &err) == 0, "%s", err.text);
	ck_assert_msg(len == iobuf_len(&b) && memcmp(data, iobuf_ptr(&b), len) == 0,
		      "%s is not what a session sends: run with P2V_REGEN=1", name);
}

START_TEST(fuzz_corpus_is_real)
{
	/* Bit 0: what the server sends, for an agent. Bit 1: CRCs made right. Bit 4: live disks. */
	record(FULL);
	corpus_file("server-full", 0, AGENT);
	corpus_file("agent-full", 1, SERVER);
	corpus_file("server-full-resealed", 2, AGENT);
	corpus_file("agent-full-resealed", 3, SERVER);
	record(&(struct talk){ .close_at = 2 });
	corpus_file("server-close", 2, AGENT);
	record(LIVE);
	corpus_file("server-live", 0, AGENT);
	corpus_file("agent-live", 1 | 16, SERVER);
	corpus_file("server-live-resealed", 2, AGENT);
	corpus_file("agent-live-resealed", 3 | 16, SERVER);
}
END_TEST

static Suite *session_hostile_suite(void)
{
	Suite *s = suite_create("session_hostile");
	TCase *t = tcase_create("hostile");

	tcase_add_test(t, hostile_drop);
	tcase_add_test(t, hostile_cut);
	tcase_add_test(t, hostile_repeat);
	tcase_add_test(t, hostile_swap);
	tcase_add_loop_test(t, hostile_mutate, 0, 4);
	tcase_add_loop_test(t, hostile_replace, 0, 2);
	tcase_add_test(t, fuzz_corpus_is_real);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(session_hostile_suite)
