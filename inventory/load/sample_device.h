/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disks and NICs among what /proc/diskstats and /proc/net/dev list: which are the machine's
 * own, what their counters were, and what follows from the difference. Internal to the sampler
 * (sample.h).
 *
 * A name is looked up in sysfs when it appears, and not again while it stays listed; names come in
 * the same order each time, so to find one costs one comparison.
 */
#ifndef P2V_INVENTORY_SAMPLE_DEVICE_H
#define P2V_INVENTORY_SAMPLE_DEVICE_H

#include "inventory/load/sample.h"

enum sample_device_kind { SAMPLE_DEVICE_DISK, SAMPLE_DEVICE_NIC };

struct sample_devices;

int sample_device_new(const struct sysroot *root, enum sample_device_kind kind,
		      struct sample_devices **ret);
void sample_device_free(struct sample_devices *d);
DEFINE_CLEANUP(struct sample_devices *, sample_device_free)
/* 0 or -ENOMEM. The list is the devices' own until the next update. elapsed_us 0: no rates. */
int sample_device_update(struct sample_devices *d, const char *text, uint64_t elapsed_us,
			 struct sample_device **ret, size_t *ret_n);

#endif
