/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The conversation is driven by what the server says (on_message) and, in between, by what there
 * is to send (send_more). Phases:
 *
 *	OPENING   until READY
 *	BETWEEN   of a live conversion: until it is known what the next round is of
 *	STALE     the round's chunks are told, before any of them is sent
 *	COPYING   the sender and the lanes take from the pipeline, until all they sent is durable
 *	FINISHING until FINISHED
 */
#include "p2v-agent/pass.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "p2v-agent/pipeline.h"
#include "p2v-agent/sender.h"
#include "p2v-agent/stale.h"
#include "p2v-agent/summary.h"

/* How long to wait for the last FLUSHED when leaving early. */
#define LEAVE_SECONDS	30.0
/*
 * When our own thread is busy with sending for this part of the time, another connection helps;
 * not sooner than this after the last one.
 */
#define BUSY		0.8
#define GROW_S		1.0
/* A new connection takes that long to be made over a long link, and to come up to speed. */
#define SETTLE_S	3.0
/* It helps as well when so much of the time goes by waiting for the far end's confirmations. */
#define STALLED		0.5
/* One has helped when so much more goes out. A link that is merely slow looks like a long one. */
#define HELPED		1.2

enum phase { OPENING, BETWEEN, STALE, COPYING, FINISHING, DONE };


struct pass {
	const struct pass_config *cfg;
	struct pass_result *res;
	struct link link;
	struct msg open;		/* OPEN as it was sent */
	uint8_t uuid[PROTO_UUID_LEN];
	struct pass_round round;	/* that is being sent */
	const struct bitmap **used;	/* the maps of a cold copy */
	struct stale stale;		/* as far as its chunks have been told */
	const char *consistency;
	struct pipeline *pipeline;
	struct sender sender;
	struct lanes *lanes;		/* NULL: none */
	struct tally tally;
	struct tally_shown shown;	/* what of it progress and adapt have seen */
	struct bitmap **have;		/* per disk */
	struct known **known;		/* per disk, when there were DIGESTS; else NULL */
	enum phase phase;
	double leave_since;
	uint8_t verify_phase;
	struct msg_throttle throttle;	/* what the server said last; zeroed: nothing */
	bool begun;			/* progress shows something */
	struct adapt adapt;
	double looked, cpu;		/* cpu: seconds of this thread when looked */
	double grown, rate;		/* when a connection was added; bytes per second before */
	double from;			/* since when out is counted */
	uint64_t out;
	bool enough;			/* the last one did not help */
};

static int send_msg(struct pass *p, struct msg *m, struct err *err)
{
	return session_send(p->link.session, m, err);
}

static int send_open(struct pass *p, struct err *err)
{
	const struct source *src = p->cfg->source;
	struct msg_open *o = &p->open.open;

	if (p->cfg->resync && !session_has_feature(p->link.session, PROTO_FEATURE_COMPARE))
		return err_set(err, EPROTONOSUPPORT,
			       "the server is too old for --resync: %s",
			       session_peer_software(p->link.session));
	p->open.type = PROTO_OPEN;
	snprintf(o->name, sizeof(o->name), "%s", p->cfg->name);
	if (p->cfg->rounds && !session_has_feature(p->link.session, PROTO_FEATURE_LIVE))
		return err_set(err, EPROTONOSUPPORT,
			       "the server is too old for a live conversion: %s",
			       session_peer_software(p->link.session));
	o->flags = (p->cfg->compressed ? PROTO_OPEN_COMPRESSED : 0) |
		   (p->cfg->resync ? PROTO_OPEN_COMPARE : 0) |
		   (p->cfg->rounds ? PROTO_OPEN_LIVE : 0);
	o->machine.p = (const uint8_t *)p->cfg->machine_json;
	o->machine.len = (uint32_t)strlen(p->cfg->machine_json);
	o->ndisks = (uint16_t)src->n;
	o->disks = calloc(src->n, sizeof(*o->disks));
	if (!o->disks)
		return err_nomem(err);
	for (size_t i = 0; i < src->n; i++) {
		struct msg_disk *d = &o->disks[i];

		snprintf(d->name, sizeof(d->name), "%s", src->disks[i].name);
		snprintf(d->source, sizeof(d->source), "%s", src->disks[i].disk->path);
		d->size = src->disks[i].disk->size;
		d->logical_sector = src->disks[i].disk->logical_sector;
		d->physical_sector = src->disks[i].disk->physical_sector;
	}
	return send_msg(p, &p->open, err);
}

static int send_finish(struct pass *p, struct err *err)
{
	CLEANUP(mem_free) char *summary = summary_make(p->cfg->source, p->consistency,
						    p->cfg->takeover);
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

/* Everything is durable: say that this was all, or leave. */
static int send_end(struct pass *p, struct err *err)
{
	struct msg m = { .type = PROTO_CLOSE };
	int r;

	if (p->sender.code == 0 && p->cfg->rounds) {
		p->phase = BETWEEN;
		return 0;
	}
	if (p->sender.code == 0)
		return send_finish(p, err);
	r = send_msg(p, &m, err);
	if (r >= 0)
		p->phase = DONE;
	return r;
}

/* The lanes have ended when our own sender has, for the last item is the last for all of them. */
static int check_lanes(struct pass *p, struct err *err)
{
	struct err why = ERR_INIT;
	bool lost = false;
	int r = lanes_result(p->lanes, &lost, &why);

	if (r == 0)
		return 0;
	if (lost) {
		p->res->lost = true;
		if (err)
			*err = why;
		return r;
	}
	/* A disk that cannot be read: what was sent is made durable, and then we leave. */
	sender_stop(&p->sender, r, &why);
	if (p->sender.code == 0) {
		p->sender.code = r;
		p->sender.err = why;
	}
	lanes_stop(p->lanes);
	return 0;
}

/* ---- rounds */

static uint64_t round_bytes(const struct pass *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->cfg->source->n; i++)
		sum += p->round.maps[i] ? bitmap_bytes(p->round.maps[i])
					: p->cfg->source->disks[i].disk->size;
	return sum;
}

static int start_pipeline(struct pass *p, struct err *err)
{
	struct pipeline_config pc = {
		.source = p->cfg->source,
		.kind = p->round.kind,
		.maps = p->round.maps,
		.have = p->round.have,
		.known = p->round.kind == WALK_COPY ? p->known : NULL,
		.mode = p->cfg->mode,
		.engine = p->cfg->engine,
		.level = p->cfg->adaptive ? adapt_level(&p->adapt) : p->cfg->level,
		.probe = p->cfg->adaptive,
		.threads = p->cfg->threads,
	};
	int r;

	lanes_free(TAKE_PTR(p->lanes));
	sender_done(&p->sender);
	pipeline_free(TAKE_PTR(p->pipeline));
	r = pipeline_new(&pc, &p->pipeline, err);
	if (r < 0)
		return r;
	p->sender.pipeline = p->pipeline;
	sender_begin(&p->sender);
	p->looked = p->grown = p->from = link_now();
	p->phase = COPYING;
	return 0;
}

/* -EAGAIN: the rest at a later turn. */
static int send_stale(struct pass *p, struct err *err)
{
	struct stale was = p->stale;
	struct msg m = { .type = PROTO_STALE };

	while (stale_next(&p->stale, &m.stale.what)) {
		int r = send_msg(p, &m, err);

		if (r < 0) {
			p->stale = was;
			return r;
		}
		was = p->stale;
	}
	return 0;
}

static int announce_round(struct pass *p, struct err *err)
{
	int r = send_stale(p, err);

	return r < 0 ? r : start_pipeline(p, err);
}

static int begin_round(struct pass *p, struct err *err)
{
	int r;

	/* Before the machine may stand still: what is printed may be written to its disks. */
	if (p->begun)
		progress_end(p->cfg->progress);
	p->begun = false;
	r = p->cfg->rounds->next(p->cfg->rounds->opaque, &p->round, &p->consistency, err);
	if (r < 0 || r == PASS_WAIT)
		return r;
	if (r == PASS_FINISH)
		return send_finish(p, err);
	p->begun = p->round.label != NULL;
	if (p->begun)
		progress_begin(p->cfg->progress, p->round.label, p->cfg->name, round_bytes(p));
	stale_init(&p->stale, p->round.maps, p->cfg->source->n);
	p->phase = STALE;
	if (p->round.kind != WALK_CHANGES)
		return start_pipeline(p, err);
	return announce_round(p, err);
}

/* The chunks of a round, until all of them are durable. */
static int send_round(struct pass *p, struct err *err)
{
	int r = check_lanes(p, err);

	if (r >= 0)
		r = sender_turn(&p->sender, err);
	if (r < 0 || p->sender.state != SENDER_DRAINED)
		return r;
	/* Ours took an error, or was told to stop: that holds for all. */
	if (p->sender.code != 0)
		lanes_stop(p->lanes);
	if (lanes_running(p->lanes) > 0)
		return 0;
	r = check_lanes(p, err);
	return r < 0 ? r : send_end(p, err);
}

/*
 * Whatever is due now. No credit, or too much waiting to be written, means: at a later turn. When
 * a round is over, the machine may stand still, so what comes next does not wait for a turn.
 */
static int send_more(struct pass *p, struct err *err)
{
	enum phase was;
	int r = 0;

	do {
		was = p->phase;
		if (p->phase == BETWEEN)
			r = begin_round(p, err);
		else if (p->phase == STALE)
			r = announce_round(p, err);
		else if (p->phase == COPYING)
			r = send_round(p, err);
	} while (r >= 0 && p->phase != was);
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

static int grow(struct pass *p, unsigned int n, struct err *err)
{
	struct lanes_config lc = {
		.source = p->cfg->source,
		.pipeline = p->pipeline,
		.tally = &p->tally,
		.flush_bytes = p->cfg->flush_bytes,
		.open = &p->open.open,
		.connect = p->cfg->connect,
		.opaque = p->cfg->connect_opaque,
	};
	int r = 0;

	if (!session_has_feature(p->link.session, PROTO_FEATURE_JOIN)) {
		log_notice("the server takes one connection only: %s",
			   session_peer_software(p->link.session));
		return 0;
	}
	memcpy(lc.uuid, p->uuid, sizeof(lc.uuid));
	if (!p->lanes)
		r = lanes_new(&lc, &p->lanes, err);
	while (r >= 0 && n-- > 0)
		r = lanes_add(p->lanes, err);
	return r;
}

static int on_ready(struct pass *p, struct err *err)
{
	const struct pass_rounds *rounds = p->cfg->rounds;
	int r;

	p->res->opened = true;
	if (p->res->state == PROTO_JOB_COMPLETE) {
		p->phase = DONE;
		return 0;
	}
	adapt_init(&p->adapt, p->cfg->threads);
	settle_known(p);
	if (rounds) {
		p->phase = BETWEEN;
		return rounds->opened(rounds->opaque, p->uuid, p->have, p->known != NULL, err);
	}
	p->round = (struct pass_round){ .kind = WALK_COPY, .maps = p->used, .have = p->have };
	r = start_pipeline(p, err);
	if (r < 0)
		return r;
	return p->cfg->connections > 1 ? grow(p, p->cfg->connections - 1, err) : 0;
}

static void on_status(struct pass *p, const struct msg_status *s)
{
	if (s->phase == PROTO_PHASE_STARTING) {
		/* There is no telling how far that is. */
		if (p->verify_phase != s->phase)
			log_notice("the copy is whole; the server starts the virtual machine");
		p->verify_phase = s->phase;
		return;
	}
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

	own = p->throttle.mode == PROTO_THROTTLE_OWN ? own : p->throttle.rate;
	/* It is the limit of all connections together. */
	if (own > 0)
		own = MAX(own / (1 + lanes_running(p->lanes)), (uint64_t)1);
	atomic_store(&p->tally.rate, own);
	link_limit(&p->link, own);
}

static int on_message(struct pass *p, const struct msg *m, struct err *err)
{
	switch (m->type) {
	case PROTO_HELLO:
		p->res->greeted = true;
		log_info("server: %s", session_peer_software(p->link.session));
		return send_open(p, err);
	case PROTO_JOB:
		memcpy(p->uuid, m->job.uuid, sizeof(p->uuid));
		p->res->state = (enum proto_job_state)m->job.state;
		if (p->res->state != PROTO_JOB_COMPLETE && !p->cfg->rounds) {
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
		sender_acked(&p->sender, m->id.id);
		return 0;
	case PROTO_FLUSHED:
		sender_flushed(&p->sender, m->id.id);
		return 0;
	case PROTO_STATUS:
		on_status(p, &m->status);
		return 0;
	case PROTO_THROTTLE:
		on_throttle(p, &m->throttle);
		return 0;
	case PROTO_DIFFER:
		p->cfg->rounds->differ(p->cfg->rounds->opaque, &m->have);
		return 0;
	case PROTO_CUTOVER:
		p->cfg->rounds->cutover(p->cfg->rounds->opaque);
		return 0;
	case PROTO_FINISHED:
		p->res->summary =
			strndup((const char *)m->finished.summary.p, m->finished.summary.len);
		if (!p->res->summary)
			return err_nomem(err);
		/* The last STATUS may have come a little before the end. */
		if (p->verify_phase == PROTO_PHASE_VERIFYING)
			progress_set_done(p->cfg->progress, source_size(p->cfg->source));
		p->phase = DONE;
		return 0;
	case PROTO_ERROR:
		return sender_refused(&m->error, &p->res->lost, err);
	default:
		return 0;
	}
}

/* ---- the loop */

/* What has become of a counter since it was seen last. */
static uint64_t since(atomic_uint_fast64_t *counter, uint64_t *seen)
{
	uint64_t now = atomic_load(counter), was = *seen;

	*seen = now;
	return now - was;
}

static void show_progress(struct pass *p)
{
	progress_done(p->cfg->progress, since(&p->tally.done, &p->shown.done));
	for (int i = 0; i < PROGRESS_SKIP_COUNT; i++)
		progress_skip(p->cfg->progress, (enum progress_skip)i,
			      since(&p->tally.skipped[i], &p->shown.skipped[i]));
	p->res->sent = atomic_load(&p->tally.sent);
	p->res->advanced = atomic_load(&p->tally.advanced);
}

static double thread_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * One core cannot encrypt faster: another connection brings another core into play, here and at
 * the server. On a long link a connection waits for confirmations most of the time, for SSH has no
 * more than a window on the way: another connection has another window. Where the network or the
 * disk is the limit it is neither.
 */
static void maybe_grow(struct pass *p, const struct adapt_look *look)
{
	double cpu = thread_seconds(), busy = (cpu - p->cpu) / look->seconds;
	/*
	 * One that has ended has found nothing more to send, or cannot be had: no reason for
	 * another.
	 */
	unsigned int n = 1 + lanes_added(p->lanes), more = 1;
	struct err err = ERR_INIT;
	double stalled = (double)since(&p->tally.stalled_ns, &p->shown.stalled_ns) / 1e9 / n /
			 look->seconds;
	double rate;

	p->cpu = cpu;
	p->out += look->out;
	if (n > 1 && p->looked - p->grown < SETTLE_S) {
		p->out = 0;
		p->from = p->looked;
	}
	if (p->cfg->connections > 0 || p->enough || p->round.kind != WALK_COPY ||
	    p->looked - p->from < GROW_S ||
	    n > LANES_MAX || p->sender.state != SENDER_COPYING ||
	    lanes_running(p->lanes) + 1 < n)
		return;
	if (stalled < STALLED && (busy < BUSY || n >= p->cfg->connections_max))
		return;
	rate = (double)p->out / (p->looked - p->from);
	p->enough = rate < p->rate * HELPED;
	if (p->enough)
		return;
	p->rate = rate;
	p->out = 0;
	p->grown = p->from = p->looked;
	/* On a long link they cost next to nothing, and it is soon known for one. */
	if (stalled >= STALLED)
		more = MIN(n, LANES_MAX + 1u - n);
	log_info("%s: %u connections",
		 stalled < STALLED ? "sending takes all of a processor" : "the link is long",
		 n + more);
	if (grow(p, more, &err) < 0)
		log_warning("the copy goes on with the connections it has: %s", err.text);
}

/* Now and then, while chunks flow: who waited for whom, and what follows from it. */
static void adapt(struct pass *p)
{
	double now = link_now(), connections = 1 + lanes_running(p->lanes);
	int was = adapt_level(&p->adapt);
	struct adapt_look look = { .seconds = now - p->looked };

	if (p->phase != COPYING || look.seconds < ADAPT_LOOK_S)
		return;
	look.in = since(&p->tally.in, &p->shown.in);
	look.out = since(&p->tally.out, &p->shown.out);
	look.busy = (double)since(&p->tally.busy_ns, &p->shown.busy_ns) / 1e9;
	look.starved = (double)since(&p->tally.starved_ns, &p->shown.starved_ns) / 1e9 /
		       connections;
	/* All that was not waiting for the workers was sending, or waiting for the link. */
	look.sending = MAX(look.seconds - look.starved, 0);
	p->looked = now;
	if (p->cfg->adaptive) {
		adapt_look(&p->adapt, &look);
		if (adapt_level(&p->adapt) != was) {
			log_debug("codec",
				  "level %d: link %.1f MB/s, workers %.2f of %.0f, disk %.1f MB/s",
				  adapt_level(&p->adapt), p->adapt.link / 1e6, p->adapt.workers,
				  p->adapt.threads, p->adapt.disk / 1e6);
			pipeline_set_level(p->pipeline, adapt_level(&p->adapt));
		}
	}
	maybe_grow(p, &look);
}

static int wait_for_something(struct pass *p, struct err *err)
{
	int fds[3], own = p->cfg->rounds ? p->cfg->rounds->fd(p->cfg->rounds->opaque) : -1;
	size_t n = 0;

	if (own >= 0)
		fds[n++] = own;
	if (!quit_requested())
		fds[n++] = quit_fd();
	if (p->lanes && lanes_running(p->lanes) > 0)
		fds[n++] = lanes_fd(p->lanes);
	return sender_wait(&p->sender, fds, n, &p->res->lost, err);
}

/* A user who wants to leave gets what was sent made durable first, but not for ever. */
static int check_quit(struct pass *p, struct err *err)
{
	if (!quit_requested())
		return 0;
	if (p->phase == COPYING && p->sender.state == SENDER_COPYING) {
		struct err why = ERR_INIT;

		err_set(&why, ECANCELED, "cancelled; run the same command to go on from here");
		sender_stop(&p->sender, -ECANCELED, &why);
	}
	if (p->leave_since <= 0)
		p->leave_since = link_now();
	if (p->phase == COPYING && p->sender.code != 0 &&
	    link_now() - p->leave_since < LEAVE_SECONDS)
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
		if (r >= 0 && p->cfg->rounds)
			r = p->cfg->rounds->turn(p->cfg->rounds->opaque, err);
		if (r < 0)
			return r;
		r = send_more(p, err);
		if (r < 0)
			return r;
		adapt(p);
		show_progress(p);
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
	if (p->sender.code != 0 && err)
		*err = p->sender.err;
	return p->sender.code;
}

static int have_new(struct pass *p, struct err *err)
{
	p->have = calloc(p->cfg->source->n, sizeof(struct bitmap *));
	p->used = calloc(p->cfg->source->n, sizeof(struct bitmap *));
	if (!p->have || !p->used)
		return err_nomem(err);
	for (size_t i = 0; i < p->cfg->source->n; i++) {
		const struct usedmap *u = p->cfg->source->disks[i].used;

		p->used[i] = u ? u->map : NULL;
	}
	for (size_t i = 0; i < p->cfg->source->n; i++)
		if (bitmap_new(p->cfg->source->disks[i].disk->size, PROTO_CHUNK_SIZE, &p->have[i]) <
		    0)
			return err_nomem(err);
	return 0;
}

static void probed(void *opaque, const struct adapt_curve *c)
{
	struct pass *p = opaque;

	adapt_probe(&p->adapt, c);
}

int pass_run(const struct pass_config *cfg, struct transport *t, struct pass_result *ret,
	     struct err *err)
{
	struct pass p = { .cfg = cfg, .res = ret,
			  .consistency = cfg->consistent ? "consistent" : "in-use" };
	int r;

	*ret = (struct pass_result){ .state = PROTO_JOB_NEW };
	r = have_new(&p, err);
	if (r >= 0)
		r = link_init(&p.link, PROTO_ROLE_AGENT, t, SENDER_SOFTWARE, err);
	p.sender = (struct sender){
		.link = &p.link,
		.source = cfg->source,
		.tally = &p.tally,
		.flush_bytes = cfg->flush_bytes,
		.probed = probed,
		.opaque = &p,
	};
	if (r >= 0)
		r = run(&p, err);
	show_progress(&p);
	lanes_free(p.lanes);
	sender_done(&p.sender);
	if (p.begun)
		progress_end(cfg->progress);
	pipeline_free(p.pipeline);
	link_done(&p.link);
	for (size_t i = 0; p.have && i < cfg->source->n; i++)
		bitmap_free(p.have[i]);
	for (size_t i = 0; p.known && i < cfg->source->n; i++)
		known_free(p.known[i]);
	free(p.have);
	free(p.used);
	free(p.known);
	free(p.open.open.disks);
	return r;
}

void pass_result_done(struct pass_result *r)
{
	free(r->summary);
	r->summary = NULL;
}
