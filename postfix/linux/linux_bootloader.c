/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "bootloader", and the places where boot loaders keep kernel arguments, for all rows that
 * change some. A generated grub.cfg is edited together with the settings it is generated from, by
 * the same rules, so the two agree and nothing has to be run: a grub-mkconfig in the appliance
 * would describe the appliance (its disks, a BIOS where the guest has UEFI).
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_rootname.h"

struct store {
	const char *dir, *glob;
};

static const struct store stores[] = {
	{ "/etc/default", "grub" },
	{ "/etc/default/grub.d", "*.cfg" },
	{ "/etc/default", "extlinux" },
	{ "/etc", "update-extlinux.conf" },
	{ "/etc/sysconfig", "bootloader" },
	{ "/etc/kernel", "cmdline" },
	{ "/etc/cmdline.d", "*.conf" },
	{ "/etc/grub.d", "4[01]_custom" },
	{ "/etc", "lilo.conf" },
	{ "/etc", "elilo.conf" },
	{ "/etc", "grub.conf" },
	{ "/boot/grub", "grub.cfg" },
	{ "/boot/grub", "custom.cfg" },
	{ "/boot/grub", "grubenv" },
	{ "/boot/grub", "menu.lst" },
	{ "/boot/grub", "grub.conf" },
	{ "/boot/grub2", "grub.cfg" },
	{ "/boot/grub2", "custom.cfg" },
	{ "/boot/grub2", "grubenv" },
	{ "/boot/loader/entries", "*.conf" },
	{ "/efi/loader/entries", "*.conf" },
	{ "/boot/extlinux", "*.conf" },
	{ "/boot", "extlinux.conf" },
	{ "/boot", "syslinux.cfg" },
	{ "/boot/syslinux", "syslinux.cfg" },
};

/* On the EFI system partition, wherever it is mounted. */
static const struct store esp_stores[] = {
	{ "loader/entries", "*.conf" },
	{ "syslinux", "syslinux.cfg" },
};

/* In each folder below EFI: of a vendor, or BOOT. */
static const char *const vendor_files[] = { "grub.cfg", "custom.cfg", "grubenv", "elilo.conf",
					    "syslinux.cfg" };

static int visit_vendors(struct fixer *f, const char *esp, linux_bootloader_fn *rewrite,
			 struct err *err)
{
	CLEANUP(mem_free) char *efi = text_format("%s/EFI", esp);
	CLEANUP(guest_strings_free) char **vendors = efi ? guest_list(f->guest, efi, NULL) : NULL;
	int r = 0;

	if (!vendors)
		return err_nomem(err);
	for (size_t v = 0; vendors[v] && r >= 0; v++)
		for (size_t i = 0; i < ARRAY_SIZE(vendor_files) && r >= 0; i++) {
			CLEANUP(mem_free)
			char *path = text_format("%s/%s/%s", efi, vendors[v], vendor_files[i]);

			if (!path)
				return err_nomem(err);
			r = fixer_rewrite(f, path, rewrite, err);
		}
	return r;
}

int linux_bootloader_visit(struct fixer *f, linux_bootloader_fn *rewrite, struct err *err)
{
	CLEANUP(mem_free) char *esp = NULL;
	int r = guest_mount_esp(f->guest, &esp, err);

	for (size_t i = 0; i < ARRAY_SIZE(stores) && r >= 0; i++)
		r = fixer_rewrite_all(f, stores[i].dir, stores[i].glob, rewrite, err);
	if (!esp || r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(esp_stores) && r >= 0; i++) {
		CLEANUP(mem_free) char *dir = text_format("%s/%s", esp, esp_stores[i].dir);

		if (!dir)
			return err_nomem(err);
		r = fixer_rewrite_all(f, dir, esp_stores[i].glob, rewrite, err);
	}
	return r < 0 ? r : visit_vendors(f, esp, rewrite, err);
}

int linux_bootloader_notes(struct fixer *f, const char *path, struct machine_strv *notes, int r)
{
	for (size_t i = 0; i < notes->n; i++) {
		fixer_say(f, "%s: %s", path, notes->v[i]);
		if (fixer_warn(f, "%s: %s", path, notes->v[i]) < 0)
			r = -ENOMEM;
		free(notes->v[i]);
	}
	free(notes->v);
	return r;
}

static int devices(struct fixer *f, const char *path, const char *text, char **ret)
{
	const struct kargs_rules rules = { .map = &f->guest->map };
	enum bootcfg_kind kind = bootcfg_kind_of(path);
	struct machine_strv notes = { 0 };
	int r;

	/* What knows no UUIDs gets the name on the virtual bus, which is known at the end only. */
	if (linux_rootname_needs_device(f, path))
		return 0;
	r = bootcfg_rewrite(kind, text, &rules, ret, &notes);
	return linux_bootloader_notes(f, path, &notes, r);
}

/* GRUB finds the disks by itself; a stale map only makes its tools fail. */
static int drop_device_map(struct fixer *f, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	const char *pos;
	struct line l;

	if (guest_edit_read(&f->edits, path, &text, NULL) < 0)
		return 0;
	for (pos = text; lines_next(&pos, &l);) {
		const char *p = l.s, *end = l.s + l.len;
		CLEANUP(mem_free) char *name = NULL;
		struct span drive, dev;

		if (lines_is_comment(&l, "#") || !lines_word(&p, end, &drive) ||
		    !lines_word(&p, end, &dev))
			continue;
		name = lines_span_dup(dev);
		if (!name)
			return err_nomem(err);
		/* The old machine's floppy is as gone as its disks. */
		if (devmap_is_old_name(name) || strncmp(name, "/dev/fd", 7) == 0)
			return guest_edit_remove(&f->edits, path, err);
	}
	return 0;
}

static int report_others(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *esp = NULL;
	int r = guest_mount_esp(f->guest, &esp, err);

	if (r > 0)
		r = linux_uki_report(f, esp, err);
	if (r >= 0 && guest_is_file(f->guest, "/etc/zipl.conf"))
		fixer_say(f, "/etc/zipl.conf is for machines that this host cannot be: left as "
			     "it is");
	return r;
}

int linux_bootloader_detect(struct fixer *f, struct err *err)
{
	int r = linux_bootloader_visit(f, devices, err);

	if (r >= 0)
		r = report_others(f, err);

	/* GRUB 1's tools want the map: row "grub-install" writes it. */
	if (r >= 0 && !linux_rootname_is_grub1(f))
		r = drop_device_map(f, "/boot/grub/device.map", err);
	if (r >= 0)
		r = drop_device_map(f, "/boot/grub2/device.map", err);
	return r < 0 ? r : 0;
}
