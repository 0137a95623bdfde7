/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a machine is: the plain model that the collectors fill, that travels as JSON
 * (machine_json.h), and that the fixer and the domain XML work from. No behaviour, no I/O.
 *
 * Strings are malloc'd UTF-8 or NULL for "not known". Lists are pointer + count. Sizes and offsets
 * are bytes. A machine owns everything below it; machine_free() frees the tree. Plain data: any
 * thread may read it once it is complete.
 *
 * The names are those of the source while it was recorded: "sda" means the disk that was /dev/sda
 * there and then; what stays true on the target is serial, WWN, UUID and MAC.
 */
#ifndef P2V_INVENTORY_MACHINE_H
#define P2V_INVENTORY_MACHINE_H

#include "common/cleanup.h"
#include "inventory/machine_base.h"
#include "inventory/machine_block.h"
#include "inventory/machine_hw.h"
#include "inventory/machine_net.h"
#include "inventory/machine_os.h"
#include "inventory/machine_plan.h"

#define MACHINE_VERSION 1		/* of the JSON; see docs/job-format.md */

struct machine {
	struct machine_plan *plan;	/* NULL: an inventory, no plan */
	char *recorded_at;		/* RFC 3339, UTC */
	char *recorded_by;		/* "p2v-agent 0.1" */
	char *hostname;
	struct machine_cpu cpu;
	struct machine_memory memory;
	struct machine_firmware firmware;
	struct machine_smbios smbios;
	bool tpm_present;
	char *tpm_version;		/* "2.0", "1.2" */
	struct machine_pci *pci;
	size_t npci;
	struct machine_usb *usb;
	size_t nusb;
	struct machine_watchdog *watchdogs;
	size_t nwatchdogs;
	struct machine_nvdimm *nvdimms;
	size_t nnvdimms;
	struct machine_clock clock;
	struct machine_os os;		/* the booted one; on the medium, what boots first */
	struct machine_os *systems;	/* all that are installed, when looked for */
	size_t nsystems;
	struct machine_disk *disks;
	size_t ndisks;
	struct machine_volume *volumes;
	size_t nvolumes;
	struct machine_nic *nics;
	size_t nnics;
	struct machine_route *routes;
	size_t nroutes;
	struct machine_rule *rules;	/* which table of routes is for whom */
	size_t nrules;
	struct machine_strv dns, dns_search;
	/* Who configures it: "networkmanager", "networkd", "ifupdown", "ifcfg", "netplan", ... */
	struct machine_strv network_stacks;
	struct machine_firewall firewall;
	struct machine_mount *mounts;
	size_t nmounts;
	struct machine_strv warnings;	/* what could not be read, in plain words */
};

int machine_new(struct machine **ret);		/* all unknown; boot_current -1; -ENOMEM */
void machine_free(struct machine *m);
DEFINE_CLEANUP(struct machine *, machine_free)

int machine_strv_add(struct machine_strv *v, const char *s);	/* copies */
void machine_strv_done(struct machine_strv *v);		/* empty afterwards */
DEFINE_CLEANUP_VALUE(struct machine_strv, machine_strv_done)
bool machine_strv_has(const struct machine_strv *v, const char *s);
/*
 * Grow a list by one zeroed element of size bytes and return it; NULL when memory ran out. Lists
 * grow by this function only: it derives the room from the count.
 *	machine_grow(&m->disks, &m->ndisks, sizeof(*m->disks))
 */
void *machine_grow(void *pv, size_t *pn, size_t size);

/* "sda", "/dev/sda" or any alias; NULL when there is none. */
const struct machine_disk *machine_find_disk(const struct machine *m, const char *name);
/* Same for a partition; *ret_disk (may be NULL) is the disk it is on. */
const struct machine_partition *machine_find_partition(const struct machine *m, const char *name,
						       const struct machine_disk **ret_disk);
const struct machine_boot_entry *machine_boot_current(const struct machine *m);

#endif
