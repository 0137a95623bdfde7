/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Intel firmware RAID (Rapid Storage, VROC). The anchor sector is the last but one of the disk;
 * metadata longer than a sector goes on in the sectors before the anchor. Little-endian; the
 * layout is that of mdadm's super-intel.c, the only public description:
 *
 *	0	signature, version | checksum | size | family | ... | number of disks, of volumes
 *	216	disks, 48 bytes each: serial number, size, status
 *	...	volumes: name, size, ..., then one map, or two while it migrates
 *
 * All members hold the same; which of the disks this one is, only its serial number tells.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/content/content.h"

#define SIGNATURE	"Intel Raid ISM Cfg Sig. "
#define H_CHECKSUM	32
#define H_SIZE		36
#define H_FAMILY	40
#define H_DISKS		56
#define H_VOLUMES	57
#define H_FAMILY_FIRST	64		/* 0: it never changed */
#define SIZE_MAX_	(64u << 10)

#define DISK		216
#define DISK_LEN	48
#define DISK_STATUS	24
#define STATUS_SPARE	0x01u

#define VOLUME_NAME_LEN	16
#define VOLUME_MAP	112		/* from the volume's start */
#define MAP_LEVEL	15
#define MAP_MEMBERS	16
#define MAP_READ	18

/* The metadata in one piece: *ret is malloc'd, *ret_len bytes. 0 with *ret NULL: no anchor here. */
static int read_metadata(const struct content_source *s, uint64_t sector, uint8_t **ret,
			 size_t *ret_len, struct err *err)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	uint64_t at = s->size - 2 * sector;
	uint32_t size, sum = 0;
	uint8_t anchor[512];
	size_t rest;
	int r = content_read(s, at, anchor, sizeof(anchor), err);

	if (r < 0 || memcmp(anchor, SIGNATURE, strlen(SIGNATURE)) != 0)
		return r;
	size = get_le32(anchor + H_SIZE);
	if (size < DISK || size > SIZE_MAX_ || size % 4)
		return err_set(err, EBADMSG, "the Intel RAID metadata has the impossible size %"
			       PRIu32, size);
	rest = ALIGN_UP((size_t)size, (size_t)sector) - sector;
	buf = malloc(sector + rest);
	if (!buf)
		return err_nomem(err);
	r = content_read(s, at, buf, sector, err);
	if (r == 0 && rest > 0)
		r = rest > at ? err_set(err, EBADMSG, "the Intel RAID metadata begins before the "
					"disk") :
				content_read(s, at - rest, buf + sector, rest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < size; i += 4)
		if (i != H_CHECKSUM)
			sum += get_le32(buf + i);
	if (sum != get_le32(buf + H_CHECKSUM))
		return err_set(err, EBADMSG, "the Intel RAID metadata has a wrong checksum");
	*ret = TAKE_PTR(buf);
	*ret_len = size;
	return 0;
}

static int take_volume(const uint8_t *p, struct machine_fs *fs, struct err *err)
{
	const uint8_t *map = p + VOLUME_MAP;
	unsigned int level = map[MAP_LEVEL], members = map[MAP_MEMBERS];
	int r = content_text(p, VOLUME_NAME_LEN, &fs->group, err);

	/* Four disks as "RAID 1" are its word for RAID 10. */
	if (level == 1 && members > 2)
		level = 10;
	fs->members = members;
	return r == 0 ? content_set(&fs->level, err, "raid%u", level) : r;
}

int content_imsm(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	static const uint64_t sectors[] = { 512, 4096 };
	CLEANUP(mem_free) uint8_t *m = NULL;
	size_t len = 0, volume;
	uint32_t family;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sectors) && !m; i++) {
		if (s->size < 2 * sectors[i])
			break;
		r = read_metadata(s, sectors[i], &m, &len, err);
		if (r < 0)
			return r;
	}
	if (!m)
		return err_set(err, EBADMSG, "there is no Intel RAID metadata at its end");
	family = get_le32(m + H_FAMILY_FIRST);
	if (family == 0)
		family = get_le32(m + H_FAMILY);
	r = content_set(&fs->group_uuid, err, "%08" PRIx32, family);
	if (r < 0)
		return r;
	volume = DISK + (size_t)m[H_DISKS] * DISK_LEN;
	if (volume > len)
		return err_set(err, EBADMSG, "the Intel RAID metadata lacks disks");
	if (m[H_VOLUMES] == 0)
		return m[H_DISKS] == 1 && (get_le32(m + DISK + DISK_STATUS) & STATUS_SPARE) ?
		       content_set(&fs->role, err, "spare") : 0;
	if (!range_inside(volume, VOLUME_MAP + MAP_READ, len))
		return err_set(err, EBADMSG, "the Intel RAID metadata lacks volumes");
	return take_volume(m + volume, fs, err);
}
