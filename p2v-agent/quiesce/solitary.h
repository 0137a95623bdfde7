/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process that stays when everything else of the agent goes: the watchdog that thaws, and the
 * one that lifts a hold. It is made by fork alone.
 *
 * Why no exec: the child needs nothing but a few system calls, and its code is in memory already.
 * A second program would have to be found, read and linked from a disk that may be about to stand
 * still; a copy of the agent, executed anew, would lock all of the agent's libraries a second time.
 * The price of fork is that what is locked are copies of the agent's own pages: so start it before
 * the agent has grown, and hand over descriptors later, through the socket.
 *
 * What sets it apart: a session of its own (no terminal, no hang-up), all signals blocked that can
 * be, out of the service's control group where systemd would end it with the agent, last in line
 * when memory runs out, memory locked, all descriptors closed but one socket. When that socket
 * ends, the agent is gone, however it went.
 *
 * The function runs in a copy of a process that may have threads: what is taken from malloc() works
 * with glibc, locks of our own (log.h) must be left alone.
 */
#ifndef P2V_AGENT_QUIESCE_SOLITARY_H
#define P2V_AGENT_QUIESCE_SOLITARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/err.h"

struct solitary {
	pid_t pid;		/* 0: none */
	int sock;		/* of type SEQPACKET */
};

typedef int solitary_fn(void *arg, int sock);

/*
 * name: at most 15 bytes, as ps shows it. lock: memory too; false only where that cannot work, as
 * under a sanitizer. The child exits with what fn returns.
 */
int solitary_start(const char *name, bool lock, solitary_fn *fn, void *arg, struct solitary *ret,
		   struct err *err);
/*
 * Close the socket and wait for the end, up to so long; a process that sits in the kernel is left
 * behind. Returns its exit status, 128 + signal, or -ETIMEDOUT. *s is empty afterwards.
 */
int solitary_end(struct solitary *s, unsigned int wait_ms);

/* For the child: wait up to so long, or for a message; true when the other side is gone. */
bool solitary_wait(int sock, int ms, bool *ret_message);
/* Lock all memory of this process, the stack's next pages too; 0 or -errno. */
int solitary_lock_memory(void);
/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t solitary_now(void);
/* Memory that this process and those it forks share, zeroed; NULL when there is none. */
void *solitary_share(size_t size);
void solitary_unshare(void *p, size_t size);

#endif
