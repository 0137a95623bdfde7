/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/bus.h"

#include <string.h>
#include "common/tables.h"
#include "inventory/collect_util.h"

bool bus_is_number(const char *s)
{
	if (s && strncmp(s, "0x", 2) == 0)
		s += 2;
	return s && strlen(s) == 4 && strspn(s, "0123456789abcdefABCDEF") == 4;
}

int bus_judge(const char *modalias, char **ret_group, char **ret_lacks)
{
	const struct tables_row *row = tables_match(tables_devices, tables_devices_count, modalias);
	CLEANUP(mem_free) char *group = NULL, *lacks = NULL;

	if (!row)
		return 0;
	group = strdup(row->group);
	lacks = strdup(row->reason);
	if (!group || !lacks)
		return -ENOMEM;
	collect_util_fill(ret_group, &group);
	collect_util_fill(ret_lacks, &lacks);
	return 0;
}

int bus_names(const struct sysroot *root, const char *entry, char **vendor, char **device)
{
	CLEANUP(mem_free) char *udev = NULL, *v = NULL, *d = NULL;
	int r = sysroot_read(root, &udev, NULL, "/run/udev/data/%s", entry);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (collect_util_key(udev, "ID_VENDOR_FROM_DATABASE", &v) < 0 ||
	    collect_util_key(udev, "ID_MODEL_FROM_DATABASE", &d) < 0)
		return -ENOMEM;
	collect_util_fill(vendor, &v);
	collect_util_fill(device, &d);
	return 0;
}
