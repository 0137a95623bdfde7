/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "uefi-boot". A new VM has an empty boot menu, and its firmware then starts
 * \EFI\BOOT\BOOT<arch>.EFI. Put there what the physical machine's firmware started: the loader of
 * the recorded BootCurrent, with the files that it looks for next to itself.
 */
#include "postfix/linux/linux_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"

struct esp {
	char dir[64];			/* where it is mounted in the guest */
	char loader[300];		/* path of the loader in the guest */
	const char *arch;		/* "X64" */
};

/* "\EFI\debian\shimx64.efi" below dir; false for what is not a plain path. */
static bool loader_path(const char *file, const char *dir, char *buf, size_t size)
{
	char path[200];
	size_t n = 0;

	for (const char *p = file; *p; p++) {
		char c = *p == '\\' ? '/' : *p;

		if (n + 1 >= sizeof(path) || !isprint((unsigned char)c))
			return false;
		path[n++] = c;
	}
	path[n] = '\0';
	if (path[0] != '/' || strstr(path, "/../") || strstr(path, "//"))
		return false;
	return snprintf(buf, size, "%s%s", dir, path) < (int)size;
}

static const struct devmap_part *find_esp_part(const struct fixer *f)
{
	const struct machine_boot_entry *e = machine_boot_current(f->m);
	const struct devmap *map = &f->guest->map;

	for (size_t i = 0; e && e->partition_uuid && i < map->nparts; i++)
		if (map->parts[i].partuuid &&
		    strcasecmp(map->parts[i].partuuid, e->partition_uuid) == 0)
			return &map->parts[i];
	/* By its GPT type, as the inventory has it. */
	for (size_t d = 0; d < f->m->ndisks; d++)
		for (size_t p = 0; p < f->m->disks[d].npartitions; p++) {
			const struct machine_partition *mp = &f->m->disks[d].partitions[p];
			const struct devmap_part *part;

			if (!mp->type ||
			    strcasecmp(mp->type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b") != 0)
				continue;
			part = mp->path ? devmap_find(map, mp->path) : NULL;
			if (part)
				return part;
		}
	return NULL;
}

/* Mount the ESP when fstab did not: 1 when *dir says where it is, 0 when there is none. */
static int find_esp(struct fixer *f, char *dir, size_t size, struct err *err)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };
	const struct devmap_part *part = f->guest->g ? find_esp_part(f) : NULL;
	CLEANUP(guest_strings_free) char **mounts = part ? guestfs_mountpoints(f->guest->g) : NULL;
	const char *at;

	for (size_t i = 0; mounts && mounts[i] && mounts[i + 1]; i += 2)
		if (part && strcmp(mounts[i], part->device) == 0) {
			snprintf(dir, size, "%s",
				 strcmp(mounts[i + 1], "/") == 0 ? "" : mounts[i + 1]);
			return 1;
		}
	if (part) {
		at = guest_is_dir(f->guest, "/boot/efi") ? "/boot/efi" : "/mnt";
		if (!guest_is_dir(f->guest, at))
			return err_set(err, ENOENT,
				       "the EFI system partition has no place to be mounted at");
		if (guestfs_mount_options(f->guest->g, "rw", part->device, at) < 0)
			return guest_fail(f->guest, err, "cannot mount the EFI system partition");
		snprintf(dir, size, "%s", at);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char efi[32];

		snprintf(efi, sizeof(efi), "%s/EFI", places[i]);
		if (!guest_is_dir(f->guest, efi))
			continue;
		snprintf(dir, size, "%s", places[i]);
		return 1;
	}
	return 0;
}

static const char *arch_of(const struct fixer *f, const char *loader)
{
	static const char *const archs[][3] = {
		{ "x64.efi", "X64", "x86_64" }, { "ia32.efi", "IA32", "i386" },
		{ "aa64.efi", "AA64", "aarch64" },
	};
	size_t n = strlen(loader);

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		size_t k = strlen(archs[i][0]);

		if (n >= k && strcasecmp(loader + n - k, archs[i][0]) == 0)
			return archs[i][1];
	}
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (strcmp(f->guest->arch, archs[i][2]) == 0)
			return archs[i][1];
	return "X64";
}

/* What the firmware started, else what an installer of this system would have put there. */
static bool find_loader(struct fixer *f, struct esp *esp)
{
	static const char *const names[] = { "shimx64.efi", "grubx64.efi", "systemd-bootx64.efi",
					     "shimaa64.efi", "grubaa64.efi", "grubia32.efi" };
	const struct machine_boot_entry *e = machine_boot_current(f->m);
	const char *const vendors[] = { f->guest->distro, "debian", "ubuntu", "systemd" };

	if (e && e->file && loader_path(e->file, esp->dir, esp->loader, sizeof(esp->loader)) &&
	    guest_is_file(f->guest, esp->loader))
		return true;
	for (size_t v = 0; v < ARRAY_SIZE(vendors); v++)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			snprintf(esp->loader, sizeof(esp->loader), "%s/EFI/%s/%s", esp->dir,
				 vendors[v], names[i]);
			if (vendors[v][0] && guest_is_file(f->guest, esp->loader))
				return true;
		}
	return false;
}

/* A text of a few lines that both places need. */
static int copy_if_different(struct fixer *f, const char *from, const char *to, struct err *err)
{
	if (!guest_is_file(f->guest, from))
		return 0;
	if (guest_is_file(f->guest, to) && guest_same(f->guest, from, to))
		return 0;
	return guest_edit_copy(&f->edits, from, to, err);
}

static int stage(struct fixer *f, const struct esp *esp, struct err *err)
{
	char to[400], from[400], dir[300], name[64], low[8];
	const char *base = strrchr(esp->loader, '/') + 1;
	bool shim = strncasecmp(base, "shim", 4) == 0;
	size_t i;
	int r;

	snprintf(dir, sizeof(dir), "%.*s", (int)(base - 1 - esp->loader), esp->loader);
	snprintf(to, sizeof(to), "%s/EFI/BOOT/BOOT%s.EFI", esp->dir, esp->arch);
	if (strcasecmp(esp->loader, to) == 0)
		return 0;
	r = copy_if_different(f, esp->loader, to, err);
	if (r < 0 || !shim)
		return r < 0 ? r : 0;
	for (i = 0; esp->arch[i] && i < sizeof(low) - 1; i++)
		low[i] = (char)tolower((unsigned char)esp->arch[i]);
	low[i] = '\0';
	/* Where a fallback program is, it finds the loader by itself. */
	snprintf(to, sizeof(to), "%s/EFI/BOOT/fb%s.efi", esp->dir, low);
	if (guest_is_file(f->guest, to))
		return 0;
	for (i = 0; i < 3 && r >= 0; i++) {
		if (i < 2)
			snprintf(name, sizeof(name), "%s%s.efi", i ? "mm" : "grub", low);
		else
			snprintf(name, sizeof(name), "grub.cfg");
		snprintf(from, sizeof(from), "%s/%s", dir, name);
		snprintf(to, sizeof(to), "%s/EFI/BOOT/%s", esp->dir, name);
		r = copy_if_different(f, from, to, err);
	}
	return r;
}

int linux_uefi_detect(struct fixer *f, struct err *err)
{
	struct esp esp;
	int r;

	if (f->m->firmware.type == MACHINE_FIRMWARE_BIOS)
		return 0;
	r = find_esp(f, esp.dir, sizeof(esp.dir), err);
	if (r < 0)
		return r;
	if (!r || !find_loader(f, &esp)) {
		if (f->m->firmware.type == MACHINE_FIRMWARE_UNKNOWN)
			return 0;
		return err_set(err, ENOENT, r ? "no boot loader found on the EFI system partition" :
						"the EFI system partition was not found");
	}
	esp.arch = arch_of(f, esp.loader);
	fixer_say(f, "the physical machine started %s", esp.loader);
	return stage(f, &esp, err);
}
