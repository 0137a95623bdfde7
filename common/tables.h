/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known by its name: the pattern tables of postfix/data/, compiled in by
 * postfix/data/gen.sh (README.md there tells their format). The inventory recognises with them, the
 * fixer acts on them, so both speak of the same things in the same words.
 */
#ifndef P2V_COMMON_TABLES_H
#define P2V_COMMON_TABLES_H

#include <fnmatch.h>
#include <stddef.h>

struct tables_row {
	const char *group, *pattern, *reason;
};

/* systemd units bound to hardware */
extern const struct tables_row tables_services[];
extern const size_t tables_services_count;
/* services, drivers and filter drivers of Windows, names in lower case */
extern const struct tables_row tables_windows_services[];
extern const size_t tables_windows_services_count;
/* kernel modules bound to hardware */
extern const struct tables_row tables_modules[];
extern const size_t tables_modules_count;
/* modaliases of PCI and USB devices; the reason is what a virtual machine will lack */
extern const struct tables_row tables_devices[];
extern const size_t tables_devices_count;
/* units, or paths that are there; the reason is the software's name, the group its kind */
extern const struct tables_row tables_software[];
extern const size_t tables_software_count;
/* packages, by their names, or by paths that they leave (a pattern that begins with '/') */
extern const struct tables_row tables_packages[];
extern const size_t tables_packages_count;
/* files in cron's folders */
extern const struct tables_row tables_cron[];
extern const size_t tables_cron_count;
/* files of a system that name network interfaces; the reason is what they belong to */
extern const struct tables_row tables_netfiles[];
extern const size_t tables_netfiles_count;
/* drivers of virtio-win by the name of their INF; the reason is what they drive */
extern const struct tables_row tables_windows_drivers[];
extern const size_t tables_windows_drivers_count;
/* kernel arguments; the group is what becomes of one: "drop", "keep", "ask" */
extern const struct tables_row tables_kargs[];
extern const size_t tables_kargs_count;

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
