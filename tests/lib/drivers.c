/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/drivers.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "common/utf16.h"

/*
 * name, INF, program, service, class, its GUID, device ids of old and of virtio 1.0, start type,
 * load order group
 */
static const struct driver {
	const char *folder, *inf, *program, *service, *class, *guid, *old, *modern;
	int start;
	const char *group;
} drivers[] = {
	{ "viostor", "viostor", "viostor", "viostor", "SCSIAdapter",
	  "{4d36e97b-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01", 0, "SCSI miniport" },
	{ "vioscsi", "vioscsi", "vioscsi", "vioscsi", "SCSIAdapter",
	  "{4d36e97b-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1004&SUBSYS_00081AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1048&SUBSYS_11001AF4&REV_01", 0, "SCSI miniport" },
	{ "NetKVM", "netkvm", "netkvm", "netkvm", "Net", "{4d36e972-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1000&SUBSYS_00011AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1041&SUBSYS_11001AF4&REV_01", 3, "NDIS" },
	{ "Balloon", "balloon", "balloon", "BALLOON", "System",
	  "{4d36e97d-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1002&SUBSYS_00051AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1045&SUBSYS_11001AF4&REV_01", 3, "Extended Base" },
	{ "viorng", "viorng", "viorng", "VirtRng", "System",
	  "{4d36e97d-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1005&SUBSYS_00041AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1044&SUBSYS_11001AF4&REV_01", 3, "Extended Base" },
	{ "vioserial", "vioser", "vioser", "VirtioSerial", "System",
	  "{4d36e97d-e325-11ce-bfc1-08002be10318}",
	  "PCI\\VEN_1AF4&DEV_1003&SUBSYS_00031AF4&REV_00",
	  "PCI\\VEN_1AF4&DEV_1043&SUBSYS_11001AF4&REV_01", 3, "Extended Base" },
	{ "pvpanic", "pvpanic", "pvpanic", "pvpanic", "System",
	  "{4d36e97d-e325-11ce-bfc1-08002be10318}", "ACPI\\QEMU0001", "ACPI\\VEN_QEMU&DEV_0001", 3,
	  "Extended Base" },
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

static void put(const char *path, const void *data, size_t len)
{
	CLEANUP(mem_free) char *dir = strdup(path);
	struct err err = ERR_INIT;

	if (!dir)
		die(path, "no memory");
	*strrchr(dir, '/') = '\0';
	if (fdio_mkdir_p(dir, 0755, &err) < 0 ||
	    fdio_replace_file(path, data, len, 0644, &err) < 0)
		die(path, err.text);
}

static char *inf_text(const struct driver *d)
{
	return text_format(
		";/*++\r\n; %s.inf: of a test, in the shape of the real one\r\n;--*/\r\n"
		"\r\n[Version]\r\nSignature=\"$WINDOWS NT$\"\r\nClass=%s\r\nClassGuid=%s\r\n"
		"Provider=%%VENDOR%%\r\nDriverVer=08/07/2023,100.94.104.24000\r\n"
		"CatalogFile=%s.cat\r\nDriverPackageType = PlugAndPlay\r\nPnpLockdown=1\r\n"
		"\r\n[DestinationDirs]\r\nDefaultDestDir = 10\r\n%s_Files = 12\r\n"
		"\r\n[SourceDisksNames]\r\n1 = %%DiskId1%%,,,\"\"\r\n"
		"\r\n[SourceDisksFiles]\r\n%s.sys = 1,,\r\n"
		"\r\n[Manufacturer]\r\n%%VENDOR%% = Models, NTx86, NTamd64, NTarm64,  "
		"NTamd64.6.2\r\n"
		"\r\n[Models.NTx86]\r\n%%Desc%% = inst, %s\r\n%%Desc%% = inst, %s\r\n"
		"\r\n[Models.NTamd64]\r\n%%Desc%% = inst, %s ; old\r\n"
		"%%Desc%% = inst, \\\r\n    %s\r\n"
		"\r\n[Models.NTarm64]\r\n%%Desc%% = inst, %s, %s\r\n"
		"\r\n[Models.NTamd64.6.2]\r\n%%Desc%% = inst8, %s\r\n%%Desc%% = inst8, %s\r\n"
		"\r\n[inst]\r\nCopyFiles = %s_Files\r\n[inst8]\r\nCopyFiles = %s_Files\r\n"
		"\r\n[%s_Files]\r\n%s.sys,,,2\r\n"
		"\r\n[inst.Services]\r\nAddService = %s, 0x00000002 , service, log\r\n"
		"\r\n[inst8.Services]\r\nAddService = %s, 0x00000002 , service, log\r\n"
		"\r\n[service]\r\nDisplayName = %%Desc%%\r\nServiceType    = %%KERNEL%%\r\n"
		"StartType      = %%START%%\r\nErrorControl   = %%NORMAL%%\r\n"
		"ServiceBinary  = %%12%%\\%s.sys\r\nLoadOrderGroup = %s\r\nAddReg = pnpsafe\r\n"
		"\r\n[pnpsafe]\r\n"
		"HKR, \"Parameters\\PnpInterface\", \"5\", %%REG_DWORD%%, 0x00000001\r\n"
		"HKR, \"Parameters\", \"BusType\", %%REG_DWORD%%, 0x00000001\r\n"
		"\r\n[log]\r\nAddReg = log_reg\r\n"
		"[log_reg]\r\nHKR,,TypesSupported,%%REG_DWORD%%,7\r\n"
		"\r\n[Strings]\r\nVENDOR = \"Red Hat, Inc.\"\r\nDesc = \"Red Hat VirtIO %s\"\r\n"
		"DiskId1 = \"Disk; with \"\"quotes\"\"\"\r\n"
		"KERNEL = 1\r\nSTART = %d\r\nNORMAL = 1\r\n"
		"REG_DWORD = 0x00010001\r\n",
		d->inf, d->class, d->guid, d->inf, d->inf, d->program, d->old, d->modern, d->old,
		d->modern, d->old, d->modern, d->old, d->modern, d->inf, d->inf, d->inf, d->program,
		d->service, d->service, d->program, d->group, d->folder, d->start);
}

char *drivers_inf(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strcasecmp(drivers[i].inf, name) == 0)
			return inf_text(&drivers[i]);
	die(name, "no such driver");
	return NULL;
}

/* The INFs of some drivers are in UTF-16, as some real ones are. */
static void put_inf(const char *path, const struct driver *d)
{
	CLEANUP(mem_free) char *text = inf_text(d);
	CLEANUP(mem_free) char *wide = NULL;
	void *units = NULL;
	size_t n;

	if (!text)
		die(path, "no memory");
	if (strcmp(d->class, "System") != 0) {
		put(path, text, strlen(text));
		return;
	}
	if (utf16_from_utf8(text, strlen(text), &units, &n) < 0 || !(wide = malloc(n + 2)))
		die(path, "no memory");
	memcpy(wide, "\xff\xfe", 2);
	memcpy(wide + 2, units, n);
	free(units);
	put(path, wide, n + 2);
}

static void put_driver(const char *dir, const struct driver *d, const char *version,
		       const char *arch)
{
	static const char *const ends[] = { ".sys", ".cat", ".pdb" };
	CLEANUP(mem_free) char *inf = text_format("%s/%s.inf", dir, d->inf);

	put_inf(inf, d);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		CLEANUP(mem_free) char *path = text_format("%s/%s%s", dir, d->program, ends[i]);
		CLEANUP(mem_free) char *text =
			text_format("%s%s for %s %s\n", d->program, ends[i], version, arch);

		/* The catalogs are the same everywhere: they share their bytes in an ISO. */
		if (i == 1) {
			free(text);
			text = text_format("%s.cat\n", d->program);
		}
		put(path, text, strlen(text));
	}
}

static void make(const char *root, const char *versions, bool by_os)
{
	static const char *const arches[] = { "x86", "amd64", "ARM64" };
	CLEANUP(mem_free) char *list = strdup(versions);
	char *save = NULL;

	for (char *v = strtok_r(list, " ", &save); v; v = strtok_r(NULL, " ", &save))
		for (size_t a = 0; a < ARRAY_SIZE(arches); a++)
			for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
				CLEANUP(mem_free) char *dir =
					by_os ? text_format("%s/drivers/by-os/%s/%s", root,
							    arches[a], v)
					      : text_format("%s/%s/%s/%s", root,
							    drivers[i].folder, v, arches[a]);

				put_driver(dir, &drivers[i], v, arches[a]);
			}
}

void drivers_folder(const char *dir, const char *versions)
{
	CLEANUP(mem_free) char *agent = text_format("%s/guest-agent/qemu-ga-x86_64.msi", dir);
	CLEANUP(mem_free) char *small = text_format("%s/guest-agent/qemu-ga-i386.msi", dir);

	make(dir, versions, false);
	put(agent, "an MSI for 64 bits\n", 19);
	put(small, "an MSI for 32 bits\n", 19);
}

void drivers_by_os(const char *dir, const char *versions)
{
	make(dir, versions, true);
}

void drivers_iso(const char *dir, const char *iso)
{
	char *const roots[] = { (char *)(uintptr_t)dir, NULL };
	struct archive *a = archive_write_new();
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *x;

	if (!a || !fts || archive_write_set_format_iso9660(a) != ARCHIVE_OK ||
	    archive_write_open_filename(a, iso) != ARCHIVE_OK)
		die(iso, "cannot be made");
	while ((x = fts_read(fts))) {
		struct archive_entry *e;
		char *data;
		size_t n;

		if (x->fts_info != FTS_F)
			continue;
		if (fdio_read_file(x->fts_path, 1 << 20, &data, &n, NULL) < 0)
			die(x->fts_path, "cannot be read");
		e = archive_entry_new();
		archive_entry_set_pathname(e, x->fts_path + strlen(dir) + 1);
		archive_entry_set_size(e, (la_int64_t)n);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, 0644);
		if (archive_write_header(a, e) != ARCHIVE_OK ||
		    archive_write_data(a, data, n) != (la_ssize_t)n)
			die(iso, archive_error_string(a));
		archive_entry_free(e);
		free(data);
	}
	fts_close(fts);
	if (archive_write_close(a) != ARCHIVE_OK)
		die(iso, archive_error_string(a));
	archive_write_free(a);
}
