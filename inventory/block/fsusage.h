/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How full a mounted filesystem is: of the kernel, or of a record's /p2v/statvfs (collect.h). */
#ifndef P2V_INVENTORY_FSUSAGE_H
#define P2V_INVENTORY_FSUSAGE_H

#include <stdbool.h>
#include <stdint.h>

struct fsusage {
	uint64_t size, free;		/* bytes; free: also what is reserved for root */
};

/* A line of the record, "blocks unit free target": the target; NULL when it makes no sense. */
const char *fsusage_parse(const char *line, struct fsusage *ret);
/* False, and *ret untouched: not known, or nonsense. */
bool fsusage_live(const char *path, struct fsusage *ret);
bool fsusage_recorded(const char *statvfs, const char *target, struct fsusage *ret);

#endif
