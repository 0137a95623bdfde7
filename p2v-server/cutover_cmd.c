/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server cutover: have the agent of a live job bring its machine to rest and finish. */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"
#include "p2v-server/commands.h"
#include "p2v-server/cutover.h"
#include "p2v-server/job.h"

struct cutover_config {
	bool cancel;
};

const struct opt cutover_opts[] = {
	{ "cancel", 0, NULL, "take it back, while no agent has heard of it", OPT_FLAG,
	  offsetof(struct cutover_config, cancel) },
	{ 0 }
};

static int cutover(const char *name, bool cancel, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	/* Not locked: the process that receives holds the lock all the time. */
	r = job_open(server_store(), name, JOB_LOCK_NONE, &j, err);
	if (r < 0)
		return r;
	if (cancel && !cutover_wanted(j->dirfd))
		return err_set(err, ENOENT, "job %s: nothing to take back: the agent has heard of "
					    "it, or it was not asked for", name);
	if (cancel)
		return cutover_take_back(j->dirfd, err);
	if (j->state != JOB_RECEIVING)
		return err_set(err, EALREADY, "job %s is %s: nothing is sent any more", name,
			       job_state_name(j->state));
	if (!j->live) {
		err_set(err, EINVAL, "job %s is a cold copy, which ends by itself", name);
		return -EINVAL;
	}
	r = cutover_ask(j->dirfd, err);
	if (r >= 0)
		log_notice("job %s: the agent is told within a second, or when it connects", name);
	return r;
}

int cutover_run(int argc, char **argv)
{
	struct cutover_config cfg = { 0 };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "cutover", argc, argv, &cfg, 1, &first);
	if (r >= 0)
		return r;
	return server_exit(cutover(argv[first], cfg.cancel, &err), &err);
}
