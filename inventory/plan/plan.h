/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans: a machine with the decisions on what is to become of it (machine_plan.h). Made by
 * p2v-agent plan, edited by hand, read by p2v-agent cold and p2v-server finish. No I/O here.
 *
 *	machine --plan_make()--> plan --plan_dump()--> text --editor--> text
 *	text --plan_parse()--> machine with plan		what cold sends
 *	text --plan_lay()--> the same decisions on a machine that is there already
 *
 * A decision that is null, 0 or left out is not made. Errors on text that people edit begin with
 * "line N: ", N being the line of the member, or of the syntax error.
 */
#ifndef P2V_INVENTORY_PLAN_H
#define P2V_INVENTORY_PLAN_H

#include <jansson.h>
#include "common/err.h"
#include "inventory/machine.h"

/* Of a virtual machine. convert/vmspec.h holds to the same limits. */
#define PLAN_VCPUS_MAX		255
#define PLAN_MEMORY_MIN		(UINT64_C(16) << 20)
#define PLAN_DISK_SIZE_MAX	(UINT64_C(1) << 56)

/*
 * Give m a plan with every decision written out as it would be made without one, so that there is
 * something to edit: each disk, each physical NIC, vCPUs, memory, firmware. name: of the job, valid
 * already. What only the fixed guest can tell (bus, model) and what is not known stays undecided.
 * Advice may be added to m->plan afterwards. -EEXIST when there is a plan.
 */
int plan_make(struct machine *m, const char *name, struct err *err);
/*
 * The decisions make sense for this machine: its disks and NICs are named, once each; a virtual
 * disk is not smaller than its source and a multiple of 512; the firmware is the source's; names,
 * buses, models, connections, ids and ranges are good. -EBADMSG names the member: "plan: disks[1]:
 * size ...". A machine without a plan is fine.
 */
int plan_check(const struct machine *m, struct err *err);
/*
 * Text of a plan file, or of an inventory (then ret's plan is NULL). Errors begin with
 * "line N: " where N is the line of the member, or of the syntax error. Includes plan_check().
 */
int plan_parse(const char *text, size_t len, struct machine **ret, struct err *err);
/*
 * Decisions of a plan file for a machine whose description is known better: m gets them in place of
 * its own. Errors as plan_parse() gives them; m is untouched then. -EBADMSG too when the file has
 * no plan, and -EXDEV when it is known to be another machine's (by its SMBIOS UUID).
 */
int plan_lay(struct machine *m, const char *text, size_t len, struct err *err);
/*
 * For other checks of a plan's text: put "line N: " in front of an error that begins with a path
 * ("plan: skip_fixes[1]: ..."). r is what is returned; only -EBADMSG gets a line.
 */
int plan_locate(const char *text, size_t len, int r, struct err *err);
/*
 * A plan file: machine_json_dump() with all that can be decided in sight, as null or [] where it is
 * not decided. malloc'd.
 */
int plan_dump(const struct machine *m, char **ret, struct err *err);
/* JSON Schema (draft 2020-12) of a plan file, made from the tables that read it. */
int plan_schema(json_t **ret, struct err *err);

/* The words of a kind, in the order of preference; for plan_schema(). NULL-terminated. */
extern const char *const plan_buses[], *const plan_models[], *const plan_firmwares[];
extern const char *const plan_bonds[];

/*
 * The decision on a disk or NIC; NULL: none was made. m->plan may be NULL. A disk is found by the
 * name that it has in a job, too: "cciss-c0d0" is "cciss/c0d0".
 */
const struct machine_plan_disk *plan_disk(const struct machine *m, const char *name);
const struct machine_plan_nic *plan_nic(const struct machine *m, const char *name);
/* Both SMBIOS UUIDs are known, and are the same. */
bool plan_same_machine(const struct machine *a, const struct machine *b);

#endif
