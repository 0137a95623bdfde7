/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine of readahead.h is to the rest of it. */
#ifndef P2V_DISK_READAHEAD_ENGINE_H
#define P2V_DISK_READAHEAD_ENGINE_H

#include "disk/readahead.h"

struct readahead_read {
	const struct disk *disk;
	void *buf;
	size_t len;
	uint64_t offset;
	bool busy;		/* the kernel, or a thread, has it */
	bool good;		/* all bytes are there */
};

struct readahead_ops {
	const char *name;
	int (*new)(unsigned int max, unsigned int threads, void **ret, struct err *err);
	/* Sets busy, or leaves it false when the read cannot be started: nobody has it then. */
	void (*start)(void *engine, struct readahead_read *r);
	/* Returns when it is busy no more. Reads are waited for in the order they were started. */
	void (*wait)(void *engine, struct readahead_read *r);
	void (*free)(void *engine);	/* nothing is busy */
};

extern const struct readahead_ops readahead_uring_ops, readahead_threads_ops;

#endif
