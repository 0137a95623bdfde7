/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "boot-device": boot loaders that name the root disk as the virtual bus does, because nothing
 * in their early boot knows better: GRUB 1 with an old mkinitrd, and LILO. It runs after the
 * initramfs, which decides about the bus, and whose new blocks LILO must be told.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_rootname.h"

#define LILO_CONF	"/etc/lilo.conf"

static int devices(struct fixer *f, const char *path, const char *text, char **ret)
{
	const struct kargs_rules rules = { .device = linux_rootname_device, .opaque = f };
	struct machine_strv notes = { 0 };
	int r;

	if (!linux_rootname_needs_device(f, path))
		return 0;
	r = bootcfg_rewrite(bootcfg_kind_of(path), text, &rules, ret, &notes);
	return linux_bootloader_notes(f, path, &notes, r);
}

/* boot=, disk= and the like: whole disks. */
static int lilo_line(const struct line *l, struct strbuf *out, void *opaque)
{
	CLEANUP(mem_free) char *name = NULL, *to = NULL;
	struct span key, value;
	int answer = DEVMAP_KEEP;

	if (!lines_is_comment(l, "#") && lines_assignment(l, &key, &value) &&
	    (lines_span_is(key, "boot") || lines_span_is(key, "disk") ||
	     lines_span_is(key, "raid-extra-boot"))) {
		name = lines_span_dup(value);
		if (!name)
			return -ENOMEM;
		answer = linux_rootname_device(name, &to, opaque);
	}
	if (answer != DEVMAP_MAPPED) {
		strbuf_addn(out, l->s, l->full);
		return answer < 0 ? answer : 0;
	}
	strbuf_addn(out, l->s, (size_t)(value.s - l->s));
	strbuf_add(out, to);
	strbuf_addn(out, value.s + value.len, (size_t)(l->s + l->full - (value.s + value.len)));
	return 1;
}

static int lilo(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return lines_rewrite(text, lilo_line, f, ret);
}

/* LILO's map lists blocks of the kernel and the initramfs, and holds the arguments. */
static bool map_is_stale(const struct fixer *f)
{
	if (!guest_is_file(f->guest, LILO_CONF))
		return false;
	for (size_t i = 0; i < f->kernels.n; i++)
		if (f->kernel[i].rebuild)
			return true;
	return fixer_touched(f, LILO_CONF);
}

int linux_boot_device_detect(struct fixer *f, struct err *err)
{
	int r = linux_bootloader_visit(f, devices, err);

	if (r >= 0)
		r = fixer_rewrite(f, LILO_CONF, lilo, err);
	if (r < 0 || !map_is_stale(f))
		return r < 0 ? r : 0;
	if (guest_is_file(f->guest, "/sbin/lilo")) {
		fixer_say(f, "LILO's map is made anew");
		return 1;
	}
	fixer_say(f, "LILO's map must be made anew, and its program is not there");
	r = fixer_warn(f, "/etc/lilo.conf was changed, but /sbin/lilo is not there: the old map "
			  "stays");
	return r < 0 ? r : 0;
}

static const char *appliance_disk(const struct fixer *f)
{
	const char *disk = linux_rootname_boot_disk(f);
	const struct devmap *map = &f->guest->map;

	for (size_t i = 0; disk && i < map->nparts; i++)
		if (map->parts[i].disk && map->parts[i].number == 0 &&
		    strcmp(map->parts[i].disk, disk) == 0)
			return map->parts[i].device;
	return NULL;
}

int linux_boot_device_apply(struct fixer *f, struct err *err)
{
	const char *disk = appliance_disk(f);
	CLEANUP(mem_free) char *command = NULL;
	struct err e = ERR_INIT;

	if (!map_is_stale(f) || !guest_is_file(f->guest, "/sbin/lilo"))
		return 0;
	command = text_format("/sbin/lilo -b %s", disk ? disk : "/dev/sda");
	if (!command)
		return err_nomem(err);
	/* The old map still starts the kernel it knew: a failure is not the end. */
	if (guest_run(f->guest, command, NULL, &e) >= 0)
		return guest_edit_rebuilt(&f->edits, "/boot/map", err);
	fixer_say(f, "LILO could not be run: %s", e.text);
	return fixer_warn(f,
			  "LILO's map could not be made anew (%s): run lilo from a rescue system "
			  "if the virtual machine does not start",
			  e.text);
}
