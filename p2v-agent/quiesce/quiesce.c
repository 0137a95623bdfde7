/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/quiesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS	UINT64_C(1000000000)

struct quiesce {
	struct quiesce_config cfg;
	struct watchdog *watchdog;
	struct deadman *hooks, *hold;
	struct freezer *freezer;
	struct quiesce_plan plan;
	bool prepared;
};

/* Asked in the hooks' process, of the watchdog's shared memory. */
static bool watchdog_has_fired(void *opaque)
{
	return watchdog_fired(opaque) != WATCHDOG_NONE;
}

static bool nothing_is_frozen(void *opaque)
{
	return !watchdog_holds(opaque);
}

int quiesce_new(const struct quiesce_config *cfg, struct quiesce **ret, struct err *err)
{
	CLEANUP(quiesce_free) struct quiesce *q = calloc(1, sizeof(*q));
	struct watchdog_config watchdog = {
		.thaw = freezer_kernel.thaw, .silence_ns = cfg->silence_ns, .lock = true,
	};
	struct deadman_config hooks = {
		.name = "p2v-hooks", .due = watchdog_has_fired, .ready = nothing_is_frozen,
		.ready_ns = cfg->bound_ns, .lock = true,
	};
	struct deadman_config hold = { .name = "p2v-hold", .lock = true };
	struct freezer_config freezer = {
		.ops = &freezer_kernel, .bound_ns = cfg->bound_ns, .accept_refused = cfg->accept,
	};
	int r;

	if (!q)
		return err_nomem(err);
	q->cfg = *cfg;
	r = hold_check(&cfg->hold, err);
	if (r == 0)
		r = watchdog_new(&watchdog, &q->watchdog, err);
	freezer.watchdog = hooks.opaque = q->watchdog;
	if (r == 0)
		r = deadman_new(&hooks, &q->hooks, err);
	if (r == 0)
		r = deadman_new(&hold, &q->hold, err);
	if (r == 0)
		r = freezer_new(&freezer, &q->freezer, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(q);
	return 0;
}

void quiesce_free(struct quiesce *q)
{
	if (!q)
		return;
	freezer_free(q->freezer);
	deadman_free(q->hooks);
	deadman_free(q->hold);
	watchdog_free(q->watchdog);
	quiesce_plan_done(&q->plan);
	free(q);
}

static int add_fs(struct quiesce *q, const struct mountgraph_fs *fs, struct err *err)
{
	int fd = quiesce_plan_open(fs, err);

	if (fd < 0)
		return fd;
	return freezer_add(q->freezer, mountgraph_fs_path(fs), fd,
			   fs->verdict == MOUNTGRAPH_TRY, fs->verdict == MOUNTGRAPH_SYNC, err);
}

static int refuse_what_stops(const struct quiesce *q, struct err *err)
{
	for (size_t i = 0; i < q->plan.graph.nfs && !q->cfg.accept; i++) {
		const struct mountgraph_fs *fs = &q->plan.graph.fs[i];
		char shown[256];

		if (fs->verdict == MOUNTGRAPH_STOPS)
			return err_set(err, EOPNOTSUPP, "%s: %s",
				       text_escape_str(mountgraph_fs_path(fs), shown,
						       sizeof(shown)), fs->why);
	}
	return 0;
}

void quiesce_set_disks(struct quiesce *q, const char *const *disks, size_t n)
{
	q->cfg.wanted.disks = disks;
	q->cfg.wanted.ndisks = n;
}

int quiesce_prepare(struct quiesce *q, struct err *err)
{
	const struct mountgraph *g = &q->plan.graph;
	int r;

	if (q->prepared)
		return err_set(err, EALREADY, "prepared already");
	r = quiesce_plan_make(&q->cfg.wanted, &q->plan, err);
	if (r < 0)
		return r;
	q->prepared = true;
	r = refuse_what_stops(q, err);
	for (size_t i = 0; r == 0 && i < g->nfs; i++)
		if (g->fs[i].verdict == MOUNTGRAPH_SYNC)
			r = add_fs(q, &g->fs[i], err);
	for (size_t i = 0; r == 0 && i < g->norder; i++)
		r = add_fs(q, &g->fs[g->order[i]], err);
	return r;
}

const struct quiesce_plan *quiesce_plan_of(const struct quiesce *q)
{
	return &q->plan;
}

const struct freezer *quiesce_freezer_of(const struct quiesce *q)
{
	return q->freezer;
}

void quiesce_by_hand(const struct quiesce *q, struct strbuf *b)
{
	quiesce_plan_by_hand(&q->plan, b);
	hold_by_hand(&q->cfg.hold, b);
}

int quiesce_sync(struct quiesce *q, struct err *err)
{
	return freezer_sync(q->freezer, err);
}

/* Hooks may take their time each, to freeze and to thaw; then it is the process that thaws. */
static uint64_t hooks_bound(const struct quiesce *q)
{
	return q->cfg.bound_ns + 2 * (q->plan.hooks.n + 1) * q->cfg.hook_timeout_s * SECOND_NS;
}

static int bring_to_rest(struct quiesce *q, struct err *err)
{
	enum hold_intake used;
	int r;

	deadman_arm(q->hooks, hooks_bound(q));
	r = hooks_freeze(&q->plan.hooks, q->hooks, q->cfg.hook_timeout_s, err);
	if (r < 0)
		return r;
	deadman_arm(q->hold, q->cfg.hold_bound_ns);
	r = hold_begin(&q->cfg.hold, q->hold, &used, err);
	/* What the services wrote at their end is written back while others still run. */
	if (r == 0)
		r = freezer_sync(q->freezer, err);
	return r < 0 ? r : freezer_freeze(q->freezer, err);
}

int quiesce_freeze(struct quiesce *q, struct err *err)
{
	int r;

	if (!q->prepared)
		return err_set(err, EINVAL, "not prepared");
	if (deadman_pending(q->hold) > 0)
		return err_set(err, EBUSY, "the machine is held already");
	r = watchdog_reset(q->watchdog, err);
	if (r < 0)
		return r;
	r = bring_to_rest(q, err);
	if (r < 0) {
		hooks_thaw(&q->plan.hooks, q->hooks, NULL);
		hold_lift(q->hold, NULL);
	}
	return r;
}

int quiesce_pause(struct quiesce *q, struct err *err)
{
	int r;

	if (!q->prepared)
		return err_set(err, EINVAL, "not prepared");
	r = watchdog_reset(q->watchdog, err);
	return r < 0 ? r : freezer_freeze(q->freezer, err);
}

void quiesce_beat(struct quiesce *q)
{
	freezer_beat(q->freezer);
}

uint64_t quiesce_left_ns(const struct quiesce *q)
{
	return freezer_left_ns(q->freezer);
}

int quiesce_thaw(struct quiesce *q, struct err *ret_hooks, struct err *err)
{
	int r = freezer_thaw(q->freezer, err);

	if (ret_hooks)
		err_reset(ret_hooks);
	hooks_thaw(&q->plan.hooks, q->hooks, ret_hooks);
	return r;
}

bool quiesce_held(const struct quiesce *q)
{
	return deadman_pending(q->hold) > 0;
}

int quiesce_confirm(struct quiesce *q, struct err *err)
{
	if (deadman_confirm(q->hold))
		return 0;
	return err_set(err, ETIME, "the hold was lifted: %s",
		       deadman_reason_text(deadman_fired(q->hold)));
}

int quiesce_lift(struct quiesce *q, struct err *err)
{
	return hold_lift(q->hold, err);
}
