/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pump.h. */
#include "track/pump.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define PAUSE_NS	20000000

struct pump {
	pump_fn *fn;
	void *opaque;
	pthread_t thread;
	pthread_mutex_t lock;		/* around fn and code */
	int code;
	atomic_bool stop;
};

int pump_now(struct pump *p)
{
	int r;

	pthread_mutex_lock(&p->lock);
	if (p->code == 0)
		p->code = p->fn(p->opaque);
	r = p->code;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void *pump_thread(void *opaque)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct pump *p = opaque;

	while (!atomic_load(&p->stop) && pump_now(p) == 0)
		nanosleep(&pause, NULL);
	return NULL;
}

int pump_new(pump_fn *fn, void *opaque, struct pump **ret, struct err *err)
{
	struct pump *p = calloc(1, sizeof(*p));
	sigset_t all, old;
	int r;

	if (!p)
		return err_nomem(err);
	p->fn = fn;
	p->opaque = opaque;
	pthread_mutex_init(&p->lock, NULL);
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&p->thread, NULL, pump_thread, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		pthread_mutex_destroy(&p->lock);
		free(p);
		return err_code(err, r, "cannot start a thread");
	}
	*ret = p;
	return 0;
}

void pump_free(struct pump *p)
{
	if (!p)
		return;
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
