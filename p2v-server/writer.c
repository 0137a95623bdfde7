/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pool of common/ gives everything that is needed: one worker keeps the order of the image,
 * pool_next() gives items back in order, and its descriptor can be polled.
 */
#include "p2v-server/writer.h"

#include <stddef.h>
#include <string.h>

#include "common/fdio.h"
#include "common/pool.h"
#include "p2v-server/lane.h"
#include "wire/codec.h"
#include "wire/proto.h"

#define LIGHT_ITEM	256
/*
 * More than the protocol lets an agent have unacknowledged, on its first connection and as much
 * again on all others: who pushes is also who takes, and must never have to wait for room.
 */
#define QUEUE_BYTES                                                                                \
	(2 * (size_t)PROTO_CREDIT_MAX +                                                            \
	 (LANES_MAX + 1) * ((size_t)PROTO_PAYLOAD_MAX + (PROTO_UNACKED_MAX + 1) * LIGHT_ITEM))

struct writer {
	struct image *image;
	bool store_compressed;
	struct pool *pool;
	struct decode *decode;		/* shared, not ours */
	struct hotset *hot;		/* NULL: there are no patches; and these */
	struct codec *codec;
	uint8_t *raw;			/* of a patch */
	int failed;			/* first failure, -errno */
	struct err err;
};

void writer_item_free(struct writer_item *it)
{
	if (!it)
		return;
	chunk_drop(&it->chunk);
	free(it->patch);
	free(it);
}

static void drop_item(void *item)
{
	writer_item_free(item);
}

static int perform(struct writer *w, struct writer_item *it, struct err *err)
{
	int r;

	switch (it->op) {
	case WRITER_DATA:
		if (w->hot)
			hotset_data(w->hot, it->offset, it->chunk.data.sha256);
		return chunk_write(&it->chunk, w->image, w->store_compressed, err);
	case WRITER_ZERO:
		if (w->hot)
			hotset_zero(w->hot, it->offset, it->length);
		return w->image->ops->zero(w->image, it->offset, it->length, err);
	case WRITER_PATCH:
		r = codec_patch_decode(w->codec, it->patch, w->raw, err);
		return r < 0 ? r : hotset_patch(w->hot, w->image, it->patch, w->raw, &it->base,
						it->sha256, err);
	case WRITER_FLUSH:
		return w->image->ops->flush(w->image, err);
	}
	return -EINVAL;
}

static void work(void *item, unsigned int worker, void *opaque)
{
	struct writer *w = opaque;
	struct writer_item *it = item;
	int r = 0;

	(void)worker;
	/* Waited for even after a failure: a worker may have it in hand. */
	if (it->op == WRITER_DATA)
		r = decode_wait(w->decode, &it->ticket);
	if (w->failed == 0 && r >= 0)
		r = perform(w, it, &it->err);
	if (w->failed == 0 && r < 0) {
		w->failed = r;
		w->err = it->err;
	}
	if (it->op == WRITER_DATA)
		decode_release(w->decode, &it->ticket);
	it->code = w->failed;
	it->err = w->err;
	/* The bytes are done with: what waits to be journalled is small. */
	chunk_drop(&it->chunk);
	free(TAKE_PTR(it->patch));
}

static int prepare_patches(struct writer *w, struct err *err)
{
	int r = hotset_new(w->image->size, HOTSET_MAX, &w->hot, err);

	if (r >= 0)
		r = codec_new(0, &w->codec, err);
	if (r < 0)
		return r;
	w->raw = fdio_alloc(PROTO_CHUNK_SIZE);
	return w->raw ? 0 : err_nomem(err);
}

int writer_new(struct image *im, bool store_compressed, bool live, struct decode *decode,
	       struct writer **ret, struct err *err)
{
	CLEANUP(writer_free) struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		image_abandon(im);
		return err_nomem(err);
	}
	w->image = im;
	w->store_compressed = store_compressed;
	w->decode = decode;
	r = live ? prepare_patches(w, err) : 0;
	if (r < 0)
		return r;
	r = pool_new(decode_is_serial(decode) ? 0 : 1, QUEUE_BYTES, work, w, &w->pool, err);
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
	hotset_free(w->hot);
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
	int r;

	if (it->op == WRITER_DATA)
		decode_submit(w->decode, &it->ticket, &it->chunk, &it->err);
	r = pool_submit(w->pool, it, bytes);
	if (r < 0) {
		if (it->op == WRITER_DATA) {
			(void)decode_wait(w->decode, &it->ticket);
			decode_release(w->decode, &it->ticket);
		}
		writer_item_free(it);
		return err_code(err, -r, "cannot queue for the image");
	}
	return 0;
}

int writer_data(struct writer *w, const struct msg_data *d, struct err *err)
{
	CLEANUP(writer_item_free) struct writer_item *it = calloc(1, sizeof(*it));
	size_t bytes;
	int r;

	if (!it)
		return err_nomem(err);
	it->op = WRITER_DATA;
	it->id = d->id;
	it->offset = d->offset;
	it->length = d->length;
	r = chunk_take(&it->chunk, d, err);
	if (r < 0)
		return r;
	bytes = it->chunk.size + LIGHT_ITEM;
	return push(w, TAKE_PTR(it), bytes, err);
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

int writer_patch(struct writer *w, const struct msg_patch *p, const struct hotset_base *base,
		 struct err *err)
{
	CLEANUP(writer_item_free) struct writer_item *it = calloc(1, sizeof(*it));
	size_t head = offsetof(struct msg_patch, pieces) + p->npieces * sizeof(p->pieces[0]);
	uint8_t *bytes;

	if (!it)
		return err_nomem(err);
	if (!w->hot)
		return err_set(err, EBADMSG, "a PATCH in a job whose disks do not change");
	/* No room for the pieces that it has not. */
	it->patch = malloc(head + p->stored);
	if (!it->patch)
		return err_nomem(err);
	bytes = (uint8_t *)it->patch + head;
	memcpy(it->patch, p, head);
	memcpy(bytes, p->p, p->stored);
	it->patch->p = bytes;
	it->op = WRITER_PATCH;
	it->id = p->id;
	it->offset = p->offset;
	it->base = *base;
	return push(w, TAKE_PTR(it), head + p->stored + LIGHT_ITEM, err);
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
