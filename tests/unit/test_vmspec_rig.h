/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine of which all is known, and what the tests of vmspec do to it. */
#ifndef P2V_TESTS_VMSPEC_RIG_H
#define P2V_TESTS_VMSPEC_RIG_H

#include <errno.h>
#include <inttypes.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/text.h"
#include "convert/domain_xml.h"
#include "tests/lib/unit.h"

#define RANDOM_UUID	"6ba7b810-9dad-41d1-80b4-00c04fd430c8"
#define SANE_UUID	"4c4c4544-0053-4a10-8057-b4c04f4d3632"

/* A machine of which all is known, so that a test's own warnings are the only ones. */
static UNUSED struct machine *m;
static UNUSED struct guestcaps caps;
static UNUSED struct vmspec_options opt;
static UNUSED struct vmspec_image images[8];
static UNUSED size_t nimages;
static UNUSED struct machine_strv warnings;
static UNUSED struct err err;

static UNUSED void set(char **where, const char *text)
{
	free(*where);
	*where = text ? strdup(text) : NULL;
}

static UNUSED struct machine_disk *add_disk(const char *name, uint32_t sector)
{
	struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));

	d->name = strdup(name);
	ck_assert_int_ge(asprintf(&d->path, "/dev/%s", name), 0);
	d->logical_sector = d->physical_sector = sector;
	images[nimages++] =
	    (struct vmspec_image){.name = d->name, .path = "/srv/disk.qcow2", .size = GIB};
	return d;
}

static UNUSED struct machine_partition *add_partition(struct machine_disk *d)
{
	struct machine_partition *p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));

	p->number = (uint32_t)d->npartitions;
	p->name = strdup("p");
	return p;
}

static UNUSED struct machine_nic *add_nic(const char *name, const char *mac, const char *permanent)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));

	n->name = strdup(name);
	n->kind = strdup("physical");
	set(&n->mac, mac);
	set(&n->permanent_mac, permanent);
	n->up = n->carrier = true;
	n->mtu = 1500;
	return n;
}

static UNUSED void setup(void)
{
	ck_assert_int_eq(machine_new(&m), 0);
	guestcaps_default(&caps);
	caps.block = VM_BLOCK_VIRTIO_SCSI;
	caps.q35 = caps.virtio_1_0 = true;
	opt = (struct vmspec_options){ .random_uuid = RANDOM_UUID, .kvm = true };
	nimages = 0;
	err_reset(&err);
	set(&m->hostname, "web1");
	set(&m->smbios.uuid, SANE_UUID);
	m->memory.installed = 4 * GIB;
	m->memory.usable = 3 * GIB;
	m->cpu.sockets = 1;
	m->cpu.cores_per_socket = 4;
	m->cpu.threads_per_core = 2;
	m->cpu.online = 8;
	m->firmware.type = MACHINE_FIRMWARE_BIOS;
	add_disk("sda", 512);
	add_nic("eno1", "52:54:00:00:00:01", "52:54:00:00:00:01");
}

static UNUSED void teardown(void)
{
	machine_free(m);
	m = NULL;
	machine_strv_done(&warnings);
	warnings = (struct machine_strv){ 0 };
}

static UNUSED struct vmspec *build(void)
{
	struct vmspec *s = NULL;
	int r;

	for (size_t i = 0; i < warnings.n; i++)
		free(warnings.v[i]);
	warnings.n = 0;
	free(warnings.v);
	warnings.v = NULL;
	r = vmspec_build(m, &caps, images, nimages, &opt, &s, &warnings, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return s;
}

static UNUSED void refused(const char *why)
{
	struct vmspec *s = NULL;

	ck_assert_int_eq(vmspec_build(m, &caps, images, nimages, &opt, &s, NULL, &err), -EINVAL);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(err.text, why) != NULL, "\"%s\" does not say \"%s\"", err.text, why);
}

static UNUSED bool warned(const char *what)
{
	for (size_t i = 0; i < warnings.n; i++)
		if (strstr(warnings.v[i], what))
			return true;
	return false;
}

#define SPEC CLEANUP(vmspec_free) struct vmspec *s = build()

#endif
