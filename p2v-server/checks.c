/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See checks.h. */
#include "p2v-server/checks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/extent.h"
#include "common/ring.h"
#include "wire/chunk_digest.h"

struct check {
	uint64_t id;
	struct msg_digests what;
	uint8_t *sha256;		/* what.sha256 points to it */
};

struct checks {
	struct ring waiting;		/* struct check, by rising id */
	size_t digests;			/* of all that wait */
	uint16_t ndisks;
	struct {
		struct extents differ;	/* not told */
		struct extents open;	/* told or not, and not sent again */
	} disks[];
};

int checks_new(uint16_t ndisks, struct checks **ret, struct err *err)
{
	struct checks *c = calloc(1, sizeof(*c) + ndisks * sizeof(c->disks[0]));

	if (!c)
		return err_nomem(err);
	c->ndisks = ndisks;
	c->waiting = (struct ring)RING_OF(struct check);
	*ret = c;
	return 0;
}

static void drop_first(struct checks *c)
{
	struct check *k = ring_at(&c->waiting, 0);

	if (k->sha256)
		c->digests -= k->what.n;
	free(k->sha256);
	ring_drop(&c->waiting, 1);
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	while (c->waiting.n > 0)
		drop_first(c);
	ring_done(&c->waiting);
	for (uint16_t i = 0; i < c->ndisks; i++) {
		extents_done(&c->disks[i].differ);
		extents_done(&c->disks[i].open);
	}
	free(c);
}

int checks_add(struct checks *c, uint64_t id, const struct msg_digests *d, struct err *err)
{
	struct check k = { .id = id, .what = *d };

	if (d->kind == PROTO_DIGESTS_DATA) {
		if (c->digests + d->n > CHECKS_MAX)
			return err_set(err, E2BIG, "more than %u digests wait to be compared",
				       CHECKS_MAX);
		k.sha256 = malloc((size_t)d->n * SHA256_LEN);
		if (!k.sha256)
			return err_nomem(err);
		memcpy(k.sha256, d->sha256, (size_t)d->n * SHA256_LEN);
	}
	k.what.sha256 = k.sha256;
	if (ring_push(&c->waiting, &k) < 0) {
		free(k.sha256);
		return err_nomem(err);
	}
	if (k.sha256)
		c->digests += d->n;
	return 0;
}

/* The digest of a chunk of zeroes. */
static int zero_digest(const struct journal_disk *d, uint64_t chunk,
		       uint8_t ret[static SHA256_LEN])
{
	static const uint8_t zeroes[PROTO_BLOCK_SIZE];
	uint8_t blocks[PROTO_CHUNK_BLOCKS][SHA256_LEN];
	size_t length = MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - chunk * PROTO_CHUNK_SIZE);
	size_t n = DIV_ROUND_UP(length, PROTO_BLOCK_SIZE);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = chunk_digest_blocks(zeroes,
					MIN((size_t)PROTO_BLOCK_SIZE,
					    length - i * PROTO_BLOCK_SIZE), &blocks[i]);
	return r < 0 ? r : chunk_digest_join((const uint8_t (*)[SHA256_LEN])blocks, n, ret);
}

/*
 * 1: it is what the agent says. Zeroes are zeroes however they came: a chunk that was patched until
 * nothing else was left has the digest of zeroes.
 */
static int same(const struct journal_disk *d, uint64_t chunk, const uint8_t *sha256,
		struct err *err)
{
	bool zero = d->state[chunk] == CHUNK_ZERO || d->state[chunk] == CHUNK_FREE;
	const uint8_t *has = d->sha256[chunk];
	uint8_t zeroes[SHA256_LEN];
	int r;

	if (d->state[chunk] == CHUNK_ABSENT)
		return 0;
	if (zero && !sha256)
		return 1;
	if (zero || !sha256) {
		r = zero_digest(d, chunk, zeroes);
		if (r < 0)
			return err_code(err, -r, "cannot compute SHA-256");
		has = zero ? zeroes : has;
		sha256 = zero ? sha256 : zeroes;
	}
	return memcmp(has, sha256, SHA256_LEN) == 0;
}

static int compare(struct checks *c, const struct journal *j, const struct msg_digests *w,
		   struct err *err)
{
	const struct journal_disk *d = &j->disks[w->disk];
	uint64_t first = w->offset / PROTO_CHUNK_SIZE;

	for (uint32_t i = 0; i < w->n && first + i < d->nchunks; i++) {
		uint64_t offset = (first + i) * PROTO_CHUNK_SIZE;
		uint64_t length = MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - offset);
		int r = same(d, first + i, w->sha256 ? w->sha256 + (size_t)i * SHA256_LEN : NULL,
			     err);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (extents_add(&c->disks[w->disk].differ, offset, length, 0) < 0 ||
		    extents_add(&c->disks[w->disk].open, offset, length, 0) < 0)
			return err_nomem(err);
	}
	return 0;
}

int checks_answer(struct checks *c, const struct journal *j, uint64_t id, struct err *err)
{
	int r = 0;

	while (r >= 0 && c->waiting.n > 0) {
		const struct check *k = ring_at(&c->waiting, 0);

		if (k->id > id)
			break;
		r = compare(c, j, &k->what, err);
		drop_first(c);
	}
	return r;
}

bool checks_next(struct checks *c, struct msg_range *ranges, struct msg_have *ret)
{
	for (uint16_t i = 0; i < c->ndisks; i++) {
		struct extents *e = &c->disks[i].differ;
		uint32_t n = 0;
		int r;

		if (e->n == 0)
			continue;
		for (; n < e->n && n < PROTO_HAVE_MAX; n++)
			ranges[n] = (struct msg_range){ e->v[n].offset, e->v[n].length };
		/* From the front, so nothing is split, and it cannot fail. */
		r = extents_remove(e, 0, ranges[n - 1].offset + ranges[n - 1].length);
		assert(r >= 0);
		(void)r;
		*ret = (struct msg_have){ .disk = i, .n = n, .ranges = ranges };
		return true;
	}
	return false;
}

bool checks_pending(const struct checks *c)
{
	for (uint16_t i = 0; i < c->ndisks; i++)
		if (c->disks[i].differ.n > 0)
			return true;
	return c->waiting.n > 0;
}

int checks_sent(struct checks *c, uint16_t disk, uint64_t offset, uint64_t length,
		struct err *err)
{
	struct extents *e = &c->disks[disk].open;

	if (!extents_any(e, offset, length))
		return 0;
	return extents_remove(e, offset, length) < 0 ? err_nomem(err) : 0;
}

bool checks_open(const struct checks *c)
{
	for (uint16_t i = 0; i < c->ndisks; i++)
		if (c->disks[i].open.n > 0)
			return true;
	return c->waiting.n > 0;
}
