/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection's work: open the job, learn what is durable there, send the rest, finish.
 *
 *	pipeline --items--> pass --session--> transport
 *	                     ^--- ACK, FLUSHED, STATUS, FINISHED
 *
 * A cold copy is one round, and FINISH. Of disks that go on changing there are many (struct
 * pass_rounds): the caller says what each is of, when it has seen that all before is durable.
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

struct pass_round {
	enum walk_kind kind;
	const struct bitmap *const *maps;	/* per disk; until the next round */
	struct bitmap *const *have;		/* of WALK_COPY and WALK_CHECK; or NULL */
	const char *label;			/* for progress; NULL: not worth a word */
};

enum pass_next { PASS_ROUND, PASS_WAIT, PASS_FINISH };

/* What a live conversion decides. All are called by the pass's thread. */
struct pass_rounds {
	void *opaque;
	/*
	 * READY came. have: what is durable there, chunk by chunk; the callee may keep bits in it.
	 * known: digests of these, where the job is compared; or NULL.
	 */
	int (*opened)(void *opaque, const uint8_t uuid[static PROTO_UUID_LEN],
		      struct bitmap *const *have, bool compared, struct err *err);
	/*
	 * All that was sent is durable: an enum pass_next. PASS_WAIT: it is asked again at every
	 * turn, at least each quarter second. PASS_FINISH: *ret_consistency is what the copy is.
	 */
	int (*next)(void *opaque, struct pass_round *ret, const char **ret_consistency,
		    struct err *err);
	/* At every turn, also while a round is sent; a failure ends the pass. */
	int (*turn)(void *opaque, struct err *err);
	/* To be woken by; -1 none. */
	int (*fd)(void *opaque);
	/* Chunks of a disk are not there as a WALK_CHECK said they are here. */
	void (*differ)(void *opaque, const struct msg_have *ranges);
	/* Somebody at the server wants it to end now. */
	void (*cutover)(void *opaque);
};

struct pass_config {
	const struct source *source;
	const struct pass_rounds *rounds;	/* NULL: a cold copy */
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
	bool takeover;			/* ask for a virtual machine, and wait for it */
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
