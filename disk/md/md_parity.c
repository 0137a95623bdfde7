/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RAID 4, 5 and 6. Facts: drivers/md/raid5.c of the kernel. In each row of chunks the parity takes
 * one place, or two that follow each other (the last member is followed by the first); data has the
 * rest. Where parity begins goes down by one from row to row ("left"), or up ("right"), or
 * stays. Data begins right behind it and goes round ("symmetric"), or always at the first member.
 */
#include "disk/md/md_raid.h"

#include <errno.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "disk/usedmap.h"

struct parity {
	struct space space;
	uint64_t chunk;
	unsigned int parity;
	uint32_t layout;
	/* Where windows may lie, bytes of each member's data, and how they do: see windows(). */
	uint64_t from, to;
	uint64_t shift;
	/* The run of releases at hand, bytes of the space; below it, what was handed down. */
	uint64_t run_from, run_to, done;
	size_t n;
	struct space_piece piece[];
};

static uint64_t row_bytes(const struct parity *p)
{
	return (p->n - p->parity) * p->chunk;
}

/* The member that has data chunk i of a row. */
static size_t find_member(const struct parity *p, uint64_t row, size_t i)
{
	size_t n = p->n, turn = (size_t)(row % n), first;

	switch (p->layout) {
	case MD_LAYOUT_PARITY_FIRST:
		first = 0;
		break;
	case MD_LAYOUT_PARITY_LAST:
		first = n - p->parity;
		break;
	case MD_LAYOUT_LEFT_ASYMMETRIC:
	case MD_LAYOUT_LEFT_SYMMETRIC:
		first = n - 1 - turn;
		break;
	default:
		first = turn;
	}
	if (p->layout == MD_LAYOUT_LEFT_SYMMETRIC || p->layout == MD_LAYOUT_RIGHT_SYMMETRIC)
		return (first + p->parity + i) % n;
	/* Past what has gone round to the first member, then past what is before the chunk. */
	if (first + p->parity > n)
		return i + (first + p->parity - n);
	return i < first ? i : i + p->parity;
}

static int parity_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct parity *p = container_of(s, const struct parity, space);
	uint8_t *to = buf;

	while (len > 0) {
		uint64_t chunk = offset / p->chunk, within = offset % p->chunk;
		uint64_t row = chunk / (p->n - p->parity);
		size_t i = (size_t)(chunk % (p->n - p->parity));
		const struct space_piece *v = &p->piece[find_member(p, row, i)];
		size_t n = (size_t)MIN((uint64_t)len, p->chunk - within);
		int r = space_read(v->below, to, n, v->offset + row * p->chunk + within, err);

		if (r < 0)
			return r;
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* What of [*from, *to) of each member's data is whole clusters on all disks. */
static void narrow(const struct parity *p, uint64_t *from, uint64_t *to)
{
	uint64_t a = MAX(*from, p->from), b = MIN(*to, p->to);

	if (a < b) {
		a = ALIGN_UP(a + p->shift, (uint64_t)USEDMAP_GRANULARITY);
		b = ALIGN_DOWN(b + p->shift, (uint64_t)USEDMAP_GRANULARITY);
	}
	if (a < b) {
		*from = a - p->shift;
		*to = b - p->shift;
	} else {
		*from = *to = 0;
	}
}

static void parity_release(struct space *s, uint64_t offset, uint64_t length)
{
	struct parity *p = container_of(s, struct parity, space);
	uint64_t from, to;

	if (p->from >= p->to)
		return;
	if (offset != p->run_to || p->run_from == p->run_to) {
		p->run_from = offset;
		p->done = 0;
	}
	p->run_to = offset + length;
	from = DIV_ROUND_UP(p->run_from, row_bytes(p)) * p->chunk;
	to = p->run_to / row_bytes(p) * p->chunk;
	if (from >= to)
		return;
	narrow(p, &from, &to);
	/* done is the end of a window, or 0. */
	from = MAX(from, p->done);
	if (from >= to)
		return;
	for (size_t i = 0; i < p->n; i++)
		space_release(p->piece[i].below, p->piece[i].offset + from, to - from);
	p->done = to;
}

static const struct space_ops parity_ops = { .read = parity_read, .release = parity_release };

/* All of the argument in md_raid.h that can be settled once. */
static void windows(struct parity *p)
{
	uint64_t from = 0, to = p->piece[0].length / p->chunk * p->chunk;

	for (size_t i = 0; i < p->n; i++) {
		const struct disk *d;
		uint64_t at, shift;

		if (!space_is_linear(p->piece[i].below, &d, &at))
			return;
		at += p->piece[i].offset;
		shift = at % USEDMAP_GRANULARITY;
		if (i > 0 && shift != p->shift)
			return;
		p->shift = shift;
		if (d->size < 2 * (uint64_t)USEDMAP_EDGE || at >= d->size - USEDMAP_EDGE)
			return;
		from = MAX(from, at < USEDMAP_EDGE ? USEDMAP_EDGE - at : 0);
		to = MIN(to, d->size - USEDMAP_EDGE - at);
	}
	p->from = from;
	p->to = to;
}

bool md_parity_releases(const struct space *s)
{
	const struct parity *p = container_of(s, const struct parity, space);

	return p->from < p->to;
}

int md_parity_new(const struct space_piece *pieces, size_t n, unsigned int parity, uint32_t layout,
		  uint64_t chunk, const char *name, struct space **ret, struct err *err)
{
	uint64_t rows = pieces[0].length / chunk, size;
	uint32_t sector = 512;
	struct parity *p;

	if (n <= parity || rows == 0 || layout > MD_LAYOUT_PARITY_LAST ||
	    !u64_mul(rows * chunk, n - parity, &size))
		return err_set(err, EINVAL, "%s has no room", name);
	for (size_t i = 0; i < n; i++)
		sector = MAX(sector, pieces[i].below->sector);
	p = calloc(1, sizeof(*p) + n * sizeof(p->piece[0]));
	if (!p)
		return err_nomem(err);
	space_init(&p->space, &parity_ops, size, sector, "%s", name);
	p->chunk = chunk;
	p->parity = parity;
	p->layout = layout;
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		p->piece[i] = pieces[i];
		if (pieces[i].below && pieces[i].below->view)
			p->space.view = pieces[i].below->view;
	}
	windows(p);
	*ret = &p->space;
	return 0;
}
