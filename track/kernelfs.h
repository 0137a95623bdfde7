/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A filesystem of the kernel, tracefs or debugfs: where it is mounted, or else mounted by us below
 * the run folder, so that a machine is left as it was.
 */
#ifndef P2V_TRACK_KERNELFS_H
#define P2V_TRACK_KERNELFS_H

#include <stdbool.h>
#include "common/compiler.h"
#include "common/err.h"

enum kernelfs { KERNELFS_TRACE, KERNELFS_DEBUG };

/* The folder, malloc'd. mount false: -ENOENT where it is not mounted, by us or anybody. */
int kernelfs_find(enum kernelfs which, const char *run_dir, bool mount, char **ret,
		  struct err *err);
/* Unmount ours, if there is one. */
void kernelfs_remove(enum kernelfs which, const char *run_dir);

/* The content of a small file below dir, or -errno; and a word into one. */
int kernelfs_read(char **ret, const char *fmt, ...) PRINTF_LIKE(2, 3);
int kernelfs_write(const char *text, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
