/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One list in the order of submission is all the ticketing there is:
 *
 *	head                      todo                  tail
 *	|--- done or in work ------|--- not yet begun ---|
 *
 * A worker takes the item at todo and marks it done when it is; pool_next gives out the head once
 * it is done. The list's length is bounded by the bytes in it.
 */
#include "common/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>

#define THREADS_MAX	256

struct job {
	struct job *next;
	void *item;
	size_t bytes;
	bool done;
};

struct worker {
	pthread_t thread;
	struct pool *pool;
	unsigned int index;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t not_full, work_there, head_done;
	struct job *head, *todo, **tail;
	size_t bytes, max;
	bool closed, stop;
	int fd;
	pool_work_fn *work;
	void *opaque;
	void (*drop)(void *item);
	unsigned int nworkers;		/* threads that were started */
	bool serial;
	struct worker workers[];
};

/* All below are called with the lock held. */

static bool next_ready(const struct pool *p)
{
	return p->head ? p->head->done : p->closed;
}

static void announce(struct pool *p)
{
	if (!next_ready(p))
		return;
	pthread_cond_broadcast(&p->head_done);
	/* Non-blocking: it fails only when the count is full, and then it is readable anyway. */
	eventfd_write(p->fd, 1);
}

static bool fits(const struct pool *p, size_t bytes)
{
	return !p->head || (p->bytes <= p->max && bytes <= p->max - p->bytes);
}

static void append(struct pool *p, struct job *j)
{
	*p->tail = j;
	p->tail = &j->next;
	p->bytes += j->bytes;
	if (!j->done) {
		if (!p->todo)
			p->todo = j;
		pthread_cond_signal(&p->work_there);
	} else if (p->head == j) {
		announce(p);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j;

		while (!p->stop && !p->todo && !p->closed)
			pthread_cond_wait(&p->work_there, &p->lock);
		if (p->stop || !p->todo)
			break;
		j = p->todo;
		p->todo = j->next;
		pthread_mutex_unlock(&p->lock);
		p->work(j->item, w->index, p->opaque);
		pthread_mutex_lock(&p->lock);
		j->done = true;
		if (p->head == j)
			announce(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the main thread: the workers are born with all of them blocked. */
static int start_workers(struct pool *p, unsigned int threads)
{
	sigset_t all, old;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned int i = 0; i < threads && r == 0; i++) {
		p->workers[i].pool = p;
		p->workers[i].index = i;
		r = -pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
		if (r == 0)
			p->nworkers++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int pool_new(unsigned int threads, size_t max_bytes, pool_work_fn *work, void *opaque,
	     struct pool **ret, struct err *err)
{
	struct pool *p;
	int r;

	if (threads > THREADS_MAX)
		return err_set(err, EINVAL, "%u worker threads are more than %d", threads,
			       THREADS_MAX);
	p = calloc(1, sizeof(*p) + threads * sizeof(p->workers[0]));
	if (!p)
		return err_nomem(err);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0) {
		r = err_errno(err, "cannot make an eventfd");
		free(p);
		return r;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->not_full, NULL);
	pthread_cond_init(&p->work_there, NULL);
	pthread_cond_init(&p->head_done, NULL);
	p->tail = &p->head;
	p->max = max_bytes;
	p->work = work;
	p->opaque = opaque;
	p->serial = threads == 0;
	r = start_workers(p, threads);
	if (r < 0) {
		pool_free(p);
		return err_code(err, -r, "cannot start a worker thread");
	}
	*ret = p;
	return 0;
}

void pool_set_drop(struct pool *p, void (*drop)(void *item))
{
	p->drop = drop;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = p->closed = true;
	pthread_cond_broadcast(&p->work_there);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->nworkers; i++)
		pthread_join(p->workers[i].thread, NULL);
	while (p->head) {
		struct job *j = p->head;

		p->head = j->next;
		if (p->drop)
			p->drop(j->item);
		free(j);
	}
	pthread_cond_destroy(&p->head_done);
	pthread_cond_destroy(&p->work_there);
	pthread_cond_destroy(&p->not_full);
	pthread_mutex_destroy(&p->lock);
	fd_close(p->fd);
	free(p);
}

/* In the serial twin the lock is given up before the item is added; but there only one submits. */
static int wait_for_room(struct pool *p, size_t bytes, bool wait)
{
	while (wait && !p->closed && !fits(p, bytes))
		pthread_cond_wait(&p->not_full, &p->lock);
	if (p->closed)
		return -EPIPE;
	return fits(p, bytes) ? 0 : -EAGAIN;
}

static int submit(struct pool *p, void *item, size_t bytes, bool wait)
{
	struct job *j = malloc(sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	*j = (struct job){ .item = item, .bytes = bytes };
	pthread_mutex_lock(&p->lock);
	r = wait_for_room(p, bytes, wait);
	if (r == 0 && p->serial) {
		pthread_mutex_unlock(&p->lock);
		p->work(item, 0, p->opaque);
		j->done = true;
		pthread_mutex_lock(&p->lock);
	}
	if (r == 0) {
		append(p, j);
		j = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	free(j);
	return r;
}

int pool_submit(struct pool *p, void *item, size_t bytes)
{
	return submit(p, item, bytes, true);
}

int pool_try_submit(struct pool *p, void *item, size_t bytes)
{
	return submit(p, item, bytes, false);
}

void pool_close(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->closed = true;
	pthread_cond_broadcast(&p->not_full);
	pthread_cond_broadcast(&p->work_there);
	announce(p);
	pthread_mutex_unlock(&p->lock);
}

static int take(struct pool *p, void **ret_item, bool wait)
{
	struct job *j = NULL;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	while (wait && !next_ready(p))
		pthread_cond_wait(&p->head_done, &p->lock);
	if (!next_ready(p)) {
		r = -EAGAIN;
	} else if (!p->head) {
		r = -EPIPE;
	} else {
		j = p->head;
		p->head = j->next;
		if (!p->head)
			p->tail = &p->head;
		p->bytes -= j->bytes;
		*ret_item = j->item;
		pthread_cond_broadcast(&p->not_full);
		announce(p);
	}
	pthread_mutex_unlock(&p->lock);
	free(j);
	return r;
}

int pool_next(struct pool *p, void **ret_item)
{
	return take(p, ret_item, false);
}

int pool_next_wait(struct pool *p, void **ret_item)
{
	return take(p, ret_item, true);
}

int pool_fd(struct pool *p)
{
	return p->fd;
}

void pool_fd_clear(struct pool *p)
{
	eventfd_t count;

	pthread_mutex_lock(&p->lock);
	eventfd_read(p->fd, &count);
	announce(p);
	pthread_mutex_unlock(&p->lock);
}
