/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See lanes.h. */
#include "p2v-agent/lanes.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/log.h"

struct lane {
	struct lanes *all;
	pthread_t thread;
	struct link link;
	struct sender sender;
	bool opened;			/* READY came: from here on chunks can be lost with it */
	/* For the pass, once ended is set: */
	atomic_bool ended;
	int code;
	bool lost;
	struct err err;
};

struct lanes {
	struct lanes_config cfg;
	int ended_fd, stop_fd;		/* eventfds */
	atomic_bool stop, abandon;
	unsigned int n;
	struct lane *v[LANES_MAX];
};

/* ---- a lane's thread */

static int send_open(struct lane *l, struct err *err)
{
	const struct lanes_config *cfg = &l->all->cfg;
	struct msg m = { .type = PROTO_OPEN, .open = *cfg->open };

	if (!session_has_feature(l->link.session, PROTO_FEATURE_JOIN))
		return err_set(err, EPROTONOSUPPORT, "the server takes one connection only");
	m.open.flags = PROTO_OPEN_JOIN;
	m.open.machine = (struct msg_blob){ cfg->uuid, sizeof(cfg->uuid) };
	return session_send(l->link.session, &m, err);
}

static int on_message(struct lane *l, const struct msg *m, struct err *err)
{
	switch (m->type) {
	case PROTO_HELLO:
		return send_open(l, err);
	case PROTO_READY:
		l->opened = true;
		l->sender.pipeline = l->all->cfg.pipeline;
		sender_begin(&l->sender);
		return 0;
	case PROTO_ACK:
		sender_acked(&l->sender, m->id.id);
		return 0;
	case PROTO_FLUSHED:
		sender_flushed(&l->sender, m->id.id);
		return 0;
	case PROTO_ERROR:
		return sender_refused(&m->error, &l->lost, err);
	default:
		return 0;
	}
}

static int turn(struct lane *l, struct err *err)
{
	struct msg m;
	int r;

	link_limit(&l->link, atomic_load(&l->all->cfg.tally->rate));
	r = link_pump(&l->link, &l->lost, err);
	while (r >= 0 && (r = link_next(&l->link, &m, &l->lost, err)) == 1)
		r = on_message(l, &m, err);
	if (r >= 0 && atomic_load(&l->all->stop) && l->opened)
		sender_stop(&l->sender, 0, NULL);
	if (r >= 0 && l->opened)
		r = sender_turn(&l->sender, err);
	return r;
}

static int run(struct lane *l, struct err *err)
{
	int r = 0;

	while (r >= 0 && !(l->opened && l->sender.state == SENDER_DRAINED)) {
		if (atomic_load(&l->all->abandon))
			return 0;
		r = turn(l, err);
		/* One that was stopped before it was let in has nothing to make durable. */
		if (r >= 0 && !l->opened && atomic_load(&l->all->stop))
			return 0;
		if (r >= 0 && !(l->opened && l->sender.state == SENDER_DRAINED))
			r = sender_wait(&l->sender, &l->all->stop_fd,
					atomic_load(&l->all->stop) ? 0 : 1, &l->lost, err);
	}
	if (r >= 0) {
		struct msg m = { .type = PROTO_CLOSE };

		/* Nobody waits for an answer. */
		if (session_send(l->link.session, &m, NULL) >= 0)
			(void)link_pump(&l->link, &(bool){ false }, NULL);
	}
	return r;
}

static void *lane_thread(void *opaque)
{
	struct lane *l = opaque;
	const struct lanes_config *cfg = &l->all->cfg;
	CLEANUP(transport_free) struct transport *t = NULL;
	int r = cfg->connect(cfg->opaque, &t, &l->lost, &l->err);

	if (r >= 0)
		r = link_init(&l->link, PROTO_ROLE_AGENT, t, SENDER_SOFTWARE, &l->err);
	if (r >= 0) {
		l->sender.link = &l->link;
		r = run(l, &l->err);
	}
	if (r < 0 && !l->opened) {
		log_warning("a further connection cannot be used: %s", l->err.text);
		r = 0;
	} else if (r >= 0 && l->sender.code < 0) {
		r = l->sender.code;
		l->err = l->sender.err;
	}
	sender_done(&l->sender);
	link_done(&l->link);
	l->code = r;
	atomic_store(&l->ended, true);
	eventfd_write(l->all->ended_fd, 1);
	return NULL;
}

/* ---- for the pass */

int lanes_new(const struct lanes_config *cfg, struct lanes **ret, struct err *err)
{
	CLEANUP(lanes_free) struct lanes *l = calloc(1, sizeof(*l));

	if (!l)
		return err_nomem(err);
	l->cfg = *cfg;
	l->stop_fd = -1;
	l->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->ended_fd >= 0)
		l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->stop_fd < 0)
		return err_errno(err, "cannot make an eventfd");
	*ret = TAKE_PTR(l);
	return 0;
}

void lanes_free(struct lanes *l)
{
	if (!l)
		return;
	atomic_store(&l->abandon, true);
	lanes_stop(l);
	for (unsigned int i = 0; i < l->n; i++) {
		pthread_join(l->v[i]->thread, NULL);
		free(l->v[i]);
	}
	fd_close(l->ended_fd);
	fd_close(l->stop_fd);
	free(l);
}

int lanes_add(struct lanes *l, struct err *err)
{
	struct lane *lane;
	sigset_t all, old;
	int r;

	if (l->n == LANES_MAX)
		return err_set(err, EMFILE, "there are %d connections already", LANES_MAX + 1);
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		return err_nomem(err);
	lane->all = l;
	lane->sender = (struct sender){ .source = l->cfg.source,
					.tally = l->cfg.tally,
					.flush_bytes = l->cfg.flush_bytes };
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&lane->thread, NULL, lane_thread, lane);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		free(lane);
		return err_code(err, r, "cannot start a connection's thread");
	}
	l->v[l->n++] = lane;
	return 0;
}

unsigned int lanes_added(const struct lanes *l)
{
	return l ? l->n : 0;
}

unsigned int lanes_running(struct lanes *l)
{
	unsigned int n = 0;

	for (unsigned int i = 0; l && i < l->n; i++)
		n += !atomic_load(&l->v[i]->ended);
	return n;
}

void lanes_stop(struct lanes *l)
{
	if (!l || atomic_exchange(&l->stop, true))
		return;
	eventfd_write(l->stop_fd, 1);
}

int lanes_fd(struct lanes *l)
{
	return l->ended_fd;
}

int lanes_result(struct lanes *l, bool *ret_lost, struct err *err)
{
	eventfd_t count;

	if (l)
		(void)eventfd_read(l->ended_fd, &count);
	for (unsigned int i = 0; l && i < l->n; i++) {
		const struct lane *lane = l->v[i];

		if (!atomic_load(&lane->ended) || lane->code >= 0)
			continue;
		*ret_lost = lane->lost;
		if (err)
			*err = lane->err;
		return lane->code;
	}
	return 0;
}
