/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/linux_rootname.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/linux_rows.h"

/* The images in their order; where there are none, the machine's disks. NULL past the last. */
static const char *disk_name(const struct fixer *f, size_t i)
{
	if (f->opt->nimages)
		return i < f->opt->nimages ? f->opt->images[i].name : NULL;
	return i < f->m->ndisks ? f->m->disks[i].name : NULL;
}

const char *linux_rootname_boot_disk(const struct fixer *f)
{
	return disk_name(f, f->guest->boot_image);
}

bool linux_rootname_is_grub1(const struct fixer *f)
{
	return (guest_is_file(f->guest, "/boot/grub/menu.lst") ||
		guest_is_file(f->guest, "/boot/grub/grub.conf")) &&
	       !guest_is_file(f->guest, "/boot/grub/grub.cfg") &&
	       !guest_is_file(f->guest, "/boot/grub2/grub.cfg");
}

/* Each of these has always made an early boot that looks for UUIDs. */
static const char *const modern[] = {
	"/usr/sbin/update-initramfs", "/sbin/dracut",	   "/usr/sbin/dracut",
	"/usr/bin/dracut",	      "/usr/bin/mkinitcpio", "/sbin/mkinitcpio",
	"/sbin/mkinitfs",	      "/usr/bin/genkernel",
};

/* Of mkinitrd there are many; what the script does not speak of, it does not know. */
static const char *const scripts[] = {
	"/sbin/mkinitrd", "/lib/mkinitrd/scripts/setup-storage.sh",
	"/lib/mkinitrd/scripts/boot-storage.sh",
};

static bool knows_uuid(struct guest *guest)
{
	for (size_t i = 0; i < ARRAY_SIZE(modern); i++)
		if (guest_is_file(guest, modern[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		CLEANUP(mem_free) char *text = NULL;

		if (guest_read(guest, scripts[i], GUEST_TEXT_MAX, &text, NULL, NULL) >= 0 &&
		    (strstr(text, "UUID=") || strstr(text, "by-uuid")))
			return true;
	}
	return false;
}

bool linux_rootname_needs_device(const struct fixer *f, const char *path)
{
	switch (bootcfg_kind_of(path)) {
	case BOOTCFG_LILO:
		return !strstr(path, "elilo.conf") || !knows_uuid(f->guest);
	case BOOTCFG_GRUB_LEGACY:
		return !knows_uuid(f->guest);
	default:
		return false;
	}
}

/* "vda", "sdb", ...: images become disks in their order. */
static int vm_name(const struct fixer *f, const char *disk, char *buf, size_t size)
{
	const char *prefix = linux_block_bus(f) == VM_BLOCK_VIRTIO_BLK ? "vd" : "sd";

	const char *name;

	for (size_t i = 0; i < 26 && (name = disk_name(f, i)) != NULL; i++)
		if (strcmp(name, disk) == 0) {
			snprintf(buf, size, "/dev/%s%c", prefix, (char)('a' + i));
			return 0;
		}
	return -ENOENT;
}

int linux_rootname_device(const char *name, char **ret, void *opaque)
{
	const struct fixer *f = opaque;
	const struct devmap_part *p = devmap_find(&f->guest->map, name);
	char disk[16];
	char *to;

	/* A name that this row gave, on a second run. */
	for (size_t i = 0; i < f->guest->map.nparts; i++) {
		const struct devmap_part *x = &f->guest->map.parts[i];

		if (x != p && x->disk && vm_name(f, x->disk, disk, sizeof(disk)) == 0 &&
		    strncmp(name, disk, strlen(disk)) == 0 && !p)
			return DEVMAP_KEEP;
	}
	if (!p)
		return devmap_is_old_name(name) ? DEVMAP_UNKNOWN : DEVMAP_KEEP;
	if (!p->disk || vm_name(f, p->disk, disk, sizeof(disk)) < 0)
		return DEVMAP_UNKNOWN;
	to = p->number ? text_format("%s%u", disk, p->number) : strdup(disk);
	if (!to)
		return -ENOMEM;
	if (strcmp(to, name) == 0) {
		free(to);
		return DEVMAP_KEEP;
	}
	*ret = to;
	return DEVMAP_MAPPED;
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

int linux_rootname_disk(const struct fixer *f, const char *disk, char *buf, size_t size)
{
	const struct machine_disk *d = machine_find_disk(f->m, disk);
	enum vm_block_bus bus = linux_block_bus(f);
	int n;

	if (bus == VM_BLOCK_VIRTIO_BLK) {
		if (!d || !plain_id(d->serial))
			return vm_name(f, disk, buf, size);
		n = snprintf(buf, size, "/dev/disk/by-id/virtio-%.20s", d->serial);
	} else {
		const char *wwn = d ? d->wwn : NULL;

		if (wwn && strncmp(wwn, "0x", 2) == 0)
			wwn += 2;
		/* Longer ones (NVMe, RAID) are not what the bus can carry. */
		if (!wwn || strlen(wwn) != 16 || !plain_id(wwn))
			return vm_name(f, disk, buf, size);
		n = snprintf(buf, size, "/dev/disk/by-id/wwn-0x%s", wwn);
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int linux_rootname_old_disk(const struct fixer *f, const char *name, char **ret)
{
	const struct devmap_part *p = devmap_find(&f->guest->map, name);
	const char *disk;
	char buf[96];

	*ret = NULL;
	for (size_t i = 0; !*ret && (disk = disk_name(f, i)) != NULL; i++) {
		if (linux_rootname_disk(f, disk, buf, sizeof(buf)) < 0)
			continue;
		/* The disk itself, or the name that it has already. */
		if (strcmp(buf, name) != 0 &&
		    (!p || p->number || !p->disk || strcmp(p->disk, disk) != 0))
			continue;
		*ret = strdup(buf);
		if (!*ret)
			return -ENOMEM;
	}
	return 0;
}
