/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON Schema of a plan file, for editors and other programs: https://json-schema.org/draft/2020-12
 * Made from the tables that decode it, so it cannot fall behind. What decides is described and
 * strict, the inventory behind it is only typed. plan_check() sees more than a schema can say.
 */
#include "inventory/plan/plan.h"

#include <string.h>
#include "common/compiler.h"
#include "common/jsonx.h"
#include "inventory/machine_fields.h"
#include "inventory/machine_json.h"

#define NAME_PATTERN	"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
#define ID_PATTERN	"^[a-z0-9-]{1,63}$"
#define MAC_PATTERN	"^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$"
#define ADDRESS_PATTERN	"^(dhcp|[0-9A-Fa-f.:]+/[0-9]{1,3})(,(gw=|dns=)?[0-9A-Fa-f.:]+)*$"
#define CONNECT_PATTERN \
	"^(network:[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}" \
	"|(bridge|direct):[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}|user|none)$"

/* What the tables do not know of a plan's members. Paths begin below "plan". */
static const struct note {
	const char *path, *description;
	const char *const *words;	/* the values there are */
	const char *pattern;		/* of the text, or of each text of a list */
	int64_t min, max, multiple;	/* of a number that is not 0 */
} notes[] = {
	{ .path = "", .description = "What is to become of the machine. What is null, 0 or left "
				     "out is not decided." },
	{ .path = "name", .pattern = NAME_PATTERN,
	  .description = "Name of the job and of the virtual machine." },
	{ .path = "vcpus", .min = 1, .max = PLAN_VCPUS_MAX,
	  .description = "Virtual CPUs. Not decided: the source's topology." },
	{ .path = "memory", .min = (int64_t)PLAN_MEMORY_MIN,
	  .description = "Memory in bytes. Not decided: what the source has." },
	{ .path = "firmware", .words = plan_firmwares,
	  .description = "The source's; to be decided only where that is not known." },
	{ .path = "bonds", .words = plan_bonds,
	  .description = "Bonds and teams stay, with one member in use (keep, the default), or "
			 "become one interface of the same name (flatten)." },
	{ .path = "disks", .description = "One for each disk of the machine; a disk that is not "
					  "named here is treated as if there were no plan." },
	{ .path = "disks.name", .description = "The disk's name in the inventory." },
	{ .path = "disks.skip", .description = "True: the disk is not copied." },
	{ .path = "disks.size", .max = (int64_t)PLAN_DISK_SIZE_MAX, .multiple = 512,
	  .description = "Of the virtual disk, in bytes: the source's or more." },
	{ .path = "disks.bus", .words = plan_buses,
	  .description = "Not decided: the best that the guest can drive." },
	{ .path = "nics", .description = "One for each physical network interface." },
	{ .path = "nics.name", .description = "The interface's name in the inventory." },
	{ .path = "nics.connect", .pattern = CONNECT_PATTERN,
	  .description = "What it is connected to. Not decided: the network default, with a link "
			 "if the source had one." },
	{ .path = "nics.model", .words = plan_models,
	  .description = "Not decided: the best that the guest can drive." },
	{ .path = "nics.mac", .pattern = MAC_PATTERN,
	  .description = "Ethernet address of the virtual interface. Not decided: the source's." },
	{ .path = "nics.addresses", .pattern = ADDRESS_PATTERN,
	  .description = "New addresses, set in the guest: 10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2, "
			 "or dhcp. Not decided: as they are." },
	{ .path = "skip_fixes", .pattern = ID_PATTERN,
	  .description = "Fixes that are not made; p2v-server finish --list-fixes shows them." },
	{ .path = "accept", .pattern = ID_PATTERN,
	  .description = "Findings of the pre-flight that may not stop the conversion." },
	{ .path = "advice", .description = "What was measured, for the reader. Decides nothing." },
};

/* Where in the tables we are; outside of the plan there are no notes, and nothing is strict. */
struct where {
	const char *path;		/* below "plan"; NULL: not in it */
};

static const struct note *find_note(const char *path)
{
	for (size_t i = 0; path && i < ARRAY_SIZE(notes); i++)
		if (strcmp(notes[i].path, path) == 0)
			return &notes[i];
	return NULL;
}

/* As json_object_set_new(), with our word for memory that ran out. */
static int put(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new(o, key, value) == 0 ? 0 : -ENOMEM;
}

static int put_words(json_t *o, const char *const *words, bool nullable)
{
	json_t *list = json_array();

	if (put(o, "enum", list) < 0)
		return -ENOMEM;
	for (; *words; words++)
		if (json_array_append_new(list, json_string(*words)) < 0)
			return -ENOMEM;
	return nullable && json_array_append_new(list, json_null()) < 0 ? -ENOMEM : 0;
}

static int put_type(json_t *o, const char *type, bool nullable)
{
	return put(o, "type", nullable ? json_pack("[s, s]", type, "null") : json_string(type));
}

static int put_range(json_t *o, const struct machine_field *f, const struct note *n)
{
	int64_t lo, hi;
	int r;

	machine_fields_range(f->kind, &lo, &hi);
	if (n && n->max)
		hi = n->max;
	r = lo > INT64_MIN ? put(o, "minimum", json_integer(lo)) : 0;
	if (r == 0 && hi < INT64_MAX)
		r = put(o, "maximum", json_integer(hi));
	if (r == 0 && n && n->multiple)
		r = put(o, "multipleOf", json_integer(n->multiple));
	/* 0 and null are good, and what lies between 0 and the least is not. */
	if (r == 0 && n && n->min > 1)
		r = put(o, "not", json_pack("{s:s, s:i, s:I}", "type", "integer",
					    "exclusiveMinimum", 0, "exclusiveMaximum",
					    (json_int_t)n->min));
	return r;
}

static int put_text(json_t *o, const struct note *n, bool nullable)
{
	int r = put_type(o, "string", nullable);

	if (r == 0 && n && n->words)
		r = put_words(o, n->words, nullable);
	if (r == 0 && n && n->pattern)
		r = put(o, "pattern", json_string(n->pattern));
	return r;
}

static int put_object(json_t *o, const struct machine_field *fields, struct where at);

static int put_list(json_t *o, const struct machine_field *f, const struct note *n,
		    struct where at)
{
	json_t *items = json_object();
	int r = put_type(o, "array", true);

	if (r == 0 && at.path)
		r = put(o, "maxItems", json_integer(MACHINE_JSON_LIST_MAX));
	if (put(o, "items", items) < 0 || r < 0)
		return -ENOMEM;
	if (f->kind == FIELD_STRV)
		return put_text(items, n, false);
	if (f->kind == FIELD_LIST)
		return put_object(items, f->sub, at);
	r = put_type(items, "integer", false);
	return r < 0 ? r : put_range(items, &(struct machine_field){ .kind = FIELD_U16 }, NULL);
}

static int put_member(json_t *o, const struct machine_field *f, struct where at)
{
	const struct note *n = find_note(at.path);
	bool nullable = !(f->rules & RULE_NEEDED);
	int r = n ? put(o, "description", json_string(n->description)) : 0;

	if (r < 0)
		return r;
	switch (f->kind) {
	case FIELD_STR:
		return put_text(o, n, nullable);
	case FIELD_BOOL:
	case FIELD_FLAG:
	case FIELD_ANSWER:
		return put_type(o, "boolean", true);
	case FIELD_FIRMWARE:
		r = put_type(o, "string", true);
		return r < 0 ? r : put_words(o, plan_firmwares, true);
	case FIELD_OBJECT:
	case FIELD_POINTER:
		return put_object(o, f->sub, at);
	case FIELD_STRV:
	case FIELD_LIST:
	case FIELD_U16LIST:
		return put_list(o, f, n, at);
	default:
		r = put_type(o, "integer", nullable);
		return r < 0 ? r : put_range(o, f, n);
	}
}

static int put_members(json_t *members, json_t *required, const struct machine_field *fields,
		       struct where at)
{
	for (const struct machine_field *f = fields; f->name; f++) {
		json_t *member = json_object();
		char path[128];
		struct where below = { NULL };
		int r;

		if (at.path) {
			snprintf(path, sizeof(path), "%s%s%s", at.path, *at.path ? "." : "",
				 f->name);
			below.path = path;
		} else if (fields == machine_fields_machine && strcmp(f->name, "plan") == 0) {
			below.path = "";
		}
		r = put(members, f->name, member);
		if (r == 0)
			r = put_member(member, f, below);
		if (r == 0 && (f->rules & RULE_NEEDED) &&
		    json_array_append_new(required, json_string(f->name)) < 0)
			r = -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_object(json_t *o, const struct machine_field *fields, struct where at)
{
	CLEANUP(json_unref) json_t *required = json_array();
	json_t *members = json_object();
	/* Not null: the document and elements of lists must not be, and no other is written so. */
	int r = put_type(o, "object", false);

	if (!required || put(o, "properties", members) < 0 || r < 0)
		return -ENOMEM;
	if (fields == machine_fields_machine) {
		r = put(members, "version", json_pack("{s:i}", "const", MACHINE_VERSION));
		if (r == 0 && (json_array_append_new(required, json_string("version")) < 0 ||
			       json_array_append_new(required, json_string("plan")) < 0))
			r = -ENOMEM;
	}
	if (r == 0)
		r = put_members(members, required, fields, at);
	if (r == 0 && json_array_size(required) > 0)
		r = json_object_set(o, "required", required) == 0 ? 0 : -ENOMEM;
	if (r == 0 && at.path)
		r = put(o, "additionalProperties", json_false());
	return r;
}

int plan_schema(json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	int r;

	if (!o)
		return err_nomem(err);
	r = put(o, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	if (r == 0)
		r = put(o, "title", json_string("A plan for p2v"));
	if (r == 0)
		r = put(o, "description",
			json_string("An inventory with the decisions on what is to become of the "
				    "machine. Written by p2v-agent plan, read by p2v-agent cold "
				    "and p2v-server finish."));
	if (r == 0)
		r = put_object(o, machine_fields_machine, (struct where){ NULL });
	if (r < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}
