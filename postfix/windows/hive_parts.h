/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of hive.h share: hive.c opens, reads and writes back, hive_edit.c changes,
 * hive_guest.c fetches from a guest. Nobody else includes this.
 */
#ifndef P2V_POSTFIX_WINDOWS_HIVE_PARTS_H
#define P2V_POSTFIX_WINDOWS_HIVE_PARTS_H

/* Ours and libhivex's have one name for the types of values. */
#define hive_type hivex_type
#include <hivex.h>
#undef hive_type

#include "postfix/windows/hive.h"

struct hive {
	hive_h *h;
	char *name;			/* for errors; where the file is */
	bool writable, changed;
	bool broken;			/* a change failed half-way */
	/* Puts the new file, all that fd holds, where the old one is. */
	int (*store)(struct hive *h, int fd, struct err *err);
	struct guest *guest;		/* of hive_open(); borrowed */
	struct machine_strv changes;
};

/* The hive is all that fd holds; fd is not kept. */
int hive_open_fd(int fd, const char *name, bool writable, struct hive **ret, struct err *err);
/* The node of a key, 0 when there is none. */
hive_node_h hive_find(struct hive *h, const char *key);

#endif
