/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The boot configuration data (BCD) of Windows since Vista: a registry hive on the EFI system
 * partition (\EFI\Microsoft\Boot\BCD) or on the active partition (\Boot\BCD).
 *
 *	Objects\{GUID}\Description	Type: 0x10100002 boot manager, 0x10200003 loader, ...
 *	Objects\{GUID}\Elements\XXXXXXXX	Element: a value of a type that the first digits say
 *
 * Read only. Numbers of elements are those of Microsoft's documentation of BCD; how a device
 * element is laid out is said at bcd_device_parse().
 */
#ifndef P2V_POSTFIX_WINDOWS_BCD_H
#define P2V_POSTFIX_WINDOWS_BCD_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "postfix/windows/hive.h"

enum bcd_device_kind {
	BCD_DEVICE_NONE,		/* no such element */
	BCD_DEVICE_OTHER,		/* a RAM disk, a file, "locate", not sound */
	BCD_DEVICE_BOOT,		/* where the boot manager was loaded from */
	BCD_DEVICE_GPT,			/* guid */
	BCD_DEVICE_MBR,			/* signature, start */
};

struct bcd_device {
	enum bcd_device_kind kind;
	char guid[37];			/* of the partition, lower case */
	uint32_t signature;
	uint64_t start;			/* bytes */
};

struct bcd_loader {
	char *id;			/* "{...}" */
	char *description, *path;	/* "Windows 10", "\\Windows\\system32\\winload.efi" */
	struct bcd_device device, osdevice;
	bool is_default;
	bool ems, detect_hal, safe_mode;
	int64_t hypervisor;		/* hypervisorlaunchtype: 0 off, 1 auto; -1 not set */
};

struct bcd {
	struct bcd_device manager;	/* the boot manager's own device */
	bool boot_ems;
	struct bcd_loader *loaders;
	size_t n;
};

int bcd_read(struct hive *h, struct bcd *ret, struct err *err);
void bcd_done(struct bcd *b);
DEFINE_CLEANUP_VALUE(struct bcd, bcd_done)
/*
 * A device element: 16 bytes GUID of options, then a little-endian record of {type, flags, size,
 * 0}; of type 6 (a partition) 16 bytes partition (GPT: its GUID; MBR: its start in bytes), 4 bytes
 * kind of device, 4 bytes table (0 GPT, 1 MBR), 16 bytes disk (GPT: its GUID; MBR: its signature).
 */
void bcd_device_parse(const void *data, size_t len, struct bcd_device *ret);

#endif
