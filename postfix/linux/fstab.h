/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/fstab: device names become UUIDs; what was left behind on the source must not hold up the
 * boot. Only the fields that change are replaced; spacing and comments stay. Pure.
 */
#ifndef P2V_POSTFIX_FSTAB_H
#define P2V_POSTFIX_FSTAB_H

#include <stdbool.h>
#include "inventory/machine.h"
#include "postfix/devmap.h"
#include "postfix/linux/lines.h"

/*
 * 1: *ret is the new text (malloc'd); 0: nothing to change; -ENOMEM. What cannot be decided is
 * added to notes in plain words.
 */
int fstab_rewrite(const char *text, const struct devmap *map, char **ret,
		  struct machine_strv *notes);

struct fstab_entry {
	char *spec, *dir, *type, *options;
};
/* The entries in file order, \040 escapes undone in dir. */
int fstab_parse(const char *text, struct fstab_entry **ret, size_t *ret_n);
void fstab_entries_free(struct fstab_entry *e, size_t n);
/* Is word one of the comma-separated options? A word that ends in '=' matches by prefix. */
bool fstab_has_option(const char *options, const char *word);
/* Without this folder the system does not come up at all: waiting for it is right. */
bool fstab_is_vital(struct span dir);

#endif
