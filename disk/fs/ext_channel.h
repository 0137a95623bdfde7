/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A space as libext2fs sees it: an I/O manager of our own that knows only how to read, inside the
 * space. Nothing of libext2fs opens a file or writes anything. Metadata is small and lies together,
 * so a window is read at once.
 *
 * libext2fs has one word for whatever goes wrong with a disk. What really happened first is in code
 * and err.
 *
 * The filesystem that ext_channel_open_fs() opens uses the channel until it is freed. One thread.
 */
#ifndef P2V_DISK_FS_EXT_CHANNEL_H
#define P2V_DISK_FS_EXT_CHANNEL_H

#include <ext2fs/ext2fs.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "disk/space.h"

struct ext_channel {
	const struct space *space;	/* set by the caller; the rest is zero */
	uint8_t *window;
	uint64_t window_offset, window_length;
	int code;			/* the first failure of the disk, -errno, and its words */
	struct err err;
};

/* What libext2fs says; *ret is ext2fs_free()d by the caller, before ext_channel_done(). */
errcode_t ext_channel_open_fs(struct ext_channel *c, ext2_filsys *ret);
void ext_channel_done(struct ext_channel *c);
DEFINE_CLEANUP_VALUE(struct ext_channel, ext_channel_done)

#endif
