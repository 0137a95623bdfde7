/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See chunk.h. */
#include "p2v-server/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"

_Static_assert(PROTO_CHUNK_SIZE / PROTO_CLUSTER_SIZE <= IMAGE_MIXED_MAX, "one call for a chunk");

static bool all_raw(const struct msg_data *d)
{
	for (uint16_t i = 0; i < d->nclusters; i++)
		if (d->clusters[i].codec != PROTO_CODEC_RAW)
			return false;
	return true;
}

int chunk_take(struct chunk *c, const struct msg_data *d, struct err *err)
{
	size_t total = 0, at = 0;

	for (uint16_t i = 0; i < d->nclusters; i++)
		total += d->clusters[i].stored;
	/* Raw clusters follow each other without a gap; all but the last one are whole. */
	c->in_place = all_raw(d) && total == d->length;
	c->bytes = c->in_place ? fdio_alloc(total) : malloc(MAX(total, (size_t)1));
	if (!c->bytes)
		return err_nomem(err);
	c->size = total;
	c->data = *d;
	for (uint16_t i = 0; i < d->nclusters; i++) {
		if (d->clusters[i].stored > 0)
			memcpy(c->bytes + at, d->clusters[i].p, d->clusters[i].stored);
		c->data.clusters[i].p = c->bytes + at;
		at += d->clusters[i].stored;
	}
	return 0;
}

int chunk_decode(struct chunk *c, struct codec *codec, uint8_t *spare, struct err *err)
{
	uint8_t *raw = c->in_place ? c->bytes : spare;
	int r = codec_decode(codec, &c->data, raw, err);

	if (r >= 0)
		c->raw = raw;
	return r;
}

static bool is_zero_cluster(const struct msg_data *d, uint16_t i)
{
	return d->clusters[i].codec == PROTO_CODEC_ZERO;
}

static bool is_stored_compressed(const struct msg_data *d, uint16_t i, bool store_compressed)
{
	/* The last cluster of a disk may be short; qcow2 wants compressed clusters whole. */
	return store_compressed && d->clusters[i].codec == PROTO_CODEC_ZSTD &&
	       (uint64_t)(i + 1) * PROTO_CLUSTER_SIZE <= d->length;
}

static int write_mixed(const struct chunk *c, struct image *im, uint16_t first, uint16_t end,
		       struct err *err)
{
	const struct msg_data *d = &c->data;
	uint64_t from = (uint64_t)first * PROTO_CLUSTER_SIZE;
	uint64_t to = MIN((uint64_t)end * PROTO_CLUSTER_SIZE, (uint64_t)d->length);
	uint32_t zero = 0;

	for (uint16_t i = first; i < end; i++)
		zero |= (uint32_t)is_zero_cluster(d, i) << (i - first);
	return im->ops->write_mixed(im, c->raw + from, d->offset + from, to - from, zero, err);
}

/* What is not stored compressed goes in one call for as long as it lasts. */
int chunk_write(const struct chunk *c, struct image *im, bool store_compressed, struct err *err)
{
	const struct msg_data *d = &c->data;
	uint16_t i = 0;
	int r = 0;

	while (r >= 0 && i < d->nclusters) {
		uint16_t end = i;

		while (end < d->nclusters && !is_stored_compressed(d, end, store_compressed))
			end++;
		if (end > i) {
			r = write_mixed(c, im, i, end, err);
		} else {
			r = im->ops->write_compressed(im, d->clusters[i].p, d->clusters[i].stored,
						      d->offset + (uint64_t)i * PROTO_CLUSTER_SIZE,
						      err);
			end++;
		}
		i = end;
	}
	return r;
}

void chunk_drop(struct chunk *c)
{
	free(c->bytes);
	c->bytes = NULL;
	c->raw = NULL;
	c->size = 0;
}
