/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest to be fixed that is written down (tests/trees/NAME.tree and the files beside it), made in
 * a temporary folder, and the table of fixes run over it. A check that fails ends the test.
 *
 *	NAME.tree		the guest's files
 *	NAME.machine.json	the recorded machine, when there is one
 *	NAME.run		answers commands (guest_tree.h), else tests/trees/run
 *	NAME.options		a line each: "only ID", "skip ID", "set KEY=VALUE",
 *				"flatten", "mac NIC=ADDRESS", "ip NIC=ADDRESSES"
 */
#ifndef P2V_TESTS_FIX_CASE_H
#define P2V_TESTS_FIX_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include "inventory/machine.h"
#include "postfix/fix.h"

#define FIX_CASE_WORDS 16

struct fix_case {
	char name[128];
	char dir[64];			/* temporary; the guest is in dir/guest */
	char root[96];
	char runner[300];
	struct machine *machine;	/* NULL when there is none */
	char *text;			/* of NAME.options */
	const char *only[FIX_CASE_WORDS + 1], *skip[FIX_CASE_WORDS + 1];
	const char *set[FIX_CASE_WORDS + 1];
	bool flatten;
	struct fix_nic_change nics[FIX_CASE_WORDS];	/* one for each line */
	const char *addresses[FIX_CASE_WORDS][2];
	size_t nnics;
};

/* spec is the path of NAME.tree. */
void fix_case_make(struct fix_case *c, const char *spec);
/* Remove the folder. */
void fix_case_done(struct fix_case *c);
/* As fix_guest(); the guest is opened for it. */
int fix_case_run(const struct fix_case *c, bool dry_run, struct fix_report **ret, struct err *err);
/* Every name, kind, mode and content below dir, as one SHA-256 in hex. */
void fix_case_digest(const char *dir, char hex[static 65]);

#endif
