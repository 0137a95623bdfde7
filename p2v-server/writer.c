/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pool of common/ gives everything that is needed: one worker keeps the order of the image,
 * pool_next() gives items back in order, and its descriptor can be polled.
 */
#include "p2v-server/writer.h"

#include <inttypes.h>
#include <string.h>

#include "common/pool.h"
#include "wire/codec.h"

#define LIGHT_ITEM	256
/*
 * More than the protocol lets an agent have unacknowledged: who pushes is also who takes, and must
 * never have to wait for room.
 */
#define QUEUE_BYTES                                                                                \
	((size_t)PROTO_CREDIT_MAX + PROTO_PAYLOAD_MAX +                                            \
	 (size_t)(PROTO_UNACKED_MAX + 1) * LIGHT_ITEM)

struct writer {
	struct image *image;
	bool store_compressed;
	struct pool *pool;
	struct codec *codec;
	uint8_t *raw;			/* one decoded chunk */
	int failed;			/* first failure, -errno */
	struct err err;
};

void writer_item_free(struct writer_item *it)
{
	if (!it)
		return;
	free(it->bytes);
	free(it);
}

static void drop_item(void *item)
{
	writer_item_free(item);
}

static bool is_zero_cluster(const struct msg_data *d, uint16_t i)
{
	return d->clusters[i].codec == PROTO_CODEC_ZERO;
}

static bool is_stored_compressed(const struct writer *w, const struct msg_data *d, uint16_t i)
{
	/* The last cluster of a disk may be short; qcow2 wants compressed clusters whole. */
	return w->store_compressed && d->clusters[i].codec == PROTO_CODEC_ZSTD &&
	       (uint64_t)(i + 1) * PROTO_CLUSTER_SIZE <= d->length;
}

static int write_run(struct writer *w, const struct msg_data *d, uint16_t first, uint16_t end,
		     struct err *err)
{
	uint64_t from = (uint64_t)first * PROTO_CLUSTER_SIZE;
	uint64_t to = MIN((uint64_t)end * PROTO_CLUSTER_SIZE, (uint64_t)d->length);

	if (is_zero_cluster(d, first))
		return w->image->ops->zero(w->image, d->offset + from, to - from, err);
	return w->image->ops->write(w->image, w->raw + from, d->offset + from, to - from, err);
}

/* Neighbouring clusters of one kind go in one call. */
static int write_chunk(struct writer *w, const struct msg_data *d, struct err *err)
{
	uint16_t i = 0;
	int r = 0;

	while (r >= 0 && i < d->nclusters) {
		uint16_t end = (uint16_t)(i + 1);

		if (is_stored_compressed(w, d, i)) {
			r = w->image->ops->write_compressed(
				w->image, d->clusters[i].p, d->clusters[i].stored,
				d->offset + (uint64_t)i * PROTO_CLUSTER_SIZE, err);
		} else {
			while (end < d->nclusters && !is_stored_compressed(w, d, end) &&
			       is_zero_cluster(d, end) == is_zero_cluster(d, i))
				end++;
			r = write_run(w, d, i, end, err);
		}
		i = end;
	}
	return r;
}

static int perform(struct writer *w, struct writer_item *it, struct err *err)
{
	int r;

	switch (it->op) {
	case WRITER_DATA:
		r = codec_decode(w->codec, &it->data, w->raw, err);
		return r < 0 ? r : write_chunk(w, &it->data, err);
	case WRITER_ZERO:
		return w->image->ops->zero(w->image, it->offset, it->length, err);
	case WRITER_FLUSH:
		return w->image->ops->flush(w->image, err);
	}
	return -EINVAL;
}

static void work(void *item, unsigned int worker, void *opaque)
{
	struct writer *w = opaque;
	struct writer_item *it = item;

	(void)worker;
	if (w->failed == 0) {
		w->failed = perform(w, it, &w->err);
		if (w->failed > 0)
			w->failed = 0;
	}
	it->code = w->failed;
	it->err = w->err;
	/* The bytes are done with: what waits to be journalled is small. */
	free(it->bytes);
	it->bytes = NULL;
}

int writer_new(struct image *im, bool store_compressed, struct writer **ret, struct err *err)
{
	CLEANUP(writer_free) struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		image_abandon(im);
		return err_nomem(err);
	}
	w->image = im;
	w->store_compressed = store_compressed;
	w->raw = malloc(PROTO_CHUNK_SIZE);
	if (!w->raw)
		return err_nomem(err);
	r = codec_new(0, &w->codec, err);
	if (r < 0)
		return r;
	r = pool_new(1, QUEUE_BYTES, work, w, &w->pool, err);
	if (r < 0)
		return r;
	pool_set_drop(w->pool, drop_item);
	*ret = TAKE_PTR(w);
	return 0;
}

static void stop(struct writer *w)
{
	void *item;

	if (!w->pool)
		return;
	pool_close(w->pool);
	while (pool_next_wait(w->pool, &item) == 0)
		writer_item_free(item);
	pool_free(w->pool);
	w->pool = NULL;
}

int writer_end(struct writer *w, bool make_durable, struct err *err)
{
	int r = 0;

	if (!w)
		return 0;
	stop(w);
	if (make_durable && w->failed == 0) {
		r = w->image->ops->close(w->image, err);
		w->image = NULL;
	} else if (make_durable) {
		r = w->failed;
		if (err)
			*err = w->err;
	}
	image_abandon(w->image);
	codec_free(w->codec);
	free(w->raw);
	free(w);
	return r;
}

void writer_free(struct writer *w)
{
	(void)writer_end(w, false, NULL);
}

static int push(struct writer *w, struct writer_item *it, size_t bytes, struct err *err)
{
	int r = pool_submit(w->pool, it, bytes);

	if (r < 0) {
		writer_item_free(it);
		return err_code(err, -r, "cannot queue for the image");
	}
	return 0;
}

int writer_data(struct writer *w, const struct msg_data *d, struct err *err)
{
	CLEANUP(writer_item_free) struct writer_item *it = calloc(1, sizeof(*it));
	size_t total = 0, at = 0;

	if (!it)
		return err_nomem(err);
	for (uint16_t i = 0; i < d->nclusters; i++)
		total += d->clusters[i].stored;
	it->op = WRITER_DATA;
	it->id = d->id;
	it->offset = d->offset;
	it->length = d->length;
	it->data = *d;
	it->bytes = malloc(MAX(total, (size_t)1));
	if (!it->bytes)
		return err_nomem(err);
	for (uint16_t i = 0; i < d->nclusters; i++) {
		if (d->clusters[i].stored > 0)
			memcpy(it->bytes + at, d->clusters[i].p, d->clusters[i].stored);
		it->data.clusters[i].p = it->bytes + at;
		at += d->clusters[i].stored;
	}
	return push(w, TAKE_PTR(it), total + LIGHT_ITEM, err);
}

int writer_zero(struct writer *w, const struct msg_zero *z, struct err *err)
{
	struct writer_item *it = calloc(1, sizeof(*it));

	if (!it)
		return err_nomem(err);
	it->op = WRITER_ZERO;
	it->id = z->id;
	it->offset = z->offset;
	it->length = z->length;
	it->reason = z->reason;
	return push(w, it, LIGHT_ITEM, err);
}

int writer_flush(struct writer *w, uint64_t id, struct err *err)
{
	struct writer_item *it = calloc(1, sizeof(*it));

	if (!it)
		return err_nomem(err);
	it->op = WRITER_FLUSH;
	it->id = id;
	return push(w, it, LIGHT_ITEM, err);
}

int writer_next(struct writer *w, struct writer_item **ret)
{
	void *item;
	int r = pool_next(w->pool, &item);

	if (r < 0)
		return r;
	*ret = item;
	return 0;
}

int writer_fd(struct writer *w)
{
	return pool_fd(w->pool);
}

void writer_fd_clear(struct writer *w)
{
	pool_fd_clear(w->pool);
}
