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

#endif
