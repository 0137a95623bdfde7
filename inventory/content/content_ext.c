/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ext2, ext3, ext4. The superblock is 1024 bytes at 1024, little-endian; fields and flags as in
 * the kernel's Documentation/filesystems/ext4/super.rst.
 */
#include "common/bytes.h"
#include "inventory/content/content.h"

#define SB_OFFSET	1024
#define SB_MAGIC	0x38
#define MAGIC		0xef53
#define SB_STATE	0x3a
#define STATE_CLEAN	0x1
#define STATE_ERRORS	0x2
#define SB_INCOMPAT	0x60
#define INCOMPAT_RECOVER 0x4
#define SB_READ		0x64

int content_ext(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint8_t sb[SB_READ];
	uint16_t state;
	int r = content_read(s, SB_OFFSET, sb, sizeof(sb), err);

	if (r < 0)
		return r;
	if (get_le16(sb + SB_MAGIC) != MAGIC)
		return err_set(err, EBADMSG, "the ext superblock has no magic number");
	state = get_le16(sb + SB_STATE);
	fs->dirty = (get_le32(sb + SB_INCOMPAT) & INCOMPAT_RECOVER) || !(state & STATE_CLEAN) ||
		    (state & STATE_ERRORS);
	return 0;
}
