/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine model as JSON, both ways. Versioned by the member "version"; readers accept their
 * own version and ignore members they do not know. Member names are the struct's field names;
 * unknown values are left out (a list that is absent is empty; a number that is absent has its
 * "unknown" value, 0 or -1; a machine_answer that is absent is not known). A list and its count are
 * one array. firmware.type is "bios" or "uefi".
 *
 * The JSON may come from a hostile peer: every type, range (counts up to MACHINE_JSON_LIST_MAX per
 * list, strings up to MACHINE_JSON_STRING_MAX bytes without NUL, text up to MACHINE_JSON_TEXT_MAX)
 * and enum is checked, and -EBADMSG names the member ("disks[1].partitions[0].start").
 *
 * Promised to who reads a decoded machine: disks, partitions, volumes and NICs have a name, fit to
 * stand below /dev or /sys/class/net (no empty, "." or ".." component, no control characters, not
 * absolute); addresses, destinations of routes and targets of mounts are there; MACs are lower-case
 * hex pairs with colons; start + size of a partition does not wrap; a list holds no NULL. All other
 * text is whatever the peer wrote: escape it before printing, check it before using it as a name.
 */
#ifndef P2V_INVENTORY_MACHINE_JSON_H
#define P2V_INVENTORY_MACHINE_JSON_H

#include <jansson.h>
#include "common/err.h"
#include "inventory/machine.h"

#define MACHINE_JSON_TEXT_MAX	(4 * 1024 * 1024)
#define MACHINE_JSON_STRING_MAX	(64 * 1024)
#define MACHINE_JSON_LIST_MAX	4096

/*
 * -EINVAL when the machine breaks a promise above (a disk without a name, text that is not UTF-8):
 * what we write, we can read.
 */
int machine_to_json(const struct machine *m, json_t **ret, struct err *err);
int machine_from_json(const json_t *j, struct machine **ret, struct err *err);
/* Indented text with a newline at the end; and back. */
int machine_json_dump(const struct machine *m, char **ret, struct err *err);
int machine_json_parse(const char *text, size_t len, struct machine **ret, struct err *err);

#endif
