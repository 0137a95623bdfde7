/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether an NTFS volume is at rest: its dirty flag, its log, and a system that sleeps in it. Asked
 * of libntfs-3g, which gets a device of our own making: it reads through the source, has no way to
 * write, and neither opens nor locks anything. Forensic read-only mounting also keeps it from
 * preparing writes (of the log) in memory.
 *
 * The library is used on bytes that can be hostile, and does not look for circles in an index: it
 * may read so much and no more (NTFS_STATE_READ_MAX), then every read fails.
 *
 * libntfs-3g keeps its log handler in a global variable: one thread at a time.
 */
#ifndef P2V_DISK_NTFS_STATE_H
#define P2V_DISK_NTFS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

#define NTFS_STATE_READ_MAX	(64u << 20)

struct ntfs_source {
	/* All of the bytes at offset, or -errno; the range is inside of size. */
	int (*read_at)(void *arg, uint64_t offset, void *buf, size_t len);
	void *arg;
	uint64_t size;
};

struct ntfs_state {
	bool dirty;			/* the volume's flag */
	bool log_open;			/* its log was not closed, or makes no sense */
	bool hibernated;		/* hiberfil.sys has an image that was not resumed */
};

/*
 * -EBADMSG when the structures cannot be understood; -ENOMEM; else what the source said. What was
 * found before that is in *ret.
 */
int ntfs_state_read(const struct ntfs_source *s, struct ntfs_state *ret, struct err *err);

#endif
