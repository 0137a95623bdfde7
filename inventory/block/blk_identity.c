/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk says of itself: serial number, world-wide name, vendor, model. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

/* VPD page 0x80: 0, page, u16 length, the serial number in ASCII (SPC-4 7.8.14). */
static int vpd_serial(const struct blk_walk *b, const char *sysname, char **ret)
{
	CLEANUP(mem_free) char *page = NULL;
	size_t len, n;
	int r = sysroot_read(b->root, &page, &len, "/sys/block/%s/device/vpd_pg80", sysname);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (len < 4 || (unsigned char)page[1] != 0x80)
		return 0;
	n = get_be16(page + 2);
	return collect_util_text(page + 4, MIN(n, len - 4), ret);
}

int blk_identity_serial(const struct blk_walk *b, const char *sysname, const char *udev, char **ret)
{
	static const char *const files[] = { "serial", "device/serial" };
	static const char *const keys[] = { "ID_SCSI_SERIAL", "ID_SERIAL_SHORT" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0 && !*ret; i++)
		r = blk_attr_line(b, ret, "/sys/block/%s/%s", sysname, files[i]);
	if (r == 0 && !*ret)
		r = vpd_serial(b, sysname, ret);
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0 && !*ret; i++)
		r = collect_util_key(udev, keys[i], ret);
	return r;
}

int blk_identity_wwn(const struct blk_walk *b, const char *sysname, const char *udev, char **ret)
{
	static const char *const files[] = { "wwid", "device/wwid" };
	static const char *const keys[] = { "ID_WWN_WITH_EXTENSION", "ID_WWN" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0 && !*ret; i++)
		r = collect_util_key(udev, keys[i], ret);
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0 && !*ret; i++) {
		CLEANUP(mem_free) char *id = NULL;

		r = blk_attr_line(b, &id, "/sys/block/%s/%s", sysname, files[i]);
		if (!id)
			continue;
		if (blk_text_starts(id, "naa.")) {
			*ret = blk_text_printf("0x%s", id + 4);
			if (!*ret)
				return -ENOMEM;
			collect_util_lower(*ret);
		} else if (blk_text_starts(id, "eui.") || blk_text_starts(id, "nvme.") ||
			   blk_text_starts(id, "uuid.")) {
			*ret = TAKE_PTR(id);
		}
	}
	return r;
}

/* SCSI has four characters for it, ATA eight, of which SCSI's emulation shows four. */
static int read_revision(const struct blk_walk *b, const char *sysname, const char *udev,
			 char **ret)
{
	static const char *const files[] = { "rev", "firmware_rev", "fwrev" };
	CLEANUP(mem_free) char *full = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0 && !*ret; i++)
		r = blk_attr_line(b, ret, "/sys/block/%s/device/%s", sysname, files[i]);
	if (r == 0)
		r = collect_util_key(udev, "ID_REVISION", &full);
	if (full && (!*ret || blk_text_starts(full, *ret))) {
		free(*ret);
		*ret = TAKE_PTR(full);
	}
	return r;
}

int blk_identity_model(const struct blk_walk *b, const char *sysname, const char *udev,
		       struct machine_disk *d)
{
	CLEANUP(mem_free) char *full = NULL;
	int r = blk_attr_line(b, &d->model, "/sys/block/%s/device/model", sysname);

	if (r == 0)
		r = blk_attr_line(b, &d->vendor, "/sys/block/%s/device/vendor", sysname);
	if (r == 0)
		r = read_revision(b, sysname, udev, &d->revision);
	if (r == 0)
		r = collect_util_key_enc(udev, "ID_MODEL_ENC", &full);
	if (r < 0)
		return r;
	/* virtio has a PCI number there. */
	if (d->vendor && blk_text_starts(d->vendor, "0x")) {
		free(d->vendor);
		d->vendor = NULL;
	}
	/* SCSI's field has 16 characters; ATA's name has up to 40 and udev knows them. */
	if (full && (!d->model || blk_text_starts(full, d->model))) {
		free(d->model);
		d->model = TAKE_PTR(full);
	}
	return 0;
}
