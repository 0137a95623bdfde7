/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attach the images, find the system in them, mount its filesystems as its own fstab says. */
#include "postfix/guest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/guest_identity.h"
#include "postfix/guest_luks.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/lines.h"

#define SCRATCH_BYTES	(4 * GIB)

static int add_drives(struct guest *guest, const struct fix_options *opt, struct err *err)
{
	for (size_t i = 0; i < opt->nimages; i++) {
		const struct fix_image *im = &opt->images[i];
		int sector = im->logical_sector == 4096 ? 4096 : 512;

		if (guestfs_add_drive_opts(guest->g, im->path, GUESTFS_ADD_DRIVE_OPTS_READONLY,
					   opt->dry_run, GUESTFS_ADD_DRIVE_OPTS_FORMAT, im->format,
					   GUESTFS_ADD_DRIVE_OPTS_BLOCKSIZE, sector, -1) < 0)
			return guest_fail(guest, err, "cannot attach %s", im->path);
	}
	if (guestfs_add_drive_scratch(guest->g, (int64_t)SCRATCH_BYTES, -1) < 0)
		return guest_fail(guest, err, "cannot attach a scratch disk");
	return 0;
}

static const char *table_get(char *const *table, const char *key)
{
	for (size_t i = 0; table && table[i] && table[i + 1]; i += 2)
		if (strcmp(table[i], key) == 0)
			return table[i + 1];
	return NULL;
}

static int add_part(struct guest *guest, const char *device, const char *disk, unsigned int number)
{
	CLEANUP(guest_strings_free) char **tags = guestfs_blkid(guest->g, device);
	struct devmap_part p = {
		.disk = (char *)(uintptr_t)disk,
		.number = number,
		.device = (char *)(uintptr_t)device,
		.type = (char *)(uintptr_t)table_get(tags, "TYPE"),
		.uuid = (char *)(uintptr_t)table_get(tags, "UUID"),
		.label = (char *)(uintptr_t)table_get(tags, "LABEL"),
		.partuuid = (char *)(uintptr_t)table_get(tags, "PART_ENTRY_UUID"),
	};

	return devmap_add(&guest->map, &p);
}

/* What is on the images: every disk, partition, logical volume and array. */
static int collect_parts(struct guest *guest, const struct fix_options *opt, struct err *err)
{
	CLEANUP(guest_strings_free) char **devices = guestfs_list_devices(guest->g);
	CLEANUP(guest_strings_free) char **parts = guestfs_list_partitions(guest->g);
	CLEANUP(guest_strings_free) char **lvs = guestfs_lvs(guest->g);
	CLEANUP(guest_strings_free) char **mds = guestfs_list_md_devices(guest->g);
	/* What was opened: LUKS (LVM's are not among them). */
	CLEANUP(guest_strings_free) char **dms = guestfs_list_dm_devices(guest->g);
	size_t n = 0;

	if (!devices || !parts)
		return guest_fail(guest, err, "cannot list the appliance's disks");
	for (size_t i = 0; devices[i]; i++, n++) {
		if (i < opt->nimages && add_part(guest, devices[i], opt->images[i].name, 0) < 0)
			return err_nomem(err);
	}
	if (n != opt->nimages + 1)
		return err_set(err, EIO, "the appliance has %zu disks, not %zu", n,
			       opt->nimages + 1);
	guest->scratch = strdup(devices[n - 1]);
	if (!guest->scratch)
		return err_nomem(err);
	for (size_t i = 0; parts[i]; i++) {
		CLEANUP(mem_free) char *dev = guestfs_part_to_dev(guest->g, parts[i]);
		int number = guestfs_part_to_partnum(guest->g, parts[i]);
		int index = dev ? guestfs_device_index(guest->g, dev) : -1;

		if (number < 0 || index < 0 || (size_t)index >= opt->nimages)
			continue;
		if (add_part(guest, parts[i], opt->images[index].name, (unsigned int)number) < 0)
			return err_nomem(err);
	}
	for (size_t i = 0; lvs && lvs[i]; i++)
		if (add_part(guest, lvs[i], NULL, 0) < 0)
			return err_nomem(err);
	for (size_t i = 0; mds && mds[i]; i++)
		if (add_part(guest, mds[i], NULL, 0) < 0)
			return err_nomem(err);
	for (size_t i = 0; dms && dms[i]; i++)
		if (add_part(guest, dms[i], NULL, 0) < 0)
			return err_nomem(err);
	return 0;
}

/* With what is within encrypted devices, which may hold volumes that are encrypted again. */
static int collect_all(struct guest *guest, const struct fix_options *opt,
		       struct machine_strv *warnings, struct err *err)
{
	int r = collect_parts(guest, opt, err);

	while (r >= 0 && (r = guest_luks_open(guest, opt, err)) > 0) {
		devmap_done(&guest->map);
		guest->map.machine = opt->machine;
		free(guest->scratch);
		guest->scratch = NULL;
		r = collect_parts(guest, opt, err);
	}
	return r < 0 ? r : guest_luks_check(guest, opt, warnings, err);
}

static int warn(struct machine_strv *warnings, const char *fmt, const char *arg)
{
	CLEANUP(mem_free) char *s = NULL;
	char safe[256];

	text_escape_str(arg, safe, sizeof(safe));
	if (asprintf(&s, "%s: %s", fmt, safe) < 0)
		return -ENOMEM;
	return machine_strv_add(warnings, s);
}

/* The system that ran when the machine was recorded: its root filesystem is known by its UUID. */
static int choose_root(struct guest *guest, struct machine_strv *warnings, struct err *err)
{
	CLEANUP(guest_strings_free) char **roots = guestfs_inspect_os(guest->g);
	const char *want = guest->machine ? guest->machine->os.root_uuid : NULL;
	size_t n = 0, pick = 0;
	bool sure = false;

	if (!roots)
		return guest_fail(guest, err, "cannot inspect the images");
	for (; roots[n]; n++) {
		CLEANUP(mem_free) char *uuid = guestfs_vfs_uuid(guest->g, roots[n]);

		if (!sure && want && uuid && strcasecmp(uuid, want) == 0) {
			pick = n;
			sure = true;
		}
	}
	if (!n) {
		err_set(err, ENOENT, "no operating system found in the images");
		for (size_t i = 0; i < guest->map.nparts; i++) {
			const struct devmap_part *p = &guest->map.parts[i];
			char buf[80];
			const char *name = guest_luks_name(guest, p, buf, sizeof(buf));

			if (p->type && strcmp(p->type, "crypto_LUKS") == 0)
				err_hint(err, "%s is encrypted: give its key with --key %s=FILE",
					 name, name);
		}
		return -ENOENT;
	}
	if (!sure && n > 1 &&
	    warn(warnings, "more than one system found, and none is the one recorded: took",
		 roots[0]) < 0)
		return err_nomem(err);
	guest->root = strdup(roots[pick]);
	return guest->root ? 0 : err_nomem(err);
}

static char *or_empty(char *s)
{
	return s ? s : strdup("");
}

static int inspect(struct guest *guest, struct err *err)
{
	guestfs_h *g = guest->g;

	guest->type = or_empty(guestfs_inspect_get_type(g, guest->root));
	guest->distro = or_empty(guestfs_inspect_get_distro(g, guest->root));
	guest->arch = or_empty(guestfs_inspect_get_arch(g, guest->root));
	guest->osinfo = or_empty(guestfs_inspect_get_osinfo(g, guest->root));
	guest->os_name = or_empty(guestfs_inspect_get_product_name(g, guest->root));
	guest->major = guestfs_inspect_get_major_version(g, guest->root);
	guest->minor = guestfs_inspect_get_minor_version(g, guest->root);
	if (!guest->type || !guest->distro || !guest->arch || !guest->osinfo || !guest->os_name)
		return err_nomem(err);
	return 0;
}

/* The appliance's device for what fstab says; NULL when it is not there. */
static const char *find_device(const struct guest *guest, const char *spec)
{
	static const char *const tags[] = { "UUID=", "PARTUUID=", "LABEL=", "/dev/disk/by-uuid/",
					    "/dev/disk/by-partuuid/", "/dev/disk/by-label/" };
	const struct devmap_part *p;

	for (size_t t = 0; t < ARRAY_SIZE(tags); t++) {
		const char *id = spec + strlen(tags[t]);

		if (strncmp(spec, tags[t], strlen(tags[t])) != 0)
			continue;
		for (size_t i = 0; i < guest->map.nparts; i++) {
			const char *have[] = { guest->map.parts[i].uuid,
					       guest->map.parts[i].partuuid,
					       guest->map.parts[i].label };

			if (have[t % 3] && strcasecmp(have[t % 3], id) == 0)
				return guest->map.parts[i].device;
		}
		return NULL;
	}
	p = devmap_find(&guest->map, spec);
	if (!p)
		p = devmap_find_volume(&guest->map, spec);
	if (p)
		return p->device;
	return strncmp(spec, "/dev/", 5) == 0 && !devmap_is_old_name(spec) ? spec : NULL;
}

/* What a fix may need to look into; user data stays unmounted. Parents come before children. */
static const char *const wanted_mounts[] = {
	"/usr", "/etc", "/var", "/boot", "/efi", "/boot/efi", "/var/lib", "/var/cache", "/var/tmp",
};

static int mount_one(struct guest *guest, const struct fstab_entry *e,
		     struct machine_strv *warnings)
{
	const char *device = find_device(guest, e->spec);
	bool btrfs = strcmp(e->type, "btrfs") == 0;
	char options[128] = "rw";
	const char *subvol;

	if (!device)
		return warn(warnings, "not mounted, its device is not in the images", e->dir);
	if (!guest_is_dir(guest, e->dir))
		return warn(warnings, "not mounted, no such folder", e->dir);
	subvol = btrfs ? strstr(e->options, "subvol") : NULL;
	if (subvol) {
		size_t n = strcspn(subvol, ",");

		snprintf(options, sizeof(options), "rw,%.*s", (int)MIN(n, (size_t)100), subvol);
	}
	if (guestfs_mount_options(guest->g, options, device, e->dir) < 0)
		return warn(warnings, "cannot mount", guestfs_last_error(guest->g));
	return 0;
}

/*
 * New files on NTFS get the access rights of their folder, as Windows would do it; without these
 * options every user of the guest could write to them. A filesystem in doubt (hibernated, dirty)
 * is mounted read-only without a word: it is found out by writing.
 */
static int mount_windows(struct guest *guest, struct err *err)
{
	static const char probe[] = "/p2v-probe.tmp";
	CLEANUP(mem_free) char *type = guestfs_vfs_type(guest->g, guest->root);
	bool ntfs = type && strcmp(type, "ntfs") == 0;

	if (guestfs_mount_options(guest->g, ntfs ? "rw,permissions,inherit" : "rw", guest->root,
				  "/") < 0)
		return guest_fail(guest, err, "cannot mount the root filesystem %s", guest->root);
	if (guestfs_touch(guest->g, probe) < 0 || guestfs_rm(guest->g, probe) < 0) {
		guest_fail(guest, err, "%s cannot be written to: Windows is hibernated (Fast "
				       "Startup does it, too), or was not shut down",
			   guest->root);
		err_hint(err, "start Windows once, shut it down completely (shutdown /s /t 0), "
			      "and copy the disk again");
		return -EROFS;
	}
	return 0;
}

static int mount_root(struct guest *guest, struct err *err)
{
	if (strcmp(guest->type, "windows") == 0)
		return mount_windows(guest, err);
	if (guestfs_mount_options(guest->g, "rw", guest->root, "/") < 0)
		return guest_fail(guest, err, "cannot mount the root filesystem %s", guest->root);
	return 0;
}

static int find_system(struct guest *guest, struct machine_strv *warnings, struct err *err)
{
	int r = guest_identify(guest, err);

	if (r != 0)
		return r;
	r = choose_root(guest, warnings, err);
	if (r >= 0)
		r = inspect(guest, err);
	return r < 0 ? r : mount_root(guest, err);
}

static int mount_others(struct guest *guest, struct machine_strv *warnings, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct fstab_entry *list = NULL;
	size_t n = 0;
	int r = 0;

	if (strcmp(guest->type, "linux") != 0 ||
	    guest_read(guest, "/etc/fstab", GUEST_TEXT_MAX, &text, NULL, NULL) < 0)
		return 0;
	if (fstab_parse(text, &list, &n) < 0)
		return err_nomem(err);
	for (size_t w = 0; w < ARRAY_SIZE(wanted_mounts) && r >= 0; w++)
		for (size_t i = 0; i < n; i++) {
			if (strcmp(list[i].dir, wanted_mounts[w]) != 0)
				continue;
			if (!fstab_has_option(list[i].options, "bind") &&
			    strcmp(list[i].type, "tmpfs") != 0)
				r = mount_one(guest, &list[i], warnings);
			break;
		}
	fstab_entries_free(list, n);
	return r < 0 ? err_nomem(err) : 0;
}

/* PRETTY_NAME says it better than the inspection does. */
static void better_name(struct guest *guest)
{
	CLEANUP(mem_free) char *text = NULL;
	const char *pos;
	struct line l;

	if (guest_read(guest, "/etc/os-release", GUEST_TEXT_MAX, &text, NULL, NULL) < 0)
		return;
	for (pos = text; lines_next(&pos, &l);) {
		struct span key, value;
		char safe[128];
		char *s;

		if (!lines_assignment(&l, &key, &value) || !lines_span_is(key, "PRETTY_NAME"))
			continue;
		value = lines_unquoted(value);
		text_escape(value.s, value.len, safe, sizeof(safe));
		s = strdup(safe);
		if (s) {
			free(guest->os_name);
			guest->os_name = s;
		}
		return;
	}
}

/* The image that the root filesystem's partition is on; 0 when it is on a volume over several. */
static void find_boot_image(struct guest *guest, const struct fix_options *opt)
{
	CLEANUP(mem_free) char *device = guestfs_mountable_device(guest->g, guest->root);
	CLEANUP(mem_free) char *dev = device ? guestfs_part_to_dev(guest->g, device) : NULL;
	int index = dev ? guestfs_device_index(guest->g, dev) : -1;

	if (index >= 0 && (size_t)index < opt->nimages) {
		guest->boot_image = (size_t)index;
		return;
	}
	/* LVM or md: the first disk that has a boot sector with GRUB, as a BIOS would find it. */
	for (size_t i = 0; i < guest->map.nparts; i++) {
		const struct devmap_part *p = &guest->map.parts[i];
		CLEANUP(mem_free) char *sector = NULL;
		size_t n = 0;

		if (!p->disk || p->number)
			continue;
		sector = guestfs_pread_device(guest->g, p->device, 512, 0, &n);
		if (!sector || !memmem(sector, n, "GRUB", 4))
			continue;
		for (size_t k = 0; k < opt->nimages; k++)
			if (strcmp(opt->images[k].name, p->disk) == 0) {
				guest->boot_image = k;
				return;
			}
	}
}

/* root=/dev/something that is no partition name (made in a chroot): remember what it stood for. */
static int learn_root_alias(struct guest *guest)
{
	CLEANUP(mem_free) char *uuid = guestfs_vfs_uuid(guest->g, guest->root);
	const char *cmdline = guest->machine ? guest->machine->os.cmdline : NULL;
	const char *p = cmdline;
	struct span w;

	if (!uuid)
		return 0;
	guest->map.root_uuid = TAKE_PTR(uuid);
	while (cmdline && lines_word(&p, cmdline + strlen(cmdline), &w))
		if (lines_span_starts(w, "root=/dev/")) {
			char *dev = strndup(w.s + 5, w.len - 5);

			if (!dev)
				return -ENOMEM;
			free(guest->map.root_alias);
			guest->map.root_alias = dev;
		}
	/*
	 * LVM and md names are good for ever; only a name that explains nothing else is an alias.
	 */
	if (guest->map.root_alias && !devmap_is_old_name(guest->map.root_alias)) {
		free(guest->map.root_alias);
		guest->map.root_alias = NULL;
	}
	return 0;
}

/*
 * GPT keeps a second copy at the last sector. On a disk that has grown it is in the middle, and the
 * first copy says so; tools complain, and some systems refuse to change the table.
 */
static int move_tables(struct guest *guest, const struct fix_options *opt,
		       struct machine_strv *warnings, struct err *err)
{
	CLEANUP(guest_strings_free) char **devices = guestfs_list_devices(guest->g);

	if (!devices)
		return guest_fail(guest, err, "cannot list the disks");
	for (size_t i = 0; i < opt->nimages && devices[i]; i++) {
		CLEANUP(mem_free) char *table = NULL;
		int index = guestfs_device_index(guest->g, devices[i]);
		int r;

		if (index < 0 || (size_t)index >= opt->nimages || !opt->images[index].grown ||
		    opt->dry_run)
			continue;
		table = guestfs_part_get_parttype(guest->g, devices[i]);
		if (!table || strcmp(table, "gpt") != 0 ||
		    guestfs_part_expand_gpt(guest->g, devices[i]) == 0)
			continue;
		r = warn(warnings,
			 "the second copy of the partition table is not at the end of the disk "
			 "that has grown; run sgdisk --move-second-header in the virtual machine",
			 opt->images[index].name);
		if (r < 0)
			return err_nomem(err);
	}
	return 0;
}

int guest_open(const struct fix_options *opt, struct guest **ret, struct machine_strv *warnings,
	       struct err *err)
{
	CLEANUP(guest_free) struct guest *guest = calloc(1, sizeof(*guest));
	int r;

	if (!guest)
		return err_nomem(err);
	guest->dry_run = opt->dry_run;
	guest->machine = opt->machine;
	guest->map.machine = opt->machine;
	guest->major = guest->minor = -1;
	guest->fs = &guest_fs_appliance;
	r = guest_handle_new(opt->tcg, &guest->g, err);
	guest->fs_arg = guest->g;
	if (r >= 0)
		r = add_drives(guest, opt, err);
	if (r >= 0)
		r = guest_handle_launch(guest->g, opt->appliance_timeout, err);
	if (r >= 0)
		r = move_tables(guest, opt, warnings, err);
	if (r >= 0)
		r = collect_all(guest, opt, warnings, err);
	if (r >= 0)
		r = find_system(guest, warnings, err);
	if (r >= 0)
		r = mount_others(guest, warnings, err);
	if (r < 0)
		return r;
	if (learn_root_alias(guest) < 0)
		return err_nomem(err);
	find_boot_image(guest, opt);
	better_name(guest);
	*ret = TAKE_PTR(guest);
	return 0;
}
