/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The part of the machine model that says what is to become of it: the decisions of a plan, made by
 * p2v-agent plan and edited by people. A plan file is a machine's JSON with the member "plan" in
 * front, so it goes the way that the inventory goes: to the server, and into the job.
 *
 * What is left out is not decided: zero or NULL. Whoever reads it has defaults, and options on a
 * command line overrule it. Unlike in the inventory, a member that is not known is an error here:
 * it is a slip of the pen.
 */
#ifndef P2V_INVENTORY_MACHINE_PLAN_H
#define P2V_INVENTORY_MACHINE_PLAN_H

#include "inventory/machine_base.h"

struct machine_plan_disk {
	char *name;			/* of the machine's disk: "sda" */
	bool skip;			/* not copied */
	uint64_t size;			/* of the virtual disk; 0: the source's, never less */
	char *bus;			/* "virtio-scsi", "virtio-blk", "sata", "ide"; NULL: best */
};

struct machine_plan_nic {
	char *name;			/* of the machine's NIC: "eno1" */
	char *connect;			/* as --map takes it behind "=": "bridge:br0", "none" */
	char *model;			/* "virtio", "e1000e", "e1000", "rtl8139"; NULL: best */
	char *mac;			/* of the virtual one; NULL: the same */
	struct machine_strv addresses;	/* new ones, as common/ipspec.h reads them; none: as is */
};

struct machine_plan_advice {		/* a recommendation of the sampler, for the reader */
	char *resource;			/* "vcpus", "memory", "disk sda", "nic eno1" */
	char *now, *recommended;	/* "32 CPUs", "6 vCPUs" */
	uint64_t value;			/* recommended, as a number: CPUs, bytes; 0: none */
	char *evidence;			/* "p95 of 3.1 busy CPUs in 14 d, 30 % headroom" */
	char *confidence;		/* "none", "low", "fair", "good", "high": sizing.h */
};

struct machine_plan {
	char *name;			/* of the job and of the virtual machine */
	uint32_t vcpus;
	uint64_t memory;		/* bytes */
	char *firmware;			/* "bios", "uefi" */
	char *bonds;			/* "keep", "flatten" */
	struct machine_plan_disk *disks;
	size_t ndisks;
	struct machine_plan_nic *nics;
	size_t nnics;
	struct machine_strv skip_fixes;	/* ids of p2v-server finish --list-fixes */
	struct machine_strv accept;	/* ids of findings that may not stop it: --force ID */
	struct machine_plan_advice *advice;
	size_t nadvice;
};

#endif
