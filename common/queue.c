/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both conditions are broadcast: waiting pushers bring items of different weight, and the one
 * that a signal would wake need not be the one that fits.
 */
#include "common/queue.h"

#include <errno.h>
#include <pthread.h>

struct node {
	struct node *next;
	void *item;
	size_t bytes;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_full, not_empty;
	struct node *head, **tail;
	size_t bytes, max;
	bool closed;
};

int queue_new(size_t max_bytes, struct queue **ret)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->not_full, NULL);
	pthread_cond_init(&q->not_empty, NULL);
	q->tail = &q->head;
	q->max = max_bytes;
	*ret = q;
	return 0;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	while (q->head) {
		struct node *n = q->head;

		q->head = n->next;
		free(n);
	}
	pthread_cond_destroy(&q->not_empty);
	pthread_cond_destroy(&q->not_full);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static bool fits(const struct queue *q, size_t bytes)
{
	return !q->head || (q->bytes <= q->max && bytes <= q->max - q->bytes);
}

static int push(struct queue *q, void *item, size_t bytes, bool wait)
{
	struct node *n = malloc(sizeof(*n));
	int r = 0;

	if (!n)
		return -ENOMEM;
	*n = (struct node){ .item = item, .bytes = bytes };
	pthread_mutex_lock(&q->lock);
	while (wait && !q->closed && !fits(q, bytes))
		pthread_cond_wait(&q->not_full, &q->lock);
	if (q->closed) {
		r = -EPIPE;
	} else if (!fits(q, bytes)) {
		r = -EAGAIN;
	} else {
		*q->tail = n;
		q->tail = &n->next;
		q->bytes += bytes;
		n = NULL;
		pthread_cond_broadcast(&q->not_empty);
	}
	pthread_mutex_unlock(&q->lock);
	free(n);
	return r;
}

int queue_push(struct queue *q, void *item, size_t bytes)
{
	return push(q, item, bytes, true);
}

int queue_try_push(struct queue *q, void *item, size_t bytes)
{
	return push(q, item, bytes, false);
}

static int pop(struct queue *q, void **ret_item, bool wait)
{
	struct node *n;
	int r = 0;

	pthread_mutex_lock(&q->lock);
	while (wait && !q->closed && !q->head)
		pthread_cond_wait(&q->not_empty, &q->lock);
	n = q->head;
	if (n) {
		q->head = n->next;
		if (!q->head)
			q->tail = &q->head;
		q->bytes -= n->bytes;
		*ret_item = n->item;
		pthread_cond_broadcast(&q->not_full);
	} else {
		r = q->closed ? -EPIPE : -EAGAIN;
	}
	pthread_mutex_unlock(&q->lock);
	free(n);
	return r;
}

int queue_pop(struct queue *q, void **ret_item)
{
	return pop(q, ret_item, true);
}

int queue_try_pop(struct queue *q, void **ret_item)
{
	return pop(q, ret_item, false);
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->not_full);
	pthread_cond_broadcast(&q->not_empty);
	pthread_mutex_unlock(&q->lock);
}

size_t queue_bytes(struct queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->bytes;
	pthread_mutex_unlock(&q->lock);
	return n;
}
