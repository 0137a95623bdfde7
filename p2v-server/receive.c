/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See receive.h. */
#include "p2v-server/receive.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "inventory/machine_json.h"
#include "inventory/plan/plan.h"
#include "p2v-server/job.h"
#include "p2v-server/overlay.h"
#include "p2v-server/target.h"
#include "p2v-server/throttle.h"
#include "p2v-server/verify.h"
#include "wire/link.h"
#include "wire/transport_fd.h"

#define SOFTWARE	"p2v-server " P2V_VERSION
/* How long the last words to the agent may take to go out. */
#define LAST_WORDS_S	5.0

struct receive {
	const struct receive_config *cfg;
	struct link link;
	struct job *job;
	struct target *target;
	uint64_t acked, durable;	/* as told to the agent */
	uint64_t asked;			/* the last FLUSH it sent */
	double last_status;		/* when the last STATUS went out */
	double touched;			/* when the lock was last marked alive */
	double looked;			/* when the throttle was last looked at */
	struct throttle_watch throttle;
	bool lost, done;
};

static int send_msg(struct receive *rx, struct msg *m, struct err *err)
{
	return session_send(rx->link.session, m, err);
}

/* As send_msg, but waits for the agent to take what is queued already. */
static int send_patiently(struct receive *rx, struct msg *m, struct err *err)
{
	for (;;) {
		int r = send_msg(rx, m, err);

		if (r != -EAGAIN)
			return r;
		if (quit_requested())
			return err_set(err, ECANCELED, "told to leave");
		r = link_pump(&rx->link, &rx->lost, err);
		if (r >= 0)
			r = link_wait(&rx->link, NULL, 0, 1000, &rx->lost, err);
		if (r < 0)
			return r;
	}
}

/* ---- OPEN */

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
		if (a && b && j->state == JOB_RECEIVING && differ(a->fingerprint, b->fingerprint))
			return err_set(
				err, EEXIST,
				"%s has changed since job %s began: its system has run in between; "
				"copy it as a new job",
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

static int create_job(struct receive *rx, const struct msg_open *o, struct err *err)
{
	CLEANUP(mem_free) struct job_image *images = calloc(o->ndisks, sizeof(*images));
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
	return job_create(rx->cfg->store, o->name, images, o->ndisks,
			  (o->flags & PROTO_OPEN_COMPRESSED) != 0, (const char *)o->machine.p,
			  o->machine.len, &rx->job, err);
}

/* Look before locking: only the same machine's agent may take a running transfer over. */
static int open_job(struct receive *rx, const struct msg_open *o, bool *ret_new, struct err *err)
{
	CLEANUP(job_free) struct job *seen = NULL;
	int r;

	*ret_new = false;
	r = job_open(rx->cfg->store, o->name, JOB_LOCK_NONE, &seen, NULL);
	if (r == -ENOENT) {
		*ret_new = true;
		return create_job(rx, o, err);
	}
	if (r >= 0)
		r = same_disks(seen, o, err);
	else
		r = job_open(rx->cfg->store, o->name, JOB_LOCK_NONE, &seen, err);
	if (r >= 0)
		r = same_machine(seen, o, err);
	if (r < 0)
		return r;
	/* What is complete is only looked at; nobody needs to make room for that. */
	return job_open(rx->cfg->store, o->name,
			seen->state == JOB_RECEIVING ? JOB_LOCK_TAKE_OVER : JOB_LOCK_NONE, &rx->job,
			err);
}

static int send_have(struct receive *rx, uint16_t disk, struct err *err)
{
	CLEANUP(bitmap_free) struct bitmap *have = NULL;
	CLEANUP(mem_free) struct msg_range *ranges = calloc(PROTO_HAVE_MAX, sizeof(*ranges));
	struct msg m = { .type = PROTO_HAVE };
	uint64_t pos = 0, off, len;
	int r = journal_have(target_journal(rx->target), disk, &have, err);

	if (r < 0)
		return r;
	if (!ranges)
		return err_nomem(err);
	m.have.disk = disk;
	m.have.ranges = ranges;
	for (;;) {
		bool more = bitmap_next_run(have, true, pos, &off, &len);

		if (m.have.n == PROTO_HAVE_MAX || (!more && m.have.n > 0)) {
			r = send_patiently(rx, &m, err);
			if (r < 0)
				return r;
			m.have.n = 0;
		}
		if (!more)
			return 0;
		ranges[m.have.n++] = (struct msg_range){ .offset = off, .length = len };
		pos = off + len;
	}
}

static int on_open(struct receive *rx, const struct msg_open *o, struct err *err)
{
	struct msg job = { .type = PROTO_JOB, .job = { .credit = rx->cfg->credit } };
	struct msg ready = { .type = PROTO_READY };
	bool fresh;
	int r;

	if (!allowed(rx->cfg, o->name))
		return err_set(err, EACCES, "this key may not write job %s", o->name);
	r = open_job(rx, o, &fresh, err);
	if (r < 0)
		return r;
	if (rx->job->state == JOB_DAMAGED)
		return err_set(err, EUCLEAN,
			       "job %s is damaged: its image does not hold what was sent; "
			       "remove it on the server to copy again",
			       o->name);
	memcpy(job.job.uuid, rx->job->uuid, sizeof(job.job.uuid));
	if (rx->job->state != JOB_RECEIVING) {
		job.job.state = PROTO_JOB_COMPLETE;
		rx->done = true;
	} else {
		job.job.state = fresh ? PROTO_JOB_NEW : PROTO_JOB_RESUMED;
		free(rx->job->agent);
		rx->job->agent = strdup(session_peer_software(rx->link.session));
		r = target_open(rx->job, rx->cfg->threads, &rx->target, err);
		if (r < 0)
			return r;
		job_log(rx->job, "%s by %s", fresh ? "begun" : "taken up again",
			session_peer_software(rx->link.session));
	}
	r = send_msg(rx, &job, err);
	for (uint16_t i = 0; r >= 0 && rx->target && i < o->ndisks; i++)
		r = send_have(rx, i, err);
	return r < 0 ? r : send_patiently(rx, &ready, err);
}

/* ---- FINISH */

static int take_summary(struct receive *rx, const struct msg_finish *f, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	CLEANUP(mem_free) char *consistency = NULL;
	int r = jsonx_parse((const char *)f->summary.p, f->summary.len, "the agent's summary", &j,
			    err);

	if (r >= 0)
		r = jsonx_get_str(j, "consistency", &consistency, err);
	if (r == -ENOENT || (r >= 0 && strcmp(consistency, "consistent") != 0 &&
			     strcmp(consistency, "in-use") != 0))
		return err_set(err, EBADMSG, "the agent's summary has no valid consistency");
	if (r < 0)
		return r;
	if (strcmp(consistency, "in-use") == 0 &&
	    job_warn(rx->job,
		     "the source was in use while it was copied: the copy is not consistent") < 0)
		return err_nomem(err);
	free(rx->job->consistency);
	rx->job->consistency = TAKE_PTR(consistency);
	return fdio_replace_file_at(rx->job->dirfd, "source.json", f->summary.p, f->summary.len,
				    0600, err);
}

/* While the images are read back the agent sees how far it is, and we notice when it goes. */
static int verify_progress(uint64_t done, uint64_t total, void *opaque)
{
	struct receive *rx = opaque;
	struct msg m = { .type = PROTO_STATUS,
			 .status = {
				 .phase = PROTO_PHASE_VERIFYING, .done = done, .total = total } };
	int r;

	if (link_now() - rx->last_status < 0.5)
		return 0;
	rx->last_status = link_now();
	if (quit_requested())
		return -ECANCELED;
	/*
	 * The agent has nothing to say meanwhile; that it is gone shows when the STATUS does not
	 * go out.
	 */
	job_lock_touch(rx->job);
	r = send_msg(rx, &m, NULL);
	if (r < 0 && r != -EAGAIN)
		return r;
	r = link_pump(&rx->link, &rx->lost, NULL);
	if (r < 0)
		return r;
	r = link_next(&rx->link, &m, &rx->lost, NULL);
	/* Nothing but a CLOSE or an ERROR can come now; both mean that nobody waits any more. */
	return r == 0 ? 0 : r < 0 ? r : -ECANCELED;
}

/* Chunks that do not read as they were sent are as if they had never come: they are sent again. */
static int revoke_bad(struct job *job, struct journal *j, const struct verify_result *res,
		      struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < res->n; i++) {
		for (size_t k = 0; k < res->bad[i].n; k++, n++) {
			struct journal_record rec = { .type = JOURNAL_REVOKE,
						      .disk = (uint16_t)i,
						      .offset = res->bad[i].v[k].offset,
						      .length = res->bad[i].v[k].length };
			int r = journal_append(j, &rec, 1, err);

			if (r < 0)
				return r;
		}
	}
	return err_set(err, EUCLEAN,
		       "job %s: %" PRIu64
		       " bytes in %zu ranges do not read back as they were sent; "
		       "run the agent again to send them again",
		       job->name, res->bad_bytes, n);
}

static int give_final_names(struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->nimages; i++) {
		CLEANUP(mem_free) char *from = job_image_name(&j->images[i], true);
		CLEANUP(mem_free) char *to = job_image_name(&j->images[i], false);
		int r;

		if (!from || !to)
			return err_nomem(err);
		/* The replica is never written again. */
		if (fchmodat(j->dirfd, from, 0400, 0) < 0)
			return err_errno(err, "cannot protect %s", from);
		r = fdio_rename_durable(j->dirfd, from, to, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_finished(struct receive *rx, uint64_t bad_bytes, struct err *err)
{
	CLEANUP(json_unref)
	json_t *j = json_pack("{s:s, s:s, s:I, s:[]}", "name", rx->job->name, "state",
			      job_state_name(rx->job->state), "bad_bytes", (json_int_t)bad_bytes,
			      "images");
	CLEANUP(mem_free) char *text = NULL;
	struct msg m = { .type = PROTO_FINISHED };

	for (size_t i = 0; i < rx->job->nimages; i++)
		json_array_append_new(json_object_get(j, "images"),
				      json_pack("{s:s, s:I, s:s}", "disk", rx->job->images[i].disk,
						"size", (json_int_t)rx->job->images[i].size,
						"digest", rx->job->images[i].digest));
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (!text)
		return err_nomem(err);
	m.finished.summary.p = (const uint8_t *)text;
	m.finished.summary.len = (uint32_t)strlen(text);
	return send_msg(rx, &m, err);
}

static int on_finish(struct receive *rx, const struct msg_finish *f, struct err *err)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(early_free) struct early *early = NULL;
	uint64_t bad;
	int r;

	r = target_save(rx->target, err);
	if (r < 0)
		return r;
	if (!journal_complete(target_journal(rx->target)))
		return err_set(
			err, EBADMSG,
			"the agent says it is finished, but parts of the disks were never sent");
	r = take_summary(rx, f, err);
	early = target_take_early(rx->target);
	if (r >= 0)
		r = target_close(TAKE_PTR(rx->target), err);
	if (r >= 0)
		r = job_journal(rx->job, false, &journal, err);
	if (r < 0)
		return r;
	r = verify_job(rx->job, journal, true, rx->cfg->threads, early, verify_progress, rx, &res,
		       err);
	if (r < 0)
		return r;
	log_info("verified %" PRIu64 " bytes beside the copy, and %" PRIu64 " after it",
		 early ? early_bytes(early) : 0, res.read_bytes);
	if (res.bad_bytes > 0)
		return revoke_bad(rx->job, journal, &res, err);
	bad = journal_bad_bytes(journal);
	if (bad > 0 &&
	    job_warn(rx->job, "%" PRIu64 " bytes of the source could not be read and are zeroes",
		     bad) < 0)
		return err_nomem(err);
	r = give_final_names(rx->job, err);
	if (r < 0)
		return r;
	rx->job->state = JOB_VERIFIED;
	rx->job->copy_warnings = rx->job->warnings.n;
	r = job_save(rx->job, err);
	if (r < 0)
		return r;
	rx->done = true;
	log_info("job %s is complete", rx->job->name);
	job_log(rx->job, "complete and verified");
	return send_finished(rx, bad, err);
}

/* ---- the loop */

static int on_message(struct receive *rx, const struct msg *m, struct err *err)
{
	char text[PROTO_ERROR_TEXT_MAX * 4 + 1];

	switch (m->type) {
	case PROTO_OPEN:
		return on_open(rx, &m->open, err);
	case PROTO_DATA:
		return target_data(rx->target, &m->data, err);
	case PROTO_ZERO:
		return target_zero(rx->target, &m->zero, err);
	case PROTO_BAD:
		return target_bad(rx->target, &m->bad, err);
	case PROTO_FLUSH:
		rx->asked = m->id.id;
		return target_flush(rx->target, m->id.id, err);
	case PROTO_FINISH:
		return on_finish(rx, &m->finish, err);
	case PROTO_CLOSE:
		rx->done = true;
		return rx->target ? target_save(rx->target, err) : 0;
	case PROTO_ERROR:
		rx->lost = true;
		return err_set(err, ECONNRESET, "agent: %s",
			       text_escape(m->error.text.p, m->error.text.len, text, sizeof(text)));
	default:
		return 0;
	}
}

static int tell_progress(struct receive *rx, struct err *err)
{
	struct msg m = { 0 };
	uint64_t acked, durable, flushed;
	int r;

	if (!rx->target)
		return 0;
	r = target_poll(rx->target, &acked, &durable, err);
	if (r < 0)
		return r;
	/*
	 * The target may flush more often than it is asked to; only an answer to a FLUSH is told.
	 */
	flushed = rx->asked > rx->durable && durable >= rx->asked ? rx->asked : 0;
	/* -EAGAIN: the agent is slow to read; it is told at a later turn. */
	if (acked > MAX(rx->acked, flushed)) {
		m.type = PROTO_ACK;
		m.id.id = acked;
		r = send_msg(rx, &m, err);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		rx->acked = acked;
	}
	if (flushed != 0) {
		m.type = PROTO_FLUSHED;
		m.id.id = flushed;
		r = send_msg(rx, &m, err);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		rx->durable = flushed;
		rx->acked = MAX(rx->acked, flushed);
	}
	return 0;
}

/* What p2v-server throttle says goes on to an agent that understands it. */
static int tell_throttle(struct receive *rx, struct err *err)
{
	struct msg m = { .type = PROTO_THROTTLE };
	char text[THROTTLE_TEXT_MAX];
	struct throttle_watch was = rx->throttle;
	struct throttle t;
	struct err why = ERR_INIT;
	int r;

	if (session_get_state(rx->link.session) != SESSION_COPY ||
	    !session_has_feature(rx->link.session, PROTO_FEATURE_THROTTLE) ||
	    link_now() - rx->looked < 1)
		return 0;
	rx->looked = link_now();
	if (!throttle_changed(rx->job->dirfd, &rx->throttle))
		return 0;
	if (throttle_read(rx->job->dirfd, &t, &why) < 0) {
		log_warning("%s", why.text);
		return 0;
	}
	m.throttle = (struct msg_throttle){ .mode = (uint8_t)t.mode, .rate = t.rate };
	r = send_msg(rx, &m, err);
	if (r == -EAGAIN) {
		rx->throttle = was;
		return 0;
	}
	if (r == 0)
		job_log(rx->job, "bandwidth: %s", throttle_format(&t, text));
	return r;
}

static int wait_for_something(struct receive *rx, struct err *err)
{
	int fds[2] = { quit_fd(), rx->target ? target_fd(rx->target) : -1 };

	return link_wait(&rx->link, fds, rx->target ? 2 : 1, 1000, &rx->lost, err);
}

/* Our lock counts as alive as long as the agent is heard: see job_lock_touch(). */
static void keep_fresh(struct receive *rx)
{
	if (rx->job && rx->link.last_rx > rx->touched + 1) {
		job_lock_touch(rx->job);
		rx->touched = rx->link.last_rx;
	}
}

static int serve(struct receive *rx, struct err *err)
{
	int r;

	while (!rx->done) {
		struct msg m;

		if (quit_requested())
			return err_set(err, ECANCELED,
				       "another connection took the job over, or the server is "
				       "going down");
		r = link_pump(&rx->link, &rx->lost, err);
		if (r < 0)
			return r;
		while (!rx->done && (r = link_next(&rx->link, &m, &rx->lost, err)) == 1) {
			r = on_message(rx, &m, err);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return r;
		/* After a CLOSE what was saved answers no FLUSH: there is nobody to tell. */
		r = rx->done ? 0 : tell_progress(rx, err);
		if (r >= 0 && !rx->done)
			r = tell_throttle(rx, err);
		if (r < 0)
			return r;
		if (!rx->done) {
			keep_fresh(rx);
			r = wait_for_something(rx, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Let the agent read what we said last, then go; it may be gone already. */
static void last_words(struct receive *rx)
{
	double until = link_now() + LAST_WORDS_S;

	while (!rx->lost && link_backlog(&rx->link) > 0 && link_now() < until) {
		if (link_pump(&rx->link, &rx->lost, NULL) < 0 || rx->link.eof)
			break;
		if (link_backlog(&rx->link) > 0)
			(void)link_wait(&rx->link, NULL, 0, 200, &rx->lost, NULL);
	}
}

static enum proto_error wire_code(int code)
{
	switch (code) {
	case EACCES:
		return PROTO_ERR_DENIED;
	case EEXIST:
		return PROTO_ERR_MISMATCH;
	case EBUSY:
		return PROTO_ERR_BUSY;
	case ECANCELED:
		return PROTO_ERR_CANCELLED;
	case ENOTUNIQ:
		return PROTO_ERR_NAME;
	case EUCLEAN:
		return PROTO_ERR_VERIFY;
	case EROFS:
	case ENOTDIR:
	case ENOENT:
	case EPERM:
		return PROTO_ERR_IO;
	default:
		return (enum proto_error)msg_error_from_errno(code);
	}
}

static void save_after(struct receive *rx)
{
	struct err err = ERR_INIT;

	if (rx->target && target_save(rx->target, &err) < 0)
		log_warning("what came last is not durable and will be sent again: %s", err.text);
}

int receive_serve(const struct receive_config *cfg, int in, int out, bool *ret_told,
		  struct err *err)
{
	CLEANUP(transport_free) struct transport *t = NULL;
	struct receive rx = { .cfg = cfg };
	struct err local = ERR_INIT;
	int r;

	*ret_told = false;
	r = transport_fd_new(in, out, false, &t, &local);
	if (r >= 0)
		r = link_init(&rx.link, PROTO_ROLE_SERVER, t, SOFTWARE, &local);
	if (r >= 0) {
		r = serve(&rx, &local);
		if (r < 0 && !rx.lost)
			session_send_error(rx.link.session, wire_code(-r), local.text);
		if (r < 0)
			save_after(&rx);
		if (r < 0 && rx.job)
			job_log(rx.job, "stopped: %s", local.text);
		last_words(&rx);
		*ret_told = r < 0 && !rx.lost && link_backlog(&rx.link) == 0;
	}
	target_free(rx.target);
	job_free(rx.job);
	link_done(&rx.link);
	if (r < 0 && err)
		*err = local;
	return r;
}
