/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on disks as such: which are copied, who uses them, their health, sectors and tables. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>
#include "common/size.h"

/* Whole disks that are copied; d is one of the index. */
static bool is_copied_disk(const struct preflight_device *d)
{
	return d->disk && !d->partition && d->copied;
}

static int in_use(PREFLIGHT_LOOK)
{
	for (size_t i = 0; i < in->ndisks && !in->hot; i++) {
		const struct preflight_disk *d = &in->disks[i];

		if (d->in_use_by && preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
						  "%s is in use: %s", d->name, d->in_use_by) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int raw_writer(PREFLIGHT_LOOK)
{
	/* Firmware and boot loaders keep these as they are. */
	static const char *const quiet[] = {
		"21686148-6449-6e6f-744e-656564454649", /* BIOS boot */
		"9e1a2d38-c612-4316-aa26-8b49521e5a8b", /* PReP boot */
		"e3c9e316-0b5c-4db8-817d-f92df00215ae", /* Microsoft reserved */
		"0x41", NULL
	};

	const struct machine_os *os = &in->machine->os;

	if (!in->hot)
		return 0;
	for (size_t i = 0; i < os->nsoftware; i++)
		if (preflight_is(os->software[i].kind, "storage-raw") &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine", "%s (%s)",
				  os->software[i].name ? os->software[i].name : "raw storage",
				  os->software[i].evidence ? os->software[i].evidence :
				  "found on the system") < 0)
			return -ENOMEM;
	preflight_each(in, d) {
		const struct machine_partition *p = d->partition;
		char size[SIZE_TEXT_MAX];

		/* What has a table or holds a volume belongs to that. */
		if (!d->copied || d->fs->type || d->mountpoints->n || d->size <= MIB ||
		    (d->disk && !p && (d->disk->table || d->disk->npartitions)) ||
		    (p && (p->extended || preflight_is_one_of(p->type, quiet))) ||
		    (d->volume && !preflight_is(d->volume->kind, "lvm")))
			continue;
		if (preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s (%s) has contents of no known kind and is not mounted",
				  d->name, size_format(d->size, size)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int unknown_disk(PREFLIGHT_LOOK)
{
	for (size_t i = 0; i < in->ndisks; i++) {
		const char *name = in->disks[i].name;
		bool found = false;

		preflight_each(in, d) {
			char made[TEXT_NAME_MAX + 1];

			text_name_make(d->name, made);
			found = found || (!d->partition && (strcmp(d->name, name) == 0 ||
							    strcmp(made, name) == 0));
		}
		if (!found && preflight_add(report, rule, PREFLIGHT_NOTE, name,
					    "the inventory has %zu disk%s, and no %s among them",
					    in->machine->ndisks,
					    preflight_s(in->machine->ndisks), name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int other_size(PREFLIGHT_LOOK)
{
	for (size_t i = 0; i < in->ndisks; i++) {
		const struct preflight_disk *d = &in->disks[i];
		const struct preflight_device *m = preflight_index_find(in->index, d->name);

		if (m && m->size && d->size && m->size != d->size &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "what is read as %s has %" PRIu64 " bytes, the inventory's has %"
				  PRIu64, d->name, d->size, m->size) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int failing(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_smart *s = d->disk ? &d->disk->smart : NULL;

		if (is_copied_disk(d) && preflight_is(s->status, "failed") &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s says of itself that it is failing%s%s", d->name,
				  s->detail ? ": " : "", s->detail ? s->detail : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int bad_sectors(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_smart *s = d->disk ? &d->disk->smart : NULL;

		if (is_copied_disk(d) && (s->pending || s->uncorrectable) &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s has %" PRIu64 " sectors that it could not read and %" PRIu64
				  " uncorrectable errors", d->name, s->pending,
				  s->uncorrectable) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int worn(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_smart *s = d->disk ? &d->disk->smart : NULL;

		if (is_copied_disk(d) && (s->percentage_used >= 100 || s->reallocated) &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "%s has used %" PRIu32 " %% of its endurance and replaced %"
				  PRIu64 " sectors", d->name, s->percentage_used,
				  s->reallocated) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int removable(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		bool usb = d->disk && preflight_is(d->disk->transport, "usb");

		if (is_copied_disk(d) && (usb || d->disk->removable) &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "%s is %s and would be copied with the others", d->name,
				  usb ? "a USB disk" : "removable") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int left_out(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };

		if (d->copied || d->system || d->mountpoints->n == 0 ||
		    (d->disk && d->disk->removable))
			continue;
		/* Compressed memory, a file as a disk: where they are is not known here. */
		if (d->volume && d->volume->slaves.n == 0)
			continue;
		for (size_t i = 0; i < d->mountpoints->n; i++)
			preflight_names_add(&names, d->mountpoints->v[i]);
		if (preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s is mounted (%s) and on no disk that is copied", d->name,
				  preflight_names_text(&names)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int not_copied(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		char size[SIZE_TEXT_MAX];

		if (d->disk && !d->partition && !d->copied && d->size &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name, "%s (%s%s) is not copied",
				  d->name, size_format(d->size, size),
				  d->disk->removable ? ", removable" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int native_4k(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_copied_disk(d) && d->disk->logical_sector > 512 &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "%s has sectors of %" PRIu32 " bytes", d->name,
				  d->disk->logical_sector) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int misaligned(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_partition *p = d->partition;

		if (p && d->copied && !p->extended && d->disk->physical_sector >= 4096 &&
		    d->disk->logical_sector == 512 && p->start % 4096 &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "%s begins at byte %" PRIu64 ", within a sector of %" PRIu32
				  " bytes", d->name, p->start, d->disk->physical_sector) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int zoned(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const char *zones = d->disk ? d->disk->zoned : NULL;
		bool managed = preflight_is(zones, "host-managed");

		if (is_copied_disk(d) && zones && !preflight_is(zones, "none") &&
		    preflight_add(report, rule, managed ? PREFLIGHT_BLOCKS : PREFLIGHT_NOTE,
				  d->name, "%s is a zoned disk (%s)", d->name, zones) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int has_dax_mount(const struct machine *m, const struct preflight_device *d)
{
	for (size_t i = 0; i < m->nmounts; i++) {
		const char *o = m->mounts[i].options, *at = o ? strstr(o, "dax") : NULL;

		if (at && (at == o || at[-1] == ',') && preflight_is(m->mounts[i].source, d->path))
			return 1;
	}
	return 0;
}

static int dax(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		bool mounted;

		if (!d->disk || !d->copied || !d->disk->dax)
			continue;
		mounted = has_dax_mount(in->machine, d);
		if (d->partition && !mounted)
			continue;
		if (preflight_add(report, rule, mounted ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
				  d->name, "%s is persistent memory%s", d->name,
				  mounted ? ", and mounted with the option dax" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int devdax(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;
	char size[SIZE_TEXT_MAX];

	for (size_t i = 0; i < m->nnvdimms; i++) {
		const struct machine_nvdimm *n = &m->nvdimms[i];

		if (preflight_is(n->mode, "devdax") &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, n->name,
				  "%s (%s, /dev/%s) is no disk and is not copied", n->name,
				  size_format(n->size, size), n->device ? n->device : "dax*") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int no_table(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_copied_disk(d) && !d->disk->table && d->disk->npartitions == 0 &&
		    !d->fs->type && d->mountpoints->n == 0 &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "%s has neither a partition table nor a filesystem that is known",
				  d->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int hybrid_mbr(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (is_copied_disk(d) && d->disk->hybrid_mbr &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, d->name,
				  "the MBR of %s has partitions of its own beside the GPT's",
				  d->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What ext4 with blocks of 4 KiB takes as a file, and what a disk of a job may be. */
#define FILE_LIMIT	(16 * TIB)
#define DISK_LIMIT	(UINT64_C(1) << 56)

static int too_big(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		char size[SIZE_TEXT_MAX];

		if (is_copied_disk(d) && d->size >= FILE_LIMIT &&
		    preflight_add(report, rule,
				  d->size > DISK_LIMIT ? PREFLIGHT_BLOCKS : PREFLIGHT_NOTE, d->name,
				  "%s has %s", d->name, size_format(d->size, size)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct preflight_rule rules[] = {
	{ "disk-in-use", PREFLIGHT_BLOCKS, "A disk is written to while it is copied",
	  "The copy would be made of blocks of different moments: its filesystems may be damaged, "
	  "and files in it may be half old and half new. Nothing about free space can be proved "
	  "either, so that all of the disk is copied.",
	  "Boot the machine from the bootable medium, or unmount what is on the disk and switch "
	  "off its swap. With --force disk-in-use it is copied all the same, and the job is "
	  "marked as inconsistent.", in_use },
	{ "raw-device-writer", PREFLIGHT_DEGRADES,
	  "A device without a filesystem may be written to by a program",
	  "Databases and storage software write to raw devices past every filesystem. Freezing "
	  "the filesystems at the end of a hot copy does not stop them, so what is copied of such "
	  "a device is what it held at some moment, as after a power cut.",
	  "Find out who uses it (lsof, fuser, the database's own tools). Stop that program before "
	  "the last pass, or copy the machine cold.", raw_writer },
	{ "disk-unknown", PREFLIGHT_NOTE, "A disk that is copied is not in the inventory",
	  "Its contents are copied like any other, but its serial number, its device names and "
	  "what is on it are not known: they cannot be carried over, and no other rule can look "
	  "at it.",
	  "Say which disk of the machine it is: --disk PATH,name=NAME. When it is another "
	  "machine's, give that machine's inventory: --machine FILE.", unknown_disk },
	{ "disk-size-differs", PREFLIGHT_DEGRADES,
	  "What is copied has another size than the disk of the inventory",
	  "Either it is not that disk, or the inventory was made before the disk was replaced or "
	  "enlarged. Serial numbers, names and layout of the inventory may belong to something "
	  "else.",
	  "Check the name in --disk PATH,name=NAME, or make the inventory anew with p2v-agent "
	  "inventory --json.", other_size },
	{ "disk-failing", PREFLIGHT_BLOCKS, "A disk reports that it is failing",
	  "Its own health check (SMART) has failed. Reading all of it may be what it does not "
	  "survive, and a copy that stops half-way at an unreadable sector costs the time that is "
	  "left.",
	  "Make a backup of the most important data first. Then copy with --bad-sectors zero "
	  "--force disk-failing, which goes on past unreadable sectors and reports them.",
	  failing },
	{ "disk-bad-sectors", PREFLIGHT_DEGRADES, "A disk has sectors that cannot be read",
	  "The disk has met sectors whose contents are lost, or has returned errors. The copy "
	  "stops at the first of them that lies in a used area.",
	  "Copy with --bad-sectors zero: such sectors become zeroes, and the report lists them. "
	  "Restore the files that they belong to from a backup.", bad_sectors },
	{ "disk-worn", PREFLIGHT_NOTE, "A disk is worn",
	  "It has replaced sectors, or written more than its maker has promised. It still works; "
	  "nothing of that is carried over to the virtual disk.",
	  "Do not put off the conversion.", worn },
	{ "disk-removable", PREFLIGHT_NOTE, "A removable or USB disk is copied",
	  "Backup disks and sticks are often left plugged in. The virtual machine gets a disk for "
	  "it, with all of its contents.",
	  "If it does not belong to the machine, unplug it, or name the disks to copy with --disk.",
	  removable },
	{ "mount-left-out", PREFLIGHT_DEGRADES, "A filesystem or swap in use is not copied",
	  "The virtual machine would look for it and not find it: a system with systemd stops in "
	  "emergency mode when a filesystem of /etc/fstab is missing.",
	  "Copy its disk as well (--disk), or take the line out of /etc/fstab, or give it the "
	  "option nofail.", left_out },
	{ "disk-left-out", PREFLIGHT_NOTE, "A disk of the machine is not copied",
	  "The virtual machine will be without it.",
	  "If it is wanted, name it with --disk; without --disk every fixed disk is copied.",
	  not_copied },
	{ "disk-4kn", PREFLIGHT_NOTE, "A disk has sectors of 4096 bytes",
	  "Its partition table counts in such sectors, so the virtual disk must have them, too. "
	  "Only virtio disks can; and a BIOS cannot start from one.",
	  "Nothing, when the system has virtio drivers and starts by UEFI or from another disk.",
	  native_4k },
	{ "disk-misaligned", PREFLIGHT_NOTE, "A partition begins within a physical sector",
	  "Every small write costs a read and a write, on the physical disk as on most storage "
	  "for virtual machines. It works, slowly.",
	  "Move the partition some time, for instance with virt-resize to a new image.",
	  misaligned },
	{ "disk-zoned", PREFLIGHT_BLOCKS, "A disk is zoned",
	  "A host-managed zoned disk (SMR, ZNS) can only be written from the start of a zone "
	  "onwards, and filesystems on it know that. The virtual disk is an ordinary one: a "
	  "filesystem that insists on zones (f2fs, dm-zoned, zonefs) cannot be used on it. A "
	  "host-aware disk can be used like any other.",
	  "Copy its files to an ordinary filesystem in the virtual machine instead, and leave the "
	  "disk out with --disk. If its filesystem does without zones: --force disk-zoned.",
	  zoned },
	{ "disk-pmem", PREFLIGHT_DEGRADES, "A disk is persistent memory",
	  "Programs reach it past the block layer (DAX). The virtual disk is an ordinary one; a "
	  "filesystem that is mounted with the option dax cannot be mounted from it.",
	  "Take the option dax out of /etc/fstab before the conversion, or give the virtual "
	  "machine a virtual NVDIMM.", dax },
	{ "nvdimm-devdax", PREFLIGHT_DEGRADES, "Persistent memory that is no disk",
	  "A namespace in the mode devdax is mapped by programs (databases, caches, memory that "
	  "is hot-plugged) and is no block device. What is in it is not copied, and the virtual "
	  "machine has none.",
	  "Save what is in it by the program that uses it, and switch that use off, or give the "
	  "virtual machine a virtual NVDIMM.", devdax },
	{ "disk-contents-unknown", PREFLIGHT_NOTE, "A disk has contents of no known kind",
	  "It may be empty, or encrypted, or used by a program as a raw device. All of it is "
	  "copied, apart from blocks of zeroes.",
	  "If it is not wanted, name the disks to copy with --disk.", no_table },
	{ "disk-hybrid-mbr", PREFLIGHT_NOTE, "A GPT disk has a hybrid MBR",
	  "Two tables describe the same disk, for two kinds of firmware. Both are copied. If they "
	  "contradict each other, tools in the virtual machine may show one or the other.",
	  "Nothing, while nobody changes the partitions.", hybrid_mbr },
	{ "disk-big", PREFLIGHT_BLOCKS, "A disk is larger than many places can store",
	  "Its image is a single file, which may become as large as the disk. ext4 takes files of "
	  "16 TiB at most; XFS, ZFS and most network storage take more. A disk of more than 64 "
	  "PiB cannot be sent at all.",
	  "Put the server's store on XFS, or enlarge only what is needed: see how much is used "
	  "with p2v-agent map.", too_big },
};

const struct preflight_theme preflight_disks = { "Disks", rules, ARRAY_SIZE(rules) };
