/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The conversation is driven by what the server says (on_message) and, in between, by what there
 * is to send (send_more). Phases:
 *
 *	OPENING   until READY
 *	COPYING   items are taken from the pipeline and sent
 *	DRAINING  a last FLUSH is out; then FINISH, or CLOSE when we are leaving early
 *	FINISHING until FINISHED
 */
#include "p2v-agent/pass.h"

#include <inttypes.h>
#include <string.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "p2v-agent/pipeline.h"
#include "wire/link.h"

/* Output waiting in memory above which no further item is encoded. */
#define BACKLOG_MAX	(1u << 20)
/* Ask for durability at least this often, so that a crash costs seconds on a slow link, too. */
#define FLUSH_SECONDS	5.0
/* How long to wait for the last FLUSHED when leaving early. */
#define LEAVE_SECONDS	30.0
#define SOFTWARE	"p2v-agent " P2V_VERSION

enum phase { OPENING, COPYING, DRAINING, FINISHING, DONE };

struct sent {				/* one message in flight, for progress */
	uint64_t id, bytes;
	int skip;			/* enum progress_skip, or -1: data */
};

struct pass {
	const struct pass_config *cfg;
	struct pass_result *res;
	struct link link;
	struct pipeline *pipeline;
	struct bitmap **have;		/* per disk */
	struct known **known;		/* per disk, when there were DIGESTS; else NULL */
	struct item *pending;		/* taken, waiting for credit */
	enum phase phase;
	struct sent *sent;		/* FIFO: [head, head + n) of a ring of cap */
	size_t head, n, cap;
	uint64_t unflushed;		/* payload bytes since the last FLUSH was sent */
	double last_flush;
	uint64_t flush_id;		/* last FLUSH sent that is not answered, 0 none */
	bool want_flush;		/* DRAINING: the last FLUSH is not sent yet */
	int leave;			/* -errno to leave with once drained, 0: finish */
	double leave_since;
	struct err leave_err;
	uint8_t verify_phase;
	struct msg_throttle throttle;	/* what the server said last; zeroed: nothing */
	bool begun;			/* progress shows something */
	struct adapt adapt;
	struct adapt_look look;		/* since looked */
	double looked;
};

static int send_msg(struct pass *p, struct msg *m, struct err *err)
{
	return session_send(p->link.session, m, err);
}

static int send_open(struct pass *p, struct err *err)
{
	const struct source *src = p->cfg->source;
	struct msg m = { .type = PROTO_OPEN };
	int r;

	if (p->cfg->resync && !session_has_feature(p->link.session, PROTO_FEATURE_COMPARE))
		return err_set(err, EPROTONOSUPPORT,
			       "the server is too old for --resync: %s",
			       session_peer_software(p->link.session));

	snprintf(m.open.name, sizeof(m.open.name), "%s", p->cfg->name);
	m.open.flags = (p->cfg->compressed ? PROTO_OPEN_COMPRESSED : 0) |
		       (p->cfg->resync ? PROTO_OPEN_COMPARE : 0);
	m.open.machine.p = (const uint8_t *)p->cfg->machine_json;
	m.open.machine.len = (uint32_t)strlen(p->cfg->machine_json);
	m.open.ndisks = (uint16_t)src->n;
	m.open.disks = calloc(src->n, sizeof(*m.open.disks));
	if (!m.open.disks)
		return err_nomem(err);
	for (size_t i = 0; i < src->n; i++) {
		struct msg_disk *d = &m.open.disks[i];

		snprintf(d->name, sizeof(d->name), "%s", src->disks[i].name);
		snprintf(d->source, sizeof(d->source), "%s", src->disks[i].disk->path);
		d->size = src->disks[i].disk->size;
		d->logical_sector = src->disks[i].disk->logical_sector;
		d->physical_sector = src->disks[i].disk->physical_sector;
	}
	r = send_msg(p, &m, err);
	free(m.open.disks);
	return r;
}

/* ---- what is in flight */

static int sent_push(struct pass *p, uint64_t id, uint64_t bytes, int skip, struct err *err)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 256;
		struct sent *v = calloc(cap, sizeof(*v));

		if (!v)
			return err_nomem(err);
		for (size_t i = 0; i < p->n; i++)
			v[i] = p->sent[(p->head + i) % p->cap];
		free(p->sent);
		p->sent = v;
		p->head = 0;
		p->cap = cap;
	}
	p->sent[(p->head + p->n++) % p->cap] =
		(struct sent){ .id = id, .bytes = bytes, .skip = skip };
	return 0;
}

/* Progress counts what the far end has confirmed, never what was merely written. */
static void sent_acked(struct pass *p, uint64_t id)
{
	while (p->n > 0 && p->sent[p->head].id <= id) {
		const struct sent *s = &p->sent[p->head];

		if (s->skip < 0)
			progress_done(p->cfg->progress, s->bytes);
		else
			progress_skip(p->cfg->progress, (enum progress_skip)s->skip, s->bytes);
		p->head = (p->head + 1) % p->cap;
		p->n--;
	}
}

/* ---- sending */

static int send_flush(struct pass *p, struct err *err)
{
	struct msg m = { .type = PROTO_FLUSH };
	int r = send_msg(p, &m, err);

	if (r < 0)
		return r;
	p->flush_id = m.id.id;
	p->unflushed = 0;
	p->last_flush = link_now();
	return 0;
}

/* The read side said no more, or we must go: make durable what is there, then end. */
static void drain(struct pass *p, int leave, const struct err *why)
{
	p->phase = DRAINING;
	p->leave = leave;
	p->leave_since = link_now();
	p->want_flush = true;
	if (why)
		p->leave_err = *why;
}

static char *finish_summary(const struct pass_config *cfg)
{
	CLEANUP(json_unref)
	json_t *root = json_pack("{s:s, s:s, s:[]}", "software", SOFTWARE, "consistency",
				 cfg->consistent ? "consistent" : "in-use", "disks");
	json_t *disks = json_object_get(root, "disks");

	for (size_t i = 0; i < cfg->source->n; i++) {
		const struct source_disk *sd = &cfg->source->disks[i];
		json_t *jd = json_pack("{s:s, s:s, s:I, s:[]}", "name", sd->name, "source",
				       sd->disk->path, "size", (json_int_t)sd->disk->size, "parts");

		for (size_t k = 0; sd->used && k < sd->used->nparts; k++) {
			const struct usedmap_part *up = &sd->used->parts[k];

			json_array_append_new(json_object_get(jd, "parts"),
					      json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:b}",
							"name", up->name, "kind", up->kind,
							"offset", (json_int_t)up->offset, "length",
							(json_int_t)up->length, "used",
							(json_int_t)up->used, "free",
							(json_int_t)up->free, "why", up->why,
							"trusted", up->trusted));
		}
		json_array_append_new(disks, jd);
	}
	return root ? json_dumps(root, JSON_COMPACT) : NULL;
}

static int send_finish(struct pass *p, struct err *err)
{
	CLEANUP(mem_free) char *summary = finish_summary(p->cfg);
	struct msg m = { .type = PROTO_FINISH };
	int r;

	if (!summary)
		return err_nomem(err);
	m.finish.summary.p = (const uint8_t *)summary;
	m.finish.summary.len = (uint32_t)strlen(summary);
	r = send_msg(p, &m, err);
	if (r >= 0)
		p->phase = FINISHING;
	return r;
}

static int send_bad(struct pass *p, struct item *it, struct err *err)
{
	while (it->bad.n > 0) {
		const struct extent *e = &it->bad.v[it->bad.n - 1];
		struct msg m = { .type = PROTO_BAD };
		int r;

		m.bad.disk = it->disk;
		m.bad.offset = e->offset;
		m.bad.length = e->length;
		r = send_msg(p, &m, err);
		if (r < 0)
			return r;	/* -EAGAIN: the rest of the list stays with the item */
		log_warning("%s: unreadable: %" PRIu64 " bytes at 0x%" PRIx64 ", zero-filled",
			    p->cfg->source->disks[it->disk].disk->path, e->length, e->offset);
		r = sent_push(p, m.bad.id, 0, PROGRESS_SKIP_BAD, err);
		if (r < 0)
			return r;
		it->bad.n--;
	}
	return 0;
}

/* 0 sent; -EAGAIN no credit: the item stays pending. */
static int send_item(struct pass *p, struct item *it, struct err *err)
{
	struct msg m = { 0 };
	int r, skip = -1;
	uint64_t id;

	if (it->kind == ITEM_END || it->kind == ITEM_ERROR) {
		drain(p, it->code, it->kind == ITEM_ERROR ? &it->err : NULL);
		return 0;
	}
	if (it->kind == ITEM_SAME) {
		progress_skip(p->cfg->progress, PROGRESS_SKIP_UNCHANGED, it->length);
		return 0;
	}
	r = send_bad(p, it, err);
	if (r < 0)
		return r;
	if (it->kind == ITEM_DATA) {
		m.type = PROTO_DATA;
		m.data = it->data;
	} else {
		m.type = PROTO_ZERO;
		m.zero.disk = it->disk;
		m.zero.offset = it->offset;
		m.zero.length = it->length;
		m.zero.reason = it->kind == ITEM_FREE ? PROTO_ZERO_FREE : PROTO_ZERO_ZERO;
		skip = it->kind == ITEM_FREE ? PROGRESS_SKIP_FREE : PROGRESS_SKIP_ZERO;
	}
	r = send_msg(p, &m, err);
	if (r < 0)
		return r;
	id = it->kind == ITEM_DATA ? m.data.id : m.zero.id;
	if (it->kind == ITEM_DATA) {
		p->unflushed += it->length;
		p->look.out += m.wire_size;
		p->res->sent += it->length;
	}
	return sent_push(p, id, it->length, skip, err);
}

/* What a taken item tells of the workers and of the data. */
static void note_item(struct pass *p, const struct item *it)
{
	if (it->kind != ITEM_DATA && it->kind != ITEM_ZERO)
		return;
	p->look.busy += it->seconds;
	if (it->kind == ITEM_DATA)
		p->look.in += it->length;
	if (it->probed)
		adapt_probe(&p->adapt, &it->curve);
}

/* As much as the pipeline has and the server's credit allows. */
static int send_items(struct pass *p, struct err *err)
{
	int r;

	while (p->phase == COPYING && link_backlog(&p->link) < BACKLOG_MAX) {
		if (!p->pending) {
			r = pipeline_next(p->pipeline, &p->pending);
			if (r == -EAGAIN)
				break;
			if (r < 0)
				return err_nomem(err); /* no end mark: out of memory */
			note_item(p, p->pending);
		}
		r = send_item(p, p->pending, err);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			return r;
		item_free(p->pending);
		p->pending = NULL;
	}
	return 0;
}

static bool flush_is_due(const struct pass *p)
{
	if (p->phase == DRAINING)
		return p->want_flush;
	return p->phase == COPYING && p->flush_id == 0 &&
	       session_last_id(p->link.session) > session_durable_id(p->link.session) &&
	       (p->unflushed >= p->cfg->flush_bytes || link_now() - p->last_flush >= FLUSH_SECONDS);
}

/* Everything is durable: say that this was all, or leave. */
static int send_end(struct pass *p, struct err *err)
{
	struct msg m = { .type = PROTO_CLOSE };
	int r;

	if (p->leave == 0)
		return send_finish(p, err);
	r = send_msg(p, &m, err);
	if (r >= 0)
		p->phase = DONE;
	return r;
}

/* Whatever is due now. No credit, or too much waiting to be written, means: at a later turn. */
static int send_more(struct pass *p, struct err *err)
{
	int r = send_items(p, err);

	if (r >= 0 && flush_is_due(p)) {
		r = send_flush(p, err);
		if (r >= 0)
			p->want_flush = false;
	}
	if (r >= 0 && p->phase == DRAINING && !p->want_flush && p->flush_id == 0)
		r = send_end(p, err);
	return r == -EAGAIN ? 0 : r;
}

/* ---- receiving */

static int on_have(struct pass *p, const struct msg_have *h, struct err *err)
{
	struct bitmap *b = p->have[h->disk];
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		const struct msg_range *r = &h->ranges[i];

		/* A claim of less than a whole chunk is no reason to skip the chunk. */
		if (r->offset % PROTO_CHUNK_SIZE != 0 ||
		    (r->length % PROTO_CHUNK_SIZE != 0 && r->offset + r->length != b->size))
			return err_set(err, EBADMSG, "the server claims part of a chunk");
		bitmap_set_range(b, r->offset, r->length);
		bytes += r->length;
	}
	progress_skip(p->cfg->progress, PROGRESS_SKIP_UNCHANGED, bytes);
	return 0;
}

/* Per disk, once one is mentioned. */
static int on_digests(struct pass *p, const struct msg_digests *d, struct err *err)
{
	if (!p->known) {
		p->known = calloc(p->cfg->source->n, sizeof(struct known *));
		if (!p->known)
			return err_nomem(err);
	}
	if (!p->known[d->disk] &&
	    known_new(p->cfg->source->disks[d->disk].disk->size, &p->known[d->disk]) < 0)
		return err_nomem(err);
	known_add(p->known[d->disk], d);
	return 0;
}

static void settle_known(struct pass *p)
{
	for (size_t i = 0; p->known && i < p->cfg->source->n; i++) {
		const struct usedmap *used = p->cfg->source->disks[i].used;

		if (p->known[i])
			progress_skip(p->cfg->progress, PROGRESS_SKIP_UNCHANGED,
				      known_settle(p->known[i], used ? used->map : NULL,
						   p->have[i]));
	}
}

static int on_ready(struct pass *p, struct err *err)
{
	struct pipeline_config pc = {
		.source = p->cfg->source,
		.have = p->have,
		.known = p->known,
		.mode = p->cfg->mode,
		.engine = p->cfg->engine,
		.level = p->cfg->level,
		.probe = p->cfg->adaptive,
		.threads = p->cfg->threads,
	};

	p->res->opened = true;
	if (p->res->state == PROTO_JOB_COMPLETE) {
		p->phase = DONE;
		return 0;
	}
	settle_known(p);
	p->phase = COPYING;
	p->last_flush = p->looked = link_now();
	adapt_init(&p->adapt, p->cfg->threads);
	return pipeline_new(&pc, &p->pipeline, err);
}

static void on_flushed(struct pass *p, uint64_t id)
{
	sent_acked(p, id);
	p->res->advanced = true;
	if (id >= p->flush_id)
		p->flush_id = 0;
}

static void on_status(struct pass *p, const struct msg_status *s)
{
	if (s->phase != p->verify_phase) {
		p->verify_phase = s->phase;
		progress_end(p->cfg->progress);
		progress_begin(p->cfg->progress,
			       s->phase == PROTO_PHASE_VERIFYING ? "verify" : "flush", p->cfg->name,
			       s->total);
	}
	progress_set_done(p->cfg->progress, s->done);
}

/* The server's word prevails: there sits the one who watches all machines. */
static void on_throttle(struct pass *p, const struct msg_throttle *t)
{
	char text[RATE_LIMIT_TEXT_MAX];

	p->throttle = *t;
	if (t->mode == PROTO_THROTTLE_OWN)
		log_notice("bandwidth: as set here again");
	else
		log_notice("bandwidth: %s, set at the server", rate_limit_format(t->rate, text));
}

/* A timetable turns with the clock. */
static void limit_bandwidth(struct pass *p)
{
	uint64_t own = p->cfg->bandwidth ? bandwidth_now(p->cfg->bandwidth) : 0;

	link_limit(&p->link, p->throttle.mode == PROTO_THROTTLE_OWN ? own : p->throttle.rate);
}

static int on_error(const struct msg_error *e, bool *ret_lost, struct err *err)
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

static int on_message(struct pass *p, const struct msg *m, struct err *err)
{
	switch (m->type) {
	case PROTO_HELLO:
		p->res->greeted = true;
		log_info("server: %s", session_peer_software(p->link.session));
		return send_open(p, err);
	case PROTO_JOB:
		p->res->state = (enum proto_job_state)m->job.state;
		if (p->res->state != PROTO_JOB_COMPLETE) {
			progress_begin(p->cfg->progress, "copy", p->cfg->name,
				       source_size(p->cfg->source));
			p->begun = true;
		}
		return 0;
	case PROTO_HAVE:
		return on_have(p, &m->have, err);
	case PROTO_DIGESTS:
		return on_digests(p, &m->digests, err);
	case PROTO_READY:
		return on_ready(p, err);
	case PROTO_ACK:
		sent_acked(p, m->id.id);
		return 0;
	case PROTO_FLUSHED:
		on_flushed(p, m->id.id);
		return 0;
	case PROTO_STATUS:
		on_status(p, &m->status);
		return 0;
	case PROTO_THROTTLE:
		on_throttle(p, &m->throttle);
		return 0;
	case PROTO_FINISHED:
		p->res->summary =
			strndup((const char *)m->finished.summary.p, m->finished.summary.len);
		if (!p->res->summary)
			return err_nomem(err);
		/* The last STATUS may have come a little before the end. */
		if (p->verify_phase)
			progress_set_done(p->cfg->progress, source_size(p->cfg->source));
		p->phase = DONE;
		return 0;
	case PROTO_ERROR:
		return on_error(&m->error, &p->res->lost, err);
	default:
		return 0;
	}
}

/* ---- the loop */

/* Now and then, while chunks flow: who waited for whom, and which level follows from it. */
static void adapt(struct pass *p)
{
	double now = link_now();
	int was = adapt_level(&p->adapt);

	if (!p->cfg->adaptive || p->phase != COPYING || now - p->looked < ADAPT_LOOK_S)
		return;
	p->look.seconds = now - p->looked;
	/* All that was not waiting for the workers was sending, or waiting for the link. */
	p->look.sending = MAX(p->look.seconds - p->look.starved, 0);
	adapt_look(&p->adapt, &p->look);
	if (adapt_level(&p->adapt) != was) {
		log_debug("codec", "level %d: link %.1f MB/s, workers %.2f of %.0f, disk %.1f MB/s",
			  adapt_level(&p->adapt), p->adapt.link / 1e6, p->adapt.workers,
			  p->adapt.threads, p->adapt.disk / 1e6);
		pipeline_set_level(p->pipeline, adapt_level(&p->adapt));
	}
	p->look = (struct adapt_look){ 0 };
	p->looked = now;
}

static int wait_for_something(struct pass *p, struct err *err)
{
	bool starved = p->phase == COPYING && !p->pending;
	double began = link_now();
	int fds[2];
	size_t n = 0;
	int r;

	if (starved && link_backlog(&p->link) < BACKLOG_MAX)
		fds[n++] = pipeline_fd(p->pipeline);
	if (!quit_requested())
		fds[n++] = quit_fd();
	starved = starved && link_backlog(&p->link) == 0;
	r = link_wait(&p->link, fds, n, 250, &p->res->lost, err);
	if (starved)
		p->look.starved += link_now() - began;
	if (p->pipeline)
		pipeline_fd_clear(p->pipeline);
	return r;
}

/* A user who wants to leave gets what was sent made durable first, but not for ever. */
static int check_quit(struct pass *p, struct err *err)
{
	if (!quit_requested())
		return 0;
	if (p->phase == COPYING) {
		struct err why = ERR_INIT;

		err_set(&why, ECANCELED, "cancelled; run the same command to go on from here");
		drain(p, -ECANCELED, &why);
		return 0;
	}
	if (p->phase == DRAINING && p->leave != 0 && link_now() - p->leave_since < LEAVE_SECONDS)
		return 0;
	return err_set(err, ECANCELED, "cancelled; run the same command to go on from here");
}

static int run(struct pass *p, struct err *err)
{
	int r;

	while (p->phase != DONE) {
		struct msg m;

		limit_bandwidth(p);
		r = link_pump(&p->link, &p->res->lost, err);
		if (r < 0)
			return r;
		while (p->phase != DONE && (r = link_next(&p->link, &m, &p->res->lost, err)) == 1) {
			r = on_message(p, &m, err);
			if (r < 0)
				return r;
		}
		/* The phrase tells what was wrong with a message; say whose it was. */
		if (r == -EBADMSG && *session_peer_software(p->link.session))
			err_prefix(err, "the server breaks the protocol");
		if (r < 0)
			return r;
		r = check_quit(p, err);
		if (r < 0)
			return r;
		r = send_more(p, err);
		if (r < 0)
			return r;
		adapt(p);
		progress_tick(p->cfg->progress);
		if (p->phase == DONE)
			break;
		r = wait_for_something(p, err);
		if (r < 0)
			return r;
	}
	/* The last words (CLOSE, PONG) go out; nobody waits for an answer. */
	(void)link_pump(&p->link, &(bool){ false }, NULL);
	(void)p->link.transport->ops->shutdown(p->link.transport, NULL);
	if (p->leave != 0) {
		if (err)
			*err = p->leave_err;
		return p->leave;
	}
	return 0;
}

static int have_new(struct pass *p, struct err *err)
{
	p->have = calloc(p->cfg->source->n, sizeof(struct bitmap *));
	if (!p->have)
		return err_nomem(err);
	for (size_t i = 0; i < p->cfg->source->n; i++)
		if (bitmap_new(p->cfg->source->disks[i].disk->size, PROTO_CHUNK_SIZE, &p->have[i]) <
		    0)
			return err_nomem(err);
	return 0;
}

int pass_run(const struct pass_config *cfg, struct transport *t, struct pass_result *ret,
	     struct err *err)
{
	struct pass p = { .cfg = cfg, .res = ret };
	int r;

	*ret = (struct pass_result){ .state = PROTO_JOB_NEW };
	r = have_new(&p, err);
	if (r >= 0)
		r = link_init(&p.link, PROTO_ROLE_AGENT, t, SOFTWARE, err);
	if (r >= 0)
		r = run(&p, err);
	if (p.begun)
		progress_end(cfg->progress);
	pipeline_free(p.pipeline);
	item_free(p.pending);
	link_done(&p.link);
	for (size_t i = 0; p.have && i < cfg->source->n; i++)
		bitmap_free(p.have[i]);
	for (size_t i = 0; p.known && i < cfg->source->n; i++)
		known_free(p.known[i]);
	free(p.have);
	free(p.known);
	free(p.sent);
	return r;
}

void pass_result_done(struct pass_result *r)
{
	free(r->summary);
	r->summary = NULL;
}
