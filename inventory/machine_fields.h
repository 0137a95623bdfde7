/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine model as tables: one per struct of machine*.h, beside each header in
 * machine_fields_*.c. They drive the JSON both ways and the freeing, so these cannot drift apart: a
 * member that is written is read back, with the same name, type and checks, and freed. A member
 * that is in no table does not travel; a test measures the gaps.
 *
 * Errors find their path on the way up: the getter names the member ("start ..."), every level
 * above puts its own element in front.
 */
#ifndef P2V_INVENTORY_MACHINE_FIELDS_H
#define P2V_INVENTORY_MACHINE_FIELDS_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"

enum machine_field_kind {
	FIELD_STR,		/* char * */
	FIELD_STRV,		/* struct machine_strv */
	FIELD_BOOL,		/* bool, always written */
	FIELD_FLAG,		/* bool, written when true */
	FIELD_ANSWER,		/* enum machine_answer, written when it is known */
	FIELD_U16,		/* uint16_t, always written */
	FIELD_U32,
	FIELD_U64,
	FIELD_I32,
	FIELD_I64,
	FIELD_FIRMWARE,		/* enum machine_firmware_type */
	FIELD_OBJECT,		/* a struct held by value */
	FIELD_POINTER,		/* pointer to one struct, NULL when absent */
	FIELD_LIST,		/* pointer to structs, and a count */
	FIELD_U16LIST,		/* pointer to uint16_t, and a count */
};

enum machine_field_rule {
	RULE_ANY,
	RULE_NEEDED = 1,	/* must be there */
	RULE_DEVICE = 2,	/* text that can stand below /dev */
	RULE_NIC = 4,		/* the same for /sys/class/net: one component */
	RULE_MAC = 8,
	RULE_STRICT = 16,	/* OBJECT, POINTER, LIST: members not in the table are refused */
};

struct machine_field {
	const char *name;
	enum machine_field_kind kind;
	size_t offset;
	size_t offset_n;	/* LIST, U16LIST: of the count */
	size_t size;		/* LIST: of one element; POINTER: of the struct */
	/* OBJECT, POINTER, LIST; ends with a field without a name */
	const struct machine_field *sub;
	int64_t unknown;	/* numbers: the value that is left out */
	unsigned int rules;
	int (*check)(const void *element, struct err *err);	/* LIST: after decoding */
};

/* -- for the tables -- */

#define F(st, member, k) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member) }
#define F_RULES(st, member, k, r) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member), .rules = (r) }
#define F_UNKNOWN(st, member, k, u) \
	{ .name = #member, .kind = FIELD_##k, .offset = offsetof(struct st, member), \
	  .unknown = (u) }
#define F_OBJECT(st, member, table) \
	{ .name = #member, .kind = FIELD_OBJECT, .offset = offsetof(struct st, member), \
	  .sub = (table) }
#define F_POINTER(st, member, elem, table, r) \
	{ .name = #member, .kind = FIELD_POINTER, .offset = offsetof(struct st, member), \
	  .size = sizeof(struct elem), .sub = (table), .rules = (r) }
#define F_LIST_FULL(st, member, elem, table, r, fn) \
	{ .name = #member, .kind = FIELD_LIST, .offset = offsetof(struct st, member), \
	  .offset_n = offsetof(struct st, n##member), .size = sizeof(struct elem), \
	  .sub = (table), .rules = (r), .check = (fn) }
#define F_LIST(st, member, elem, table)	F_LIST_FULL(st, member, elem, table, RULE_ANY, NULL)
#define F_U16LIST(st, member) \
	{ .name = #member, .kind = FIELD_U16LIST, .offset = offsetof(struct st, member), \
	  .offset_n = offsetof(struct st, n##member) }
#define F_END				{ .name = NULL }

/* struct machine; the rest hangs below it. */
extern const struct machine_field machine_fields_machine[];
/* Its parts. */
extern const struct machine_field machine_fields_cpu[];
extern const struct machine_field machine_fields_memory[];
extern const struct machine_field machine_fields_firmware[];
extern const struct machine_field machine_fields_smbios[];
extern const struct machine_field machine_fields_watchdog[];
extern const struct machine_field machine_fields_nvdimm[];
extern const struct machine_field machine_fields_pci[];
extern const struct machine_field machine_fields_usb[];
extern const struct machine_field machine_fields_disk[];
extern const struct machine_field machine_fields_volume[];
extern const struct machine_field machine_fields_nic[];
extern const struct machine_field machine_fields_route[];
extern const struct machine_field machine_fields_rule[];
extern const struct machine_field machine_fields_firewall[];
extern const struct machine_field machine_fields_clock[];
extern const struct machine_field machine_fields_os[];
extern const struct machine_field machine_fields_mount[];
extern const struct machine_field machine_fields_plan[];
/* By enum machine_firmware_type; NULL for the one that is left out. */
extern const char *const machine_fields_firmware_types[MACHINE_FIRMWARE_UEFI + 1];

/* What a number of this kind can be, both included; JSON carries no more than int64_t. */
void machine_fields_range(enum machine_field_kind kind, int64_t *ret_lo, int64_t *ret_hi);
/* Free what the struct at base owns, not the struct. */
void machine_fields_free(void *base, const struct machine_field *fields);

#endif
