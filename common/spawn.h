/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run a program without a shell: fixed argv, no inherited descriptors but the ones named here,
 * default signal actions, and an end to it: a time limit after which it is killed with its whole
 * process group.
 */
#ifndef P2V_COMMON_SPAWN_H
#define P2V_COMMON_SPAWN_H

#include <stddef.h>
#include <sys/types.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

struct spawn_result {
	int status;		/* exit status 0..255, or 128 + signal */
	char *out;		/* stdout, NUL-terminated, at most out_max bytes kept */
	size_t out_len;
	char *errtext;		/* stderr, same */
	int timed_out;
};

void spawn_result_done(struct spawn_result *r);
DEFINE_CLEANUP_VALUE(struct spawn_result, spawn_result_done)

/*
 * Run argv[0] (looked up in PATH) to its end. input may be NULL (/dev/null). timeout_s 0 = none.
 * Returns 0 when it ran (look at status), -ENOENT when there is no such program, -ETIMEDOUT when
 * it was killed: only then is ret filled on failure, with what was written so far. ret may be NULL.
 *
 * The end is the end of the program itself: what it left running in the background is neither
 * waited for nor killed, and output past out_max is dropped. Any thread.
 */
int spawn_run(char *const argv[], const void *input, size_t input_len, unsigned int timeout_s,
	      size_t out_max, struct spawn_result *ret, struct err *err);

/*
 * The environment of all children from now on, until then our own. The array and its strings stay
 * the caller's, and have to stay. Before there is a second thread.
 */
void spawn_environment(char *const *env);

/* A child with a pipe on its stdin and stdout (stderr is ours): for --connect-command. */
struct spawn_child {
	pid_t pid;
	int in, out;		/* our ends: write to in, read from out */
};
/* shell_command is run by /bin/sh -c, in its own process group. */
int spawn_pipe(const char *shell_command, struct spawn_child *ret, struct err *err);
/*
 * Close the pipes, wait up to grace_s, then SIGTERM to its process group, as long again (a second
 * at least), then SIGKILL. Returns the exit status as above, -ECHILD when it was ended before,
 * -ETIMEDOUT when even SIGKILL did not end it within a few seconds. *c is empty afterwards.
 */
int spawn_child_end(struct spawn_child *c, unsigned int grace_s);

#endif
