/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Superblocks of Linux software RAID, as the kernel's md_p.h has them:
 *
 *	0.90	4 KiB in the last 64 KiB-aligned 64 KiB; 32-bit words in the byte order of the
 *		machine that made it; no name, but the number of the device it wants to be
 *	1.x	little-endian; 1.0 about 8 KiB before the end, 1.1 at 0, 1.2 at 4 KiB
 *
 * A member may carry old ones of other versions; the order in which they are looked for is that
 * of libblkid: 0.90, 1.0, 1.1, 1.2. One with a wrong checksum or place is no superblock.
 *
 * The parser is pure, and all it promises is that the bytes were as the checksum says: numbers may
 * still be absurd. Used by md_*.c, and by the inventory, which wants names and roles only
 * (inventory/content/content_md.c).
 */
#ifndef P2V_DISK_MD_SUPER_H
#define P2V_DISK_MD_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MD_SUPER_SIZE		4096u
#define MD_SUPER_PLACES		4u
#define MD_NAME_LEN		32u

#define MD_LEVEL_LINEAR		(-1)
#define MD_LEVEL_MULTIPATH	(-4)
#define MD_LEVEL_FAULTY		(-5)
#define MD_LEVEL_CONTAINER	(-1000000)

/* Roles. Below MD_ROLE_MAX: the member's place in the array. */
#define MD_ROLE_MAX		0xff00u
#define MD_ROLE_JOURNAL		0xfffdu
#define MD_ROLE_FAULTY		0xfffeu	/* also: missing */
#define MD_ROLE_SPARE		0xffffu
#define MD_ROLES_MAX		((MD_SUPER_SIZE - 256) / 2)

/* Feature bits of 1.x. */
#define MD_FEATURE_BITMAP	(1u << 0)
#define MD_FEATURE_RECOVERY	(1u << 1)
#define MD_FEATURE_RESHAPE	(1u << 2)
#define MD_FEATURE_BAD_BLOCKS	(1u << 3)
#define MD_FEATURE_REPLACEMENT	(1u << 4)
#define MD_FEATURE_CLUSTERED	(1u << 8)
#define MD_FEATURE_JOURNAL	(1u << 9)
#define MD_FEATURE_PPL		(1u << 10)
#define MD_FEATURE_PPLS		(1u << 11)
#define MD_FEATURE_RAID0_LAYOUT	(1u << 12)

struct md_super {			/* bytes, unless it says otherwise */
	unsigned int major, minor;	/* 0.90 or 1.0, 1.1, 1.2 */
	bool big_endian;		/* 0.90 only */
	uint64_t at;			/* where it was found */
	uint8_t uuid[16];		/* in the order in which it is written */
	uint8_t name[MD_NAME_LEN];	/* 1.x; ends at a NUL or with the field */
	uint32_t wanted;		/* 0.90: the number of the device */
	int32_t level;
	uint32_t layout, raid_disks;
	uint64_t chunk;
	uint64_t size;			/* of each member, what redundant levels use */
	uint64_t data_offset, data_size;
	uint64_t events;
	uint32_t features;		/* 1.x */
	bool clean;			/* stopped in order, nothing to be resynced */
	bool reshaping;
	bool recovering;		/* 0.90: this or another member is not in sync yet */
	/* 1.x: sectors, counted from the superblock; an offset of 0 is none. */
	int32_t bitmap_offset, bad_offset;
	uint32_t bad_sectors;		/* the log of bad blocks */
	uint32_t number;		/* the member's index among the roles */
	uint32_t role;			/* its own, as it says */
	uint32_t nroles;
	uint16_t roles[MD_ROLES_MAX];	/* of all members, by number */
};

/* The places where a member of that size may have one, in order; returns how many, <= 4. */
unsigned int md_super_places(uint64_t size, uint64_t ret[static MD_SUPER_PLACES]);
/* Does it begin like one, whatever the rest is worth? */
bool md_super_like(const uint8_t sb[static MD_SUPER_SIZE]);
/* The superblock that was read at that place; false: it is none, *ret is undefined. */
bool md_super_parse(const uint8_t sb[static MD_SUPER_SIZE], uint64_t at, struct md_super *ret);

#endif
