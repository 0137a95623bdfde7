/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/job_view.h"

#include "common/jsonx.h"
#include "inventory/machine_json.h"

/* Absolute path or JSON null. */
static json_t *path_json(const struct job *j, const char *file)
{
	CLEANUP(mem_free) char *path = file ? job_path(j, file) : NULL;

	return path ? json_string(path) : json_null();
}

static json_t *bad_json(const struct journal_disk *d)
{
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < d->bad.n; i++)
		json_array_append_new(arr, json_pack("{s:I, s:I}", "offset",
						     (json_int_t)d->bad.v[i].offset, "length",
						     (json_int_t)d->bad.v[i].length));
	return arr;
}

static json_t *image_json(const struct job *j, const struct job_image *im,
			  const struct journal *journal, size_t i)
{
	CLEANUP(mem_free) char *replica = job_image_name(im, j->state == JOB_RECEIVING);
	uint64_t t[4];
	json_t *o = json_object();

	if (!replica || !o)
		return o;
	jsonx_set_str(o, "disk", im->disk);
	jsonx_set_str(o, "source", im->source);
	json_object_set_new(o, "path", path_json(j, im->fixed ? im->fixed : replica));
	json_object_set_new(o, "replica", path_json(j, replica));
	jsonx_set_u64(o, "virtual_size", im->size);
	json_object_set_new(o, "digest", im->digest[0] ? json_string(im->digest) : json_null());
	if (journal) {
		journal_totals(journal, (uint16_t)i, t);
		jsonx_set_u64(o, "durable", t[CHUNK_DATA] + t[CHUNK_ZERO] + t[CHUNK_FREE]);
		jsonx_set_u64(o, "data", t[CHUNK_DATA]);
		jsonx_set_u64(o, "zero", t[CHUNK_ZERO]);
		jsonx_set_u64(o, "free", t[CHUNK_FREE]);
		json_object_set_new(o, "bad", bad_json(&journal->disks[i]));
	}
	return o;
}

/* What the last finish went by, and the next one will. */
static json_t *plan_json(const struct job *j)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(json_unref) json_t *o = NULL;

	if (job_machine(j, &m, NULL) < 0 || job_plan(j, m, NULL) < 0 ||
	    machine_to_json(m, &o, NULL) < 0 || !m->plan)
		return json_null();
	return json_incref(json_object_get(o, "plan"));
}

int job_view_json(const struct job *j, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	CLEANUP(journal_free) struct journal *journal = NULL;
	json_t *images = json_array(), *warnings = json_array();
	char uuid[37];

	/* A job that is being created, or whose journal is damaged, is still shown. */
	(void)job_journal(j, true, &journal, NULL);
	job_uuid_text(j->uuid, uuid);
	if (!o || jsonx_set_str(o, "name", j->name) < 0 || jsonx_set_str(o, "uuid", uuid) < 0 ||
	    jsonx_set_str(o, "state", job_state_name(j->state)) < 0 ||
	    jsonx_set_str(o, "consistency", j->consistency) < 0 ||
	    jsonx_set_str(o, "created", j->created) < 0 ||
	    jsonx_set_str(o, "updated", j->updated) < 0 ||
	    jsonx_set_str(o, "agent", j->agent) < 0 ||
	    jsonx_set_bool(o, "compressed", j->compressed) < 0 ||
	    json_object_set_new(o, "images", images) < 0 ||
	    json_object_set_new(o, "domain_xml", path_json(j, j->domain_xml)) < 0 ||
	    json_object_set_new(o, "report", path_json(j, j->report)) < 0 ||
	    json_object_set_new(o, "report_html", path_json(j, j->report_html)) < 0 ||
	    json_object_set_new(o, "plan", plan_json(j)) < 0 ||
	    json_object_set_new(o, "warnings", warnings) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		if (json_array_append_new(images, image_json(j, &j->images[i], journal, i)) < 0)
			return err_nomem(err);
	for (size_t i = 0; i < j->warnings.n; i++)
		if (json_array_append_new(warnings, json_string(j->warnings.v[i])) < 0)
			return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}
