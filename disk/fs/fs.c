/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which reader for which kind, and what the readers share. */
#include "disk/fs/fs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"

fs_map_fn *fs_reader(const char *kind)
{
	static const struct {
		const char *kind;
		fs_map_fn *fn;
	} table[] = {
		{ "ext2", fs_ext_map },
		{ "ext3", fs_ext_map },
		{ "ext4", fs_ext_map },
		{ "ext4dev", fs_ext_map },
		{ "ntfs", fs_ntfs_map },
		{ "vfat", fs_fat_map },
		{ "exfat", fs_exfat_map },
		{ "swap", fs_swap_map },
		{ "swsuspend", fs_swap_map },
		{ "xfs", fs_xfs_map },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].kind, kind) == 0)
			return table[i].fn;
	return NULL;
}

int fs_doubt(char **why, struct err *err, const char *fmt, ...)
{
	CLEANUP(mem_free) char *reason = NULL;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	reason = text_vformat(fmt, ap);
	va_end(ap);
	text = reason ? text_format("%s: all used", reason) : NULL;
	if (!text)
		return err_nomem(err);
	free(*why);
	*why = text;
	return 0;
}
