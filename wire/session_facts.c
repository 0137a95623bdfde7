/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The facts of the conversation: ids, ranges and credit held against them, and how they move. */
#include "wire/session_state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/bytes.h"
#include "common/compiler.h"

/* Judging what the message says; -EBADMSG for what must not be, -EAGAIN for what must wait. */

static int judge_range(const struct session *s, const struct msg *m, uint16_t disk, uint64_t offset,
		       uint64_t length, bool whole_chunks, struct err *err)
{
	if (disk >= s->ndisks)
		return err_set(err, EBADMSG, "%s for disk %u, but there are %u disks",
			       msg_type_name(m->type), disk, s->ndisks);
	if (!range_inside(offset, length, s->sizes[disk]))
		return err_set(err, EBADMSG,
			       "%s for 0x%" PRIx64 "+0x%" PRIx64 ", beyond the end of disk %u",
			       msg_type_name(m->type), offset, length, disk);
	if (whole_chunks && length % PROTO_CHUNK_SIZE != 0 && offset + length != s->sizes[disk])
		return err_set(err, EBADMSG,
			       "%s for 0x%" PRIx64 "+0x%" PRIx64 ", not whole chunks of disk %u",
			       msg_type_name(m->type), offset, length, disk);
	return 0;
}

/* The last chunk is as short as the disk's end makes it. */
static int judge_chunks(const struct session *s, const struct msg *m, const struct msg_digests *d,
			struct err *err)
{
	uint64_t length = d->n * (uint64_t)PROTO_CHUNK_SIZE;

	if (d->disk < s->ndisks && d->offset < s->sizes[d->disk] &&
	    length - PROTO_CHUNK_SIZE < s->sizes[d->disk] - d->offset)
		length = MIN(length, s->sizes[d->disk] - d->offset);
	return judge_range(s, m, d->disk, d->offset, length, true, err);
}

static int judge_ranges(const struct session *s, const struct msg *m, const struct msg_have *h,
			struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < h->n; i++)
		r = judge_range(s, m, h->disk, h->ranges[i].offset, h->ranges[i].length, true,
				err);
	return r;
}

static int judge_job(const struct session *s, const struct msg *m, struct err *err)
{
	if (m->type == PROTO_JOB && s->job_state != 0)
		return err_set(err, EBADMSG, "a second JOB");
	if (m->type == PROTO_JOB && s->join && m->job.state != PROTO_JOB_RESUMED)
		return err_set(err, EBADMSG, "JOB: not resumed, to an agent that joins it");
	if (m->type == PROTO_JOB && s->compare && m->job.state == PROTO_JOB_COMPLETE)
		return err_set(err, EBADMSG, "JOB: complete, to an agent that compares");
	if (m->type != PROTO_JOB && s->job_state == 0)
		return err_set(err, EBADMSG, "%s before JOB", msg_type_name(m->type));
	return 0;
}

static int judge_have(const struct session *s, const struct msg *m, struct err *err)
{
	const struct msg_have *h = &m->have;

	if (s->job_state != PROTO_JOB_RESUMED || s->compare || s->join)
		return err_set(err, EBADMSG,
			       "HAVE for a job that is not resumed, or compared, or joined");
	if (s->have_any && (h->disk < s->have_disk ||
			    (h->disk == s->have_disk && h->ranges[0].offset <= s->have_end)))
		return err_set(err, EBADMSG, "HAVE messages touch or are not in order");
	return judge_ranges(s, m, h, err);
}

static int judge_open(const struct session *s, const struct msg_open *o, struct err *err)
{
	if ((o->flags & PROTO_OPEN_COMPARE) && !(s->features & PROTO_FEATURE_COMPARE))
		return err_set(err, EBADMSG, "OPEN asks for DIGESTS, which were not offered");
	if ((o->flags & PROTO_OPEN_JOIN) && !(s->features & PROTO_FEATURE_JOIN))
		return err_set(err, EBADMSG, "OPEN joins a job, which was not offered");
	if ((o->flags & PROTO_OPEN_LIVE) && !(s->features & PROTO_FEATURE_LIVE))
		return err_set(err, EBADMSG, "OPEN with live disks, which was not offered");
	return 0;
}

static int judge_digests(const struct session *s, const struct msg *m, struct err *err)
{
	const struct msg_digests *d = &m->digests;

	if (s->job_state != PROTO_JOB_RESUMED || !s->compare)
		return err_set(err, EBADMSG, "DIGESTS that were not asked for");
	if (s->have_any && (d->disk < s->have_disk ||
			    (d->disk == s->have_disk && d->offset < s->have_end)))
		return err_set(err, EBADMSG, "DIGESTS messages overlap or are not in order");
	return judge_chunks(s, m, d, err);
}

/* A chunk's length is known by its disk; of its pieces the last may be cut by the disk's end. */
static int judge_patch(const struct session *s, const struct msg *m, struct err *err)
{
	const struct msg_patch *p = &m->patch;
	const struct msg_piece *last;
	uint64_t end;
	int r;

	/* One that our caller made is judged here before msg_encode() looks at it. */
	if (p->npieces == 0 || p->npieces > PROTO_PATCH_PIECES_MAX)
		return err_set(err, EBADMSG, "PATCH of %u pieces", p->npieces);
	last = &p->pieces[p->npieces - 1];
	end = p->offset + last->offset + last->length;
	r = judge_range(s, m, p->disk, p->offset, end - p->offset, false, err);
	if (r >= 0 && last->length % PROTO_BLOCK_SIZE && end != s->sizes[p->disk])
		return err_set(err, EBADMSG, "PATCH of a part of a block");
	return r;
}

/* Some CHECK may still be answered by a DIFFER. */
static bool checks_open(const struct session *s)
{
	return s->check_id > window_durable_id(s->window);
}

/* What there is only for disks that go on changing. */
static int judge_live(const struct session *s, const struct msg *m, struct err *err)
{
	if (!s->live || s->join)
		return err_set(err, EBADMSG, "%s for disks that do not change",
			       msg_type_name(m->type));
	switch (m->type) {
	case PROTO_STALE:
		if (window_durable_id(s->window) != window_last_id(s->window) &&
		    s->stale_id != window_last_id(s->window))
			return err_set(err, EAGAIN, "STALE before all that was sent is durable");
		return judge_ranges(s, m, &m->stale.what, err);
	case PROTO_PATCH:
		return judge_patch(s, m, err);
	case PROTO_CHECK:
		return judge_chunks(s, m, &m->check.what, err);
	case PROTO_DIFFER:
		if (!checks_open(s))
			return err_set(err, EBADMSG, "DIFFER that answers no CHECK");
		return judge_ranges(s, m, &m->have, err);
	default:
		return 0;
	}
}

static int judge_counted(const struct session *s, struct msg *m, struct err *err)
{
	uint64_t id = *msg_counted_id(m);

	if (id != window_next_id(s->window))
		return err_set(err, EBADMSG, "%s with id %" PRIu64 ", expected %" PRIu64,
			       msg_type_name(m->type), id, window_next_id(s->window));
	if (!window_may_send(s->window, m->wire_size))
		return err_set(err, EAGAIN, "%s beyond the credit", msg_type_name(m->type));
	return 0;
}

/* What is left once the phase and the message by itself are in order. */
int session_facts_judge(const struct session *s, struct msg *m, struct err *err)
{
	int r;

	if (msg_counted_id(m)) {
		r = judge_counted(s, m, err);
		if (r < 0)
			return r;
	}
	switch (m->type) {
	case PROTO_OPEN:
		return judge_open(s, &m->open, err);
	case PROTO_JOB:
	case PROTO_READY:
		return judge_job(s, m, err);
	case PROTO_HAVE:
		r = judge_job(s, m, err);
		return r < 0 ? r : judge_have(s, m, err);
	case PROTO_DIGESTS:
		r = judge_job(s, m, err);
		return r < 0 ? r : judge_digests(s, m, err);
	case PROTO_DATA:
		/* Whole chunks, and no longer than one: the chunk at offset, to its end. */
		return judge_range(s, m, m->data.disk, m->data.offset, m->data.length, true, err);
	case PROTO_ZERO:
		return judge_range(s, m, m->zero.disk, m->zero.offset, m->zero.length, true, err);
	case PROTO_BAD:
		return judge_range(s, m, m->bad.disk, m->bad.offset, m->bad.length, false, err);
	case PROTO_STALE:
	case PROTO_PATCH:
	case PROTO_CHECK:
	case PROTO_DIFFER:
	case PROTO_CUTOVER:
		return judge_live(s, m, err);
	case PROTO_FINISH:
		if (s->join)
			return err_set(err, EBADMSG, "FINISH on a connection that joined the job");
		if (checks_open(s))
			return err_set(err, EBADMSG, "FINISH before all CHECKs are answered");
		return 0;
	case PROTO_FLUSH:
		if (s->flushes.n >= PROTO_FLUSH_MAX)
			return err_set(err, EAGAIN, "more than %u unanswered FLUSHes",
				       PROTO_FLUSH_MAX);
		return 0;
	case PROTO_ACK:
		if (m->id.id <= window_acked_id(s->window) || m->id.id > window_last_id(s->window))
			return err_set(err, EBADMSG, "ACK of id %" PRIu64 ", outside %" PRIu64
				       "..%" PRIu64, m->id.id, window_acked_id(s->window) + 1,
				       window_last_id(s->window));
		return 0;
	case PROTO_FLUSHED:
		if (session_ids_find(&s->flushes, m->id.id) == 0)
			return err_set(err, EBADMSG,
				       "FLUSHED of id %" PRIu64 ", which is no unanswered FLUSH",
				       m->id.id);
		return 0;
	case PROTO_THROTTLE:
		if (!(s->features & PROTO_FEATURE_THROTTLE))
			return err_set(err, EBADMSG, "THROTTLE, which was not offered");
		return 0;
	case PROTO_STATUS:
		if (m->status.phase == PROTO_PHASE_VERIFYING && s->phase != SESSION_FINISH)
			return err_set(err, EBADMSG, "STATUS: verifying before FINISH");
		return 0;
	default:
		return 0;
	}
}

/* Counting it; the only failure is -ENOMEM, and then nothing has changed. */

static int apply_open(struct session *s, const struct msg_open *o)
{
	s->sizes = calloc(o->ndisks, sizeof(*s->sizes));
	if (!s->sizes)
		return -ENOMEM;
	for (uint16_t i = 0; i < o->ndisks; i++)
		s->sizes[i] = o->disks[i].size;
	s->ndisks = o->ndisks;
	s->compare = o->flags & PROTO_OPEN_COMPARE;
	s->join = o->flags & PROTO_OPEN_JOIN;
	s->live = o->flags & PROTO_OPEN_LIVE;
	s->phase = SESSION_JOB;
	return 0;
}

static void apply_flushed(struct session *s, uint64_t id)
{
	uint64_t payload = 0;
	int r = window_flushed(s->window, id, &payload);

	assert(r == 0);
	(void)r;
	s->acked_payload += payload;
}

static int apply_counted(struct session *s, struct msg *m)
{
	uint64_t payload = 0;

	if (m->type == PROTO_DATA)
		payload = m->data.length;
	else if (m->type == PROTO_ZERO)
		payload = m->zero.length;
	else if (m->type == PROTO_PATCH)
		payload = msg_patch_bytes(&m->patch);
	return window_sent(s->window, m->wire_size, payload);
}

int session_facts_apply(struct session *s, struct msg *m)
{
	const struct msg_range *last;
	uint64_t payload = 0;
	int r = 0;

	if (msg_counted_id(m))
		r = apply_counted(s, m);
	if (r < 0)
		return r;
	switch (m->type) {
	case PROTO_OPEN:
		return apply_open(s, &m->open);
	case PROTO_JOB:
		r = window_new(m->job.credit, &s->window);
		if (r >= 0)
			s->job_state = m->job.state;
		return r;
	case PROTO_HAVE:
		last = &m->have.ranges[m->have.n - 1];
		s->have_any = true;
		s->have_disk = m->have.disk;
		s->have_end = last->offset + last->length;
		return 0;
	case PROTO_DIGESTS:
		s->have_any = true;
		s->have_disk = m->digests.disk;
		s->have_end = m->digests.offset + m->digests.n * (uint64_t)PROTO_CHUNK_SIZE;
		return 0;
	case PROTO_READY:
		s->phase = s->job_state == PROTO_JOB_COMPLETE ? SESSION_END : SESSION_COPY;
		return 0;
	case PROTO_STALE:
		s->stale_id = m->stale.id;
		return 0;
	case PROTO_CHECK:
		s->check_id = m->check.id;
		return 0;
	case PROTO_FLUSH:
		session_ids_push(&s->flushes, m->id.id);
		return 0;
	case PROTO_ACK:
		r = window_acked(s->window, m->id.id, &payload);
		assert(r == 0);
		s->acked_payload += payload;
		return 0;
	case PROTO_FLUSHED:
		session_ids_drop(&s->flushes, session_ids_find(&s->flushes, m->id.id));
		apply_flushed(s, m->id.id);
		return 0;
	case PROTO_FINISH:
		s->phase = SESSION_FINISH;
		return 0;
	case PROTO_FINISHED:
		apply_flushed(s, window_last_id(s->window));
		s->phase = SESSION_END;
		return 0;
	case PROTO_CLOSE:
		s->closed = true;
		return 0;
	default:
		return 0;
	}
}
