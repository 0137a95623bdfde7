/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine model as tables: one per struct of machine.h, which drives both directions, so they
 * cannot drift apart: a field that is written is read back, with the same name, type and checks.
 * Internal to machine_json*.c.
 *
 *	fields	the tables		rules	what text must be
 *	encode	struct -> JSON		decode	JSON -> struct
 *
 * Errors find their path on the way up: the getter names the member ("start ..."), every level
 * above puts its own element in front.
 */
#ifndef P2V_INVENTORY_MACHINE_JSON_FIELDS_H
#define P2V_INVENTORY_MACHINE_JSON_FIELDS_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"
#include "inventory/machine_json.h"

enum machine_json_kind {
	FIELD_STR,		/* char * */
	FIELD_STRV,		/* struct machine_strv */
	FIELD_BOOL,
	FIELD_U16,		/* uint16_t, always written */
	FIELD_U32,
	FIELD_U64,
	FIELD_I32,
	FIELD_I64,
	FIELD_FIRMWARE,		/* enum machine_firmware_type */
	FIELD_OBJECT,		/* a struct held by value */
	FIELD_LIST,		/* pointer to structs, and a count */
	FIELD_U16LIST,		/* pointer to uint16_t, and a count */
};

enum machine_json_rule {
	RULE_ANY,
	RULE_NEEDED = 1,	/* must be there */
	RULE_DEVICE = 2,	/* text that can stand below /dev */
	RULE_NIC = 4,		/* the same for /sys/class/net: one component */
	RULE_MAC = 8,
};

struct machine_json_field {
	const char *name;
	enum machine_json_kind kind;
	size_t offset;
	size_t offset_n;	/* LIST, U16LIST: of the count */
	size_t size;		/* LIST: of one element */
	/* OBJECT, LIST; ends with a field without a name */
	const struct machine_json_field *sub;
	int64_t unknown;	/* numbers: the value that is left out */
	unsigned int rules;
	int (*check)(const void *element, struct err *err);	/* OBJECT, LIST: after decoding */
};

/* struct machine; the rest hangs below it. */
extern const struct machine_json_field machine_json_fields_machine[];
/* By enum machine_firmware_type; NULL for the one that is left out. */
extern const char *const machine_json_fields_firmware[MACHINE_FIRMWARE_UEFI + 1];

/* Hold text against the rules, in either direction; what is the positive errno to report. */
int machine_json_rules_check(const char *name, const char *s, unsigned int rules, int what,
			     struct err *err);

/* Put the fields of the struct at base into o, in their order, so the text is stable. */
int machine_json_encode(const void *base, const struct machine_json_field *fields, json_t *o,
			struct err *err);
/* The way back, into zeroed memory that the caller frees also after a failure half-way. */
int machine_json_decode(const json_t *o, const struct machine_json_field *fields, void *base,
			struct err *err);

#endif
