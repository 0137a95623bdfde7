/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What no tracker of block devices sees, or no freeze stops, found in /sys and /proc, with the way
 * round each. Through a sysroot, so that recorded machines are judged by the same code.
 *
 *	dax		a filesystem in DAX: its writes never become blocks
 *	pmem		persistent memory, which can be used so at any time
 *	write-back	a cache in front keeps what the disk has not: read and track the cache
 *	path		one path of a disk with several: track the map
 *	zoned		resets of zones have no length
 *	file		a loop device whose file may be written past it
 *	raw-writer	a program that writes to the device itself, and that no freeze stops
 *	no-count	the kernel does not count sectors, so nothing vouches for the tracker
 *
 * The first five mean that a hot copy of this disk is not to be trusted (refuse); the others are
 * to be seen to.
 */
#ifndef P2V_TRACK_TRACK_REFUSE_H
#define P2V_TRACK_TRACK_REFUSE_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "common/sysroot.h"

struct track_refusal {
	const char *id;		/* of the list above */
	bool refuse;
	char *what, *way;	/* a sentence each */
};

struct track_refusals {
	struct track_refusal *v;
	size_t n;
};

void track_refusals_done(struct track_refusals *r);
DEFINE_CLEANUP_VALUE(struct track_refusals, track_refusals_done)

/* Of one disk and all that is built on it; name as in /sys/block. Adds to *ret. */
int track_refuse(const struct sysroot *root, const char *name, struct track_refusals *ret,
		 struct err *err);

/*
 * The disks of this machine that a hot conversion reads: real ones, and in place of the paths of
 * one disk their map. Caller frees with strv_free.
 */
int track_refuse_pick(const struct sysroot *root, char ***ret, struct err *err);

#endif
