/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/report.h"

#include <string.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "inventory/machine_json.h"
#include "p2v-server/job_view.h"
#include "wire/proto.h"

#define REPORT_VERSION 1

/* A JSON file of the job's folder, or null when it is not there. */
static json_t *load(const struct job *j, const char *name, size_t max)
{
	CLEANUP(mem_free) char *text = NULL;
	json_t *o = NULL;
	size_t len;

	if (fdio_read_file_at(j->dirfd, name, max, &text, &len, NULL) < 0 ||
	    jsonx_parse(text, len, name, &o, NULL) < 0)
		return json_null();
	return o;
}

int report_json(const struct job *j, const struct fix_report *fixes, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	json_t *job = NULL, *fix = NULL;
	int r;

	r = job_view_json(j, &job, err);
	if (r < 0)
		return r;
	if (fixes)
		r = fix_report_to_json(fixes, &fix, err);
	if (r < 0) {
		json_decref(job);
		return r;
	}
	if (!o || jsonx_set_u64(o, "version", REPORT_VERSION) < 0 ||
	    jsonx_set_str(o, "software", "p2v-server " P2V_VERSION) < 0 ||
	    json_object_set_new(o, "job", job) < 0 ||
	    json_object_set_new(o, "source", load(j, "source.json", PROTO_SUMMARY_MAX)) < 0 ||
	    json_object_set_new(o, "machine", load(j, "machine.json", PROTO_MACHINE_MAX)) < 0 ||
	    json_object_set_new(o, "guest", fix ? fix : json_null()) < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}

int report_write(struct job *j, const struct fix_report *fixes, struct err *err)
{
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(json_unref) json_t *o = NULL;
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) char *html = NULL;
	int r;

	free(j->report);
	free(j->report_html);
	j->report = strdup("report.json");
	j->report_html = strdup("report.html");
	if (!j->report || !j->report_html)
		return err_nomem(err);
	r = job_journal(j, true, &journal, err);
	if (r >= 0)
		r = report_json(j, fixes, &o, err);
	if (r < 0)
		return r;
	text = jsonx_dump(o);
	if (!text)
		return err_nomem(err);
	r = report_html(o, journal, &html, err);
	if (r >= 0)
		r = fdio_replace_file_at(j->dirfd, j->report, text, strlen(text), 0600, err);
	if (r >= 0)
		r = fdio_replace_file_at(j->dirfd, j->report_html, html, strlen(html), 0600, err);
	return r;
}
