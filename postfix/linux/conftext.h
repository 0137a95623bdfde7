/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small changes that are the same in many configuration files: lines that go behind a comment
 * sign, keys of ini files, words out of a list. What is not meant stays byte for byte. Pure; the
 * results are as everywhere here: 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM.
 */
#ifndef P2V_POSTFIX_CONFTEXT_H
#define P2V_POSTFIX_CONFTEXT_H

#include <stdbool.h>
#include "inventory/machine.h"
#include "postfix/linux/lines.h"

/*
 * Put marker ("#") in front of the lines for which drop() says so; their text (cut at 100 bytes,
 * escaped) is added to dropped, which may be NULL. Comments and empty lines are never asked about.
 */
int conftext_comment(const char *text, const char *marker,
		     bool (*drop)(const struct line *l, void *opaque), void *opaque, char **ret,
		     struct machine_strv *dropped);

/*
 * The value that counts (the last) of key in [section]; section NULL: before any section. Quotes
 * are taken off. *ret is malloc'd, or NULL when the key is not set.
 */
int conftext_get(const char *text, const char *section, const char *key, char **ret);
/* Every assignment of it becomes value; NULL: behind a "#". Never adds one. */
int conftext_set(const char *text, const char *section, const char *key, const char *value,
		 char **ret);

/*
 * Take a word out of the lists that key is assigned, as dracut's settings have them:
 * add_dracutmodules+=" lvm multipath ".
 */
int conftext_drop_word(const char *text, const char *key, const char *word, char **ret);

/* Is word one of the list's, which commas or blanks part? list may be NULL. */
bool conftext_listed(const char *list, const char *word);
/* The number that a value begins with, to its end or a blank; false for anything else. */
bool conftext_number(const char *value, uint64_t *ret);

#endif
