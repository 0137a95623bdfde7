/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XFS. The superblock is at 0, big-endian: struct xfs_dsb of the kernel's xfs_format.h. */
#include <string.h>
#include "inventory/content/content.h"

#define SB_INPROGRESS	126
#define SB_READ		128

int content_xfs(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint8_t sb[SB_READ];
	int r = content_read(s, 0, sb, sizeof(sb), err);

	if (r < 0)
		return r;
	if (memcmp(sb, "XFSB", 4) != 0)
		return err_set(err, EBADMSG, "the XFS superblock has no magic number");
	fs->dirty = sb[SB_INPROGRESS] != 0;
	return 0;
}
