/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PCI and USB devices of roots made here, and the table that says what a machine will lack. */
#include <unistd.h>
#include "common/fdio.h"
#include "common/tables.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/hw/bus.h"
#include "inventory/machine_json.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"
#include "tests/unit/test_bus_devices.h"

static void put_text(const char *path, const char *text)
{
	tmproot_text(text, "%s", path);
}

static struct machine *collect(void)
{
	CLEANUP(sysroot_free) struct sysroot *root = tmproot_open();
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(collect_bus(root, m, &err) == 0, "%s", err.text);
	return m;
}

#define PCI	"/sys/bus/pci/devices/"
#define USB	"/sys/bus/usb/devices/"

START_TEST(test_pci_device_in_full)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_pci *d;

	tmproot_make();
	put_text(PCI "0000:3b:00.0/class", "0x030200\n");
	put_text(PCI "0000:3b:00.0/vendor", "0x10de\n");
	put_text(PCI "0000:3b:00.0/device", "0x1eb8\n");
	put_text(PCI "0000:3b:00.0/subsystem_vendor", "0x10de\n");
	put_text(PCI "0000:3b:00.0/subsystem_device", "0x12a2\n");
	put_text(PCI "0000:3b:00.0/modalias",
		 "pci:v000010DEd00001EB8sv000010DEsd000012A2bc03sc02i00\n");
	tmproot_link(PCI "0000:3b:00.0/driver", "../../../bus/pci/drivers/nvidia");
	put_text("/run/udev/data/+pci:0000:3b:00.0",
		 "I:123\nE:ID_VENDOR_FROM_DATABASE=NVIDIA Corporation\n"
		 "E:ID_MODEL_FROM_DATABASE=TU104GL [Tesla T4]\n");
	/* A virtual function, without a modalias: kernels before 2.6.12 have none. */
	put_text(PCI "0000:3b:10.0/class", "0x0b4000\n");
	put_text(PCI "0000:3b:10.0/vendor", "0x8086\n");
	put_text(PCI "0000:3b:10.0/device", "0x37c9\n");
	tmproot_link(PCI "0000:3b:10.0/physfn", "../0000:3b:00.1");
	/* An empty slot of a folder: no device any more. */
	put_text(PCI "0000:ff:00.0/uevent", "");
	m = collect();
	tmproot_remove();
	ck_assert_uint_eq(m->npci, 2);
	d = &m->pci[0];
	ck_assert_str_eq(d->address, "0000:3b:00.0");
	ck_assert_str_eq(d->class, "0x030200");
	ck_assert_str_eq(d->vendor, "0x10de");
	ck_assert_str_eq(d->device, "0x1eb8");
	ck_assert_str_eq(d->subsystem_vendor, "0x10de");
	ck_assert_str_eq(d->subsystem_device, "0x12a2");
	ck_assert_str_eq(d->vendor_name, "NVIDIA Corporation");
	ck_assert_str_eq(d->device_name, "TU104GL [Tesla T4]");
	ck_assert_str_eq(d->driver, "nvidia");
	ck_assert_ptr_null(d->physfn);
	ck_assert_str_eq(d->group, "gpu");
	ck_assert_str_eq(d->lacks, "graphics processor NVIDIA");
	d = &m->pci[1];
	ck_assert_str_eq(d->modalias, "pci:v00008086d000037C9sv00000000sd00000000bc0Bsc40i00");
	ck_assert_str_eq(d->physfn, "0000:3b:00.1");
	ck_assert_str_eq(d->group, "accelerator");
	ck_assert_ptr_null(d->driver);
	ck_assert_ptr_null(d->vendor_name);
}
END_TEST

static void put_file(const char *address, const char *file, const char *text)
{
	tmproot_text(text, USB "%s/%s", address, file);
}

static void put_usb(const char *address, const char *vendor, const char *product, const char *class)
{
	put_file(address, "idVendor", vendor);
	put_file(address, "idProduct", product);
	put_file(address, "bDeviceClass", class);
}

static void put_interface(const char *address, const char *modalias, const char *driver)
{
	CLEANUP(mem_free) char *path = text_format(USB "%s/driver", address);

	put_file(address, "modalias", modalias);
	if (driver)
		tmproot_link(path, driver);
}

START_TEST(test_usb_devices_and_their_interfaces)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_usb *d;

	tmproot_make();
	put_usb("usb1", "1d6b\n", "0002\n", "09\n");
	put_interface("1-0:1.0", "usb:v1D6Bp0002d0510dc09dsc00dp01ic09isc00ip00in00\n", "../x/hub");
	put_usb("1-1", "0529\n", "0001\n", "ff\n");
	put_text(USB "1-1/manufacturer", "SafeNet Inc.\n");
	put_text(USB "1-1/serial", "0123\n");
	put_text(USB "1-1/dev", "189:2\n");
	put_interface("1-1:1.0", "usb:v0529p0001d0325dcFFdsc00dp00icFFisc00ip00in00\n", NULL);
	put_text("/run/udev/data/c189:2",
		 "E:ID_VENDOR_FROM_DATABASE=Aladdin Knowledge Systems\n"
		 "E:ID_MODEL_FROM_DATABASE=HASP copy protection dongle\n");
	/* Two interfaces, of which the second one tells; "1-1" must not take them for its own. */
	put_usb("1-1.2", "08e6\n", "3437\n", "00\n");
	put_interface("1-1.2:1.0", "usb:v08E6p3437d0100dc00dsc00dp00ic03isc01ip01in00\n",
		      "../../drivers/usbhid");
	put_interface("1-1.2:1.1", "usb:v08E6p3437d0100dc00dsc00dp00ic0Bisc00ip00in01\n",
		      "../../drivers/usbfs");
	/* Not configured. */
	put_usb("2-1", "064f\n", "2af9\n", "00\n");
	m = collect();
	tmproot_remove();
	ck_assert_uint_eq(m->nusb, 4);
	ck_assert_str_eq(m->usb[0].address, "usb1");
	ck_assert_ptr_null(m->usb[0].lacks);
	d = &m->usb[1];
	ck_assert_str_eq(d->address, "1-1");
	ck_assert_str_eq(d->vendor, "0529");
	ck_assert_str_eq(d->product, "0001");
	ck_assert_str_eq(d->class, "ff");
	ck_assert_str_eq(d->serial, "0123");
	/* What the device says of itself comes before the database. */
	ck_assert_str_eq(d->manufacturer, "SafeNet Inc.");
	ck_assert_str_eq(d->product_name, "HASP copy protection dongle");
	ck_assert_uint_eq(d->drivers.n, 0);
	ck_assert_uint_eq(d->modaliases.n, 1);
	ck_assert_str_eq(d->group, "licence");
	d = &m->usb[2];
	ck_assert_str_eq(d->address, "1-1.2");
	ck_assert_uint_eq(d->drivers.n, 2);
	ck_assert_str_eq(d->drivers.v[0], "usbhid");
	ck_assert_uint_eq(d->modaliases.n, 2);
	ck_assert_str_eq(d->group, "smartcard");
	ck_assert_str_eq(m->usb[3].group, "licence");
}
END_TEST

/* Each example falls under its row, and each row has an example: none is shadowed by another. */
START_TEST(test_table_of_devices)
{
	CLEANUP(mem_free) bool *used = calloc(tables_devices_count, sizeof(*used));

	for (size_t i = 0; i < sizeof(device_examples) / sizeof(device_examples[0]); i++) {
		const struct device_example *e = &device_examples[i];
		const struct tables_row *row =
			tables_match(tables_devices, tables_devices_count, e->modalias);

		ck_assert_msg(!row == !e->group, "%s: %s", e->modalias,
			      row ? row->pattern : "no row");
		if (row)
			ck_assert_msg(strcmp(row->pattern, e->pattern) == 0 &&
				      strcmp(row->group, e->group) == 0,
				      "%s: %s %s", e->modalias, row->group, row->pattern);
		for (size_t k = 0; k < tables_devices_count && e->pattern; k++)
			if (strcmp(tables_devices[k].pattern, e->pattern) == 0 &&
			    (row || fnmatch(e->pattern + 1, e->modalias, 0) == 0))
				used[k] = true;
	}
	for (size_t k = 0; k < tables_devices_count; k++) {
		ck_assert_msg(used[k], "no example for %s", tables_devices[k].pattern);
		for (const char *p = tables_devices[k].group; *p; p++)
			ck_assert_msg((*p >= 'a' && *p <= 'z') || *p == '-', "group %s",
				      tables_devices[k].group);
	}
}
END_TEST

START_TEST(test_judge_keeps_what_is_known)
{
	CLEANUP(mem_free) char *group = strdup("mine"), *lacks = NULL;

	ck_assert_int_eq(bus_judge("usb:v0529p0001", &group, &lacks), 0);
	ck_assert_str_eq(group, "mine");
	ck_assert_str_eq(lacks, "Aladdin HASP licence dongle");
	ck_assert_int_eq(bus_judge("", &group, &lacks), 0);
}
END_TEST

/* Noise, loops, files of 1 MiB, folders in the place of files: the neighbours are complete. */
START_TEST(test_hostile_devices)
{
	CLEANUP(mem_free) char *big = malloc(2 << 20);
	CLEANUP(machine_free) struct machine *m = NULL, *back = NULL;
	CLEANUP(mem_free) char *json = NULL;
	struct err err = ERR_INIT;

	memset(big, 'A', 2 << 20);
	tmproot_make();
	tmproot_put(PCI "0000:00:01.0/vendor", "\xff\xfe\x00\x01", 4);
	tmproot_put(PCI "0000:00:01.0/modalias", big, 2 << 20);
	tmproot_put(PCI "0000:00:02.0/vendor", big, 1 << 16);
	tmproot_link(PCI "0000:00:02.0/class", "class");
	tmproot_link(PCI "0000:00:02.0/driver", "/");
	put_text(PCI "0000:00:02.0/device/x", "");
	put_text(PCI "*[/vendor", "0x1234\n");
	put_text(PCI "%s%n/vendor", "0x1234\n");
	put_text(PCI "0000:00:04.0/vendor", "0x1000\n");
	put_text(PCI "0000:00:04.0/device", "0x5d\n");
	put_text(PCI "0000:00:04.0/class", "0x010400\n");
	put_usb("1-1", "zz\n", "\n", "\xc3\n");
	put_text(USB "1-1/dev", "../../../etc/passwd\n");
	put_interface("1-1:", "usb:", NULL);
	put_usb("1-2", "064f\n", "2af9\n", "00\n");
	m = collect();
	tmproot_remove();
	ck_assert_uint_eq(m->npci, 5);
	/* Each of those whose numbers are none is named. */
	ck_assert_uint_eq(m->warnings.n, 3);
	for (size_t i = 0; i < m->npci; i++)
		ck_assert_int_eq(m->pci[i].lacks != NULL,
				 strcmp(m->pci[i].address, "0000:00:04.0") == 0);
	ck_assert_uint_eq(m->nusb, 2);
	ck_assert_ptr_null(m->usb[0].lacks);
	ck_assert_str_eq(m->usb[1].group, "licence");
	ck_assert_msg(machine_json_dump(m, &json, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_parse(json, strlen(json), &back, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(back->npci, 5);
}
END_TEST

START_TEST(test_no_bus)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	m = collect();
	tmproot_remove();
	ck_assert_uint_eq(m->npci + m->nusb + m->warnings.n, 0);
}
END_TEST

START_TEST(test_lists_end)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	for (unsigned int i = 0; i < COLLECT_LIST_MAX + 5; i++) {
		CLEANUP(mem_free) char *folder = text_format("%s" PCI "%04x:00:00.0",
							     tmproot_path(), i);
		CLEANUP(mem_free) char *file = text_format("%s/vendor", folder);

		ck_assert_int_eq(fdio_mkdir_p(folder, 0755, NULL), 0);
		ck_assert_int_eq(symlink("/v", file), 0);
	}
	put_text("/v", "0x1234\n");
	m = collect();
	tmproot_remove();
	ck_assert_uint_eq(m->npci, COLLECT_LIST_MAX);
	ck_assert_uint_eq(m->warnings.n, 1);
}
END_TEST

static Suite *bus_suite(void)
{
	Suite *s = suite_create("bus");
	TCase *t = tcase_create("bus");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_pci_device_in_full);
	tcase_add_test(t, test_usb_devices_and_their_interfaces);
	tcase_add_test(t, test_table_of_devices);
	tcase_add_test(t, test_judge_keeps_what_is_known);
	tcase_add_test(t, test_hostile_devices);
	tcase_add_test(t, test_no_bus);
	tcase_add_test(t, test_lists_end);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(bus_suite)
