/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over one disk: its copy map from the beginning to the end, the used runs of each chunk
 * read ahead of need, and the chunks handed on in the order of the disk.
 *
 *	copymap --steps--> [reads in flight, at most depth chunks] --items--> deliver()
 *
 * Only what is used is read: a free cluster may be unreadable, and its old content is nobody's
 * business.
 *
 *	WALK_COPY	chunks with something used, their free clusters as zeroes; runs of free ones
 *	WALK_CHANGES	only what the map has: of a chunk of which little changed, the pieces
 *	WALK_CHECK	as WALK_COPY, of what is not there; runs of free ones are left out
 */
#ifndef P2V_AGENT_WALK_H
#define P2V_AGENT_WALK_H

#include <stdatomic.h>

#include "common/bitmap.h"
#include "disk/readahead.h"
#include "disk/reader.h"
#include "p2v-agent/item.h"
#include "p2v-agent/source.h"

/* The item is gone, whatever is returned; a negative return ends the walk with that code. */
typedef int walk_deliver_fn(void *opaque, struct item *it);

enum walk_kind { WALK_COPY, WALK_CHANGES, WALK_CHECK };

struct walk {
	const struct source_disk *disk;
	size_t index;			/* of the disk, for its items */
	enum walk_kind kind;
	const struct bitmap *map;	/* what is used, or has changed; NULL: everything */
	const struct bitmap *have;	/* granularity PROTO_CHUNK_SIZE; NULL: nothing there */
	enum reader_mode mode;
	enum readahead_engine engine;
	unsigned int depth;		/* chunks in flight, at least 1 */
	struct bufs *bufs;		/* of PROTO_CHUNK_SIZE bytes, FDIO_ALIGN-aligned */
	const atomic_bool *stop;
	walk_deliver_fn *deliver;
	void *opaque;
};

/* 0 at the end of the disk; -EPIPE when stopped; -EIO and others as reader_read(). */
int walk_disk(const struct walk *w, struct err *err);

#endif
