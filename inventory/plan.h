/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans: a machine with the decisions on what is to become of it (machine_plan.h). Made by
 * p2v-agent plan, edited by hand, read by p2v-agent cold and p2v-server finish. No I/O here.
 */
#ifndef P2V_INVENTORY_PLAN_H
#define P2V_INVENTORY_PLAN_H

#include <jansson.h>
#include "common/err.h"
#include "inventory/machine.h"

/*
 * Give m a plan with every decision written out as it would be made without one, so that there is
 * something to edit: each disk, each physical NIC, vCPUs, memory, firmware. name: of the job, valid
 * already. Advice may be added to m->plan afterwards. -EEXIST when there is a plan.
 */
int plan_make(struct machine *m, const char *name, struct err *err);
/*
 * The decisions make sense for this machine: its disks and NICs are named, once each; a virtual
 * disk is not smaller than its source and a multiple of 512; names, buses, models, connections,
 * ids and ranges are good. -EBADMSG names the member: "plan: disks[1]: size ...".
 */
int plan_check(const struct machine *m, struct err *err);
/*
 * Text of a plan file, or of an inventory (then ret's plan is NULL). Errors begin with
 * "line N: " where N is the line of the member, or of the syntax error. Includes plan_check().
 */
int plan_parse(const char *text, size_t len, struct machine **ret, struct err *err);
/* JSON Schema (draft 2020-12) of a plan file, made from the tables that read it. */
int plan_schema(json_t **ret, struct err *err);

/* The decision on a disk or NIC; NULL: none was made. m->plan may be NULL. */
const struct machine_plan_disk *plan_disk(const struct machine *m, const char *name);
const struct machine_plan_nic *plan_nic(const struct machine *m, const char *name);

#endif
