/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the machine model that is the system on it. */
#ifndef P2V_INVENTORY_MACHINE_OS_H
#define P2V_INVENTORY_MACHINE_OS_H

#include "inventory/machine_base.h"

struct machine_clock {
	bool rtc_local;			/* the hardware clock keeps local time */
	bool rtc_known;
	int64_t rtc_minus_system;	/* seconds, RTC read as UTC; when rtc_known */
	char *timezone;			/* "Europe/Berlin" */
};

struct machine_kernel {			/* one that is installed */
	char *version;			/* "6.1.0-18-amd64": its folder in /lib/modules */
	char *image;			/* "/boot/vmlinuz-6.1.0-18-amd64"; NULL: modules only */
	char *initramfs;		/* "/boot/initrd.img-..."; NULL none found */
	uint64_t initramfs_size;
	bool modules;			/* its folder is there with modules.dep */
	/* Of virtio_pci, virtio_blk, virtio_scsi, virtio_net: those built in or there as module. */
	struct machine_strv virtio;
	bool booted;
};

struct machine_service {		/* a unit or init script that is enabled or runs */
	char *name;			/* "sshd.service" */
	bool enabled, running;
	char *group, *reason;		/* by postfix/data/services.tbl: it is bound to hardware */
};

struct machine_software {		/* by postfix/data/software.tbl */
	char *kind;			/* the row's group: "database", "cluster", "licence", ... */
	char *name;			/* the row's reason: "PostgreSQL" */
	char *evidence;			/* "postgresql.service is running", "/etc/corosync/..." */
	bool running;
};

struct machine_os {			/* the booted system, or one that is installed */
	char *kind;			/* "linux", "windows", "other" */
	char *id, *id_like, *version_id, *pretty_name;	/* os-release */
	char *kernel;			/* uname -r */
	char *arch;			/* "x86_64" */
	char *cmdline;			/* /proc/cmdline */
	char *hostname;
	char *machine_id;
	char *init;			/* "systemd", "sysvinit", ... */
	char *package_manager;		/* "apt", "dnf", "yum", "zypper", "pacman", "apk", ... */
	char *initramfs_tool;		/* "initramfs-tools", "dracut", "mkinitrd", ... */
	char *bootloader;		/* "grub2", "grub-legacy", "systemd-boot", "lilo", ... */
	char *selinux;			/* "enforcing", "permissive", "disabled"; NULL without it */
	char *root_source;		/* "/dev/sda1" of the mount table */
	char *root_uuid, *root_fs, *root_subvolume;	/* btrfs: "@rootfs", from the top */
	char *boot_source, *esp_source;	/* devices of /boot and the ESP; NULL: not of their own */
	uint64_t root_free, boot_free;	/* bytes left where / and /boot are; 0 unknown */
	bool booted;			/* it runs now */
	bool boots_first;		/* of several, the one that the firmware starts */
	struct machine_kernel *kernels;
	size_t nkernels;
	struct machine_service *services;
	size_t nservices;
	struct machine_software *software;
	size_t nsoftware;
};

struct machine_mount {
	char *source, *target, *fs, *options;
};

#endif
