/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What --set KEY=VALUE can decide: the keys that rows ask for (fixer_setting()), for the list of
 * fixes and its document. A row that asks for a new key gets a line here.
 */
#ifndef P2V_POSTFIX_FIX_SETTINGS_H
#define P2V_POSTFIX_FIX_SETTINGS_H

#include <stddef.h>

struct fix_setting {
	const char *key;
	const char *fix;		/* id of the row that asks */
	const char *values;		/* the default first: "off|keep" */
	const char *what;
};

/* In the order of the table of fixes; ends with key NULL. */
const struct fix_setting *fix_settings_list(size_t *ret_n);

#endif
