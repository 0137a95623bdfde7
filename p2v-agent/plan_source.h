/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan on the agent's side: where a copy takes its machine and its decisions from (--plan FILE).
 *
 * A plan of this very machine (by SMBIOS UUID) is old news as far as the machine goes: the
 * inventory is taken anew, and the decisions are laid over it. Names may have moved in between,
 * from a system to the bootable medium: disks are found again by WWN and serial number, NICs by
 * MAC address, and the plan follows. One that is gone, or a disk of another size, is an error: what
 * was decided was decided on something else.
 *
 * A plan of another machine comes with that machine's description; then the user must say which
 * disks these are.
 */
#ifndef P2V_AGENT_PLAN_SOURCE_H
#define P2V_AGENT_PLAN_SOURCE_H

#include "common/err.h"
#include "common/text.h"
#include "inventory/machine.h"

/* A file that must be a plan: "FILE: line N: ..." */
int plan_source_read(const char *path, struct machine **ret, struct err *err);
/*
 * The machine to copy, with the plan of the file. root: where this machine's inventory is taken
 * from ("/"). disks_named: the user says what to copy; -EINVAL when that is missing.
 */
int plan_source_load(const char *path, const char *root, bool disks_named, struct machine **ret,
		     struct err *err);
/*
 * The job's name: the one given, else the plan's, else the host name. The plan is told, so that the
 * server hears the same. given: valid, or NULL.
 */
int plan_source_name(struct machine *m, const char *given, char ret[static TEXT_NAME_MAX + 1],
		     struct err *err);

#endif
