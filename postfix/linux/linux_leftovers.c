/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "graphics", "hardware-cron", "vendor-packages" and "by-hand": what was installed for the
 * hardware and is in the way, and what only a person can decide.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/devconf.h"
#include "postfix/linux/linux_notes.h"
#include "postfix/linux/pkglist.h"

/* ---- graphics */

static int xorg_file(struct fixer *f, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *why = NULL, *aside = NULL;
	int r = guest_edit_read(&f->edits, path, &text, NULL);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	if (devconf_xorg(text, &why) < 0 || asprintf(&aside, "%s.p2v", path) < 0)
		return err_nomem(err);
	if (!why)
		return 0;
	fixer_say(f, "%s names a graphics card that is gone (%s): kept as %s", path, why, aside);
	r = guest_edit_write(&f->edits, aside, text, 0644, err);
	return r < 0 ? r : guest_edit_remove(&f->edits, path, err);
}

int linux_graphics_detect(struct fixer *f, struct err *err)
{
	static const char dir[] = "/etc/X11/xorg.conf.d";
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);
	int r = xorg_file(f, "/etc/X11/xorg.conf", err);

	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *path = NULL;

		if (fnmatch("*.conf", names[i], 0) != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, names[i]) < 0)
			return err_nomem(err);
		r = xorg_file(f, path, err);
	}
	return r < 0 ? r : 0;
}

/* ---- cron */

static const struct tables_row *match_job(const char *name)
{
	return tables_match(tables_cron, tables_cron_count, name);
}

static int cron_off(struct fixer *f, const char *path, bool script, const struct tables_row *row,
		    struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	int r = guest_edit_read(&f->edits, path, &text, NULL);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	r = script ? devconf_script_off(text, &to) : devconf_cron_off(text, &to);
	if (r < 0)
		return err_nomem(err);
	if (!r)
		return 0;
	fixer_say(f, "%s (%s): %s", path, row->group, row->reason);
	return guest_edit_write(&f->edits, path, to, 0644, err);
}

int linux_cron_detect(struct fixer *f, struct err *err)
{
	static const char *const dirs[] = { "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily",
					    "/etc/cron.weekly", "/etc/cron.monthly",
					    "/etc/periodic/15min", "/etc/periodic/hourly",
					    "/etc/periodic/daily", "/etc/periodic/weekly",
					    "/etc/periodic/monthly" };
	int r = 0;

	for (size_t d = 0; d < ARRAY_SIZE(dirs) && r >= 0; d++) {
		CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dirs[d], NULL);

		for (size_t i = 0; names && names[i] && r >= 0; i++) {
			const struct tables_row *row = match_job(names[i]);
			CLEANUP(mem_free) char *path = NULL;

			if (!row)
				continue;
			if (asprintf(&path, "%s/%s", dirs[d], names[i]) < 0)
				return err_nomem(err);
			r = cron_off(f, path, d > 0, row, err);
		}
	}
	return r < 0 ? r : 0;
}

/* ---- packages */

#define DB_MAX	GUEST_DATA_MAX

static int on_package(const char *name, const char *version, void *opaque)
{
	struct fixer *f = opaque;
	const struct tables_row *row = tables_match(tables_packages, tables_packages_count, name);

	if (row && *row->pattern != '/')
		fixer_say(f, "%s %s (%s): %s", name, version, row->group, row->reason);
	return 0;
}

/* Is there something that the pattern matches? Only its last component may be one. */
static bool path_is_there(struct fixer *f, const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	CLEANUP(mem_free) char *dir = NULL;
	CLEANUP(guest_strings_free) char **names = NULL;

	if (!strpbrk(slash, "*?["))
		return guest_edit_exists(&f->edits, pattern);
	dir = strndup(pattern, (size_t)(slash - pattern));
	names = dir ? guest_list(f->guest, dir, NULL) : NULL;
	for (size_t i = 0; names && names[i]; i++)
		if (fnmatch(slash + 1, names[i], 0) == 0)
			return true;
	return false;
}

static int read_db(struct fixer *f, const char *path,
		   int (*walk)(const char *text, size_t n, pkglist_fn *fn, void *opaque))
{
	CLEANUP(mem_free) char *text = NULL;
	size_t n = 0;

	if (guest_read(f->guest, path, DB_MAX, &text, &n, NULL) < 0)
		return 0;
	return walk(text, n, on_package, f);
}

int linux_packages_detect(struct fixer *f, struct err *err)
{
	size_t before = f->detail.len;
	bool deb, apk;

	(void)err;
	deb = guest_is_file(f->guest, "/var/lib/dpkg/status");
	apk = guest_is_file(f->guest, "/lib/apk/db/installed");
	if (deb)
		read_db(f, "/var/lib/dpkg/status", pkglist_dpkg);
	if (apk)
		read_db(f, "/lib/apk/db/installed", pkglist_apk);
	for (size_t i = 0; i < tables_packages_count; i++) {
		const struct tables_row *row = &tables_packages[i];

		if (*row->pattern == '/' && path_is_there(f, row->pattern))
			fixer_say(f, "%s (%s): %s", row->pattern, row->group, row->reason);
	}
	if (f->detail.len > before)
		fixer_say(f, "these stay installed; to remove them: %s",
			  deb ? "apt-get purge" : apk ? "apk del" : "rpm -e, or the maker's own "
			  "uninstaller");
	return 0;
}

/* ---- what a person has to look at */

static int tell_software(struct fixer *f)
{
	static const struct {
		const char *group, *what;
	} groups[] = {
		{ "licence", "may be bound to the hardware or its addresses" },
		{ "cluster", "is not to join its cluster beside the machine: see to its fencing" },
		{ "storage-raw", "writes to devices past any filesystem: see to its names" },
		{ "virtualization", "wants a VM that may run VMs" },
	};

	for (size_t i = 0; i < tables_software_count; i++) {
		const struct tables_row *row = &tables_software[i];

		for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
			if (strcmp(groups[g].group, row->group) == 0 && *row->pattern == '/' &&
			    path_is_there(f, row->pattern))
				fixer_say(f, "%s (%s) %s", row->reason, row->pattern,
					  groups[g].what);
	}
	for (size_t i = 0; i < f->m->os.nsoftware; i++) {
		const struct machine_software *s = &f->m->os.software[i];

		for (size_t g = 0; g < ARRAY_SIZE(groups) && s->kind; g++)
			if (strcmp(groups[g].group, s->kind) == 0 && s->evidence &&
			    *s->evidence != '/')
				fixer_say(f, "%s (%s) %s", s->name, s->evidence, groups[g].what);
	}
	return 0;
}

static int affinity(struct fixer *f, const char *path, const char *text, char **ret)
{
	static const char *const keys[] = { "CPUAffinity", "AllowedCPUs", "NUMAPolicy",
					    "NUMAMask" };
	static const char *const sections[] = { "Manager", "Service", "Slice" };

	(void)ret;
	for (size_t s = 0; s < ARRAY_SIZE(sections); s++)
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			CLEANUP(mem_free) char *value = NULL;
			char safe[80];

			if (conftext_get(text, sections[s], keys[k], &value) < 0)
				return -ENOMEM;
			if (value && *value)
				fixer_say(f, "%s: %s=%s: see that the VM has these CPUs", path,
					  keys[k], text_escape_str(value, safe, sizeof(safe)));
		}
	return 0;
}

int linux_by_hand_detect(struct fixer *f, struct err *err)
{
	static const char units[] = "/etc/systemd/system";
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, units, NULL);
	int r = tell_software(f);

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/systemd/system.conf", affinity, err);
	if (r >= 0)
		r = fixer_rewrite_all(f, units, "*.service", affinity, err);
	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *dir = NULL;

		if (fnmatch("*.d", names[i], 0) != 0)
			continue;
		if (asprintf(&dir, "%s/%s", units, names[i]) < 0)
			return err_nomem(err);
		r = fixer_rewrite_all(f, dir, "*.conf", affinity, err);
	}
	return r < 0 ? r : 0;
}
