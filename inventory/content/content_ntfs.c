/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NTFS. A volume is dirty when Windows set its flag, or when its log was not closed.
 *
 * Full hibernation and Fast Startup leave the same header in hiberfil.sys: the difference, whether
 * users were logged off, is in the memory image itself. So fast_startup stays untouched here.
 */
#include "disk/ntfs_state.h"
#include "inventory/content/content.h"

int content_ntfs(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	const struct ntfs_source source = { .read_at = s->read_at, .arg = s->arg, .size = s->size };
	struct ntfs_state state = { 0 };
	int r = ntfs_state_read(&source, &state, err);

	fs->dirty = state.dirty || state.log_open;
	fs->hibernated = state.hibernated;
	return r;
}
