/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report's life and its JSON; the names of its members are docs/job-format.md's.
 */
#include "postfix/fix.h"

#include <errno.h>
#include <string.h>

#include "common/jsonx.h"

void fix_report_free(struct fix_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nresults; i++) {
		struct fix_result *res = &r->results[i];

		for (size_t k = 0; k < res->nchanges; k++) {
			free(res->changes[k].path);
			free(res->changes[k].what);
			free(res->changes[k].diff);
		}
		free(res->changes);
		free(res->detail);
	}
	free(r->results);
	machine_strv_done(&r->warnings);
	free(r->os_name);
	free(r->root);
	free(r);
}

static int append(json_t *list, json_t *item)
{
	return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
}

static json_t *changes_json(const struct fix_result *res)
{
	CLEANUP(json_unref) json_t *list = json_array();

	for (size_t i = 0; i < res->nchanges; i++) {
		const struct fix_change *c = &res->changes[i];
		CLEANUP(json_unref) json_t *o = json_object();

		if (jsonx_set_str(o, "path", c->path) < 0 ||
		    jsonx_set_str(o, "what", c->what) < 0 ||
		    jsonx_set_str(o, "diff", c->diff) < 0 || append(list, TAKE_PTR(o)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static json_t *fixes_json(const struct fix_report *r)
{
	CLEANUP(json_unref) json_t *list = json_array();

	for (size_t i = 0; i < r->nresults; i++) {
		const struct fix_result *res = &r->results[i];
		CLEANUP(json_unref) json_t *o = json_object();

		if (jsonx_set_str(o, "id", res->id) < 0 ||
		    jsonx_set_str(o, "title", res->title) < 0 ||
		    jsonx_set_str(o, "severity", fix_severity_name(res->severity)) < 0 ||
		    jsonx_set_str(o, "state", fix_state_name(res->state)) < 0 ||
		    jsonx_set_str(o, "detail", res->detail) < 0 ||
		    jsonx_set_str(o, "undo", res->undo) < 0 ||
		    json_object_set_new(o, "changes", changes_json(res)) < 0 ||
		    append(list, TAKE_PTR(o)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static json_t *strv_json(const struct machine_strv *v)
{
	CLEANUP(json_unref) json_t *o = json_object(), *list = json_array();

	/* Through an object, because that is where text that is not UTF-8 gets escaped. */
	for (size_t i = 0; i < v->n; i++)
		if (jsonx_set_str(o, "s", v->v[i]) < 0 ||
		    json_array_append(list, json_object_get(o, "s")) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *caps_json(const struct guestcaps *c)
{
	static const char *const block[] = {
		[VM_BLOCK_VIRTIO_SCSI] = "virtio-scsi", [VM_BLOCK_VIRTIO_BLK] = "virtio-blk",
		[VM_BLOCK_SATA] = "sata", [VM_BLOCK_IDE] = "ide",
	};
	static const char *const net[] = {
		[VM_NET_VIRTIO] = "virtio", [VM_NET_E1000E] = "e1000e", [VM_NET_E1000] = "e1000",
		[VM_NET_RTL8139] = "rtl8139",
	};
	CLEANUP(json_unref) json_t *o = json_object();

	if (jsonx_set_str(o, "block", block[c->block]) < 0 ||
	    jsonx_set_str(o, "net", net[c->net]) < 0 ||
	    jsonx_set_bool(o, "virtio_rng", c->virtio_rng) < 0 ||
	    jsonx_set_bool(o, "virtio_balloon", c->virtio_balloon) < 0 ||
	    jsonx_set_bool(o, "guest_agent", c->guest_agent) < 0 ||
	    jsonx_set_bool(o, "q35", c->q35) < 0 ||
	    jsonx_set_bool(o, "virtio_1_0", c->virtio_1_0) < 0 ||
	    jsonx_set_bool(o, "serial_console", c->serial_console) < 0 ||
	    jsonx_set_str(o, "os_type", c->os_type) < 0 ||
	    jsonx_set_str(o, "distro", c->distro) < 0 ||
	    json_object_set_new(o, "major", json_integer(c->major)) < 0 ||
	    json_object_set_new(o, "minor", json_integer(c->minor)) < 0 ||
	    jsonx_set_str(o, "osinfo", c->osinfo) < 0 || jsonx_set_str(o, "arch", c->arch) < 0)
		return NULL;
	return TAKE_PTR(o);
}

int fix_report_to_json(const struct fix_report *r, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();

	if (jsonx_set_str(o, "os", r->os_name) < 0 || jsonx_set_str(o, "root", r->root) < 0 ||
	    jsonx_set_bool(o, "dry_run", r->dry_run) < 0 ||
	    jsonx_set_u64(o, "boot_image", r->boot_image) < 0 ||
	    json_object_set_new(o, "fixes", fixes_json(r)) < 0 ||
	    json_object_set_new(o, "warnings", strv_json(&r->warnings)) < 0 ||
	    json_object_set_new(o, "guestcaps", caps_json(&r->caps)) < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}
