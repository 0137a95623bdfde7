/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/deadman.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "common/spawn.h"
#include "p2v-agent/quiesce/solitary.h"

#define TICK_MS		50
#define ARGS_MAX	16
#define OUTPUT_MAX	4096
#define END_WAIT_MS	5000
#define GRACE_S		10

enum { STEP_FREE, STEP_PENDING, STEP_TAKEN, STEP_DONE };

struct step {
	atomic_int state;
	unsigned int timeout_s, argc;
	size_t argv, input, input_len;	/* where in text; each argument ends with a NUL */
};

struct shared {
	atomic_int fired;
	_Atomic uint64_t deadline;	/* 0: none */
	atomic_uint n;
	struct step steps[DEADMAN_STEPS];
	size_t used;
	char text[DEADMAN_TEXT];
};

struct deadman {
	struct deadman_config cfg;
	struct shared *shared;
	struct solitary process;
};

static int run_step(struct shared *s, struct step *step, struct err *err)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char *argv[ARGS_MAX + 1], *p = s->text + step->argv;
	int r;

	for (unsigned int i = 0; i < step->argc; i++) {
		argv[i] = p;
		p += strlen(p) + 1;
	}
	argv[step->argc] = NULL;
	r = spawn_run(argv, step->input_len ? s->text + step->input : NULL, step->input_len,
		      step->timeout_s, OUTPUT_MAX, &res, err);
	if (r < 0)
		return r;
	if (res.status != 0)
		return err_set(err, EIO, "%s%s%s ended with status %d", argv[0],
			       step->argc > 1 ? " " : "", step->argc > 1 ? argv[1] : "",
			       res.status);
	return 0;
}

static int run_pending(struct shared *s, struct err *err)
{
	int first = 0;

	for (unsigned int i = atomic_load(&s->n); i-- > 0;) {
		int pending = STEP_PENDING, r;

		if (!atomic_compare_exchange_strong(&s->steps[i].state, &pending, STEP_TAKEN))
			continue;
		r = run_step(s, &s->steps[i], first < 0 ? NULL : err);
		if (r < 0 && first == 0)
			first = r;
		atomic_store(&s->steps[i].state, STEP_DONE);
	}
	return first;
}

static enum deadman_reason reason_to_fire(const struct deadman *d, bool gone)
{
	uint64_t deadline = atomic_load(&d->shared->deadline);

	if (gone)
		return DEADMAN_GONE;
	if (deadline && solitary_now() >= deadline)
		return DEADMAN_LATE;
	if (d->cfg.due && d->cfg.due(d->cfg.opaque))
		return DEADMAN_DUE;
	return DEADMAN_NOT;
}

static void a_tick(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = TICK_MS * 1000000 }, NULL);
}

static int live(void *arg, int sock)
{
	struct deadman *d = arg;
	struct shared *s = d->shared;
	bool message, gone;

	do {
		int not_yet = DEADMAN_NOT;
		enum deadman_reason r;

		gone = solitary_wait(sock, TICK_MS, &message);
		r = reason_to_fire(d, gone);
		if (r == DEADMAN_NOT || deadman_pending(d) == 0)
			continue;
		if (atomic_compare_exchange_strong(&s->fired, &not_yet, (int)r) ||
		    (gone && not_yet != DEADMAN_CONFIRMED)) {
			uint64_t end = solitary_now() + d->cfg.ready_ns;

			while (d->cfg.ready && !d->cfg.ready(d->cfg.opaque) && solitary_now() < end)
				a_tick();
			run_pending(s, NULL);
		}
	} while (!gone);
	return 0;
}

int deadman_new(const struct deadman_config *cfg, struct deadman **ret, struct err *err)
{
	struct deadman *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_nomem(err);
	d->cfg = *cfg;
	d->process.sock = -1;
	d->shared = solitary_share(sizeof(*d->shared));
	r = d->shared ? solitary_start(cfg->name, cfg->lock, live, d, &d->process, err) :
	    err_nomem(err);
	if (r < 0) {
		solitary_unshare(d->shared, sizeof(*d->shared));
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void deadman_free(struct deadman *d)
{
	if (!d)
		return;
	deadman_undo(d, NULL);
	solitary_end(&d->process, END_WAIT_MS);
	solitary_unshare(d->shared, sizeof(*d->shared));
	free(d);
}

/* With a NUL after it; where it is, or DEADMAN_TEXT when there is no room. */
static size_t keep(struct shared *s, const char *text)
{
	size_t at = s->used, len = strlen(text) + 1;

	if (len > sizeof(s->text) - at)
		return DEADMAN_TEXT;
	memcpy(s->text + at, text, len);
	s->used += len;
	return at;
}

int deadman_add(struct deadman *d, const char *const argv[], const char *input,
		unsigned int timeout_s, struct err *err)
{
	struct shared *s = d->shared;
	unsigned int i = atomic_load(&s->n);
	struct step *step = &s->steps[i];
	int pending = STEP_PENDING;
	size_t at = 0;

	if (i == DEADMAN_STEPS)
		return err_set(err, ENOSPC, "more than %d commands to undo", DEADMAN_STEPS);
	step->timeout_s = timeout_s;
	step->argv = s->used;
	for (step->argc = 0; argv[step->argc] && at != DEADMAN_TEXT; step->argc++)
		at = step->argc == ARGS_MAX ? DEADMAN_TEXT : keep(s, argv[step->argc]);
	step->input_len = input ? strlen(input) : 0;
	step->input = s->used;
	if (at != DEADMAN_TEXT && input)
		at = keep(s, input);
	if (at == DEADMAN_TEXT) {
		s->used = step->argv;
		return err_set(err, ENOSPC, "the commands to undo are too long");
	}
	atomic_store(&step->state, STEP_PENDING);
	atomic_store(&s->n, i + 1);
	if (atomic_load(&s->fired) == DEADMAN_NOT)
		return (int)i;
	atomic_compare_exchange_strong(&step->state, &pending, STEP_DONE);
	return err_set(err, ETIME, "it was undone already: %s",
		       deadman_reason_text(deadman_fired(d)));
}

void deadman_drop(struct deadman *d, int step)
{
	int pending = STEP_PENDING;

	atomic_compare_exchange_strong(&d->shared->steps[step].state, &pending, STEP_DONE);
}

void deadman_arm(struct deadman *d, uint64_t bound_ns)
{
	if (deadman_pending(d) == 0) {
		atomic_store(&d->shared->n, 0);
		d->shared->used = 0;
	}
	atomic_store(&d->shared->deadline, bound_ns ? solitary_now() + bound_ns : 0);
	atomic_store(&d->shared->fired, DEADMAN_NOT);
}

/* The process has taken it; if it does not come to its end, it is done here. */
static int wait_for_step(struct deadman *d, struct step *step, struct err *err)
{
	uint64_t end = solitary_now() + (uint64_t)(step->timeout_s + GRACE_S) * 1000000000;

	while (atomic_load(&step->state) == STEP_TAKEN) {
		if (solitary_now() > end) {
			atomic_store(&step->state, STEP_DONE);
			return run_step(d->shared, step, err);
		}
		a_tick();
	}
	return 0;
}

int deadman_undo(struct deadman *d, struct err *err)
{
	int r = run_pending(d->shared, err);

	for (unsigned int i = atomic_load(&d->shared->n); i-- > 0;) {
		int r2 = wait_for_step(d, &d->shared->steps[i], r < 0 ? NULL : err);

		r = r < 0 ? r : r2;
	}
	atomic_store(&d->shared->deadline, 0);
	return r;
}

bool deadman_confirm(struct deadman *d)
{
	int not_yet = DEADMAN_NOT;

	if (!atomic_compare_exchange_strong(&d->shared->fired, &not_yet, DEADMAN_CONFIRMED))
		return false;
	for (unsigned int i = 0; i < atomic_load(&d->shared->n); i++)
		deadman_drop(d, (int)i);
	atomic_store(&d->shared->deadline, 0);
	return true;
}

int deadman_again(struct deadman *d, int step, struct err *err)
{
	return run_step(d->shared, &d->shared->steps[step], err);
}

enum deadman_reason deadman_fired(const struct deadman *d)
{
	return (enum deadman_reason)atomic_load(&d->shared->fired);
}

const char *deadman_reason_text(enum deadman_reason r)
{
	switch (r) {
	case DEADMAN_GONE:
		return "the agent was gone";
	case DEADMAN_LATE:
		return "nobody confirmed it in time";
	case DEADMAN_CONFIRMED:
		return "it was confirmed";
	case DEADMAN_DUE:
		return "the filesystems were thawed by the watchdog";
	default:
		return "nothing has happened";
	}
}

unsigned int deadman_pending(const struct deadman *d)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < atomic_load(&d->shared->n); i++)
		n += atomic_load(&d->shared->steps[i].state) == STEP_PENDING;
	return n;
}
