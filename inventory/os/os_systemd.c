/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Units by what systemd itself goes by: links in NAME.wants and NAME.requires folders enable one
 * (systemd.unit(5)), a link to /dev/null masks one, and one runs while a process is in its control
 * group. systemctl is not run: it would ask a process that may be stuck, and knows nothing of a
 * recorded or mounted system. Units that only a package's own folder (/usr/lib/systemd) wants are
 * part of the system, not enabled by anyone: these are listed when they run.
 */
#include "inventory/os/os.h"

#include <errno.h>
#include <string.h>
#include "common/text.h"
#include "inventory/collect_util.h"

#define SLICES_DEEP	6	/* system-x.slice below system.slice ... */
#define GROUPS_DEEP	4	/* of a service's own: payload, init.scope */

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

static bool is_unit(const char *name)
{
	return ends(name, ".service") || ends(name, ".timer") || ends(name, ".socket") ||
	       ends(name, ".path");
}

/* -1: -ENOMEM; 1: it links to /dev/null. */
static int is_masked(struct os_look *o, const char *unit)
{
	static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		CLEANUP(mem_free) char *link = NULL;
		int r = sysroot_readlink(o->root, &link, "%s/%s", folders[i], unit);

		if (r == -ENOMEM)
			return r;
		if (r == 0 && strcmp(link, "/dev/null") == 0)
			return 1;
	}
	return 0;
}

static int add_enabled(struct os_look *o, const char *unit)
{
	int r = is_unit(unit) ? is_masked(o, unit) : 1;

	return r != 0 ? MIN(r, 0) : os_services_add(o, unit, true, false);
}

/* sshd.service -> /usr/lib/systemd/system/ssh.service: an alias, made by enabling the other. */
static int add_alias(struct os_look *o, const char *folder, const char *name)
{
	CLEANUP(mem_free) char *link = NULL;
	int r = is_unit(name) ? sysroot_readlink(o->root, &link, "%s/%s", folder, name) : 0;

	if (r == -ENOMEM || !link || r < 0)
		return r == -ENOMEM ? r : 0;
	return strcmp(collect_util_base(link), name) == 0 ? 0 :
							    add_enabled(o, collect_util_base(link));
}

static int read_folder(struct os_look *o, const char *folder)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s", folder);

	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(strv_free) char **units = NULL;

		if (!ends(*p, ".wants") && !ends(*p, ".requires")) {
			r = add_alias(o, folder, *p);
			continue;
		}
		r = os_list(o, &units, "%s/%s", folder, *p);
		for (char **u = units; u && *u && r == 0; u++)
			r = add_enabled(o, *u);
	}
	return r;
}

/* A process is in the group, or in one below it. -ENOMEM, 0, 1. */
static int is_busy(struct os_look *o, const char *dir, unsigned int deep)
{
	CLEANUP(mem_free) char *events = NULL, *procs = NULL;
	CLEANUP(strv_free) char **names = NULL;
	int r = os_read(o, &events, "%s/cgroup.events", dir);

	if (r < 0)
		return r;
	/* Version 2 counts what is below, too. */
	if (events)
		return strstr(events, "populated 1") != NULL;
	r = os_read(o, &procs, "%s/cgroup.procs", dir);
	if (r < 0 || (procs && procs[0]))
		return r < 0 ? r : 1;
	if (deep == 0)
		return 0;
	r = os_list(o, &names, "%s", dir);
	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(mem_free) char *below = text_format("%s/%s", dir, *p);

		if (!below)
			return -ENOMEM;
		if (os_exists(o, "%s/cgroup.procs", below))
			r = is_busy(o, below, deep - 1);
	}
	return r;
}

/* Slices of people, containers and virtual machines hold other systems' services. */
static bool is_foreign(const char *slice)
{
	return strcmp(slice, "user.slice") == 0 || strcmp(slice, "machine.slice") == 0 ||
	       strncmp(slice, "kubepods", 8) == 0;
}

static int read_slice(struct os_look *o, const char *dir, unsigned int deep)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s", dir);

	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(mem_free) char *below = text_format("%s/%s", dir, *p);

		if (!below)
			return -ENOMEM;
		if (ends(*p, ".slice") && !is_foreign(*p) && deep > 0) {
			r = read_slice(o, below, deep - 1);
		} else if (ends(*p, ".service")) {
			r = is_busy(o, below, GROUPS_DEEP);
			if (r > 0)
				r = os_services_add(o, *p, false, true);
		}
	}
	return r;
}

static int read_running(struct os_look *o)
{
	/* Version 1 and the hybrid keep systemd's tree in a hierarchy of its own. */
	if (os_exists(o, "/sys/fs/cgroup/systemd/system.slice"))
		return read_slice(o, "/sys/fs/cgroup/systemd", SLICES_DEEP);
	return read_slice(o, "/sys/fs/cgroup", SLICES_DEEP);
}

int os_systemd_collect(struct os_look *o)
{
	int r;

	if (!o->os->init || strcmp(o->os->init, "systemd") != 0)
		return 0;
	r = read_folder(o, "/etc/systemd/system");
	if (!o->running)
		return r;
	if (r == 0)
		r = read_folder(o, "/run/systemd/system");
	/* What its generator made of the scripts in /etc/rcN.d. */
	if (r == 0)
		r = read_folder(o, "/run/systemd/generator.late");
	return r == 0 ? read_running(o) : r;
}
