/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/linux_units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/lines.h"

#define UNITS		"/etc/systemd/system"
#define RUNLEVELS	"/etc/runlevels"
#define UPSTART		"/etc/init"

/* One pass over a guest's services. */
struct pass {
	struct fixer *f;
	linux_units_why *why;
	struct machine_strv said;
};

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* One report line for each unit, however many links it had. */
static int say_once(struct pass *p, const char *unit, const struct tables_row *row)
{
	if (machine_strv_has(&p->said, unit))
		return 0;
	fixer_say(p->f, "%s (%s): %s", unit, row->group, row->reason);
	return machine_strv_add(&p->said, unit);
}

/* ---- systemd */

static int drop_link(struct pass *p, const char *dir, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL, *target = NULL;
	const struct tables_row *row = p->why(p->f, name);
	const char *unit = name, *base;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_nomem(err);
	if (!row && strcmp(dir, UNITS) != 0)
		return 0;
	target = guest_readlink(p->f->guest, path);
	/* /dev/null masks the unit: as off as can be. */
	if (!target || strcmp(target, "/dev/null") == 0)
		return 0;
	if (!row) {
		/* An alias: another name for a unit that is meant. */
		base = strrchr(target, '/');
		unit = base ? base + 1 : target;
		row = p->why(p->f, unit);
	}
	if (!row || !guest_edit_exists(&p->f->edits, path))
		return 0;
	r = guest_edit_remove(&p->f->edits, path, err);
	if (r >= 0 && say_once(p, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int systemd_links(struct pass *p, struct err *err)
{
	CLEANUP(guest_strings_free) char **top = guest_list(p->f->guest, UNITS, NULL);
	int r = 0;

	for (size_t i = 0; top && top[i] && r >= 0; i++) {
		CLEANUP(guest_strings_free) char **names = NULL;
		CLEANUP(mem_free) char *dir = NULL;

		if (!ends(top[i], ".wants") && !ends(top[i], ".requires")) {
			r = drop_link(p, UNITS, top[i], err);
			continue;
		}
		if (asprintf(&dir, UNITS "/%s", top[i]) < 0)
			return err_nomem(err);
		names = guest_list(p->f->guest, dir, NULL);
		for (size_t k = 0; names && names[k] && r >= 0; k++)
			r = drop_link(p, dir, names[k], err);
	}
	return r;
}

/* ---- SysV */

static const char *const rc_dirs[] = {
	"/etc/rcS.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d",
	/* SUSE: there, /etc/rc.d is a link to /etc/init.d. */
	"/etc/init.d/boot.d", "/etc/init.d/rc2.d", "/etc/init.d/rc3.d", "/etc/init.d/rc5.d",
};

/* /etc/rc2.d/S03smartmontools -> /etc/rc2.d/K01smartmontools */
static int sysv_link(struct pass *p, const char *dir, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *from = NULL, *to = NULL, *target = NULL;
	const struct tables_row *row;
	struct fixer *f = p->f;
	char unit[300];
	int r;

	if (name[0] != 'S' || !isdigit((unsigned char)name[1]) || !isdigit((unsigned char)name[2]))
		return 0;
	snprintf(unit, sizeof(unit), "%s.service", name + 3);
	row = p->why(f, unit);
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
	if (r >= 0 && say_once(p, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int sysv_links(struct pass *p, struct err *err)
{
	int r = 0;

	for (size_t d = 0; d < ARRAY_SIZE(rc_dirs) && r >= 0; d++) {
		CLEANUP(guest_strings_free) char **names = guest_list(p->f->guest, rc_dirs[d],
								      NULL);

		for (size_t i = 0; names && names[i] && r >= 0; i++)
			r = sysv_link(p, rc_dirs[d], names[i], err);
	}
	return r;
}

/* ---- upstart */

static bool is_manual(const char *text)
{
	const char *pos = text;
	struct line l;
	struct span w;

	while (lines_next(&pos, &l)) {
		const char *p = l.s;

		if (lines_word(&p, l.s + l.len, &w) && lines_span_is(w, "manual"))
			return true;
	}
	return false;
}

static int upstart_job(struct pass *p, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL, *text = NULL, *to = NULL;
	const struct tables_row *row;
	struct fixer *f = p->f;
	char unit[300];
	int n = (int)(strlen(name) - strlen(".conf")), r;

	snprintf(unit, sizeof(unit), "%.*s.service", n, name);
	row = p->why(f, unit);
	if (!row)
		return 0;
	/* The first upstarts (RHEL 6) know no override; a job file is not ours to edit. */
	if (!guest_is_file(f->guest, "/lib/init/upstart-job")) {
		fixer_say(f, UPSTART "/%s: %s; this upstart has no way to switch it off but its "
			  "job file: not changed", name, row->reason);
		return 0;
	}
	if (asprintf(&path, UPSTART "/%.*s.override", n, name) < 0)
		return err_nomem(err);
	r = guest_edit_read(&f->edits, path, &text, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r >= 0 && is_manual(text))
		return 0;
	if (asprintf(&to, "%smanual\n", r >= 0 ? text : "") < 0)
		return err_nomem(err);
	r = guest_edit_write(&f->edits, path, to, 0644, err);
	if (r >= 0 && say_once(p, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int upstart_jobs(struct pass *p, struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(p->f->guest, UPSTART, NULL);
	int r = 0;

	for (size_t i = 0; names && names[i] && r >= 0; i++)
		if (ends(names[i], ".conf"))
			r = upstart_job(p, names[i], err);
	return r;
}

/* ---- OpenRC */

static int openrc_link(struct pass *p, const char *level, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL, *target = NULL;
	const struct tables_row *row;
	char unit[300];
	int r;

	snprintf(unit, sizeof(unit), "%s.service", name);
	row = p->why(p->f, unit);
	if (!row)
		return 0;
	if (asprintf(&path, RUNLEVELS "/%s/%s", level, name) < 0)
		return err_nomem(err);
	target = guest_readlink(p->f->guest, path);
	if (!target)
		return 0;
	r = guest_edit_remove(&p->f->edits, path, err);
	if (r >= 0 && say_once(p, unit, row) < 0)
		return err_nomem(err);
	return r;
}

static int openrc_links(struct pass *p, struct err *err)
{
	CLEANUP(guest_strings_free) char **levels = guest_list(p->f->guest, RUNLEVELS, NULL);
	int r = 0;

	for (size_t i = 0; levels && levels[i] && r >= 0; i++) {
		CLEANUP(guest_strings_free) char **names = NULL;
		CLEANUP(mem_free) char *dir = NULL;

		if (asprintf(&dir, RUNLEVELS "/%s", levels[i]) < 0)
			return err_nomem(err);
		names = guest_list(p->f->guest, dir, NULL);
		for (size_t k = 0; names && names[k] && r >= 0; k++)
			r = openrc_link(p, levels[i], names[k], err);
	}
	return r;
}

int linux_units_off(struct fixer *f, linux_units_why *why, struct err *err)
{
	struct pass p = { .f = f, .why = why };
	int r = systemd_links(&p, err);

	if (r >= 0)
		r = sysv_links(&p, err);
	if (r >= 0)
		r = upstart_jobs(&p, err);
	if (r >= 0)
		r = openrc_links(&p, err);
	if (r >= 0)
		r = (int)p.said.n;
	machine_strv_done(&p.said);
	return r;
}

/* ---- on */

char *linux_units_find(struct fixer *f, const char *unit)
{
	static const char *const dirs[] = { "/lib/systemd/system", "/usr/lib/systemd/system" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char *path;

		if (asprintf(&path, "%s/%s", dirs[i], unit) < 0)
			return NULL;
		if (guest_is_file(f->guest, path))
			return path;
		free(path);
	}
	return NULL;
}

bool linux_units_find_any(struct fixer *f, const char *unit, const char *const *scripts, size_t n)
{
	CLEANUP(mem_free) char *file = linux_units_find(f, unit);

	for (size_t i = 0; i < n && !file; i++) {
		CLEANUP(mem_free) char *path = NULL;

		if (asprintf(&path, "/etc/init.d/%s", scripts[i]) >= 0 &&
		    guest_is_file(f->guest, path))
			return true;
	}
	return file != NULL;
}

int linux_units_unmask(struct fixer *f, const char *unit, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL, *target = NULL;

	if (asprintf(&path, UNITS "/%s", unit) < 0)
		return err_nomem(err);
	target = guest_readlink(f->guest, path);
	if (!target || strcmp(target, "/dev/null") != 0)
		return 0;
	fixer_say(f, "%s was masked", unit);
	return guest_edit_remove(&f->edits, path, err);
}

int linux_units_link(struct fixer *f, const char *unit, const char *file, size_t *ret_links,
		     struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_strv wanted = { 0 };
	int r = guest_edit_read(&f->edits, file, &text, err);

	if (r < 0)
		return r;
	if (etctext_unit_install(text, "WantedBy", &wanted) < 0)
		r = err_nomem(err);
	*ret_links = wanted.n;
	for (size_t i = 0; i < wanted.n; i++) {
		CLEANUP(mem_free) char *link = NULL;

		/* It becomes part of a path. */
		if (r >= 0 && !strchr(wanted.v[i], '/') && wanted.v[i][0] != '.') {
			if (asprintf(&link, UNITS "/%s.wants/%s", wanted.v[i], unit) < 0)
				r = err_nomem(err);
			else if (!guest_edit_exists(&f->edits, link))
				r = guest_edit_symlink(&f->edits, link, file, err);
		}
		free(wanted.v[i]);
	}
	free(wanted.v);
	return r;
}

/* Is there an S link of the script in the folder? */
static bool has_start_link(struct fixer *f, const char *dir, const char *name)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++)
		if (names[i][0] == 'S' && strlen(names[i]) > 3 && strcmp(names[i] + 3, name) == 0)
			return true;
	return false;
}

static int sysv_on(struct fixer *f, const char *script, const char *name, struct err *err)
{
	for (size_t d = 1; d < ARRAY_SIZE(rc_dirs); d++) {
		CLEANUP(mem_free) char *path = NULL;
		int r;

		/* Levels 2 to 5, where they are folders of their own. */
		if (!isdigit((unsigned char)rc_dirs[d][strlen(rc_dirs[d]) - 3]) ||
		    !guest_is_dir(f->guest, rc_dirs[d]) || has_start_link(f, rc_dirs[d], name))
			continue;
		if (asprintf(&path, "%s/S90%s", rc_dirs[d], name) < 0)
			return err_nomem(err);
		r = guest_edit_symlink(&f->edits, path, script, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int linux_units_script_on(struct fixer *f, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *script = NULL, *link = NULL;

	if (asprintf(&script, "/etc/init.d/%s", name) < 0 ||
	    asprintf(&link, RUNLEVELS "/default/%s", name) < 0)
		return err_nomem(err);
	if (!guest_is_file(f->guest, script))
		return 0;
	if (!guest_is_dir(f->guest, RUNLEVELS "/default"))
		return sysv_on(f, script, name, err);
	return guest_edit_exists(&f->edits, link) ? 0 :
	       guest_edit_symlink(&f->edits, link, script, err);
}
