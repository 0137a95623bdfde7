/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server throttle: slow down, or speed up, the agent of a job while it sends. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/rate_limit.h"
#include "common/text.h"
#include "p2v-server/commands.h"
#include "p2v-server/job.h"
#include "p2v-server/throttle.h"

struct throttle_config {
	bool json;
};

const struct opt throttle_opts[] = {
	{ "json", 'j', NULL, "print JSON", OPT_FLAG, offsetof(struct throttle_config, json) },
	{ 0 }
};

static void print(const struct throttle *t, bool json)
{
	static const char *const modes[] = {
		[PROTO_THROTTLE_OWN] = "own",
		[PROTO_THROTTLE_RATE] = "rate",
		[PROTO_THROTTLE_NONE] = "max",
	};
	char text[THROTTLE_TEXT_MAX];

	if (!json)
		printf("%s\n", throttle_format(t, text));
	else if (t->mode == PROTO_THROTTLE_RATE)
		printf("{\"mode\": \"rate\", \"bytes_per_second\": %" PRIu64 "}\n", t->rate);
	else
		printf("{\"mode\": \"%s\"}\n", modes[t->mode]);
}

static int throttle(const char *name, const struct throttle *want, bool json, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	struct throttle now;
	int r;

	/* Not locked: the process that receives holds the lock all the time. */
	r = job_open(server_store(), name, JOB_LOCK_NONE, &j, err);
	if (r < 0)
		return r;
	if (want && j->state != JOB_RECEIVING)
		return err_set(err, EALREADY, "job %s is %s: nothing is sent any more", name,
			       job_state_name(j->state));
	if (want) {
		r = throttle_write(j->dirfd, want, err);
		if (r < 0)
			return r;
	}
	r = throttle_read(j->dirfd, &now, err);
	if (r == 0)
		print(&now, json);
	return r;
}

int throttle_run(int argc, char **argv)
{
	struct throttle_config cfg = { 0 };
	struct throttle want;
	struct err err = ERR_INIT;
	char shown[128];
	const char *rate;
	int first, r;

	r = program_parse(&server_program, "throttle", argc, argv, &cfg, PROGRAM_ARGS_SOME, &first);
	if (r >= 0)
		return r;
	rate = argc - first > 1 ? argv[first + 1] : NULL;
	r = rate ? throttle_parse(rate, &want) : 0;
	if (r == -ERANGE)
		err_set(&err, EINVAL, "a bandwidth is at least %uK per second, not %s",
			RATE_LIMIT_MIN >> 10, rate);
	else if (r < 0)
		err_set(&err, EINVAL, "%s is no bandwidth: 40M, max or own are",
			text_escape_str(rate, shown, sizeof(shown)));
	else if (argc - first > 2)
		r = err_set(&err, EINVAL, "unexpected argument %s",
			    text_escape_str(argv[first + 2], shown, sizeof(shown)));
	if (r < 0)
		return opts_usage_error(server_program.name, "throttle", &err);
	return server_exit(throttle(argv[first], rate ? &want : NULL, cfg.json, &err), &err);
}
