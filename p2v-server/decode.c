/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See decode.h. */
#include "p2v-server/decode.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fdio.h"
#include "wire/codec.h"

#define DEFAULT_MAX	8u

struct worker {
	pthread_t thread;
	struct decode *decode;
	struct codec *codec;
};

struct decode {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct decode_ticket *untaken, **tail;
	unsigned int taken, ahead;	/* tickets taken up and not released, and how many may be */
	uint8_t **spares;		/* memory to lend, at most ahead */
	unsigned int nspares;
	bool stop;
	unsigned int threads, started;
	struct worker workers[];	/* one, without a thread, in the serial twin */
};

unsigned int decode_threads_default(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : MIN((unsigned int)n, DEFAULT_MAX);
}

int decode_threads_check(int threads, struct err *err)
{
	if (threads < 0 || threads > (int)DECODE_THREADS_MAX)
		return err_set(err, EINVAL, "--threads is 0 to %u, not %d", DECODE_THREADS_MAX,
			       threads);
	return 0;
}

unsigned int decode_ahead(unsigned int threads)
{
	return 2 * threads + 2;
}

bool decode_is_serial(const struct decode *d)
{
	return d->threads == 0;
}

/* ---- with the lock held */

static uint8_t *spare_take(struct decode *d)
{
	return d->nspares > 0 ? d->spares[--d->nspares] : NULL;
}

/* ---- */

static void decode_one(struct decode_ticket *t, struct codec *codec)
{
	if (!t->chunk->in_place && !t->spare)
		t->spare = fdio_alloc(PROTO_CHUNK_SIZE);
	if (!t->chunk->in_place && !t->spare)
		t->code = err_nomem(t->err);
	else
		t->code = chunk_decode(t->chunk, codec, t->spare, t->err);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct decode *d = w->decode;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct decode_ticket *t;

		while (!d->stop && (!d->untaken || d->taken >= d->ahead))
			pthread_cond_wait(&d->work, &d->lock);
		if (d->stop)
			break;
		t = d->untaken;
		d->untaken = t->next;
		if (!d->untaken)
			d->tail = &d->untaken;
		d->taken++;
		if (!t->chunk->in_place)
			t->spare = spare_take(d);
		pthread_mutex_unlock(&d->lock);
		decode_one(t, w->codec);
		pthread_mutex_lock(&d->lock);
		t->done = true;
		pthread_cond_broadcast(&d->done);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* Signals are for the main thread: the workers are born with all of them blocked. */
static int start_workers(struct decode *d)
{
	sigset_t all, old;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned int i = 0; i < d->threads && r == 0; i++) {
		r = pthread_create(&d->workers[i].thread, NULL, worker_main, &d->workers[i]);
		if (r == 0)
			d->started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int decode_new(unsigned int threads, struct decode **ret, struct err *err)
{
	CLEANUP(decode_free) struct decode *d = NULL;
	unsigned int n = MAX(threads, 1u);
	int r = 0;

	d = calloc(1, sizeof(*d) + n * sizeof(d->workers[0]));
	if (!d)
		return err_nomem(err);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	pthread_cond_init(&d->done, NULL);
	d->tail = &d->untaken;
	d->threads = threads;
	d->ahead = decode_ahead(threads);
	d->spares = calloc(d->ahead, sizeof(*d->spares));
	if (!d->spares)
		return err_nomem(err);
	for (unsigned int i = 0; i < n && r >= 0; i++) {
		d->workers[i].decode = d;
		r = codec_new(0, &d->workers[i].codec, err);
	}
	if (r < 0)
		return r;
	r = start_workers(d);
	if (r != 0)
		return err_code(err, r, "cannot start a decoding thread");
	*ret = TAKE_PTR(d);
	return 0;
}

void decode_free(struct decode *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
	for (unsigned int i = 0; i < d->started; i++)
		pthread_join(d->workers[i].thread, NULL);
	for (unsigned int i = 0; i < MAX(d->threads, 1u); i++)
		codec_free(d->workers[i].codec);
	while (d->nspares > 0)
		free(spare_take(d));
	free(d->spares);
	pthread_cond_destroy(&d->done);
	pthread_cond_destroy(&d->work);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void decode_submit(struct decode *d, struct decode_ticket *t, struct chunk *c, struct err *err)
{
	t->chunk = c;
	t->err = err;
	if (decode_is_serial(d))
		return;
	pthread_mutex_lock(&d->lock);
	*d->tail = t;
	d->tail = &t->next;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
}

int decode_wait(struct decode *d, struct decode_ticket *t)
{
	pthread_mutex_lock(&d->lock);
	if (decode_is_serial(d)) {
		d->taken++;
		if (!t->chunk->in_place)
			t->spare = spare_take(d);
		decode_one(t, d->workers[0].codec);
		t->done = true;
	}
	while (!t->done)
		pthread_cond_wait(&d->done, &d->lock);
	pthread_mutex_unlock(&d->lock);
	return t->code;
}

void decode_release(struct decode *d, struct decode_ticket *t)
{
	pthread_mutex_lock(&d->lock);
	/* There are never more of them than tickets taken up. */
	if (t->spare)
		d->spares[d->nspares++] = t->spare;
	t->spare = NULL;
	d->taken--;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
}
