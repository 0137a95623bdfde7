/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks: which of the devices are some, and all there is to say of one. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

/* Kernels before 4.7 have the cache's mode in the SCSI disk's own folder only. */
static int read_write_cache(const struct blk_walk *b, const char *sysname, char **ret)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = blk_attr_line(b, ret, "/sys/block/%s/queue/write_cache", sysname);

	if (r < 0 || *ret)
		return r;
	r = sysroot_list(b->root, &names, "/sys/block/%s/device/scsi_disk", sysname);
	if (r < 0 || !names[0])
		return r == -ENOMEM ? r : 0;
	r = collect_util_line(b->root, ret, "/sys/block/%s/device/scsi_disk/%s/cache_type", sysname,
			      names[0]);
	/* "none", "write through", "write back", "write back, no read (daft)" */
	if (*ret && strcmp(*ret, "none") == 0) {
		free(*ret);
		*ret = strdup("write through");
		return *ret ? r : -ENOMEM;
	}
	if (*ret)
		(*ret)[strcspn(*ret, ",")] = '\0';
	return r;
}

static int fill_queue(const struct blk_walk *b, const char *sysname, struct machine_disk *d)
{
	uint64_t discard = 0;
	int r;

	/* A kernel that does not tell is of a time when they all were. */
	d->rotational = !sysroot_exists(b->root, "/sys/block/%s/queue/rotational", sysname) ||
			collect_util_flag(b->root, "/sys/block/%s/queue/rotational", sysname);
	d->removable = collect_util_flag(b->root, "/sys/block/%s/removable", sysname);
	d->readonly = collect_util_flag(b->root, "/sys/block/%s/ro", sysname);
	d->dax = blk_text_starts(sysname, "pmem") ||
		 collect_util_flag(b->root, "/sys/block/%s/queue/dax", sysname);
	collect_util_u32(b->root, &d->logical_sector, "/sys/block/%s/queue/hw_sector_size",
			 sysname);
	collect_util_u32(b->root, &d->logical_sector, "/sys/block/%s/queue/logical_block_size",
			 sysname);
	collect_util_u32(b->root, &d->physical_sector, "/sys/block/%s/queue/physical_block_size",
			 sysname);
	collect_util_u64(b->root, &discard, "/sys/block/%s/queue/discard_max_bytes", sysname);
	d->discard = discard > 0;
	r = blk_attr_line(b, &d->zoned, "/sys/block/%s/queue/zoned", sysname);
	if (d->zoned && strcmp(d->zoned, "none") == 0) {
		free(d->zoned);
		d->zoned = NULL;
	}
	return r == 0 ? read_write_cache(b, sysname, &d->write_cache) : r;
}

static int fill_bus(const struct blk_walk *b, const char *sysname, const char *real,
		    const char *udev, struct machine_disk *d)
{
	CLEANUP(mem_free) char *place = NULL;
	struct machine_strv paths = { 0 };
	const char *transport;
	int r = blk_bus_place(b, real, &place);

	if (r == 0)
		r = blk_bus_driver(b, place, &d->driver);
	if (r == 0)
		r = blk_bus_pci(place, &d->controller);
	if (r == 0)
		r = blk_bus_hctl(b, sysname, &d->hctl);
	/* Other subsystems have a file of that name with other words. */
	if (r == 0 && (d->hctl || blk_text_starts(sysname, "nvme")))
		r = blk_attr_line(b, &d->state, "/sys/block/%s/device/state", sysname);
	if (r == 0)
		r = blk_bus_nvme_paths(b, real, &paths);
	d->paths = (uint32_t)paths.n;
	machine_strv_done(&paths);
	if (r < 0)
		return r;
	transport = blk_bus_transport(sysname, real, d->driver);
	if (!transport)
		return collect_util_key(udev, "ID_BUS", &d->transport);
	d->transport = strdup(transport);
	return d->transport ? 0 : -ENOMEM;
}

/* Of what is on a path to a LUN only the map above all its paths speaks. */
static int set_member(struct machine_disk *d)
{
	d->fs.type = strdup("mpath_member");
	return d->fs.type ? 0 : -ENOMEM;
}

/* Table, filesystem, mounts, partitions. */
static int fill_content(struct blk_walk *b, const char *sysname, const char *dev, const char *udev,
			const char *blkid, struct machine_disk *d)
{
	CLEANUP(blk_probe_table_done) struct blk_table table = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char *why = NULL;
	bool ready = blk_ready(b, sysname, &why) == BLK_READY;
	size_t maps = 0;
	int r = 0;

	(void)blk_index_find(&b->maps_by_path, sysname, &maps);
	if (ready)
		fd = blk_node_open(b, d->name);
	if (!ready)
		r = collect_warn(b->m, "%s is %s and was not read", d->path, why);
	else if (fd >= 0)
		r = blk_probe_table(fd, d->logical_sector, &table);
	else if (sysroot_is_live(b->root))
		r = collect_warn(b->m, "cannot open %s, its contents are not known: %s", d->path,
				 strerror(-fd));
	if (r == -EIO)
		r = collect_warn(b->m, "cannot read the partition table of %s", d->path);
	if (r == 0 && !table.type)
		r = blk_probe_parse_table(blkid, &table);
	if (r == 0 && !table.type)
		r = blk_probe_parse_table(udev, &table);
	if (r == 0 && table.type && strcmp(table.type, "gpt") == 0)
		r = blk_table_hybrid(b, sysname, fd, &d->hybrid_mbr);
	if (r == 0 && maps > 0)
		r = set_member(d);
	else if (r == 0)
		r = blk_node_fs(b, d->name, udev, blkid, ready, -1, 0, 0, &d->fs);
	if (r == 0)
		r = blk_mounts_add(b, dev, d->name, d->path, &d->aliases, &d->mountpoints, &d->fs);
	if (r == 0)
		r = blk_partition_add_all(b, sysname, &table, fd, ready, d);
	if (r < 0)
		return r;
	d->table = TAKE_PTR(table.type);
	d->table_uuid = TAKE_PTR(table.id);
	return 0;
}

static int fill_disk(struct blk_walk *b, const char *sysname, const char *real, uint64_t size,
		     struct machine_disk *d)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL;
	int r;

	d->name = blk_text_device(sysname);
	d->path = d->name ? blk_text_printf("/dev/%s", d->name) : NULL;
	if (!d->path)
		return -ENOMEM;
	d->size = size;
	r = fill_queue(b, sysname, d);
	if (r == 0)
		r = blk_attr_line(b, &dev, "/sys/block/%s/dev", sysname);
	if (r == 0)
		r = blk_node_records(b, dev, sysname, &udev, &blkid);
	if (r == 0)
		r = blk_identity_serial(b, sysname, udev, &d->serial);
	if (r == 0)
		r = blk_identity_wwn(b, sysname, udev, &d->wwn);
	if (r == 0)
		r = blk_identity_model(b, sysname, udev, d);
	if (r == 0)
		r = fill_bus(b, sysname, real, udev, d);
	if (r == 0)
		r = blk_walk_aliases(b, d->name, udev, "/dev/disk/", d->path, &d->aliases);
	return r == 0 ? fill_content(b, sysname, dev, udev, blkid, d) : r;
}

/* Neither a disk nor made of disks that matter. */
static bool is_ignored(const char *name)
{
	static const char *const prefixes[] = { "ram", "sr", "fd", "mtdblock" };
	const char *tail;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (blk_text_starts(name, prefixes[i]))
			return true;
	/* eMMC's own boot areas and its replay-protected block. */
	tail = blk_text_starts(name, "mmcblk") ? name + 6 + strspn(name + 6, "0123456789") : "";
	return blk_text_starts(tail, "boot") || blk_text_starts(tail, "rpmb");
}

int blk_disk_add(struct blk_walk *b, const char *sysname)
{
	CLEANUP(mem_free) char *real = NULL;
	uint64_t size;
	struct machine_disk *d;
	int r;

	if (is_ignored(sysname))
		return 0;
	r = sysroot_realpath(b->root, &real, "/sys/block/%s", sysname);
	if (r < 0)
		return r == -ENOMEM ? r :
		       collect_warn(b->m, "disk %s is listed and cannot be looked at: %s", sysname,
				    strerror(-r));
	size = blk_attr_sectors(b, "/sys/block/%s/size", sysname);
	/* A connected network block device is a disk as good as any. */
	if (blk_text_starts(sysname, "nbd") ? size == 0 :
	    blk_text_starts(real, "/sys/devices/virtual/block/"))
		return 0;
	/* "hidden": one path of an NVMe disk that is shown once for all its paths. */
	if (collect_util_flag(b->root, "/sys/block/%s/hidden", sysname))
		return 0;
	if (size == 0) {
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
	return d ? fill_disk(b, sysname, real, size, d) : -ENOMEM;
}
