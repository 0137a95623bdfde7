/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/bus.h"

#include <string.h>
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

#define FOLDER	"/sys/bus/pci/devices"

/* file2alias of the kernel: what it is matched by where the attribute is not there. */
static int make_modalias(struct machine_pci *d)
{
	unsigned int vendor, device, subvendor = 0, subdevice = 0, class = 0;

	if (!d->device || sscanf(d->vendor, "0x%4x", &vendor) != 1 ||
	    sscanf(d->device, "0x%4x", &device) != 1)
		return 0;
	if (d->subsystem_vendor)
		(void)sscanf(d->subsystem_vendor, "0x%4x", &subvendor);
	if (d->subsystem_device)
		(void)sscanf(d->subsystem_device, "0x%4x", &subdevice);
	if (d->class)
		(void)sscanf(d->class, "0x%6x", &class);
	d->modalias = text_format("pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", vendor, device,
				  subvendor, subdevice, class >> 16 & 0xff, class >> 8 & 0xff,
				  class & 0xff);
	return d->modalias ? 0 : -ENOMEM;
}

static int add(const struct sysroot *root, struct machine *m, const char *name)
{
	struct machine_pci *d = machine_grow(&m->pci, &m->npci, sizeof(*d));
	CLEANUP(mem_free) char *entry = text_format("+pci:%s", name);
	int r;

	if (!d || !entry)
		return -ENOMEM;
	const struct {
		const char *file;
		char **to;
	} attributes[] = {
		{ "class", &d->class },
		{ "vendor", &d->vendor },
		{ "device", &d->device },
		{ "subsystem_vendor", &d->subsystem_vendor },
		{ "subsystem_device", &d->subsystem_device },
		{ "modalias", &d->modalias },
	};

	r = collect_util_text(name, strlen(name), &d->address);
	for (size_t i = 0; i < ARRAY_SIZE(attributes) && r == 0; i++)
		r = collect_util_line(root, attributes[i].to, FOLDER "/%s/%s", name,
				      attributes[i].file);
	if (r == 0)
		r = collect_util_link_name(root, &d->driver, FOLDER "/%s/driver", name);
	if (r == 0)
		r = collect_util_link_name(root, &d->physfn, FOLDER "/%s/physfn", name);
	if (r == 0 && !bus_is_number(d->vendor))
		r = collect_warn(m, "PCI device %s does not tell what it is", name);
	else if (r == 0 && !d->modalias)
		r = make_modalias(d);
	if (r == 0 && d->modalias)
		r = bus_judge(d->modalias, &d->group, &d->lacks);
	return r == 0 ? bus_names(root, entry, &d->vendor_name, &d->device_name) : r;
}

int bus_pci_collect(const struct sysroot *root, struct machine *m)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, FOLDER);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (char **p = names; *p && r == 0; p++)
		/* Gone since the folder was read, or a link that leads nowhere. */
		if (sysroot_exists(root, FOLDER "/%s/vendor", *p))
			r = m->npci == COLLECT_LIST_MAX ? collect_full(m, "PCI devices") :
							  add(root, m, *p);
	return r;
}
