/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pattern tables of postfix/data/, compiled in by postfix/data/gen.sh.
 */
#ifndef P2V_POSTFIX_TABLES_H
#define P2V_POSTFIX_TABLES_H

#include <fnmatch.h>
#include <stddef.h>

struct tables_row {
	const char *group, *pattern, *reason;
};

extern const struct tables_row tables_services[];
extern const size_t tables_services_count;
extern const struct tables_row tables_modules[];
extern const size_t tables_modules_count;

/* The rule that name falls under; NULL when there is none or an exception ("!pattern") matches. */
static inline const struct tables_row *tables_match(const struct tables_row *rows, size_t n,
						    const char *name)
{
	const struct tables_row *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].pattern[0] == '!') {
			if (fnmatch(rows[i].pattern + 1, name, 0) == 0)
				return NULL;
		} else if (!found && fnmatch(rows[i].pattern, name, 0) == 0) {
			found = &rows[i];
		}
	}
	return found;
}

#endif
