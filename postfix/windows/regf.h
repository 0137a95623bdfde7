/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is this a sound registry hive? Looked at before libhivex gets a hive from a guest, and before a
 * hive that libhivex wrote goes back into one.
 *
 *	0	base block: "regf", two sequence numbers, checksum, where the root key is
 *	4096	bins ("hbin"), each a multiple of 4096, filled with cells without a gap
 *		a cell: its size (negative: in use), then a key, a list of keys, a value, ...
 *
 * The two sequence numbers differ while a change is being written, and after a crash. Then what is
 * missing waits in the log beside the hive, which Windows applies at its next start.
 *
 * The format: "Windows registry file format specification" by Maxim Suhanov
 * (github.com/msuhanov/regf), and the sources of libhivex.
 *
 * Pure: memory in, a verdict out.
 */
#ifndef P2V_POSTFIX_WINDOWS_REGF_H
#define P2V_POSTFIX_WINDOWS_REGF_H

#include <stddef.h>
#include "common/err.h"

#define REGF_BLOCK	4096u

/* -EILSEQ: torn, dirty, or no hive; err says which, without naming the file. */
int regf_check(const void *data, size_t len, struct err *err);

#endif
