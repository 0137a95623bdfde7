/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of kernel arguments for the old hardware, by postfix/data/kargs.tbl. Pure.
 */
#ifndef P2V_POSTFIX_KARGS_TABLE_H
#define P2V_POSTFIX_KARGS_TABLE_H

#include <stddef.h>
#include "common/tables.h"

/* The name of an argument as the kernel compares it: up to the '=', '-' as '_'. */
void kargs_table_name(const char *arg, char *buf, size_t size);
/* The row for "name" or "name=value"; NULL: it stays, and nothing is said. */
const struct tables_row *kargs_table_find(const char *arg);

#endif
