/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a bitmap of clusters on disk, read from its beginning to its end, to the map: runs of free
 * clusters are joined, since the map rounds each run inwards to its own granules.
 */
#ifndef P2V_DISK_FS_SWEEP_H
#define P2V_DISK_FS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bitmap.h"

struct fs_sweep {
	struct bitmap *map;
	uint64_t offset;		/* of the first cluster */
	uint64_t cluster;		/* bytes */
	/* inside */
	uint64_t at, free_from;
	bool in_free;
};

/* The next n clusters, at most 64: bit 0 is the first, 1 is used. */
void fs_sweep_bits(struct fs_sweep *s, uint64_t word, unsigned int n);
/* The bits of buf, but no more than are left of clusters: bit 0 of byte 0 first. */
void fs_sweep_bytes(struct fs_sweep *s, const uint8_t *buf, size_t len, uint64_t clusters);
/* There are no more. */
void fs_sweep_end(struct fs_sweep *s);

#endif
