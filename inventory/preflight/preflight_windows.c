/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on Windows, and on what it leaves on disks. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>

static bool is_ntfs(const struct preflight_device *d)
{
	return d->copied && (preflight_is(d->fs->type, "ntfs") ||
			     preflight_is(d->fs->type, "ntfs3"));
}

static int hibernated(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_ntfs(d) && d->fs->hibernated && !d->fs->fast_startup &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s%s%s has a hiberfil.sys with a suspended system", d->name,
				  d->fs->label ? " " : "", d->fs->label ? d->fs->label : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int fast_startup(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_ntfs(d) && d->fs->fast_startup &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s%s%s was shut down by Fast Startup: its hiberfil.sys holds "
				  "the kernel's session", d->name, d->fs->label ? " " : "",
				  d->fs->label ? d->fs->label : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int dirty(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_ntfs(d) && d->fs->dirty && d->mountpoints->n == 0 &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s%s%s is marked as not cleanly unmounted", d->name,
				  d->fs->label ? " " : "", d->fs->label ? d->fs->label : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int bitlocker(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (d->copied && preflight_is(d->fs->type, "BitLocker") &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s is encrypted by BitLocker%s", d->name,
				  in->machine->tpm_present ?
				  ", and the machine has a TPM that may hold its key" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

/* GPT types of the database and the data of logical disks, and the MBR's one. */
static const char *const ldm_types[] = {
	"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "af9b60a0-1431-4f62-bc68-3311714a69ad", "0x42",
	NULL
};
static const char *const spaces_types[] = { "e75caf8f-f680-4cee-afa3-b001e56efc2d", NULL };

/* Disks with partitions of the types, which belong together: all of them, or it blocks. */
static int belong_together(PREFLIGHT_LOOK, const char *const *types, const char *what)
{
	CLEANUP(preflight_names_done) struct preflight_names here = { 0 }, others = { 0 };
	const struct machine_disk *last = NULL;

	preflight_each(in, d) {
		if (!d->partition || d->disk == last ||
		    !preflight_is_one_of(d->partition->type, types))
			continue;
		last = d->disk;
		preflight_names_add(d->copied ? &here : &others, last->name);
	}
	if (here.n == 0)
		return 0;
	return preflight_add(report, rule, others.n ? PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES,
			     "machine", "%s: %s%s%s", what, preflight_names_text(&here),
			     others.n ? "; not copied: " : "",
			     others.n ? preflight_names_text(&others) : "");
}

static int dynamic_disks(PREFLIGHT_LOOK)
{
	return belong_together(in, rule, report, ldm_types, "dynamic disks");
}

static int storage_spaces(PREFLIGHT_LOOK)
{
	return belong_together(in, rule, report, spaces_types, "disks of a storage pool");
}

static bool is_windows(const struct machine_os *os)
{
	return preflight_is(os->kind, "windows");
}

static bool has_windows(const struct preflight_input *in)
{
	const struct machine *m = in->machine;

	if (is_windows(&m->os))
		return true;
	for (size_t i = 0; i < m->nsystems; i++)
		if (is_windows(&m->systems[i]))
			return true;
	preflight_each(in, d)
		if (is_ntfs(d) || (d->copied && preflight_is(d->fs->type, "BitLocker")))
			return true;
	return false;
}

static int oem_licence(PREFLIGHT_LOOK)
{
	const struct machine_smbios *s = &in->machine->smbios;

	if ((!s->slic && !s->msdm) || !has_windows(in))
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "the firmware has an ACPI table %s%s%s, and there is a Windows",
			     s->slic ? "SLIC" : "", s->slic && s->msdm ? " and " : "",
			     s->msdm ? "MSDM" : "");
}

static const struct preflight_rule rules[] = {
	{ "ntfs-hibernated", PREFLIGHT_BLOCKS, "NTFS holds a hibernated Windows",
	  "The suspended system still has the filesystem open: what is on disk is not complete. "
	  "In the virtual machine it would wake up on other hardware and fail, and nothing can be "
	  "fixed in it before, for NTFS must not be written in that state.",
	  "Start Windows, and shut it down completely: shutdown /s /t 0. To keep it from "
	  "hibernating: powercfg /h off. If the hibernated session may be lost: --force "
	  "ntfs-hibernated.", hibernated },
	{ "ntfs-fast-startup", PREFLIGHT_BLOCKS, "Windows was shut down by Fast Startup",
	  "Fast Startup hibernates the kernel's session at every shutdown. The filesystem is "
	  "still open, like that of a hibernated system: it must not be written to, and Windows "
	  "would resume drivers of hardware that is gone.",
	  "Start Windows, and shut it down completely: shutdown /s /t 0, or switch Fast Startup "
	  "off in the power options. A restart is complete, too.", fast_startup },
	{ "ntfs-dirty", PREFLIGHT_DEGRADES, "NTFS was not cleanly unmounted",
	  "Windows checks the filesystem at the next start, in the virtual machine. Until then "
	  "tools refuse to write to it, and what is wrong in it is copied along.",
	  "Start Windows, let chkdsk run (chkdsk C: /f), and shut it down.", dirty },
	{ "bitlocker", PREFLIGHT_BLOCKS, "A volume is encrypted by BitLocker",
	  "Its key is sealed to this machine's TPM and start-up, which the virtual machine does "
	  "not have: it asks for the recovery key. Nothing in the volume can be fixed before it "
	  "starts, and free space in it is not known.",
	  "Suspend the protection before the conversion (manage-bde -protectors -disable C: "
	  "-RebootCount 0) or decrypt the volume, and keep the recovery key at hand. Then --force "
	  "bitlocker.", bitlocker },
	{ "dynamic-disks", PREFLIGHT_BLOCKS, "Windows dynamic disks",
	  "Volumes of dynamic disks (LDM) may lie on several disks, and each disk has a database "
	  "of all. With all of them copied Windows finds its volumes again; with one missing, it "
	  "does not. The server does not look into such volumes, so nothing in them is fixed, and "
	  "all of them is copied.",
	  "Copy all dynamic disks (--disk). If the system is on a simple volume, convert its disk "
	  "to a basic one first.", dynamic_disks },
	{ "storage-spaces", PREFLIGHT_BLOCKS, "Windows Storage Spaces",
	  "A storage pool is made of several disks, and its virtual disks are spread over them. "
	  "With all disks of the pool copied Windows finds it again; with one missing it may not. "
	  "Nothing in it is looked into, and all of it is copied.",
	  "Copy all disks of the pool (--disk).", storage_spaces },
	{ "windows-oem-licence", PREFLIGHT_DEGRADES,
	  "Windows may be licensed to this machine's firmware",
	  "OEM licences are tied to a key in the firmware's ACPI tables (SLIC, MSDM). The virtual "
	  "machine's firmware has none, and the licence does not cover it: Windows asks for "
	  "activation.",
	  "Have a volume or retail licence ready, and ask who sold the OEM one what it allows.",
	  oem_licence },
};

const struct preflight_theme preflight_windows = { "Windows", rules, ARRAY_SIZE(rules) };
