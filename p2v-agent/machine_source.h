/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the machine's description comes from: this machine ("/"), a recorded one (--sysroot DIR),
 * or a JSON file that was made earlier (--machine FILE).
 */
#ifndef P2V_AGENT_MACHINE_SOURCE_H
#define P2V_AGENT_MACHINE_SOURCE_H

#include "common/err.h"
#include "inventory/machine.h"

/*
 * At most one of the two is given; NULL is the default. A file may hold a plan: it is checked, and
 * comes along. Errors name file and line.
 */
int machine_source_load(const char *sysroot, const char *file, struct machine **ret,
			struct err *err);

/*
 * This machine, or a recorded one. systems: look for all that are installed, also when this is no
 * live medium (on one they are always looked for, and the one that boots first is the machine's).
 */
int machine_source_collect(const char *sysroot, bool systems, struct machine **ret,
			   struct err *err);
/* What is on a raw image of a disk: partitions, filesystems and systems; nothing of a computer. */
int machine_source_image(const char *path, struct machine **ret, struct err *err);

#endif
