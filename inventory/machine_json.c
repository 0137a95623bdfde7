/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The document around the tables: its version, and its text. */
#include "inventory/machine_json.h"

#include <inttypes.h>
#include "common/jsonx.h"
#include "inventory/machine_json_code.h"

int machine_to_json(const struct machine *m, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	int r;

	if (!o)
		return err_nomem(err);
	r = json_object_set_new(o, "version", json_integer(MACHINE_VERSION)) == 0 ? 0 :
	    err_nomem(err);
	if (r == 0)
		r = machine_json_encode(m, machine_fields_machine, o, err);
	if (r < 0) {
		err_prefix(err, "machine");
		return r;
	}
	*ret = TAKE_PTR(o);
	return 0;
}

static int check_version(const json_t *j, struct err *err)
{
	int64_t version;
	int r;

	if (!json_is_object(j))
		return err_set(err, EBADMSG, "not a JSON object");
	r = jsonx_get_i64(j, "version", &version, err);
	if (r == -ENOENT)
		return err_set(err, EBADMSG, "version is missing");
	if (r == 0 && version != MACHINE_VERSION)
		return err_set(err, EBADMSG, "version %" PRId64 " is not known here (%d is)",
			       version, MACHINE_VERSION);
	return r;
}

int machine_from_json(const json_t *j, struct machine **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r = check_version(j, err);

	if (r == 0 && machine_new(&m) < 0)
		return err_nomem(err);
	if (r == 0)
		r = machine_json_decode(j, machine_fields_machine, RULE_ANY, m, err);
	if (r < 0) {
		err_prefix(err, "machine");
		return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

int machine_json_dump(const struct machine *m, char **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	char *text;
	int r = machine_to_json(m, &j, err);

	if (r < 0)
		return r;
	text = jsonx_dump(j);
	if (!text)
		return err_nomem(err);
	*ret = text;
	return 0;
}

int machine_json_parse(const char *text, size_t len, struct machine **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	int r;

	if (len > MACHINE_JSON_TEXT_MAX)
		return err_set(err, EBADMSG, "machine: the text is too long");
	r = jsonx_parse(text, len, "machine", &j, err);
	return r < 0 ? r : machine_from_json(j, ret, err);
}
