/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys for encrypted devices on a command line: --key DEVICE=FILE, the same for the agent, which
 * tries them, and for the server, which opens with them. FILE is "-" for standard input.
 */
#ifndef P2V_COMMON_KEYARG_H
#define P2V_COMMON_KEYARG_H

#include <stddef.h>
#include "common/err.h"

/* What cryptsetup takes as a key file. */
#define KEYARG_FILE_MAX	(8u << 20)

/* "sda3=/root/key": *ret_device is malloc'd, *ret_file points into text. -EINVAL, -ENOMEM. */
int keyarg_split(const char *text, char **ret_device, const char **ret_file, struct err *err);
/*
 * The key in file, byte for byte; of standard input without the newline at its end, as a shell
 * pipes it. *ret is malloc'd, a NUL behind it: end it with keyarg_wipe().
 */
int keyarg_read(const char *file, char **ret, size_t *ret_len, struct err *err);
/* Overwrite and free. */
void keyarg_wipe(char *key, size_t len);

#endif
