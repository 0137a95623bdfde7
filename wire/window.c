/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/window.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/proto.h"

struct entry {
	uint64_t payload;
	uint32_t bytes;
};

/*
 * Messages in flight are a ring, entry of id i at index i & (cap - 1); cap is a power of two and
 * grows up to PROTO_UNACKED_MAX, so an idle connection costs nothing and a busy one is bounded.
 */
struct window {
	struct entry *ring;
	uint64_t cap;
	uint64_t last, acked, durable;
	uint64_t in_flight;
	uint32_t credit;
};

#define RING_MIN	64

int window_new(uint32_t credit, struct window **ret)
{
	struct window *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->credit = credit;
	*ret = w;
	return 0;
}

void window_free(struct window *w)
{
	if (!w)
		return;
	free(w->ring);
	free(w);
}

uint64_t window_next_id(const struct window *w)
{
	return w->last + 1;
}

bool window_may_send(const struct window *w, uint32_t bytes)
{
	if (w->last == w->acked)
		return true;
	if (w->last - w->acked >= PROTO_UNACKED_MAX)
		return false;
	return w->in_flight <= w->credit && bytes <= w->credit - w->in_flight;
}

static int ring_grow(struct window *w)
{
	uint64_t cap = w->cap ? w->cap * 2 : RING_MIN;
	struct entry *ring = calloc(cap, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (uint64_t id = w->acked + 1; id <= w->last; id++)
		ring[id & (cap - 1)] = w->ring[id & (w->cap - 1)];
	free(w->ring);
	w->ring = ring;
	w->cap = cap;
	return 0;
}

int window_sent(struct window *w, uint32_t bytes, uint64_t payload)
{
	struct entry *e;

	if (w->last - w->acked == w->cap && ring_grow(w) < 0)
		return -ENOMEM;
	w->last++;
	e = &w->ring[w->last & (w->cap - 1)];
	e->bytes = bytes;
	e->payload = payload;
	w->in_flight += bytes;
	return 0;
}

int window_acked(struct window *w, uint64_t id, uint64_t *ret_payload)
{
	uint64_t payload = 0;

	if (id < w->acked || id > w->last)
		return -EBADMSG;
	while (w->acked < id) {
		const struct entry *e;

		w->acked++;
		e = &w->ring[w->acked & (w->cap - 1)];
		w->in_flight -= e->bytes;
		payload += e->payload;
	}
	if (ret_payload)
		*ret_payload = payload;
	return 0;
}

int window_flushed(struct window *w, uint64_t id, uint64_t *ret_payload_acked)
{
	if (id < w->durable || id > w->last)
		return -EBADMSG;
	if (id > w->acked) {
		int r = window_acked(w, id, ret_payload_acked);

		if (r < 0)
			return r;
	} else if (ret_payload_acked) {
		*ret_payload_acked = 0;
	}
	w->durable = id;
	return 0;
}

uint64_t window_in_flight(const struct window *w)
{
	return w->in_flight;
}

uint64_t window_acked_id(const struct window *w)
{
	return w->acked;
}

uint64_t window_durable_id(const struct window *w)
{
	return w->durable;
}

uint64_t window_last_id(const struct window *w)
{
	return w->last;
}
