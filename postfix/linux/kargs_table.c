/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/kargs_table.h"

#include <stdio.h>
#include <string.h>

void kargs_table_name(const char *arg, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)strcspn(arg, "="), arg);
	for (char *p = buf; *p; p++)
		if (*p == '-')
			*p = '_';
}

const struct tables_row *kargs_table_find(const char *arg)
{
	const char *value = arg + strcspn(arg, "=");
	char name[128], whole[256];

	if (value - arg >= (ptrdiff_t)sizeof(name))
		return NULL;
	kargs_table_name(arg, name, sizeof(name));
	snprintf(whole, sizeof(whole), "%s%s", name, value);
	for (size_t i = 0; i < tables_kargs_count; i++) {
		const struct tables_row *row = &tables_kargs[i];

		if (fnmatch(row->pattern, strchr(row->pattern, '=') ? whole : name, 0) == 0)
			return row;
	}
	return NULL;
}
