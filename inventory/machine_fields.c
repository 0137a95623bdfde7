/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table that the others hang below, and what to do with any of them but JSON. */
#include "inventory/machine_fields.h"

#include <stdlib.h>
#include <string.h>

const struct machine_field machine_fields_machine[] = {
	F_POINTER(machine, plan, machine_plan, machine_fields_plan, RULE_STRICT),
	F(machine, recorded_at, STR),
	F(machine, recorded_by, STR),
	F(machine, hostname, STR),
	F_OBJECT(machine, cpu, machine_fields_cpu),
	F_OBJECT(machine, memory, machine_fields_memory),
	F_OBJECT(machine, firmware, machine_fields_firmware),
	F_OBJECT(machine, smbios, machine_fields_smbios),
	F(machine, tpm_present, BOOL),
	F(machine, tpm_version, STR),
	F_LIST(machine, pci, machine_pci, machine_fields_pci),
	F_LIST(machine, usb, machine_usb, machine_fields_usb),
	F_LIST(machine, watchdogs, machine_watchdog, machine_fields_watchdog),
	F_LIST(machine, nvdimms, machine_nvdimm, machine_fields_nvdimm),
	F_OBJECT(machine, clock, machine_fields_clock),
	F_OBJECT(machine, os, machine_fields_os),
	F_LIST(machine, systems, machine_os, machine_fields_os),
	F_LIST(machine, disks, machine_disk, machine_fields_disk),
	F_LIST(machine, volumes, machine_volume, machine_fields_volume),
	F_LIST(machine, nics, machine_nic, machine_fields_nic),
	F_LIST(machine, routes, machine_route, machine_fields_route),
	F_LIST(machine, rules, machine_rule, machine_fields_rule),
	F(machine, dns, STRV),
	F(machine, dns_search, STRV),
	F(machine, network_stacks, STRV),
	F_OBJECT(machine, firewall, machine_fields_firewall),
	F_LIST(machine, mounts, machine_mount, machine_fields_mount),
	F(machine, warnings, STRV),
	F_END
};


const char *const machine_fields_firmware_types[] = {
	[MACHINE_FIRMWARE_UNKNOWN] = NULL,
	[MACHINE_FIRMWARE_BIOS] = "bios",
	[MACHINE_FIRMWARE_UEFI] = "uefi",
};

void machine_fields_range(enum machine_field_kind kind, int64_t *ret_lo, int64_t *ret_hi)
{
	*ret_lo = kind == FIELD_I32 ? INT32_MIN : kind == FIELD_I64 ? INT64_MIN : 0;
	switch (kind) {
	case FIELD_U16:
		*ret_hi = UINT16_MAX;
		break;
	case FIELD_U32:
		*ret_hi = UINT32_MAX;
		break;
	case FIELD_I32:
		*ret_hi = INT32_MAX;
		break;
	default:
		*ret_hi = INT64_MAX;
		break;
	}
}

static void free_list(const struct machine_field *f, void *base)
{
	char *list;
	size_t n;

	memcpy(&list, (char *)base + f->offset, sizeof(list));
	memcpy(&n, (char *)base + f->offset_n, sizeof(n));
	for (size_t i = 0; i < n && f->sub; i++)
		machine_fields_free(list + i * f->size, f->sub);
	free(list);
}

void machine_fields_free(void *base, const struct machine_field *fields)
{
	for (const struct machine_field *f = fields; f->name; f++) {
		void *p = (char *)base + f->offset;
		struct machine_strv *v = p;

		switch (f->kind) {
		case FIELD_STR:
			free(*(char **)p);
			break;
		case FIELD_STRV:
			for (size_t i = 0; i < v->n; i++)
				free(v->v[i]);
			free(v->v);
			break;
		case FIELD_OBJECT:
			machine_fields_free(p, f->sub);
			break;
		case FIELD_POINTER:
			if (*(void **)p)
				machine_fields_free(*(void **)p, f->sub);
			free(*(void **)p);
			break;
		case FIELD_LIST:
		case FIELD_U16LIST:
			free_list(f, base);
			break;
		default:
			break;
		}
	}
}
