/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The systems that are installed on a machine's disks while another one runs: the bootable medium,
 * or one of several that are installed side by side.
 *
 *	systems_collect() -> for each filesystem that is not in use:
 *		child: own mount namespace -> read-only loop device -> mount -> os_look_all()
 *		     <- JSON of a machine: systems and warnings
 *	     -> which boots first -> on a medium, that one becomes m->os
 *
 * Nothing is written, and no journal is replayed. Asking for "ro" is not enough for that: a kernel
 * cleans up ext4's orphans on a read-only mount if the device can be written. So each device is
 * first put behind a loop device that is read-only, and the options that leave the journal alone
 * (noload, norecovery, nologreplay) come on top. A loop device needs Linux 5.8 (LOOP_CONFIGURE),
 * which the medium has.
 *
 * What is in the journal only is not seen: a system that lost power is seen as it was before.
 *
 * Each filesystem has its own child, which makes its mounts in a mount namespace of its own: the
 * caller's mount table never changes, a killed agent leaves nothing (the child dies with its
 * parent, the namespace with the child, the loop device with its last user), and one that does not
 * answer costs SYSTEMS_TIME_LIMIT seconds and a warning.
 *
 * Looked at: ext2/3/4, xfs, btrfs (the top, each subvolume in it, and the default one), and NTFS
 * for the presence of Windows if the kernel has a driver. Others, what is in use (mounted by the
 * running system, a part of something larger, a suspended mapping), and a second filesystem with
 * the same UUID (another path to the first, mostly) are passed over. /usr, /var, /boot and the ESP
 * are mounted below as the system's fstab says, if they are on this machine.
 */
#ifndef P2V_INVENTORY_SYSTEMS_H
#define P2V_INVENTORY_SYSTEMS_H

#include <stdbool.h>
#include "common/err.h"
#include "common/sysroot.h"
#include "inventory/machine.h"

#define SYSTEMS_TIME_LIMIT	30	/* seconds, for each filesystem */

/*
 * Fills m->systems, the booted one (when it is none of a medium) in front, marks the one that boots
 * first, and on a medium makes it m->os and its name m->hostname. After collect_machine(). Of a
 * recorded machine, and without root, nothing is looked at; a warning says the latter. What cannot
 * be looked into is a warning, too. -ENOMEM.
 */
int systems_collect(const struct sysroot *root, struct machine *m, struct err *err);

/*
 * The same of a raw image of a disk: m, which machine_new() made, gets the disk ("disk0") with what
 * is on it, and the systems; none of them runs. -EPERM without root; errors of opening the image.
 */
int systems_collect_image(const char *path, struct machine *m, struct err *err);

/*
 * What runs is a live medium: its root is on overlay, squashfs, a filesystem of memory or a CD, or
 * its command line says p2v.medium. Then the disks that it is on are never looked at: those with
 * "/" or one of the places of live systems (/run/live, /run/archiso, ...) or an ISO mounted.
 */
bool systems_on_medium(const struct machine *m);

/*
 * Sets boots_first of at most one of m->systems. Pure.
 *
 * The booted system, if it is among them. Else, of a UEFI machine, BootCurrent and then BootOrder:
 * an active entry's partition is an ESP; of the systems whose fstab mounts it, the one whose id is
 * the loader's folder (\EFI\debian), or the only one, or - a guess - the first; of none, one that
 * is called as the folder. Else, BIOS: the first disk's active partition holds / or /boot, or - a
 * guess - the first system with / or /boot on the first disk that has one: the BIOS' own order of
 * disks is not known. A single system is always the one.
 */
void systems_mark_first(struct machine *m);

/* The disk that a device ("/dev/sda2", a volume's path) is on; the first of several. NULL. */
const struct machine_disk *systems_disk_of(const struct machine *m, const char *path);

#endif
