/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts: drivers/md/raid0.c, md-linear.c, raid1.c and md.c of the kernel. */
#include "disk/md/md_array.h"

#include <errno.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "disk/md/md_raid.h"

/* RAID 4, 5, 6 and 10 work in pages. */
#define CHUNK_MIN	4096u
#define RAID0_ORIGINAL	1u
#define RAID0_ALTERNATE	2u

struct making {
	const struct md_array *a;
	struct assembly *own;
	struct space_piece *pieces;	/* the members' data */
	char **why;
	struct err *err;
};

/* 1, or what r says; a space that does not fit together is a doubt. */
static int taken(const struct making *m, int r, struct space *s)
{
	if (r == -EINVAL || r == -ERANGE) {
		if (m->err)
			err_reset(m->err);
		return md_doubt(m->why, m->err, "the numbers of the md array are impossible");
	}
	if (r == 0)
		r = assembly_own(m->own, s, m->err);
	return r < 0 ? r : 1;
}

static bool chunk_fits(uint64_t chunk, uint64_t least)
{
	return chunk >= least && (chunk & (chunk - 1)) == 0;
}

static size_t count_missing(const struct md_array *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->slots[i] == NULL;
	return n;
}

static int missing(const struct making *m)
{
	return md_doubt(m->why, m->err, "%zu of the %zu members of %s are missing",
			count_missing(m->a), m->a->n, m->a->name);
}

/* --- linear, RAID 0 --- */

static int linear(const struct making *m, struct space **ret)
{
	uint64_t chunk = m->a->super->chunk;
	struct space *s = NULL;
	int r;

	for (size_t i = 0; i < m->a->n; i++) {
		if (chunk)
			m->pieces[i].length = m->pieces[i].length / chunk * chunk;
		if (m->pieces[i].length == 0)
			return taken(m, -EINVAL, NULL);
	}
	r = space_concat(m->pieces, m->a->n, 0, m->a->name, &s, m->err);
	*ret = s;
	return taken(m, r, s);
}

/* The members that reach beyond from, striped as far as the smallest of them goes. */
static int zone(const struct making *m, uint64_t from, uint64_t array_from, uint32_t layout,
		struct space_piece *pieces, struct space **ret, uint64_t *ret_to)
{
	uint64_t chunk = m->a->super->chunk, to = UINT64_MAX;
	struct space *s = NULL;
	size_t n = 0, first, k = 0;
	int r;

	for (size_t i = 0; i < m->a->n; i++) {
		if (m->pieces[i].length > from) {
			to = MIN(to, m->pieces[i].length);
			n++;
		}
	}
	/* The original layout goes on counting chunks from the array's beginning. */
	first = layout == RAID0_ORIGINAL ? (size_t)(array_from / chunk % n) : 0;
	for (size_t i = 0; i < m->a->n; i++) {
		const struct space_piece *p = &m->pieces[i];

		if (p->length > from)
			pieces[(k++ + n - first) % n] = (struct space_piece){
				p->below, p->offset + from, to - from,
			};
	}
	r = space_stripe(pieces, n, chunk, 0, m->a->name, &s, m->err);
	*ret = s;
	*ret_to = to;
	return taken(m, r, s);
}

static int raid0_zones(const struct making *m, uint64_t longest, struct space_piece *pieces,
		       struct space_piece *zones, size_t *ret_n)
{
	const struct md_super *s = m->a->super;
	uint64_t from = 0, array_from = 0;

	*ret_n = 0;
	while (from < longest) {
		struct space_piece *z = &zones[*ret_n];
		int r;

		if (*ret_n > 0 && (!(s->features & MD_FEATURE_RAID0_LAYOUT) ||
				   (s->layout != RAID0_ORIGINAL && s->layout != RAID0_ALTERNATE)))
			return md_doubt(m->why, m->err, "members of different sizes, and nobody "
					"knows in which layout");
		r = zone(m, from, array_from, s->layout, pieces, &z->below, &from);
		if (r <= 0)
			return r;
		z->offset = 0;
		z->length = z->below->size;
		array_from += z->length;
		++*ret_n;
	}
	return 1;
}

static int raid0(const struct making *m, struct space **ret)
{
	CLEANUP(mem_free) struct space_piece *zones = calloc(m->a->n, sizeof(*zones));
	CLEANUP(mem_free) struct space_piece *pieces = calloc(m->a->n, sizeof(*pieces));
	uint64_t chunk = m->a->super->chunk, longest = 0;
	struct space *s = NULL;
	size_t n;
	int r;

	if (!zones || !pieces)
		return err_nomem(m->err);
	if (!chunk_fits(chunk, 512))
		return taken(m, -EINVAL, NULL);
	for (size_t i = 0; i < m->a->n; i++) {
		m->pieces[i].length = ALIGN_DOWN(m->pieces[i].length, chunk);
		if (m->pieces[i].length == 0)
			return taken(m, -EINVAL, NULL);
		longest = MAX(longest, m->pieces[i].length);
	}
	r = raid0_zones(m, longest, pieces, zones, &n);
	if (r <= 0)
		return r;
	r = space_concat(zones, n, 0, m->a->name, &s, m->err);
	*ret = s;
	return taken(m, r, s);
}

/* --- with redundancy --- */

static int raid1(const struct making *m, struct space **ret)
{
	struct space *s = NULL;
	int r;

	if (count_missing(m->a) == m->a->n)
		return missing(m);
	r = space_mirror(m->pieces, m->a->n, 0, m->a->name, &s, m->err);
	*ret = s;
	return taken(m, r, s);
}

static int raid10(const struct making *m, struct space **ret)
{
	const struct md_super *super = m->a->super;
	struct space *s = NULL;
	int r;

	if (!md_raid10_known(super->layout, m->a->n))
		return md_doubt(m->why, m->err, "a layout of RAID 10 that is not known (0x%x)",
				super->layout);
	if (!chunk_fits(super->chunk, CHUNK_MIN))
		return taken(m, -EINVAL, NULL);
	if (!md_raid10_complete(m->pieces, m->a->n, super->layout))
		return missing(m);
	r = md_raid10_new(m->pieces, m->a->n, super->layout, super->chunk, m->a->name, &s, m->err);
	*ret = s;
	return taken(m, r, s);
}

static int with_parity(const struct making *m, unsigned int parity, struct space **ret,
		       bool *ret_stuck)
{
	const struct md_super *super = m->a->super;
	uint32_t layout = super->layout;
	struct space *s = NULL;
	int r;

	/* RAID 4 is RAID 5 with parity on the last member; what it says of its layout varies. */
	if (super->level == 4 && (layout == 0 || layout == MD_LAYOUT_PARITY_LAST))
		layout = MD_LAYOUT_PARITY_LAST;
	else if (super->level == 4 || layout > MD_LAYOUT_PARITY_LAST)
		return md_doubt(m->why, m->err, "a layout of RAID %d that is not known (%u)",
				super->level, super->layout);
	if (!chunk_fits(super->chunk, CHUNK_MIN))
		return taken(m, -EINVAL, NULL);
	if (count_missing(m->a) > 0)
		return missing(m);
	r = md_parity_new(m->pieces, m->a->n, parity, layout, super->chunk, m->a->name, &s, m->err);
	if (r == 0)
		*ret_stuck = !md_parity_releases(s);
	*ret = s;
	return taken(m, r, s);
}

int md_array_space(const struct md_array *a, struct assembly *own, struct space **ret,
		   bool *ret_stuck, char **why, struct err *err)
{
	CLEANUP(mem_free) struct space_piece *pieces = calloc(a->n, sizeof(*pieces));
	const struct making m = { a, own, pieces, why, err };
	bool redundant = a->super->level > 0;

	if (!pieces)
		return err_nomem(err);
	*ret_stuck = false;
	for (size_t i = 0; i < a->n; i++) {
		const struct md_member *v = a->slots[i];

		pieces[i].length = redundant ? a->super->size : v ? v->super.data_size : 0;
		if (v) {
			pieces[i].below = v->space;
			pieces[i].offset = v->super.data_offset;
		}
	}
	if (!redundant && count_missing(a) > 0)
		return missing(&m);
	if (redundant && a->super->size == 0)
		return taken(&m, -EINVAL, NULL);
	switch (a->super->level) {
	case MD_LEVEL_LINEAR:
		return linear(&m, ret);
	case 0:
		return raid0(&m, ret);
	case 1:
		return raid1(&m, ret);
	case 4:
	case 5:
		return with_parity(&m, 1, ret, ret_stuck);
	case 6:
		return with_parity(&m, 2, ret, ret_stuck);
	case 10:
		return raid10(&m, ret);
	default:
		return md_doubt(why, err, "a level of md that is not known (%d)", a->super->level);
	}
}
