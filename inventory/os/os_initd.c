/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services of systems without systemd, and of its guests that still have scripts: SysV's links
 * in the folder of the default runlevel, Upstart's jobs, the runlevels of OpenRC, the folder of
 * runit. What of them runs is known where it leaves a mark: Red Hat's /var/lock/subsys, and
 * OpenRC's "started".
 */
#include "inventory/os/os.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "common/text.h"

#define RUNLEVEL_DEFAULT '2'	/* Debian's; others have an inittab */

static bool is_init(const struct os_look *o, const char *init)
{
	return o->os->init && strcmp(o->os->init, init) == 0;
}

/* inittab(5): "id:3:initdefault:" */
static int read_runlevel(struct os_look *o, char *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	int r = os_read(o, &text, "/etc/inittab");

	*ret = RUNLEVEL_DEFAULT;
	for (const char *p = text; r == 0 && p && *p;) {
		size_t len = strcspn(p, "\n");
		const char *colon = memchr(p, ':', len);

		if (*p != '#' && colon && isdigit((unsigned char)colon[1]) &&
		    strncmp(colon + 2, ":initdefault", 12) == 0)
			*ret = colon[1];
		p += len + (p[len] == '\n');
	}
	return r;
}

/* A script that systemd's generator would take up: no unit of that name goes before it. */
static bool has_unit(const struct os_look *o, const char *script)
{
	return os_exists(o, "/etc/systemd/system/%s.service", script) ||
	       os_exists(o, "/usr/lib/systemd/system/%s.service", script) ||
	       os_exists(o, "/lib/systemd/system/%s.service", script);
}

static int add_script(struct os_look *o, const char *script)
{
	CLEANUP(mem_free) char *unit = NULL;

	if (!is_init(o, "systemd"))
		return os_services_add(o, script, true,
				       o->running && os_exists(o, "/var/lock/subsys/%s", script));
	if (has_unit(o, script))
		return 0;
	unit = text_format("%s.service", script);
	return unit ? os_services_add(o, unit, true, false) : -ENOMEM;
}

static int read_sysv(struct os_look *o)
{
	static const char *const folders[] = { "/etc", "/etc/rc.d", "/etc/init.d" };
	CLEANUP(strv_free) char **names = NULL;
	char level;
	int r = read_runlevel(o, &level);

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0 && !names; i++)
		r = os_list(o, &names, "%s/rc%c.d", folders[i], level);
	for (char **p = names; p && *p && r == 0; p++) {
		const char *s = *p;

		if (s[0] == 'S' && isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]) &&
		    s[3])
			r = add_script(o, s + 3);
	}
	return r;
}

static bool has_line(const char *text, const char *word)
{
	size_t n = strlen(word);

	while (text && *text) {
		if (strncmp(text, word, n) == 0 && (!text[n] || isspace((unsigned char)text[n])))
			return true;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

/* init(5) of Upstart: a job starts by itself when it says on what, unless it is "manual". */
static int read_upstart(struct os_look *o)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "/etc/init");

	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(mem_free) char *job = NULL, *conf = NULL, *override = NULL;
		size_t n = strlen(*p);

		if (n <= 5 || strcmp(*p + n - 5, ".conf") != 0)
			continue;
		job = strndup(*p, n - 5);
		if (!job)
			return -ENOMEM;
		r = os_read(o, &conf, "/etc/init/%s", *p);
		if (r == 0)
			r = os_read(o, &override, "/etc/init/%s.override", job);
		if (r == 0 && has_line(conf, "start on") && !has_line(conf, "task") &&
		    !has_line(conf, "manual") && !has_line(override, "manual"))
			r = os_services_add(o, job, true, false);
	}
	return r;
}

static int read_links(struct os_look *o, const char *folder, bool enabled, bool running)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s", folder);

	for (char **p = names; p && *p && r == 0; p++)
		if ((*p)[0] != '.')
			r = os_services_add(o, *p, enabled, running);
	return r;
}

static int read_openrc(struct os_look *o)
{
	int r = read_links(o, "/etc/runlevels/sysinit", true, false);

	if (r == 0)
		r = read_links(o, "/etc/runlevels/boot", true, false);
	if (r == 0)
		r = read_links(o, "/etc/runlevels/default", true, false);
	if (r == 0 && o->running)
		r = read_links(o, "/run/openrc/started", false, true);
	return r;
}

int os_initd_collect(struct os_look *o)
{
	if (is_init(o, "openrc"))
		return read_openrc(o);
	if (is_init(o, "runit"))
		return read_links(o, "/etc/runit/runsvdir/default", true, false);
	/* A running systemd has taken them up already: os_systemd.c sees its units. */
	if (is_init(o, "systemd") && o->running)
		return 0;
	if (is_init(o, "upstart")) {
		int r = read_upstart(o);

		if (r < 0)
			return r;
	}
	return read_sysv(o);
}
