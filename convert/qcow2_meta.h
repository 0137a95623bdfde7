/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of an image being written: L1 in memory, L2 tables and refcount blocks in a bounded
 * cache, and the order in which they reach the disk. Internal to the qcow2 writer; one thread.
 *
 * Flushing. Any subset of the writes between two fdatasyncs may survive a power cut, torn at
 * sector borders, so what depends on what is separated by one:
 *
 *	1. data (written all along), refcount blocks, L2 tables that no L1 entry on disk knows
 *	   yet; then, only when the file grew into a new region, the refcount table after a sync
 *	2. fdatasync
 *	3. L2 tables in place, L1 entries
 *	4. fdatasync: the flush is durable
 *	5. refcounts of what step 3 let go are lowered; those clusters may now be used again
 *
 * Refcounts in memory are only raised before step 4 and only lowered after it, so the refcounts on
 * disk are never too low: a crash leaves leaked clusters at most. Step 5 is made durable by the
 * next flush; losing it leaks too, nothing else. A table written in place holds entries that are
 * each either old or new, and the clusters behind both are whole.
 *
 * Memory: QCOW2_META_TABLES * 64 KiB (16 MiB), 16 KiB of L1 and pointers per TiB of disk each, and
 * what qcow2_space.h says. A dirty table cannot leave the cache before a flush; when all are
 * dirty (writes scattered over more than 128 GiB of disk) the cache flushes on its own account.
 */
#ifndef P2V_CONVERT_QCOW2_META_H
#define P2V_CONVERT_QCOW2_META_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bitmap.h"
#include "common/err.h"
#include "convert/qcow2_data.h"
#include "convert/qcow2_layout.h"

#define QCOW2_META_TABLES	256

enum qcow2_table_kind {
	QCOW2_TABLE_L2,
	QCOW2_TABLE_REFBLOCK,
};

struct qcow2_table {
	struct qcow2_table *newer, *older;
	enum qcow2_table_kind kind;
	bool fresh;			/* an L2 table that no L1 entry on disk knows yet */
	uint32_t index;
	uint32_t dirty_lo, dirty_hi;	/* bytes that differ from the disk; empty: clean */
	uint8_t data[QCOW2_CLUSTER_SIZE];
};

struct qcow2_run {
	uint64_t cluster, count;
};

struct qcow2_meta {
	int fd;
	struct qcow2_data data;
	struct qcow2_layout lay;
	uint64_t *l1;			/* file offset of each L2 table, 0: none */
	uint32_t l1_lo, l1_hi;		/* entries that differ from the disk */
	struct qcow2_table **l2;	/* the cached ones, by L1 index */
	struct qcow2_table **refblock;	/* the cached ones, by region */
	struct qcow2_table *newest, *oldest;
	struct qcow2_table *pinned;	/* the L2 table last asked for: never evicted */
	unsigned int ntables;
	uint64_t regions;		/* refcount blocks that exist */
	uint64_t regions_known;		/* those that the refcount table on disk points to */
	uint64_t file_size;
	bool unsynced;			/* something was written since the last fdatasync */
	bool unordered;			/* no order to keep now: a dirty table may be evicted */
	bool failed;			/* the kernel lost a write, nothing can be vouched for */

	/* qcow2_space.c */
	uint64_t end;			/* clusters of the file in use or once used */
	struct bitmap *free;		/* reusable clusters below end; NULL: none */
	uint64_t nfree;
	uint64_t free_hint;		/* no free cluster lies below it */
	struct qcow2_run *dropped;	/* references to give up after the next flush */
	size_t ndropped, dropped_max;
	uint64_t dropped_clusters;
	uint64_t pack;			/* file offset where the next frame may go, 0: nowhere */

	/* qcow2_rebuild.c */
	struct bitmap *rebuilt;		/* regions whose block on disk is ours already; NULL: all */
};

/* m is zeroed first; fd is only borrowed. -ENOMEM. */
int qcow2_meta_init(struct qcow2_meta *m, int fd, const struct qcow2_layout *lay, struct err *err);
void qcow2_meta_done(struct qcow2_meta *m);

/*
 * The tables. An L2 table stays in the cache until another one is asked for, a refcount block
 * until anything else is. Getting one may flush. An L2 table that does not exist is NULL, or
 * created when create is set.
 */
int qcow2_meta_l2(struct qcow2_meta *m, uint64_t index, bool create, struct qcow2_table **ret,
		  struct err *err);
int qcow2_meta_refblock(struct qcow2_meta *m, uint64_t region, struct qcow2_table **ret,
			struct err *err);
/* The block of a region that the file grows into; all zero and dirty. */
int qcow2_meta_refblock_new(struct qcow2_meta *m, struct qcow2_table **ret, struct err *err);
uint64_t qcow2_meta_entry(const struct qcow2_table *t, uint32_t i);
void qcow2_meta_set_entry(struct qcow2_table *t, uint32_t i, uint64_t entry);
void qcow2_meta_set_l1(struct qcow2_meta *m, uint64_t index, uint64_t offset);
/* Every entry points to clusters that exist and may hold data. -EBADMSG. */
int qcow2_meta_check_l2(const struct qcow2_meta *m, const struct qcow2_table *t, struct err *err);
void qcow2_meta_mark(struct qcow2_table *t, uint32_t lo, uint32_t hi);

/*
 * All writes go through here: tables, raw clusters from a cluster's start on (pieces of memory that
 * follow each other in the file), packed frames.
 */
int qcow2_meta_pwrite(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
		      struct err *err);
int qcow2_meta_write_raw(struct qcow2_meta *m, const struct iovec *iov, int n, uint64_t offset,
			 struct err *err);
int qcow2_meta_patch_raw(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
			 struct err *err);
int qcow2_meta_pwrite_frame(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
			    struct err *err);
int qcow2_meta_sync(struct qcow2_meta *m, struct err *err);
/* Refcount table entries [lo, hi); regions that do not exist get none. */
int qcow2_meta_reftable(struct qcow2_meta *m, uint64_t lo, uint64_t hi, struct err *err);
int qcow2_meta_l1(struct qcow2_meta *m, struct err *err);	/* the changed L1 entries */
int qcow2_meta_header(struct qcow2_meta *m, bool dirty, struct err *err);
/* The steps above. After -EIO from fdatasync every later call fails too. */
int qcow2_meta_flush(struct qcow2_meta *m, struct err *err);
/* Write all dirty tables of one kind, in no order, without a sync. */
int qcow2_meta_write_tables(struct qcow2_meta *m, enum qcow2_table_kind kind, bool fresh_only,
			    struct err *err);

#endif
