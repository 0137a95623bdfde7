/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading the images back and holding them against what the agent said it sent: every chunk
 * against its SHA-256, every free or zero chunk against zeroes. On the way the digest of the whole
 * virtual disk is computed (disk_digest.h); it equals that of the source disk with its unused
 * blocks read as zeroes. What the image's tables alone show to be zeroes is gone over in runs, so
 * the time taken is that of what is used.
 *
 * Several chunks at a time: each of the threads has a reader of its own (qcow2_read.h, past the
 * page cache where that works), and results are taken in the order of the disk. Memory for each:
 * about 4 MiB and the image's L1 table. With threads = 0 the caller's thread does it all.
 */
#ifndef P2V_SERVER_VERIFY_H
#define P2V_SERVER_VERIFY_H

#include "common/extent.h"
#include "p2v-server/early.h"
#include "p2v-server/job.h"
#include "p2v-server/journal.h"

struct verify_result {
	struct extents *bad;		/* per image: chunks that do not read as sent */
	size_t n;
	uint64_t bad_bytes;
	uint64_t read_bytes;		/* that had to be read, of the disks */
};

/* Called about every chunk, or run of zeroes; a negative return stops the run with that code. */
typedef int verify_progress_fn(uint64_t done, uint64_t total, void *opaque);

/*
 * 0 when it ran to the end: look at ret->bad_bytes. On success of an image its digest in the job
 * is set (the caller saves). partial: the images still have their .partial names. early: what was
 * verified beside the copy need not be read again, as argued there; NULL: nothing was.
 */
int verify_job(struct job *j, const struct journal *journal, bool partial, unsigned int threads,
	       struct early *early, verify_progress_fn *progress, void *opaque,
	       struct verify_result *ret, struct err *err);
void verify_result_done(struct verify_result *r);
DEFINE_CLEANUP_VALUE(struct verify_result, verify_result_done)

#endif
