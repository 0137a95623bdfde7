/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel counts of a disk: /sys/block/NAME/stat (Documentation/block/stat.rst), and
 * whether it counts at all.
 */
#ifndef P2V_TRACK_DISKSTAT_H
#define P2V_TRACK_DISKSTAT_H

#include <stdbool.h>
#include <stdint.h>
#include "common/sysroot.h"

struct diskstat {
	uint64_t sectors;	/* written and discarded, of 512 bytes, completed */
	uint64_t in_flight;	/* reads and writes */
};

/* The text of a stat file; -EBADMSG when it has no 11 numbers. */
int diskstat_parse(const char *text, struct diskstat *ret);
/* -ENOENT when the kernel does not count (queue/iostats is 0), or there is no such disk. */
int diskstat_read(const struct sysroot *root, const char *name, struct diskstat *ret);

#endif
