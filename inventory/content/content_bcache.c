/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bcache. The superblock is at 4 KiB, little-endian: struct cache_sb_disk of the kernel's
 * bcache_ondisk.h. A backing device that was never attached has a set UUID of its own making.
 */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "inventory/content/content.h"

#define SB_OFFSET	4096
#define SB_PLACE	8		/* in sectors */
#define SB_VERSION	16
#define SB_MAGIC	24
#define SB_SET_UUID	56
#define SB_FLAGS	104
#define BDEV_STATE(flags) ((flags) >> 61 & 3)
#define BDEV_DIRTY	2
#define SB_NR_IN_SET	196
#define SB_READ		208

static int role_of(uint64_t version, const char **ret)
{
	switch (version) {
	case 0:				/* cache */
	case 3:				/* with UUID */
	case 5:				/* with features */
		*ret = "cache";
		return 0;
	case 1:				/* backing device */
	case 4:				/* with a data offset */
	case 6:				/* with features */
		*ret = "backing";
		return 0;
	default:
		return -EBADMSG;
	}
}

int content_bcache(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	static const uint8_t magic[16] = {
		0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca,
		0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81,
	};
	const char *role;
	uint8_t sb[SB_READ];
	int r = content_read(s, SB_OFFSET, sb, sizeof(sb), err);

	if (r < 0)
		return r;
	if (memcmp(sb + SB_MAGIC, magic, sizeof(magic)) != 0 ||
	    get_le64(sb + SB_PLACE) != SB_OFFSET / 512)
		return err_set(err, EBADMSG, "the bcache superblock is not where it was written");
	if (role_of(get_le64(sb + SB_VERSION), &role) < 0)
		return err_set(err, EBADMSG, "the bcache superblock has the unknown version %"
			       PRIu64, get_le64(sb + SB_VERSION));
	r = content_set(&fs->role, err, "%s", role);
	if (r == 0)
		r = content_uuid(sb + SB_SET_UUID, &fs->group_uuid, err);
	if (r < 0)
		return r;
	if (strcmp(role, "cache") == 0)
		fs->members = get_le16(sb + SB_NR_IN_SET);
	else
		fs->dirty = BDEV_STATE(get_le64(sb + SB_FLAGS)) == BDEV_DIRTY;
	return 0;
}
