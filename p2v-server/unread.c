/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See unread.h. */
#include "p2v-server/unread.h"

#include <stdlib.h>

#include "common/compiler.h"
#include "common/extent.h"

struct unread {
	uint16_t ndisks;
	struct extents kept[];		/* per disk */
};

int unread_new(uint16_t ndisks, struct unread **ret, struct err *err)
{
	struct unread *u = calloc(1, sizeof(*u) + ndisks * sizeof(u->kept[0]));

	if (!u)
		return err_nomem(err);
	u->ndisks = ndisks;
	*ret = u;
	return 0;
}

void unread_free(struct unread *u)
{
	if (!u)
		return;
	for (uint16_t i = 0; i < u->ndisks; i++)
		extents_done(&u->kept[i]);
	free(u);
}

/* The part of a range within [from, to); false: there is none. */
static bool clip(const struct extent *e, uint64_t from, uint64_t to, uint64_t *ret_offset,
		 uint64_t *ret_length)
{
	uint64_t begin = MAX(e->offset, from), end = MIN(e->offset + e->length, to);

	if (begin >= end)
		return false;
	*ret_offset = begin;
	*ret_length = end - begin;
	return true;
}

int unread_keep(struct unread *u, const struct journal *j, uint16_t disk, uint64_t offset,
		uint64_t length, struct err *err)
{
	const struct extents *bad = &j->disks[disk].bad;

	for (size_t i = 0; i < bad->n; i++) {
		uint64_t at, n;

		if (clip(&bad->v[i], offset, offset + length, &at, &n) &&
		    extents_add(&u->kept[disk], at, n, 0) < 0)
			return err_nomem(err);
	}
	return 0;
}

int unread_written(struct unread *u, uint16_t disk, uint64_t offset, uint64_t length,
		   struct err *err)
{
	if (!extents_any(&u->kept[disk], offset, length))
		return 0;
	return extents_remove(&u->kept[disk], offset, length) < 0 ? err_nomem(err) : 0;
}

static int restore_chunk(const struct unread *u, struct journal *j,
			 const struct journal_record *chunk, struct err *err)
{
	const struct extents *kept = &u->kept[chunk->disk];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < kept->n; i++) {
		struct journal_record rec = { .type = JOURNAL_BAD, .disk = chunk->disk };

		if (clip(&kept->v[i], chunk->offset, chunk->offset + chunk->length, &rec.offset,
			 &rec.length))
			r = journal_append(j, &rec, 1, err);
	}
	return r;
}

int unread_restore(const struct unread *u, struct journal *j, const struct journal_record *v,
		   size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (v[i].type == JOURNAL_DATA &&
		    extents_any(&u->kept[v[i].disk], v[i].offset, v[i].length))
			r = restore_chunk(u, j, &v[i], err);
	return r;
}
