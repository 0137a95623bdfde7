/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of machine_hw.h. */
#include "inventory/machine_fields.h"

static const struct machine_field numa_node_fields[] = {
	F_RULES(machine_numa_node, id, U32, RULE_NEEDED),
	F(machine_numa_node, cpus, STR),
	F(machine_numa_node, memory, U64),
	F(machine_numa_node, distances, STR),
	F_END
};

const struct machine_field machine_fields_cpu[] = {
	F(machine_cpu, vendor, STR),
	F(machine_cpu, model, STR),
	F(machine_cpu, family, U32),
	F(machine_cpu, model_number, U32),
	F(machine_cpu, stepping, U32),
	F(machine_cpu, microcode, STR),
	F(machine_cpu, sockets, U32),
	F(machine_cpu, cores_per_socket, U32),
	F(machine_cpu, threads_per_core, U32),
	F(machine_cpu, online, U32),
	F(machine_cpu, present, U32),
	F(machine_cpu, hypervisor, STR),
	F(machine_cpu, flags, STRV),
	F(machine_cpu, x86_64_level, U32),
	F_LIST(machine_cpu, nodes, machine_numa_node, numa_node_fields),
	F_END
};

static const struct machine_field hugepages_fields[] = {
	F(machine_hugepages, size, U64),
	F(machine_hugepages, total, U64),
	F(machine_hugepages, free, U64),
	F_END
};

static const struct machine_field memory_slot_fields[] = {
	F(machine_memory_slot, locator, STR),
	F(machine_memory_slot, bank, STR),
	F(machine_memory_slot, size, U64),
	F(machine_memory_slot, type, STR),
	F(machine_memory_slot, speed, U32),
	F(machine_memory_slot, manufacturer, STR),
	F(machine_memory_slot, part_number, STR),
	F(machine_memory_slot, serial, STR),
	F_END
};

const struct machine_field machine_fields_memory[] = {
	F(machine_memory, installed, U64),
	F(machine_memory, usable, U64),
	F(machine_memory, swap, U64),
	F(machine_memory, source, STR),
	F(machine_memory, ecc, STR),
	F_LIST(machine_memory, hugepages, machine_hugepages, hugepages_fields),
	F_LIST(machine_memory, slots, machine_memory_slot, memory_slot_fields),
	F_END
};

static const struct machine_field boot_entry_fields[] = {
	F_RULES(machine_boot_entry, number, U16, RULE_NEEDED),
	F(machine_boot_entry, label, STR),
	F(machine_boot_entry, active, BOOL),
	F(machine_boot_entry, file, STR),
	F(machine_boot_entry, partition_uuid, STR),
	F_END
};

static const struct machine_field efi_file_fields[] = {
	F(machine_efi_file, device, STR),
	F_RULES(machine_efi_file, path, STR, RULE_NEEDED),
	F(machine_efi_file, size, U64),
	F(machine_efi_file, has_signature, BOOL),
	F_END
};

const struct machine_field machine_fields_firmware[] = {
	F(machine_firmware, type, FIRMWARE),
	F(machine_firmware, secure_boot, ANSWER),
	F(machine_firmware, setup_mode, ANSWER),
	F(machine_firmware, mok_keys, U32),
	F(machine_firmware, mok_insecure, ANSWER),
	F_UNKNOWN(machine_firmware, boot_current, I32, -1),
	F_LIST(machine_firmware, entries, machine_boot_entry, boot_entry_fields),
	F_U16LIST(machine_firmware, boot_order),
	F_LIST(machine_firmware, efi_files, machine_efi_file, efi_file_fields),
	F_END
};

const struct machine_field machine_fields_smbios[] = {
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
	F(machine_smbios, oem_strings, STRV),
	F(machine_smbios, slic, FLAG),
	F(machine_smbios, msdm, FLAG),
	F_END
};

const struct machine_field machine_fields_watchdog[] = {
	F(machine_watchdog, identity, STR),
	F(machine_watchdog, driver, STR),
	F(machine_watchdog, in_use, BOOL),
	F_END
};

const struct machine_field machine_fields_nvdimm[] = {
	F_RULES(machine_nvdimm, name, STR, RULE_NEEDED),
	F(machine_nvdimm, mode, STR),
	F(machine_nvdimm, size, U64),
	F(machine_nvdimm, device, STR),
	F(machine_nvdimm, uuid, STR),
	F(machine_nvdimm, label, STR),
	F_END
};

const struct machine_field machine_fields_pci[] = {
	F_RULES(machine_pci, address, STR, RULE_NEEDED),
	F(machine_pci, class, STR),
	F(machine_pci, vendor, STR),
	F(machine_pci, device, STR),
	F(machine_pci, subsystem_vendor, STR),
	F(machine_pci, subsystem_device, STR),
	F(machine_pci, vendor_name, STR),
	F(machine_pci, device_name, STR),
	F(machine_pci, driver, STR),
	F(machine_pci, modalias, STR),
	F(machine_pci, physfn, STR),
	F(machine_pci, group, STR),
	F(machine_pci, lacks, STR),
	F_END
};

const struct machine_field machine_fields_usb[] = {
	F_RULES(machine_usb, address, STR, RULE_NEEDED),
	F(machine_usb, vendor, STR),
	F(machine_usb, product, STR),
	F(machine_usb, manufacturer, STR),
	F(machine_usb, product_name, STR),
	F(machine_usb, serial, STR),
	F(machine_usb, class, STR),
	F(machine_usb, drivers, STRV),
	F(machine_usb, modaliases, STRV),
	F(machine_usb, group, STR),
	F(machine_usb, lacks, STR),
	F_END
};
