/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of fixes for Windows. */
#include "common/compiler.h"
#include "postfix/windows/windows_commit.h"
#include "postfix/windows/windows_drivers.h"
#include "postfix/windows/windows_rows.h"

/* In the order in which they run. */
static const struct fix_row rows[] = {
	{ "windows-drivers", "Windows has drivers for virtual hardware", "Windows",
	  "restore the replica; or remove the services and the folder p2v of the Windows folder",
	  FIX_BOOT, false, windows_drivers_detect, NULL },
	{ "windows-storage", "Windows starts from SATA and IDE, too", "Windows",
	  "set Start of the services to what the report shows", FIX_BOOT, false,
	  windows_storage_detect, NULL },
	{ "windows-services", "Services and filters for the old hardware are off", "Windows",
	  "set Start of the services, and the filters of the classes, to what the report shows",
	  FIX_BOOT, false, windows_services_detect, NULL },
	{ "windows-boot", "Disks come up, and nothing waits for one that is gone", "Windows",
	  "set the values to what the report shows", FIX_COMFORT, false, windows_boot_detect, NULL },
	{ "windows-esp", "The firmware finds Windows without a stored entry", "Windows Vista and newer",
	  "put EFI/BOOT/BOOT*.EFI.p2v back in its place on the EFI system partition", FIX_BOOT,
	  false, windows_esp_detect, NULL },
	{ "windows-network", "Network cards keep their names and addresses", "Windows",
	  "remove network.txt from the folder p2v of the Windows folder before the first start",
	  FIX_NETWORK, false, windows_network_detect, NULL },
	/* Starts what the rows before have put there. */
	{ "windows-firstboot", "Windows finishes the conversion at its first start", "Windows",
	  "set SetupType and CmdLine of SYSTEM\\Setup to those of SYSTEM\\Setup\\p2v",
	  FIX_NETWORK, false, windows_firstboot_detect, NULL },
};

static const struct fix_row last = {
	"windows-commit", "What was prepared is written", "Windows", "restore the replica",
	FIX_BOOT, false, windows_commit_detect, windows_commit_apply,
};

static void end(struct fixer *f)
{
	windows_free(f->windows);
	f->windows = NULL;
}

const struct fix_table windows_fixes = {
	.type = "windows",
	.rows = rows,
	.n = ARRAY_SIZE(rows),
	.begin = windows_begin,
	.caps = windows_guestcaps,
	.last = &last,
	.end = end,
};
