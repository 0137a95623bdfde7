/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The health of a disk from the record of `smartctl --json=c -n standby -i -H -A`, smartctl 7.0
 * or later. Decoded by the functions that decode the disk's own pages, so that a record and the
 * live machine tell the same. Pure.
 */
#ifndef P2V_INVENTORY_SMART_RECORDED_H
#define P2V_INVENTORY_SMART_RECORDED_H

#include <stddef.h>
#include "common/err.h"
#include "inventory/machine.h"

/*
 * Fill ret, which is empty; it stays so when smartctl had no answer from the disk. Members that
 * are missing or of a wrong type are passed over. -EBADMSG when the text is no such JSON, -ENOMEM.
 */
int smart_recorded_parse(const char *text, size_t len, struct machine_smart *ret, struct err *err);

#endif
