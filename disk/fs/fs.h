/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which bytes of a filesystem hold nothing: one reader for each kind, in fs_KIND.c.
 *
 * A reader gets the space that the filesystem lies in and a map of it, all set, of some granularity
 * (a power of two from 512 to 64 KiB). It clears what the filesystem itself proves free, and only
 * after every structure that the proof rests on has passed every check there is: magic, checksum,
 * clean state, no log to be replayed, features that are known, counts that agree with each other,
 * metadata marked used. Then it returns 1 and says by what it knows (*ret_why, "free-space
 * btrees").
 *
 * In any doubt it returns 0, and *ret_why is the reason ("journal needs recovery: all used", see
 * fs_doubt()); the map is thrown away. -errno is for ENOMEM and for what the disk said (-EIO): the
 * caller then takes all as used, too. *ret_why is malloc'd; it is set with 0 and 1 only.
 *
 * What every reader may count on: nobody writes to the space, all of it can be hostile. Memory must
 * not grow with the size of the filesystem by more than a few bytes per MiB, and time not by more
 * than one reading of its metadata. Nothing is written to the space, no library opens it by a path.
 *
 * A space that is live (space.h) is read through a view, which proves afterwards, or makes all
 * used, that nobody wrote to what was read. Where space.frozen is set the filesystem is mounted,
 * and was frozen when its beginning was read: it does not say "cleanly unmounted", and need not.
 */
#ifndef P2V_DISK_FS_FS_H
#define P2V_DISK_FS_FS_H

#include <stdarg.h>
#include <stddef.h>
#include "common/bitmap.h"
#include "common/compiler.h"
#include "common/err.h"
#include "disk/space.h"

typedef int fs_map_fn(const struct space *s, struct bitmap *map, char **ret_why, struct err *err);

/* ext2, ext3, ext4. */
fs_map_fn fs_ext_map;
/* NTFS. libntfs-3g has globals: one thread at a time (ntfs_state.h). */
fs_map_fn fs_ntfs_map;
/* FAT of 12, 16 and 32 bits. */
fs_map_fn fs_fat_map;
fs_map_fn fs_exfat_map;
/* Swap of Linux; the image of a hibernated system keeps all of it. */
fs_map_fn fs_swap_map;
/* XFS, v4 and v5. */
fs_map_fn fs_xfs_map;

/* The reader for what libblkid calls kind; NULL when there is none. */
fs_map_fn *fs_reader(const char *kind);

bool fs_is_ext(const char *kind);
/* Swap: what its pages hold means nothing, and its header stays as it is while it is in use. */
bool fs_needs_no_rest(const char *kind);

/* Why not, with ": all used" behind it; 0, or -ENOMEM. An earlier *why is freed. */
int fs_doubt(char **why, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
int fs_vdoubt(char **why, struct err *err, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
/*
 * How a reader ends whose checks came to r: what to return. With 1 the reason is known_by; with 0
 * it is *why, which is taken; with 0 and -errno the map (NULL: none) is all set again, whatever was
 * cleared on the way.
 */
int fs_conclude(int r, const char *known_by, struct bitmap *map, char **why, char **ret_why,
		struct err *err);

#endif
