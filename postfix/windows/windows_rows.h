/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of the table of fixes for Windows (windows_table.c) that are not about drivers, and what
 * they ask of each other. Internal to postfix/. What detect may do is said in windows.h.
 */
#ifndef P2V_POSTFIX_WINDOWS_ROWS_H
#define P2V_POSTFIX_WINDOWS_ROWS_H

#include <string.h>
#include "postfix/windows/windows.h"

/* Is key below the control set that Windows runs with? What is found in others is not told twice. */
static inline bool windows_rows_current(const struct fixer *f, const char *key)
{
	const char *set = f->windows->sets.v[0];

	return strncmp(key, set, strlen(set)) == 0;
}

int windows_services_detect(struct fixer *f, struct err *err);
int windows_boot_detect(struct fixer *f, struct err *err);
int windows_esp_detect(struct fixer *f, struct err *err);
int windows_network_detect(struct fixer *f, struct err *err);
int windows_firstboot_detect(struct fixer *f, struct err *err);

/*
 * Take out of the filters of all classes below key ("ControlSet001\Control\Class") what the table
 * of services names and, of classes that a start needs, what has no file.
 */
int windows_filters_drop(struct fixer *f, const char *key, struct err *err);
/* Does a rule of data/windows_services.tbl that counts for this Windows name it? NULL: none. */
const struct tables_row *windows_services_match(const struct windows *w, const char *name);
/*
 * Stage a file of the folder that the first boot works in ("network.txt"), unless it is in the
 * guest already. 1 staged, 0, -errno.
 */
int windows_firstboot_put(struct fixer *f, const char *name, const void *data, size_t len,
			  struct err *err);

#endif
