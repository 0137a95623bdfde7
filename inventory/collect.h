/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Filling a machine from a root folder. collect_machine() runs all collectors; each lives in its
 * own file and reads only through the sysroot, so a recorded machine gives the same answer as the
 * live one. What cannot be read becomes a warning in the machine, never a failure; only -ENOMEM
 * and an unusable root fail. Nothing is written, no device is opened for writing, and nothing
 * waits for hardware that does not answer (suspended mappings, hung network mounts).
 *
 * A recorded machine (tests/sysroots/record-machine makes one) is a folder that holds copies of
 * files and links of /sys, /proc, /etc, /dev/disk, /dev/mapper and /run at their own places (of
 * configuration that may hold secrets, files without content), and for what only system calls tell:
 *
 *	/p2v/now		seconds since the epoch when it was recorded
 *	/p2v/arch		uname -m
 *	/p2v/blkid/NAME		blkid -p -o udev /dev/NAME, per disk, partition and volume;
 *				NAME as in /sys/block: '!' for '/'
 *	/p2v/mbr/NAME		the first 512 bytes of a disk with a GPT whose MBR has more than
 *				one partition
 *	/p2v/content/NAME.OFFSET  bytes of that device from OFFSET (decimal) on, as far as the
 *				decoders (content.h) read them: superblocks and metadata, never
 *				key slots; NAME.size: the device's size in bytes
 *	/p2v/ntfs/NAME		of an NTFS volume, which takes more than superblocks: the words
 *				dirty, hibernated, fast_startup, as they apply; made by hand
 *	/p2v/statvfs		stat -f -c '%b %S %f %n': a line per mounted local filesystem
 *	/p2v/smart/NAME		smartctl --json=c -n standby -i -H -A /dev/NAME, per physical disk
 *	/p2v/esp		"SIZE PATH", a line per EFI program (PATH/EFI/.../NAME.efi below
 *				the place where a FAT filesystem is mounted), whose first KiB is
 *				recorded at PATH itself; without a line the file is whole
 *	/p2v/boot		"37843250 6.1.0-18-amd64 /boot/vmlinuz-6.1.0-18-amd64": size, the
 *				release that a kernel's image tells or "-", path; images are empty
 *	/p2v/permanent-mac	"eth0 52:54:00:12:34:56", a line per NIC
 *	/p2v/ip-addr.json	ip -d -j addr show
 *	/p2v/ip-route.json	ip -j -4 route show table all; ip-route6.json the same with -6;
 *				without ip-addr.json: /proc/net/{route,ipv6_route,fib_trie,if_inet6}
 *	/p2v/ip-rule.json	ip -j -4 rule show; ip-rule6.json the same with -6
 *	/p2v/team-mode		"team0 activebackup" (teamnl), a line per team
 *	/p2v/nft-tables		nft list tables; nothing where nf_tables is not in use
 *
 * Of the ACPI tables SLIC and MSDM (a product key) an empty file says that they are there.
 *
 * Of these only what is looked for is kept: of modules.dep, modules.builtin and /boot/config-* the
 * lines on virtio; of cgroup.procs whether a service has processes; of programs, packages' files
 * and images that they are there (as empty files, and folders with a ".keep").
 *
 * A record may be scrubbed (record-machine --scrub, or --scrub-only for one that is there): names
 * of hosts and domains, addresses, serial numbers, asset tags, WWNs, UUIDs, labels and names of
 * volumes are others of the same kind, the same one everywhere, so that the inventory has the same
 * shape. Makers' parts of MAC addresses and WWNs stay, as do networks; sums of md superblocks are
 * made anew, superblocks of Intel arrays (isw) that would change are left out. The head of the
 * script lists what stays as it was: mount points, labels of boot entries, OEM strings and others.
 *
 * /dev/NAME may be a regular file, an image of the disk: then it is probed as the disk would be.
 */
#ifndef P2V_INVENTORY_COLLECT_H
#define P2V_INVENTORY_COLLECT_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* Lists end here, with a warning: what is recorded must be readable (machine_json.h). */
#define COLLECT_LIST_MAX	4096

int collect_machine(const struct sysroot *root, const char *recorded_by, struct machine **ret,
		    struct err *err);

int collect_cpu(const struct sysroot *root, struct machine *m, struct err *err);
int collect_memory(const struct sysroot *root, struct machine *m, struct err *err);
int collect_firmware(const struct sysroot *root, struct machine *m, struct err *err);
int collect_dmi(const struct sysroot *root, struct machine *m, struct err *err);
/* disks, partitions, volumes */
int collect_block(const struct sysroot *root, struct machine *m, struct err *err);
int collect_net(const struct sysroot *root, struct machine *m, struct err *err);
/* os, clock, mounts; after collect_block, whose filesystems it refers to */
int collect_os(const struct sysroot *root, struct machine *m, struct err *err);
/* TPM, watchdogs */
int collect_devices(const struct sysroot *root, struct machine *m, struct err *err);
/* namespaces of persistent memory */
int collect_nvdimm(const struct sysroot *root, struct machine *m, struct err *err);
/* PCI and USB devices, and what a virtual machine will lack of them */
int collect_bus(const struct sysroot *root, struct machine *m, struct err *err);
/* what the disks say of their health; after collect_block */
int collect_smart(const struct sysroot *root, struct machine *m, struct err *err);
/* kernels, boot loader, services, software of the booted system; after collect_os */
int collect_software(const struct sysroot *root, struct machine *m, struct err *err);
/* programs on mounted EFI system partitions; after collect_os */
int collect_esp(const struct sysroot *root, struct machine *m, struct err *err);

/* Add a warning to the machine; ENOMEM is the only failure. */
int collect_warn(struct machine *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The warning that the list of those is full; once. */
int collect_full(struct machine *m, const char *what);
/* The time at which the root was, or is, looked at; seconds, 0 unknown. */
uint64_t collect_now(const struct sysroot *root);

#endif
