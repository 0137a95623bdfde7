/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes through the pipeline: a chunk of a disk, a run of chunks that nobody uses, or the end.
 * An item has one owner at a time: the walk that made it, the pool, who took it.
 */
#ifndef P2V_AGENT_ITEM_H
#define P2V_AGENT_ITEM_H

#include "common/bufs.h"
#include "common/extent.h"
#include "p2v-agent/adapt.h"
#include "wire/msg.h"

enum item_kind {
	ITEM_DATA,		/* data is ready to be sent */
	ITEM_PATCH,		/* pieces of a chunk are */
	ITEM_CHECK,		/* a chunk's digest is, in check */
	ITEM_ZERO,		/* a chunk that was read and is all zero */
	ITEM_FREE,		/* a run of chunks nobody uses */
	ITEM_SAME,		/* a chunk that was read, and is the same there */
	ITEM_ERROR,		/* reading failed: err says where; the last item */
	ITEM_END,		/* all disks walked; the last item */
};

struct item {
	enum item_kind kind;
	uint16_t disk;
	uint64_t offset, length;
	struct msg_data data;	/* ITEM_DATA: points into raw and scratch */
	struct msg_patch *patch; /* ITEM_PATCH: the same; its pieces are set before it is encoded */
	bool zero;		/* ITEM_CHECK: all zeroes, else: */
	uint8_t check[SHA256_LEN];
	struct bufs *bufs;	/* of raw and scratch, PROTO_CHUNK_SIZE each */
	uint8_t *raw, *scratch;
	struct extents bad;	/* unreadable ranges, zero-filled */
	double seconds;		/* ITEM_DATA, ITEM_ZERO: of a worker */
	bool probe, probed;	/* a curve is wanted; it is there */
	struct adapt_curve curve;
	int code;		/* ITEM_ERROR: -errno */
	struct err err;
};

/* NULL: out of memory. */
struct item *item_new(enum item_kind kind, size_t disk, uint64_t offset, uint64_t length);
void item_free(struct item *it);
DEFINE_CLEANUP(struct item *, item_free)

#endif
