/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One disk for each image. What the source's disk said of itself (serial number, WWN, vendor) is
 * kept as far as the bus can carry it, so that /dev/disk/by-id and what is bound to it stay true.
 */
#include "convert/vmspec_builder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/text.h"

#define IDE_MAX		4		/* two channels of two */
#define SECTOR_MAX	(32 * KIB)

static char *clean_serial(struct vmspec_builder *b, const char *text, enum vm_block_bus bus)
{
	/* What QEMU's models show: 36 characters on SCSI's page 0x80, 20 elsewhere. */
	char *s = vmspec_builder_clean(b, text, bus == VM_BLOCK_VIRTIO_SCSI ? 36 : 20);

	/* libvirt takes no others; '_' is what udev makes of them in /dev/disk/by-id, too. */
	for (char *p = s; p && *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+- ",
			    *p))
			*p = '_';
	return s;
}

/* "0x5000c500...", "naa.5000...", "eui.0025..." as 16 hex digits; no longer ones can be shown. */
static char *clean_wwn(struct vmspec_builder *b, const char *text)
{
	static const char *const prefixes[] = { "0x", "naa.", "eui." };

	if (!text)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncasecmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
			text += strlen(prefixes[i]);
			break;
		}
	}
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16 ||
	    strspn(text, "0") == 16)
		return NULL;
	return vmspec_builder_dup(b, text);
}

static bool sector_ok(uint32_t n)
{
	return n >= 512 && n <= SECTOR_MAX && (n & (n - 1)) == 0;
}

static uint32_t sector_choose(uint32_t image, uint32_t disk, uint32_t fallback)
{
	return sector_ok(image) ? image : sector_ok(disk) ? disk : fallback;
}

/* How sure it is that the machine boots from this disk; 0 = nothing speaks for it. */
static unsigned int boot_score(const struct vmspec_builder *b, const struct machine_disk *d)
{
	const struct machine_boot_entry *e = machine_boot_current(b->m);
	unsigned int best = 0;

	for (size_t i = 0; d && i < d->npartitions; i++) {
		const struct machine_partition *p = &d->partitions[i];
		unsigned int n = p->boot ? 1 : 0;

		if (machine_strv_has(&p->mountpoints, "/"))
			n = 2;
		if (machine_strv_has(&p->mountpoints, "/boot"))
			n = 3;
		if (machine_strv_has(&p->mountpoints, "/boot/efi") ||
		    machine_strv_has(&p->mountpoints, "/efi"))
			n = 4;
		if (e && e->partition_uuid && p->uuid &&
		    strcasecmp(e->partition_uuid, p->uuid) == 0)
			n = 5;
		best = MAX(best, n);
	}
	return best;
}

static size_t boot_guess(struct vmspec_builder *b)
{
	unsigned int best = 0;
	size_t found = 0;

	for (size_t i = 0; i < b->nimages; i++) {
		unsigned int n = boot_score(b, vmspec_builder_disk(b, i));

		if (n > best) {
			best = n;
			found = i;
		}
	}
	if (best == 0 && b->nimages > 1)
		vmspec_builder_warn(b, "it is not known which disk the machine boots from: taking "
				       "the first one");
	return found;
}

/*
 * Every disk gets a place, also those that nobody boots from: with a boot order, SeaBIOS and OVMF
 * do not set up disks outside it, and then the boot loader misses the rest of a RAID or a
 * volume group.
 */
static void build_boot_order(struct vmspec_builder *b)
{
	unsigned int next = 1;
	bool any = false;
	size_t guess;

	for (size_t i = 0; i < b->nimages; i++) {
		if (b->images[i].boot) {
			b->s->disks[i].boot_order = next++;
			any = true;
		}
	}
	if (!any) {
		guess = boot_guess(b);
		b->s->disks[guess].boot_order = next++;
	}
	for (size_t i = 0; i < b->nimages; i++)
		if (b->s->disks[i].boot_order == 0)
			b->s->disks[i].boot_order = next++;
}

static const char *const bus_names[] = {
	[VM_BLOCK_VIRTIO_SCSI] = "virtio-scsi", [VM_BLOCK_VIRTIO_BLK] = "virtio-blk",
	[VM_BLOCK_SATA] = "sata", [VM_BLOCK_IDE] = "ide",
};

/* The guest's best, or what is wished for. */
static int wanted_bus(struct vmspec_builder *b, const char *name, const char *wish,
		      enum vm_block_bus *ret, struct err *err)
{
	size_t i = 0;
	char safe[32];

	*ret = b->caps->block;
	if (!wish)
		return 0;
	while (i < ARRAY_SIZE(bus_names) && strcmp(bus_names[i], wish) != 0)
		i++;
	if (i == ARRAY_SIZE(bus_names))
		return err_set(err, EINVAL, "there is no bus %s for the disk %s",
			       text_escape_str(wish, safe, sizeof(safe)), name);
	*ret = (enum vm_block_bus)i;
	if (*ret != b->caps->block)
		vmspec_builder_warn(b,
				    "the disk %s goes on %s as it was wished, although %s is the "
				    "best bus that the guest is known to start from",
				    name, wish, bus_names[b->caps->block]);
	return 0;
}

static enum vm_block_bus choose_bus(struct vmspec_builder *b, const char *name,
				    enum vm_block_bus bus, uint32_t logical, size_t *nide)
{
	/* IDE and SATA have 512-byte sectors; the partition table would not be found. */
	if ((bus == VM_BLOCK_IDE || bus == VM_BLOCK_SATA) && logical != 512) {
		vmspec_builder_warn(b,
				    "the disk %s has sectors of %" PRIu32
				    " bytes, which only virtio can show: the guest needs its "
				    "virtio-scsi driver",
				    name, logical);
		return VM_BLOCK_VIRTIO_SCSI;
	}
	if (bus != VM_BLOCK_IDE)
		return bus;
	if (b->s->q35) {
		/* q35 has none. */
		if (b->caps->block != VM_BLOCK_IDE)
			vmspec_builder_warn(b,
					    "the virtual machine's board has no IDE: the disk %s "
					    "goes on SATA",
					    name);
		return VM_BLOCK_SATA;
	}
	if (*nide == IDE_MAX) {
		vmspec_builder_warn(b, "IDE has room for %d disks: the disk %s goes on SATA",
				    IDE_MAX, name);
		return VM_BLOCK_SATA;
	}
	(*nide)++;
	return bus;
}

/* "sda" ... "sdz", "sdaa" ... */
static char *target_name(struct vmspec_builder *b, enum vm_block_bus bus, size_t index)
{
	const char *prefix = bus == VM_BLOCK_VIRTIO_BLK ? "vd" : bus == VM_BLOCK_IDE ? "hd" : "sd";
	char digits[16], *p = digits + sizeof(digits) - 1, *s;

	*p = '\0';
	for (index++; index > 0; index = (index - 1) / 26)
		*--p = (char)('a' + (index - 1) % 26);
	if (asprintf(&s, "%s%s", prefix, p) < 0) {
		b->nomem = true;
		return NULL;
	}
	return s;
}

static int build_disk(struct vmspec_builder *b, size_t i, size_t *nide, size_t names[4],
		      struct err *err)
{
	const struct vmspec_image *img = &b->images[i];
	const struct machine_disk *d = vmspec_builder_disk(b, i);
	struct vmspec_disk *v = &b->s->disks[i];
	enum vm_block_bus bus;
	char name[64];
	size_t *used;
	int r;

	if (!img->name || !img->path || img->path[0] != '/')
		return err_set(err, EINVAL, "image %zu lacks a disk name or an absolute path", i);
	text_escape_str(img->name, name, sizeof(name));
	if (!d)
		vmspec_builder_warn(b,
				    "the disk %s is not in the machine's inventory: its serial "
				    "number is not known",
				    name);

	v->name = vmspec_builder_dup(b, img->name);
	v->path = vmspec_builder_dup(b, img->path);
	v->format = vmspec_builder_dup(b, img->format ? img->format : "qcow2");
	v->size = img->size;
	v->direct_io = img->direct_io;
	v->logical_sector = sector_choose(img->logical_sector, d ? d->logical_sector : 0, 512);
	v->physical_sector =
	    sector_choose(img->physical_sector, d ? d->physical_sector : 0, v->logical_sector);
	v->physical_sector = MAX(v->physical_sector, v->logical_sector);
	r = wanted_bus(b, name, img->bus, &bus, err);
	if (r < 0)
		return r;
	v->bus = choose_bus(b, name, bus, v->logical_sector, nide);
	used = v->bus == VM_BLOCK_SATA ? &names[VM_BLOCK_VIRTIO_SCSI] : &names[v->bus];
	v->dev = target_name(b, v->bus, (*used)++);
	if (!d) {
		/* HDD: what a guest makes of a disk that does not say. */
		v->rotational = true;
		return 0;
	}
	v->rotational = d->rotational;
	v->serial = clean_serial(b, d->serial, v->bus);
	if (v->bus == VM_BLOCK_VIRTIO_SCSI || v->bus == VM_BLOCK_IDE)
		v->wwn = clean_wwn(b, d->wwn);
	if (v->bus == VM_BLOCK_VIRTIO_SCSI) {
		v->vendor = vmspec_builder_clean(b, d->vendor, 8);
		v->product = vmspec_builder_clean(b, d->model, 16);
		/* libata's word for a disk that it translates: udev would send ATA commands. */
		if (v->vendor && strcmp(v->vendor, "ATA") == 0) {
			free(v->vendor);
			v->vendor = NULL;
		}
	}
	return 0;
}

int vmspec_disks_fill(struct vmspec_builder *b, struct err *err)
{
	size_t nide = 0, names[4] = { 0 };

	b->s->disks = calloc(b->nimages, sizeof(*b->s->disks));
	if (!b->s->disks)
		return err_nomem(err);
	b->s->ndisks = b->nimages;
	for (size_t i = 0; i < b->nimages; i++) {
		int r = build_disk(b, i, &nide, names, err);

		if (r < 0)
			return r;
	}
	build_boot_order(b);
	return 0;
}
