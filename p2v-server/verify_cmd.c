/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server verify: the images against the journal, any time after the copy. */
#include <errno.h>
#include <inttypes.h>

#include "common/log.h"
#include "common/progress.h"
#include "common/quit.h"
#include "p2v-server/commands.h"
#include "p2v-server/decode.h"
#include "p2v-server/verify.h"
#include "p2v-server/verify_cmd.h"

#define OPT(field) offsetof(struct verify_options, field)

struct verify_options {
	int threads;
};

const struct opt verify_opts[] = {
	{ "threads", 't', "N", "threads that read and check, 0 none (one per CPU, up to 8)",
	  OPT_INT, OPT(threads) },
	{ 0 }
};

struct tick {
	struct progress *progress;
};

static int on_progress(uint64_t done, uint64_t total, void *opaque)
{
	struct tick *t = opaque;

	(void)total;
	progress_set_done(t->progress, done);
	progress_tick(t->progress);
	return quit_requested() ? -ECANCELED : 0;
}

int verify_images(struct job *j, unsigned int threads, struct err *err)
{
	CLEANUP(verify_result_done) struct verify_result res = { 0 };
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(progress_free) struct progress *progress = NULL;
	struct tick t;
	uint64_t total = 0;
	int r;

	if (j->state == JOB_RECEIVING)
		return err_set(err, EAGAIN,
			       "job %s is not complete yet; run the agent again to go on", j->name);
	for (size_t i = 0; i < j->nimages; i++)
		total += j->images[i].size;
	r = job_journal(j, true, &journal, err);
	if (r < 0)
		return r;
	if (progress_new(log_get_level() >= LOG_LEVEL_NOTICE ? 2 : -1, -1, &progress) < 0)
		return err_nomem(err);
	t.progress = progress;
	progress_begin(progress, "verify", j->name, total);
	r = verify_job(j, journal, false, threads, NULL, on_progress, &t, &res, err);
	progress_end(progress);
	if (r < 0)
		return r;
	if (res.bad_bytes > 0) {
		for (size_t i = 0; i < res.n; i++)
			for (size_t k = 0; k < res.bad[i].n; k++)
				log_warning("%s: %" PRIu64 " bytes at 0x%" PRIx64
					    " do not read as they were sent",
					    j->images[i].disk, res.bad[i].v[k].length,
					    res.bad[i].v[k].offset);
		j->state = JOB_DAMAGED;
		(void)job_save(j, NULL);
		return err_set(err, EILSEQ,
			       "job %s: the image does not hold what was sent (%" PRIu64
			       " bytes differ)",
			       j->name, res.bad_bytes);
	}
	if (j->state == JOB_DAMAGED)
		j->state = JOB_VERIFIED;
	return job_save(j, err);
}

static int verify(const char *name, unsigned int threads, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	r = quit_init(err);
	if (r >= 0)
		r = job_open(server_store(), name, JOB_LOCK_TRY, &j, err);
	if (r >= 0)
		r = verify_images(j, threads, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < j->nimages; i++)
		log_notice("%s: verified, digest %s", j->images[i].disk, j->images[i].digest);
	return 0;
}

int verify_run(int argc, char **argv)
{
	struct verify_options o = { .threads = (int)decode_threads_default() };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "verify", argc, argv, &o, 1, &first);
	if (r >= 0)
		return r;
	r = decode_threads_check(o.threads, &err);
	if (r < 0)
		return opts_usage_error(server_program.name, "verify", &err);
	return server_exit(verify(argv[first], (unsigned int)o.threads, &err), &err);
}
