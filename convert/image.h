/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A target image being written: one table of operations, so that the writer thread does not know
 * the format. Offsets and lengths are bytes of the virtual disk. An image belongs to one thread.
 *
 * Durability: after flush() returns, everything written before it survives a power cut and the
 * file is a valid image. Between flushes a crash may lose what came since the last one, never
 * what came before. A range that is changed is undefined from the first change until the next
 * flush: a journal that vouched for it has to take that back, durably, before.
 *
 * Failure: an operation that failed may have been done in part, and may be tried again (-ENOMEM,
 * -ENOSPC). After a failed fdatasync every operation fails with -EIO; only taking the image up
 * anew helps.
 */
#ifndef P2V_CONVERT_IMAGE_H
#define P2V_CONVERT_IMAGE_H

#include <stdint.h>
#include "common/bitmap.h"
#include "common/cleanup.h"
#include "common/err.h"

#define IMAGE_MIXED_MAX	32u
#define IMAGE_BLOCK	4096u

struct image;

struct image_ops {
	const char *format;		/* "qcow2" */
	/*
	 * offset multiple of the cluster, length too but for the end of the disk. Memory from
	 * fdio_alloc() may save a copy.
	 */
	int (*write)(struct image *im, const void *buf, uint64_t offset, uint64_t length,
		     struct err *err);
	/*
	 * As write, for up to IMAGE_MIXED_MAX clusters; those whose bit is set in zero (bit 0: the
	 * first) read as zeroes whatever buf holds for them. Cheaper than one call for each run.
	 */
	int (*write_mixed)(struct image *im, const void *buf, uint64_t offset, uint64_t length,
			   uint32_t zero, struct err *err);
	/*
	 * One cluster at offset, given as a zstd frame of len bytes, no more than a cluster, that
	 * decodes to a whole cluster (which is not tried); the image was made for zstd.
	 */
	int (*write_compressed)(struct image *im, const void *frame, uint32_t len, uint64_t offset,
				struct err *err);
	/* The range reads as zeroes; aligned as for write. Cheap. */
	int (*zero)(struct image *im, uint64_t offset, uint64_t length, struct err *err);
	/*
	 * What was written last, durable or not: aligned as for write. -EBADMSG when a packed
	 * cluster does not decode.
	 */
	int (*read)(struct image *im, void *buf, uint64_t offset, uint64_t length, struct err *err);
	/*
	 * Other bytes for a part of what there is: offset multiple of IMAGE_BLOCK, length too but
	 * for the end of the disk. Cheap where clusters are raw; others become raw.
	 */
	int (*patch)(struct image *im, const void *buf, uint64_t offset, uint64_t length,
		     struct err *err);
	int (*flush)(struct image *im, struct err *err);
	/* flush, give free space back, close; the object is gone whatever is returned. */
	int (*close)(struct image *im, struct err *err);
	/* Close without making anything durable. */
	void (*abandon)(struct image *im);
};

struct image {
	const struct image_ops *ops;
	uint64_t size;
	uint32_t cluster;		/* bytes */
};

static inline void image_abandon(struct image *im)
{
	if (im)
		im->ops->abandon(im);
}
DEFINE_CLEANUP(struct image *, image_abandon)

#endif
