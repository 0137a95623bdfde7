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
#include "p2v-server/admission.h"
#include "p2v-server/cutover.h"
#include "p2v-server/digests.h"
#include "p2v-server/job.h"
#include "p2v-server/lane.h"
#include "p2v-server/on_complete.h"
#include "p2v-server/target.h"
#include "p2v-server/throttle.h"
#include "p2v-server/verify.h"
#include "wire/link.h"

#define SOFTWARE	"p2v-server " P2V_VERSION
/* How long the last words to the agent may take to go out. */
#define LAST_WORDS_S	5.0
/* How often the job's folder is looked at for what others want of it. */
#define LOOK_S		0.5

struct receive {
	const struct receive_config *cfg;
	int in, out;
	struct lane first;		/* the connection that opened the job, and ends it */
	struct lane *more[LANES_MAX];	/* those that joined */
	size_t nmore;
	int listener;			/* where they come from; -1 none */
	uint64_t last_id;		/* of the job's row, see lane.h */
	struct job *job;
	struct target *target;
	double last_status;		/* when the last STATUS went out */
	double touched;			/* when the lock was last marked alive */
	double looked;			/* when the job's folder was last looked at */
	struct throttle_watch throttle;
	struct msg_range *ranges;	/* for DIFFER; NULL before the first */
	bool done;
	bool takeover;			/* its machine waits for the virtual one */
	bool handed_over;		/* this process only joined another one's job */
};

static int send_msg(struct receive *rx, struct msg *m, struct err *err)
{
	return session_send(rx->first.link.session, m, err);
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
		r = link_pump(&rx->first.link, &rx->first.lost, err);
		if (r >= 0)
			r = link_wait(&rx->first.link, NULL, 0, 1000, &rx->first.lost, err);
		if (r < 0)
			return r;
	}
}

/* ---- OPEN */

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

static int send_digests(struct receive *rx, uint16_t disk, struct err *err)
{
	CLEANUP(mem_free) uint8_t *sha256 = malloc((size_t)PROTO_DIGESTS_MAX * SHA256_LEN);
	struct msg m = { .type = PROTO_DIGESTS };
	uint64_t chunk = 0;
	int r = 0;

	if (!sha256)
		return err_nomem(err);
	while (r >= 0 && digests_next(target_journal(rx->target), disk, &chunk, sha256, &m.digests))
		r = send_patiently(rx, &m, err);
	return r;
}

/* This connection is served by the process that has the job open; we only wait for its end. */
static int join(struct receive *rx, const struct msg_open *o, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct session *s = rx->first.link.session;
	struct joiner joiner = { .in = rx->in, .out = rx->out, .features = session_features(s) };
	int r = admission_join(rx->cfg, o, &j, err);

	if (r < 0)
		return r;
	snprintf(joiner.software, sizeof(joiner.software), "%s", session_peer_software(s));
	r = join_hand_over(j->dirfd, &joiner, err);
	/* Told to leave: the descriptors are the owner's all the same, and what is said there. */
	rx->handed_over = r >= 0 || r == -ECANCELED;
	rx->done = r >= 0;
	return r;
}

static int on_open(struct receive *rx, const struct msg_open *o, struct err *err)
{
	struct msg job = { .type = PROTO_JOB, .job = { .credit = rx->cfg->credit } };
	struct msg ready = { .type = PROTO_READY };
	bool fresh;
	int r;

	if (o->flags & PROTO_OPEN_JOIN)
		return join(rx, o, err);
	r = admission_open(rx->cfg, o, &rx->job, &fresh, err);
	if (r < 0)
		return r;
	memcpy(job.job.uuid, rx->job->uuid, sizeof(job.job.uuid));
	if (rx->job->state != JOB_RECEIVING) {
		job.job.state = PROTO_JOB_COMPLETE;
		rx->done = true;
	} else {
		job.job.state = fresh ? PROTO_JOB_NEW : PROTO_JOB_RESUMED;
		free(rx->job->agent);
		rx->job->agent = strdup(session_peer_software(rx->first.link.session));
		r = target_open(rx->job, rx->cfg->threads, &rx->target, err);
		if (r < 0)
			return r;
		if (session_has_feature(rx->first.link.session, PROTO_FEATURE_JOIN))
			r = join_listen(rx->job->dirfd, &rx->listener, err);
		if (r < 0)
			return r;
		job_log(rx->job, "%s%s by %s", rx->job->live ? "live: " : "",
			fresh ? "begun" : rx->job->resync ? "brought up to date" : "taken up again",
			session_peer_software(rx->first.link.session));
	}
	r = send_msg(rx, &job, err);
	for (uint16_t i = 0; r >= 0 && rx->target && !fresh && i < o->ndisks; i++)
		r = rx->job->resync ? send_digests(rx, i, err) : send_have(rx, i, err);
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
	if (r == -ENOENT || (r >= 0 && !job_consistency_valid(consistency)))
		return err_set(err, EBADMSG, "the agent's summary has no valid consistency");
	if (r < 0)
		return r;
	if (strcmp(consistency, "in-use") == 0 &&
	    job_warn(rx->job,
		     "the source was in use while it was copied: the copy is not consistent") < 0)
		return err_nomem(err);
	free(rx->job->consistency);
	rx->job->consistency = TAKE_PTR(consistency);
	(void)jsonx_get_bool(j, "takeover", &rx->takeover, NULL);
	return fdio_replace_file_at(rx->job->dirfd, "source.json", f->summary.p, f->summary.len,
				    0600, err);
}

/* While the agent waits it sees how far we are, and we notice when it goes. */
static int tell_status(struct receive *rx, const struct msg_status *s)
{
	struct msg m = { .type = PROTO_STATUS, .status = *s };
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
	r = link_pump(&rx->first.link, &rx->first.lost, NULL);
	if (r < 0)
		return r;
	r = link_next(&rx->first.link, &m, &rx->first.lost, NULL);
	/* Nothing but a CLOSE or an ERROR can come now; both mean that nobody waits any more. */
	return r == 0 ? 0 : r < 0 ? r : -ECANCELED;
}

static int verify_progress(uint64_t done, uint64_t total, void *opaque)
{
	const struct msg_status s = { .phase = PROTO_PHASE_VERIFYING, .done = done,
				      .total = total };

	return tell_status(opaque, &s);
}

static int start_progress(void *opaque)
{
	return tell_status(opaque, &(struct msg_status){ .phase = PROTO_PHASE_STARTING });
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

/* *ret: what became of it, for the summary; why: the reason when it failed. */
static int take_over(struct receive *rx, const char **ret, char why[static ON_COMPLETE_WHY_MAX],
		     struct err *err)
{
	int r;

	*ret = "not-set-up";
	why[0] = '\0';
	if (!rx->cfg->on_complete)
		return 0;
	/* The command works on the job. */
	job_unlock(rx->job);
	job_log(rx->job, "taking over: %s", rx->cfg->on_complete);
	r = on_complete_run(rx->cfg->on_complete, rx->job, start_progress, rx, why, err);
	if (r == -ECANCELED && err && !err->text[0])
		err_set(err, ECANCELED, "the agent has gone: its machine serves on");
	if (r < 0)
		return r;
	*ret = r == 1 ? "serving" : "failed";
	job_log(rx->job, "taking over: %s%s%s", *ret, why[0] ? ": " : "", why);
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
	char why[ON_COMPLETE_WHY_MAX];
	const char *takeover;
	int r = rx->takeover ? take_over(rx, &takeover, why, err) : 0;

	if (r < 0)
		return r;
	if (rx->takeover)
		json_object_update_new(j, json_pack("{s:s, s:s}", "takeover", takeover, "why",
						    why));
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
	if (target_checks_open(rx->target))
		return err_set(err, EBADMSG,
			       "the agent says it is finished, but chunks differ from the source");
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
	rx->job->resync = false;
	rx->job->live = false;
	rx->job->copy_warnings = rx->job->warnings.n;
	r = job_save(rx->job, err);
	if (r < 0)
		return r;
	/* Asked for when it was on its way already. */
	if (cutover_take_back(rx->job->dirfd, NULL) < 0)
		log_warning("job %s: cannot remove its file cutover", rx->job->name);
	rx->done = true;
	log_info("job %s is complete", rx->job->name);
	job_log(rx->job, "complete and verified");
	return send_finished(rx, bad, err);
}

/* ---- the loop */

/* A counted message goes on under the job's next id. */
static int count(struct receive *rx, struct lane *l, struct msg *m, struct err *err)
{
	uint64_t *id = msg_counted_id(m);
	int r;

	if (!id)
		return 0;
	r = lane_count(l, ++rx->last_id, err);
	if (m->type == PROTO_FLUSH)
		lane_asked(l, *id, rx->last_id);
	*id = rx->last_id;
	return r;
}

static int on_message(struct receive *rx, struct lane *l, struct msg *m, struct err *err)
{
	char text[PROTO_ERROR_TEXT_MAX * 4 + 1];
	int r = count(rx, l, m, err);

	if (r < 0)
		return r;
	switch (m->type) {
	case PROTO_OPEN:
		return on_open(rx, &m->open, err);
	case PROTO_DATA:
		return target_data(rx->target, &m->data, err);
	case PROTO_ZERO:
		return target_zero(rx->target, &m->zero, err);
	case PROTO_BAD:
		return target_bad(rx->target, &m->bad, err);
	case PROTO_STALE:
		return target_stale(rx->target, &m->stale, err);
	case PROTO_PATCH:
		return target_patch(rx->target, &m->patch, err);
	case PROTO_CHECK:
		return target_check(rx->target, &m->check, err);
	case PROTO_FLUSH:
		return target_flush(rx->target, m->id.id, err);
	case PROTO_FINISH:
		return on_finish(rx, &m->finish, err);
	case PROTO_CLOSE:
		l->lost = l != &rx->first;
		rx->done = l == &rx->first;
		return rx->done && rx->target ? target_save(rx->target, err) : 0;
	case PROTO_ERROR:
		l->lost = true;
		if (l != &rx->first)
			return 0;
		return err_set(err, ECONNRESET, "agent: %s",
			       text_escape(m->error.text.p, m->error.text.len, text, sizeof(text)));
	default:
		return 0;
	}
}

/* What a flush has found to differ goes out before its answer. */
static int tell_differ(struct receive *rx, struct err *err)
{
	struct msg m = { .type = PROTO_DIFFER };
	int r = 0;

	if (!rx->job->live || !target_checks_pending(rx->target))
		return 0;
	if (!rx->ranges)
		rx->ranges = calloc(PROTO_HAVE_MAX, sizeof(*rx->ranges));
	if (!rx->ranges)
		return err_nomem(err);
	while (r >= 0 && target_differ(rx->target, rx->ranges, &m.have))
		r = send_patiently(rx, &m, err);
	return r;
}

static int tell_progress(struct receive *rx, struct err *err)
{
	uint64_t acked, durable;
	int r;

	if (!rx->target)
		return 0;
	r = target_poll(rx->target, &acked, &durable, err);
	if (r >= 0)
		r = tell_differ(rx, err);
	if (r >= 0)
		r = lane_tell(&rx->first, acked, durable, err);
	/* What cannot be told to one that joined is its own end, not the job's. */
	for (size_t i = 0; r >= 0 && i < rx->nmore; i++)
		if (lane_tell(rx->more[i], acked, durable, NULL) < 0)
			rx->more[i]->lost = true;
	return r;
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

	if (session_get_state(rx->first.link.session) != SESSION_COPY ||
	    !session_has_feature(rx->first.link.session, PROTO_FEATURE_THROTTLE))
		return 0;
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

/* So does p2v-server cutover, once for each time it is said. */
static int tell_cutover(struct receive *rx, struct err *err)
{
	struct msg m = { .type = PROTO_CUTOVER };
	int r;

	if (!rx->job->live || session_get_state(rx->first.link.session) != SESSION_COPY ||
	    !cutover_wanted(rx->job->dirfd))
		return 0;
	r = send_msg(rx, &m, err);
	if (r == -EAGAIN)
		return 0;
	if (r >= 0)
		r = cutover_take_back(rx->job->dirfd, err);
	if (r >= 0)
		job_log(rx->job, "cutover asked for");
	return r;
}

/* What others say of the job, in its folder. */
static int look_around(struct receive *rx, struct err *err)
{
	int r;

	if (!rx->job || link_now() - rx->looked < LOOK_S)
		return 0;
	rx->looked = link_now();
	r = tell_throttle(rx, err);
	return r < 0 ? r : tell_cutover(rx, err);
}

/* ---- connections that join */

static int welcome(struct receive *rx, struct joiner *j, struct err *err)
{
	CLEANUP(mem_free) uint64_t *sizes = calloc(rx->job->nimages, sizeof(*sizes));
	CLEANUP(lane_free) struct lane *l = NULL;
	/* All together stay within what the writers' queues hold. */
	struct msg job = { .type = PROTO_JOB,
			   .job = { .state = PROTO_JOB_RESUMED,
				    .credit = MIN(rx->cfg->credit,
						  PROTO_CREDIT_MAX / LANES_MAX) } };
	struct msg ready = { .type = PROTO_READY };
	int r;

	for (size_t i = 0; sizes && i < rx->job->nimages; i++)
		sizes[i] = rx->job->images[i].size;
	r = lane_join(j, sizes, sizes ? (uint16_t)rx->job->nimages : 0, &l, err);
	if (r < 0)
		return r;
	memcpy(job.job.uuid, rx->job->uuid, sizeof(job.job.uuid));
	r = session_send(l->link.session, &job, err);
	if (r >= 0)
		r = session_send(l->link.session, &ready, err);
	if (r < 0)
		return r;
	rx->more[rx->nmore++] = TAKE_PTR(l);
	log_debug("receive", "connection %zu of the job", rx->nmore + 1);
	return 0;
}

/* What goes wrong with one of them is its own affair. */
static void take_joiners(struct receive *rx)
{
	while (rx->listener >= 0 && rx->nmore < LANES_MAX) {
		struct err err = ERR_INIT;
		struct joiner j;
		int r = join_accept(rx->listener, &j, &err);

		if (r == -EAGAIN)
			return;
		if (r >= 0)
			r = welcome(rx, &j, &err);
		if (r < 0)
			log_warning("a further connection: %s", err.text);
	}
}

/* The target's failures are the job's; those of the connection end it alone. */
static int serve_lane(struct receive *rx, struct lane *l, struct err *err)
{
	struct err own = ERR_INIT;
	struct msg m;
	int r = link_pump(&l->link, &l->lost, &own);

	while (r >= 0 && !rx->done && !l->lost &&
	       (r = link_next(&l->link, &m, &l->lost, &own)) == 1) {
		r = on_message(rx, l, &m, err);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		return 0;
	if (l == &rx->first) {
		if (err)
			*err = own;
		return r;
	}
	log_warning("a further connection: %s", own.text);
	/* What it did wrong has been queued for it. */
	(void)link_pump(&l->link, &l->lost, NULL);
	l->lost = true;
	return 0;
}

static int serve_more(struct receive *rx, struct err *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < rx->nmore; i++) {
		struct lane *l = rx->more[i];

		if (r >= 0 && !rx->done && !l->lost)
			r = serve_lane(rx, l, err);
		if (link_now() - l->link.last_rx > LINK_DEAD_S)
			l->lost = true;
		if (l->lost)
			lane_free(l);
		else
			rx->more[kept++] = l;
	}
	rx->nmore = kept;
	return r;
}

static int wait_for_something(struct receive *rx, struct err *err)
{
	int fds[3 + LANES_MAX] = { quit_fd() };
	size_t n = 1;

	if (rx->target)
		fds[n++] = target_fd(rx->target);
	if (rx->listener >= 0 && rx->nmore < LANES_MAX)
		fds[n++] = rx->listener;
	for (size_t i = 0; i < rx->nmore; i++)
		fds[n++] = rx->more[i]->in;
	return link_wait(&rx->first.link, fds, n, (int)(LOOK_S * 1000), &rx->first.lost, err);
}

/* Our lock counts as alive as long as the agent is heard: see job_lock_touch(). */
static void keep_fresh(struct receive *rx)
{
	double heard = rx->first.link.last_rx;

	for (size_t i = 0; i < rx->nmore; i++)
		heard = MAX(heard, rx->more[i]->link.last_rx);
	if (rx->job && heard > rx->touched + 1) {
		job_lock_touch(rx->job);
		rx->touched = heard;
	}
}

static int serve(struct receive *rx, struct err *err)
{
	while (!rx->done) {
		int r;

		if (quit_requested())
			return err_set(err, ECANCELED,
				       "another connection took the job over, or the server is "
				       "going down");
		r = serve_lane(rx, &rx->first, err);
		if (r >= 0 && !rx->done)
			r = serve_more(rx, err);
		/* After a CLOSE what was saved answers no FLUSH: there is nobody to tell. */
		if (r >= 0 && !rx->done)
			r = tell_progress(rx, err);
		if (r >= 0 && !rx->done)
			r = look_around(rx, err);
		if (r < 0 || rx->done)
			return r;
		keep_fresh(rx);
		take_joiners(rx);
		r = wait_for_something(rx, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Let the agent read what we said last, then go; it may be gone already. */
static void last_words(struct receive *rx)
{
	double until = link_now() + LAST_WORDS_S;

	while (!rx->first.lost && link_backlog(&rx->first.link) > 0 && link_now() < until) {
		if (link_pump(&rx->first.link, &rx->first.lost, NULL) < 0 || rx->first.link.eof)
			break;
		if (link_backlog(&rx->first.link) > 0)
			(void)link_wait(&rx->first.link, NULL, 0, 200, &rx->first.lost, NULL);
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
	struct receive rx = { .cfg = cfg, .in = in, .out = out, .listener = -1 };
	struct err local = ERR_INIT;
	int r;

	*ret_told = false;
	r = lane_first(&rx.first, in, out, SOFTWARE, &local);
	if (r >= 0) {
		r = serve(&rx, &local);
		if (r < 0 && !rx.first.lost && !rx.handed_over)
			session_send_error(rx.first.link.session, wire_code(-r), local.text);
		if (r < 0)
			save_after(&rx);
		if (r < 0 && rx.job)
			job_log(rx.job, "stopped: %s", local.text);
		if (!rx.handed_over)
			last_words(&rx);
		*ret_told = r < 0 && !rx.first.lost && link_backlog(&rx.first.link) == 0;
	}
	if (rx.job)
		join_end(rx.job->dirfd, rx.listener);
	for (size_t i = 0; i < rx.nmore; i++)
		lane_free(rx.more[i]);
	target_free(rx.target);
	free(rx.ranges);
	job_free(rx.job);
	lane_done(&rx.first);
	if (r < 0 && err)
		*err = local;
	return r;
}
