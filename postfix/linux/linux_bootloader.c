/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "bootloader" and "grub-install". The generated grub.cfg is edited together with the
 * settings it is generated from, by the same rules, so the two agree and nothing has to be run: a
 * grub-mkconfig in the appliance would describe the appliance (its disks, a BIOS where the guest
 * has UEFI).
 */
#include "postfix/linux/linux_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/lines.h"

static const struct {
	const char *dir, *glob;
	enum bootcfg_kind kind;
} stores[] = {
	{ "/etc/default", "grub", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/default/grub.d", "*.cfg", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/grub.d", "4[01]_custom", BOOTCFG_GRUB_CFG },
	{ "/boot/grub", "grub.cfg", BOOTCFG_GRUB_CFG },
	{ "/boot/grub", "custom.cfg", BOOTCFG_GRUB_CFG },
	{ "/boot/grub2", "grub.cfg", BOOTCFG_GRUB_CFG },
	{ "/boot/grub", "menu.lst", BOOTCFG_GRUB_LEGACY },
	{ "/boot/grub", "grub.conf", BOOTCFG_GRUB_LEGACY },
	{ "/boot/loader/entries", "*.conf", BOOTCFG_LOADER_ENTRY },
	{ "/efi/loader/entries", "*.conf", BOOTCFG_LOADER_ENTRY },
	{ "/boot/efi/loader/entries", "*.conf", BOOTCFG_LOADER_ENTRY },
	{ "/etc/kernel", "cmdline", BOOTCFG_CMDLINE },
};

int linux_bootloader_kind(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		const char *base = strrchr(path, '/');
		size_t n = strlen(stores[i].dir);

		if (base && (size_t)(base - path) == n && strncmp(path, stores[i].dir, n) == 0 &&
		    (strcmp(stores[i].glob, base + 1) == 0 || strchr(stores[i].glob, '*') ||
		     strchr(stores[i].glob, '[')))
			return (int)stores[i].kind;
	}
	/* EFI/<vendor>/grub.cfg */
	return BOOTCFG_GRUB_CFG;
}

int linux_bootloader_visit(struct fixer *f,
			   int (*rewrite)(struct fixer *f, const char *path, const char *text,
					  char **ret),
			   struct err *err)
{
	CLEANUP(guest_strings_free) char **vendors = guest_list(f->guest, "/boot/efi/EFI", NULL);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(stores) && r >= 0; i++)
		r = fixer_rewrite_all(f, stores[i].dir, stores[i].glob, rewrite, err);
	for (size_t i = 0; vendors && vendors[i] && r >= 0; i++) {
		char path[300];

		if (snprintf(path, sizeof(path), "/boot/efi/EFI/%s/grub.cfg", vendors[i]) <
		    (int)sizeof(path))
			r = fixer_rewrite(f, path, rewrite, err);
	}
	return r;
}

static int devices(struct fixer *f, const char *path, const char *text, char **ret)
{
	const struct kargs_rules rules = { .map = &f->guest->map };
	struct machine_strv notes = { 0 };
	int r = bootcfg_rewrite((enum bootcfg_kind)linux_bootloader_kind(path), text, &rules, ret,
				&notes);

	for (size_t i = 0; i < notes.n; i++) {
		fixer_say(f, "%s: %s", path, notes.v[i]);
		if (fixer_warn(f, "%s: %s", path, notes.v[i]) < 0)
			r = -ENOMEM;
		free(notes.v[i]);
	}
	free(notes.v);
	return r;
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

int linux_bootloader_detect(struct fixer *f, struct err *err)
{
	int r = linux_bootloader_visit(f, devices, err);

	if (r >= 0)
		r = drop_device_map(f, "/boot/grub/device.map", err);
	if (r >= 0)
		r = drop_device_map(f, "/boot/grub2/device.map", err);
	return r < 0 ? r : 0;
}

/* udev makes a name from the serial number by turning what is not plain into '_'. */
static bool plain_id(const char *s)
{
	if (!s || !*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '.' && *s != '_')
			return false;
	return true;
}

/* The name of the boot disk as the VM will show it: the domain XML carries serial and WWN over. */
static int boot_disk_name(const struct fixer *f, char *buf, size_t size)
{
	const char *name = f->opt->images[f->guest->boot_image].name;
	const struct machine_disk *d = machine_find_disk(f->m, name);
	enum vm_block_bus bus = linux_block_bus(f);
	int n;

	if (bus == VM_BLOCK_VIRTIO_BLK) {
		n = d && plain_id(d->serial) ?
		    snprintf(buf, size, "/dev/disk/by-id/virtio-%.20s", d->serial) :
		    snprintf(buf, size, "/dev/vda");
	} else {
		const char *wwn = d ? d->wwn : NULL;

		if (wwn && strncmp(wwn, "0x", 2) == 0)
			wwn += 2;
		/* Longer ones (NVMe, RAID) are not what the bus can carry. */
		n = wwn && strlen(wwn) == 16 && plain_id(wwn) ?
		    snprintf(buf, size, "/dev/disk/by-id/wwn-0x%s", wwn) :
		    snprintf(buf, size, "/dev/sda");
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int install_devices(struct fixer *f, const char *path, const char *text, char **ret)
{
	static const char question[] = "grub-pc/install_devices";
	CLEANUP(mem_free) char *value = NULL;
	char disk[96];
	int r = etctext_debconf_get(text, question, &value);

	(void)path;
	/* Empty: the administrator never let the package install anything. */
	if (r < 0 || !value || !*value)
		return r < 0 ? r : 0;
	if (boot_disk_name(f, disk, sizeof(disk)) < 0 || strcmp(value, disk) == 0)
		return 0;
	fixer_say(f, "grub-pc was installed to %s, and will be to %s", value, disk);
	return etctext_debconf_set(text, question, disk, ret);
}

int linux_grub_install_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/var/cache/debconf/config.dat", install_devices, err);

	return r < 0 ? r : 0;
}
