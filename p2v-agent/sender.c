/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sender.h. */
#include "p2v-agent/sender.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/text.h"

/* Output waiting in memory above which no further item is taken. */
#define BACKLOG_MAX	(1u << 20)
/* Ask for durability at least this often, so that a crash costs seconds on a slow link, too. */
#define FLUSH_SECONDS	5.0
#define WAIT_MS		250
#define EXTRA_MAX	8

struct sender_sent {			/* one message in flight, for progress */
	uint64_t id, bytes;
	int skip;			/* enum progress_skip, or -1: data */
};

void sender_begin(struct sender *s)
{
	s->state = SENDER_COPYING;
	s->sent = (struct ring)RING_OF(struct sender_sent);
	s->last_flush = link_now();
}

void sender_done(struct sender *s)
{
	item_free(s->pending);
	ring_done(&s->sent);
	s->pending = NULL;
}

/* ---- what is in flight */

static int sent_push(struct sender *s, uint64_t id, uint64_t bytes, int skip, struct err *err)
{
	struct sender_sent m = { .id = id, .bytes = bytes, .skip = skip };

	return ring_push(&s->sent, &m) < 0 ? err_nomem(err) : 0;
}

/* Progress counts what the far end has confirmed, never what was merely written. */
void sender_acked(struct sender *s, uint64_t id)
{
	while (s->sent.n > 0) {
		const struct sender_sent *m = ring_at(&s->sent, 0);

		if (m->id > id)
			break;
		atomic_fetch_add(m->skip < 0 ? &s->tally->done : &s->tally->skipped[m->skip],
				 m->bytes);
		ring_drop(&s->sent, 1);
	}
}

void sender_flushed(struct sender *s, uint64_t id)
{
	sender_acked(s, id);
	atomic_store(&s->tally->advanced, true);
	if (id >= s->flush_id)
		s->flush_id = 0;
}

/* ---- sending */

static int send_msg(struct sender *s, struct msg *m, struct err *err)
{
	return session_send(s->link->session, m, err);
}

static int send_flush(struct sender *s, struct err *err)
{
	struct msg m = { .type = PROTO_FLUSH };
	int r = send_msg(s, &m, err);

	if (r < 0)
		return r;
	s->flush_id = m.id.id;
	s->unflushed = 0;
	s->last_flush = link_now();
	return 0;
}

void sender_stop(struct sender *s, int code, const struct err *why)
{
	if (s->state != SENDER_COPYING)
		return;
	s->state = SENDER_DRAINING;
	s->want_flush = true;
	s->code = code;
	if (why)
		s->err = *why;
}

static int send_bad(struct sender *s, struct item *it, struct err *err)
{
	while (it->bad.n > 0) {
		const struct extent *e = &it->bad.v[it->bad.n - 1];
		struct msg m = { .type = PROTO_BAD };
		int r;

		m.bad.disk = it->disk;
		m.bad.offset = e->offset;
		m.bad.length = e->length;
		r = send_msg(s, &m, err);
		if (r < 0)
			return r;	/* -EAGAIN: the rest of the list stays with the item */
		log_warning("%s: unreadable: %" PRIu64 " bytes at 0x%" PRIx64 ", zero-filled",
			    s->source->disks[it->disk].disk->path, e->length, e->offset);
		r = sent_push(s, m.bad.id, 0, PROGRESS_SKIP_BAD, err);
		if (r < 0)
			return r;
		it->bad.n--;
	}
	return 0;
}

static int send_data(struct sender *s, const struct item *it, struct err *err)
{
	struct msg m = { .type = PROTO_DATA, .data = it->data };
	int r = send_msg(s, &m, err);

	if (r < 0)
		return r;
	s->unflushed += it->length;
	atomic_fetch_add(&s->tally->out, m.wire_size);
	atomic_fetch_add(&s->tally->sent, it->length);
	return sent_push(s, m.data.id, it->length, -1, err);
}

static int send_zero(struct sender *s, const struct item *it, struct err *err)
{
	bool free = it->kind == ITEM_FREE;
	struct msg m = {
		.type = PROTO_ZERO,
		.zero = {
			.disk = it->disk,
			.offset = it->offset,
			.length = it->length,
			.reason = free ? PROTO_ZERO_FREE : PROTO_ZERO_ZERO,
		},
	};
	int r = send_msg(s, &m, err);

	if (r < 0)
		return r;
	return sent_push(s, m.zero.id, it->length,
			 free ? PROGRESS_SKIP_FREE : PROGRESS_SKIP_ZERO, err);
}

static int send_patch(struct sender *s, const struct item *it, struct err *err)
{
	uint32_t bytes = msg_patch_bytes(it->patch);
	struct msg m = { .type = PROTO_PATCH, .patch = *it->patch };
	int r = send_msg(s, &m, err);

	if (r < 0)
		return r;
	s->unflushed += bytes;
	atomic_fetch_add(&s->tally->out, m.wire_size);
	atomic_fetch_add(&s->tally->sent, bytes);
	return sent_push(s, m.patch.id, bytes, -1, err);
}

static int send_check(struct sender *s, const struct item *it, struct err *err)
{
	struct msg m = {
		.type = PROTO_CHECK,
		.check.what = {
			.disk = it->disk,
			.kind = it->zero ? PROTO_DIGESTS_ZERO : PROTO_DIGESTS_DATA,
			.n = 1,
			.offset = it->offset,
			.sha256 = it->zero ? NULL : it->check,
		},
	};
	int r = send_msg(s, &m, err);

	return r < 0 ? r : sent_push(s, m.check.id, it->length, PROGRESS_SKIP_UNCHANGED, err);
}

/* 0 done with it; -EAGAIN no credit: the item stays pending. */
static int send_item(struct sender *s, struct item *it, struct err *err)
{
	int r;

	switch (it->kind) {
	case ITEM_END:
	case ITEM_ERROR:
		sender_stop(s, it->code, it->kind == ITEM_ERROR ? &it->err : NULL);
		return 0;
	case ITEM_SAME:
		atomic_fetch_add(&s->tally->skipped[PROGRESS_SKIP_UNCHANGED], it->length);
		return 0;
	case ITEM_CHECK:
		return send_check(s, it, err);
	default:
		r = send_bad(s, it, err);
		if (r < 0)
			return r;
		return it->kind == ITEM_DATA	? send_data(s, it, err)
		       : it->kind == ITEM_PATCH ? send_patch(s, it, err)
						: send_zero(s, it, err);
	}
}

/* What a taken item tells of the workers and of the data. */
static void note_item(struct sender *s, const struct item *it)
{
	if (it->kind != ITEM_DATA && it->kind != ITEM_ZERO && it->kind != ITEM_PATCH)
		return;
	atomic_fetch_add(&s->tally->busy_ns, (uint64_t)(it->seconds * 1e9));
	if (it->kind == ITEM_DATA)
		atomic_fetch_add(&s->tally->in, it->length);
	if (it->probed && s->probed)
		s->probed(s->opaque, &it->curve);
}

/* As much as the pipeline has and the server's credit allows. */
static int send_items(struct sender *s, struct err *err)
{
	int r;

	while (s->state == SENDER_COPYING && link_backlog(s->link) < BACKLOG_MAX) {
		if (!s->pending) {
			r = pipeline_next(s->pipeline, &s->pending);
			if (r == -EAGAIN)
				break;
			if (r == -EPIPE) {
				/* The end mark was another sender's. */
				sender_stop(s, 0, NULL);
				break;
			}
			if (r < 0)
				return err_nomem(err);
			note_item(s, s->pending);
		}
		r = send_item(s, s->pending, err);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			return r;
		item_free(s->pending);
		s->pending = NULL;
	}
	return 0;
}

static bool flush_is_due(const struct sender *s)
{
	if (s->state == SENDER_DRAINING)
		return s->want_flush;
	return s->state == SENDER_COPYING && s->flush_id == 0 &&
	       session_last_id(s->link->session) > session_durable_id(s->link->session) &&
	       (s->unflushed >= s->flush_bytes || link_now() - s->last_flush >= FLUSH_SECONDS);
}

/* No credit, or too much waiting to be written, means: at a later turn. */
int sender_turn(struct sender *s, struct err *err)
{
	int r = send_items(s, err);

	if (r >= 0 && flush_is_due(s)) {
		r = send_flush(s, err);
		if (r >= 0)
			s->want_flush = false;
	}
	if (r >= 0 && s->state == SENDER_DRAINING && !s->want_flush && s->flush_id == 0)
		s->state = SENDER_DRAINED;
	return r == -EAGAIN ? 0 : r;
}

int sender_wait(struct sender *s, const int *extra, size_t n, bool *ret_lost, struct err *err)
{
	bool starved = s->state == SENDER_COPYING && s->pipeline && !s->pending;
	bool stalled = link_stalled(s->link);
	double began = link_now();
	int fds[EXTRA_MAX];
	size_t k = 0;
	int r;

	for (; k < n && k < EXTRA_MAX - 1; k++)
		fds[k] = extra[k];
	if (starved && link_backlog(s->link) < BACKLOG_MAX)
		fds[k++] = pipeline_fd(s->pipeline);
	starved = starved && link_backlog(s->link) == 0;
	r = link_wait(s->link, fds, k, WAIT_MS, ret_lost, err);
	if (starved)
		atomic_fetch_add(&s->tally->starved_ns, (uint64_t)((link_now() - began) * 1e9));
	if (stalled)
		atomic_fetch_add(&s->tally->stalled_ns, (uint64_t)((link_now() - began) * 1e9));
	if (s->pipeline)
		pipeline_fd_clear(s->pipeline);
	return r;
}

/* ---- what ends it */

int sender_refused(const struct msg_error *e, bool *ret_lost, struct err *err)
{
	char text[PROTO_ERROR_TEXT_MAX * 4 + 1];

	text_escape(e->text.p, e->text.len, text, sizeof(text));
	/*
	 * Somebody else may be about to leave, or the server about to come back: worth another
	 * try.
	 */
	*ret_lost = e->code == PROTO_ERR_BUSY || e->code == PROTO_ERR_CANCELLED;
	if (!text[0])
		return err_set(err, msg_error_errno(e->code), "server: %s",
			       msg_error_name(e->code));
	return err_set(err, msg_error_errno(e->code), "server: %s (%s)", text,
		       msg_error_name(e->code));
}
