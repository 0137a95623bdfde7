/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of hypervisors by the traces they leave in a guest. */
#include "inventory/hw/cpu_hypervisor.h"

#include <errno.h>
#include <string.h>
#include "inventory/collect_util.h"

/* Beginnings of SMBIOS texts; NULL: any. The vendors set them in their virtual firmware. */
static const struct {
	const char *vendor, *product, *name;
} firmware[] = {
	{ "VMware", NULL, "VMware" },
	{ "innotek GmbH", NULL, "VirtualBox" },
	{ NULL, "VirtualBox", "VirtualBox" },
	{ "Microsoft Corporation", "Virtual Machine", "Hyper-V" },
	{ "Xen", NULL, "Xen" },
	{ "Parallels", NULL, "Parallels" },
	{ "BHYVE", NULL, "bhyve" },
	{ NULL, "BHYVE", "bhyve" },
	{ "Nutanix", "AHV", "Nutanix AHV" },
	{ "Amazon EC2", NULL, "Amazon EC2" },
	{ "Google", "Google Compute Engine", "Google Compute Engine" },
	{ "Apple Inc.", "Apple Virtualization", "Apple Virtualization" },
	{ "QEMU", NULL, "KVM" },
	{ "Red Hat", "KVM", "KVM" },
	{ "Red Hat", "RHEV", "KVM" },
	{ NULL, "OpenStack", "KVM" },
	{ "oVirt", NULL, "KVM" },
	{ NULL, "KVM", "KVM" },
	{ "Bochs", NULL, "KVM" },
};

/* Words of available_clocksource. */
static const struct {
	const char *word, *name;
} clocks[] = {
	{ "kvm-clock", "KVM" },
	{ "hyperv_clocksource", "Hyper-V" },
	{ "xen", "Xen" },
};

static bool begins(const char *s, const char *with)
{
	return !with || (s && strncmp(s, with, strlen(with)) == 0);
}

static const char *by_firmware(const char *vendor, const char *product)
{
	for (size_t i = 0; i < ARRAY_SIZE(firmware); i++)
		if (begins(vendor, firmware[i].vendor) && begins(product, firmware[i].product))
			return firmware[i].name;
	return NULL;
}

static const char *by_clock(const char *available)
{
	for (size_t i = 0; available && i < ARRAY_SIZE(clocks); i++)
		if (strstr(available, clocks[i].word))
			return clocks[i].name;
	return NULL;
}

int cpu_hypervisor_read(const struct sysroot *root, const struct machine_strv *flags, char **ret)
{
	CLEANUP(mem_free) char *type = NULL, *xen = NULL, *vendor = NULL, *product = NULL;
	CLEANUP(mem_free) char *clock = NULL;
	const char *name;
	int r = collect_util_line(root, &type, "/sys/hypervisor/type");

	if (r == 0)
		r = collect_util_line(root, &xen, "/proc/xen/capabilities");
	if (r == 0)
		r = collect_util_line(root, &vendor, "/sys/class/dmi/id/sys_vendor");
	if (r == 0)
		r = collect_util_line(root, &product, "/sys/class/dmi/id/product_name");
	if (r == 0)
		r = collect_util_line(root, &clock, "/sys/devices/system/clocksource/clocksource0/"
				      "available_clocksource");
	if (r < 0)
		return r;
	if ((xen && strstr(xen, "control_d")) || (!type && !machine_strv_has(flags, "hypervisor")))
		return 0;
	if (type && strcmp(type, "xen") == 0)
		name = "Xen";
	else
		name = by_firmware(vendor, product);
	if (!name)
		name = by_clock(clock);
	if (!name)
		name = type ? type : "unknown";
	return collect_util_text(name, strlen(name), ret);
}
