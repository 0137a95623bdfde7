/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of block devices and other small text: see blk_walk.h. NULL and -ENOMEM: out of memory. */
#ifndef P2V_INVENTORY_BLK_TEXT_H
#define P2V_INVENTORY_BLK_TEXT_H

#include <stdbool.h>
#include "common/compiler.h"
#include "inventory/machine.h"

char *blk_text_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* sysfs writes '!' for a '/' in a device's name: cciss!c0d0 is /dev/cciss/c0d0. */
char *blk_text_device(const char *name);
bool blk_text_starts(const char *s, const char *prefix);
/*
 * A name of /sys/block that can be told on: at most 255 printable ASCII characters that make a path
 * below /dev. The kernel has no others, a recorded folder may.
 */
bool blk_text_is_device(const char *sysname);
int blk_text_add_once(struct machine_strv *v, const char *s);

#endif
