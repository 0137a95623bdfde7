/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btrfs. The superblock is 4 KiB at 64 KiB, little-endian: struct btrfs_super_block of the kernel's
 * btrfs_tree.h. The log tree holds what fsync() wrote since the last commit; a clean unmount leaves
 * none.
 */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "inventory/content/content.h"

#define SB_OFFSET	65536
#define SB_FSID		32
#define SB_BYTENR	48
#define SB_MAGIC	64
#define SB_LOG_ROOT	96
#define SB_NUM_DEVICES	136
#define SB_DEVID	201		/* of the device item inside the superblock */
#define SB_READ		209

int content_btrfs(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint64_t members;
	uint8_t sb[SB_READ];
	int r = content_read(s, SB_OFFSET, sb, sizeof(sb), err);

	if (r < 0)
		return r;
	if (memcmp(sb + SB_MAGIC, "_BHRfS_M", 8) != 0 || get_le64(sb + SB_BYTENR) != SB_OFFSET)
		return err_set(err, EBADMSG, "the btrfs superblock is not where it was written");
	fs->dirty = get_le64(sb + SB_LOG_ROOT) != 0;
	r = content_uuid(sb + SB_FSID, &fs->group_uuid, err);
	if (r == 0)
		r = content_set(&fs->role, err, "%" PRIu64, get_le64(sb + SB_DEVID));
	if (r < 0)
		return r;
	members = get_le64(sb + SB_NUM_DEVICES);
	if (members == 0 || members > UINT32_MAX)
		return err_set(err, EBADMSG, "the btrfs superblock has %" PRIu64 " devices",
			       members);
	fs->members = (uint32_t)members;
	return 0;
}
