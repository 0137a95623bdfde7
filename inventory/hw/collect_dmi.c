/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the firmware says the machine is. Taken as it is, "To Be Filled By O.E.M." included:
 * licences and guest agents compare these texts byte by byte.
 */
#include "inventory/collect.h"

#include "inventory/collect_util.h"
#include "inventory/hw/smbios.h"

#define ID(file, member) { file, offsetof(struct machine_smbios, member) }

static const struct {
	const char *file;
	size_t offset;
} ids[] = {
	ID("product_uuid", uuid),
	ID("sys_vendor", sys_vendor),
	ID("product_name", product_name),
	ID("product_version", product_version),
	ID("product_serial", product_serial),
	ID("product_sku", product_sku),
	ID("product_family", product_family),
	ID("board_vendor", board_vendor),
	ID("board_name", board_name),
	ID("board_version", board_version),
	ID("board_serial", board_serial),
	ID("board_asset_tag", board_asset_tag),
	ID("chassis_vendor", chassis_vendor),
	ID("chassis_type", chassis_type),
	ID("chassis_version", chassis_version),
	ID("chassis_serial", chassis_serial),
	ID("chassis_asset_tag", chassis_asset_tag),
	ID("bios_vendor", bios_vendor),
	ID("bios_version", bios_version),
	ID("bios_date", bios_date),
};

static int read_oem_strings(const struct sysroot *root, struct machine_smbios *s)
{
	CLEANUP(mem_free) char *table = NULL;
	size_t len = 0;
	int r = smbios_read(root, &table, &len);

	return r < 0 || !table ? r : smbios_oem_strings(table, len, COLLECT_LIST_MAX,
							&s->oem_strings);
}

int collect_dmi(const struct sysroot *root, struct machine *m, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		char **member = (char **)(void *)((char *)&m->smbios + ids[i].offset);

		if (collect_util_line(root, member, "/sys/class/dmi/id/%s", ids[i].file) < 0)
			return err_nomem(err);
	}
	collect_util_lower(m->smbios.uuid);
	if (read_oem_strings(root, &m->smbios) < 0)
		return err_nomem(err);
	m->smbios.slic = sysroot_exists(root, "/sys/firmware/acpi/tables/SLIC");
	m->smbios.msdm = sysroot_exists(root, "/sys/firmware/acpi/tables/MSDM");
	/* The others are for everyone to read, this one is root's only. */
	if (!m->smbios.uuid && m->smbios.sys_vendor &&
	    collect_warn(
		m, "the SMBIOS UUID and serial numbers cannot be read without root's rights") < 0)
		return err_nomem(err);
	return 0;
}
