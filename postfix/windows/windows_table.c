/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of fixes for Windows. */
#include "common/compiler.h"
#include "postfix/windows/windows_commit.h"
#include "postfix/windows/windows_drivers.h"

/* In the order in which they run. */
static const struct fix_row rows[] = {
	{ "windows-drivers", "Windows has drivers for virtual hardware", "Windows",
	  "restore the replica; or remove the services and the folder p2v of the Windows folder",
	  FIX_BOOT, false, windows_drivers_detect, NULL },
	{ "windows-storage", "Windows starts from SATA and IDE, too", "Windows",
	  "set Start of the services to what the report shows", FIX_BOOT, false,
	  windows_storage_detect, NULL },
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
