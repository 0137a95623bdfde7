/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks: which of the devices are some, and all there is to say of one. */
#include "inventory/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

static int fill_disk(struct blk_walk *b, const char *sysname, const char *real, uint64_t size,
		     struct machine_disk *d)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL;
	CLEANUP(blk_probe_table_done) struct blk_table table = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char *transport;
	uint64_t discard = 0;
	int r;

	d->name = blk_text_device(sysname);
	d->path = d->name ? blk_text_printf("/dev/%s", d->name) : NULL;
	if (!d->path)
		return -ENOMEM;
	d->size = size;
	/* A kernel that does not tell is of a time when they all were. */
	d->rotational = !sysroot_exists(b->root, "/sys/block/%s/queue/rotational", sysname) ||
			collect_util_flag(b->root, "/sys/block/%s/queue/rotational", sysname);
	d->removable = collect_util_flag(b->root, "/sys/block/%s/removable", sysname);
	d->readonly = collect_util_flag(b->root, "/sys/block/%s/ro", sysname);
	collect_util_u32(b->root, &d->logical_sector, "/sys/block/%s/queue/hw_sector_size",
			 sysname);
	collect_util_u32(b->root, &d->logical_sector, "/sys/block/%s/queue/logical_block_size",
			 sysname);
	collect_util_u32(b->root, &d->physical_sector, "/sys/block/%s/queue/physical_block_size",
			 sysname);
	collect_util_u64(b->root, &discard, "/sys/block/%s/queue/discard_max_bytes", sysname);
	d->discard = discard > 0;

	r = collect_util_line(b->root, &dev, "/sys/block/%s/dev", sysname);
	if (r == 0)
		r = blk_node_records(b, dev, sysname, &udev, &blkid);
	if (r == 0)
		r = blk_identity_serial(b, sysname, udev, &d->serial);
	if (r == 0)
		r = blk_identity_wwn(b, sysname, udev, &d->wwn);
	if (r == 0)
		r = blk_identity_model(b, sysname, udev, d);
	if (r == 0)
		r = blk_bus_driver(b, real, &d->driver);
	if (r == 0)
		r = blk_walk_aliases(b, d->name, udev, "/dev/disk/", d->path, &d->aliases);
	if (r < 0)
		return r;
	transport = blk_bus_transport(sysname, real, d->driver);
	if (transport)
		d->transport = strdup(transport);
	else
		r = collect_util_key(udev, "ID_BUS", &d->transport);
	if (r < 0 || (transport && !d->transport))
		return -ENOMEM;

	fd = blk_node_open(b, d->name);
	if (fd >= 0)
		r = blk_probe_table(fd, &table);
	else if (sysroot_is_live(b->root))
		r = collect_warn(b->m, "cannot open %s, its contents are not known: %s", d->path,
				 strerror(-fd));
	if (r == -EIO)
		r = collect_warn(b->m, "cannot read the partition table of %s", d->path);
	if (r == 0 && !table.type)
		r = blk_probe_parse_table(blkid, &table);
	if (r == 0 && !table.type)
		r = blk_probe_parse_table(udev, &table);
	if (r == 0)
		r = blk_node_fs(b, d->name, udev, blkid, true, -1, 0, 0, &d->fs);
	if (r == 0)
		r = blk_mounts_add(b, dev, d->name, d->path, &d->aliases, &d->mountpoints, &d->fs);
	if (r == 0)
		r = blk_partition_add_all(b, sysname, &table, fd, d);
	if (r < 0)
		return r;
	d->table = TAKE_PTR(table.type);
	d->table_uuid = TAKE_PTR(table.id);
	return 0;
}

/* Neither a disk nor made of disks that matter. */
static bool is_ignored(const char *name, const char *real, uint64_t size)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "sr", "fd", "mtdblock" };
	const char *tail;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (blk_text_starts(name, prefixes[i]))
			return true;
	/* eMMC's own boot areas and its replay-protected block. */
	tail = blk_text_starts(name, "mmcblk") ? name + 6 + strspn(name + 6, "0123456789") : "";
	if (blk_text_starts(tail, "boot") || blk_text_starts(tail, "rpmb"))
		return true;
	/* A connected network block device is a disk as good as any. */
	if (blk_text_starts(name, "nbd"))
		return size == 0;
	return blk_text_starts(real, "/sys/devices/virtual/block/");
}

int blk_disk_add(struct blk_walk *b, const char *sysname)
{
	CLEANUP(mem_free) char *real = NULL;
	uint64_t size = 0, bytes;
	struct machine_disk *d;
	int r = sysroot_realpath(b->root, &real, "/sys/block/%s", sysname);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	collect_util_u64(b->root, &size, "/sys/block/%s/size", sysname);
	/* "hidden": one path of an NVMe disk that is shown once for all its paths. */
	if (is_ignored(sysname, real, size) ||
	    collect_util_flag(b->root, "/sys/block/%s/hidden", sysname))
		return 0;
	if (size == 0 || !u64_mul(size, 512, &bytes)) {
		/* A card reader without a card is not worth a word. */
		if (collect_util_flag(b->root, "/sys/block/%s/removable", sysname))
			return 0;
		return collect_warn(b->m, "disk %s has no size and is left out", sysname);
	}
	if (b->m->ndisks == COLLECT_LIST_MAX)
		return collect_full(b->m, "disks");
	/* Before Linux 2.6.25 /sys/block holds the folders themselves. */
	if (!blk_text_starts(real, "/sys/devices/")) {
		CLEANUP(mem_free) char *device = NULL;

		r = sysroot_realpath(b->root, &device, "/sys/block/%s/device", sysname);
		if (r == -ENOMEM)
			return r;
		if (r >= 0) {
			free(real);
			real = TAKE_PTR(device);
		}
	}
	d = machine_grow(&b->m->disks, &b->m->ndisks, sizeof(*d));
	return d ? fill_disk(b, sysname, real, bytes, d) : -ENOMEM;
}
