/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of several systems the firmware starts; see systems.h for the order of the evidence. */
#include "inventory/systems/systems.h"

#include <string.h>
#include <strings.h>
#include "common/compiler.h"

/* "debian" of \EFI\debian\shimx64.efi; its length, 0 when there is none. */
static size_t loader_folder(const char *file, const char **ret)
{
	const char *p = strcasestr(file, "\\EFI\\");

	if (!p)
		return 0;
	p += 5;
	*ret = p;
	return p[strcspn(p, "\\")] ? strcspn(p, "\\") : 0;
}

/* Distributions call it by their id; these do not. */
static const struct {
	const char *folder, *id;
} others[] = {
	{ "redhat", "rhel" },
	{ "redhat", "ol" },
	{ "centos", "rhel" },
	{ "opensuse", "opensuse-leap" },
	{ "opensuse", "opensuse-tumbleweed" },
	{ "sles", "sles_sap" },
	{ "ubuntu", "linuxmint" },
	{ "ubuntu", "pop" },
};

static bool is_called(const struct machine_os *os, const char *file)
{
	const char *folder;
	size_t n = file ? loader_folder(file, &folder) : 0;

	if (n == 0)
		return false;
	if (os->kind && strcmp(os->kind, "windows") == 0)
		return n == 9 && strncasecmp(folder, "Microsoft", n) == 0;
	if (!os->id)
		return false;
	if (strlen(os->id) == n && strncasecmp(folder, os->id, n) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(os->id, others[i].id) == 0 && strlen(others[i].folder) == n &&
		    strncasecmp(folder, others[i].folder, n) == 0)
			return true;
	return false;
}

static bool is_windows_loader(const char *file)
{
	const char *folder;

	return file && loader_folder(file, &folder) == 9 &&
	       strncasecmp(folder, "Microsoft", 9) == 0;
}

static bool mounts_esp(const struct machine *m, const struct machine_os *os, const char *uuid)
{
	const struct machine_partition *p = os->esp_source ?
					    machine_find_partition(m, os->esp_source, NULL) : NULL;

	return p && p->uuid && uuid && strcasecmp(p->uuid, uuid) == 0;
}

static struct machine_os *by_entry(struct machine *m, const struct machine_boot_entry *e)
{
	struct machine_os *on_esp = NULL;

	for (size_t i = 0; i < m->nsystems; i++) {
		struct machine_os *os = &m->systems[i];

		if (!mounts_esp(m, os, e->partition_uuid))
			continue;
		if (is_called(os, e->file))
			return os;
		if (!on_esp)
			on_esp = os;
	}
	if (on_esp && !is_windows_loader(e->file))
		return on_esp;
	for (size_t i = 0; i < m->nsystems; i++)
		if (is_called(&m->systems[i], e->file))
			return &m->systems[i];
	return NULL;
}

static struct machine_os *by_firmware(struct machine *m)
{
	const struct machine_firmware *f = &m->firmware;

	for (size_t i = 0; i < f->nboot_order + 1; i++) {
		int32_t number = i == 0 ? f->boot_current : f->boot_order[i - 1];

		for (size_t j = 0; j < f->nentries; j++) {
			struct machine_os *os;

			if (f->entries[j].number != number || !f->entries[j].active)
				continue;
			os = by_entry(m, &f->entries[j]);
			if (os)
				return os;
		}
	}
	return NULL;
}

static bool is_on_partition(const struct machine *m, const char *path,
			    const struct machine_partition *p)
{
	return path && machine_find_partition(m, path, NULL) == p;
}

static struct machine_os *by_active(struct machine *m, const struct machine_disk *d)
{
	for (size_t i = 0; i < d->npartitions; i++) {
		const struct machine_partition *p = &d->partitions[i];

		for (size_t j = 0; p->boot && j < m->nsystems; j++)
			if (is_on_partition(m, m->systems[j].root_source, p) ||
			    is_on_partition(m, m->systems[j].boot_source, p))
				return &m->systems[j];
	}
	return NULL;
}

static struct machine_os *by_disk(struct machine *m)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];
		struct machine_os *os = by_active(m, d);

		if (os)
			return os;
		for (size_t j = 0; j < m->nsystems; j++)
			if (systems_disk_of(m, m->systems[j].boot_source) == d ||
			    systems_disk_of(m, m->systems[j].root_source) == d)
				return &m->systems[j];
	}
	return NULL;
}

void systems_mark_first(struct machine *m)
{
	struct machine_os *first = NULL;

	for (size_t i = 0; i < m->nsystems; i++) {
		m->systems[i].boots_first = false;
		if (m->systems[i].booted && !first)
			first = &m->systems[i];
	}
	if (!first && m->nsystems == 1)
		first = &m->systems[0];
	if (!first && m->firmware.type == MACHINE_FIRMWARE_UEFI)
		first = by_firmware(m);
	if (!first)
		first = by_disk(m);
	if (first)
		first->boots_first = true;
}
