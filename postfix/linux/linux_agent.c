/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows "guest-agent" and "trim": units that are there but off, and of use in a VM. */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/linux_inject.h"
#include "postfix/linux/linux_units.h"

#define UNITS	"/etc/systemd/system"

static const char agent[] = "qemu-guest-agent.service";
/* Init scripts of it: of Alpine, and of guests before systemd. */
static const char *const scripts[] = { "qemu-guest-agent", "qemu-ga" };

/* Stage what switches it on; 0 too when it is not installed, and *ret_there says so. */
static int switch_on(struct fixer *f, bool *ret_there, struct err *err)
{
	static const char *const rules[] = { "/lib/udev/rules.d/60-qemu-guest-agent.rules",
					     "/usr/lib/udev/rules.d/60-qemu-guest-agent.rules" };
	static const char fallback[] = UNITS "/multi-user.target.wants/qemu-guest-agent.service";
	CLEANUP(mem_free) char *file = linux_units_find(f, agent);
	bool by_udev = false;
	size_t links = 0;
	int r;

	*ret_there = file != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(scripts) && !file; i++) {
		CLEANUP(mem_free) char *script = NULL;

		if (asprintf(&script, "/etc/init.d/%s", scripts[i]) < 0)
			return err_nomem(err);
		if (!guest_is_file(f->guest, script))
			continue;
		*ret_there = true;
		return linux_units_script_on(f, scripts[i], err);
	}
	if (!file)
		return 0;
	r = linux_units_unmask(f, agent, err);
	if (r >= 0)
		r = linux_units_link(f, agent, file, &links, err);
	if (r < 0)
		return r;
	/* Debian's has no [Install]: a udev rule starts it when the VM has the channel. */
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		by_udev = by_udev || guest_is_file(f->guest, rules[i]);
	if (links || by_udev || guest_edit_exists(&f->edits, fallback))
		return 0;
	return guest_edit_symlink(&f->edits, fallback, file, err);
}

int linux_agent_detect(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *package = NULL;
	bool there;
	int r = switch_on(f, &there, err);

	if (r < 0 || there)
		return r;
	if (!f->opt->inject) {
		fixer_say(f, "the guest agent is not installed");
		return 0;
	}
	r = linux_inject_choose(f, &package, err);
	if (r < 0 || !package)
		return r;
	if (f->guest->dry_run)
		fixer_say(f, "would install %s", package);
	return 1;
}

int linux_agent_apply(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *package = NULL;
	bool there = false;
	int r;

	/* It was there before, and is on now. */
	if (!f->opt->inject || linux_units_find_any(f, agent, scripts, ARRAY_SIZE(scripts)))
		return 0;
	r = linux_inject_choose(f, &package, err);
	if (r >= 0 && package)
		r = linux_inject_install(f, package, err);
	if (r >= 0 && package)
		r = switch_on(f, &there, err);
	if (r < 0 || !package)
		return r;
	return guest_edit_commit(&f->edits, err);
}

int linux_trim_detect(struct fixer *f, struct err *err)
{
	static const char unit[] = "fstrim.timer";
	CLEANUP(mem_free) char *file = linux_units_find(f, unit), *mask = NULL;
	size_t links = 0;
	int r;

	if (!file)
		return 0;
	mask = guest_readlink(f->guest, UNITS "/fstrim.timer");
	if (mask && strcmp(mask, "/dev/null") == 0) {
		fixer_say(f, "masked: left so");
		return 0;
	}
	r = linux_units_link(f, unit, file, &links, err);
	return r < 0 ? r : 0;
}
