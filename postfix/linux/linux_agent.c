/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows "guest-agent" and "trim": units that are there but off, and of use in a VM. */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/linux_units.h"

#define UNITS	"/etc/systemd/system"

int linux_agent_detect(struct fixer *f, struct err *err)
{
	static const char unit[] = "qemu-guest-agent.service";
	static const char *const rules[] = { "/lib/udev/rules.d/60-qemu-guest-agent.rules",
					     "/usr/lib/udev/rules.d/60-qemu-guest-agent.rules" };
	static const char fallback[] = UNITS "/multi-user.target.wants/qemu-guest-agent.service";
	CLEANUP(mem_free) char *file = linux_units_find(f, unit);
	bool by_udev = false;
	size_t links = 0;
	int r;

	if (!file) {
		fixer_say(f, "the guest agent is not installed");
		return 0;
	}
	r = linux_units_unmask(f, unit, err);
	if (r >= 0)
		r = linux_units_link(f, unit, file, &links, err);
	if (r < 0)
		return r;
	/* Debian's has no [Install]: a udev rule starts it when the VM has the channel. */
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		by_udev = by_udev || guest_is_file(f->guest, rules[i]);
	if (links || by_udev || guest_edit_exists(&f->edits, fallback))
		return 0;
	return guest_edit_symlink(&f->edits, fallback, file, err);
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
