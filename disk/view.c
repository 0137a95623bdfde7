/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of 4 KiB in a hash table with linear probing, at most half full, in front of an arena that
 * grows by pieces: what is read under a freeze must not wait for the kernel to find 64 MiB.
 */
#include "disk/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/bytes.h"
#include "common/fdio.h"

#define BLOCK		4096u
#define PIECE_BLOCKS	256u		/* of the arena */
#define READ_MAX	(1u << 20)
#define FREE_SLOT	UINT32_MAX

struct slot {
	uint64_t block;			/* number on its disk */
	uint32_t disk, at;		/* at: block of the arena */
};

struct reader {
	struct extents *late, *cover;	/* one for each disk */
};

struct view {
	size_t ndisks;
	uint32_t max, n;		/* blocks that may be, and are, remembered */
	struct slot *slots;
	uint32_t mask;
	uint8_t **pieces;
	size_t npieces;
	bool remembering, ended, fresh;
	uint64_t deadline;
	struct reader *readers;
	size_t nreaders, current;
	struct view_kind *kinds;
	size_t nkinds;
	uint8_t *buf;
};

int view_new(size_t ndisks, uint64_t cache_max, struct view **ret, struct err *err)
{
	CLEANUP(view_free) struct view *v = calloc(1, sizeof(*v));
	uint64_t blocks = MIN(cache_max / BLOCK, (uint64_t)1 << 28), slots = 64;

	if (!v)
		return err_nomem(err);
	while (slots < 2 * blocks)
		slots *= 2;
	v->ndisks = ndisks;
	v->max = (uint32_t)blocks;
	v->mask = (uint32_t)(slots - 1);
	v->current = VIEW_NOBODY;
	v->slots = malloc(slots * sizeof(*v->slots));
	v->pieces = calloc(DIV_ROUND_UP(blocks, PIECE_BLOCKS) + 1, sizeof(*v->pieces));
	v->buf = fdio_alloc(READ_MAX);
	if (!v->slots || !v->pieces || !v->buf)
		return err_nomem(err);
	for (uint64_t i = 0; i < slots; i++)
		v->slots[i].at = FREE_SLOT;
	*ret = TAKE_PTR(v);
	return 0;
}

void view_begin(struct view *v)
{
	for (size_t i = 0; i < v->nreaders; i++) {
		for (size_t k = 0; k < v->ndisks; k++) {
			extents_done(&v->readers[i].late[k]);
			extents_done(&v->readers[i].cover[k]);
		}
		free(v->readers[i].late);
		free(v->readers[i].cover);
	}
	free(v->readers);
	v->readers = NULL;
	v->nreaders = 0;
	v->current = VIEW_NOBODY;
	v->fresh = false;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	view_begin(v);
	for (size_t i = 0; i < v->npieces; i++)
		free(v->pieces[i]);
	for (size_t i = 0; i < v->nkinds; i++) {
		free(v->kinds[i].kind);
		free(v->kinds[i].beside);
	}
	free(v->kinds);
	free(v->pieces);
	free(v->slots);
	free(v->buf);
	free(v);
}

void view_start(struct view *v, uint64_t deadline)
{
	view_begin(v);
	for (uint32_t i = 0; i <= v->mask; i++)
		v->slots[i].at = FREE_SLOT;
	v->n = 0;
	v->remembering = true;
	v->ended = false;
	v->deadline = deadline;
}

void view_stop(struct view *v)
{
	v->remembering = false;
}

bool view_ended(const struct view *v)
{
	return v->ended;
}

/* --- readers --- */

int view_add_reader(struct view *v, size_t *ret, struct err *err)
{
	struct reader *grown = reallocarray(v->readers, v->nreaders + 1, sizeof(*grown));
	struct reader r = { calloc(v->ndisks + 1, sizeof(*r.late)),
			    calloc(v->ndisks + 1, sizeof(*r.cover)) };

	if (grown)
		v->readers = grown;
	if (!grown || !r.late || !r.cover) {
		free(r.late);
		free(r.cover);
		return err_nomem(err);
	}
	v->readers[v->nreaders] = r;
	v->current = v->nreaders++;
	*ret = v->current;
	return 0;
}

size_t view_set_reader(struct view *v, size_t reader)
{
	size_t before = v->current;

	v->current = reader;
	return before;
}

size_t view_readers(const struct view *v)
{
	return v->nreaders;
}

const struct extents *view_late(const struct view *v, size_t reader, size_t disk)
{
	return &v->readers[reader].late[disk];
}

struct extents *view_cover(struct view *v, size_t reader, size_t disk)
{
	return &v->readers[reader].cover[disk];
}

void view_set_fresh(struct view *v, bool fresh)
{
	v->fresh = fresh;
}

/* --- memory --- */

static struct slot *find_slot(const struct view *v, size_t disk, uint64_t block)
{
	uint64_t h = (block + ((uint64_t)disk << 40)) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t i = (uint32_t)(h >> 32) & v->mask;

	while (v->slots[i].at != FREE_SLOT &&
	       (v->slots[i].block != block || v->slots[i].disk != disk))
		i = (i + 1) & v->mask;
	return &v->slots[i];
}

static uint8_t *block_bytes(const struct view *v, uint32_t at)
{
	return v->pieces[at / PIECE_BLOCKS] + (size_t)(at % PIECE_BLOCKS) * BLOCK;
}

static const uint8_t *find_block(const struct view *v, size_t disk, uint64_t block)
{
	const struct slot *s;

	if (v->fresh && !v->remembering)
		return NULL;
	s = find_slot(v, disk, block);
	return s->at == FREE_SLOT ? NULL : block_bytes(v, s->at);
}

static int out_of(struct view *v, const char *what, struct err *err)
{
	v->ended = true;
	return err_set(err, ETIME, "no more %s for reading under the freeze", what);
}

static int remember(struct view *v, size_t disk, uint64_t block, const uint8_t *p, size_t len,
		    struct err *err)
{
	struct slot *s;
	uint8_t *to;

	if (v->n >= v->max)
		return out_of(v, "memory", err);
	if (v->n / PIECE_BLOCKS == v->npieces) {
		uint8_t *piece = malloc((size_t)PIECE_BLOCKS * BLOCK);

		if (!piece)
			return out_of(v, "memory", err);
		v->pieces[v->npieces++] = piece;
	}
	s = find_slot(v, disk, block);
	*s = (struct slot){ block, (uint32_t)disk, v->n++ };
	to = block_bytes(v, s->at);
	memcpy(to, p, len);
	memset(to + len, 0, BLOCK - len);
	return 0;
}

/* --- reading --- */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int note(struct view *v, size_t disk, uint64_t offset, uint64_t length, struct err *err)
{
	if (v->current == VIEW_NOBODY)
		return 0;
	if (extents_add(&v->readers[v->current].late[disk], offset, length, 0) < 0)
		return err_nomem(err);
	return 0;
}

/*
 * Blocks that are not remembered: [from, to), whole ones, of which [offset, offset + len) is
 * wanted. Noted before it is read: what was written in between is seen by the tracker after this.
 */
static int read_blocks(struct view *v, size_t disk, const struct disk *d, uint64_t from,
		       uint64_t to, uint8_t *buf, size_t len, uint64_t offset, struct err *err)
{
	uint64_t end = MIN(to, d->size);
	int r;

	if (v->remembering && now() >= v->deadline)
		return out_of(v, "time", err);
	if (!v->remembering) {
		r = note(v, disk, from, end - from, err);
		if (r < 0)
			return r;
	}
	r = disk_read(d, v->buf, end - from, from, NULL);
	if (r < 0)
		/* Of a bad sector nobody asked for nothing has to be known. */
		return disk_read(d, buf, len, offset, err);
	memcpy(buf, v->buf + (offset - from), len);
	for (uint64_t at = from; v->remembering && at < end; at += BLOCK) {
		r = remember(v, disk, at / BLOCK, v->buf + (at - from),
			     (size_t)MIN((uint64_t)BLOCK, end - at), err);
		if (r < 0)
			return r;
	}
	return 0;
}

int view_read(struct view *v, size_t disk, const struct disk *d, void *buf, size_t len,
	      uint64_t offset, struct err *err)
{
	uint8_t *p = buf;

	if (!range_inside(offset, len, d->size))
		return disk_read(d, buf, len, offset, err);
	while (len > 0) {
		uint64_t from = ALIGN_DOWN(offset, (uint64_t)BLOCK), to = from + BLOCK;
		const uint8_t *known = find_block(v, disk, from / BLOCK);
		size_t n;
		int r = 0;

		while (!known && to < offset + len && to - from < READ_MAX &&
		       !find_block(v, disk, to / BLOCK))
			to += BLOCK;
		n = (size_t)MIN((uint64_t)len, to - offset);
		if (known)
			memcpy(p, known + (offset - from), n);
		else
			r = read_blocks(v, disk, d, from, to, p, n, offset, err);
		if (r < 0)
			return r;
		p += n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* --- kinds --- */

const struct view_kind *view_find_kind(const struct view *v, const char *place)
{
	for (size_t i = 0; i < v->nkinds; i++)
		if (strcmp(v->kinds[i].place, place) == 0)
			return &v->kinds[i];
	return NULL;
}

int view_keep_kind(struct view *v, const char *place, int found, const char *kind,
		   const char *beside, struct err *err)
{
	struct view_kind *grown = reallocarray(v->kinds, v->nkinds + 1, sizeof(*grown)), *k;

	if (!grown)
		return err_nomem(err);
	v->kinds = grown;
	k = &grown[v->nkinds];
	*k = (struct view_kind){
		.found = found, .kind = kind ? strdup(kind) : NULL,
		.beside = beside ? strdup(beside) : NULL,
	};
	v->nkinds++;
	if ((kind && !k->kind) || (beside && !k->beside))
		return err_nomem(err);
	strncpy(k->place, place, sizeof(k->place) - 1);
	return 0;
}
