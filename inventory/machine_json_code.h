/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two directions between structs and JSON, driven by the tables of machine_fields.h. Internal
 * to machine_json*.c.
 *
 *	rules	what text must be	encode	struct -> JSON		decode	JSON -> struct
 */
#ifndef P2V_INVENTORY_MACHINE_JSON_CODE_H
#define P2V_INVENTORY_MACHINE_JSON_CODE_H

#include "inventory/machine_fields.h"
#include "inventory/machine_json.h"

/* Hold text against the rules, in either direction; what is the positive errno to report. */
int machine_json_rules_check(const char *name, const char *s, unsigned int rules, int what,
			     struct err *err);

/* Put the fields of the struct at base into o, in their order, so the text is stable. */
int machine_json_encode(const void *base, const struct machine_field *fields, json_t *o,
			struct err *err);
/* The way back, into zeroed memory that the caller frees also after a failure half-way. */
int machine_json_decode(const json_t *o, const struct machine_field *fields, unsigned int rules,
			void *base, struct err *err);

#endif
