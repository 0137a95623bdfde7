/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Buffers of one size that are used again: a fresh megabyte costs a system call and a page fault
 * for each of its pages, which is as much as hashing it.
 *
 * Any thread may take and give. A buffer's content is what its last user left in it.
 */
#ifndef P2V_COMMON_BUFS_H
#define P2V_COMMON_BUFS_H

#include <stddef.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct bufs;

/* Buffers of size bytes, aligned to align (a power of two); at most idle bytes lie unused. */
int bufs_new(size_t size, size_t align, size_t idle, struct bufs **ret) WARN_UNUSED;
/* Every buffer has been given back. */
void bufs_free(struct bufs *b);
DEFINE_CLEANUP(struct bufs *, bufs_free)

void *bufs_take(struct bufs *b);		/* NULL: out of memory */
void bufs_give(struct bufs *b, void *buf);	/* NULL is fine */

#endif
