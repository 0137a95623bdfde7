/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the installed kernels can drive and what their initramfs holds: read once, before the first
 * row, and again after a rebuild.
 */
#include "postfix/linux/linux_rows.h"

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
	[DRIVER_VIRTIO_BALLOON] = "virtio_balloon",
};

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

int linux_kernels_scan(struct fixer *f, struct err *err)
{
	CLEANUP(guest_strings_free) char **boot = NULL, **modules = NULL;
	size_t nboot = 0, nmodules = 0;

	boot = guest_list(f->guest, "/boot", &nboot);
	modules = guest_list(f->guest, "/lib/modules", &nmodules);
	if (!boot || !modules || kernels_find(boot, nboot, modules, nmodules, &f->kernels) < 0)
		return err_nomem(err);
	f->kernel = calloc(f->kernels.n + 1, sizeof(*f->kernel));
	if (!f->kernel)
		return err_nomem(err);
	f->generator = linux_initramfs_generator(f->guest);
	for (size_t i = 0; i < f->kernels.n; i++) {
		int r = scan_drivers(f, f->kernels.v[i].version, &f->kernel[i], err);

		if (r >= 0)
			r = linux_initramfs_list(f, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}
