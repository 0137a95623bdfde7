/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-server takeover: from a complete job to a virtual machine that serves, in one go. It is what
 * receive --on-complete runs while the physical machine is held. When the virtual machine does not
 * prove itself in time it is stopped again, and the last line says why.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/log.h"
#include "common/quit.h"
#include "common/spawn.h"
#include "p2v-server/commands.h"
#include "p2v-server/finish.h"
#include "p2v-server/job.h"
#include "p2v-server/virt.h"

#define OPT(field) offsetof(struct takeover_options, field)
#define WAIT_S		300
#define PAUSE_MS	1000
#define CHECK_S		30u

struct takeover_options {
	const char *connect, *check;
	bool fast;
	uint64_t wait;
};

const struct opt takeover_opts[] = {
	{ "connect", 'c', "URI", "libvirt connection (default: " VIRT_URI ")", OPT_STR,
	  OPT(connect) },
	{ "check", 0, "COMMAND",
	  "it serves when this succeeds (default: when its guest agent answers)", OPT_STR,
	  OPT(check) },
	{ "wait", 0, "SECONDS", "and does not when it has not done so in this time (default 300)",
	  OPT_U64, OPT(wait) },
	{ "fast", 0, NULL, "finish with --fast, when the job is not finished yet", OPT_FLAG,
	  OPT(fast) },
	{ 0 }
};

static int finish_if_needed(struct job *j, const struct takeover_options *o, struct err *err)
{
	const struct finish_options f = { .fast = o->fast };

	if (j->state == JOB_FINISHED)
		return 0;
	if (j->state != JOB_VERIFIED)
		return err_set(err, EAGAIN, "job %s is %s: it is not complete", j->name,
			       job_state_name(j->state));
	return finish_job(j, &f, err);
}

static bool serves(struct virt *v, const struct takeover_options *o)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)o->check, NULL };
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };

	if (!o->check)
		return virt_answers(v);
	return spawn_run(argv, NULL, 0, CHECK_S, 4096, &res, NULL) >= 0 && res.status == 0;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Until it has proved itself. */
static int watch(struct virt *v, const struct takeover_options *o, struct err *err)
{
	time_t until = now() + (time_t)o->wait;
	struct pollfd p = { .fd = quit_fd(), .events = POLLIN };

	while (now() < until) {
		if (!virt_runs(v))
			return err_set(err, EHOSTDOWN, "domain %s has stopped by itself",
				       virt_name(v));
		if (serves(v, o))
			return 0;
		if (poll(&p, 1, PAUSE_MS) > 0)
			return err_set(err, ECANCELED, "told to leave");
	}
	return err_set(err, ETIMEDOUT, "domain %s runs, but %s within %llu s", virt_name(v),
		       o->check ? "the check did not succeed" : "its guest agent did not answer",
		       (unsigned long long)o->wait);
}

static int takeover(const char *name, const struct takeover_options *o, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(virt_free) struct virt *v = NULL;
	CLEANUP(mem_free) char *xml = NULL;
	struct err stop = ERR_INIT;
	int r = quit_init(err);

	if (r >= 0)
		r = job_open(server_store(), name, JOB_LOCK_TRY, &j, err);
	if (r >= 0)
		r = finish_if_needed(j, o, err);
	if (r >= 0)
		r = job_xml(j, &xml, err);
	if (r >= 0)
		r = virt_define(o->connect, xml, &v, err);
	if (r < 0)
		return r;
	if (setenv("P2V_JOB", name, 1) < 0 || setenv("P2V_DOMAIN", virt_name(v), 1) < 0)
		return err_nomem(err);
	r = virt_start(v, err);
	if (r < 0)
		return r;
	log_notice("domain %s is started", virt_name(v));
	r = watch(v, o, err);
	/* The physical machine is going to serve again: not both. */
	if (r < 0 && virt_stop(v, &stop) < 0)
		log_error("%s", stop.text);
	if (r >= 0)
		log_notice("domain %s serves", virt_name(v));
	return r;
}

int takeover_run(int argc, char **argv)
{
	struct takeover_options o = { .connect = VIRT_URI, .wait = WAIT_S };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "takeover", argc, argv, &o, 1, &first);
	if (r >= 0)
		return r;
	r = takeover(argv[first], &o, &err);
	/* For receive --on-complete, whose agent waits for the reason. */
	if (r < 0)
		printf("%s\n", err.text);
	return server_exit(r, &err);
}
