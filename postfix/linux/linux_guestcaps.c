/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the fixed guest has to what its VM may consist of. The newest kernel decides, because
 * it is the one that is booted.
 */
#include "postfix/linux/linux_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

/* In a dry run: was it found that the newest kernel's image would be made anew? */
static bool would_rebuild(const struct fixer *f)
{
	return f->kernels.n && f->kernel[0].rebuild && f->opt->dry_run;
}

/* Can the newest kernel drive it once the root filesystem is there? */
static bool drives(const struct fixer *f, enum fixer_driver d)
{
	return f->kernels.n && f->kernel[0].has[d] != KERNELS_ABSENT;
}

/* Can it before that? In a dry run, what the rebuilt image would have counts. */
static bool boots_with(const struct fixer *f, enum fixer_driver d)
{
	if (!f->kernels.n)
		return false;
	switch (f->kernel[0].has[d]) {
	case KERNELS_ABSENT:
		return false;
	case KERNELS_BUILTIN:
		return true;
	case KERNELS_MODULE:
		return f->kernel[0].image_has[d] || would_rebuild(f);
	}
	return false;
}

enum vm_block_bus linux_block_bus(const struct fixer *f)
{
	bool pci = boots_with(f, DRIVER_VIRTIO_PCI);

	if (pci && boots_with(f, DRIVER_VIRTIO_SCSI) && boots_with(f, DRIVER_SD_MOD))
		return VM_BLOCK_VIRTIO_SCSI;
	if (pci && boots_with(f, DRIVER_VIRTIO_BLK))
		return VM_BLOCK_VIRTIO_BLK;
	if (boots_with(f, DRIVER_AHCI))
		return VM_BLOCK_SATA;
	/* The oldest kernels know IDE by another driver. */
	if (boots_with(f, DRIVER_ATA_PIIX) || boots_with(f, DRIVER_PIIX))
		return VM_BLOCK_IDE;
	/* Nothing is known to work: what such a kernel most likely has built in. */
	return f->kernels.n && f->kernels.v[0].version[0] == '2' ? VM_BLOCK_IDE : VM_BLOCK_SATA;
}

enum vm_net_model linux_net_model(const struct fixer *f)
{
	static const struct {
		enum fixer_driver driver;
		enum vm_net_model model;
	} fallback[] = {
		{ DRIVER_E1000E, VM_NET_E1000E },
		{ DRIVER_E1000, VM_NET_E1000 },
		{ DRIVER_8139CP, VM_NET_RTL8139 },
		{ DRIVER_8139TOO, VM_NET_RTL8139 },
	};
	struct guestcaps none;

	if (drives(f, DRIVER_VIRTIO_NET) && drives(f, DRIVER_VIRTIO_PCI))
		return VM_NET_VIRTIO;
	for (size_t i = 0; i < ARRAY_SIZE(fallback); i++)
		if (drives(f, fallback[i].driver))
			return fallback[i].model;
	guestcaps_default(&none);
	return none.net;
}

/* "debian12" -> "http://debian.org/debian/12" */
static void osinfo_url(const char *id, char *buf, size_t size)
{
	static const struct {
		const char *name, *url;
	} known[] = {
		{ "debian", "http://debian.org/debian/" },
		{ "ubuntu", "http://ubuntu.com/ubuntu/" },
		{ "rhel", "http://redhat.com/rhel/" },
		{ "centos", "http://centos.org/centos/" },
		{ "fedora", "http://fedoraproject.org/fedora/" },
		{ "rocky", "http://rockylinux.org/rocky/" },
		{ "almalinux", "http://almalinux.org/almalinux/" },
		{ "sles", "http://suse.com/sles/" },
		{ "opensuse", "http://opensuse.org/opensuse/" },
	};

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *version = id + strlen(known[i].name);

		if (strncmp(id, known[i].name, strlen(known[i].name)) != 0 ||
		    !isdigit((unsigned char)*version))
			continue;
		snprintf(buf, size, "%s%s", known[i].url, version);
		return;
	}
}

static bool has_agent(const struct fixer *f)
{
	return guest_is_file(f->guest, "/usr/sbin/qemu-ga") ||
	       guest_is_file(f->guest, "/usr/bin/qemu-ga");
}

void linux_guestcaps(const struct fixer *f, struct guestcaps *ret)
{
	unsigned int major = 0, minor = 0;

	guestcaps_default(ret);
	if (!f)
		return;
	snprintf(ret->os_type, sizeof(ret->os_type), "linux");
	snprintf(ret->distro, sizeof(ret->distro), "%s", f->guest->distro);
	snprintf(ret->arch, sizeof(ret->arch), "%s", f->guest->arch);
	ret->major = f->guest->major;
	ret->minor = f->guest->minor;
	osinfo_url(f->guest->osinfo, ret->osinfo, sizeof(ret->osinfo));
	if (!f->kernels.n)
		return;
	ret->block = linux_block_bus(f);
	ret->net = linux_net_model(f);
	ret->virtio_rng = drives(f, DRIVER_VIRTIO_RNG);
	ret->virtio_balloon = drives(f, DRIVER_VIRTIO_BALLOON);
	ret->guest_agent = has_agent(f);
	ret->serial_console = f->serial_console;
	if (!kernels_version_parse(f->kernels.v[0].version, &major, &minor))
		return;
	/*
	 * PCI Express and AHCI have been there since long before; modern virtio came with 4.0. The
	 * newer chipset has no IDE.
	 */
	ret->q35 = major >= 3 && ret->block != VM_BLOCK_IDE;
	ret->virtio_1_0 = major >= 4;
}
