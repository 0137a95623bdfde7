/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "watchdog", "power-button" and "tuned": what looks after a machine that would hang, what a
 * press of its power button does (virsh shutdown presses it), and how it is tuned.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/linux_units.h"

/* ---- watchdog */

static int runtime_watchdog(struct fixer *f, const char *path, const char *text, char **ret)
{
	CLEANUP(mem_free) char *value = NULL, *device = NULL, *half = NULL;
	char safe[80];
	int r = conftext_get(text, "Manager", "RuntimeWatchdogSec", &value);

	if (r >= 0)
		r = conftext_get(text, "Manager", "WatchdogDevice", &device);
	if (r < 0)
		return r;
	if (value && strcmp(value, "0") != 0 && strcmp(value, "off") != 0 && *value) {
		fixer_say(f, "%s: RuntimeWatchdogSec=%s is for the server's watchdog", path,
			  text_escape_str(value, safe, sizeof(safe)));
		r = conftext_set(text, "Manager", "RuntimeWatchdogSec", NULL, &half);
		if (r < 0)
			return r;
	}
	if (device) {
		fixer_say(f, "%s: WatchdogDevice=%s is not there", path,
			  text_escape_str(device, safe, sizeof(safe)));
		r = conftext_set(half ? half : text, "Manager", "WatchdogDevice", NULL, ret);
		if (r != 0)
			return r;
	}
	if (!half)
		return 0;
	*ret = TAKE_PTR(half);
	return 1;
}

int linux_watchdog_detect(struct fixer *f, struct err *err)
{
	static const char *const sbd[] = { "/etc/sysconfig/sbd", "/etc/default/sbd" };
	int r = fixer_rewrite(f, "/etc/systemd/system.conf", runtime_watchdog, err);

	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/systemd/system.conf.d", "*.conf", runtime_watchdog,
				      err);
	for (size_t i = 0; i < ARRAY_SIZE(sbd) && r >= 0; i++)
		if (guest_is_file(f->guest, sbd[i])) {
			fixer_say(f, "%s: the cluster's fencing wants a watchdog", sbd[i]);
			if (fixer_warn(f, "SBD is set up: give the VM a watchdog (i6300esb or "
				       "iTCO), or the cluster does not start") < 0)
				return err_nomem(err);
		}
	return r < 0 ? r : 0;
}

/* ---- the power button */

static int logind(struct fixer *f, const char *path, const char *text, char **ret)
{
	CLEANUP(mem_free) char *value = NULL;
	char safe[80];
	int r = conftext_get(text, "Login", "HandlePowerKey", &value);

	if (r < 0 || !value || strcmp(value, "poweroff") == 0 || strcmp(value, "halt") == 0)
		return r;
	fixer_say(f, "%s: HandlePowerKey=%s would let a shutdown by the host do nothing of use",
		  path, text_escape_str(value, safe, sizeof(safe)));
	return conftext_set(text, "Login", "HandlePowerKey", "poweroff", ret);
}

int linux_power_button_detect(struct fixer *f, struct err *err)
{
	static const char *const drop_ins[] = { "/etc/systemd/logind.conf.d",
						"/usr/lib/systemd/logind.conf.d" };
	static const char *const daemons[] = { "/usr/sbin/acpid", "/sbin/acpid",
					       "/etc/acpi/PWRF/00000080" };
	const char *how = fixer_setting(f, "power-key");
	CLEANUP(mem_free) char *unit = linux_units_find(f, "systemd-logind.service");
	CLEANUP(mem_free) char *acpid = linux_units_find(f, "acpid.service");
	bool have = false;
	size_t links;
	int r;

	if (how && strcmp(how, "keep") == 0)
		return 0;
	r = fixer_rewrite(f, "/etc/systemd/logind.conf", logind, err);
	/* A drop-in of a package would come back with its next update, but it counts now. */
	for (size_t i = 0; i < ARRAY_SIZE(drop_ins) && r >= 0; i++)
		r = fixer_rewrite_all(f, drop_ins[i], "*.conf", logind, err);
	if (r < 0 || unit)
		return r < 0 ? r : 0;
	have = guest_is_dir(f->guest, "/lib/systemd/system") ||
	       guest_is_dir(f->guest, "/usr/lib/systemd/system");
	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++)
		have = have || guest_is_file(f->guest, daemons[i]);
	if (acpid)
		r = linux_units_link(f, "acpid.service", acpid, &links, err);
	else if (guest_is_file(f->guest, "/etc/init.d/acpid"))
		r = linux_units_script_on(f, "acpid", err);
	else if (!have && !guest_is_file(f->guest, "/etc/init/acpid.conf") &&
		 fixer_warn(f, "nothing in the guest listens to the power button: install acpid, "
			    "or shut it down by the guest agent") < 0)
		r = err_nomem(err);
	return r < 0 ? r : 0;
}

/* ---- tuned */

/* Profiles that come with tuned and are meant for bare metal, or for any machine. */
static bool is_metal_profile(const char *s)
{
	static const char *const profiles[] = {
		"throughput-performance", "balanced", "latency-performance", "network-latency",
		"network-throughput", "powersave", "desktop", "accelerator-performance",
		"hpc-compute", "server-powersave", "enterprise-storage", "virtual-host",
		"intel-sst", "default", "laptop-ac-powersave", "laptop-battery-powersave",
		"spindown-disk", "balanced-battery",
	};

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		if (strcmp(profiles[i], s) == 0)
			return true;
	return false;
}

static bool has_profile(struct fixer *f, const char *name)
{
	static const char *const dirs[] = { "/usr/lib/tuned", "/usr/lib/tuned/profiles",
					    "/etc/tuned", "/etc/tuned/profiles" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		CLEANUP(mem_free) char *path = text_format("%s/%s", dirs[i], name);

		if (path && guest_is_dir(f->guest, path))
			return true;
	}
	return false;
}

static int active_profile(struct fixer *f, const char *path, const char *text, char **ret)
{
	const char *want = fixer_setting(f, "tuned");
	CLEANUP(mem_free) char *now = strndup(text, strcspn(text, " \t\r\n"));
	char safe[80];

	if (!now)
		return -ENOMEM;
	text_escape_str(now, safe, sizeof(safe));
	if (want && strcmp(want, "keep") == 0)
		return 0;
	if (!*now || strcmp(now, want ? want : "virtual-guest") == 0)
		return 0;
	/* A profile that somebody made, or that a database's maker did, knows better. */
	if (!want && !is_metal_profile(now)) {
		fixer_say(f, "%s: the profile %s is kept", path, safe);
		return 0;
	}
	if (!want)
		want = "virtual-guest";
	if (strchr(want, '/') || !has_profile(f, want)) {
		fixer_say(f, "%s: %s stays, for there is no profile %s", path, safe, want);
		return 0;
	}
	fixer_say(f, "%s: %s is for bare metal, now %s", path, safe, want);
	*ret = text_format("%s\n", want);
	return *ret ? 1 : -ENOMEM;
}

int linux_tuned_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/etc/tuned/active_profile", active_profile, err);

	if (r >= 0 && guest_is_file(f->guest, "/etc/tune-profiles/active-profile"))
		fixer_say(f, "tuned of this version copies its profile's files: run tuned-adm "
			  "profile virtual-guest in the VM");
	return r < 0 ? r : 0;
}
