/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spaces of the RAID levels that space.h does not have: 10, and those with parity. Internal to
 * md_*.c. Pieces are the members' data, by their place in the array, all of one length.
 *
 * RAID 10
 *	Chunk by chunk every copy is known, and read from the first that can be. All copies are
 *	released together. Where they lie differently within clusters (members are, or chunks are
 *	small), rounding may keep a copy when another is lost. That is harmless, as with RAID 1:
 *	they then differ in bytes that nobody reads before writing them.
 *
 * RAID 4, 5, 6
 *	Data chunks are read as they lie, parity is not asked. Releasing is another matter. Byte x
 *	of all members (data, P, Q) belongs together, in "row" x; a row in which some data was left
 *	out and parity was copied is a broken one, and the next member to fail would be rebuilt
 *	out of it. So the rule is
 *
 *		at every x either all members' bytes are copied, or none is.
 *
 *	What is not copied reads as zeroes, and P and Q of zeroes are zero: such a row is consistent
 *	in RAID 4, 5 and 6. (So the copy must begin as zeroes. An image does.) The rule is kept
 *	like this:
 *
 *	- Neighbouring releases are joined; only rows of chunks that lie in them wholly count. A
 *	  row that is partly free stays used.
 *	- Disks clear whole clusters, so of those rows only such windows are handed down as are
 *	  whole clusters on every disk. They are so on all or none when all members' data begins
 *	  at the same place within a cluster; if it does not, or if a member does not lie in one
 *	  piece on a disk, nothing of the array is released, ever. With whole clusters there is no
 *	  rounding, and nothing to be joined with a neighbour.
 *	- The edges of each disk are always copied (usedmap.h); no window reaches into the edge of
 *	  any of them.
 *
 *	member A	|..cluster..|..cluster..|..cluster..|
 *	member B	      |..cluster..|..cluster..|		data_offset differs: never
 */
#ifndef P2V_DISK_MD_RAID_H
#define P2V_DISK_MD_RAID_H

#include "disk/space.h"

/* Layouts as the kernel numbers them. */
#define MD_LAYOUT_LEFT_ASYMMETRIC	0u
#define MD_LAYOUT_RIGHT_ASYMMETRIC	1u
#define MD_LAYOUT_LEFT_SYMMETRIC	2u
#define MD_LAYOUT_RIGHT_SYMMETRIC	3u
#define MD_LAYOUT_PARITY_FIRST		4u
#define MD_LAYOUT_PARITY_LAST		5u

/* Bytes 0 and 1: near and far copies; bit 16: the far ones in the next row ("offset"). */
#define MD_LAYOUT10_OFFSET		(1u << 16)

/* Is it a layout that mdadm makes, of no more copies than members? */
bool md_raid10_known(uint32_t layout, size_t n);
/* Is there a copy of every chunk? Of a known layout. */
bool md_raid10_complete(const struct space_piece *pieces, size_t n, uint32_t layout);
/* chunk: a power of two. -EINVAL when nothing fits. */
int md_raid10_new(const struct space_piece *pieces, size_t n, uint32_t layout, uint64_t chunk,
		  const char *name, struct space **ret, struct err *err);

/* parity: 1 or 2 of the n > parity members. layout: one of the above. The same. */
int md_parity_new(const struct space_piece *pieces, size_t n, unsigned int parity, uint32_t layout,
		  uint64_t chunk, const char *name, struct space **ret, struct err *err);
/* Can anything of it be released? */
bool md_parity_releases(const struct space *s);

#endif
