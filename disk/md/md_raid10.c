/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RAID 10. Facts: drivers/md/raid10.c of the kernel. n members, chunk c has its first copy at
 * x = c * near: member x % n, row x / n.
 *
 *	near	the other copies are at x + 1, x + 2, ...: next members, or next row
 *	far	members are cut into as many parts; in the next part, the next member
 *	offset	as far, but in the next row; rows of first copies are as far apart
 */
#include "disk/md/md_raid.h"

#include <errno.h>
#include <stdlib.h>
#include "common/bytes.h"

struct raid10 {
	struct space space;
	uint64_t chunk;
	size_t near, far;
	uint64_t row_step;		/* rows from one row of first copies to the next */
	uint64_t far_step;		/* rows from one copy to the next */
	size_t n;
	struct space_piece piece[];
};

static size_t near_copies(uint32_t layout)
{
	return layout & 0xff;
}

static size_t far_copies(uint32_t layout)
{
	return layout >> 8 & 0xff;
}

bool md_raid10_known(uint32_t layout, size_t n)
{
	size_t near = near_copies(layout), far = far_copies(layout);

	/* Bits 17 and 18 are sets of far copies, which mdadm does not make. */
	if (layout & ~(MD_LAYOUT10_OFFSET | 0xffffu))
		return false;
	if (near == 0 || far == 0 || (near > 1) == (far > 1))
		return false;
	return near * far <= n && (far > 1 || !(layout & MD_LAYOUT10_OFFSET));
}

bool md_raid10_complete(const struct space_piece *pieces, size_t n, uint32_t layout)
{
	size_t near = near_copies(layout), copies = near * far_copies(layout);

	/* After n chunks the pattern is the same again; copies lie on members in a row. */
	for (size_t c = 0; c < n; c++) {
		bool found = false;

		for (size_t k = 0; k < copies && !found; k++)
			found = pieces[(c * near + k) % n].below != NULL;
		if (!found)
			return false;
	}
	return true;
}

/* Copy k of a chunk: which member, where in its data. */
static size_t find_copy(const struct raid10 *r, uint64_t c, size_t k, uint64_t *ret_at)
{
	uint64_t x = c * r->near, row = x / r->n * r->row_step, member = x % r->n + k;

	if (r->near > 1)
		row += member / r->n;
	else
		row += k * r->far_step;
	*ret_at = row * r->chunk;
	return (size_t)(member % r->n);
}

static int read_chunk(const struct raid10 *r, void *buf, size_t len, uint64_t c, uint64_t within,
		      struct err *err)
{
	int e = err_set(err, ENXIO, "%s: a part of it is not here", r->space.name);

	for (size_t k = 0; k < r->near * r->far && (e == -ENXIO || e == -EIO); k++) {
		uint64_t at;
		const struct space_piece *p = &r->piece[find_copy(r, c, k, &at)];

		if (!p->below)
			continue;
		if (err)
			err_reset(err);
		e = space_read(p->below, buf, len, p->offset + at + within, err);
	}
	return e;
}

static int raid10_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct raid10 *r = container_of(s, const struct raid10, space);
	uint8_t *to = buf;

	while (len > 0) {
		uint64_t within = offset % r->chunk;
		size_t n = (size_t)MIN((uint64_t)len, r->chunk - within);
		int e = read_chunk(r, to, n, offset / r->chunk, within, err);

		if (e < 0)
			return e;
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* What member m has in a row of first copies, or in that row's copy f: if it is in the range. */
static void release_one(const struct raid10 *r, uint64_t row, size_t f, size_t m, uint64_t offset,
			uint64_t end)
{
	const struct space_piece *p = &r->piece[m];
	uint64_t chunk = (row * r->n + (m + r->n - f) % r->n) / r->near * r->chunk;
	uint64_t at = (row * r->row_step + f * r->far_step) * r->chunk;
	uint64_t from = MAX(chunk, offset), to = MIN(chunk + r->chunk, end);

	if (p->below && from < to)
		space_release(p->below, p->offset + at + (from - chunk), to - from);
}

/* In such an order that neighbours on a member come one after the other. */
static void raid10_release(struct space *s, uint64_t offset, uint64_t length)
{
	const struct raid10 *r = container_of(s, const struct raid10, space);
	uint64_t end = offset + length;
	uint64_t first = offset / r->chunk * r->near / r->n;
	uint64_t last = ((end - 1) / r->chunk * r->near + r->near - 1) / r->n;
	size_t parts = r->row_step > 1 ? 1 : r->far, rows = r->far / parts;

	for (size_t part = 0; part < parts; part++)
		for (size_t m = 0; m < r->n; m++)
			for (uint64_t row = first; row <= last; row++)
				for (size_t f = 0; f < rows; f++)
					release_one(r, row, part + f, m, offset, end);
}

static const struct space_ops raid10_ops = { .read = raid10_read, .release = raid10_release };

int md_raid10_new(const struct space_piece *pieces, size_t n, uint32_t layout, uint64_t chunk,
		  const char *name, struct space **ret, struct err *err)
{
	uint64_t near = near_copies(layout), far = far_copies(layout), total, rows;
	uint32_t sector = 512;
	struct raid10 *r;

	/* So the kernel counts: first the chunks of the array, then the rows that they need. */
	total = pieces[0].length / chunk / far * n / near;
	rows = DIV_ROUND_UP(total * near * far, n);
	total = rows / far * n / near;
	if (total == 0)
		return err_set(err, EINVAL, "%s has no room", name);
	for (size_t i = 0; i < n; i++)
		if (pieces[i].below)
			sector = MAX(sector, pieces[i].below->sector);
	r = calloc(1, sizeof(*r) + n * sizeof(r->piece[0]));
	if (!r)
		return err_nomem(err);
	space_init(&r->space, &raid10_ops, total * chunk, sector, "%s", name);
	r->chunk = chunk;
	r->near = near;
	r->far = far;
	r->row_step = layout & MD_LAYOUT10_OFFSET ? far : 1;
	r->far_step = layout & MD_LAYOUT10_OFFSET ? 1 : rows / far;
	r->n = n;
	for (size_t i = 0; i < n; i++) {
		r->piece[i] = pieces[i];
		if (pieces[i].below && pieces[i].below->view)
			r->space.view = pieces[i].below->view;
	}
	*ret = &r->space;
	return 0;
}
