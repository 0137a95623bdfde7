/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encoding. What breaks a promise of machine_json.h is refused: what we write, we can read. */
#include "inventory/machine_json_code.h"

#include <string.h>
#include "common/compiler.h"
#include "common/jsonx.h"

static int set_new(json_t *o, const char *name, json_t *value, struct err *err)
{
	/* Takes value in any case; a NULL value is memory that ran out while making it. */
	return json_object_set_new(o, name, value) == 0 ? 0 : err_nomem(err);
}

static int append_text(json_t *a, const char *name, const char *s, struct err *err)
{
	json_t *v;
	int r;

	if (!s)
		return err_set(err, EINVAL, "%s has an empty place", name);
	r = machine_json_rules_check(name, s, RULE_ANY, EINVAL, err);
	if (r < 0)
		return r;
	v = json_string(s);
	if (!v)
		return err_set(err, EINVAL, "%s holds text that is not UTF-8", name);
	return json_array_append_new(a, v) == 0 ? 0 : err_nomem(err);
}

static int encode_text(const struct machine_field *f, const char *s, json_t *o,
		       struct err *err)
{
	json_t *v;
	int r;

	if (!s)
		return f->rules & RULE_NEEDED ?
		       err_set(err, EINVAL, "%s is missing", f->name) : 0;
	r = machine_json_rules_check(f->name, s, f->rules, EINVAL, err);
	if (r < 0)
		return r;
	v = json_string(s);
	/* jansson does not tell the two causes apart; this is the one that has been seen. */
	if (!v)
		return err_set(err, EINVAL, "%s is not UTF-8", f->name);
	return set_new(o, f->name, v, err);
}

static int encode_strv(const struct machine_field *f, const struct machine_strv *v, json_t *o,
		       struct err *err)
{
	CLEANUP(json_unref) json_t *a = NULL;
	int r;

	if (v->n == 0)
		return 0;
	if (v->n > MACHINE_JSON_LIST_MAX)
		return err_set(err, EINVAL, "%s has too many elements", f->name);
	a = json_array();
	if (!a)
		return err_nomem(err);
	for (size_t i = 0; i < v->n; i++) {
		r = append_text(a, f->name, v->v[i], err);
		if (r < 0)
			return r;
	}
	return set_new(o, f->name, TAKE_PTR(a), err);
}

static int encode_list(const struct machine_field *f, const void *base, json_t *o,
		       struct err *err)
{
	const char *p;
	size_t n;
	CLEANUP(json_unref) json_t *a = NULL;
	int r;

	memcpy(&p, (const char *)base + f->offset, sizeof(p));
	memcpy(&n, (const char *)base + f->offset_n, sizeof(n));
	if (n == 0)
		return 0;
	if (n > MACHINE_JSON_LIST_MAX)
		return err_set(err, EINVAL, "%s has too many elements", f->name);
	a = json_array();
	if (!a)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		json_t *e;

		if (f->kind == FIELD_U16LIST) {
			e = json_integer(((const uint16_t *)(const void *)p)[i]);
			if (json_array_append_new(a, e) < 0)
				return err_nomem(err);
			continue;
		}
		e = json_object();
		if (json_array_append_new(a, e) < 0)
			return err_nomem(err);
		r = machine_json_encode(p + i * f->size, f->sub, e, err);
		if (r == 0 && f->check)
			r = f->check(p + i * f->size, err);
		if (r < 0) {
			err_prefix(err, "%s[%zu]", f->name, i);
			/* A broken rule on our side is not a bad message. */
			return r == -EBADMSG ? -EINVAL : r;
		}
	}
	return set_new(o, f->name, TAKE_PTR(a), err);
}

static int encode_number(const struct machine_field *f, const void *p, json_t *o,
			 struct err *err)
{
	int64_t v;

	switch (f->kind) {
	case FIELD_U16:
		v = *(const uint16_t *)p;
		break;
	case FIELD_U32:
		v = *(const uint32_t *)p;
		break;
	case FIELD_I32:
		v = *(const int32_t *)p;
		break;
	case FIELD_I64:
		v = *(const int64_t *)p;
		break;
	default:
		if (*(const uint64_t *)p > INT64_MAX)
			return err_set(err, EINVAL, "%s is out of range", f->name);
		v = (int64_t)*(const uint64_t *)p;
		break;
	}
	if (v == f->unknown && !(f->rules & RULE_NEEDED))
		return 0;
	return set_new(o, f->name, json_integer(v), err);
}

static int encode_object(const struct machine_field *f, const void *p, json_t *o, struct err *err)
{
	CLEANUP(json_unref) json_t *sub = json_object();
	int r;

	if (!sub)
		return err_nomem(err);
	r = machine_json_encode(p, f->sub, sub, err);
	if (r < 0) {
		err_prefix(err, "%s", f->name);
		return r;
	}
	/* An empty plan is one all the same. */
	if (json_object_size(sub) == 0 && f->kind == FIELD_OBJECT)
		return 0;
	return set_new(o, f->name, TAKE_PTR(sub), err);
}

static int encode_answer(const struct machine_field *f, enum machine_answer a, json_t *o,
			 struct err *err)
{
	if (a == MACHINE_NOT_KNOWN)
		return 0;
	if (a != MACHINE_NO && a != MACHINE_YES)
		return err_set(err, EINVAL, "%s is out of range", f->name);
	return set_new(o, f->name, json_boolean(a == MACHINE_YES), err);
}

int machine_json_encode(const void *base, const struct machine_field *fields, json_t *o,
			struct err *err)
{
	for (const struct machine_field *f = fields; f->name; f++) {
		const void *p = (const char *)base + f->offset;
		int r = 0;

		switch (f->kind) {
		case FIELD_STR:
			r = encode_text(f, *(char *const *)p, o, err);
			break;
		case FIELD_STRV:
			r = encode_strv(f, p, o, err);
			break;
		case FIELD_BOOL:
			r = set_new(o, f->name, json_boolean(*(const bool *)p), err);
			break;
		case FIELD_FLAG:
			if (*(const bool *)p)
				r = set_new(o, f->name, json_true(), err);
			break;
		case FIELD_ANSWER:
			r = encode_answer(f, *(const enum machine_answer *)p, o, err);
			break;
		case FIELD_FIRMWARE: {
			enum machine_firmware_type t = *(const enum machine_firmware_type *)p;

			if ((size_t)t >= ARRAY_SIZE(machine_fields_firmware_types))
				r = err_set(err, EINVAL, "%s is out of range", f->name);
			else if (machine_fields_firmware_types[t])
				r = set_new(o, f->name,
					    json_string(machine_fields_firmware_types[t]), err);
			break;
		}
		case FIELD_OBJECT:
			r = encode_object(f, p, o, err);
			break;
		case FIELD_POINTER:
			if (*(void *const *)p)
				r = encode_object(f, *(void *const *)p, o, err);
			break;
		case FIELD_LIST:
		case FIELD_U16LIST:
			r = encode_list(f, base, o, err);
			break;
		default:
			r = encode_number(f, p, o, err);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}
