/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The EFI system partition of a guest: see guest_mount_esp() in guest.h. */
#include "postfix/guest.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/fstab.h"

#define ESP_TYPE	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

static int answer(struct guest *guest, const char *dir, char **ret, struct err *err)
{
	char *s;

	if (!guest->esp) {
		guest->esp = strdup(strcmp(dir, "/") == 0 ? "" : dir);
		if (!guest->esp)
			return err_nomem(err);
	}
	s = strdup(guest->esp);
	if (!s)
		return err_nomem(err);
	*ret = s;
	return 1;
}

/* FAT does not tell upper from lower case, but a folder of the host does. */
static bool has_efi_folder(struct guest *guest, const char *dir)
{
	CLEANUP(guest_strings_free) char **names = guest_list(guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++)
		if (strcasecmp(names[i], "EFI") == 0)
			return true;
	return false;
}

/*
 * The folder that fstab has for it: for device when there is one, else any with FAT and a folder
 * EFI in it. malloc'd, NULL when it does not say.
 */
static char *fstab_folder(struct guest *guest, const struct devmap_part *part)
{
	CLEANUP(mem_free) char *text = NULL;
	struct fstab_entry *list = NULL;
	char *found = NULL;
	size_t n = 0;

	if (guest_read(guest, "/etc/fstab", GUEST_TEXT_MAX, &text, NULL, NULL) < 0 ||
	    fstab_parse(text, &list, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n && !found; i++) {
		const char *id = strchr(list[i].spec, '=');
		const struct devmap_part *p = devmap_find(&guest->map, list[i].spec);
		bool same = part && (p == part || (id && part->uuid &&
						   strcasecmp(id + 1, part->uuid) == 0) ||
				     (id && part->partuuid &&
				      strcasecmp(id + 1, part->partuuid) == 0));

		if (strcmp(list[i].type, "vfat") != 0 || list[i].dir[0] != '/')
			continue;
		if (same || (!part && has_efi_folder(guest, list[i].dir)))
			found = strdup(list[i].dir);
	}
	fstab_entries_free(list, n);
	return found;
}

/* Without a partition to look for: where such a thing usually is. */
static int by_folder(struct guest *guest, char **ret, struct err *err)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };
	CLEANUP(mem_free) char *dir = fstab_folder(guest, NULL);

	if (dir)
		return answer(guest, dir, ret, err);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (has_efi_folder(guest, places[i]))
			return answer(guest, places[i], ret, err);
	return 0;
}

static const struct devmap_part *by_partuuid(const struct guest *guest, const char *uuid)
{
	for (size_t i = 0; uuid && i < guest->map.nparts; i++)
		if (guest->map.parts[i].partuuid &&
		    strcasecmp(guest->map.parts[i].partuuid, uuid) == 0)
			return &guest->map.parts[i];
	return NULL;
}

/* The partition of the entry that was booted, or of one that would be. */
static const struct devmap_part *by_entry(const struct guest *guest)
{
	const struct machine_firmware *f = &guest->machine->firmware;
	const struct machine_boot_entry *e = machine_boot_current(guest->machine);
	const struct devmap_part *p = e ? by_partuuid(guest, e->partition_uuid) : NULL;

	for (size_t i = 0; i < f->nboot_order && !p; i++)
		for (size_t k = 0; k < f->nentries && !p; k++)
			if (f->entries[k].number == f->boot_order[i])
				p = by_partuuid(guest, f->entries[k].partition_uuid);
	return p;
}

/* By the type in the partition table, as the inventory has it, else as it is in the images. */
static const struct devmap_part *by_type(const struct guest *guest)
{
	const struct machine *m = guest->machine;

	for (size_t d = 0; m && d < m->ndisks; d++)
		for (size_t p = 0; p < m->disks[d].npartitions; p++) {
			const struct machine_partition *mp = &m->disks[d].partitions[p];
			const struct devmap_part *part = NULL;

			if (mp->type && mp->path &&
			    (strcasecmp(mp->type, ESP_TYPE) == 0 ||
			     strcasecmp(mp->type, "0xef") == 0))
				part = devmap_find(&guest->map, mp->path);
			if (part)
				return part;
		}
	for (size_t i = 0; i < guest->map.nparts; i++) {
		const struct devmap_part *part = &guest->map.parts[i];
		CLEANUP(mem_free) char *dev = NULL, *type = NULL;

		if (!part->disk || !part->number)
			continue;
		dev = guestfs_part_to_dev(guest->g, part->device);
		type = dev ? guestfs_part_get_gpt_type(guest->g, dev, (int)part->number) : NULL;
		if (type && strcasecmp(type, ESP_TYPE) == 0)
			return part;
	}
	return NULL;
}

static bool is_member(guestfs_h *g, const char *array, const char *device)
{
	struct guestfs_mdstat_list *list = guestfs_md_stat(g, array);
	const char *name = strrchr(device, '/');
	bool found = false;

	name = name ? name + 1 : device;
	for (uint32_t i = 0; list && i < list->len && !found; i++)
		found = strcmp(list->val[i].mdstat_device, name) == 0;
	if (list)
		guestfs_free_mdstat_list(list);
	return found;
}

/* The array that a member belongs to; a write to one half alone would tear them apart. */
static const struct devmap_part *array_of(const struct guest *guest, const struct devmap_part *part)
{
	for (size_t i = 0; i < guest->map.nparts; i++) {
		const struct devmap_part *a = &guest->map.parts[i];

		if (!a->disk && strncmp(a->device, "/dev/md", 7) == 0 &&
		    is_member(guest->g, a->device, part->device))
			return a;
	}
	return NULL;
}

/* A folder that a filesystem may be mounted over. malloc'd, NULL: there is none. */
static char *find_place(struct guest *guest, const struct devmap_part *part)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/mnt", "/media",
					      "/PerfLogs", "/Windows/Temp" };
	CLEANUP(mem_free) char *dir = fstab_folder(guest, part);

	if (dir && guest_is_dir(guest, dir))
		return TAKE_PTR(dir);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bool windows = strcmp(guest->type, "windows") == 0;
		char *path = windows ? guestfs_case_sensitive_path(guest->g, places[i]) :
				       strdup(places[i]);

		if (path && guest_is_dir(guest, path))
			return path;
		free(path);
	}
	return NULL;
}

static int mount_part(struct guest *guest, const struct devmap_part *part, char **ret,
		      struct err *err)
{
	CLEANUP(guest_strings_free) char **mounts = guestfs_mountpoints(guest->g);
	CLEANUP(mem_free) char *dir = NULL;

	for (size_t i = 0; mounts && mounts[i] && mounts[i + 1]; i += 2)
		if (strcmp(mounts[i], part->device) == 0)
			return answer(guest, mounts[i + 1], ret, err);
	dir = find_place(guest, part);
	if (!dir)
		return err_set(err, ENOENT,
			       "the EFI system partition has no place to be mounted at");
	if (guestfs_mount_options(guest->g, "rw", part->device, dir) < 0)
		return guest_fail(guest, err, "cannot mount the EFI system partition");
	return answer(guest, dir, ret, err);
}

int guest_mount_esp(struct guest *guest, char **ret, struct err *err)
{
	const struct machine *m = guest->machine;
	const struct devmap_part *part, *array;

	if (guest->esp)
		return answer(guest, guest->esp, ret, err);
	/* A BIOS reads none, whatever lies on the disk; what fstab mounted can be looked at. */
	if (!guest->g || (m && m->firmware.type == MACHINE_FIRMWARE_BIOS))
		return by_folder(guest, ret, err);
	part = m ? by_entry(guest) : NULL;
	if (!part)
		part = by_type(guest);
	if (part && part->type && strcmp(part->type, "linux_raid_member") == 0) {
		array = array_of(guest, part);
		if (!array)
			return err_set(err, ENODEV,
				       "the EFI system partition is in an array that does not "
				       "start");
		part = array;
	}
	return part ? mount_part(guest, part, ret, err) : by_folder(guest, ret, err);
}
