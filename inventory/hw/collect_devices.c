/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TPM and watchdogs: what a guest may depend on though no driver of ours will. */
#include "inventory/collect.h"

#include <string.h>
#include "inventory/collect_util.h"

static int set_version(struct machine *m, const char *version)
{
	m->tpm_version = strdup(version);
	return m->tpm_version ? 0 : -ENOMEM;
}

static int collect_tpm(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mem_free) char *major = NULL, *text = NULL;
	int r;

	if (!sysroot_exists(root, "/sys/class/tpm/tpm0"))
		return 0;
	m->tpm_present = true;
	r = collect_util_line(root, &major, "/sys/class/tpm/tpm0/tpm_version_major");
	if (r < 0)
		return r;
	if (major)
		return set_version(m, strcmp(major, "2") == 0 ? "2.0" : "1.2");
	/* Before Linux 5.6: ACPI's description of a 2.0 device, or 1.2's own capability file. */
	r = collect_util_line(root, &text, "/sys/class/tpm/tpm0/device/description");
	if (r == 0 && text && strstr(text, "2.0"))
		return set_version(m, "2.0");
	if (r == 0 && sysroot_exists(root, "/sys/class/tpm/tpm0/device/caps"))
		return set_version(m, "1.2");
	return r;
}

static int collect_watchdogs(const struct sysroot *root, struct machine *m)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, "/sys/class/watchdog");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *state = NULL;
		struct machine_watchdog *w;

		w = machine_grow(&m->watchdogs, &m->nwatchdogs, sizeof(*w));
		if (!w)
			return -ENOMEM;
		r = collect_util_line(root, &w->identity, "/sys/class/watchdog/%s/identity", *p);
		if (r == 0)
			r = collect_util_link_name(root, &w->driver,
						   "/sys/class/watchdog/%s/device/driver", *p);
		if (r == 0)
			r = collect_util_line(root, &state, "/sys/class/watchdog/%s/state", *p);
		if (r < 0)
			return r;
		w->in_use = state && strcmp(state, "active") == 0;
	}
	return 0;
}

int collect_devices(const struct sysroot *root, struct machine *m, struct err *err)
{
	int r = collect_tpm(root, m);

	if (r == 0)
		r = collect_watchdogs(root, m);
	return r < 0 ? err_nomem(err) : 0;
}
