/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of machine_block.h. */
#include "inventory/machine_fields.h"

static const struct machine_field fs_fields[] = {
	F(machine_fs, type, STR),
	F(machine_fs, usage, STR),
	F(machine_fs, uuid, STR),
	F(machine_fs, label, STR),
	F(machine_fs, version, STR),
	F(machine_fs, size, U64),
	F(machine_fs, used, U64),
	F(machine_fs, dirty, FLAG),
	F(machine_fs, hibernated, FLAG),
	F(machine_fs, fast_startup, FLAG),
	F(machine_fs, group, STR),
	F(machine_fs, group_uuid, STR),
	F(machine_fs, members, U32),
	F(machine_fs, level, STR),
	F(machine_fs, role, STR),
	F(machine_fs, keyslots, U32),
	F(machine_fs, tokens, STRV),
	F_END
};

static const struct machine_field partition_fields[] = {
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

static const struct machine_field smart_fields[] = {
	F(machine_smart, source, STR),
	F(machine_smart, status, STR),
	F(machine_smart, detail, STR),
	F(machine_smart, power_on_hours, U64),
	F(machine_smart, temperature, U32),
	F(machine_smart, reallocated, U64),
	F(machine_smart, pending, U64),
	F(machine_smart, uncorrectable, U64),
	F(machine_smart, percentage_used, U32),
	F_END
};

const struct machine_field machine_fields_disk[] = {
	F_RULES(machine_disk, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_disk, path, STR),
	F(machine_disk, size, U64),
	F(machine_disk, logical_sector, U32),
	F(machine_disk, physical_sector, U32),
	F(machine_disk, serial, STR),
	F(machine_disk, wwn, STR),
	F(machine_disk, vendor, STR),
	F(machine_disk, model, STR),
	F(machine_disk, revision, STR),
	F(machine_disk, fingerprint, STR),
	F(machine_disk, transport, STR),
	F(machine_disk, driver, STR),
	F(machine_disk, controller, STR),
	F(machine_disk, hctl, STR),
	F(machine_disk, state, STR),
	F(machine_disk, rotational, BOOL),
	F(machine_disk, removable, BOOL),
	F(machine_disk, readonly, BOOL),
	F(machine_disk, discard, BOOL),
	F(machine_disk, write_cache, STR),
	F(machine_disk, zoned, STR),
	F(machine_disk, dax, FLAG),
	F(machine_disk, paths, U32),
	F_OBJECT(machine_disk, smart, smart_fields),
	F(machine_disk, aliases, STRV),
	F(machine_disk, table, STR),
	F(machine_disk, table_uuid, STR),
	F(machine_disk, hybrid_mbr, FLAG),
	F_LIST_FULL(machine_disk, partitions, machine_partition, partition_fields, RULE_ANY,
		    check_partition),
	F_OBJECT(machine_disk, fs, fs_fields),
	F(machine_disk, mountpoints, STRV),
	F_END
};

const struct machine_field machine_fields_volume[] = {
	F_RULES(machine_volume, name, STR, RULE_NEEDED | RULE_DEVICE),
	F(machine_volume, path, STR),
	F(machine_volume, kind, STR),
	F(machine_volume, uuid, STR),
	F(machine_volume, level, STR),
	F(machine_volume, metadata, STR),
	F(machine_volume, state, STR),
	F(machine_volume, role, STR),
	F(machine_volume, devices, U32),
	F(machine_volume, missing, U32),
	F(machine_volume, group, STR),
	F(machine_volume, cache_mode, STR),
	F(machine_volume, backing, STR),
	F(machine_volume, size, U64),
	F(machine_volume, slaves, STRV),
	F(machine_volume, aliases, STRV),
	F_OBJECT(machine_volume, fs, fs_fields),
	F(machine_volume, mountpoints, STRV),
	F_END
};
