/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal of an ext filesystem at rest. It is full of what was written long ago (64 MiB to
 * 1 GiB), and when nothing is to be replayed none of it will ever be read: a journal that starts
 * anew writes before it reads. Only its first block, the journal's superblock, is kept.
 *
 * That is believed when the journal is inside the filesystem; every block of its map has a
 * checksum (metadata_csum), for a wrong pointer would release a file's block; the copy of the
 * inode's map in the superblock is the same; and the journal's own superblock, with its checksum
 * where it has one, says that it is empty and without an error. Else all of it stays used, which is
 * no doubt of the rest.
 *
 * Formats: fs/ext4/ext4.h and include/linux/jbd2.h of Linux 6.1.
 */
#ifndef P2V_DISK_FS_EXT_JOURNAL_H
#define P2V_DISK_FS_EXT_JOURNAL_H

#include <ext2fs/ext2fs.h>
#include "common/extent.h"

/*
 * For a filesystem whose superblock and descriptors have passed their checks and whose block
 * bitmap is loaded: the bytes of the journal that hold nothing, into ret, which is empty; none
 * when it is not believed. -ENOMEM only.
 */
int ext_journal_unused(ext2_filsys fs, struct extents *ret);

#endif
