/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From disks to encoded chunks: each disk has a thread that walks its copy map, a pool of workers
 * hashes and compresses, and the owner takes finished items.
 *
 *	walk of disk 0 --+
 *	walk of disk 1 --+--> pool (zero test, SHA-256, zstd) --> pipeline_next(), the owner
 *	walk of ...    --+
 *
 * The items of one disk come in the order of the disk; those of several disks come as they are
 * read, so that a slow disk does not hold up a fast one. With threads = 0 one thread walks the
 * disks one after the other and reads nothing ahead: the serial twin.
 *
 * Memory is bounded: PIPELINE_AHEAD chunks being read, over all disks, and PIPELINE_CHUNKS being
 * encoded or waiting to be sent, each with as much scratch once it is compressed. The maps given
 * in must outlive the pipeline and not change.
 */
#ifndef P2V_AGENT_PIPELINE_H
#define P2V_AGENT_PIPELINE_H

#include "common/bitmap.h"
#include "disk/readahead.h"
#include "disk/reader.h"
#include "p2v-agent/item.h"
#include "p2v-agent/known.h"
#include "p2v-agent/source.h"
#include "p2v-agent/walk.h"

#define PIPELINE_CHUNKS 24
#define PIPELINE_AHEAD	24
/* Disks walked at the same time. */
#define PIPELINE_DISKS	8

struct pipeline;

struct pipeline_config {
	const struct source *source;
	enum walk_kind kind;
	const struct bitmap *const *maps; /* per disk, as walk.h's; NULL entries: everything */
	struct bitmap *const
		*have; /* per disk, granularity PROTO_CHUNK_SIZE; NULL entries: nothing there */
	struct known *const *known;	/* per disk: send only what differs; or NULL */
	enum reader_mode mode;
	enum readahead_engine engine;
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

/*
 * 0 and the next item (the caller frees it), or -EAGAIN: not ready, poll pipeline_fd(). Several
 * threads may take; the last item is one's, and the others get -EPIPE. -ENOMEM: there is no last
 * item.
 */
int pipeline_next(struct pipeline *p, struct item **ret);
int pipeline_fd(struct pipeline *p);
void pipeline_fd_clear(struct pipeline *p);
#endif
