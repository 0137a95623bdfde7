/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The partitions of a disk: the kernel's devices joined with the entries of the table. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

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

/* What goes past the disk's end is a fault of the table; what no number can hold is dropped. */
static int check_range(const struct blk_walk *b, const struct machine_disk *d,
		       struct machine_partition *p)
{
	uint64_t end;

	if (!u64_add(p->start, p->size, &end) || end > INT64_MAX) {
		p->start = p->size = 0;
		return collect_warn(b->m, "%s has an impossible place on the disk", p->path);
	}
	return end <= d->size ? 0 :
	       collect_warn(b->m, "%s ends past the end of %s: the table is damaged, or the disk "
			    "is not all there", p->path, d->path);
}

/* One partition. sysname is NULL when the kernel does not have it. */
static int add_partition(const struct blk_walk *b, const char *disk_sys, const char *sysname,
			 struct blk_part *from_table, int disk_fd, bool ready,
			 struct machine_disk *d)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL;
	CLEANUP(blk_probe_part_done) struct blk_part record = { 0 };
	struct machine_partition *p;
	size_t n = strlen(d->name);
	int r;

	p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (sysname) {
		p->name = blk_text_device(sysname);
		collect_util_u32(b->root, &p->number, "/sys/block/%s/%s/partition", disk_sys,
				 sysname);
		p->start = blk_attr_sectors(b, "/sys/block/%s/%s/start", disk_sys, sysname);
		p->size = blk_attr_sectors(b, "/sys/block/%s/%s/size", disk_sys, sysname);
	} else {
		p->number = from_table->number;
		p->name =
			blk_text_printf("%s%s%u", d->name,
					n && d->name[n - 1] >= '0' && d->name[n - 1] <= '9' ? "p" :
											      "",
					p->number);
		p->start = from_table->start;
		p->size = from_table->size;
	}
	p->path = p->name ? blk_text_printf("/dev/%s", p->name) : NULL;
	if (!p->path)
		return -ENOMEM;
	if (sysname) {
		r = collect_util_line(b->root, &dev, "/sys/block/%s/%s/dev", disk_sys, sysname);
		if (r < 0 || blk_node_records(b, dev, sysname, &udev, &blkid) < 0)
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
	r = check_range(b, d, p);
	if (r < 0)
		return r;
	r = blk_walk_aliases(b, p->name, udev, "/dev/disk/", p->path, &p->aliases);
	if (r == 0 && !p->extended)
		r = blk_node_fs(b, p->name, udev, blkid, ready && sysname, disk_fd, p->start,
				p->size, &p->fs);
	if (r == 0)
		r = blk_mounts_add(b, dev, p->name, p->path, &p->aliases, &p->mountpoints, &p->fs);
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

int blk_partition_add_all(const struct blk_walk *b, const char *sysname, struct blk_table *t,
			  int disk_fd, bool ready, struct machine_disk *d)
{
	CLEANUP(strv_free) char **names = NULL;
	size_t maps;
	int r = sysroot_list(b->root, &names, "/sys/block/%s", sysname);

	if (r == -ENOMEM)
		return r;
	for (char **p = names; p && *p; p++) {
		struct blk_part *entry = NULL;
		uint32_t number = 0;

		if (!sysroot_exists(b->root, "/sys/block/%s/%s/partition", sysname, *p))
			continue;
		if (!blk_text_is_device(*p) || d->npartitions == COLLECT_LIST_MAX) {
			r = collect_warn(b->m, "%s has a partition that is left out", d->path);
			if (r < 0 || d->npartitions == COLLECT_LIST_MAX)
				break;
			continue;
		}
		collect_util_u32(b->root, &number, "/sys/block/%s/%s/partition", sysname, *p);
		for (size_t i = 0; i < t->nparts && !entry; i++)
			if (t->parts[i].number == number)
				entry = &t->parts[i];
		r = add_partition(b, sysname, *p, entry, disk_fd, ready, d);
		if (r < 0)
			return r;
	}
	/* A kernel without the table's parser has no partition devices, the disk has partitions. */
	if (d->npartitions == 0 && t->nparts > 0) {
		for (size_t i = 0; i < t->nparts && i < COLLECT_LIST_MAX; i++) {
			r = add_partition(b, sysname, NULL, &t->parts[i], disk_fd, ready,
					  d);
			if (r < 0)
				return r;
		}
		/* Of a path they are removed on purpose: those of the map are to be used. */
		if (!blk_index_find(&b->maps_by_path, sysname, &maps))
			r = collect_warn(b->m,
					 "the kernel has no devices for the %zu partitions of %s",
					 t->nparts, d->name);
		if (r < 0)
			return r;
	}
	if (d->npartitions)
		qsort(d->partitions, d->npartitions, sizeof(*d->partitions), by_start);
	return 0;
}
