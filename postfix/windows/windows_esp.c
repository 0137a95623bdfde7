/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-esp": how this Windows is started. On UEFI the firmware of a new machine has no
 * entry for it and starts \EFI\BOOT\BOOT<arch>.EFI, so that has to be Windows' boot manager. The
 * boot configuration (bcd.h) names partitions by GUID or signature, which were copied with them,
 * so nothing is changed in it; what it says that a virtual machine may stumble over is told.
 */
#include "postfix/windows/windows_rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postfix/windows/bcd.h"
#include "postfix/windows/windrive.h"

/* place: a folder of the guest without a slash at its end, "" for the root. */
static int path_at(struct fixer *f, const char *place, const char *path, char **ret,
		   struct err *err)
{
	CLEANUP(mem_free) char *full = text_format("%s/%s", place, path);

	return full ? windows_path(f, full, ret, err) : err_nomem(err);
}

static const char *fallback_name(const struct windows *w)
{
	switch (w->arch) {
	case WINDOWS_X86:
		return "EFI/BOOT/BOOTIA32.EFI";
	case WINDOWS_ARM64:
		return "EFI/BOOT/BOOTAA64.EFI";
	case WINDOWS_AMD64:
		break;
	}
	return "EFI/BOOT/BOOTX64.EFI";
}

static int fallback(struct fixer *f, const char *esp, struct err *err)
{
	CLEANUP(mem_free) char *from = NULL, *to = NULL;
	char safe[200];
	int r = path_at(f, esp, "EFI/Microsoft/Boot/bootmgfw.efi", &from, err);

	if (r >= 0)
		r = path_at(f, esp, fallback_name(f->windows), &to, err);
	if (r < 0)
		return r;
	if (!guest_is_file(f->guest, from))
		return err_set(err, ENOENT, "%s is missing: the firmware has nothing to start",
			       text_escape_str(from, safe, sizeof(safe)));
	if (guest_same(f->guest, from, to)) {
		fixer_say(f, "%s is the boot manager of this Windows",
			  text_escape_str(to, safe, sizeof(safe)));
		return 0;
	}
	fixer_say(f, "%s %s", text_escape_str(to, safe, sizeof(safe)),
		  guest_is_file(f->guest, to) ? "is another program than the boot manager of this "
						"Windows" : "is missing");
	r = guest_edit_copy(&f->edits, from, to, err);
	return r < 0 ? r : 1;
}

static void tell_device(struct fixer *f, const char *what, const struct bcd_device *d)
{
	enum windrive_answer a;
	const char *disk = NULL;
	char safe[80];

	if (d->kind != BCD_DEVICE_GPT && d->kind != BCD_DEVICE_MBR)
		return;
	a = windrive_partition(&f->guest->map, d->kind == BCD_DEVICE_GPT ? d->guid : NULL, d->signature,
			       d->start, &disk);
	if (a == WINDRIVE_COPIED)
		fixer_say(f, "%s is on %s", what, text_escape_str(disk, safe, sizeof(safe)));
	else if (a == WINDRIVE_MISSING)
		fixer_say(f, "%s is on %s, which was not copied", what,
			  text_escape_str(disk, safe, sizeof(safe)));
	else if (d->kind == BCD_DEVICE_GPT)
		fixer_say(f, "%s is on a partition that is not known: %s", what, d->guid);
	else
		fixer_say(f, "%s is on a partition that is not known: disk %08x", what,
			  d->signature);
}

static int tell_loader(struct fixer *f, const struct bcd_loader *l)
{
	char name[80], path[120];

	text_escape_str(l->description ? l->description : l->id, name, sizeof(name));
	fixer_say(f, "%s%s starts %s", l->is_default ? "by default " : "", name,
		  text_escape_str(l->path ? l->path : "nothing", path, sizeof(path)));
	tell_device(f, name, &l->osdevice);
	if (l->ems)
		fixer_say(f, "%s: the emergency console (SAC) is on, on the first serial port",
			  name);
	if (l->detect_hal)
		fixer_say(f, "%s: it looks for its HAL at each start", name);
	if (l->is_default && l->hypervisor == 1)
		fixer_say(f, "%s: it starts the hypervisor of Windows, for Hyper-V or for security "
			  "based on it, when the virtual machine has nested virtualization", name);
	if (!l->safe_mode)
		return 0;
	return fixer_warn(f, "%s starts in safe mode: bcdedit /deletevalue safeboot ends it", name);
}

static int tell_bcd(struct fixer *f, const char *path, struct err *err)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(bcd_done) struct bcd b = { 0 };
	struct err e = ERR_INIT;
	int r = hive_open(f->guest, path, false, &h, &e);

	if (r >= 0)
		r = bcd_read(h, &b, &e);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0) {
		/* Its log may wait to be replayed: the boot manager does that. */
		fixer_say(f, "the boot configuration was not looked into: %s", e.text);
		return 0;
	}
	tell_device(f, "the boot manager", &b.manager);
	if (b.boot_ems)
		fixer_say(f, "the boot manager speaks on the first serial port, too");
	for (size_t i = 0; i < b.n; i++)
		if (tell_loader(f, &b.loaders[i]) < 0)
			return err_nomem(err);
	return 0;
}

static int tell_configuration(struct fixer *f, const char *place, const char *path,
			      struct err *err)
{
	CLEANUP(mem_free) char *bcd = NULL;
	int r = path_at(f, place, path, &bcd, err);

	if (r < 0)
		return r;
	return guest_is_file(f->guest, bcd) ? tell_bcd(f, bcd, err) : 0;
}

static int tell_bios(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *ini = NULL;
	int r = path_at(f, "", "boot.ini", &ini, err);

	if (r < 0)
		return r;
	if (f->windows->major < 6 && guest_is_file(f->guest, ini))
		fixer_say(f, "started by %s, which names disks by their order: the first one must "
			  "stay the first", ini);
	return tell_configuration(f, "", "Boot/BCD", err);
}

int windows_esp_detect(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *esp = NULL;
	int r, changed;

	if (f->m->firmware.type != MACHINE_FIRMWARE_UEFI)
		return tell_bios(f, err);
	r = guest_mount_esp(f->guest, &esp, err);
	if (r < 0)
		return r;
	if (!r) {
		if (fixer_warn(f, "the EFI system partition was not found: whether the firmware "
			       "finds Windows is not known") < 0)
			return err_nomem(err);
		return 0;
	}
	changed = fallback(f, esp, err);
	if (changed < 0)
		return changed;
	r = tell_configuration(f, esp, "EFI/Microsoft/Boot/BCD", err);
	return r < 0 ? r : changed;
}
