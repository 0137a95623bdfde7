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

bool fs_is_ext(const char *kind)
{
	return fs_reader(kind) == fs_ext_map;
}

bool fs_needs_no_rest(const char *kind)
{
	return fs_reader(kind) == fs_swap_map;
}

int fs_vdoubt(char **why, struct err *err, const char *fmt, va_list ap)
{
	CLEANUP(mem_free) char *reason = text_vformat(fmt, ap);
	char *text = reason ? text_format("%s: all used", reason) : NULL;

	if (!text)
		return err_nomem(err);
	free(*why);
	*why = text;
	return 0;
}

int fs_doubt(char **why, struct err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fs_vdoubt(why, err, fmt, ap);
	va_end(ap);
	return r;
}

int fs_conclude(int r, const char *known_by, struct bitmap *map, char **why, char **ret_why,
		struct err *err)
{
	char *text = NULL;

	if (r > 0) {
		text = strdup(known_by);
		if (!text)
			r = err_nomem(err);
	} else if (r == 0) {
		text = TAKE_PTR(*why);
	}
	if (r <= 0 && map)
		bitmap_set_all(map);
	if (r >= 0)
		*ret_why = text;
	return r;
}
