/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the fixed Windows has to what its VM may consist of. What was put in by this run
 * counts, and what was there before: a second run without the drivers at hand says the same of the
 * disks, but cannot tell whether they know virtio 1.0, and takes the older devices.
 */
#include "postfix/windows/windows_drivers.h"

#include <stdio.h>
#include <string.h>

#include "postfix/windows/winver.h"

static enum vm_block_bus block_bus(const struct fixer *f)
{
	const struct windows *w = f->windows;

	if (w->has_vioscsi || windows_service_works(f, "vioscsi"))
		return VM_BLOCK_VIRTIO_SCSI;
	if (w->has_viostor || windows_service_works(f, "viostor"))
		return VM_BLOCK_VIRTIO_BLK;
	if (windows_service_works(f, "storahci") || windows_service_works(f, "msahci"))
		return VM_BLOCK_SATA;
	return VM_BLOCK_IDE;
}

/*
 * Without virtio, what Windows brings a driver for: the e1000e since 8, the e1000 from Server 2003
 * to 7, the RTL8139 in XP.
 */
static enum vm_net_model net_model(const struct fixer *f)
{
	const struct windows *w = f->windows;

	if (w->has_netkvm || windows_service_works(f, "netkvm"))
		return VM_NET_VIRTIO;
	if (w->major > 6 || (w->major == 6 && w->minor >= 2))
		return VM_NET_E1000E;
	if (w->major == 6 || (w->major == 5 && w->minor >= 2))
		return VM_NET_E1000;
	return VM_NET_RTL8139;
}

void windows_guestcaps(const struct fixer *f, struct guestcaps *ret)
{
	static const char *const arch[] = {
		[WINDOWS_X86] = "i686", [WINDOWS_AMD64] = "x86_64", [WINDOWS_ARM64] = "aarch64",
	};
	const struct windows *w = f->windows;
	const struct winver *ver;

	guestcaps_default(ret);
	snprintf(ret->os_type, sizeof(ret->os_type), "windows");
	/* The registry could not be read: nothing is known. */
	if (!w || !w->system || !w->software || !w->sets.n || !w->major)
		return;
	ver = winver_find(w->major, w->minor, w->build, w->server);
	snprintf(ret->distro, sizeof(ret->distro), "windows");
	snprintf(ret->arch, sizeof(ret->arch), "%s", arch[w->arch]);
	if (ver)
		snprintf(ret->osinfo, sizeof(ret->osinfo), "%s", ver->osinfo);
	ret->major = (int)w->major;
	ret->minor = (int)w->minor;
	ret->block = block_bus(f);
	ret->net = net_model(f);
	ret->virtio_rng = w->has_viorng || windows_service_works(f, "viorng");
	ret->virtio_balloon = w->has_balloon || windows_service_works(f, "balloon");
	ret->guest_agent = w->has_agent || windows_has_service(f, "QEMU-GA");
	ret->q35 = w->major >= 6 && w->arch == WINDOWS_AMD64 && ret->block != VM_BLOCK_IDE;
	ret->virtio_1_0 = w->virtio_1_0;
}
