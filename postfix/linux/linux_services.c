/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "hardware-services" and "hardware-modules": what data/services.tbl and data/modules.tbl
 * name is switched off, as "systemctl disable" and "update-rc.d disable" would: links go, nothing
 * is uninstalled.
 */
#include "postfix/linux/linux_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/linux/modlist.h"

#define UNITS	"/etc/systemd/system"

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static const struct tables_row *match_unit(const char *name)
{
	return tables_match(tables_services, tables_services_count, name);
}

/* One report line for each unit, however many links it had. */
static int say_once(struct fixer *f, struct machine_strv *said, const char *unit,
		    const struct tables_row *row)
{
	if (machine_strv_has(said, unit))
		return 0;
	fixer_say(f, "%s (%s): %s", unit, row->group, row->reason);
	return machine_strv_add(said, unit);
}

static int drop_link(struct fixer *f, const char *dir, const char *name, struct machine_strv *said,
		     struct err *err)
{
	CLEANUP(mem_free) char *path = NULL, *target = NULL;
	const struct tables_row *row = match_unit(name);
	const char *unit = name, *base;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_nomem(err);
	if (!row && strcmp(dir, UNITS) != 0)
		return 0;
	target = guest_readlink(f->guest, path);
	/* /dev/null masks the unit: as off as can be. */
	if (!target || strcmp(target, "/dev/null") == 0)
		return 0;
	if (!row) {
		/* An alias: another name for a unit of the table. */
		base = strrchr(target, '/');
		unit = base ? base + 1 : target;
		row = match_unit(unit);
	}
	if (!row)
		return 0;
	r = guest_edit_remove(&f->edits, path, err);
	if (r >= 0 && say_once(f, said, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int systemd_links(struct fixer *f, struct machine_strv *said, struct err *err)
{
	CLEANUP(guest_strings_free) char **top = guest_list(f->guest, UNITS, NULL);
	int r = 0;

	for (size_t i = 0; top && top[i] && r >= 0; i++) {
		CLEANUP(guest_strings_free) char **names = NULL;
		CLEANUP(mem_free) char *dir = NULL;

		if (!ends(top[i], ".wants") && !ends(top[i], ".requires")) {
			r = drop_link(f, UNITS, top[i], said, err);
			continue;
		}
		if (asprintf(&dir, UNITS "/%s", top[i]) < 0)
			return err_nomem(err);
		names = guest_list(f->guest, dir, NULL);
		for (size_t k = 0; names && names[k] && r >= 0; k++)
			r = drop_link(f, dir, names[k], said, err);
	}
	return r;
}

/* /etc/rc2.d/S03smartmontools -> /etc/rc2.d/K01smartmontools */
static int sysv_link(struct fixer *f, const char *dir, const char *name, struct machine_strv *said,
		     struct err *err)
{
	CLEANUP(mem_free) char *from = NULL, *to = NULL, *target = NULL;
	const struct tables_row *row;
	char unit[300];
	int r;

	if (name[0] != 'S' || !isdigit((unsigned char)name[1]) || !isdigit((unsigned char)name[2]))
		return 0;
	snprintf(unit, sizeof(unit), "%s.service", name + 3);
	row = match_unit(unit);
	if (!row)
		return 0;
	if (asprintf(&from, "%s/%s", dir, name) < 0 || asprintf(&to, "%s/K01%s", dir, name + 3) < 0)
		return err_nomem(err);
	target = guest_readlink(f->guest, from);
	if (!target)
		return 0;
	r = guest_edit_remove(&f->edits, from, err);
	if (r >= 0 && !guest_edit_exists(&f->edits, to))
		r = guest_edit_symlink(&f->edits, to, target, err);
	if (r >= 0 && say_once(f, said, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int sysv_links(struct fixer *f, struct machine_strv *said, struct err *err)
{
	static const char *const dirs[] = { "/etc/rcS.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d",
					    "/etc/rc5.d" };
	int r = 0;

	for (size_t d = 0; d < ARRAY_SIZE(dirs) && r >= 0; d++) {
		CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dirs[d], NULL);

		for (size_t i = 0; names && names[i] && r >= 0; i++)
			r = sysv_link(f, dirs[d], names[i], said, err);
	}
	return r;
}

int linux_services_detect(struct fixer *f, struct err *err)
{
	struct machine_strv said = { 0 };
	int r = systemd_links(f, &said, err);

	if (r >= 0)
		r = sysv_links(f, &said, err);
	for (size_t i = 0; i < said.n; i++)
		free(said.v[i]);
	free(said.v);
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

		if (!ends(names[i], ".conf"))
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
