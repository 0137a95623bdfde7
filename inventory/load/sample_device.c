/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "inventory/collect_util.h"
#include "inventory/load/sample_delta.h"
#include "inventory/load/sample_proc.h"

#define COUNTERS	5
#define ROWS_MAX	16384u		/* names listed, partitions and all */
#define SECTOR		512u		/* the kernel's, whatever the disk's is */

/* What hardware can do in a second; the order is that of sample_proc's counters. */
static const uint64_t limits[][COUNTERS] = {
	[SAMPLE_DEVICE_DISK] = { 100000000, UINT64_C(1) << 29, UINT64_C(1) << 29,
				 UINT64_C(1) << 30, 1100 },
	[SAMPLE_DEVICE_NIC] = { UINT64_C(200000000000), 2000000000, UINT64_C(200000000000),
				2000000000 },
};

struct row {
	char name[SAMPLE_NAME_MAX];
	int64_t device;			/* place in out; -1: not one of ours */
	uint64_t seen;			/* turn */
	uint64_t last[COUNTERS];
};

struct sample_devices {
	const struct sysroot *root;
	enum sample_device_kind kind;
	size_t ncounters;
	uint64_t turn;
	struct row *rows;
	size_t nrows, cap;
	struct sample_device *out;
	size_t nout, out_cap;
};

int sample_device_new(const struct sysroot *root, enum sample_device_kind kind,
		      struct sample_devices **ret)
{
	struct sample_devices *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->root = root;
	d->kind = kind;
	d->ncounters = kind == SAMPLE_DEVICE_DISK ? SAMPLE_PROC_DISK : SAMPLE_PROC_NIC;
	*ret = d;
	return 0;
}

void sample_device_free(struct sample_devices *d)
{
	if (!d)
		return;
	free(d->rows);
	free(d->out);
	free(d);
}

/* As the inventory has it: not hidden behind another, not of the kinds that hold no system. */
static bool is_disk(const struct sysroot *root, const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "sr", "fd", "mtdblock" };
	char dir[SAMPLE_NAME_MAX];
	uint64_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return false;
	if (strncmp(name, "mmcblk", 6) == 0 && (strstr(name, "boot") || strstr(name, "rpmb")))
		return false;
	snprintf(dir, sizeof(dir), "%s", name);
	for (char *c = dir; *c; c++)
		if (*c == '/')
			*c = '!';
	collect_util_u64(root, &size, "/sys/block/%s/size", dir);
	return size > 0 && sysroot_exists(root, "/sys/block/%s/device", dir) &&
	       !collect_util_flag(root, "/sys/block/%s/hidden", dir);
}

static bool is_nic(const struct sysroot *root, const char *name)
{
	return !strchr(name, '/') && sysroot_exists(root, "/sys/class/net/%s/device", name);
}

static int64_t device_of(struct sample_devices *d, const char *name)
{
	struct sample_device *o;

	if (d->nout == SAMPLE_DEVICES_MAX ||
	    !(d->kind == SAMPLE_DEVICE_DISK ? is_disk(d->root, name) : is_nic(d->root, name)))
		return -1;
	for (size_t i = 0; i < d->nout; i++)
		if (strcmp(d->out[i].name, name) == 0)
			return (int64_t)i;	/* it is back */
	if (d->nout == d->out_cap) {
		size_t cap = d->out_cap ? 2 * d->out_cap : 16;
		struct sample_device *bigger = reallocarray(d->out, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		d->out = bigger;
		d->out_cap = cap;
	}
	o = &d->out[d->nout];
	memset(o, 0, sizeof(*o));
	snprintf(o->name, sizeof(o->name), "%s", name);
	for (int i = 0; i < SAMPLE_DEVICE_SERIES; i++)
		o->v[i] = SAMPLE_NONE;
	return (int64_t)d->nout++;
}

/* The row of a name: most often the one behind the last. 0, -ENOMEM, or -E2BIG. */
static int find_row(struct sample_devices *d, const char *name, size_t *cursor, struct row **ret)
{
	int64_t device;

	for (size_t i = 0; i < d->nrows; i++) {
		size_t at = (*cursor + i) % d->nrows;

		if (strcmp(d->rows[at].name, name) != 0)
			continue;
		*cursor = at + 1;
		*ret = &d->rows[at];
		/* Gone for a while: perhaps another device by the same name. */
		if (d->rows[at].seen + 1 < d->turn) {
			device = device_of(d, name);
			if (device == -ENOMEM)
				return -ENOMEM;
			d->rows[at].device = device;
			d->rows[at].seen = 0;
		}
		return 0;
	}
	if (d->nrows == ROWS_MAX)
		return -E2BIG;
	if (d->nrows == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 64;
		struct row *bigger = reallocarray(d->rows, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		d->rows = bigger;
		d->cap = cap;
	}
	device = device_of(d, name);
	if (device == -ENOMEM)
		return -ENOMEM;
	*ret = &d->rows[d->nrows++];
	memset(*ret, 0, sizeof(**ret));
	snprintf((*ret)->name, sizeof((*ret)->name), "%s", name);
	(*ret)->device = device;
	*cursor = d->nrows;
	return 0;
}

static void disk_values(const uint64_t *moved, uint64_t elapsed_us, uint64_t *v)
{
	v[SAMPLE_DISK_IOPS] = sample_delta_rate(moved[0], 1, elapsed_us);
	v[SAMPLE_DISK_READ] = sample_delta_rate(moved[1], SECTOR, elapsed_us);
	v[SAMPLE_DISK_WRITE] = sample_delta_rate(moved[2], SECTOR, elapsed_us);
	if (moved[0] > 0)
		v[SAMPLE_DISK_LATENCY] = moved[3] * 1000 / moved[0];
	/* Milliseconds busy a second; the kernel may round the last one up. */
	v[SAMPLE_DISK_UTIL] = MIN(sample_delta_rate(moved[4], 1, elapsed_us), UINT64_C(1000));
}

static void nic_values(const uint64_t *moved, uint64_t elapsed_us, uint64_t *v)
{
	v[SAMPLE_NIC_RX] = sample_delta_rate(moved[0], 8, elapsed_us);
	v[SAMPLE_NIC_RX_PACKETS] = sample_delta_rate(moved[1], 1, elapsed_us);
	v[SAMPLE_NIC_TX] = sample_delta_rate(moved[2], 8, elapsed_us);
	v[SAMPLE_NIC_TX_PACKETS] = sample_delta_rate(moved[3], 1, elapsed_us);
}

static int next_line(const struct sample_devices *d, const char **p, char *name, uint64_t *counter)
{
	struct sample_proc_disk disk;
	struct sample_proc_nic nic;
	int r;

	if (d->kind == SAMPLE_DEVICE_DISK) {
		r = sample_proc_disk(p, &disk);
		if (r > 0) {
			memcpy(name, disk.name, sizeof(disk.name));
			memcpy(counter, disk.counter, sizeof(disk.counter));
		}
		return r;
	}
	r = sample_proc_nic(p, &nic);
	if (r > 0) {
		memcpy(name, nic.name, sizeof(nic.name));
		memcpy(counter, nic.counter, sizeof(nic.counter));
	}
	return r;
}

int sample_device_update(struct sample_devices *d, const char *text, uint64_t elapsed_us,
			 struct sample_device **ret, size_t *ret_n)
{
	uint64_t counter[COUNTERS] = { 0 }, moved[COUNTERS];
	char name[SAMPLE_NAME_MAX];
	size_t cursor = 0;
	int one;

	d->turn++;
	for (size_t i = 0; i < d->nout; i++)
		for (int k = 0; k < SAMPLE_DEVICE_SERIES; k++)
			d->out[i].v[k] = SAMPLE_NONE;
	while ((one = next_line(d, &text, name, counter)) >= 0) {
		struct row *row;
		int r;

		if (one == 0)
			continue;
		r = find_row(d, name, &cursor, &row);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || row->seen == d->turn)
			continue;
		if (row->device >= 0 && row->seen > 0 && elapsed_us > 0 &&
		    sample_delta(row->last, counter, limits[d->kind], d->ncounters, elapsed_us,
				 moved)) {
			if (d->kind == SAMPLE_DEVICE_DISK)
				disk_values(moved, elapsed_us, d->out[row->device].v);
			else
				nic_values(moved, elapsed_us, d->out[row->device].v);
		}
		memcpy(row->last, counter, sizeof(row->last));
		row->seen = d->turn;
	}
	*ret = d->out;
	*ret_n = d->nout;
	return 0;
}
