/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From disks to encoded chunks: one reader thread walks the copy maps, a pool of workers hashes
 * and compresses, and the owner takes finished items in the order of the walk.
 *
 *	reader thread --> pool (zero test, SHA-256, zstd) --> pipeline_next() on the owner's thread
 *
 * Memory is bounded: at most PIPELINE_CHUNKS chunks are in the pipeline, each with its raw bytes
 * and as much scratch. The maps given in must outlive the pipeline and not change.
 */
#ifndef P2V_AGENT_PIPELINE_H
#define P2V_AGENT_PIPELINE_H

#include "common/bitmap.h"
#include "disk/reader.h"
#include "p2v-agent/adapt.h"
#include "p2v-agent/source.h"
#include "wire/codec.h"

#define PIPELINE_CHUNKS 24

enum item_kind {
	ITEM_DATA,		/* data is ready to be sent */
	ITEM_ZERO,		/* a chunk that was read and is all zero */
	ITEM_FREE,		/* a run of chunks nobody uses */
	ITEM_ERROR,		/* reading failed: err says where; the last item */
	ITEM_END,		/* all disks walked; the last item */
};

struct item {
	enum item_kind kind;
	uint16_t disk;
	uint64_t offset, length;
	struct msg_data data;	/* ITEM_DATA: points into raw and scratch */
	uint8_t *raw, *scratch;
	struct extents bad;	/* unreadable ranges, zero-filled */
	double seconds;		/* ITEM_DATA, ITEM_ZERO: of a worker */
	bool probe, probed;	/* a curve is wanted; it is there */
	struct adapt_curve curve;
	int code;		/* ITEM_ERROR: -errno */
	struct err err;
};

struct pipeline;

struct pipeline_config {
	const struct source *source;
	struct bitmap *const
		*have; /* per disk, granularity PROTO_CHUNK_SIZE; NULL entries: nothing there */
	enum reader_mode mode;
	int level;			/* zstd level, 0 raw */
	bool probe;			/* measure a curve now and then */
	unsigned int threads;		/* 0: serial */
};

int pipeline_new(const struct pipeline_config *cfg, struct pipeline **ret, struct err *err);
/* Stops reading, joins the threads, frees what was in flight. */
void pipeline_free(struct pipeline *p);
DEFINE_CLEANUP(struct pipeline *, pipeline_free)

/* Of the chunks that are not encoded yet. */
void pipeline_set_level(struct pipeline *p, int level);

/* 0 and the next item (the caller frees it), or -EAGAIN: not ready, poll pipeline_fd(). */
int pipeline_next(struct pipeline *p, struct item **ret);
int pipeline_fd(struct pipeline *p);
void pipeline_fd_clear(struct pipeline *p);
void item_free(struct item *it);
DEFINE_CLEANUP(struct item *, item_free)

#endif
