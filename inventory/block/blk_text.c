/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the C library lacks for names; nothing is looked up here. */
#include "inventory/block/blk_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *blk_text_printf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}

char *blk_text_device(const char *name)
{
	char *s = strdup(name);

	for (char *p = s; p && *p; p++)
		if (*p == '!')
			*p = '/';
	return s;
}

bool blk_text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool blk_text_is_device(const char *sysname)
{
	const char *p = sysname;

	if (strlen(sysname) > 255)
		return false;
	for (const char *c = sysname; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '/' || *c == '\\')
			return false;
	/* Its components, between '!', are neither empty nor "." or "..". */
	for (;;) {
		size_t n = strcspn(p, "!");

		if (n == 0 || strncmp(p, "..", n) == 0)
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

int blk_text_add_once(struct machine_strv *v, const char *s)
{
	return machine_strv_has(v, s) ? 0 : machine_strv_add(v, s);
}
