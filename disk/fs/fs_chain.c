/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/fs/fs_chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"

#define SLOT	(64u << 10)
#define SLOTS	16u

int fs_chain_init(struct fs_chain *c)
{
	c->cache = fdio_alloc((size_t)SLOT * SLOTS);
	c->cache_at = malloc(SLOTS * sizeof(*c->cache_at));
	c->open = calloc(FS_FOLDER_DEPTH, sizeof(*c->open));
	if (!c->cache || !c->cache_at || !c->open)
		return err_nomem(c->err);
	for (size_t i = 0; i < SLOTS; i++)
		c->cache_at[i] = UINT64_MAX;
	return 1;
}

void fs_chain_done(struct fs_chain *c)
{
	free(c->cache);
	free(c->cache_at);
	free(c->open);
}

/* [offset, offset + len) lies in one slot. */
static int read_slot(struct fs_chain *c, uint8_t *buf, size_t len, uint64_t offset)
{
	uint64_t start = ALIGN_DOWN(offset, (uint64_t)SLOT);
	uint64_t have = MIN((uint64_t)SLOT, c->space->size - start);
	size_t i = (size_t)(start / SLOT % SLOTS);
	uint8_t *slot = c->cache + i * SLOT;

	if (c->cache_at[i] != start) {
		c->cache_at[i] = UINT64_MAX;
		/* A bad sector somewhere in the slot is no reason to fail what is asked for. */
		if (space_read(c->space, slot, have, start, NULL) < 0)
			return space_read(c->space, buf, len, offset, c->err);
		c->cache_at[i] = start;
	}
	memcpy(buf, slot + (offset - start), len);
	return 0;
}

int fs_chain_read(struct fs_chain *c, void *buf, size_t len, uint64_t offset)
{
	uint8_t *to = buf;

	if (!range_inside(offset, len, c->space->size))
		return fs_doubt(c->why, c->err, "larger than its partition");
	while (len > 0) {
		size_t n = (size_t)MIN((uint64_t)len, SLOT - offset % SLOT);
		int r = read_slot(c, to, n, offset);

		if (r < 0)
			return r;
		to += n;
		offset += n;
		len -= n;
	}
	return 1;
}

bool fs_chain_valid(const struct fs_chain *c, uint32_t cluster)
{
	return cluster >= FS_CHAIN_FIRST && cluster - FS_CHAIN_FIRST < c->clusters;
}

uint64_t fs_chain_offset(const struct fs_chain *c, uint32_t cluster)
{
	return c->heap + (uint64_t)(cluster - FS_CHAIN_FIRST) * c->cluster;
}

/* n clusters in a row that somebody has. */
static int claim_row(struct fs_chain *c, uint32_t first, uint64_t n)
{
	if (!fs_chain_valid(c, first) || n > c->clusters - (first - FS_CHAIN_FIRST))
		return fs_doubt(c->why, c->err, "a file lies outside of the filesystem");
	c->claimed += n;
	if (c->claimed > c->clusters)
		return fs_doubt(c->why, c->err, "clusters belong to more than one file");
	if (!bitmap_all(c->map, fs_chain_offset(c, first), n * c->cluster))
		return fs_doubt(c->why, c->err, "cluster %" PRIu32 " of a file is marked free",
				first);
	return 1;
}

int fs_chain_claim(struct fs_chain *c, uint32_t first, uint64_t least, bool contiguous,
		   uint64_t *ret_n)
{
	uint64_t n = 0;
	int r;

	if (contiguous) {
		r = claim_row(c, first, least);
		*ret_n = least;
		return r;
	}
	for (uint32_t at = first; at != 0; n++) {
		r = claim_row(c, at, 1);
		if (r > 0)
			r = c->next(c, at, &at);
		if (r <= 0)
			return r;
	}
	if (n < least)
		return fs_doubt(c->why, c->err, "a file has too few clusters");
	*ret_n = n;
	return 1;
}

int fs_folder_push(struct fs_chain *c, const struct fs_folder *f)
{
	if (c->nopen == FS_FOLDER_DEPTH)
		return fs_doubt(c->why, c->err, "its folders are too deep");
	c->open[c->nopen] = *f;
	c->open[c->nopen].cluster = f->first;
	c->open[c->nopen++].pos = 0;
	return 1;
}

void fs_folder_pop(struct fs_chain *c)
{
	c->nopen--;
}

int fs_folder_next(struct fs_chain *c, uint8_t entry[static FS_ENTRY], bool *ret_more)
{
	struct fs_folder *f = &c->open[c->nopen - 1];
	uint64_t in = f->pos % c->cluster, offset;
	int r;

	*ret_more = false;
	if (f->pos >= f->length) {
		fs_folder_pop(c);
		return 1;
	}
	if (f->first != 0 && f->pos != 0 && in == 0) {
		r = 1;
		if (f->contiguous)
			f->cluster++;
		else
			r = c->next(c, f->cluster, &f->cluster);
		if (r <= 0)
			return r;
		/* The chain was claimed from its beginning to its end. */
		if (!fs_chain_valid(c, f->cluster))
			return fs_doubt(c->why, c->err, "a file has too few clusters");
	}
	offset = f->first ? fs_chain_offset(c, f->cluster) + in : f->fixed + f->pos;
	r = fs_chain_read(c, entry, FS_ENTRY, offset);
	if (r <= 0)
		return r;
	f->pos += FS_ENTRY;
	*ret_more = true;
	return 1;
}

int fs_folder_walk(struct fs_chain *c, int (*take)(struct fs_chain *c, const uint8_t *entry))
{
	uint8_t entry[FS_ENTRY];
	bool more;
	int r = 1;

	while (r > 0 && c->nopen > 0) {
		r = fs_folder_next(c, entry, &more);
		if (r > 0 && more)
			r = take(c, entry);
	}
	return r;
}
