/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "hugepages", "kdump", "time" and "cloud-init": settings that depend on how much memory
 * there is, on which disk, on which clock, and on which machine it is.
 */
#include "postfix/linux/linux_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "postfix/linux/devconf.h"
#include "postfix/linux/linux_notes.h"
#include "postfix/linux/sysconf.h"

/* ---- huge pages */

static uint64_t planned_memory(const struct fixer *f)
{
	if (f->opt->memory)
		return f->opt->memory;
	if (f->m->plan && f->m->plan->memory)
		return f->m->plan->memory;
	return f->m->memory.installed;
}

static int hugepages(struct fixer *f, const char *path, const char *text, char **ret)
{
	static const char key[] = "vm.nr_hugepages";
	const char *how = fixer_setting(f, "hugepages");
	uint64_t page = sysconf_hugepage_size(f->m->os.cmdline), memory = planned_memory(f);
	uint64_t have, want;
	char number[24];
	int r;

	if ((how && strcmp(how, "keep") == 0) || !sysconf_sysctl_number(text, key, &have))
		return 0;
	want = how && strcmp(how, "off") == 0 ? 0 : sysconf_hugepages(have, page, memory);
	if (want == have)
		return 0;
	snprintf(number, sizeof(number), "%" PRIu64, want);
	r = sysconf_sysctl_set(text, key, number, ret);
	fixer_say(f, "%s: %" PRIu64 " huge pages of %" PRIu64 " MiB do not leave enough of %" PRIu64
		  " MiB of memory: now %s", path, have, page / MIB, memory / MIB, number);
	if (r > 0 && fixer_warn(f, "%s: vm.nr_hugepages was %" PRIu64 " and is %s: what counts on "
				"them needs another setting, too", path, have, number) < 0)
		return -ENOMEM;
	return r;
}

int linux_hugepages_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/etc/sysctl.conf", hugepages, err);

	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/sysctl.d", "*.conf", hugepages, err);
	return r < 0 ? r : 0;
}

/* ---- kdump */

static int kdump(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_warn(f, &notes, devconf_kdump(text, &f->guest->map, ret, &notes));
}

int linux_kdump_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/etc/kdump.conf", kdump, err);

	return r < 0 ? r : 0;
}

/* ---- time */

static int adjtime(struct fixer *f, const char *path, const char *text, char **ret)
{
	int r = sysconf_adjtime(text, ret);

	if (r > 0)
		fixer_say(f, "%s: the old clock's drift is none of the new one's", path);
	if (sysconf_adjtime_local(text))
		fixer_say(f, "%s: the hardware clock keeps local time", path);
	return r;
}

static int time_sources(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv dropped = { 0 };
	int r = sysconf_time_sources(text, ret, &dropped);

	if (dropped.n)
		fixer_say(f, "%s: clocks of the old hardware:", path);
	r = linux_notes_say(f, &dropped, r);
	if (r > 0 && !sysconf_has_time_source(*ret)) {
		fixer_say(f, "%s has no source left: the module ptp_kvm and \"refclock PHC "
			  "/dev/ptp_kvm poll 2\" give the VM the host's time", path);
		if (fixer_warn(f, "%s has no source of time left: add servers, or the host's clock "
			       "by ptp_kvm", path) < 0)
			return -ENOMEM;
	}
	return r;
}

int linux_time_detect(struct fixer *f, struct err *err)
{
	static const char *const files[] = { "/etc/chrony.conf", "/etc/chrony/chrony.conf",
					     "/etc/ntp.conf", "/etc/ntpsec/ntp.conf" };
	static const char *const dirs[] = { "/etc/chrony.d", "/etc/chrony/conf.d",
					    "/etc/chrony/sources.d", "/etc/ntpsec/ntp.d" };
	int r = fixer_rewrite(f, "/etc/adjtime", adjtime, err);

	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
		r = fixer_rewrite(f, files[i], time_sources, err);
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r >= 0; i++)
		r = fixer_rewrite_all(f, dirs[i], "*.conf", time_sources, err);
	return r < 0 ? r : 0;
}

/* ---- cloud-init */

int linux_cloud_init_detect(struct fixer *f, struct err *err)
{
	static const char off[] = "/etc/cloud/cloud-init.disabled";
	static const char pin[] = "/etc/cloud/cloud.cfg.d/99-p2v.cfg";
	const char *how = fixer_setting(f, "cloud-init");

	if (how && strcmp(how, "keep") == 0)
		return 0;
	if (!guest_is_file(f->guest, "/etc/cloud/cloud.cfg") || guest_edit_exists(&f->edits, off) ||
	    guest_edit_exists(&f->edits, pin))
		return 0;
	fixer_say(f, "for cloud-init the VM would be a new instance: with new host keys, and a "
		  "network of its own");
	if (how && strcmp(how, "pin") == 0)
		return guest_edit_write(&f->edits, pin,
					"# This is the instance that it was on the physical "
					"machine.\nmanual_cache_clean: true\n", 0644, err);
	return guest_edit_write(&f->edits, off,
				"Converted from a physical machine by p2v. Remove this file to "
				"have cloud-init again.\n", 0644, err);
}
