/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory in which marks are kept, one array of 64-bit words for all disks, written by programs
 * in the kernel (through an mmap) or by a reader's thread, and harvested here. Pure: no I/O.
 *
 *	base                                                     of one disk, in words
 *	| fine | coarse | ever fine | ever coarse | taken |
 *
 * fine has a bit for each granule. coarse has one for 512 granules: an event of more than 64 words
 * of fine is marked there, so that no program runs long; at both its ends it marks somewhat more.
 * ever is the same again, and never cleared. taken has a bit for each 64 KiB that were harvested
 * and are not settled: should the harvester be killed, his successor finds there what may have
 * been lost with him.
 *
 * Harvest, for each word: read it, note its bits in taken, then clear just these bits by an atomic
 * AND. A bit that is set in between stays or is set again; one that is cleared is noted before. So
 * there is no instruction at which a kill loses a mark.
 *
 * Many may mark; one thread harvests.
 */
#ifndef P2V_TRACK_MARKS_H
#define P2V_TRACK_MARKS_H

#include <stdint.h>
#include "common/bitmap.h"

#define MARKS_COARSE_SHIFT	9u	/* granules of a coarse bit */
#define MARKS_FINE_WORDS_MAX	64u	/* an event over more words is marked coarse */
#define MARKS_TAKEN_SHIFT	16u	/* bytes of a bit of taken */

struct marks_disk {
	uint64_t size;		/* bytes */
	uint32_t shift;		/* granule */
	uint32_t base;		/* first word */
	uint32_t fine, coarse, taken;	/* words of each part */
	uint32_t words;		/* all, whole cache lines */
};

/* Lay a disk out from word base; -EFBIG when the array would have 2^31 words or more. */
int marks_layout(uint64_t size, unsigned int shift, uint32_t base, struct marks_disk *ret);
/* Words from base to the ever part, which has the places of the first two. */
static inline uint32_t marks_ever_offset(const struct marks_disk *d)
{
	return d->fine + d->coarse;
}

/*
 * The largest granule of 4 to 64 KiB is fine enough; the smallest with which all disks of these
 * sizes stay within memory is taken: *ret_shift. Fixed shifts (not 0) stay.
 */
unsigned int marks_shift(const uint64_t *sizes, size_t n, uint64_t memory);

/*
 * Mark [sector, sector + bytes) as the programs do. False when a part of it is past the end; what
 * lies on the disk is marked then.
 */
bool marks_mark(uint64_t *words, const struct marks_disk *d, uint64_t sector, uint64_t bytes);

/* As track_harvest(). again: give also what is taken and not settled. */
int marks_harvest(uint64_t *words, const struct marks_disk *d, bool again, struct bitmap *into,
		  uint64_t *ret_bytes);
void marks_settled(uint64_t *words, const struct marks_disk *d);
/* into may be NULL, to count. */
int marks_ever(const uint64_t *words, const struct marks_disk *d, struct bitmap *into,
	       uint64_t *ret_bytes);

#endif
