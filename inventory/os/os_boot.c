/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the system starts, and with which tools: what is in use before what is merely installed. The
 * nearest witness to the boot loader is the loader itself (the variables of the Boot Loader
 * Interface, systemd.io/BOOT_LOADER_INTERFACE), then the firmware's boot entry, then the disk.
 */
#include "inventory/os/os.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include "inventory/collect_util.h"
#include "inventory/os/os_signs.h"

#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static int set(char **to, const char *from)
{
	return from ? collect_util_text(from, strlen(from), to) : 0;
}

/* An EFI variable that holds UTF-16 of ASCII, as ASCII in buf; "" when it is not there. */
static void read_variable(const struct os_look *o, const char *name, char *buf, size_t size)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t len = 0, n = 0;
	int r = sysroot_read(o->root, &data, &len, "/sys/firmware/efi/efivars/%s-" LOADER_GUID,
			     name);

	for (size_t i = 4; r >= 0 && i + 1 < len && n + 1 < size; i += 2) {
		if (!data[i] && !data[i + 1])
			break;
		buf[n++] = data[i + 1] ? '?' : data[i];
	}
	buf[n] = '\0';
}

/* By the file of a boot entry: \EFI\systemd\systemd-bootx64.efi. NULL: any loader's. */
static const char *loader_of_file(const char *file)
{
	static const struct {
		const char *part, *loader;
	} parts[] = {
		{ "\\systemd-boot", "systemd-boot" }, { "\\refind_", "refind" },
		{ "\\EFI\\Linux\\", "uki" },	      { "\\grub", "grub2" },
		{ "\\elilo", "elilo" },		      { "\\limine", "limine" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcasestr(file, parts[i].part))
			return parts[i].loader;
	return NULL;
}

static const char *witness(const struct os_look *o)
{
	const struct machine_boot_entry *e = machine_boot_current(o->m);
	char loader[64], stub[64];

	read_variable(o, "LoaderInfo", loader, sizeof(loader));
	if (strncasecmp(loader, "systemd-boot", 12) == 0)
		return "systemd-boot";
	if (strncasecmp(loader, "grub", 4) == 0)
		return "grub2";
	read_variable(o, "StubInfo", stub, sizeof(stub));
	if (stub[0] && !loader[0])
		return "uki";
	return e && e->file ? loader_of_file(e->file) : NULL;
}

static bool boots_unified(const struct os_look *o)
{
	bool unified = false;

	for (size_t i = 0; i < o->os->nkernels; i++) {
		const char *image = o->os->kernels[i].image;

		if (!image)
			continue;
		if (!strstr(image, "/EFI/Linux/"))
			return false;
		unified = true;
	}
	return unified;
}

static int find_bootloader(struct os_look *o)
{
	enum machine_firmware_type firmware = o->m->firmware.type;
	const char *name = NULL;

	if (firmware == MACHINE_FIRMWARE_UEFI && o->running)
		name = witness(o);
	if (!name)
		name = os_signs_find(o, os_signs_bootloaders, firmware);
	/* Installed for the other firmware: a disk that was moved, or converted. */
	if (!name)
		name = os_signs_find(o, os_signs_bootloaders, MACHINE_FIRMWARE_UNKNOWN);
	if (!name && boots_unified(o))
		name = "uki";
	return set(&o->os->bootloader, name);
}

/* What the kernel does now, else what the configuration wants of the next boot. */
static int find_selinux(struct os_look *o)
{
	static const char *const enforce[] = { "/sys/fs/selinux/enforce", "/selinux/enforce" };
	CLEANUP(mem_free) char *config = NULL, *value = NULL;
	int r = os_read(o, &config, "/etc/selinux/config");

	for (size_t i = 0; i < ARRAY_SIZE(enforce) && o->running; i++) {
		uint64_t on;

		if (sysroot_read_u64(o->root, &on, "%s", enforce[i]) == 0)
			return set(&o->os->selinux, on ? "enforcing" : "permissive");
	}
	if (r < 0 || collect_util_key(config, "SELINUX", &value) < 0)
		return -ENOMEM;
	if (!value)
		return 0;
	collect_util_lower(value);
	/* Configured, but the kernel that runs was started without it. */
	if (o->running)
		return set(&o->os->selinux, "disabled");
	if (strcmp(value, "enforcing") != 0 && strcmp(value, "permissive") != 0)
		return set(&o->os->selinux, "disabled");
	return set(&o->os->selinux, value);
}

int os_boot_collect(struct os_look *o)
{
	int r = set(&o->os->package_manager,
		    os_signs_find(o, os_signs_package_managers, MACHINE_FIRMWARE_UNKNOWN));

	if (r == 0)
		r = set(&o->os->initramfs_tool,
			os_signs_find(o, os_signs_initramfs_tools, MACHINE_FIRMWARE_UNKNOWN));
	if (r == 0)
		r = find_bootloader(o);
	return r == 0 ? find_selinux(o) : r;
}
