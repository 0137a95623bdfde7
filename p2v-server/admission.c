/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See admission.h. */
#include "p2v-server/admission.h"

#include <inttypes.h>
#include <string.h>

#include "inventory/machine_json.h"
#include "inventory/plan/plan.h"
#include "p2v-server/cutover.h"
#include "p2v-server/finish.h"
#include "p2v-server/overlay.h"
#include "wire/proto.h"

static bool allowed(const struct receive_config *cfg, const char *name)
{
	if (cfg->job && strcmp(cfg->job, name) != 0)
		return false;
	return !cfg->job_prefix || strncmp(cfg->job_prefix, name, strlen(cfg->job_prefix)) == 0;
}

/* A job goes on only with the disks it began with. */
static int same_disks(const struct job *j, const struct msg_open *o, struct err *err)
{
	if (j->nimages != o->ndisks)
		return err_set(err, EEXIST, "job %s exists with %zu disks, not %u", j->name,
			       j->nimages, o->ndisks);
	for (size_t i = 0; i < j->nimages; i++) {
		const struct job_image *im = &j->images[i];

		if (strcmp(im->disk, o->disks[i].name) != 0 || im->size != o->disks[i].size)
			return err_set(err, EEXIST,
				       "job %s exists with disk %s of %" PRIu64
				       " bytes, not %s of %" PRIu64,
				       j->name, im->disk, im->size, o->disks[i].name,
				       o->disks[i].size);
	}
	return 0;
}

static bool compares(const struct msg_open *o)
{
	return (o->flags & PROTO_OPEN_COMPARE) != 0;
}

static bool is_live(const struct msg_open *o)
{
	return (o->flags & PROTO_OPEN_LIVE) != 0;
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

/*
 * Two machines may have the same host name and disks of the same size. What both sides know of
 * the identity must agree, or chunks of the one would be completed with chunks of the other.
 */
static int same_machine(const struct job *j, const struct msg_open *o, struct err *err)
{
	CLEANUP(machine_free) struct machine *was = NULL;
	CLEANUP(machine_free) struct machine *is = NULL;
	int r = job_machine(j, &was, err);

	if (r >= 0)
		r = machine_json_parse((const char *)o->machine.p, o->machine.len, &is, err);
	if (r < 0)
		return r;
	/* Not the machine-id: a bootable medium has a new one at every start. */
	if (differ(was->smbios.uuid, is->smbios.uuid))
		return err_set(err, EEXIST, "job %s exists and is another machine's", j->name);
	for (uint16_t i = 0; i < o->ndisks; i++) {
		const struct machine_disk *a = machine_find_disk(was, o->disks[i].name);
		const struct machine_disk *b = machine_find_disk(is, o->disks[i].name);

		if (a && b && (differ(a->serial, b->serial) || differ(a->wwn, b->wwn)))
			return err_set(err, EEXIST, "job %s exists with another disk %s", j->name,
				       o->disks[i].name);
		if (a && b && j->state == JOB_RECEIVING && !compares(o) &&
		    differ(a->fingerprint, b->fingerprint))
			return err_set(
				err, EEXIST,
				"%s has changed since job %s began: its system has run in between; "
				"say --resync, or copy it as a new job",
				o->disks[i].source, j->name);
	}
	return 0;
}

static int check_machine(const struct msg_open *o, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r = machine_json_parse((const char *)o->machine.p, o->machine.len, &m, err);

	if (r >= 0)
		r = plan_check(m, err);
	if (r < 0)
		err_prefix(err, "the machine's description");
	return r;
}

/* "sda-vm" would get the file that finish makes for "sda". */
static bool overlay_name_clashes(const struct msg_open *o, uint16_t i)
{
	size_t len = strlen(o->disks[i].name), tail = strlen(OVERLAY_SUFFIX);

	if (len <= tail || strcmp(o->disks[i].name + len - tail, OVERLAY_SUFFIX) != 0)
		return false;
	for (uint16_t k = 0; k < o->ndisks; k++)
		if (strlen(o->disks[k].name) == len - tail &&
		    strncmp(o->disks[k].name, o->disks[i].name, len - tail) == 0)
			return true;
	return false;
}

static int create_job(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		      struct err *err)
{
	CLEANUP(mem_free) struct job_image *images = calloc(o->ndisks, sizeof(*images));
	CLEANUP(job_free) struct job *j = NULL;
	int r = check_machine(o, err);

	if (r < 0)
		return r;
	if (!images)
		return err_nomem(err);
	for (uint16_t i = 0; i < o->ndisks; i++)
		if (overlay_name_clashes(o, i))
			return err_set(err, ENOTUNIQ,
				       "disk name %s is that of another disk's overlay",
				       o->disks[i].name);
	for (uint16_t i = 0; i < o->ndisks; i++)
		images[i] = (struct job_image){
			.disk = o->disks[i].name,
			.source = o->disks[i].source,
			.size = o->disks[i].size,
			.logical_sector = o->disks[i].logical_sector,
			.physical_sector = o->disks[i].physical_sector,
		};
	r = job_create(cfg->store, o->name, images, o->ndisks,
		       (o->flags & PROTO_OPEN_COMPRESSED) != 0, (const char *)o->machine.p,
		       o->machine.len, &j, err);
	/* Nothing is durable yet: after a crash here it is a cold job without a chunk. */
	if (r >= 0 && is_live(o)) {
		j->live = true;
		r = job_save(j, err);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

/*
 * What was copied changes from now on, and what was made of it is worth nothing. The mark comes
 * first: from then on nobody takes the images for a copy of one moment.
 */
static int begin_resync(struct job *j, const struct msg_open *o, struct err *err)
{
	int r = check_machine(o, err);
	const char *name;

	if (r >= 0 && overlay_used(j, &name))
		return err_set(err, EEXIST,
			       "job %s: a virtual machine runs on %s, or has run on it; throw "
			       "away what it wrote with: p2v-server finish --restore --force %s",
			       j->name, name, j->name);
	if (r >= 0 && j->state == JOB_FINISHED)
		r = finish_restore(j, err);
	/* One that came too late for the copy before is not meant for this one. */
	if (r >= 0 && j->state != JOB_RECEIVING)
		r = cutover_take_back(j->dirfd, err);
	if (r < 0)
		return r;
	j->resync = true;
	j->live = is_live(o);
	j->state = JOB_RECEIVING;
	for (size_t i = 0; i < j->nimages; i++)
		j->images[i].digest[0] = '\0';
	machine_strv_done(&j->warnings);
	j->copy_warnings = 0;
	r = job_save(j, err);
	if (r >= 0)
		r = job_set_machine(j, (const char *)o->machine.p, o->machine.len, err);
	return r;
}

/* Look before locking: only the same machine's agent may take a running transfer over. */
static int look(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		struct err *err)
{
	CLEANUP(job_free) struct job *seen = NULL;
	int r = job_open(cfg->store, o->name, JOB_LOCK_NONE, &seen, err);

	if (r >= 0)
		r = same_disks(seen, o, err);
	if (r >= 0)
		r = same_machine(seen, o, err);
	if (r < 0)
		return r;
	if (seen->state == JOB_DAMAGED)
		return err_set(err, EUCLEAN,
			       "job %s is damaged: its image does not hold what was sent; "
			       "remove it on the server to copy again",
			       o->name);
	/* Rounds and a copy from beginning to end do not go together. */
	if (seen->state == JOB_RECEIVING && seen->live != is_live(o) && !compares(o))
		return err_set(err, EEXIST,
			       seen->live ? "job %s is a live one: go on with p2v-agent hot, or "
					    "say --resync"
					  : "job %s is a cold one: go on with p2v-agent cold, or "
					    "say --resync", o->name);
	if (seen->resync && !compares(o))
		return err_set(err, EEXIST,
			       "job %s is being brought up to date: say --resync to go on",
			       o->name);
	*ret = TAKE_PTR(seen);
	return 0;
}

int admission_open(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		   bool *ret_new, struct err *err)
{
	CLEANUP(job_free) struct job *seen = NULL;
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	if (!allowed(cfg, o->name))
		return err_set(err, EACCES, "this key may not write job %s", o->name);
	r = job_open(cfg->store, o->name, JOB_LOCK_NONE, &seen, NULL);
	*ret_new = r == -ENOENT;
	if (*ret_new)
		return create_job(cfg, o, ret, err);
	job_free(TAKE_PTR(seen));
	r = look(cfg, o, &seen, err);
	if (r < 0)
		return r;
	/* What is complete is only looked at; nobody needs to make room for that. */
	r = job_open(cfg->store, o->name,
		     seen->state == JOB_RECEIVING || compares(o) ? JOB_LOCK_TAKE_OVER
								 : JOB_LOCK_NONE,
		     &j, err);
	if (r >= 0 && compares(o))
		r = begin_resync(j, o, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

int admission_join(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		   struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	if (!allowed(cfg, o->name))
		return err_set(err, EACCES, "this key may not write job %s", o->name);
	r = job_open(cfg->store, o->name, JOB_LOCK_NONE, &j, err);
	if (r == -ENOENT)
		return err_set(err, EBUSY, "job %s is not open: there is nothing to join", o->name);
	if (r >= 0)
		r = same_disks(j, o, err);
	if (r < 0)
		return r;
	if (memcmp(j->uuid, o->machine.p, sizeof(j->uuid)) != 0)
		return err_set(err, EEXIST, "job %s is another one than was opened", o->name);
	*ret = TAKE_PTR(j);
	return 0;
}
