/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the installed kernels can drive and what their initramfs holds: read once, before the first
 * row, and again after a rebuild.
 *
 * Kernels are found by their files, not by packages: in /boot by name, beside their modules (as
 * Arch, Alpine and Fedora have them), in a folder for each (kernel-install's layout), by loader
 * entries, and as unified kernel images on the EFI system partition.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_initramfs.h"

const char *const fixer_driver_names[DRIVER_COUNT] = {
	[DRIVER_VIRTIO_PCI] = "virtio_pci", [DRIVER_VIRTIO_BLK] = "virtio_blk",
	[DRIVER_VIRTIO_SCSI] = "virtio_scsi", [DRIVER_VIRTIO_NET] = "virtio_net",
	[DRIVER_SD_MOD] = "sd_mod", [DRIVER_AHCI] = "ahci", [DRIVER_ATA_PIIX] = "ata_piix",
	[DRIVER_E1000E] = "e1000e", [DRIVER_E1000] = "e1000", [DRIVER_VIRTIO_RNG] = "virtio_rng",
	[DRIVER_VIRTIO_BALLOON] = "virtio_balloon", [DRIVER_PIIX] = "piix",
	[DRIVER_8139CP] = "8139cp", [DRIVER_8139TOO] = "8139too",
};

/* Where a boot loader's own paths begin: also the EFI system partition. */
static const char *const roots[] = { "/boot", "/efi", "/boot/efi" };

static int read_list(struct fixer *f, const char *version, const char *file, char **ret,
		     struct err *err)
{
	char path[256];
	int r;

	snprintf(path, sizeof(path), "/lib/modules/%s/%s", version, file);
	r = guest_read(f->guest, path, GUEST_DATA_MAX, ret, NULL, err);
	if (r == -ENOENT) {
		err_reset(err);
		return 0;
	}
	return r;
}

static int scan_drivers(struct fixer *f, const char *version, struct fixer_kernel *k,
			struct err *err)
{
	CLEANUP(mem_free) char *dep = NULL, *builtin = NULL;
	struct err e = ERR_INIT;

	if (read_list(f, version, "modules.dep", &dep, &e) < 0 ||
	    read_list(f, version, "modules.builtin", &builtin, &e) < 0) {
		/* One odd kernel must not stop the run: it counts as having no drivers. */
		if (fixer_warn(f, "kernel %s: %s", version, e.text) < 0)
			return err_nomem(err);
		return 0;
	}
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		k->has[i] = kernels_driver(dep, builtin, fixer_driver_names[i]);
	return 0;
}

static bool has_modules(struct fixer *f, const char *version)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "/lib/modules/%s", version);
	return kernels_version_valid(version) && guest_is_dir(f->guest, dir);
}

/* Add a kernel of that version, its image and initrd there when they are files. */
static int add(struct fixer *f, const char *version, const char *image, const char *initrd,
	       bool spare)
{
	struct kernels_one one = {
		.version = (char *)(uintptr_t)version,
		.image = (char *)(uintptr_t)image,
		.initrd = initrd && guest_is_file(f->guest, initrd) ? (char *)(uintptr_t)initrd :
								      NULL,
		.has_modules = has_modules(f, version),
		.spare = spare,
	};

	return guest_is_file(f->guest, image) ? kernels_add(&f->kernels, &one) : 0;
}

/* "/boot/PREFIX-NAME" and its initrd, by the forms in which such names go in pairs. */
static int add_named(struct fixer *f, const char *version, const char *name)
{
	CLEANUP(mem_free) char *image = text_format("/boot/vmlinuz-%s", name);
	CLEANUP(mem_free) char *img = text_format("/boot/initramfs-%s.img", name);
	CLEANUP(mem_free) char *bare = text_format("/boot/initramfs-%s", name);
	CLEANUP(mem_free) char *fallback = text_format("/boot/initramfs-%s-fallback.img", name);
	int r;

	if (!image || !img || !bare || !fallback)
		return -ENOMEM;
	r = add(f, version, image, guest_is_file(f->guest, img) ? img : bare, false);
	if (r > 0 && guest_is_file(f->guest, fallback))
		r = add(f, version, image, fallback, true);
	return r;
}

/* A kernel of Arch or Alpine, whose file in /boot has the package's name and not the version. */
static int scan_flavour(struct fixer *f, const char *version)
{
	CLEANUP(mem_free) char *path = text_format("/lib/modules/%s/pkgbase", version);
	CLEANUP(mem_free) char *base = NULL;
	const char *flavour = strrchr(version, '-');
	int r = 0;

	if (!path)
		return -ENOMEM;
	if (guest_read(f->guest, path, 256, &base, NULL, NULL) >= 0) {
		base[strcspn(base, " \r\n")] = '\0';
		if (*base && strlen(base) < 100)
			r = add_named(f, version, base);
	}
	if (r == 0 && flavour && flavour[1])
		r = add_named(f, version, flavour + 1);
	return r;
}

/* kernel-install's layout: a folder for each version, below the machine's. */
static int scan_machine_id(struct fixer *f, const char *version)
{
	for (size_t k = 0; k < ARRAY_SIZE(roots); k++) {
		CLEANUP(guest_strings_free) char **names = guest_list(f->guest, roots[k], NULL);

		if (!names)
			return -ENOMEM;
		for (size_t i = 0; names[i]; i++) {
			CLEANUP(mem_free) char *image = NULL, *initrd = NULL;
			int r;

			if (strlen(names[i]) != 32 ||
			    strspn(names[i], "0123456789abcdef") != 32)
				continue;
			image = text_format("%s/%s/%s/linux", roots[k], names[i], version);
			initrd = text_format("%s/%s/%s/initrd", roots[k], names[i], version);
			r = image && initrd ? add(f, version, image, initrd, false) : -ENOMEM;
			if (r)
				return r;
		}
	}
	return 0;
}

/* Only beside its modules: an initrd in /boot of its version makes it one that boots. */
static int scan_beside(struct fixer *f, const char *version)
{
	CLEANUP(mem_free) char *image = text_format("/usr/lib/modules/%s/vmlinuz", version);
	CLEANUP(mem_free) char *initrd = text_format("/boot/initramfs-%s.img", version);

	if (!image || !initrd)
		return -ENOMEM;
	return guest_is_file(f->guest, initrd) ? add(f, version, image, initrd, false) : 0;
}

/* A path of a loader entry begins where the file system of that root does. */
static int resolve(struct fixer *f, const char *path, char **ret)
{
	*ret = NULL;
	for (size_t k = 0; k <= ARRAY_SIZE(roots); k++) {
		char *s = text_format("%s%s%s", k ? roots[k - 1] : "", *path == '/' ? "" : "/",
				      path);

		if (!s)
			return -ENOMEM;
		if (guest_is_file(f->guest, s)) {
			*ret = s;
			return 0;
		}
		free(s);
	}
	return 0;
}

static int scan_entry(struct fixer *f, const char *path)
{
	CLEANUP(mem_free) char *text = NULL, *kernel = NULL, *initrd = NULL, *version = NULL;
	CLEANUP(mem_free) char *image = NULL, *image_initrd = NULL;
	int r;

	if (guest_read(f->guest, path, GUEST_TEXT_MAX, &text, NULL, NULL) < 0)
		return 0;
	r = kernels_entry(text, &kernel, &initrd, &version);
	if (r < 0 || !kernel || !version || !has_modules(f, version) ||
	    kernels_known(&f->kernels, version))
		return r;
	r = resolve(f, kernel, &image);
	if (r >= 0 && initrd)
		r = resolve(f, initrd, &image_initrd);
	return r >= 0 && image ? add(f, version, image, image_initrd, false) : r;
}

/* Files of one folder below each place where a boot loader's paths begin: at most max of each. */
static int scan_roots(struct fixer *f, const char *sub, const char *glob, size_t max,
		      int (*scan)(struct fixer *f, const char *path))
{
	for (size_t k = 0; k < ARRAY_SIZE(roots); k++) {
		CLEANUP(mem_free) char *dir = text_format("%s/%s", roots[k], sub);
		CLEANUP(guest_strings_free) char **names = NULL;

		names = dir ? guest_list(f->guest, dir, NULL) : NULL;
		if (!names)
			return -ENOMEM;
		for (size_t i = 0; i < max && names[i]; i++) {
			CLEANUP(mem_free) char *path = text_format("%s/%s", dir, names[i]);

			if (!path)
				return -ENOMEM;
			if (fnmatch(glob, names[i], 0) == 0 && scan(f, path) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* A kernel whose version only its own header tells: a rescue kernel, a unified kernel image. */
static int scan_by_header(struct fixer *f, const char *image, const char *initrd, bool uki)
{
	CLEANUP(mem_free) char *version = NULL;
	struct kernels_one one = {
		.image = (char *)(uintptr_t)image, .initrd = (char *)(uintptr_t)initrd,
		.spare = !uki, .uki = uki,
	};
	struct err e = ERR_INIT;
	int r = linux_ramdisk_kernel_version(f, image, &version, &e);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !version)
		return fixer_warn(f, "%s: its version is not known%s%s; it stays as it is", image,
				  e.code ? ": " : "", e.text);
	one.version = version;
	one.has_modules = has_modules(f, version);
	return kernels_add(&f->kernels, &one);
}

static int scan_rescue(struct fixer *f, char *const *boot)
{
	for (size_t i = 0; boot[i]; i++) {
		CLEANUP(mem_free) char *image = NULL, *initrd = NULL;

		if (strncmp(boot[i], "vmlinuz-0-rescue-", 17) != 0)
			continue;
		image = text_format("/boot/%s", boot[i]);
		initrd = text_format("/boot/initramfs-%s.img", boot[i] + 8);
		if (!image || !initrd)
			return -ENOMEM;
		if (guest_is_file(f->guest, initrd) && scan_by_header(f, image, initrd, false) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int scan_unified(struct fixer *f, const char *path)
{
	return kernels_path_valid(path) ? scan_by_header(f, path, path, true) : 0;
}

static int scan_elsewhere(struct fixer *f, char *const *boot, char *const *modules)
{
	static int (*const scans[])(struct fixer *f, const char *version) = {
		scan_flavour, scan_machine_id, scan_beside,
	};
	int r = 0;

	for (size_t i = 0; modules[i] && r >= 0; i++) {
		if (!kernels_version_valid(modules[i]) ||
		    kernels_known(&f->kernels, modules[i]))
			continue;
		r = 0;
		for (size_t s = 0; s < ARRAY_SIZE(scans) && r == 0; s++)
			r = scans[s](f, modules[i]);
	}
	if (r >= 0)
		r = scan_roots(f, "loader/entries", "*.conf", 256, scan_entry);
	if (r >= 0)
		r = scan_roots(f, "EFI/Linux", "*.efi", 64, scan_unified);
	if (r >= 0)
		r = scan_rescue(f, boot);
	return r;
}

/* What boots the machine, but not the way that a virtual machine boots. */
static int warn_of_others(struct fixer *f, char *const *boot)
{
	int r = 0;

	for (size_t i = 0; boot[i] && r >= 0; i++)
		if (fnmatch("xen*.gz", boot[i], 0) == 0 ||
		    fnmatch("xen.gz-*", boot[i], 0) == 0) {
			r = fixer_warn(f,
				       "/boot/%s: the Xen hypervisor is installed; the virtual "
				       "machine boots Linux by itself%s%s", boot[i],
				       f->kernels.n ? ", kernel " : "",
				       f->kernels.n ? f->kernels.v[0].version : "");
			break;
		}
	if (r >= 0 && f->kernels.n && f->kernels.v[0].xen)
		r = fixer_warn(f, "every kernel of the guest needs a Xen hypervisor; install one "
				  "that boots by itself");
	if (r >= 0 && guest_is_dir(f->guest, "/ostree/repo"))
		r = fixer_warn(f, "the system is managed by ostree: kernels of its deployments "
				  "are not changed here; rebuild them in the guest (rpm-ostree "
				  "initramfs --enable)");
	return r;
}

int linux_kernels_scan(struct fixer *f, struct err *err)
{
	CLEANUP(guest_strings_free) char **boot = NULL, **modules = NULL;
	size_t nboot = 0, nmodules = 0;

	boot = guest_list(f->guest, "/boot", &nboot);
	modules = guest_list(f->guest, "/lib/modules", &nmodules);
	if (!boot || !modules || kernels_find(boot, nboot, modules, nmodules, &f->kernels) < 0 ||
	    scan_elsewhere(f, boot, modules) < 0)
		return err_nomem(err);
	kernels_sort(&f->kernels);
	f->kernel = calloc(f->kernels.n + 1, sizeof(*f->kernel));
	if (!f->kernel || warn_of_others(f, boot) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < f->kernels.n; i++) {
		int r = scan_drivers(f, f->kernels.v[i].version, &f->kernel[i], err);

		if (r >= 0)
			r = linux_ramdisk_list(f, i, err);
		if (r < 0)
			return r;
	}
	f->generator = linux_generator_find(f->guest, f->kernels.n ? f->kernel[0].image_kind :
								     RAMDISK_UNKNOWN);
	return 0;
}
