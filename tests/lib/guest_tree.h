/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest whose files are a folder of the host: the fixes run over it as over an image, without an
 * appliance and without root. Nothing leaves the folder: paths are resolved by the kernel as if it
 * were the root (openat2, RESOLVE_IN_ROOT).
 *
 *	tree_make("tests/trees/X.tree", root); guest_tree_open(root, machine, runner, &guest, &err)
 *
 * What the images hold is taken from the machine: each partition of a disk that the plan does not
 * skip, and each volume, is there with its UUIDs.
 *
 * Commands (guest_run) go to runner, a shell script of the host called as "sh RUNNER ROOT SCRIPT":
 * it may change files below ROOT, prints what the command prints, and its status is the command's.
 * A file "init..." without a NUL in it is an initramfs written down: the paths in it, a line for
 * each; it is handed out as the archive that it stands for.
 *
 * Without a runner every command is "not found" (127).
 */
#ifndef P2V_TESTS_GUEST_TREE_H
#define P2V_TESTS_GUEST_TREE_H

#include "postfix/guest.h"

/* m and runner are borrowed, m may be NULL. End it with guest_free(). */
int guest_tree_open(const char *root, const struct machine *m, const char *runner,
		    struct guest **ret, struct err *err);
/* Of the last guest opened: how often it was asked to run something. */
unsigned int guest_tree_commands(void);

#endif
