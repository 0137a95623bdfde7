/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-services": services and drivers of the old hardware, as data/windows_services.tbl
 * names them, do not start. Their keys stay, nothing is uninstalled: Start=4 is what the Services
 * console calls disabled, and the old value is in the report.
 *
 * A disabled driver that a device still wants as its filter keeps the device from starting, so the
 * filters (windows_filters.c) go first, by the same rules.
 *
 * Processor drivers: on XP and 2003 one of another maker's processor stops with 0x7E or 0xCE in a
 * virtual machine; without any the processor idles as well. From Vista on they look before they
 * act, and stay.
 */
#include "postfix/windows/windows_rows.h"

#include <ctype.h>
#include <string.h>

#include "common/tables.h"

#define START_DISABLED	4
#define NAME_MAX_LEN	256		/* longer names of keys are not allowed */

const struct tables_row *windows_services_match(const struct windows *w, const char *name)
{
	const struct tables_row *row;
	char low[NAME_MAX_LEN];
	size_t n = strlen(name);

	if (n >= sizeof(low))
		return NULL;
	for (size_t i = 0; i <= n; i++)
		low[i] = (char)tolower((unsigned char)name[i]);
	row = tables_match(tables_windows_services, tables_windows_services_count, low);
	if (row && w->major >= 6 && strncmp(row->group, "legacy-", 7) == 0)
		return NULL;
	return row;
}

static int disable(struct fixer *f, const char *services, const char *name, struct err *err)
{
	struct hive *h = f->windows->system;
	const struct tables_row *row = windows_services_match(f->windows, name);
	CLEANUP(mem_free) char *key = NULL;
	char safe[80];
	uint32_t start;
	int r;

	if (!row)
		return 0;
	if (asprintf(&key, "%s\\%s", services, name) < 0)
		return err_nomem(err);
	r = hive_get_dword(h, key, "Start", &start, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -ENOENT || (r >= 0 && start == START_DISABLED))
		return 0;
	text_escape_str(name, safe, sizeof(safe));
	if (r < 0) {
		fixer_say(f, "%s: its Start is no number, left alone", safe);
		return 0;
	}
	r = hive_set_dword(h, key, "Start", START_DISABLED, err);
	if (r > 0 && windows_rows_current(f, services))
		fixer_say(f, "%s (%s): %s; its Start was %u", safe, row->group, row->reason, start);
	return r;
}

static int disable_all(struct fixer *f, const char *services, struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv names = { 0 };
	int r = hive_subkeys(f->windows->system, services, &names, err);

	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = disable(f, services, names.v[i], err);
	return r;
}

int windows_services_detect(struct fixer *f, struct err *err)
{
	int r = windows_each_set(f, "Control\\Class", windows_filters_drop, err);

	if (r >= 0)
		r = windows_each_set(f, "Services", disable_all, err);
	return r < 0 ? r : windows_done(f);
}
