/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rules of pre-flight share; internal to preflight*.c. A theme is one file with its rules'
 * texts and functions; preflight_table.c lists the themes.
 *
 * Rules ask the index, not the machine's lists, where it is about something that can hold a
 * filesystem: it has every disk, partition and volume in one list, and knows what of them is
 * copied.
 *
 *	disk sda (copied)   -+- sda1 (copied, whole)
 *	                     '- sda2 (copied, whole) -+- dm-0 (copied, not whole)
 *	disk sdb (not)      --- sdb1 (not) -----------'
 *
 * A machine may be hostile: whatever its lists say, the work is n log n in its size, and no string
 * of it is taken for a format.
 */
#ifndef P2V_INVENTORY_PREFLIGHT_RULES_H
#define P2V_INVENTORY_PREFLIGHT_RULES_H

#include <string.h>
#include "common/text.h"
#include "inventory/preflight/preflight.h"

extern const struct preflight_theme preflight_disks, preflight_layers, preflight_filesystems,
	preflight_windows, preflight_boot, preflight_devices, preflight_network, preflight_software;

/* The parameters of a rule's function. */
#define PREFLIGHT_LOOK \
	const struct preflight_input *in, const struct preflight_rule *rule, \
		struct preflight_report *report

/* -- the index -- */

struct preflight_device {
	const char *name, *path;
	const struct machine_disk *disk;		/* itself, or what it is a part of */
	const struct machine_partition *partition;	/* NULL: another kind */
	const struct machine_volume *volume;
	const struct machine_fs *fs;
	const struct machine_strv *mountpoints;
	uint64_t size;
	const struct preflight_device *above;	/* a volume that is made of it; NULL none */
	bool copied;			/* it, or a part of it */
	bool whole;			/* and nothing of it is left behind */
	bool system;			/* /, /usr, /boot or the EFI files stand on it */
	int state;			/* of the index itself */
};

struct preflight_index {
	struct preflight_device *v;	/* disks, each before its partitions; volumes */
	size_t n;
	struct preflight_device **by_name, **by_path;
};

int preflight_index_new(const struct preflight_input *in, struct preflight_index **ret);
void preflight_index_free(struct preflight_index *x);
DEFINE_CLEANUP(struct preflight_index *, preflight_index_free)
/* By name ("sda2") or path ("/dev/mapper/vg-root"); NULL: no such thing. */
const struct preflight_device *preflight_index_find(const struct preflight_index *x,
						    const char *name);
/* What is mounted there; NULL: nothing that the index knows. */
const struct preflight_device *preflight_index_mounted(const struct preflight_index *x,
						       const char *where);

#define preflight_each(in, d) \
	for (const struct preflight_device *d = (in)->index->v; \
	     d < (in)->index->v + (in)->index->n; d++)

/* -- text -- */

static inline bool preflight_is(const char *s, const char *word)
{
	return s && strcmp(s, word) == 0;
}

static inline bool preflight_starts(const char *s, const char *prefix)
{
	return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

/* words ends with NULL */
bool preflight_is_one_of(const char *s, const char *const *words);

/* "a, b, c": names in a sentence; after some of them, only how many more there are. */
#define PREFLIGHT_NAMES_MAX 8
struct preflight_names {
	struct strbuf b;
	size_t n;
};
void preflight_names_add(struct preflight_names *names, const char *name);
/* Until the next call for these names; "?" when memory ran out. */
const char *preflight_names_text(struct preflight_names *names);
void preflight_names_done(struct preflight_names *names);
DEFINE_CLEANUP_VALUE(struct preflight_names, preflight_names_done)

/* "1 disk", "2 disks": "%zu disk%s", n, preflight_s(n) */
static inline const char *preflight_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

#endif
