/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which disk a drive letter of Windows is on. SYSTEM\MountedDevices has, for \DosDevices\D:,
 *
 *	12 bytes	 the MBR's signature and the byte where the partition begins
 *	"DMIO:ID:" + 16	 the GUID of a GPT partition
 *	anything else	 a text that names a device: CD-ROM drives, USB sticks
 *
 * The machine knows signatures and GUIDs of its disks, and which of them were copied is known.
 * Nothing here changes the registry: letters stay, as signatures and GUIDs are copied along.
 */
#ifndef P2V_POSTFIX_WINDOWS_WINDRIVE_H
#define P2V_POSTFIX_WINDOWS_WINDRIVE_H

#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/devmap.h"
#include "postfix/windows/hive.h"

enum windrive_answer {
	WINDRIVE_UNKNOWN,		/* no such letter, or a disk that the machine does not know */
	WINDRIVE_COPIED,
	WINDRIVE_MISSING,		/* on a disk of the machine that was not copied */
};

/*
 * *ret_disk (may be NULL) is the machine's name of the disk, borrowed; NULL when unknown. map knows
 * the machine, and of which of its disks there are images.
 */
enum windrive_answer windrive_find(struct hive *system, char letter, const struct devmap *map,
				   const char **ret_disk);
/*
 * The same for a partition: of GPT by its GUID as text, of MBR (guid NULL) by its disk's signature
 * and its start in bytes.
 */
enum windrive_answer windrive_partition(const struct devmap *map, const char *guid,
					uint32_t signature, uint64_t start,
					const char **ret_disk);
/* 16 bytes as they are on disk and in the registry, as lower case text. */
void windrive_guid(const uint8_t *bytes, char ret[static 37]);

#endif
