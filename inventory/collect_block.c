/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks, their partitions, and the volumes made of them.
 *
 * Three sources, the nearer to the truth first: the device itself through libblkid; the record of
 * it under /p2v/blkid (of a recorded machine); udev's database. sysfs gives sizes and relations.
 * A device node is opened read-only and only if it is one (or, under a recorded root, a file in
 * its place): nothing here may block or write.
 */
#include "inventory/collect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include "common/bytes.h"
#include "inventory/blk_probe.h"
#include "inventory/collect_util.h"
#include "inventory/mountinfo.h"

struct link {
	char *target;			/* "sda1" */
	char *path;			/* "/dev/disk/by-uuid/..." */
};

struct block {				/* what the walk carries along */
	const struct sysroot *root;
	struct machine *m;
	struct link *links;
	size_t nlinks;
	struct mountinfo mounts;
	char *statvfs;			/* /p2v/statvfs */
};

static void block_done(struct block *b)
{
	for (size_t i = 0; i < b->nlinks; i++) {
		free(b->links[i].target);
		free(b->links[i].path);
	}
	free(b->links);
	mountinfo_done(&b->mounts);
	free(b->statvfs);
}
DEFINE_CLEANUP_VALUE(struct block, block_done)

static char *xprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *xprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}

/* sysfs writes '!' for a '/' in a device's name: cciss!c0d0 is /dev/cciss/c0d0. */
static char *with_slashes(const char *name)
{
	char *s = strdup(name);

	for (char *p = s; p && *p; p++)
		if (*p == '!')
			*p = '/';
	return s;
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int add_link(struct block *b, const char *path)
{
	CLEANUP(mem_free) char *text = NULL, *copy = NULL, *target = NULL;
	const char *p;
	struct link *l;
	int r = sysroot_readlink(b->root, &text, "%s", path);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* udev's links are relative: "../../cciss/c0d0". */
	for (p = text; starts_with(p, "../"); p += 3)
		;
	if (starts_with(p, "/dev/"))
		p += 5;
	r = collect_util_text(p, strlen(p), &target);
	if (r == 0)
		r = collect_util_text(path, strlen(path), &copy);
	if (r < 0 || !target || !copy)
		return r;
	l = machine_grow(&b->links, &b->nlinks, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->target = TAKE_PTR(target);
	l->path = TAKE_PTR(copy);
	return 0;
}

static int add_links_of(struct block *b, const char *folder)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "%s", folder);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *path = xprintf("%s/%s", folder, *p);

		if (!path || add_link(b, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_links(struct block *b)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "/dev/disk");

	if (r == -ENOMEM)
		return r;
	for (char **p = names; p && *p; p++) {
		CLEANUP(mem_free) char *folder = xprintf("/dev/disk/%s", *p);

		/* by-diskseq counts the disks since boot: it names nothing that lasts. */
		if (strcmp(*p, "by-diskseq") == 0)
			continue;
		if (!folder || add_links_of(b, folder) < 0)
			return -ENOMEM;
	}
	return add_links_of(b, "/dev/mapper");
}

static int add_once(struct machine_strv *v, const char *s)
{
	return machine_strv_has(v, s) ? 0 : machine_strv_add(v, s);
}

/* Links found below /dev, and those udev says it made ("S:disk/by-id/..."). */
static int add_aliases(const struct block *b, const char *name, const char *udev, const char *under,
		       const char *own_path, struct machine_strv *ret)
{
	for (size_t i = 0; i < b->nlinks; i++)
		if (strcmp(b->links[i].target, name) == 0 && starts_with(b->links[i].path, under) &&
		    strcmp(b->links[i].path, own_path) != 0 &&
		    add_once(ret, b->links[i].path) < 0)
			return -ENOMEM;
	for (const char *p = udev; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		CLEANUP(mem_free) char *link = NULL, *path = NULL;

		if (!starts_with(p, "S:"))
			continue;
		if (collect_util_text(p + 2, strcspn(p + 2, "\n"), &link) < 0)
			return -ENOMEM;
		path = link ? xprintf("/dev/%s", link) : NULL;
		if (link && !path)
			return -ENOMEM;
		if (path && starts_with(path, under) && strcmp(path, own_path) != 0 &&
		    !starts_with(path, "/dev/disk/by-diskseq/") && add_once(ret, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Size and use of a mounted filesystem, from the record "blocks unit free target" or the kernel. */
static void read_usage(const struct block *b, const struct mountinfo_entry *e,
		       struct machine_fs *fs)
{
	uint64_t blocks = 0, unit = 0, nfree = 0, size, unused;

	if (sysroot_is_live(b->root)) {
		struct statvfs st;
		struct stat id;
		unsigned int major_, minor_;

		/* Another mount may lie on top of it, or the agent may be elsewhere. */
		if (sscanf(e->dev, "%u:%u", &major_, &minor_) != 2 || stat(e->target, &id) < 0 ||
		    (strcmp(e->fs, "btrfs") != 0 && id.st_dev != makedev(major_, minor_)) ||
		    statvfs(e->target, &st) < 0)
			return;
		blocks = st.f_blocks;
		unit = st.f_frsize;
		nfree = st.f_bfree;
	} else {
		const char *p = b->statvfs;
		bool found = false;

		while (p && *p && !found) {
			int at = 0;
			size_t len = strcspn(p, "\n");

			if (sscanf(p, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &blocks, &unit,
				   &nfree, &at) == 3 &&
			    at > 0)
				found = len - (size_t)at == strlen(e->target) &&
					memcmp(p + at, e->target, strlen(e->target)) == 0;
			p = p[len] ? p + len + 1 : NULL;
		}
		if (!found)
			return;
	}
	if (nfree > blocks || !u64_mul(blocks, unit, &size) || !u64_mul(nfree, unit, &unused))
		return;
	fs->size = size;
	fs->used = size - unused;
}

static int add_mounts(const struct block *b, const char *dev, const char *name, const char *path,
		      const struct machine_strv *aliases, struct machine_strv *ret,
		      struct machine_fs *fs)
{
	CLEANUP(mem_free) char *node = xprintf("/dev/%s", name);

	if (!node)
		return -ENOMEM;
	for (size_t i = 0; i < b->mounts.nmounts; i++) {
		const struct mountinfo_entry *e = &b->mounts.mounts[i];
		const char *source = e->source ? e->source : "";
		bool btrfs = strcmp(e->fs, "btrfs") == 0;

		/* btrfs has device numbers of its own, so the name must do. */
		if (!(dev && strcmp(e->dev, dev) == 0) &&
		    !(btrfs && (strcmp(source, node) == 0 || strcmp(source, path) == 0 ||
				machine_strv_has(aliases, source))))
			continue;
		/* A bind mount shows a folder of what is mounted elsewhere. */
		if (strcmp(e->root, "/") != 0 && !btrfs)
			continue;
		if (add_once(ret, e->target) < 0)
			return -ENOMEM;
		if (fs->used == 0)
			read_usage(b, e, fs);
		/* What cannot be probed has still been mounted as something. */
		if (!fs->type && collect_util_text(e->fs, strlen(e->fs), &fs->type) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < b->mounts.swaps.n; i++) {
		const char *s = b->mounts.swaps.v[i];

		if (strcmp(s, node) == 0 || strcmp(s, path) == 0 || machine_strv_has(aliases, s))
			return add_once(ret, "[SWAP]");
	}
	return 0;
}

/* A descriptor for probing, or -errno. */
static int open_node(const struct block *b, const char *name)
{
	CLEANUP(fd_close) int fd = sysroot_openf(b->root, O_NONBLOCK, "/dev/%s", name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode) || (S_ISREG(st.st_mode) && !sysroot_is_live(b->root)))
		return TAKE_FD(fd);
	return -ENOTBLK;
}

/* udev's database entry of sysfs' device "8:1", and the blkid record of the name; NULL if none. */
static int load_records(const struct block *b, const char *dev, const char *sysname,
			char **ret_udev, char **ret_blkid)
{
	int r = 0;

	if (dev)
		r = sysroot_read(b->root, ret_udev, NULL, "/run/udev/data/b%s", dev);
	if (r != -ENOMEM)
		r = sysroot_read(b->root, ret_blkid, NULL, "/p2v/blkid/%s", sysname);
	return r == -ENOMEM ? r : 0;
}

/* Fill fs of a device or of a part of its disk. disk_fd, offset, size: where it is on the disk. */
static int find_fs(const struct block *b, const char *name, const char *udev, const char *blkid,
		   bool may_open, int disk_fd, uint64_t offset, uint64_t size,
		   struct machine_fs *fs)
{
	CLEANUP(fd_close) int fd = may_open ? open_node(b, name) : -1;
	bool ambiguous = false;
	int r = 0;

	if (fd >= 0)
		r = blk_probe_fs(fd, 0, 0, fs, &ambiguous);
	else if (disk_fd >= 0 && size > 0)
		r = blk_probe_fs(disk_fd, offset, size, fs, &ambiguous);
	if (r == -EIO)
		r = collect_warn(b->m, "cannot read %s to see what is on it", name);
	if (r == 0 && ambiguous)
		r = collect_warn(b->m, "%s carries the marks of more than one filesystem", name);
	/* The device had its say; a record that contradicts "ambiguous" would be a guess. */
	if (r < 0 || ambiguous || fs->type)
		return r;
	r = blk_probe_parse_fs(blkid, fs);
	return r == 0 ? blk_probe_parse_fs(udev, fs) : r;
}

static void take_part(struct machine_partition *p, struct blk_part *from)
{
	collect_util_fill(&p->type, &from->type);
	collect_util_fill(&p->uuid, &from->uuid);
	collect_util_fill(&p->label, &from->label);
	p->boot = p->boot || from->boot;
	p->extended = p->extended || from->extended;
	/* The kernel shows two sectors of an extended partition, to make it useless on purpose. */
	if ((p->extended || p->size == 0) && from->size > 0) {
		p->start = from->start;
		p->size = from->size;
	}
}

/* One partition. sysname is NULL when the kernel does not have it. */
static int add_partition(const struct block *b, const char *disk_sys, const char *sysname,
			 struct blk_part *from_table, int disk_fd, struct machine_disk *d)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL;
	CLEANUP(blk_probe_part_done) struct blk_part record = { 0 };
	uint64_t start = 0, size = 0;
	struct machine_partition *p;
	size_t n = strlen(d->name);
	int r;

	p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (sysname) {
		p->name = with_slashes(sysname);
		collect_util_u32(b->root, &p->number, "/sys/block/%s/%s/partition", disk_sys,
				 sysname);
		collect_util_u64(b->root, &start, "/sys/block/%s/%s/start", disk_sys, sysname);
		collect_util_u64(b->root, &size, "/sys/block/%s/%s/size", disk_sys, sysname);
		if (!u64_mul(start, 512, &p->start) || !u64_mul(size, 512, &p->size))
			p->start = p->size = 0;
	} else {
		p->number = from_table->number;
		p->name = xprintf("%s%s%u", d->name,
				  n && d->name[n - 1] >= '0' && d->name[n - 1] <= '9' ? "p" : "",
				  p->number);
		p->start = from_table->start;
		p->size = from_table->size;
	}
	p->path = p->name ? xprintf("/dev/%s", p->name) : NULL;
	if (!p->path)
		return -ENOMEM;
	if (sysname) {
		r = collect_util_line(b->root, &dev, "/sys/block/%s/%s/dev", disk_sys, sysname);
		if (r < 0 || load_records(b, dev, sysname, &udev, &blkid) < 0)
			return -ENOMEM;
	}
	if (from_table)
		take_part(p, from_table);
	r = blk_probe_parse_part(blkid, &record);
	if (r == 0)
		r = blk_probe_parse_part(udev, &record);
	if (r < 0)
		return r;
	take_part(p, &record);
	r = add_aliases(b, p->name, udev, "/dev/disk/", p->path, &p->aliases);
	if (r == 0 && !p->extended)
		r = find_fs(b, p->name, udev, blkid, sysname != NULL, disk_fd, p->start, p->size,
			    &p->fs);
	if (r == 0)
		r = add_mounts(b, dev, p->name, p->path, &p->aliases, &p->mountpoints, &p->fs);
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct machine_partition *x = a, *y = b;

	/* An extended container begins before what it contains. */
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int add_partitions(const struct block *b, const char *sysname, struct blk_table *t,
			  int disk_fd, struct machine_disk *d)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "/sys/block/%s", sysname);

	if (r == -ENOMEM)
		return r;
	for (char **p = names; p && *p; p++) {
		struct blk_part *entry = NULL;
		uint32_t number = 0;

		if (!sysroot_exists(b->root, "/sys/block/%s/%s/partition", sysname, *p))
			continue;
		collect_util_u32(b->root, &number, "/sys/block/%s/%s/partition", sysname, *p);
		for (size_t i = 0; i < t->nparts && !entry; i++)
			if (t->parts[i].number == number)
				entry = &t->parts[i];
		r = add_partition(b, sysname, *p, entry, disk_fd, d);
		if (r < 0)
			return r;
	}
	/* A kernel without the table's parser has no partition devices, the disk has partitions. */
	if (d->npartitions == 0 && t->nparts > 0) {
		for (size_t i = 0; i < t->nparts; i++) {
			r = add_partition(b, sysname, NULL, &t->parts[i], disk_fd, d);
			if (r < 0)
				return r;
		}
		r = collect_warn(b->m, "the kernel has no devices for the %zu partitions of %s",
				 t->nparts, d->name);
		if (r < 0)
			return r;
	}
	if (d->npartitions)
		qsort(d->partitions, d->npartitions, sizeof(*d->partitions), by_start);
	return 0;
}

/* VPD page 0x80: 0, page, u16 length, the serial number in ASCII (SPC-4 7.8.14). */
static int vpd_serial(const struct block *b, const char *sysname, char **ret)
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

static int find_serial(const struct block *b, const char *sysname, const char *udev, char **ret)
{
	static const char *const files[] = { "serial", "device/serial" };
	static const char *const keys[] = { "ID_SCSI_SERIAL", "ID_SERIAL_SHORT" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0 && !*ret; i++)
		r = collect_util_line(b->root, ret, "/sys/block/%s/%s", sysname, files[i]);
	if (r == 0 && !*ret)
		r = vpd_serial(b, sysname, ret);
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0 && !*ret; i++)
		r = collect_util_key(udev, keys[i], ret);
	return r;
}

/* "0x5000c500..." for NAA names as udev and libvirt write them; "eui.", "nvme.", "uuid." as is. */
static int find_wwn(const struct block *b, const char *sysname, const char *udev, char **ret)
{
	static const char *const files[] = { "wwid", "device/wwid" };
	static const char *const keys[] = { "ID_WWN_WITH_EXTENSION", "ID_WWN" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0 && !*ret; i++)
		r = collect_util_key(udev, keys[i], ret);
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0 && !*ret; i++) {
		CLEANUP(mem_free) char *id = NULL;

		r = collect_util_line(b->root, &id, "/sys/block/%s/%s", sysname, files[i]);
		if (!id)
			continue;
		if (starts_with(id, "naa.")) {
			*ret = xprintf("0x%s", id + 4);
			if (!*ret)
				return -ENOMEM;
			collect_util_lower(*ret);
		} else if (starts_with(id, "eui.") || starts_with(id, "nvme.") ||
			   starts_with(id, "uuid.")) {
			*ret = TAKE_PTR(id);
		}
	}
	return r;
}

static int find_model(const struct block *b, const char *sysname, const char *udev,
		      struct machine_disk *d)
{
	CLEANUP(mem_free) char *full = NULL;
	int r = collect_util_line(b->root, &d->model, "/sys/block/%s/device/model", sysname);

	if (r == 0)
		r = collect_util_line(b->root, &d->vendor, "/sys/block/%s/device/vendor", sysname);
	if (r == 0)
		r = collect_util_key_enc(udev, "ID_MODEL_ENC", &full);
	if (r < 0)
		return r;
	/* virtio has a PCI number there. */
	if (d->vendor && starts_with(d->vendor, "0x")) {
		free(d->vendor);
		d->vendor = NULL;
	}
	/* SCSI's field has 16 characters; ATA's name has up to 40 and udev knows them. */
	if (full && (!d->model || starts_with(full, d->model))) {
		free(d->model);
		d->model = TAKE_PTR(full);
	}
	return 0;
}

/* Drivers of the disk itself; the controller's is further up. */
static bool is_disk_driver(const char *s)
{
	return strcmp(s, "sd") == 0 || strcmp(s, "mmcblk") == 0 || strcmp(s, "ide-gd") == 0;
}

/* path, then its parents, up to /sys/devices. */
static int climb_for_driver(const struct block *b, char *path, char **ret)
{
	while (starts_with(path, "/sys/devices/")) {
		CLEANUP(mem_free) char *driver = NULL;
		int r = collect_util_link_name(b->root, &driver, "%s/driver", path);

		if (r < 0)
			return r;
		if (driver && !is_disk_driver(driver)) {
			*ret = TAKE_PTR(driver);
			return 0;
		}
		*strrchr(path, '/') = '\0';
	}
	return 0;
}

/* real: of /sys/block/X. With NVMe multipath the namespace hangs below a virtual subsystem. */
static int find_driver(const struct block *b, const char *real, char **ret)
{
	CLEANUP(mem_free) char *up = strdup(real);
	CLEANUP(strv_free) char **names = NULL;
	int r;

	if (!up)
		return -ENOMEM;
	r = climb_for_driver(b, up, ret);
	if (r < 0 || *ret || !starts_with(real, "/sys/devices/virtual/nvme-subsystem/"))
		return r;
	free(up);
	up = strdup(real);
	if (!up)
		return -ENOMEM;
	*strrchr(up, '/') = '\0';
	r = sysroot_list(b->root, &names, "%s", up);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p && !*ret; p++) {
		CLEANUP(mem_free) char *controller = NULL;

		/* "nvme0", not "nvme0n1". */
		if (!starts_with(*p, "nvme") || strchr(*p + 4, 'n'))
			continue;
		r = sysroot_realpath(b->root, &controller, "%s/%s", up, *p);
		if (r == -ENOMEM || (r >= 0 && climb_for_driver(b, controller, ret) < 0))
			return -ENOMEM;
	}
	return 0;
}

static const char *transport_of(const char *name, const char *real, const char *driver)
{
	/* A component of the sysfs path that tells; order matters. */
	static const struct {
		const char *part, *transport;
	} parts[] = {
		{ "/usb", "usb" }, { "/rport-", "fc" }, { "/session", "iscsi" },
		{ "/end_device-", "sas" }, { "/mmc_host/", "mmc" }, { "/ata", "sata" },
		{ "/virtio", "virtio" }, { "/vbd-", "xen" }, { "/nvme", "nvme" },
		{ "/ide", "ide" },
	};
	static const char *const raid[] = {
		"megaraid_sas", "megaraid", "hpsa", "cciss", "aacraid", "smartpqi", "arcmsr",
		"3w-9xxx", "3w-sas", "3w-xxxx", "ips", "dpt_i2o", "DAC960", "myrb", "myrs",
	};

	if (starts_with(name, "nvme"))
		return "nvme";
	for (size_t i = 0; driver && i < ARRAY_SIZE(raid); i++)
		if (strcmp(driver, raid[i]) == 0)
			return "raid";
	if (driver && starts_with(driver, "pata_"))
		return "ide";
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(real, parts[i].part))
			return parts[i].transport;
	return starts_with(name, "sd") ? "scsi" : NULL;
}

static int fill_disk(struct block *b, const char *sysname, const char *real, uint64_t size,
		     struct machine_disk *d)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL;
	CLEANUP(blk_probe_table_done) struct blk_table table = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char *transport;
	uint64_t discard = 0;
	int r;

	d->name = with_slashes(sysname);
	d->path = d->name ? xprintf("/dev/%s", d->name) : NULL;
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
		r = load_records(b, dev, sysname, &udev, &blkid);
	if (r == 0)
		r = find_serial(b, sysname, udev, &d->serial);
	if (r == 0)
		r = find_wwn(b, sysname, udev, &d->wwn);
	if (r == 0)
		r = find_model(b, sysname, udev, d);
	if (r == 0)
		r = find_driver(b, real, &d->driver);
	if (r == 0)
		r = add_aliases(b, d->name, udev, "/dev/disk/", d->path, &d->aliases);
	if (r < 0)
		return r;
	transport = transport_of(sysname, real, d->driver);
	if (transport)
		d->transport = strdup(transport);
	else
		r = collect_util_key(udev, "ID_BUS", &d->transport);
	if (r < 0 || (transport && !d->transport))
		return -ENOMEM;

	fd = open_node(b, d->name);
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
		r = find_fs(b, d->name, udev, blkid, true, -1, 0, 0, &d->fs);
	if (r == 0)
		r = add_mounts(b, dev, d->name, d->path, &d->aliases, &d->mountpoints, &d->fs);
	if (r == 0)
		r = add_partitions(b, sysname, &table, fd, d);
	if (r < 0)
		return r;
	d->table = TAKE_PTR(table.type);
	d->table_uuid = TAKE_PTR(table.id);
	return 0;
}

static int volume_kind(struct machine_volume *v)
{
	static const struct {
		const char *prefix, *kind;
	} kinds[] = {
		{ "LVM-", "lvm" }, { "CRYPT-", "crypt" }, { "mpath-", "mpath" },
	};
	const char *kind = "dm";

	for (size_t i = 0; v->uuid && i < ARRAY_SIZE(kinds); i++)
		if (starts_with(v->uuid, kinds[i].prefix))
			kind = kinds[i].kind;
	v->kind = strdup(kind);
	return v->kind ? 0 : -ENOMEM;
}

/* dir: its folder below /sys/block. A partition of an md array stands on the array. */
static int add_volume(struct block *b, const char *dir, const char *sysname, const char *below)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL, *dm_name = NULL;
	CLEANUP(strv_free) char **slaves = NULL;
	struct machine_volume *v;
	bool is_dm = starts_with(sysname, "dm-"), suspended;
	uint64_t size = 0;
	int r;

	collect_util_u64(b->root, &size, "/sys/block/%s/size", dir);
	/* An array that was stopped, or a mapping that was never loaded. */
	if (size == 0)
		return 0;
	if (b->m->nvolumes == COLLECT_LIST_MAX)
		return collect_full(b->m, "volumes");
	v = machine_grow(&b->m->volumes, &b->m->nvolumes, sizeof(*v));
	if (!v)
		return -ENOMEM;
	(void)u64_mul(size, 512, &v->size);
	v->name = with_slashes(sysname);
	r = v->name ? collect_util_line(b->root, &dev, "/sys/block/%s/dev", dir) : -ENOMEM;
	if (r == 0)
		r = load_records(b, dev, sysname, &udev, &blkid);
	if (r == 0 && is_dm)
		r = collect_util_line(b->root, &dm_name, "/sys/block/%s/dm/name", dir);
	if (r == 0 && is_dm)
		r = collect_util_line(b->root, &v->uuid, "/sys/block/%s/dm/uuid", dir);
	if (r == 0 && !is_dm)
		r = collect_util_line(b->root, &v->level, "/sys/block/%s/md/level", dir);
	if (r == 0 && !is_dm)
		r = collect_util_key(udev, "MD_UUID", &v->uuid);
	if (r == 0 && !is_dm && !v->uuid)
		r = collect_util_line(b->root, &v->uuid, "/sys/block/%s/md/uuid", dir);
	if (r < 0)
		return r;
	if (is_dm) {
		r = volume_kind(v);
	} else {
		v->kind = strdup("md");
		r = v->kind ? 0 : -ENOMEM;
	}
	v->path = dm_name ? xprintf("/dev/mapper/%s", dm_name) : xprintf("/dev/%s", v->name);
	if (r < 0 || !v->path)
		return -ENOMEM;

	r = sysroot_list(b->root, &slaves, "/sys/block/%s/slaves", dir);
	if (r == -ENOMEM)
		return r;
	for (char **p = slaves; p && *p; p++) {
		CLEANUP(mem_free) char *name = with_slashes(*p);

		if (!name || machine_strv_add(&v->slaves, name) < 0)
			return -ENOMEM;
	}
	if (below && machine_strv_add(&v->slaves, below) < 0)
		return -ENOMEM;
	r = add_aliases(b, v->name, udev, "/dev/", v->path, &v->aliases);
	/* Reading a suspended mapping would wait for its resumption. */
	suspended = collect_util_flag(b->root, "/sys/block/%s/dm/suspended", dir);
	if (r == 0)
		r = find_fs(b, v->name, udev, blkid, !suspended, -1, 0, 0, &v->fs);
	if (r == 0)
		r = add_mounts(b, dev, v->name, v->path, &v->aliases, &v->mountpoints, &v->fs);
	return r;
}

static int add_md_partitions(struct block *b, const char *array)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "/sys/block/%s", array);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *dir = NULL;

		if (!sysroot_exists(b->root, "/sys/block/%s/%s/partition", array, *p))
			continue;
		dir = xprintf("%s/%s", array, *p);
		if (!dir || add_volume(b, dir, *p, array) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Neither a disk nor made of disks that matter. */
static bool is_ignored(const char *name, const char *real, uint64_t size)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "sr", "fd", "mtdblock" };
	const char *tail;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (starts_with(name, prefixes[i]))
			return true;
	/* eMMC's own boot areas and its replay-protected block. */
	tail = starts_with(name, "mmcblk") ? name + 6 + strspn(name + 6, "0123456789") : "";
	if (starts_with(tail, "boot") || starts_with(tail, "rpmb"))
		return true;
	/* A connected network block device is a disk as good as any. */
	if (starts_with(name, "nbd"))
		return size == 0;
	return starts_with(real, "/sys/devices/virtual/block/");
}

static int add_disk(struct block *b, const char *sysname)
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
	if (!starts_with(real, "/sys/devices/")) {
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

int collect_block(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(block_done) struct block b = { .root = root, .m = m };
	CLEANUP(strv_free) char **names = NULL;
	int r;

	r = sysroot_list(root, &names, "/sys/block");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return collect_warn(m, "cannot read /sys/block: the disks are not known") < 0 ?
		       err_nomem(err) : 0;
	if (load_links(&b) < 0 || mountinfo_read(root, &b.mounts) < 0)
		return err_nomem(err);
	r = sysroot_read(root, &b.statvfs, NULL, "/p2v/statvfs");
	if (r == -ENOMEM)
		return err_nomem(err);
	for (char **p = names; *p; p++) {
		if (starts_with(*p, "dm-") || starts_with(*p, "md")) {
			r = add_volume(&b, *p, *p, NULL);
			if (r == 0 && starts_with(*p, "md"))
				r = add_md_partitions(&b, *p);
		} else {
			r = add_disk(&b, *p);
		}
		if (r < 0)
			return err_nomem(err);
	}
	return 0;
}
