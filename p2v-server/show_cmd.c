/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server list and show. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/size.h"
#include "common/sysroot.h"
#include "p2v-server/commands.h"
#include "p2v-server/job.h"
#include "p2v-server/job_view.h"

struct view_options {
	bool json;
};

const struct opt list_opts[] = {
	{ "json", 'j', NULL, "print JSON", OPT_FLAG, offsetof(struct view_options, json) },
	{ 0 }
};

const struct opt show_opts[] = {
	{ "json", 'j', NULL, "print JSON", OPT_FLAG, offsetof(struct view_options, json) },
	{ 0 }
};

static int print_json(const json_t *j, struct err *err)
{
	CLEANUP(mem_free) char *text = jsonx_dump(j);

	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

static uint64_t sum(const json_t *view, const char *member)
{
	const json_t *images = json_object_get(view, "images"), *im;
	uint64_t total = 0;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)images, i, im)
		total += (uint64_t)json_integer_value(json_object_get(im, member));
	return total;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static void print_row(const json_t *v)
{
	uint64_t size = sum(v, "virtual_size"), durable = sum(v, "durable");
	char a[SIZE_TEXT_MAX];

	printf("%-32s %-10s %10s %5.1f %%  %-11s %s\n", text_of(v, "name"), text_of(v, "state"),
	       size_format(size, a), size ? 100.0 * (double)durable / (double)size : 0.0,
	       text_of(v, "consistency"), text_of(v, "updated"));
}

static int list(bool json, struct err *err)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(json_unref) json_t *all = json_array();
	int r;

	r = job_list(server_store(), &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; names[i]; i++) {
		CLEANUP(job_free) struct job *j = NULL;
		struct err one = ERR_INIT;
		json_t *v = NULL;

		/* One damaged job does not hide the others. */
		if (job_open(server_store(), names[i], JOB_LOCK_NONE, &j, &one) < 0 ||
		    job_view_json(j, &v, &one) < 0) {
			log_warning("%s", one.text);
			continue;
		}
		if (json_array_append_new(all, v) < 0)
			return err_nomem(err);
	}
	if (json)
		return print_json(all, err);
	if (json_array_size(all) == 0) {
		log_notice("no jobs in %s", server_store());
		return 0;
	}
	printf("%-32s %-10s %10s %7s  %-11s %s\n", "NAME", "STATE", "SIZE", "DONE", "CONSISTENCY",
	       "UPDATED");
	for (size_t i = 0; i < json_array_size(all); i++)
		print_row(json_array_get(all, i));
	return 0;
}

int list_run(int argc, char **argv)
{
	struct view_options o = { 0 };
	struct err err = ERR_INIT;
	int r = program_parse(&server_program, "list", argc, argv, &o, 0, NULL);

	if (r >= 0)
		return r;
	return server_exit(list(o.json, &err), &err);
}

static void print_image(const json_t *im)
{
	char size[SIZE_TEXT_MAX], data[SIZE_TEXT_MAX], zero[SIZE_TEXT_MAX], nobody[SIZE_TEXT_MAX];
	const json_t *bad = json_object_get(im, "bad");

#define BYTES(key) (uint64_t)json_integer_value(json_object_get(im, key))
	printf("  %s (%s): %s; data %s, zero %s, free %s\n", text_of(im, "disk"),
	       text_of(im, "source"), size_format(BYTES("virtual_size"), size),
	       size_format(BYTES("data"), data), size_format(BYTES("zero"), zero),
	       size_format(BYTES("free"), nobody));
#undef BYTES
	printf("    image    %s\n    replica  %s\n    digest   %s\n", text_of(im, "path"),
	       text_of(im, "replica"), text_of(im, "digest"));
	for (size_t i = 0; i < json_array_size(bad); i++)
		printf("    unreadable on the source: %" PRIu64 " bytes at 0x%" PRIx64 "\n",
		       (uint64_t)json_integer_value(
			       json_object_get(json_array_get(bad, i), "length")),
		       (uint64_t)json_integer_value(
			       json_object_get(json_array_get(bad, i), "offset")));
}

static void print_job(const json_t *v)
{
	const json_t *images = json_object_get(v, "images"),
		     *warnings = json_object_get(v, "warnings");

	printf("Job          %s (%s)\nState        %s\nConsistency  %s\nCreated      %s\nUpdated   "
	       "   %s\nAgent        %s\nImages\n",
	       text_of(v, "name"), text_of(v, "uuid"), text_of(v, "state"),
	       text_of(v, "consistency"), text_of(v, "created"), text_of(v, "updated"),
	       text_of(v, "agent"));
	for (size_t i = 0; i < json_array_size(images); i++)
		print_image(json_array_get(images, i));
	printf("Domain XML   %s\nReport       %s\n", text_of(v, "domain_xml"),
	       text_of(v, "report_html"));
	for (size_t i = 0; i < json_array_size(warnings); i++)
		printf("Warning      %s\n", json_string_value(json_array_get(warnings, i)));
}

static int show(const char *name, bool json, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(json_unref) json_t *v = NULL;
	int r;

	r = job_open(server_store(), name, JOB_LOCK_NONE, &j, err);
	if (r >= 0)
		r = job_view_json(j, &v, err);
	if (r < 0)
		return r;
	if (json)
		return print_json(v, err);
	print_job(v);
	return 0;
}

int show_run(int argc, char **argv)
{
	struct view_options o = { 0 };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "show", argc, argv, &o, 1, &first);
	if (r >= 0)
		return r;
	return server_exit(show(argv[first], o.json, &err), &err);
}
