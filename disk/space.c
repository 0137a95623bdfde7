/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spaces that need no metadata to be understood: disk, slice, concat, stripe, mirror. */
#include "disk/space.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/bytes.h"

void space_init(struct space *s, const struct space_ops *ops, uint64_t size, uint32_t sector,
		const char *fmt, ...)
{
	va_list ap;

	s->ops = ops;
	s->size = size;
	s->sector = sector;
	va_start(ap, fmt);
	vsnprintf(s->name, sizeof(s->name), fmt, ap);
	va_end(ap);
}

void space_free(struct space *s)
{
	if (!s)
		return;
	if (s->ops->free)
		s->ops->free(s);
	else
		free(s);
}

int space_read(const struct space *s, void *buf, size_t len, uint64_t offset, struct err *err)
{
	if (!range_inside(offset, len, s->size))
		return err_set(err, ERANGE, "%zu bytes at 0x%" PRIx64 " are not inside %s", len,
			       offset, s->name);
	return len == 0 ? 0 : s->ops->read(s, buf, len, offset, err);
}

void space_release(struct space *s, uint64_t offset, uint64_t length)
{
	if (offset >= s->size)
		return;
	length = MIN(length, s->size - offset);
	if (length > 0)
		s->ops->release(s, offset, length);
}

void space_release_clear(struct space *s, const struct bitmap *map)
{
	uint64_t at = 0, run, length;

	while (at < s->size && bitmap_next_run(map, false, at, &run, &length)) {
		space_release(s, run, length);
		at = run + length;
	}
}

/* --- a disk --- */

struct disk_space {
	struct space space;
	const struct disk *disk;
	struct bitmap *map;
	uint64_t from, to;		/* released, and not yet cleared */
	size_t number;			/* of the view */
	struct extents *cover;
	int code;
};

static int disk_space_read(const struct space *s, void *buf, size_t len, uint64_t offset,
			   struct err *err)
{
	const struct disk_space *d = container_of(s, const struct disk_space, space);

	if (s->view)
		return view_read(s->view, d->number, d->disk, buf, len, offset, err);
	return disk_read(d->disk, buf, len, offset, err);
}

void space_disk_watch(struct space *s, struct view *v, size_t i)
{
	s->view = v;
	container_of(s, struct disk_space, space)->number = i;
}

int space_disk_cover(struct space *s, struct extents *x)
{
	struct disk_space *d = container_of(s, struct disk_space, space);
	int code = d->code;

	space_disk_settle(s);
	d->cover = x;
	d->code = 0;
	return code;
}

void space_disk_settle(struct space *s)
{
	struct disk_space *d = container_of(s, struct disk_space, space);

	if (d->map && d->from < d->to)
		bitmap_clear_range(d->map, d->from, d->to - d->from);
	d->from = d->to = 0;
}

static void disk_space_release(struct space *s, uint64_t offset, uint64_t length)
{
	struct disk_space *d = container_of(s, struct disk_space, space);

	if (d->cover) {
		if (extents_add(d->cover, offset, length, 0) < 0)
			d->code = -ENOMEM;
		return;
	}
	if (d->from < d->to && offset == d->to) {
		d->to += length;
		return;
	}
	space_disk_settle(s);
	d->from = offset;
	d->to = offset + length;
}

static const struct space_ops disk_space_ops = {
	.read = disk_space_read,
	.release = disk_space_release,
};

int space_on_disk(const struct disk *d, struct bitmap *map, const char *name, struct space **ret,
		  struct err *err)
{
	struct disk_space *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err);
	space_init(&s->space, &disk_space_ops, d->size, d->logical_sector, "%s", name);
	s->disk = d;
	s->map = map;
	*ret = &s->space;
	return 0;
}

/* --- pieces: all other kinds --- */

struct pieces_space {
	struct space space;
	uint64_t stripe;
	size_t n;
	struct space_piece piece[];
};

static int pieces_new(const struct space_piece *pieces, size_t n, const struct space_ops *ops,
		      uint64_t size, uint32_t sector, const char *name, struct pieces_space **ret,
		      struct err *err)
{
	struct pieces_space *p;

	for (size_t i = 0; i < n; i++) {
		const struct space_piece *v = &pieces[i];

		if (v->below && !range_inside(v->offset, v->length, v->below->size))
			return err_set(err, ERANGE, "%s leaves %s", name, v->below->name);
		if (v->below)
			sector = MAX(sector, v->below->sector);
	}
	p = calloc(1, sizeof(*p) + n * sizeof(p->piece[0]));
	if (!p)
		return err_nomem(err);
	space_init(&p->space, ops, size, sector, "%s", name);
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		p->piece[i] = pieces[i];
		if (pieces[i].below && pieces[i].below->view)
			p->space.view = pieces[i].below->view;
	}
	*ret = p;
	return 0;
}

static int piece_read(const struct pieces_space *p, size_t i, void *buf, size_t len,
		      uint64_t offset, struct err *err)
{
	const struct space_piece *v = &p->piece[i];

	if (!v->below)
		return err_set(err, ENXIO, "%s: a part of it is not here", p->space.name);
	return space_read(v->below, buf, len, v->offset + offset, err);
}

static void piece_release(const struct pieces_space *p, size_t i, uint64_t offset, uint64_t length)
{
	const struct space_piece *v = &p->piece[i];

	if (v->below)
		space_release(v->below, v->offset + offset, length);
}

/* The piece that holds offset, and the offset in it. */
static size_t concat_find(const struct pieces_space *p, uint64_t *offset)
{
	size_t i = 0;

	while (*offset >= p->piece[i].length) {
		*offset -= p->piece[i].length;
		i++;
		assert(i < p->n);
	}
	return i;
}

static int concat_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);
	uint8_t *to = buf;

	for (size_t i = concat_find(p, &offset); len > 0; i++, offset = 0) {
		size_t n = (size_t)MIN((uint64_t)len, p->piece[i].length - offset);
		int r = piece_read(p, i, to, n, offset, err);

		if (r < 0)
			return r;
		to += n;
		len -= n;
	}
	return 0;
}

static void concat_release(struct space *s, uint64_t offset, uint64_t length)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);

	for (size_t i = concat_find(p, &offset); length > 0; i++, offset = 0) {
		uint64_t n = MIN(length, p->piece[i].length - offset);

		piece_release(p, i, offset, n);
		length -= n;
	}
}

static const struct space_ops concat_ops = { .read = concat_read, .release = concat_release };

int space_concat(const struct space_piece *pieces, size_t n, uint32_t sector, const char *name,
		 struct space **ret, struct err *err)
{
	struct pieces_space *p;
	uint64_t size = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		if (!u64_add(size, pieces[i].length, &size))
			return err_set(err, ERANGE, "%s is too large", name);
	r = pieces_new(pieces, n, &concat_ops, size, sector, name, &p, err);
	if (r == 0)
		*ret = &p->space;
	return r;
}

int space_slice(struct space *below, uint64_t offset, uint64_t length, const char *name,
		struct space **ret, struct err *err)
{
	const struct space_piece piece = { below, offset, length };

	return space_concat(&piece, 1, 0, name, ret, err);
}

/* Which piece, where in it, and how much of it is in one go. */
static size_t stripe_find(const struct pieces_space *p, uint64_t offset, uint64_t *ret_offset,
			  uint64_t *ret_length)
{
	uint64_t chunk = offset / p->stripe, within = offset % p->stripe;

	*ret_offset = chunk / p->n * p->stripe + within;
	*ret_length = p->stripe - within;
	return (size_t)(chunk % p->n);
}

static int stripe_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);
	uint8_t *to = buf;

	while (len > 0) {
		uint64_t at, left;
		size_t i = stripe_find(p, offset, &at, &left);
		size_t n = (size_t)MIN((uint64_t)len, left);
		int r = piece_read(p, i, to, n, at, err);

		if (r < 0)
			return r;
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

static void stripe_release(struct space *s, uint64_t offset, uint64_t length)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);

	while (length > 0) {
		uint64_t at, left, n;
		size_t i = stripe_find(p, offset, &at, &left);

		n = MIN(length, left);
		piece_release(p, i, at, n);
		offset += n;
		length -= n;
	}
}

static const struct space_ops stripe_ops = { .read = stripe_read, .release = stripe_release };

/* All pieces of one length. */
static int same_lengths(const struct space_piece *pieces, size_t n, const char *name,
			struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (pieces[i].length != pieces[0].length)
			return err_set(err, EINVAL, "%s has parts of different sizes", name);
	return n > 0 ? 0 : err_set(err, EINVAL, "%s has no parts", name);
}

int space_stripe(const struct space_piece *pieces, size_t n, uint64_t stripe, uint32_t sector,
		 const char *name, struct space **ret, struct err *err)
{
	struct pieces_space *p;
	uint64_t size;
	int r;

	r = same_lengths(pieces, n, name, err);
	if (r < 0)
		return r;
	if (stripe == 0 || stripe % 512 != 0 || pieces[0].length % stripe != 0 ||
	    !u64_mul(pieces[0].length, n, &size))
		return err_set(err, EINVAL, "%s has an impossible stripe size", name);
	r = pieces_new(pieces, n, &stripe_ops, size, sector, name, &p, err);
	if (r < 0)
		return r;
	p->stripe = stripe;
	*ret = &p->space;
	return 0;
}

/* --- mirror --- */

static int mirror_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);
	int r = -ENXIO;

	/* A bad sector of one is a good one of the other. */
	for (size_t i = 0; i < p->n && (r == -ENXIO || r == -EIO); i++) {
		if (err)
			err_reset(err);
		r = piece_read(p, i, buf, len, offset, err);
	}
	return r;
}

static void mirror_release(struct space *s, uint64_t offset, uint64_t length)
{
	const struct pieces_space *p = container_of(s, const struct pieces_space, space);

	for (size_t i = 0; i < p->n; i++)
		piece_release(p, i, offset, length);
}

static const struct space_ops mirror_ops = { .read = mirror_read, .release = mirror_release };

int space_mirror(const struct space_piece *pieces, size_t n, uint32_t sector, const char *name,
		 struct space **ret, struct err *err)
{
	struct pieces_space *p;
	int r;

	r = same_lengths(pieces, n, name, err);
	if (r == 0)
		r = pieces_new(pieces, n, &mirror_ops, pieces[0].length, sector, name, &p, err);
	if (r == 0)
		*ret = &p->space;
	return r;
}

bool space_is_linear(const struct space *s, const struct disk **ret_disk, uint64_t *ret_offset)
{
	const struct pieces_space *p;
	uint64_t offset = 0;

	while (s->ops == &concat_ops) {
		p = container_of(s, const struct pieces_space, space);
		if (p->n != 1 || !p->piece[0].below)
			return false;
		offset += p->piece[0].offset;
		s = p->piece[0].below;
	}
	if (s->ops != &disk_space_ops)
		return false;
	*ret_disk = container_of(s, const struct disk_space, space)->disk;
	*ret_offset = offset;
	return true;
}
