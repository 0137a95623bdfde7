/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection's work: open the job, learn what is durable there, send the rest, finish.
 *
 *	pipeline --items--> pass --session--> transport
 *	                     ^--- ACK, FLUSHED, STATUS, FINISHED
 *
 * One thread (the caller's) does all of it, but for further connections (lanes.h). When the
 * connection is lost the caller makes a new transport and runs a new pass: what the server
 * answers in HAVE is the only memory between them.
 */
#ifndef P2V_AGENT_PASS_H
#define P2V_AGENT_PASS_H

#include "common/progress.h"
#include "disk/readahead.h"
#include "disk/reader.h"
#include "p2v-agent/bandwidth.h"
#include "p2v-agent/lanes.h"
#include "p2v-agent/source.h"
#include "wire/proto.h"
#include "wire/transport.h"

struct pass_config {
	const struct source *source;
	const char *name;		/* of the job */
	const char *machine_json;
	bool compressed;		/* ask the server to store zstd clusters as they come */
	bool resync;			/* the disks have changed: send what differs */
	int level;
	bool adaptive;			/* level is but the first */
	unsigned int threads;
	enum reader_mode mode;
	enum readahead_engine engine;
	unsigned int connections;	/* for this job; 0: as many as help, up to the next */
	unsigned int connections_max;
	lanes_connect_fn *connect;	/* makes one more */
	void *connect_opaque;
	uint64_t flush_bytes;		/* ask for durability after this many payload bytes */
	bool consistent;		/* nobody wrote to the source while it was copied */
	const struct bandwidth *bandwidth;	/* what the user lends us of the link */
	struct progress *progress;
};

struct pass_result {
	bool lost;			/* the connection failed: a new one may succeed */
	bool greeted; /* the server's HELLO came: it is one, and says itself what is wrong */
	bool opened;			/* the server took the job up: READY came */
	bool advanced;			/* something new became durable: start back-off afresh */
	enum proto_job_state state;
	char *summary;			/* FINISHED's JSON, malloc'd; NULL unless it came */
	uint64_t sent;			/* payload bytes put on the wire in this pass */
};

/*
 * 0: the job is finished (or was already: state PROTO_JOB_COMPLETE). -ECANCELED: the user asked to
 * stop; what was sent is durable. Otherwise -errno, and lost tells whether trying again makes
 * sense.
 */
int pass_run(const struct pass_config *cfg, struct transport *t, struct pass_result *ret,
	     struct err *err);
void pass_result_done(struct pass_result *r);
DEFINE_CLEANUP_VALUE(struct pass_result, pass_result_done)

#endif
