/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "common/log.h"
#include "common/quit.h"
#include "p2v-server/commands.h"
#include "p2v-server/decode.h"
#include "p2v-server/receive.h"
#include "wire/proto.h"

#define OPT(field) offsetof(struct receive_options, field)

struct receive_options {
	const char *job, *job_prefix, *on_complete;
	uint64_t credit;
	int threads;
};

const struct opt receive_opts[] = {
	{ "job", 0, "NAME", "this key may write job NAME and no other", OPT_STR, OPT(job) },
	{ "job-prefix", 0, "PREFIX", "this key may write jobs whose name begins with PREFIX",
	  OPT_STR, OPT(job_prefix) },
	{ "on-complete", 0, "COMMAND",
	  "run this when a job is complete whose machine waits for its virtual one", OPT_STR,
	  OPT(on_complete) },
	{ "credit", 0, "SIZE", "data the agent may send ahead of us (default 32M)", OPT_SIZE,
	  OPT(credit) },
	{ "threads", 't', "N", "threads that unpack and check, 0 none (one per CPU, up to 8)",
	  OPT_INT, OPT(threads) },
	{ 0 }
};

int receive_run(int argc, char **argv)
{
	struct receive_options o = { .credit = 32 * MIB,
				     .threads = (int)decode_threads_default() };
	struct receive_config cfg = { 0 };
	struct err err = ERR_INIT;
	bool told = false;
	int r;

	r = program_parse(&server_program, "receive", argc, argv, &o, 0, NULL);
	if (r >= 0)
		return r;
	if (o.credit < PROTO_CREDIT_MIN || o.credit > PROTO_CREDIT_MAX) {
		err_set(&err, EINVAL, "--credit is 4M to 1G");
		return opts_usage_error(server_program.name, "receive", &err);
	}
	r = decode_threads_check(o.threads, &err);
	if (r < 0)
		return opts_usage_error(server_program.name, "receive", &err);
	cfg = (struct receive_config){
		.store = server_store(),
		.job = o.job,
		.job_prefix = o.job_prefix,
		.on_complete = o.on_complete,
		.credit = (uint32_t)o.credit,
		.threads = (unsigned int)o.threads,
	};
	r = quit_init(&err);
	if (r >= 0)
		r = receive_serve(&cfg, 0, 1, &told, &err);
	/* Our stderr ends up before the same person's eyes: once is enough. */
	if (r < 0 && told) {
		log_info("%s", err.text);
		return r == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
	}
	return server_exit(r, &err);
}
