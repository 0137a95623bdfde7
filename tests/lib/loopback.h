/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two sessions in memory, an agent's and a server's, with a place between them where a test does
 * to the messages what a bad network or a bad peer would.
 *
 *	agent's session --> output --> [hook] --> feed --> server's session --> got()
 *	   got() <--  agent's session <-- feed <-- [hook] <-- output <--'
 *
 * The hook sees whole frames in the order they were sent and writes what shall arrive in their
 * place: nothing (dropped), a part (cut), twice the same (repeated), what it kept from the last
 * call (reordered), other bytes (mutated). Without a hook everything arrives as sent.
 *
 * loopback_converse() is one full conversation with every kind of message in it, played by two
 * well-behaved programs; it is what hostile tests disturb. With live disks it has a second round,
 * and a third for what the server found to differ in the second.
 */
#ifndef P2V_TESTS_LOOPBACK_H
#define P2V_TESTS_LOOPBACK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/iobuf.h"
#include "wire/session.h"

/* Also the index of the side that sends in this direction. */
enum loopback_dir { LOOPBACK_AGENT = 0, LOOPBACK_SERVER = 1 };

struct loopback;

struct loopback_side {
	struct session *session;
	/* A message was accepted by this side. */
	void (*got)(struct loopback *l, const struct msg *m);
	int result;			/* of the step that failed; 0: none did */
	struct err err;
	unsigned int sent;		/* frames this side sent */
	unsigned int errors_sent;	/* ERRORs among them */
	unsigned int after_error;	/* frames it sent after its ERROR */
};

struct loopback {
	struct loopback_side side[2];
	/* index: how many frames from sent before this one. */
	void (*hook)(void *opaque, enum loopback_dir from, unsigned int index, const uint8_t *frame,
		     size_t len, struct iobuf *deliver);
	void *opaque;
	size_t split;			/* feed in pieces of this many bytes; 0: as they come */
	/* Every message a side accepted passes here too. */
	void (*judge)(void *opaque, enum loopback_dir to, const struct msg *m);
	void *judge_opaque;

	/* loopback_converse() */
	unsigned int agent_step;
	bool complete;			/* the server says that the job is complete */
	bool compare;			/* the agent asks for DIGESTS */
	bool live;			/* the agent says that its disks go on changing */
	unsigned int close_at;		/* step at which the agent leaves with CLOSE; 0: never */
	bool finished;			/* the agent saw FINISHED */
	uint64_t durable;		/* highest id the agent was told is durable */
	bool told_differ;		/* the agent was told of a chunk that differs */
	bool differs;			/* the server waits for it */
	unsigned int rounds;		/* of live disks, begun after the first */
	bool rounds_done;
	unsigned int cutovers;		/* that the agent was asked for */
};

void loopback_init(struct loopback *l);
void loopback_done(struct loopback *l);
DEFINE_CLEANUP_VALUE(struct loopback, loopback_done)

/* Move what waits, both ways, and step both sessions; true when anything moved. */
bool loopback_pump(struct loopback *l);
/* The CRC of the frame at p made right again (len covers it whole). */
void loopback_reseal(uint8_t *p, size_t len);

/* The full conversation, until nothing moves any more. */
void loopback_converse(struct loopback *l);

/* The ids of its FLUSHes, and of its FINISH. */
#define LOOPBACK_FLUSH1		5
#define LOOPBACK_FLUSH2		8
#define LOOPBACK_FINISH		9
#define LOOPBACK_LIVE_FLUSH3	16
#define LOOPBACK_LIVE_FLUSH4	20
#define LOOPBACK_LIVE_FINISH	21

/* The disks of that conversation. */
#define LOOPBACK_DISKS		2
#define LOOPBACK_DISK0_SIZE	(3 * (1u << 20) + 1536)
#define LOOPBACK_DISK1_SIZE	(2 * (1u << 20))

/* A zstd frame that decodes to a cluster of 'A', whatever the version of zstd. */
#define LOOPBACK_ZSTD_LEN	11
extern const uint8_t loopback_zstd_cluster[LOOPBACK_ZSTD_LEN];
/* And one to two blocks of 'A'. */
extern const uint8_t loopback_zstd_patch[LOOPBACK_ZSTD_LEN];

#endif
