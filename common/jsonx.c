/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/jsonx.h"

#include <errno.h>
#include <string.h>
#include "common/text.h"

/* The member, or -ENOENT; a tree that is not an object has no members but is a wrong file. */
static int member(const json_t *obj, const char *key, json_t **ret, struct err *err)
{
	json_t *v = NULL;

	if (!json_is_object(obj))
		return err_set(err, EBADMSG, "\"%s\" is looked for in what is not an object", key);
	v = json_object_get(obj, key);
	if (!v || json_is_null(v))
		return -ENOENT;
	*ret = v;
	return 0;
}

static int wrong_type(struct err *err, const char *key, const char *wanted)
{
	return err_set(err, EBADMSG, "\"%s\" is not %s", key, wanted);
}

int jsonx_get_str(const json_t *obj, const char *key, char **ret, struct err *err)
{
	json_t *v = NULL;
	char *s;
	int r;

	r = member(obj, key, &v, err);
	if (r < 0)
		return r;
	if (!json_is_string(v))
		return wrong_type(err, key, "a string");
	s = strdup(json_string_value(v));
	if (!s)
		return err_nomem(err);
	*ret = s;
	return 0;
}

int jsonx_get_i64(const json_t *obj, const char *key, int64_t *ret, struct err *err)
{
	json_t *v = NULL;
	int r;

	r = member(obj, key, &v, err);
	if (r < 0)
		return r;
	if (!json_is_integer(v))
		return wrong_type(err, key, "an integer");
	*ret = json_integer_value(v);
	return 0;
}

int jsonx_get_u64(const json_t *obj, const char *key, uint64_t *ret, struct err *err)
{
	int64_t v;
	int r;

	r = jsonx_get_i64(obj, key, &v, err);
	if (r < 0)
		return r;
	if (v < 0)
		return wrong_type(err, key, "a number of 0 or more");
	*ret = (uint64_t)v;
	return 0;
}

int jsonx_get_bool(const json_t *obj, const char *key, bool *ret, struct err *err)
{
	json_t *v = NULL;
	int r;

	r = member(obj, key, &v, err);
	if (r < 0)
		return r;
	if (!json_is_boolean(v))
		return wrong_type(err, key, "true or false");
	*ret = json_is_true(v);
	return 0;
}

int jsonx_get_obj(const json_t *obj, const char *key, json_t **ret, struct err *err)
{
	json_t *v = NULL;
	int r;

	r = member(obj, key, &v, err);
	if (r < 0)
		return r;
	if (!json_is_object(v))
		return wrong_type(err, key, "an object");
	*ret = v;
	return 0;
}

int jsonx_get_arr(const json_t *obj, const char *key, json_t **ret, struct err *err)
{
	json_t *v = NULL;
	int r;

	r = member(obj, key, &v, err);
	if (r < 0)
		return r;
	if (!json_is_array(v))
		return wrong_type(err, key, "an array");
	*ret = v;
	return 0;
}

/* On failure the fault's line is in *ret_line, and its description is all that is in err. */
static int parse(const char *text, size_t len, int *ret_line, json_t **ret, struct err *err)
{
	json_error_t fault;
	char why[256];
	json_t *j;

	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
	if (!j) {
		*ret_line = fault.line;
		if (json_error_code(&fault) == json_error_out_of_memory)
			return err_nomem(err);
		/* jansson quotes from the text, which is not ours. */
		text_escape_str(fault.text, why, sizeof(why));
		return err_set(err, EBADMSG, "%s", why);
	}
	*ret = j;
	return 0;
}

int jsonx_parse(const char *text, size_t len, const char *what, json_t **ret, struct err *err)
{
	int line, r = parse(text, len, &line, ret, err);

	if (r == -EBADMSG)
		err_prefix(err, "%s is not valid JSON: line %d", what, line);
	return r;
}

int jsonx_parse_edited(const char *text, size_t len, json_t **ret, struct err *err)
{
	int line, r = parse(text, len, &line, ret, err);

	if (r == -EBADMSG)
		err_prefix(err, "line %d: not valid JSON", line > 0 ? line : 1);
	return r;
}

int jsonx_set_str(json_t *obj, const char *key, const char *value)
{
	CLEANUP(mem_free) char *escaped = NULL;
	json_t *v = NULL;

	if (!value)
		return 0;
	v = json_string(value);
	if (!v) {
		/* Most likely not UTF-8: a label, a DMI string. \xNN is four bytes for one. */
		size_t len = strlen(value);

		escaped = malloc(4 * len + 1);
		if (!escaped)
			return -ENOMEM;
		v = json_string(text_escape(value, len, escaped, 4 * len + 1));
	}
	return json_object_set_new(obj, key, v) == 0 ? 0 : -ENOMEM;
}

int jsonx_set_u64(json_t *obj, const char *key, uint64_t value)
{
	if (value > INT64_MAX)
		return -ERANGE;
	return json_object_set_new(obj, key, json_integer((json_int_t)value)) == 0 ? 0 : -ENOMEM;
}

int jsonx_set_bool(json_t *obj, const char *key, bool value)
{
	return json_object_set_new(obj, key, json_boolean(value)) == 0 ? 0 : -ENOMEM;
}

char *jsonx_dump(const json_t *j)
{
	CLEANUP(mem_free)
	char *s = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
	char *longer;
	size_t len;

	if (!s)
		return NULL;
	len = strlen(s);
	longer = realloc(s, len + 2);
	if (!longer)
		return NULL;
	s = NULL;
	memcpy(longer + len, "\n", 2);
	return longer;
}
