/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /sys/bus/usb/devices has devices ("usb1", "1-1.2") and, beside them, their interfaces
 * ("1-1.2:1.0": of configuration 1 number 0). Drivers and modaliases are the interfaces'; a device
 * of class 00 says nothing of itself at all.
 */
#include "inventory/hw/bus.h"

#include <string.h>
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

#define FOLDER	"/sys/bus/usb/devices"

static int add_once(struct machine_strv *v, const char *s)
{
	return !s || v->n == COLLECT_LIST_MAX || machine_strv_has(v, s) ? 0 :
		machine_strv_add(v, s);
}

static int add_interface(const struct sysroot *root, struct machine_usb *d, const char *name)
{
	CLEANUP(mem_free) char *driver = NULL, *modalias = NULL;
	int r = collect_util_link_name(root, &driver, FOLDER "/%s/driver", name);

	if (r == 0)
		r = collect_util_line(root, &modalias, FOLDER "/%s/modalias", name);
	if (r == 0)
		r = add_once(&d->drivers, driver);
	if (r == 0)
		r = add_once(&d->modaliases, modalias);
	return r == 0 && modalias && !d->group ? bus_judge(modalias, &d->group, &d->lacks) : r;
}

/* Not configured, for want of power or by a rule of the system: there are no interfaces. */
static int judge_device(const struct sysroot *root, const char *name, struct machine_usb *d)
{
	CLEANUP(mem_free) char *bcd = NULL, *modalias = NULL;
	unsigned int vendor, product, release = 0, class = 0;
	int r = collect_util_line(root, &bcd, FOLDER "/%s/bcdDevice", name);

	if (r < 0 || !d->vendor || !d->product || sscanf(d->vendor, "%4x", &vendor) != 1 ||
	    sscanf(d->product, "%4x", &product) != 1)
		return r;
	if (bcd)
		(void)sscanf(bcd, "%4x", &release);
	if (d->class)
		(void)sscanf(d->class, "%2x", &class);
	modalias = text_format("usb:v%04Xp%04Xd%04Xdc%02X", vendor, product, release, class);
	return modalias ? bus_judge(modalias, &d->group, &d->lacks) : -ENOMEM;
}

/* udev's entry is the character device's: /dev/bus/usb/BUS/DEV. */
static int names(const struct sysroot *root, const char *name, struct machine_usb *d)
{
	CLEANUP(mem_free) char *dev = NULL, *entry = NULL;
	int r = collect_util_line(root, &dev, FOLDER "/%s/dev", name);

	if (r < 0 || !dev)
		return r;
	/* "189:2"; nothing else is to become a path. */
	if (dev[strspn(dev, "0123456789:")])
		return 0;
	entry = text_format("c%s", dev);
	return entry ? bus_names(root, entry, &d->manufacturer, &d->product_name) : -ENOMEM;
}

static int add(const struct sysroot *root, struct machine *m, char **all, const char *name)
{
	struct machine_usb *d = machine_grow(&m->usb, &m->nusb, sizeof(*d));
	size_t n = strlen(name);
	int r;

	if (!d)
		return -ENOMEM;
	const struct {
		const char *file;
		char **to;
	} attributes[] = {
		{ "idVendor", &d->vendor },
		{ "idProduct", &d->product },
		{ "manufacturer", &d->manufacturer },
		{ "product", &d->product_name },
		{ "serial", &d->serial },
		{ "bDeviceClass", &d->class },
	};

	r = collect_util_text(name, n, &d->address);
	for (size_t i = 0; i < ARRAY_SIZE(attributes) && r == 0; i++)
		r = collect_util_line(root, attributes[i].to, FOLDER "/%s/%s", name,
				      attributes[i].file);
	if (r == 0 && !bus_is_number(d->vendor))
		r = collect_warn(m, "USB device %s does not tell what it is", name);
	for (char **p = all; *p && r == 0; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == ':')
			r = add_interface(root, d, *p);
	if (r == 0 && d->modaliases.n == 0)
		r = judge_device(root, name, d);
	return r == 0 ? names(root, name, d) : r;
}

int bus_usb_collect(const struct sysroot *root, struct machine *m)
{
	CLEANUP(strv_free) char **all = NULL;
	int r = sysroot_list(root, &all, FOLDER);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	/* Root hubs are "usb1", ...; all others begin with a digit. */
	for (int pass = 0; pass < 2; pass++)
		for (char **p = all; *p && r == 0; p++) {
			bool hub = strncmp(*p, "usb", 3) == 0;

			if (strchr(*p, ':') || hub != (pass == 0) ||
			    !sysroot_exists(root, FOLDER "/%s/idVendor", *p))
				continue;
			r = m->nusb == COLLECT_LIST_MAX ? collect_full(m, "USB devices") :
							  add(root, m, all, *p);
		}
	return r;
}
