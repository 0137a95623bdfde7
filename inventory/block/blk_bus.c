/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk hangs on, told by its place in sysfs. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

/* Drivers of the disk itself; the controller's is further up. */
static bool is_disk_driver(const char *s)
{
	return strcmp(s, "sd") == 0 || strcmp(s, "mmcblk") == 0 || strcmp(s, "ide-gd") == 0;
}

/* "nvme0", not "nvme0n1" or "nvme-subsys0". */
static bool is_nvme_controller(const char *name)
{
	return blk_text_starts(name, "nvme") && name[4] &&
	       !name[4 + strspn(name + 4, "0123456789")];
}

/* The controller has a path to that namespace: below it is "nvme0c1n1" for "nvme0n1". */
static bool leads_to(const struct blk_walk *b, const char *controller, const char *disk)
{
	CLEANUP(strv_free) char **names = NULL;
	const char *tail = disk + 4 + strspn(disk + 4, "0123456789");
	size_t head = (size_t)(tail - disk);

	if (sysroot_list(b->root, &names, "%s", controller) < 0)
		return false;
	for (char **p = names; *p; p++)
		if (strncmp(*p, disk, head) == 0 && (*p)[head] == 'c' && strchr(*p, 'n') &&
		    strcmp(*p + head + 1 + strspn(*p + head + 1, "0123456789"), tail) == 0)
			return true;
	return false;
}

int blk_bus_nvme_paths(const struct blk_walk *b, const char *real, struct machine_strv *ret)
{
	CLEANUP(strv_free) char **names = NULL;
	const char *disk = collect_util_base(real);
	size_t up = (size_t)(disk - real);
	bool told = false;
	int r;

	if (!blk_text_starts(real, "/sys/devices/virtual/nvme-subsystem/") ||
	    !blk_text_starts(disk, "nvme"))
		return 0;
	r = sysroot_list(b->root, &names, "%.*s", (int)up, real);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* First those that say so; where none does, all controllers of the subsystem count. */
	for (int round = 0; round < 2 && !told; round++) {
		for (char **p = names; *p; p++) {
			CLEANUP(mem_free) char *controller = NULL;

			if (!is_nvme_controller(*p))
				continue;
			r = sysroot_realpath(b->root, &controller, "%.*s%s", (int)up, real, *p);
			if (r == -ENOMEM)
				return r;
			if (r < 0 || (round == 0 && !leads_to(b, controller, disk)))
				continue;
			told = true;
			if (blk_walk_add(b, ret, controller, "paths", disk) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int blk_bus_place(const struct blk_walk *b, const char *real, char **ret)
{
	struct machine_strv paths = { 0 };
	int r = blk_bus_nvme_paths(b, real, &paths);

	if (r == 0) {
		*ret = strdup(paths.n ? paths.v[0] : real);
		r = *ret ? 0 : -ENOMEM;
	}
	machine_strv_done(&paths);
	return r;
}

int blk_bus_driver(const struct blk_walk *b, const char *place, char **ret)
{
	CLEANUP(mem_free) char *up = strdup(place);

	if (!up)
		return -ENOMEM;
	while (blk_text_starts(up, "/sys/devices/")) {
		CLEANUP(mem_free) char *driver = NULL;
		int r = collect_util_link_name(b->root, &driver, "%s/driver", up);

		if (r < 0)
			return r;
		if (driver && !is_disk_driver(driver)) {
			*ret = TAKE_PTR(driver);
			return 0;
		}
		*strrchr(up, '/') = '\0';
	}
	return 0;
}

static bool is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

/* "0000:00:1f.2"; the domain has four digits or more (Intel's VMD: "10000"). */
static bool is_pci(const char *s, size_t n)
{
	size_t domain = strspn(s, "0123456789abcdef");

	return domain >= 4 && domain <= 8 && n == domain + 8 && s[domain] == ':' &&
	       is_hex(s + domain + 1, 2) && s[domain + 3] == ':' && is_hex(s + domain + 4, 2) &&
	       s[domain + 6] == '.' && is_hex(s + domain + 7, 1);
}

int blk_bus_pci(const char *place, char **ret)
{
	const char *found = NULL;
	size_t len = 0;

	if (!blk_text_starts(place, "/sys/devices/"))
		return 0;
	for (const char *p = strchr(place, '/'); p; p = strchr(p, '/')) {
		size_t n = strcspn(++p, "/");

		if (is_pci(p, n)) {
			found = p;
			len = n;
		}
	}
	if (!found)
		return 0;
	*ret = strndup(found, len);
	return *ret ? 0 : -ENOMEM;
}

int blk_bus_hctl(const struct blk_walk *b, const char *sysname, char **ret)
{
	CLEANUP(mem_free) char *name = NULL;
	const char *p;
	int r = collect_util_link_name(b->root, &name, "/sys/block/%s/device", sysname);

	if (r < 0 || !name)
		return r;
	p = name;
	for (int i = 0; i < 4; i++) {
		size_t n = strspn(p, "0123456789");

		if (n == 0 || p[n] != (i < 3 ? ':' : '\0'))
			return 0;
		p += n + 1;
	}
	*ret = TAKE_PTR(name);
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
