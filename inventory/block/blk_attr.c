/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes of sysfs that should be readable when they are there. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/bytes.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

/*
 * Most errors are how an attribute says that it has nothing to tell (EINVAL, ENODATA, ENXIO, ...),
 * or that the device is gone (ENODEV). These say that something is hidden or broken.
 */
static bool is_odd(int r)
{
	static const int odd[] = {
		EACCES, EPERM, EIO, EFBIG, ELOOP, ENAMETOOLONG, EISDIR, ETIMEDOUT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		if (r == -odd[i])
			return true;
	return false;
}

int blk_attr_line(const struct blk_walk *b, char **ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL, *line = NULL;
	size_t len = 0;
	va_list ap;
	int r;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	if (!path)
		return -ENOMEM;
	r = sysroot_read(b->root, &line, &len, "%s", path);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return is_odd(r) ? collect_warn(b->m, "cannot read %s: %s", path, strerror(-r)) : 0;
	return collect_util_text(line, strcspn(line, "\n"), ret);
}

uint64_t blk_attr_sectors(const struct blk_walk *b, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	uint64_t sectors = 0, bytes = 0;
	va_list ap;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	if (path)
		collect_util_u64(b->root, &sectors, "%s", path);
	return u64_mul(sectors, 512, &bytes) && bytes <= INT64_MAX ? bytes : 0;
}
