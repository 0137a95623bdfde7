/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk hangs on, told by its place in sysfs. */
#include "inventory/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/blk_text.h"
#include "inventory/collect_util.h"

/* Drivers of the disk itself; the controller's is further up. */
static bool is_disk_driver(const char *s)
{
	return strcmp(s, "sd") == 0 || strcmp(s, "mmcblk") == 0 || strcmp(s, "ide-gd") == 0;
}

/* path, then its parents, up to /sys/devices. */
static int climb_for_driver(const struct blk_walk *b, char *path, char **ret)
{
	while (blk_text_starts(path, "/sys/devices/")) {
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

/* With NVMe multipath the namespace hangs below a virtual subsystem. */
int blk_bus_driver(const struct blk_walk *b, const char *real, char **ret)
{
	CLEANUP(mem_free) char *up = strdup(real);
	CLEANUP(strv_free) char **names = NULL;
	int r;

	if (!up)
		return -ENOMEM;
	r = climb_for_driver(b, up, ret);
	if (r < 0 || *ret || !blk_text_starts(real, "/sys/devices/virtual/nvme-subsystem/"))
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
		if (!blk_text_starts(*p, "nvme") || strchr(*p + 4, 'n'))
			continue;
		r = sysroot_realpath(b->root, &controller, "%s/%s", up, *p);
		if (r == -ENOMEM || (r >= 0 && climb_for_driver(b, controller, ret) < 0))
			return -ENOMEM;
	}
	return 0;
}

const char *blk_bus_transport(const char *name, const char *real, const char *driver)
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

	if (blk_text_starts(name, "nvme"))
		return "nvme";
	for (size_t i = 0; driver && i < ARRAY_SIZE(raid); i++)
		if (strcmp(driver, raid[i]) == 0)
			return "raid";
	if (driver && blk_text_starts(driver, "pata_"))
		return "ide";
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(real, parts[i].part))
			return parts[i].transport;
	return blk_text_starts(name, "sd") ? "scsi" : NULL;
}
