/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoding of what may come from a hostile peer: every type, range and rule is checked. */
#include "inventory/machine_json_code.h"

#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "common/jsonx.h"
#include "common/text.h"

static int absent(const struct machine_field *f, struct err *err)
{
	return (f->rules & RULE_NEEDED) ? err_set(err, EBADMSG, "%s is missing", f->name) : 0;
}

static int decode_text(const json_t *o, const struct machine_field *f, char **ret,
		       struct err *err)
{
	const json_t *v = json_object_get(o, f->name);
	int r;

	if (json_is_string(v) && strlen(json_string_value(v)) != json_string_length(v))
		return err_set(err, EBADMSG, "%s has a NUL in it", f->name);
	r = jsonx_get_str(o, f->name, ret, err);
	if (r == -ENOENT)
		return absent(f, err);
	return r < 0 ? r : machine_json_rules_check(f->name, *ret, f->rules, EBADMSG, err);
}

static int get_list(const json_t *o, const struct machine_field *f, json_t **ret,
		    struct err *err)
{
	int r = jsonx_get_arr(o, f->name, ret, err);

	if (r == 0 && json_array_size(*ret) > MACHINE_JSON_LIST_MAX)
		return err_set(err, EBADMSG, "%s has too many elements", f->name);
	return r;
}

static int decode_strv(const json_t *o, const struct machine_field *f,
		       struct machine_strv *ret, struct err *err)
{
	json_t *a, *e;
	size_t i;
	int r;

	r = get_list(o, f, &a, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	json_array_foreach(a, i, e) {
		const char *s = json_string_value(e);

		if (!s || strlen(s) != json_string_length(e))
			return err_set(err, EBADMSG, "%s[%zu] is not a string", f->name, i);
		r = machine_json_rules_check(f->name, s, f->rules, EBADMSG, err);
		if (r < 0)
			return r;
		if (machine_strv_add(ret, s) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int decode_list(const json_t *o, const struct machine_field *f, void *base,
		       struct err *err)
{
	size_t *pn = (size_t *)(void *)((char *)base + f->offset_n);
	void *pv = (char *)base + f->offset;
	json_t *a, *e;
	size_t i;
	int r;

	r = get_list(o, f, &a, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	json_array_foreach(a, i, e) {
		void *p =
			machine_grow(pv, pn, f->kind == FIELD_U16LIST ? sizeof(uint16_t) : f->size);

		if (!p)
			return err_nomem(err);
		if (f->kind == FIELD_U16LIST) {
			json_int_t v = json_integer_value(e);

			if (!json_is_integer(e) || v < 0 || v > UINT16_MAX)
				return err_set(err, EBADMSG, "%s[%zu] is not within 0..65535",
					       f->name, i);
			*(uint16_t *)p = (uint16_t)v;
			continue;
		}
		if (!json_is_object(e))
			return err_set(err, EBADMSG, "%s[%zu] is not an object", f->name, i);
		r = machine_json_decode(e, f->sub, f->rules, p, err);
		if (r == 0 && f->check)
			r = f->check(p, err);
		if (r < 0) {
			err_prefix(err, "%s[%zu]", f->name, i);
			return r;
		}
	}
	return 0;
}

static int decode_number(const json_t *o, const struct machine_field *f, void *p,
			 struct err *err)
{
	int64_t lo, hi, v = f->unknown;
	int r = jsonx_get_i64(o, f->name, &v, err);

	if (r == -ENOENT && (f->rules & RULE_NEEDED))
		return absent(f, err);
	if (r < 0 && r != -ENOENT)
		return r;
	machine_fields_range(f->kind, &lo, &hi);
	if (v < lo || v > hi)
		return err_set(err, EBADMSG, "%s is out of range", f->name);

	if (f->kind == FIELD_U16)
		*(uint16_t *)p = (uint16_t)v;
	else if (f->kind == FIELD_U32)
		*(uint32_t *)p = (uint32_t)v;
	else if (f->kind == FIELD_I32)
		*(int32_t *)p = (int32_t)v;
	else if (f->kind == FIELD_I64)
		*(int64_t *)p = v;
	else
		*(uint64_t *)p = (uint64_t)v;
	return 0;
}

static int decode_answer(const json_t *o, const struct machine_field *f,
			 enum machine_answer *ret, struct err *err)
{
	bool yes;
	int r = jsonx_get_bool(o, f->name, &yes, err);

	if (r == 0)
		*ret = yes ? MACHINE_YES : MACHINE_NO;
	return r;
}

static int decode_firmware_type(const json_t *o, const struct machine_field *f,
				enum machine_firmware_type *ret, struct err *err)
{
	CLEANUP(mem_free) char *s = NULL;
	int r = jsonx_get_str(o, f->name, &s, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < ARRAY_SIZE(machine_fields_firmware_types); i++) {
		if (machine_fields_firmware_types[i] &&
		    strcmp(machine_fields_firmware_types[i], s) == 0) {
			*ret = (enum machine_firmware_type)i;
			return 0;
		}
	}
	return err_set(err, EBADMSG, "%s is neither \"bios\" nor \"uefi\"", f->name);
}

/* What stands where only known members may: a slip of the pen. */
static int refuse_unknown(const json_t *o, const struct machine_field *fields, struct err *err)
{
	json_t *copy = (json_t *)(uintptr_t)o, *value;
	const char *key;

	json_object_foreach(copy, key, value) {
		const struct machine_field *f = fields;
		char text[64];

		while (f->name && strcmp(f->name, key) != 0)
			f++;
		if (!f->name)
			return err_set(err, EBADMSG, "%s is not a member that is known here",
				       text_escape_str(key, text, sizeof(text)));
	}
	return 0;
}

static int decode_object(const json_t *o, const struct machine_field *f, void *p, struct err *err)
{
	json_t *sub;
	int r = jsonx_get_obj(o, f->name, &sub, err);

	if (r < 0)
		return r;
	if (f->kind == FIELD_POINTER) {
		void *made = calloc(1, f->size);

		if (!made)
			return err_nomem(err);
		*(void **)p = made;
		p = made;
	}
	r = machine_json_decode(sub, f->sub, f->rules, p, err);
	if (r < 0)
		err_prefix(err, "%s", f->name);
	return r;
}

int machine_json_decode(const json_t *o, const struct machine_field *fields, unsigned int rules,
			void *base, struct err *err)
{
	if (rules & RULE_STRICT) {
		int r = refuse_unknown(o, fields, err);

		if (r < 0)
			return r;
	}
	for (const struct machine_field *f = fields; f->name; f++) {
		void *p = (char *)base + f->offset;
		int r;

		switch (f->kind) {
		case FIELD_STR:
			r = decode_text(o, f, p, err);
			break;
		case FIELD_STRV:
			r = decode_strv(o, f, p, err);
			break;
		case FIELD_BOOL:
		case FIELD_FLAG:
			r = jsonx_get_bool(o, f->name, p, err);
			break;
		case FIELD_ANSWER:
			r = decode_answer(o, f, p, err);
			break;
		case FIELD_FIRMWARE:
			r = decode_firmware_type(o, f, p, err);
			break;
		case FIELD_OBJECT:
		case FIELD_POINTER:
			r = decode_object(o, f, p, err);
			break;
		case FIELD_LIST:
		case FIELD_U16LIST:
			r = decode_list(o, f, base, err);
			break;
		default:
			r = decode_number(o, f, p, err);
			break;
		}
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}
