/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables. A member of machine.h that is in none of them does not travel. */
#include "inventory/machine_json_fields.h"

#include "common/compiler.h"

#define F(st, member, k) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member) }
#define F_RULES(st, member, k, r) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member), .rules = (r) }
#define F_UNKNOWN(st, member, k, u) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member), \
	  .unknown = (u) }
#define F_OBJECT(st, member, table) \
	{ .name = #member, .kind = FIELD_OBJECT, .offset = offsetof(struct st, member), \
	  .sub = (table) }
#define F_LIST_CHECK(st, member, elem, table, fn) \
	{ .name = #member, .kind = FIELD_LIST, .offset = offsetof(struct st, member), \
	  .offset_n = offsetof(struct st, n##member), .size = sizeof(struct elem), \
	  .sub = (table), .check = (fn) }
#define F_LIST(st, member, elem, table)	F_LIST_CHECK(st, member, elem, table, NULL)
#define F_END				{ .name = NULL }

static const struct machine_json_field cpu_fields[] = {
	F(machine_cpu, vendor, STR),
	F(machine_cpu, model, STR),
	F(machine_cpu, family, U32),
	F(machine_cpu, model_number, U32),
	F(machine_cpu, stepping, U32),
	F(machine_cpu, sockets, U32),
	F(machine_cpu, cores_per_socket, U32),
	F(machine_cpu, threads_per_core, U32),
	F(machine_cpu, online, U32),
	F(machine_cpu, x86_64_level, U32),
	F(machine_cpu, flags, STRV),
	F_END
};

static const struct machine_json_field memory_fields[] = {
	F(machine_memory, installed, U64),
	F(machine_memory, usable, U64),
	F(machine_memory, source, STR),
	F_END
};

static const struct machine_json_field boot_entry_fields[] = {
	F_RULES(machine_boot_entry, number, U16, RULE_NEEDED),
	F(machine_boot_entry, label, STR),
	F(machine_boot_entry, active, BOOL),
	F(machine_boot_entry, file, STR),
	F(machine_boot_entry, partition_uuid, STR),
	F_END
};

static const struct machine_json_field firmware_fields[] = {
	F(machine_firmware, type, FIRMWARE),
	F(machine_firmware, secure_boot, BOOL),
	F(machine_firmware, setup_mode, BOOL),
	F_UNKNOWN(machine_firmware, boot_current, I32, -1),
	{ .name = "boot_order", .kind = FIELD_U16LIST,
	  .offset = offsetof(struct machine_firmware, boot_order),
	  .offset_n = offsetof(struct machine_firmware, nboot_order) },
	F_LIST(machine_firmware, entries, machine_boot_entry, boot_entry_fields),
	F_END
};

static const struct machine_json_field smbios_fields[] = {
	F(machine_smbios, uuid, STR),
	F(machine_smbios, sys_vendor, STR),
	F(machine_smbios, product_name, STR),
	F(machine_smbios, product_version, STR),
	F(machine_smbios, product_serial, STR),
	F(machine_smbios, product_sku, STR),
	F(machine_smbios, product_family, STR),
	F(machine_smbios, board_vendor, STR),
	F(machine_smbios, board_name, STR),
	F(machine_smbios, board_version, STR),
	F(machine_smbios, board_serial, STR),
	F(machine_smbios, board_asset_tag, STR),
	F(machine_smbios, chassis_vendor, STR),
	F(machine_smbios, chassis_type, STR),
	F(machine_smbios, chassis_version, STR),
	F(machine_smbios, chassis_serial, STR),
	F(machine_smbios, chassis_asset_tag, STR),
	F(machine_smbios, bios_vendor, STR),
	F(machine_smbios, bios_version, STR),
	F(machine_smbios, bios_date, STR),
	F_END
};

static const struct machine_json_field fs_fields[] = {
	F(machine_fs, type, STR),
	F(machine_fs, usage, STR),
	F(machine_fs, uuid, STR),
	F(machine_fs, label, STR),
	F(machine_fs, version, STR),
	F(machine_fs, size, U64),
	F(machine_fs, used, U64),
	F_END
};

static const struct machine_json_field partition_fields[] = {
	F(machine_partition, number, U32),
	F_RULES(machine_partition, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_partition, path, STR),
	F(machine_partition, start, U64),
	F(machine_partition, size, U64),
	F(machine_partition, type, STR),
	F(machine_partition, uuid, STR),
	F(machine_partition, label, STR),
	F(machine_partition, boot, BOOL),
	F(machine_partition, extended, BOOL),
	F_OBJECT(machine_partition, fs, fs_fields),
	F(machine_partition, aliases, STRV),
	F(machine_partition, mountpoints, STRV),
	F_END
};

static int check_partition(const void *element, struct err *err)
{
	const struct machine_partition *p = element;

	/* Each is below 2^63 already; their sum must be, too. */
	if (p->size > (uint64_t)INT64_MAX - p->start)
		return err_set(err, EBADMSG, "start + size is out of range");
	return 0;
}

static const struct machine_json_field disk_fields[] = {
	F_RULES(machine_disk, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_disk, path, STR),
	F(machine_disk, size, U64),
	F(machine_disk, logical_sector, U32),
	F(machine_disk, physical_sector, U32),
	F(machine_disk, serial, STR),
	F(machine_disk, wwn, STR),
	F(machine_disk, fingerprint, STR),
	F(machine_disk, vendor, STR),
	F(machine_disk, model, STR),
	F(machine_disk, transport, STR),
	F(machine_disk, driver, STR),
	F(machine_disk, rotational, BOOL),
	F(machine_disk, removable, BOOL),
	F(machine_disk, readonly, BOOL),
	F(machine_disk, discard, BOOL),
	F(machine_disk, aliases, STRV),
	F(machine_disk, table, STR),
	F(machine_disk, table_uuid, STR),
	F_LIST_CHECK(machine_disk, partitions, machine_partition, partition_fields,
		     check_partition),
	F_OBJECT(machine_disk, fs, fs_fields),
	F(machine_disk, mountpoints, STRV),
	F_END
};

static const struct machine_json_field volume_fields[] = {
	F_RULES(machine_volume, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_volume, path, STR),
	F(machine_volume, kind, STR),
	F(machine_volume, uuid, STR),
	F(machine_volume, level, STR),
	F(machine_volume, size, U64),
	F(machine_volume, slaves, STRV),
	F(machine_volume, aliases, STRV),
	F_OBJECT(machine_volume, fs, fs_fields),
	F(machine_volume, mountpoints, STRV),
	F_END
};

static const struct machine_json_field address_fields[] = {
	F_RULES(machine_address, address, STR, RULE_NEEDED),
	F(machine_address, scope, STR),
	F(machine_address, dynamic, BOOL),
	F_END
};

static const struct machine_json_field nic_fields[] = {
	F_RULES(machine_nic, name, STR, RULE_NEEDED | RULE_DEVICE | RULE_NIC),
	F(machine_nic, kind, STR),
	F_RULES(machine_nic, mac, STR, RULE_MAC),
	F_RULES(machine_nic, permanent_mac, STR, RULE_MAC),
	F(machine_nic, driver, STR),
	F(machine_nic, bus, STR),
	F(machine_nic, master, STR),
	F(machine_nic, lower, STRV),
	F(machine_nic, vlan_id, U32),
	F(machine_nic, mtu, U32),
	F_UNKNOWN(machine_nic, speed, I64, -1),
	F(machine_nic, carrier, BOOL),
	F(machine_nic, up, BOOL),
	F(machine_nic, predictable, STRV),
	F_LIST(machine_nic, addresses, machine_address, address_fields),
	F_END
};

static const struct machine_json_field route_fields[] = {
	F_RULES(machine_route, destination, STR, RULE_NEEDED),
	F(machine_route, gateway, STR),
	F(machine_route, nic, STR),
	F_END
};

static const struct machine_json_field clock_fields[] = {
	F(machine_clock, rtc_local, BOOL),
	F(machine_clock, rtc_known, BOOL),
	F(machine_clock, rtc_minus_system, I64),
	F(machine_clock, timezone, STR),
	F_END
};

static const struct machine_json_field os_fields[] = {
	F(machine_os, id, STR),
	F(machine_os, id_like, STR),
	F(machine_os, version_id, STR),
	F(machine_os, pretty_name, STR),
	F(machine_os, kernel, STR),
	F(machine_os, arch, STR),
	F(machine_os, cmdline, STR),
	F(machine_os, hostname, STR),
	F(machine_os, machine_id, STR),
	F(machine_os, init, STR),
	F(machine_os, root_source, STR),
	F(machine_os, root_uuid, STR),
	F(machine_os, root_fs, STR),
	F_END
};

static const struct machine_json_field mount_fields[] = {
	F(machine_mount, source, STR),
	F_RULES(machine_mount, target, STR, RULE_NEEDED),
	F(machine_mount, fs, STR),
	F(machine_mount, options, STR),
	F_END
};

static const struct machine_json_field watchdog_fields[] = {
	F(machine_watchdog, identity, STR),
	F(machine_watchdog, driver, STR),
	F(machine_watchdog, in_use, BOOL),
	F_END
};

const struct machine_json_field machine_json_fields_machine[] = {
	F(machine, recorded_at, STR),
	F(machine, recorded_by, STR),
	F(machine, hostname, STR),
	F_OBJECT(machine, cpu, cpu_fields),
	F_OBJECT(machine, memory, memory_fields),
	F_OBJECT(machine, firmware, firmware_fields),
	F_OBJECT(machine, smbios, smbios_fields),
	F(machine, tpm_present, BOOL),
	F(machine, tpm_version, STR),
	F_LIST(machine, watchdogs, machine_watchdog, watchdog_fields),
	F_OBJECT(machine, clock, clock_fields),
	F_OBJECT(machine, os, os_fields),
	F_LIST(machine, disks, machine_disk, disk_fields),
	F_LIST(machine, volumes, machine_volume, volume_fields),
	F_LIST(machine, nics, machine_nic, nic_fields),
	F_LIST(machine, routes, machine_route, route_fields),
	F(machine, dns, STRV),
	F_LIST(machine, mounts, machine_mount, mount_fields),
	F(machine, warnings, STRV),
	F_END
};

const char *const machine_json_fields_firmware[] = {
	[MACHINE_FIRMWARE_UNKNOWN] = NULL,
	[MACHINE_FIRMWARE_BIOS] = "bios",
	[MACHINE_FIRMWARE_UEFI] = "uefi",
};
