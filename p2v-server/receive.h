/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-server receive: the far end of the agent's channel, on stdin and stdout. One job per process.
 *
 *	stdin --> link --> messages --> target (images, journal) --> ACK, FLUSHED --> stdout
 *
 * Whatever ends it (end of file, signal, bad message, full target), what was given to the images
 * is made durable and journalled first where that is still possible, and the job stays resumable.
 *
 * Threads: this one, one writer per image, cfg->threads that decode. Memory: what target.h says
 * while data comes, what verify.h says after that.
 */
#ifndef P2V_SERVER_RECEIVE_H
#define P2V_SERVER_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"

struct receive_config {
	const char *store;
	const char *job;		/* only this job may be written; NULL any */
	const char *job_prefix;		/* only jobs whose name begins so; NULL any */
	const char *on_complete;	/* command, see on_complete.h; NULL: none */
	uint32_t credit;		/* bytes in flight allowed to the agent */
	unsigned int threads;		/* for decoding and verification; 0: all in one thread */
};

/*
 * 0 the job is complete (or the agent left in order); -ECANCELED told to leave; other -errno.
 * *ret_told: the agent has been sent the error, so its user knows already.
 */
int receive_serve(const struct receive_config *cfg, int in, int out, bool *ret_told,
		  struct err *err);

#endif
