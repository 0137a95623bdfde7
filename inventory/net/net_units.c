/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_units.h"

#include <ctype.h>
#include <string.h>
#include "inventory/collect.h"
#include "inventory/machine.h"

void net_units_done(struct machine_strv *units)
{
	for (size_t i = 0; i < units->n; i++)
		free(units->v[i]);
	free(units->v);
	*units = (struct machine_strv){ 0 };
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

static bool is_masked(const struct sysroot *root, const char *unit)
{
	static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system" };
	CLEANUP(mem_free) char *to = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (sysroot_readlink(root, &to, "%s/%s", folders[i], unit) < 0)
			continue;
		if (strcmp(to, "/dev/null") == 0)
			return true;
		free(TAKE_PTR(to));
	}
	return false;
}

static int add(const struct sysroot *root, struct machine_strv *units, const char *name)
{
	char unit[256], file[sizeof(unit) + 8];

	snprintf(unit, sizeof(unit), "%s", name);
	if (ends_with(unit, ".service"))
		unit[strlen(unit) - 8] = '\0';
	snprintf(file, sizeof(file), "%s.service", unit);
	/* systemd heeds the mask for SysV scripts, too. */
	if (units->n == COLLECT_LIST_MAX || machine_strv_has(units, unit) || is_masked(root, file))
		return 0;
	return machine_strv_add(units, unit);
}

static int add_systemd(const struct sysroot *root, struct machine_strv *units, const char *folder)
{
	CLEANUP(strv_free) char **targets = NULL;
	int r = sysroot_list(root, &targets, "%s", folder);

	for (char **t = targets; t && *t && r != -ENOMEM; t++) {
		CLEANUP(strv_free) char **names = NULL;

		if (!ends_with(*t, ".wants") && !ends_with(*t, ".requires"))
			continue;
		r = sysroot_list(root, &names, "%s/%s", folder, *t);
		for (char **p = names; p && *p && r != -ENOMEM; p++)
			if (ends_with(*p, ".service"))
				r = add(root, units, *p);
	}
	return r == -ENOMEM ? r : 0;
}

static int add_sysv(const struct sysroot *root, struct machine_strv *units)
{
	static const char *const folders[] = {
		"/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rcS.d",
		"/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d", "/etc/init.d/rc3.d", "/etc/init.d/rc5.d",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r != -ENOMEM; i++) {
		CLEANUP(strv_free) char **names = NULL;

		r = sysroot_list(root, &names, "%s", folders[i]);
		for (char **p = names; p && *p && r != -ENOMEM; p++)
			if ((*p)[0] == 'S' && isdigit((unsigned char)(*p)[1]) &&
			    isdigit((unsigned char)(*p)[2]) && (*p)[3])
				r = add(root, units, *p + 3);
	}
	return r == -ENOMEM ? r : 0;
}

static int add_openrc(const struct sysroot *root, struct machine_strv *units)
{
	static const char *const folders[] = { "/etc/runlevels/boot", "/etc/runlevels/default" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r != -ENOMEM; i++) {
		CLEANUP(strv_free) char **names = NULL;

		r = sysroot_list(root, &names, "%s", folders[i]);
		for (char **p = names; p && *p && r != -ENOMEM; p++)
			r = add(root, units, *p);
	}
	return r == -ENOMEM ? r : 0;
}

int net_units_load(const struct sysroot *root, struct machine_strv *ret)
{
	CLEANUP(net_units_done) struct machine_strv units = { 0 };

	if (add_systemd(root, &units, "/etc/systemd/system") < 0 ||
	    add_systemd(root, &units, "/run/systemd/system") < 0 ||
	    add_systemd(root, &units, "/run/systemd/generator.late") < 0 ||
	    add_systemd(root, &units, "/run/systemd/generator") < 0 ||
	    add_sysv(root, &units) < 0 || add_openrc(root, &units) < 0)
		return -ENOMEM;
	*ret = units;
	units = (struct machine_strv){ 0 };
	return 0;
}
