/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See job_state.h; the format is in docs/job-format.md. */
#include "p2v-server/job_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "wire/proto.h"

#define JOB_JSON_MAX (4u << 20)

bool job_consistency_valid(const char *text)
{
	static const char *const words[] = { "consistent", "in-use", "crash-consistent",
					     "filesystem-consistent", "application-consistent" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

/* A file of the folder: a plain name, so that job.json cannot point out of it. */
static int get_file(const json_t *o, const char *key, char **ret, struct err *err)
{
	CLEANUP(mem_free) char *s = NULL;
	int r = jsonx_get_str(o, key, &s, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (strchr(s, '/') || !*s || *s == '.')
		return err_set(err, EBADMSG, "%s is not a plain file name", key);
	*ret = TAKE_PTR(s);
	return 0;
}

static int get_text(const json_t *o, const char *key, char **ret, struct err *err)
{
	int r = jsonx_get_str(o, key, ret, err);

	return r == -ENOENT ? 0 : r;
}

static int get_number(const json_t *o, const char *key, uint64_t *ret, struct err *err)
{
	int r = jsonx_get_u64(o, key, ret, err);

	return r == -ENOENT ? 0 : r;
}

/* A member that must be there. */
static int want(int r, const char *key, struct err *err)
{
	return r == -ENOENT ? err_set(err, EBADMSG, "%s is missing", key) : r;
}

static int get_sector(const json_t *o, const char *key, uint32_t *ret, struct err *err)
{
	uint64_t v = 512;
	int r = jsonx_get_u64(o, key, &v, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (v < 512 || v > 65536 || (v & (v - 1)) != 0)
		return err_set(err, EBADMSG, "%s %" PRIu64 " is no sector size", key, v);
	*ret = (uint32_t)v;
	return 0;
}

static int load_image(const json_t *o, struct job_image *im, struct err *err)
{
	CLEANUP(mem_free) char *digest = NULL;
	uint8_t raw[SHA256_LEN];
	int r;

	if ((r = want(jsonx_get_str(o, "disk", &im->disk, err), "disk", err)) < 0 ||
	    (r = want(jsonx_get_str(o, "source", &im->source, err), "source", err)) < 0 ||
	    (r = want(jsonx_get_u64(o, "size", &im->size, err), "size", err)) < 0 ||
	    (r = get_sector(o, "logical_sector", &im->logical_sector, err)) < 0 ||
	    (r = get_sector(o, "physical_sector", &im->physical_sector, err)) < 0 ||
	    (r = get_text(o, "digest", &digest, err)) < 0 ||
	    (r = get_file(o, "fixed", &im->fixed, err)) < 0 ||
	    (r = get_number(o, "fixed_mtime", &im->fixed_mtime, err)) < 0)
		return r;
	if (!text_name_valid(im->disk))
		return err_set(err, EBADMSG, "disk is not a valid name");
	if (im->size == 0 || im->size % 512 != 0 || im->size > PROTO_DISK_SIZE_MAX)
		return err_set(err, EBADMSG, "size %" PRIu64 " is no disk size", im->size);
	if (digest && digest_unhex(digest, raw, sizeof(raw)) < 0)
		return err_set(err, EBADMSG, "digest is not 64 hex digits");
	if (digest)
		memcpy(im->digest, digest, sizeof(im->digest));
	return 0;
}

static int load_images(struct job *j, const json_t *o, struct err *err)
{
	json_t *arr;
	int r = want(jsonx_get_arr(o, "images", &arr, err), "images", err);

	if (r < 0)
		return r;
	if (json_array_size(arr) == 0 || json_array_size(arr) > PROTO_DISKS_MAX)
		return err_set(err, EBADMSG, "images has %zu entries", json_array_size(arr));
	j->images = calloc(json_array_size(arr), sizeof(*j->images));
	if (!j->images)
		return err_nomem(err);
	for (size_t i = 0; i < json_array_size(arr); i++) {
		r = load_image(json_array_get(arr, i), &j->images[j->nimages++], err);
		if (r < 0) {
			err_prefix(err, "images[%zu]", i);
			return r;
		}
	}
	return 0;
}

static int load_uuid(struct job *j, const char *text, struct err *err)
{
	char hex[33];
	size_t n = 0;

	for (; *text && n < 32; text++)
		if (*text != '-')
			hex[n++] = *text;
	hex[n] = '\0';
	return *text || digest_unhex(hex, j->uuid, 16) < 0
		       ? err_set(err, EBADMSG, "uuid is no UUID")
		       : 0;
}

static int load_warnings(struct job *j, const json_t *o, struct err *err)
{
	uint64_t copy = 0;
	json_t *arr;
	int r = jsonx_get_arr(o, "warnings", &arr, err);

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = get_number(o, "copy_warnings", &copy, err);
	if (r >= 0 && copy > json_array_size(arr))
		return err_set(err, EBADMSG, "copy_warnings is more than there are");
	j->copy_warnings = copy;
	for (size_t i = 0; r >= 0 && i < json_array_size(arr); i++) {
		const char *s = json_string_value(json_array_get(arr, i));

		if (!s)
			return err_set(err, EBADMSG, "warnings[%zu] is not a string", i);
		if (machine_strv_add(&j->warnings, s) < 0)
			return err_nomem(err);
	}
	return r;
}

static int load_state(struct job *j, const json_t *o, struct err *err)
{
	CLEANUP(mem_free) char *state = NULL;
	int r = want(jsonx_get_str(o, "state", &state, err), "state", err);

	if (r < 0)
		return r;
	for (int s = 0; s < JOB_STATES; s++) {
		if (strcmp(state, job_state_name((enum job_state)s)) == 0) {
			j->state = (enum job_state)s;
			return 0;
		}
	}
	return err_set(err, EBADMSG, "state is not known");
}

static int parse(struct job *j, const json_t *o, struct err *err)
{
	CLEANUP(mem_free) char *uuid = NULL;
	uint64_t version;
	int r;

	if ((r = want(jsonx_get_u64(o, "version", &version, err), "version", err)) < 0)
		return r;
	if (version != JOB_VERSION)
		return err_set(err, EBADMSG,
			       "version %" PRIu64 " is not one this p2v-server knows (%d)", version,
			       JOB_VERSION);
	if ((r = want(jsonx_get_str(o, "uuid", &uuid, err), "uuid", err)) < 0 ||
	    (r = load_uuid(j, uuid, err)) < 0 || (r = load_state(j, o, err)) < 0 ||
	    (r = load_images(j, o, err)) < 0 || (r = load_warnings(j, o, err)) < 0 ||
	    (r = want(jsonx_get_bool(o, "compressed", &j->compressed, err), "compressed", err)) <
		    0 ||
	    ((r = jsonx_get_bool(o, "resync", &j->resync, err)) < 0 && r != -ENOENT) ||
	    ((r = jsonx_get_bool(o, "live", &j->live, err)) < 0 && r != -ENOENT) ||
	    (r = want(jsonx_get_str(o, "consistency", &j->consistency, err), "consistency", err)) <
		    0 ||
	    (r = get_text(o, "created", &j->created, err)) < 0 ||
	    (r = get_text(o, "updated", &j->updated, err)) < 0 ||
	    (r = get_text(o, "agent", &j->agent, err)) < 0 ||
	    (r = get_file(o, "domain_xml", &j->domain_xml, err)) < 0 ||
	    (r = get_file(o, "report", &j->report, err)) < 0 ||
	    (r = get_file(o, "report_html", &j->report_html, err)) < 0 ||
	    (r = get_file(o, "nvram", &j->nvram, err)) < 0)
		return r;
	return 0;
}

/* Not through a link, and not waiting for the other end of a FIFO. */
static int read_json(const struct job *j, char **ret, size_t *ret_len, struct err *err)
{
	CLEANUP(fd_close)
	int fd = openat(j->dirfd, "job.json",
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, "cannot open it");
	r = fdio_read_fd(fd, JOB_JSON_MAX, ret, ret_len);
	return r < 0 ? err_code(err, -r, "cannot read it") : 0;
}

int job_state_load(struct job *j, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(json_unref) json_t *o = NULL;
	size_t len;
	int r;

	r = read_json(j, &text, &len, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "there is no job %s in %s", j->name, j->store);
	if (r >= 0)
		r = jsonx_parse(text, len, "job.json", &o, err);
	if (r >= 0)
		r = parse(j, o, err);
	if (r < 0)
		err_prefix(err, "job %s: job.json", j->name);
	return r;
}

static json_t *image_json(const struct job_image *im)
{
	json_t *o = json_object();

	if (!o || jsonx_set_str(o, "disk", im->disk) < 0 ||
	    jsonx_set_str(o, "source", im->source) < 0 || jsonx_set_u64(o, "size", im->size) < 0 ||
	    jsonx_set_u64(o, "logical_sector", im->logical_sector) < 0 ||
	    jsonx_set_u64(o, "physical_sector", im->physical_sector) < 0 ||
	    jsonx_set_str(o, "digest", im->digest[0] ? im->digest : NULL) < 0 ||
	    jsonx_set_str(o, "fixed", im->fixed) < 0 ||
	    (im->fixed && jsonx_set_u64(o, "fixed_mtime", im->fixed_mtime) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int job_state_json(const struct job *j, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	json_t *images = json_array(), *warnings = json_array();
	char uuid[37];

	job_uuid_text(j->uuid, uuid);
	if (!o || jsonx_set_u64(o, "version", JOB_VERSION) < 0 ||
	    jsonx_set_str(o, "name", j->name) < 0 || jsonx_set_str(o, "uuid", uuid) < 0 ||
	    jsonx_set_str(o, "state", job_state_name(j->state)) < 0 ||
	    jsonx_set_str(o, "created", j->created) < 0 ||
	    jsonx_set_str(o, "updated", j->updated) < 0 ||
	    jsonx_set_bool(o, "compressed", j->compressed) < 0 ||
	    (j->resync && jsonx_set_bool(o, "resync", true) < 0) ||
	    (j->live && jsonx_set_bool(o, "live", true) < 0) ||
	    jsonx_set_str(o, "consistency", j->consistency) < 0 ||
	    jsonx_set_str(o, "agent", j->agent) < 0 ||
	    json_object_set_new(o, "images", images) < 0 ||
	    jsonx_set_str(o, "domain_xml", j->domain_xml) < 0 ||
	    jsonx_set_str(o, "report", j->report) < 0 ||
	    jsonx_set_str(o, "report_html", j->report_html) < 0 ||
	    jsonx_set_str(o, "nvram", j->nvram) < 0 ||
	    jsonx_set_u64(o, "copy_warnings", j->copy_warnings) < 0 ||
	    json_object_set_new(o, "warnings", warnings) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		if (json_array_append_new(images, image_json(&j->images[i])) < 0)
			return err_nomem(err);
	for (size_t i = 0; i < j->warnings.n; i++)
		if (json_array_append_new(warnings, json_string(j->warnings.v[i])) < 0)
			return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}

int job_save(struct job *j, struct err *err)
{
	CLEANUP(json_unref) json_t *o = NULL;
	CLEANUP(mem_free) char *text = NULL;
	int r;

	free(j->updated);
	j->updated = job_now();
	r = job_state_json(j, &o, err);
	if (r < 0)
		return r;
	text = jsonx_dump(o);
	if (!text)
		return err_nomem(err);
	return fdio_replace_file_at(j->dirfd, "job.json", text, strlen(text), 0600, err);
}
