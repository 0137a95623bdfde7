/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows "guest-agent" and "trim": units that are there but off, and of use in a VM. */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/etctext.h"

#define UNITS	"/etc/systemd/system"

static const char *const unit_dirs[] = { "/lib/systemd/system", "/usr/lib/systemd/system" };

/* The unit's file, malloc'd; NULL when it is not installed. */
static char *find_unit(struct fixer *f, const char *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_dirs); i++) {
		char *path;

		if (asprintf(&path, "%s/%s", unit_dirs[i], unit) < 0)
			return NULL;
		if (guest_is_file(f->guest, path))
			return path;
		free(path);
	}
	return NULL;
}

static int unmask(struct fixer *f, const char *unit, struct err *err)
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

/* As "systemctl enable": a link in the .wants of everything that [Install] names. */
static int link_wanted(struct fixer *f, const char *unit, const char *file, size_t *ret_links,
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

int linux_agent_detect(struct fixer *f, struct err *err)
{
	static const char unit[] = "qemu-guest-agent.service";
	static const char *const rules[] = { "/lib/udev/rules.d/60-qemu-guest-agent.rules",
					     "/usr/lib/udev/rules.d/60-qemu-guest-agent.rules" };
	static const char fallback[] = UNITS "/multi-user.target.wants/qemu-guest-agent.service";
	CLEANUP(mem_free) char *file = find_unit(f, unit);
	bool by_udev = false;
	size_t links = 0;
	int r;

	if (!file) {
		fixer_say(f, "the guest agent is not installed");
		return 0;
	}
	r = unmask(f, unit, err);
	if (r >= 0)
		r = link_wanted(f, unit, file, &links, err);
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
	CLEANUP(mem_free) char *file = find_unit(f, unit), *mask = NULL;
	size_t links = 0;
	int r;

	if (!file)
		return 0;
	mask = guest_readlink(f->guest, UNITS "/fstrim.timer");
	if (mask && strcmp(mask, "/dev/null") == 0) {
		fixer_say(f, "masked: left so");
		return 0;
	}
	r = link_wanted(f, unit, file, &links, err);
	return r < 0 ? r : 0;
}
