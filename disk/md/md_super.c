/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Offsets and meanings: include/uapi/linux/raid/md_p.h and drivers/md/md.c of the kernel. */
#include "disk/md/md_super.h"

#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define MAGIC		0xa92b4efcu
#define RESERVED	65536u		/* 0.90: at the end */
#define SECTOR		512u

/* 0.90, in words */
#define V0_MAJOR	1
#define V0_MINOR_VER	2
#define V0_UUID0	5
#define V0_LEVEL	7
#define V0_SIZE		8		/* KiB */
#define V0_RAID_DISKS	10
#define V0_MINOR	11
#define V0_UUID1	13		/* to 15 */
#define V0_STATE	33
#define V0_CHECKSUM	38
#define V0_EVENTS	39		/* two words, in the order of the bytes */
#define V0_LAYOUT	64
#define V0_CHUNK	65		/* bytes */
#define V0_DISKS	128		/* number, major, minor, raid_disk, state */
#define V0_DISK_WORDS	32
#define V0_DISKS_MAX	27
#define V0_THIS_DISK	992
#define V0_WORDS	1024
#define V0_STATE_CLEAN	(1u << 0)
#define V0_FAULTY	(1u << 0)
#define V0_ACTIVE	(1u << 1)
#define V0_SYNC		(1u << 2)
#define V0_REMOVED	(1u << 3)
/* Minor versions: 90, or 91 while it is reshaped. */
#define V0_AT_REST	90

/* 1.x, in bytes */
#define V1_MAJOR	4
#define V1_FEATURES	8
#define V1_UUID		16
#define V1_NAME		32
#define V1_LEVEL	72
#define V1_LAYOUT	76
#define V1_SIZE		80		/* sectors */
#define V1_CHUNK	88		/* sectors */
#define V1_RAID_DISKS	92
#define V1_BITMAP	96
#define V1_RESHAPE	104
#define V1_DATA_OFFSET	128		/* sectors, as the next two */
#define V1_DATA_SIZE	136
#define V1_SECTOR	144
#define V1_DEV_NUMBER	160
#define V1_BAD_SECTORS	186
#define V1_BAD_OFFSET	188
#define V1_EVENTS	200
#define V1_RESYNC	208
#define V1_CHECKSUM	216
#define V1_MAX_DEV	220
#define V1_ROLES	256

unsigned int md_super_places(uint64_t size, uint64_t ret[static MD_SUPER_PLACES])
{
	uint64_t places[MD_SUPER_PLACES];
	unsigned int n = 0, kept = 0;

	if (size >= RESERVED)
		places[n++] = ALIGN_DOWN(size, RESERVED) - RESERVED;
	if (size >= 2 * 8192)
		places[n++] = ALIGN_DOWN(size / SECTOR - 16, 8) * SECTOR;
	places[n++] = 0;
	places[n++] = 4096;
	for (unsigned int i = 0; i < n; i++)
		if (range_inside(places[i], MD_SUPER_SIZE, size))
			ret[kept++] = places[i];
	return kept;
}

/* The sum folded once, as both versions do it. */
static uint32_t fold(uint64_t sum)
{
	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static uint32_t word0(const uint8_t *sb, unsigned int i, bool big)
{
	return big ? get_be32(sb + 4 * i) : get_le32(sb + 4 * i);
}

bool md_super_like(const uint8_t sb[static MD_SUPER_SIZE])
{
	return get_le32(sb) == MAGIC || get_be32(sb) == MAGIC;
}

static bool is_v0(const uint8_t *sb, bool big)
{
	uint64_t sum = 0;

	if (word0(sb, 0, big) != MAGIC || word0(sb, V0_MAJOR, big) != 0)
		return false;
	for (unsigned int i = 0; i < V0_WORDS; i++)
		if (i != V0_CHECKSUM)
			sum += word0(sb, i, big);
	return fold(sum) == word0(sb, V0_CHECKSUM, big);
}

/* What the kernel takes a listed member for. */
static uint16_t listed_role0(uint32_t state, uint32_t raid_disk)
{
	if (state & (V0_FAULTY | V0_REMOVED))
		return MD_ROLE_FAULTY;
	if ((state & (V0_ACTIVE | V0_SYNC)) && raid_disk < MD_ROLE_MAX)
		return (uint16_t)raid_disk;
	return MD_ROLE_SPARE;
}

static void take_v0(const uint8_t *sb, bool big, struct md_super *s)
{
	uint32_t state = word0(sb, V0_THIS_DISK + 4, big), high, low;

	put_be32(s->uuid, word0(sb, V0_UUID0, big));
	for (unsigned int i = 0; i < 3; i++)
		put_be32(s->uuid + 4 + 4 * i, word0(sb, V0_UUID1 + i, big));
	s->big_endian = big;
	s->minor = word0(sb, V0_MINOR_VER, big);
	s->wanted = word0(sb, V0_MINOR, big);
	s->level = (int32_t)word0(sb, V0_LEVEL, big);
	s->layout = word0(sb, V0_LAYOUT, big);
	s->raid_disks = word0(sb, V0_RAID_DISKS, big);
	s->chunk = word0(sb, V0_CHUNK, big);
	s->size = (uint64_t)word0(sb, V0_SIZE, big) * KIB;
	s->data_size = s->at;		/* all that is before it */
	high = word0(sb, V0_EVENTS + (big ? 0 : 1), big);
	low = word0(sb, V0_EVENTS + (big ? 1 : 0), big);
	s->events = (uint64_t)high << 32 | low;
	s->clean = word0(sb, V0_STATE, big) & V0_STATE_CLEAN;
	s->reshaping = s->minor != V0_AT_REST;
	s->number = word0(sb, V0_THIS_DISK, big);
	s->role = state & V0_FAULTY ? MD_ROLE_FAULTY :
		  state & V0_ACTIVE ? word0(sb, V0_THIS_DISK + 3, big) : MD_ROLE_SPARE;
	s->recovering = (state & V0_ACTIVE) && !(state & (V0_FAULTY | V0_SYNC));
	s->nroles = V0_DISKS_MAX;
	for (unsigned int i = 0; i < V0_DISKS_MAX; i++) {
		unsigned int at = V0_DISKS + V0_DISK_WORDS * i;

		state = word0(sb, at + 4, big);
		s->roles[i] = listed_role0(state, word0(sb, at + 3, big));
		if ((state & V0_ACTIVE) && !(state & (V0_FAULTY | V0_SYNC | V0_REMOVED)))
			s->recovering = true;
	}
}

static bool is_v1(const uint8_t *sb, uint64_t at)
{
	uint32_t max_dev = get_le32(sb + V1_MAX_DEV);
	uint64_t sum = 0;
	size_t len;

	if (get_le32(sb) != MAGIC || get_le32(sb + V1_MAJOR) != 1 || max_dev > MD_ROLES_MAX ||
	    get_le64(sb + V1_SECTOR) != at / SECTOR)
		return false;
	len = V1_ROLES + 2 * max_dev;
	for (size_t i = 0; i + 4 <= len; i += 4)
		if (i != V1_CHECKSUM)
			sum += get_le32(sb + i);
	if (len % 4)
		sum += get_le16(sb + len - 2);
	return fold(sum) == get_le32(sb + V1_CHECKSUM);
}

/* Sectors that are no number of bytes become too many bytes for any device. */
static uint64_t bytes(const uint8_t *sb, size_t at)
{
	uint64_t v;

	return u64_mul(get_le64(sb + at), SECTOR, &v) ? v : UINT64_MAX;
}

static void take_v1(const uint8_t *sb, struct md_super *s)
{
	s->major = 1;
	s->minor = s->at == 0 ? 1 : s->at == 4096 ? 2 : 0;
	memcpy(s->uuid, sb + V1_UUID, sizeof(s->uuid));
	memcpy(s->name, sb + V1_NAME, sizeof(s->name));
	s->features = get_le32(sb + V1_FEATURES);
	s->level = (int32_t)get_le32(sb + V1_LEVEL);
	s->layout = get_le32(sb + V1_LAYOUT);
	s->raid_disks = get_le32(sb + V1_RAID_DISKS);
	s->chunk = (uint64_t)get_le32(sb + V1_CHUNK) * SECTOR;
	s->size = bytes(sb, V1_SIZE);
	s->data_offset = bytes(sb, V1_DATA_OFFSET);
	s->data_size = bytes(sb, V1_DATA_SIZE);
	s->events = get_le64(sb + V1_EVENTS);
	s->clean = get_le64(sb + V1_RESYNC) == UINT64_MAX;
	/* The place up to which it got is only there with the feature. */
	s->reshaping = s->features & MD_FEATURE_RESHAPE;
	if (s->features & MD_FEATURE_BITMAP)
		s->bitmap_offset = (int32_t)get_le32(sb + V1_BITMAP);
	s->bad_sectors = get_le16(sb + V1_BAD_SECTORS);
	s->bad_offset = (int32_t)get_le32(sb + V1_BAD_OFFSET);
	s->number = get_le32(sb + V1_DEV_NUMBER);
	s->nroles = get_le32(sb + V1_MAX_DEV);
	for (unsigned int i = 0; i < s->nroles; i++)
		s->roles[i] = get_le16(sb + V1_ROLES + 2 * i);
	s->role = s->number < s->nroles ? s->roles[s->number] : MD_ROLE_SPARE;
}

bool md_super_parse(const uint8_t sb[static MD_SUPER_SIZE], uint64_t at, struct md_super *ret)
{
	bool big = get_be32(sb) == MAGIC;

	memset(ret, 0, sizeof(*ret));
	ret->at = at;
	if (is_v0(sb, big))
		take_v0(sb, big, ret);
	else if (is_v1(sb, at))
		take_v1(sb, ret);
	else
		return false;
	return true;
}
