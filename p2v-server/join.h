/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Further connections of a job: how they come to the process that has it open.
 *
 *	sshd -- p2v-server receive (the owner: images, journal, first connection)
 *	sshd -- p2v-server receive --join_hand_over()--> JOB/join --join_accept()--> the owner
 *
 * Each connection is given a process by sshd. One that joins passes its two descriptors to the
 * owner over the socket JOB/join and then only waits until the owner is done with them. The
 * socket is of the owner's user alone: the peer's uid is asked of the kernel.
 */
#ifndef P2V_SERVER_JOIN_H
#define P2V_SERVER_JOIN_H

#include <stdint.h>
#include "common/err.h"
#include "wire/proto.h"

#define JOIN_SOCKET "join"

struct joiner {
	int in, out;		/* the connection's descriptors */
	int control;		/* closing it lets the other process go */
	uint64_t features;	/* that the two ends agreed on */
	char software[4 * PROTO_SOFTWARE_MAX + 1];	/* the agent's, escaped */
};

/* The owner's: a listening socket, non-blocking; the name is removed by join_end(). */
int join_listen(int dirfd, int *ret_fd, struct err *err);
void join_end(int dirfd, int fd);
/* 0; -EAGAIN: nobody waits any more; others: this one is worth nothing. */
int join_accept(int fd, struct joiner *ret, struct err *err);

/*
 * The other's: returns when the owner is done (0), or a signal asked to leave (-ECANCELED). -EBUSY:
 * nobody has the job open.
 */
int join_hand_over(int dirfd, const struct joiner *j, struct err *err);

#endif
