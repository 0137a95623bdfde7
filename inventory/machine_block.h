/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the machine model that is storage: disks, what is on them, what is made of them. */
#ifndef P2V_INVENTORY_MACHINE_BLOCK_H
#define P2V_INVENTORY_MACHINE_BLOCK_H

#include "inventory/machine_base.h"

struct machine_fs {			/* what is on a device */
	char *type;			/* "ext4", "swap", "LVM2_member", ...; NULL unknown */
	char *usage;			/* "filesystem", "raid", "crypto", "other" */
	char *uuid, *label, *version;
	uint64_t size, used;		/* bytes; 0 unknown (used from statvfs when mounted) */
	bool dirty;			/* not cleanly unmounted (and not mounted now) */
	bool hibernated;		/* holds a suspended system: NTFS hiberfil.sys, swap */
	bool fast_startup;		/* NTFS: only the kernel's session, by Fast Startup */
	/* A part of something larger: LVM2_member, linux_raid_member, btrfs, bcache, LUKS. */
	char *group, *group_uuid;	/* name and UUID of the volume group, array, cache set */
	uint32_t members;		/* how many devices the group wants; 0 unknown */
	char *level;			/* of the array: "raid1" */
	char *role;			/* "0", "spare"; bcache: "backing", "cache"; btrfs: devid */
	uint32_t keyslots;		/* LUKS: in use */
	struct machine_strv tokens;	/* LUKS2: "clevis", "systemd-tpm2", ... */
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

struct machine_smart {			/* what a disk says of its health; members 0: not told */
	char *source;			/* "ata", "scsi", "nvme"; NULL: not asked or no answer */
	char *status;			/* "passed", "failed"; "standby": asleep and left so */
	char *detail;			/* what failed, in plain words */
	uint64_t power_on_hours;
	uint32_t temperature;		/* degrees Celsius */
	uint64_t reallocated;		/* sectors, or grown defects */
	uint64_t pending;		/* sectors that could not be read */
	uint64_t uncorrectable;		/* errors reported, NVMe: media errors */
	uint32_t percentage_used;	/* of the endurance; may pass 100 */
};

struct machine_disk {
	char *name;			/* "sda", "nvme0n1", "cciss/c0d0" */
	char *path;			/* "/dev/sda" */
	uint64_t size;
	uint32_t logical_sector, physical_sector;
	char *serial, *wwn, *vendor, *model, *revision;
	/* Of what changes when a system runs from it; set by a copy (p2v-agent/source.h) only. */
	char *fingerprint;
	char *transport;		/* "sata", "sas", "nvme", "usb", "virtio", ... */
	char *driver;			/* of the controller: "ahci", "megaraid_sas" */
	char *controller;		/* its PCI address, "0000:00:1f.2" */
	char *hctl;			/* SCSI address, "0:0:1:0" */
	char *state;			/* of its SCSI or NVMe device: "running", "live" */
	bool rotational, removable, readonly, discard;
	char *write_cache;		/* "write back", "write through" */
	char *zoned;			/* "host-managed", "host-aware"; NULL: an ordinary disk */
	bool dax;			/* reached past the block layer (persistent memory) */
	uint32_t paths;			/* native NVMe multipath: how many; 0: not multipath */
	struct machine_smart smart;
	struct machine_strv aliases;	/* /dev/disk/by-* links to the whole disk */
	char *table;			/* "gpt", "dos", or NULL */
	char *table_uuid;		/* GPT GUID or MBR id "0x1234abcd"'s 8 hex digits */
	bool hybrid_mbr;		/* gpt whose MBR has partitions beside the protective one */
	struct machine_partition *partitions;
	size_t npartitions;
	struct machine_fs fs;		/* a filesystem on the whole disk */
	struct machine_strv mountpoints;
};

struct machine_volume {			/* device-mapper, md, bcache, DRBD devices */
	char *name;			/* "dm-0", "md127", "bcache0" */
	char *path;			/* "/dev/mapper/vg-root" */
	/*
	 * "lvm", "crypt", "verity", "integrity", "mpath", "part" (kpartx), "dmraid", "vdo", other
	 * "dm"; "md", "bcache", "drbd"; "loop" and "zram" when mounted or swapped to.
	 */
	char *kind;
	char *uuid;			/* dm or md uuid */
	char *level;			/* md: "raid1"; "container" of firmware RAID */
	char *metadata;			/* md: "1.2", "0.90", "imsm", "ddf", ... */
	/* md: array_state; bcache: "dirty"; dm: "suspended"; drbd: of the local disk, "UpToDate" */
	char *state;
	char *role;			/* drbd: "Primary" */
	uint32_t devices, missing;	/* md: wanted, and how many of those are not there */
	/* lvm: volume group; md: container's name; bcache: UUID of the set; drbd: resource */
	char *group;
	char *cache_mode;		/* bcache, dm-cache: "writeback" */
	char *backing;			/* loop: its file */
	uint64_t size;			/* 0: an array that does not run, a container */
	struct machine_strv slaves;	/* names below: "sda2", "dm-1" */
	struct machine_strv aliases;
	struct machine_fs fs;
	struct machine_strv mountpoints;
};

#endif
