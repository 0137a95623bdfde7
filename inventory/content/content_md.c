/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linux software RAID: the superblocks of the kernel's md_p.h.
 *
 *	0.90	4 KiB in the last 64 KiB-aligned 64 KiB; 32-bit words in the byte order of the
 *		machine that made it; no name, but the number of the device it wants to be
 *	1.x	little-endian; 1.0 about 8 KiB before the end, 1.1 at 0, 1.2 at 4 KiB
 *
 * A member may carry old ones of other versions; the order in which they are looked for is that
 * of libblkid: 0.90, 1.0, 1.1, 1.2. One with a wrong checksum or place is no superblock.
 */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/content/content.h"

#define MAGIC		0xa92b4efcu
#define SB_SIZE		4096u
#define RESERVED	65536u		/* 0.90: at the end */

/* 0.90, in words */
#define V0_MAJOR	1
#define V0_UUID0	5
#define V0_LEVEL	7
#define V0_RAID_DISKS	10
#define V0_MINOR	11
#define V0_UUID1	13		/* to 15 */
#define V0_CHECKSUM	38
#define V0_THIS_DISK	992		/* number, major, minor, raid_disk, state */
#define V0_WORDS	1024
#define V0_FAULTY	(1u << 0)
#define V0_ACTIVE	(1u << 1)
#define MINOR_MAX	((1u << 20) - 1)

/* 1.x, in bytes */
#define V1_MAJOR	4
#define V1_UUID		16
#define V1_NAME		32
#define V1_NAME_LEN	32
#define V1_LEVEL	72
#define V1_RAID_DISKS	92
#define V1_SECTOR	144
#define V1_DEV_NUMBER	160
#define V1_CHECKSUM	216
#define V1_MAX_DEV	220
#define V1_ROLES	256
#define V1_MAX_DEV_MAX	((SB_SIZE - V1_ROLES) / 2)
#define ROLE_MAX	0xff00u
#define ROLE_JOURNAL	0xfffdu
#define ROLE_FAULTY	0xfffeu
#define ROLE_SPARE	0xffffu

static int set_level(uint32_t level, struct machine_fs *fs, struct err *err)
{
	switch ((int32_t)level) {
	case -5:
		return content_set(&fs->level, err, "faulty");
	case -4:
		return content_set(&fs->level, err, "multipath");
	case -1:
		return content_set(&fs->level, err, "linear");
	case -1000000:
		return content_set(&fs->level, err, "container");
	default:
		return level <= 10 ? content_set(&fs->level, err, "raid%" PRIu32, level) : 0;
	}
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

static bool is_v0(const uint8_t *sb, bool *ret_big)
{
	uint64_t sum = 0;
	bool big = get_be32(sb) == MAGIC;

	if ((!big && get_le32(sb) != MAGIC) || word0(sb, V0_MAJOR, big) != 0)
		return false;
	for (unsigned int i = 0; i < V0_WORDS; i++)
		if (i != V0_CHECKSUM)
			sum += word0(sb, i, big);
	*ret_big = big;
	return fold(sum) == word0(sb, V0_CHECKSUM, big);
}

static int take_v0(const uint8_t *sb, bool big, struct machine_fs *fs, struct err *err)
{
	uint32_t state = word0(sb, V0_THIS_DISK + 4, big);
	uint32_t wanted = word0(sb, V0_MINOR, big);
	uint8_t uuid[16];
	int r;

	put_be32(uuid, word0(sb, V0_UUID0, big));
	for (unsigned int i = 0; i < 3; i++)
		put_be32(uuid + 4 + 4 * i, word0(sb, V0_UUID1 + i, big));
	fs->members = word0(sb, V0_RAID_DISKS, big);
	r = content_uuid(uuid, &fs->group_uuid, err);
	if (r == 0 && wanted <= MINOR_MAX)
		r = content_set(&fs->group, err, "md%" PRIu32, wanted);
	if (r == 0)
		r = set_level(word0(sb, V0_LEVEL, big), fs, err);
	if (r < 0)
		return r;
	if (state & V0_FAULTY)
		return content_set(&fs->role, err, "faulty");
	if (state & V0_ACTIVE)
		return content_set(&fs->role, err, "%" PRIu32, word0(sb, V0_THIS_DISK + 3, big));
	return content_set(&fs->role, err, "spare");
}

static bool is_v1(const uint8_t *sb, uint64_t offset)
{
	uint32_t max_dev = get_le32(sb + V1_MAX_DEV);
	uint64_t sum = 0;
	size_t len;

	if (get_le32(sb) != MAGIC || get_le32(sb + V1_MAJOR) != 1 || max_dev > V1_MAX_DEV_MAX ||
	    get_le64(sb + V1_SECTOR) != offset / 512)
		return false;
	len = V1_ROLES + 2 * max_dev;
	for (size_t i = 0; i + 4 <= len; i += 4)
		if (i != V1_CHECKSUM)
			sum += get_le32(sb + i);
	if (len % 4)
		sum += get_le16(sb + len - 2);
	return fold(sum) == get_le32(sb + V1_CHECKSUM);
}

static int take_v1(const uint8_t *sb, struct machine_fs *fs, struct err *err)
{
	uint32_t number = get_le32(sb + V1_DEV_NUMBER), role = ROLE_SPARE;
	int r;

	fs->members = get_le32(sb + V1_RAID_DISKS);
	if (number < get_le32(sb + V1_MAX_DEV))
		role = get_le16(sb + V1_ROLES + 2 * number);
	r = content_uuid(sb + V1_UUID, &fs->group_uuid, err);
	if (r == 0)
		r = content_text(sb + V1_NAME, V1_NAME_LEN, &fs->group, err);
	if (r == 0)
		r = set_level(get_le32(sb + V1_LEVEL), fs, err);
	if (r < 0)
		return r;
	if (role < ROLE_MAX)
		return content_set(&fs->role, err, "%" PRIu32, role);
	return content_set(&fs->role, err, "%s",
			   role == ROLE_FAULTY ? "faulty" :
			   role == ROLE_JOURNAL ? "journal" : "spare");
}

int content_md(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint64_t places[4];
	unsigned int n = 0;
	int unread = 0;

	if (s->size >= RESERVED)
		places[n++] = ALIGN_DOWN(s->size, RESERVED) - RESERVED;
	if (s->size >= 2 * 8192)
		places[n++] = ALIGN_DOWN(s->size / 512 - 16, 8) * 512;
	places[n++] = 0;
	places[n++] = 4096;
	for (unsigned int i = 0; i < n; i++) {
		struct err first = ERR_INIT;
		uint8_t sb[SB_SIZE];
		bool big = false;
		int r;

		if (!range_inside(places[i], sizeof(sb), s->size))
			continue;
		/* The others may still be readable, or have been recorded. */
		r = content_read(s, places[i], sb, sizeof(sb), &first);
		if (r < 0) {
			if (unread == 0)
				unread = err_set(err, first.code, "%s", first.text);
			continue;
		}
		if (is_v0(sb, &big))
			return take_v0(sb, big, fs, err);
		if (is_v1(sb, places[i]))
			return take_v1(sb, fs, err);
	}
	return unread < 0 ? unread : err_set(err, EBADMSG, "no md superblock is intact");
}
