/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the machine model that is the computer: processors, memory, firmware, devices. */
#ifndef P2V_INVENTORY_MACHINE_HW_H
#define P2V_INVENTORY_MACHINE_HW_H

#include "inventory/machine_base.h"

struct machine_numa_node {
	uint32_t id;
	char *cpus;			/* as sysfs writes it: "0-7,16-23" */
	uint64_t memory;		/* MemTotal of the node */
	char *distances;		/* to all nodes, itself 10: "10 21" */
};

struct machine_cpu {
	char *vendor;			/* "GenuineIntel" */
	char *model;			/* "Intel(R) Xeon(R) ..." */
	uint32_t family, model_number, stepping;
	char *microcode;		/* "0x2006e05" */
	uint32_t sockets, cores_per_socket, threads_per_core;	/* >= 1, 0 unknown */
	uint32_t online;		/* logical CPUs online */
	uint32_t present;		/* logical CPUs there, online or not */
	char *hypervisor;		/* "KVM", "VMware", "unknown"; NULL on bare metal */
	struct machine_strv flags;
	uint32_t x86_64_level;		/* 1..4 as in x86-64-v3; 0 unknown */
	struct machine_numa_node *nodes;
	size_t nnodes;
};

struct machine_hugepages {
	uint64_t size;			/* of one page */
	uint64_t total, free;		/* pages */
};

struct machine_memory_slot {		/* SMBIOS type 17; size 0: empty, or unknown */
	char *locator, *bank;		/* "DIMM_A1", "NODE 1" */
	uint64_t size;
	char *type;			/* "DDR4" */
	uint32_t speed;			/* configured, MT/s; 0 unknown */
	char *manufacturer, *part_number, *serial;
};

struct machine_memory {
	uint64_t installed;		/* exact, never rounded up: see source */
	uint64_t usable;		/* MemTotal */
	uint64_t swap;			/* SwapTotal */
	char *source;			/* "dmi" (type 17), "memory-blocks", "meminfo" */
	char *ecc;			/* type 16: "none", "single-bit", "multi-bit", ... */
	struct machine_hugepages *hugepages;
	size_t nhugepages;
	struct machine_memory_slot *slots;
	size_t nslots;
};

enum machine_firmware_type {
	MACHINE_FIRMWARE_UNKNOWN,
	MACHINE_FIRMWARE_BIOS,
	MACHINE_FIRMWARE_UEFI,
};

struct machine_boot_entry {
	uint16_t number;		/* 0x0001 for Boot0001 */
	char *label;			/* "debian" */
	bool active;
	char *file;			/* \EFI\debian\shimx64.efi, or NULL */
	char *partition_uuid;		/* GPT partition of the device path, lower case, or NULL */
};

struct machine_efi_file {		/* a program on an EFI system partition that is mounted */
	char *device;			/* name of the partition: "sda1" */
	char *path;			/* on it: "/EFI/debian/shimx64.efi" */
	uint64_t size;
	bool has_signature;		/* its PE certificate table is not empty */
};

struct machine_firmware {
	enum machine_firmware_type type;
	enum machine_answer secure_boot, setup_mode;
	uint32_t mok_keys;		/* certificates in shim's MokListRT; 0: none, not known */
	enum machine_answer mok_insecure; /* MokSBStateRT: shim's own validation is off */
	int32_t boot_current;		/* number of the entry booted from, -1 unknown */
	struct machine_boot_entry *entries;
	size_t nentries;
	uint16_t *boot_order;
	size_t nboot_order;
	struct machine_efi_file *efi_files;
	size_t nefi_files;
};

struct machine_smbios {			/* /sys/class/dmi/id */
	char *uuid;			/* lower case, as the OS shows it */
	char *sys_vendor;
	char *product_name, *product_version, *product_serial, *product_sku, *product_family;
	char *board_vendor, *board_name, *board_version, *board_serial, *board_asset_tag;
	char *chassis_vendor, *chassis_type, *chassis_version, *chassis_serial, *chassis_asset_tag;
	char *bios_vendor, *bios_version, *bios_date;
	struct machine_strv oem_strings;/* type 11 */
	bool slic, msdm;		/* ACPI tables that OEM licences of Windows are bound to */
};

struct machine_watchdog {
	char *identity;			/* "iTCO_wdt" */
	char *driver;
	bool in_use;			/* opened by somebody (state "active") */
};

struct machine_nvdimm {			/* a namespace of persistent memory */
	char *name;			/* "namespace0.0" */
	char *mode;			/* "fsdax", "devdax", "sector", "raw" */
	uint64_t size;
	char *device;			/* "pmem0", "pmem0s", "dax0.0"; NULL: none is made */
	char *uuid, *label;
};

/*
 * lacks: what a virtual machine will be without, in plain words ("graphics processor"), or NULL
 * when it has its like or nobody misses it. From postfix/data/devices.tbl, matched on the modalias;
 * group is the row's.
 */
struct machine_pci {
	char *address;			/* "0000:03:00.0" */
	char *class;			/* "0x020000" */
	char *vendor, *device;		/* "0x8086" */
	char *subsystem_vendor, *subsystem_device;
	char *vendor_name, *device_name;/* of udev's hardware database */
	char *driver;			/* bound now, or NULL */
	char *modalias;
	char *physfn;			/* address of the physical function this is a VF of */
	char *group, *lacks;
};

struct machine_usb {
	char *address;			/* "1-1.2" as in /sys/bus/usb/devices */
	char *vendor, *product;		/* "0529" */
	char *manufacturer, *product_name, *serial;
	char *class;			/* of the device, "09"; "00": see its interfaces' drivers */
	struct machine_strv drivers;	/* of its interfaces */
	struct machine_strv modaliases;	/* of its interfaces */
	char *group, *lacks;
};

#endif
