/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a machine is: the plain model that the collectors fill, that travels as JSON
 * (machine_json.h), and that the fixer and the domain XML work from. No behaviour, no I/O.
 *
 * Strings are malloc'd UTF-8 or NULL for "not known". Lists are pointer + count. Sizes and offsets
 * are bytes. A machine owns everything below it; machine_free() frees the tree. Plain data: any
 * thread may read it once it is complete.
 *
 * The names are those of the source while it was recorded: "sda" means the disk that was /dev/sda
 * there and then; what stays true on the target is serial, WWN, UUID and MAC.
 */
#ifndef P2V_INVENTORY_MACHINE_H
#define P2V_INVENTORY_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"

#define MACHINE_VERSION 1		/* of the JSON; see docs/job-format.md */

struct machine_strv {
	char **v;
	size_t n;
};

struct machine_cpu {
	char *vendor;			/* "GenuineIntel" */
	char *model;			/* "Intel(R) Xeon(R) ..." */
	uint32_t family, model_number, stepping;
	uint32_t sockets, cores_per_socket, threads_per_core;	/* >= 1, 0 unknown */
	uint32_t online;		/* logical CPUs online */
	struct machine_strv flags;
	uint32_t x86_64_level;		/* 1..4 as in x86-64-v3; 0 unknown */
};

struct machine_memory {
	uint64_t installed;		/* exact, never rounded up: see source */
	uint64_t usable;		/* MemTotal */
	char *source;			/* of it: "dmi" (type 17), "memory-blocks", "meminfo" */
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

struct machine_firmware {
	enum machine_firmware_type type;
	bool secure_boot, setup_mode;
	int32_t boot_current;		/* number of the entry booted from, -1 unknown */
	struct machine_boot_entry *entries;
	size_t nentries;
	uint16_t *boot_order;
	size_t nboot_order;
};

struct machine_smbios {			/* /sys/class/dmi/id */
	char *uuid;			/* lower case, as the OS shows it */
	char *sys_vendor;
	char *product_name, *product_version, *product_serial, *product_sku, *product_family;
	char *board_vendor, *board_name, *board_version, *board_serial, *board_asset_tag;
	char *chassis_vendor, *chassis_type, *chassis_version, *chassis_serial, *chassis_asset_tag;
	char *bios_vendor, *bios_version, *bios_date;
};

struct machine_fs {			/* what libblkid says of a device */
	char *type;			/* "ext4", "swap", "LVM2_member", ...; NULL unknown */
	char *usage;			/* "filesystem", "raid", "crypto", "other" */
	char *uuid, *label, *version;
	uint64_t size, used;		/* bytes; 0 unknown (used from statvfs when mounted) */
};

struct machine_partition {
	uint32_t number;
	char *name;			/* "sda1" */
	char *path;			/* "/dev/sda1" */
	uint64_t start, size;
	char *type;			/* GPT type GUID or "0x83", lower case */
	char *uuid;			/* PARTUUID, lower case */
	char *label;			/* GPT name */
	bool boot;			/* MBR active, or GPT legacy_boot */
	bool extended;			/* MBR extended container */
	struct machine_fs fs;
	struct machine_strv aliases;	/* /dev/disk/by-* links to it */
	struct machine_strv mountpoints;/* "[SWAP]" for swap in use */
};

struct machine_disk {
	char *name;			/* "sda", "nvme0n1", "cciss/c0d0" */
	char *path;			/* "/dev/sda" */
	uint64_t size;
	uint32_t logical_sector, physical_sector;
	char *serial, *wwn, *vendor, *model;
	/* Of what changes when a system runs from it; set by a copy (p2v-agent/source.h) only. */
	char *fingerprint;
	char *transport;		/* "sata", "sas", "nvme", "usb", "virtio", ... */
	char *driver;			/* of the controller: "ahci", "megaraid_sas" */
	bool rotational, removable, readonly, discard;
	struct machine_strv aliases;	/* /dev/disk/by-* links to the whole disk */
	char *table;			/* "gpt", "dos", or NULL */
	char *table_uuid;		/* GPT GUID or MBR id "0x1234abcd"'s 8 hex digits */
	struct machine_partition *partitions;
	size_t npartitions;
	struct machine_fs fs;		/* a filesystem on the whole disk */
	struct machine_strv mountpoints;
};

struct machine_volume {			/* device-mapper and md devices */
	char *name;			/* "dm-0", "md127" */
	char *path;			/* "/dev/mapper/vg-root" */
	char *kind;			/* "lvm", "crypt", "mpath", "md", "dm" */
	char *uuid;			/* dm or md uuid */
	char *level;			/* md: "raid1" */
	uint64_t size;
	struct machine_strv slaves;	/* names below: "sda2", "dm-1" */
	struct machine_strv aliases;
	struct machine_fs fs;
	struct machine_strv mountpoints;
};

struct machine_address {
	char *address;			/* "192.168.1.10/24", "fe80::1/64" */
	char *scope;			/* "global", "link", "host" */
	bool dynamic;			/* valid lifetime is limited: DHCP or RA */
};

struct machine_nic {
	char *name;			/* in use: "eth0", "eno1" */
	char *kind;			/* "physical", "wireless", "bond", "team", "bridge", "vlan",
					   "virtual" */
	char *mac;			/* current, "52:54:00:..." lower case */
	char *permanent_mac;		/* ethtool's, NULL when the device has none */
	char *driver;
	char *bus;			/* "0000:03:00.0" */
	char *master;			/* bond or bridge it belongs to */
	struct machine_strv lower;	/* members of a bond or bridge, parent of a VLAN */
	uint32_t vlan_id;		/* 0 none */
	uint32_t mtu;
	int64_t speed;			/* Mbit/s, -1 unknown */
	bool carrier, up;
	struct machine_strv predictable;/* ID_NET_NAME_* candidates: "eno1", "enp3s0", "enx..." */
	struct machine_address *addresses;
	size_t naddresses;
};

struct machine_route {
	char *destination;		/* "default" or "10.0.0.0/8" */
	char *gateway;			/* or NULL */
	char *nic;
};

struct machine_clock {
	bool rtc_local;			/* the hardware clock keeps local time */
	bool rtc_known;
	int64_t rtc_minus_system;	/* seconds, RTC read as UTC; when rtc_known */
	char *timezone;			/* "Europe/Berlin" */
};

struct machine_os {			/* the booted system */
	char *id, *id_like, *version_id, *pretty_name;	/* os-release */
	char *kernel;			/* uname -r */
	char *arch;			/* "x86_64" */
	char *cmdline;			/* /proc/cmdline */
	char *hostname;
	char *machine_id;
	char *init;			/* "systemd", "sysvinit", ... */
	char *root_source;		/* "/dev/sda1" of the mount table */
	char *root_uuid, *root_fs;
};

struct machine_mount {
	char *source, *target, *fs, *options;
};

struct machine_watchdog {
	char *identity;			/* "iTCO_wdt" */
	char *driver;
	bool in_use;			/* opened by somebody (state "active") */
};

struct machine {
	char *recorded_at;		/* RFC 3339, UTC */
	char *recorded_by;		/* "p2v-agent 0.1" */
	char *hostname;
	struct machine_cpu cpu;
	struct machine_memory memory;
	struct machine_firmware firmware;
	struct machine_smbios smbios;
	bool tpm_present;
	char *tpm_version;		/* "2.0", "1.2" */
	struct machine_watchdog *watchdogs;
	size_t nwatchdogs;
	struct machine_clock clock;
	struct machine_os os;
	struct machine_disk *disks;
	size_t ndisks;
	struct machine_volume *volumes;
	size_t nvolumes;
	struct machine_nic *nics;
	size_t nnics;
	struct machine_route *routes;
	size_t nroutes;
	struct machine_strv dns;
	struct machine_mount *mounts;
	size_t nmounts;
	struct machine_strv warnings;	/* what could not be read, in plain words */
};

int machine_new(struct machine **ret);		/* all unknown; boot_current -1; -ENOMEM */
void machine_free(struct machine *m);
DEFINE_CLEANUP(struct machine *, machine_free)

int machine_strv_add(struct machine_strv *v, const char *s);	/* copies */
bool machine_strv_has(const struct machine_strv *v, const char *s);
/*
 * Grow a list by one zeroed element of size bytes and return it; NULL when memory ran out. Lists
 * grow by this function only: it derives the room from the count.
 *	machine_grow(&m->disks, &m->ndisks, sizeof(*m->disks))
 */
void *machine_grow(void *pv, size_t *pn, size_t size);

/* "sda", "/dev/sda" or any alias; NULL when there is none. */
const struct machine_disk *machine_find_disk(const struct machine *m, const char *name);
/* Same for a partition; *ret_disk (may be NULL) is the disk it is on. */
const struct machine_partition *machine_find_partition(const struct machine *m, const char *name,
						       const struct machine_disk **ret_disk);
const struct machine_boot_entry *machine_boot_current(const struct machine *m);

#endif
