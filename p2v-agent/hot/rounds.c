/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine of steps. next() is asked when all that was sent is durable, and at every turn while
 * it said to wait; each step does its work and says which step is next, until there is something
 * to send, to wait for, or nothing left to do.
 */
#include "p2v-agent/hot/rounds_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/size.h"
#include "p2v-agent/hot/gentle.h"
#include "wire/link.h"

/* Rounds in front of the freeze, each while the one before was still getting smaller. */
#define LEADING_MAX	6u
#define SMALLER		0.7
/* When it is wanted, and was out of reach: how soon again. */
#define IMPATIENT_S	1.0
/* How often the moment is tried for. */
#define ATTEMPTS	3u
#define SAY_S		10.0

/* ---- maps */

uint64_t rounds_bytes(struct bitmap *const *v, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += bitmap_bytes(v[i]);
	return sum;
}

void rounds_add(struct rounds *r, size_t disk, const struct bitmap *changed)
{
	bitmap_merge(r->pending[disk], changed);
	bitmap_merge(r->kept[disk], changed);
}

/* Take out of the tracker what has changed; it is pending from then on. */
int rounds_harvest(struct rounds *r, bool last, struct err *err)
{
	const struct rounds_config *c = &r->cfg;

	for (size_t i = 0; i < r->n; i++) {
		int res = last ? track_harvest_last(c->track, c->tracked[i], r->pending[i], NULL,
						    err)
			       : track_harvest(c->track, c->tracked[i], r->pending[i], NULL, err);

		if (res < 0)
			return res;
		bitmap_merge(r->kept[i], r->pending[i]);
	}
	r->round = (struct forecast_round){ .bytes = rounds_bytes(r->pending, r->n),
					    .since = link_now() - r->harvested };
	r->harvested = link_now();
	return 0;
}

/* All that was pending is durable. */
static void settle(struct rounds *r)
{
	for (size_t i = 0; i < r->n; i++) {
		track_settled(r->cfg.track, r->cfg.tracked[i]);
		bitmap_clear_all(r->pending[i]);
	}
	r->round.took = link_now() - r->began;
	if (!r->aside)
		r->ended = link_now();
	r->report.rounds += !r->aside;
}

/* ---- what to send */

int rounds_ask(struct rounds *r, struct pass_round *ret, enum walk_kind kind,
	       struct bitmap **maps, struct bitmap **have, const char *label)
{
	for (size_t i = 0; i < r->n; i++)
		r->maps[i] = maps[i];
	*ret = (struct pass_round){ .kind = kind, .maps = r->maps, .have = have, .label = label };
	r->began = link_now();
	return PASS_ROUND;
}

static uint64_t used_at_most(const struct rounds *r)
{
	return rounds_bytes(r->kept, r->n);
}

static double foreseen(const struct rounds *r)
{
	return forecast_freeze(&r->forecast, used_at_most(r));
}

/* Now and then, and at what matters. */
static void say(struct rounds *r, bool always)
{
	char bytes[SIZE_TEXT_MAX], json[256];
	double freeze = foreseen(r);

	snprintf(json, sizeof(json),
		 "{\"round\":%u,\"bytes\":%" PRIu64 ",\"since\":%.3f,\"took\":%.3f,"
		 "\"freeze\":%.3f}",
		 r->report.rounds, r->round.bytes, r->round.since, r->round.took,
		 freeze < 1e6 ? freeze : -1.0);
	progress_event(*r->cfg.progress, "round", json);
	if (!always && link_now() - r->said < SAY_S)
		return;
	r->said = link_now();
	size_format(r->round.bytes, bytes);
	if (freeze < 1e6)
		log_notice("round %u: %s in %.2f s, changed within %.1f s; if frozen now: %.2f s",
			   r->report.rounds, bytes, r->round.took, r->round.since, freeze);
	else
		log_notice("round %u: %s in %.2f s, changed within %.1f s; rounds do not get "
			   "smaller: more is written than can be sent", r->report.rounds, bytes,
			   r->round.took, r->round.since);
}

bool rounds_wanted(const struct rounds *r)
{
	return r->commanded || r->cfg.when == ROUNDS_NOW ||
	       (r->cfg.when == ROUNDS_AT && time(NULL) >= r->cfg.at);
}

static bool within_reach(const struct rounds *r)
{
	return r->forecast.n >= 2 && foreseen(r) * 1e9 <= (double)r->cfg.max_freeze_ns;
}

static bool due(const struct rounds *r)
{
	double pause = (double)r->cfg.interval_ns / 1e9;

	if (rounds_wanted(r))
		pause = r->leading ? MIN(pause, IMPATIENT_S) : 0;
	return r->report.rounds < EAGER_ROUNDS || link_now() - r->ended >= pause;
}

/* ---- steps; each sets the next one. PASS_WAIT with another step than before means: go on. */

static int write_back(void *opaque, struct err *err)
{
	const struct rounds *r = opaque;

	return quiesce_sync(r->cfg.quiesce, err);
}

/* What is dirty in memory is on no disk: no round finds it, and the freeze would have to wait. */
static int do_write_back(struct rounds *r, struct err *err)
{
	int res = task_start(r->sync, write_back, r, err);

	r->step = WRITING;
	return res < 0 ? res : PASS_WAIT;
}

int rounds_changes(struct rounds *r, struct pass_round *ret)
{
	r->step = SENT;
	if (r->round.bytes > 0)
		return rounds_ask(r, ret, WALK_CHANGES, r->pending, NULL, "changes");
	r->began = link_now();
	return PASS_WAIT;
}

static int do_rest(struct rounds *r, struct pass_round *ret, struct err *err)
{
	int code;

	/* Of a connection that was lost one may still be writing. */
	if (task_busy(r->sync) && task_take(r->sync, &code, NULL) == 0)
		return PASS_WAIT;
	if (!due(r))
		return rounds_may_patrol(r) ? rounds_patrol(r, ret, err) : PASS_WAIT;
	r->leading = rounds_wanted(r) && within_reach(r);
	r->nleading = 0;
	r->before = UINT64_MAX;
	return do_write_back(r, err);
}

/* What has changed until now. */
static int do_round(struct rounds *r, struct pass_round *ret, struct err *err)
{
	int res;

	if (r->rescan) {
		r->step = RESCANNED;
		return rounds_ask(r, ret, WALK_CHECK, r->kept, NULL, "rescan");
	}
	res = rounds_harvest(r, false, err);
	return res < 0 ? res : rounds_changes(r, ret);
}

/* The comparison is a part of what the round takes. */
static int do_rescanned(struct rounds *r, struct pass_round *ret)
{
	double began = r->began;
	int res;

	rounds_take_suspects(r);
	r->round = (struct forecast_round){ .bytes = rounds_bytes(r->pending, r->n),
					    .since = link_now() - r->harvested };
	r->harvested = began;
	res = rounds_changes(r, ret);
	r->began = began;
	return res;
}

static int do_writing(struct rounds *r, struct pass_round *ret, struct err *err)
{
	int code, res = task_take(r->sync, &code, err);

	if (res == 0)
		return PASS_WAIT;
	return code < 0 ? code : do_round(r, ret, err);
}

/* In front of the freeze: once more for as long as it gets smaller. */
static int do_sent(struct rounds *r, struct err *err)
{
	bool smaller = (double)r->round.bytes < (double)r->before * SMALLER;

	settle(r);
	if (r->aside) {
		r->aside = false;
		r->step = REST;
		return PASS_WAIT;
	}
	forecast_add_round(&r->forecast, &r->round);
	say(r, r->report.rounds <= EAGER_ROUNDS);
	r->before = r->round.bytes;
	r->step = REST;
	if (!r->leading)
		return PASS_WAIT;
	if (smaller && ++r->nleading < LEADING_MAX)
		return do_write_back(r, err);
	r->step = within_reach(r) ? FREEZE : REST;
	return PASS_WAIT;
}

/* It did not come to the moment: the source serves on, and it is tried again, a few times. */
static int once_more(struct rounds *r, const struct err *why, struct err *err)
{
	r->frozen = r->over = false;
	gentle_set(true);
	(void)quiesce_lift(r->cfg.quiesce, NULL);
	if (++r->attempts >= ATTEMPTS) {
		if (err)
			*err = *why;
		err_hint(err, "the source serves on; p2v-agent quiesce --try shows what stands "
			      "in the way of a freeze");
		return why->code > 0 ? -why->code : -ETIME;
	}
	log_warning("%s; it is tried again", why->text);
	r->step = REST;
	return PASS_WAIT;
}

static int audit(struct rounds *r, struct err *err)
{
	const struct rounds_config *c = &r->cfg;

	r->report.verdict = r->missed ? TRACK_COMPARE_ALL : TRACK_SOUND;
	r->report.reasons = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct track_audit a;
		int res = track_audit(c->track, c->tracked[i], true, &a, err);

		if (res < 0)
			return res;
		r->report.verdict = MAX(r->report.verdict, a.verdict);
		r->report.reasons |= a.reasons;
	}
	return 0;
}

static int do_freeze(struct rounds *r, struct pass_round *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int res;

	r->report.foreseen = foreseen(r);
	gentle_set(false);
	r->report.freezes++;
	res = quiesce_freeze(r->cfg.quiesce, &why);
	if (res < 0)
		return once_more(r, &why, err);
	r->frozen = true;
	r->over = false;
	res = r->rescan ? 0 : rounds_harvest(r, true, err);
	if (r->rescan)
		r->round = (struct forecast_round){ .bytes = 0 };
	if (res >= 0)
		res = audit(r, err);
	if (res < 0)
		return res;
	r->report.last_bytes = r->round.bytes;
	r->step = LAST;
	if (r->round.bytes > 0)
		return rounds_ask(r, ret, WALK_CHANGES, r->pending, NULL, NULL);
	r->began = link_now();
	return PASS_WAIT;
}

static int do_last(struct rounds *r, struct pass_round *ret, struct err *err)
{
	settle(r);
	if (r->over) {
		struct err why = ERR_INIT;

		(void)quiesce_thaw(r->cfg.quiesce, NULL, &why);
		return once_more(r, &why, err);
	}
	if (r->report.verdict != TRACK_SOUND)
		return rounds_compare(r, ret, err);
	r->step = THAW;
	return PASS_WAIT;
}

/* The user's word may have let something pass that was not held still. */
static bool all_stood_still(const struct quiesce *q)
{
	const struct mountgraph *g = &quiesce_plan_of(q)->graph;
	const struct freezer *f = quiesce_freezer_of(q);

	for (size_t i = 0; i < g->nfs; i++)
		if (g->fs[i].verdict == MOUNTGRAPH_STOPS)
			return false;
	for (size_t i = 0; i < freezer_count(f); i++)
		if (freezer_get(f, i)->refused)
			return false;
	return true;
}

static const char *consistency(const struct quiesce *q)
{
	if (!all_stood_still(q))
		return "crash-consistent";
	return quiesce_plan_of(q)->hooks.n > 0 ? "application-consistent"
					       : "filesystem-consistent";
}

static int do_thaw(struct rounds *r, const char **ret_consistency, struct err *err)
{
	struct err why = ERR_INIT, hooks = ERR_INIT;
	int res = quiesce_thaw(r->cfg.quiesce, &hooks, &why);

	if (hooks.text[0])
		log_warning("%s", hooks.text);
	if (res < 0)
		return once_more(r, &why, err);
	r->frozen = false;
	r->report.frozen_ns = freezer_frozen_ns(quiesce_freezer_of(r->cfg.quiesce));
	r->report.consistency = consistency(r->cfg.quiesce);
	*ret_consistency = r->report.consistency;
	log_notice("frozen for %.3f s (foreseen: %.3f s); the source serves on",
		   (double)r->report.frozen_ns / 1e9, r->report.foreseen);
	return PASS_FINISH;
}

/* What was pending in chunks that the copy had to send has been sent with them. */
static void drop_copied(struct rounds *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct bitmap *have = r->have[i];
		uint64_t pos = 0, off, len;

		while (pos < have->size && bitmap_next_run(have, false, pos, &off, &len)) {
			bitmap_clear_range(r->pending[i], off, len);
			pos = off + len;
		}
	}
}

static int do_enter(struct rounds *r, struct pass_round *ret)
{
	r->step = COPIED;
	return rounds_ask(r, ret, WALK_COPY, r->kept, r->have, "copy");
}

static int one_step(struct rounds *r, struct pass_round *ret, const char **ret_consistency,
		    struct err *err)
{
	switch (r->step) {
	case ENTER:
		return do_enter(r, ret);
	case COPIED:
		drop_copied(r);
		(void)r->cfg.vouched(r->cfg.opaque, r->uuid, true);
		r->step = REST;
		return PASS_WAIT;
	case REST:
		return do_rest(r, ret, err);
	case PATROLLED:
		return rounds_patrolled(r, ret, err);
	case WRITING:
		return do_writing(r, ret, err);
	case RESCANNED:
		return do_rescanned(r, ret);
	case SENT:
		return do_sent(r, err);
	case FREEZE:
		return do_freeze(r, ret, err);
	case LAST:
		return do_last(r, ret, err);
	case COMPARED:
		return rounds_compared(r, ret);
	case MENDED:
		settle(r);
		r->step = THAW;
		return PASS_WAIT;
	case THAW:
		return do_thaw(r, ret_consistency, err);
	}
	return PASS_WAIT;
}

static int next(void *opaque, struct pass_round *ret, const char **ret_consistency,
		struct err *err)
{
	struct rounds *r = opaque;

	for (;;) {
		enum step was = r->step;
		int res = one_step(r, ret, ret_consistency, err);

		if (res != PASS_WAIT || r->step == was)
			return res;
	}
}

/* ---- the pass's other questions */

static int opened(void *opaque, const uint8_t uuid[static PROTO_UUID_LEN],
		  struct bitmap *const *have, bool compared, struct err *err)
{
	struct rounds *r = opaque;
	bool empty = true;

	for (size_t i = 0; i < r->n; i++)
		empty &= bitmap_count(have[i]) == 0;
	/* Of a job without a chunk, all that it will have is sent under this tracker's eyes. */
	if (!r->cfg.vouched(r->cfg.opaque, uuid, empty && !compared) && !empty && !compared) {
		err_set(err, ESTALE, "the job is there already, and this machine was not tracked "
				     "all the time since");
		err_hint(err, "say --resync: what is there is compared, and only what differs is "
			      "sent");
		return -ESTALE;
	}
	r->aside = false;
	for (size_t i = 0; i < r->n; i++)
		r->have[i] = have[i];
	gentle_set(true);
	memcpy(r->uuid, uuid, sizeof(r->uuid));
	r->step = ENTER;
	return 0;
}

static int turn(void *opaque, struct err *err)
{
	struct rounds *r = opaque;

	(void)err;
	if (!r->frozen || r->over)
		return 0;
	quiesce_beat(r->cfg.quiesce);
	r->over = quiesce_left_ns(r->cfg.quiesce) == 0;
	return 0;
}

static int wake_fd(void *opaque)
{
	struct rounds *r = opaque;

	return task_fd(r->sync);
}

static void differ(void *opaque, const struct msg_have *h)
{
	struct rounds *r = opaque;

	/* The other maps are being read while a comparison is sent. */
	for (uint32_t i = 0; i < h->n; i++)
		bitmap_set_range(r->suspect[h->disk], h->ranges[i].offset, h->ranges[i].length);
}

static void cutover(void *opaque)
{
	struct rounds *r = opaque;

	if (!r->commanded)
		log_notice("cutover was asked for at the server");
	r->commanded = true;
}

struct pass_rounds rounds_ops(struct rounds *r)
{
	return (struct pass_rounds){ .opaque = r, .opened = opened, .next = next, .turn = turn,
				     .fd = wake_fd, .differ = differ, .cutover = cutover };
}

void rounds_lost(void *opaque)
{
	struct rounds *r = opaque;
	struct err err = ERR_INIT;

	if (r->frozen && quiesce_thaw(r->cfg.quiesce, NULL, &err) < 0)
		log_warning("%s", err.text);
	r->frozen = r->over = false;
	/* Whatever becomes of the job, what this machine writes from now on is not in it. */
	r->report.frozen_ns = 0;
	/* Nobody can confirm that the copy is whole: the source goes on. */
	if (quiesce_lift(r->cfg.quiesce, &err) < 0)
		log_warning("%s", err.text);
}

/* ---- life */

static int maps_new(struct rounds *r, const struct bitmap *const *used, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		uint64_t size = r->cfg.source->disks[i].disk->size;
		uint64_t granule = track_granule(r->cfg.track, r->cfg.tracked[i]);

		if (bitmap_new(size, granule, &r->pending[i]) < 0 ||
		    bitmap_new(size, granule, &r->kept[i]) < 0 ||
		    bitmap_new(size, PROTO_CHUNK_SIZE, &r->suspect[i]) < 0)
			return err_nomem(err);
		if (used[i] && !r->rescan)
			bitmap_merge(r->kept[i], used[i]);
		else
			bitmap_set_all(r->kept[i]);
	}
	return 0;
}

int rounds_new(const struct rounds_config *cfg, const struct bitmap *const *used,
	       const struct forecast *forecast, struct rounds **ret, struct err *err)
{
	CLEANUP(rounds_free) struct rounds *r = calloc(1, sizeof(*r));
	size_t n = cfg->source->n;
	int res;

	if (!r)
		return err_nomem(err);
	r->cfg = *cfg;
	r->forecast = *forecast;
	r->rescan = track_tier(cfg->track) == TRACK_NONE;
	r->harvested = link_now();
	r->pending = calloc(n, sizeof(*r->pending));
	r->kept = calloc(n, sizeof(*r->kept));
	r->have = calloc(n, sizeof(*r->have));
	r->skip = calloc(n, sizeof(*r->skip));
	r->suspect = calloc(n, sizeof(*r->suspect));
	r->maps = calloc(n, sizeof(*r->maps));
	if (!r->pending || !r->kept || !r->have || !r->skip || !r->suspect || !r->maps)
		return err_nomem(err);
	r->n = n;
	res = maps_new(r, used, err);
	if (res >= 0)
		res = task_new(&r->sync, err);
	if (res < 0)
		return res;
	*ret = TAKE_PTR(r);
	return 0;
}

void rounds_free(struct rounds *r)
{
	if (!r)
		return;
	/* It uses what is freed here. */
	task_free(r->sync);
	rounds_lost(r);
	for (size_t i = 0; i < r->n; i++) {
		bitmap_free(r->pending[i]);
		bitmap_free(r->kept[i]);
		bitmap_free(r->skip[i]);
		bitmap_free(r->suspect[i]);
	}
	free(r->pending);
	free(r->kept);
	free(r->have);
	free(r->skip);
	free(r->suspect);
	free(r->maps);
	free(r);
}

const struct rounds_report *rounds_report(const struct rounds *r)
{
	return &r->report;
}
