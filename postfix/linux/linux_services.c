/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "hardware-services" and "hardware-modules": what data/services.tbl and data/modules.tbl
 * name is switched off, as the guest's own tools would do it: links go, nothing is uninstalled.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/linux_units.h"
#include "postfix/linux/modlist.h"

/* Groups and units that the user wants to keep: --set keep-services=ups,smartd.service */
static bool is_kept(struct fixer *f, const char *unit, const struct tables_row *row)
{
	const char *keep = fixer_setting(f, "keep-services");

	return conftext_listed(keep, row->group) || conftext_listed(keep, unit);
}

static const struct tables_row *why_off(struct fixer *f, const char *unit)
{
	const struct tables_row *row = tables_match(tables_services, tables_services_count, unit);

	/* Multipath has a row of its own: without its names nothing may be found. */
	return row && strcmp(row->group, "multipath") != 0 && !is_kept(f, unit, row) ? row : NULL;
}

int linux_services_detect(struct fixer *f, struct err *err)
{
	int r = linux_units_off(f, why_off, err);

	return r < 0 ? r : 0;
}

static bool is_hardware_module(const char *module, void *opaque)
{
	char name[128];
	size_t i;

	(void)opaque;
	for (i = 0; module[i] && i < sizeof(name) - 1; i++)
		name[i] = module[i] == '-' ? '_' : module[i];
	name[i] = '\0';
	return tables_match(tables_modules, tables_modules_count, name) != NULL;
}

static int drop_modules(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv dropped = { 0 };
	int r = modlist_drop(text, is_hardware_module, NULL, ret, &dropped);

	for (size_t i = 0; i < dropped.n; i++) {
		fixer_say(f, "%s: %s", path, dropped.v[i]);
		free(dropped.v[i]);
	}
	free(dropped.v);
	return r;
}

/* A list that belongs to a package is not edited but overridden, as modules-load.d(5) has it. */
static int override_packaged(struct fixer *f, struct err *err)
{
	static const char dir[] = "/usr/lib/modules-load.d";
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *from = NULL, *over = NULL, *text = NULL, *to = NULL;
		int r;

		if (fnmatch("*.conf", names[i], 0) != 0)
			continue;
		if (asprintf(&from, "%s/%s", dir, names[i]) < 0 ||
		    asprintf(&over, "/etc/modules-load.d/%s", names[i]) < 0)
			return err_nomem(err);
		if (guest_edit_exists(&f->edits, over) ||
		    guest_edit_read(&f->edits, from, &text, NULL) < 0)
			continue;
		r = drop_modules(f, from, text, &to);
		if (r < 0)
			return err_nomem(err);
		r = r ? guest_edit_write(&f->edits, over, to, 0644, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int linux_modules_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/etc/modules", drop_modules, err);

	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/modules-load.d", "*.conf", drop_modules, err);
	if (r >= 0)
		r = override_packaged(f, err);
	return r < 0 ? r : 0;
}
