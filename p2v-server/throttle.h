/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast a job's agent is to send: a file in the job's folder ("throttle"), written by p2v-server
 * throttle and looked at by the process that receives, once a second. It outlives connections, so
 * an agent that comes back is told again. Without the file the agent's own user decides.
 */
#ifndef P2V_SERVER_THROTTLE_H
#define P2V_SERVER_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "common/err.h"
#include "wire/proto.h"

struct throttle {
	enum proto_throttle mode;
	uint64_t rate;			/* bytes per second, with PROTO_THROTTLE_RATE */
};

/* No file: PROTO_THROTTLE_OWN. -EBADMSG when it is not understood. */
int throttle_read(int jobfd, struct throttle *ret, struct err *err);
int throttle_write(int jobfd, const struct throttle *t, struct err *err);
/* "own" (the agent's own), "max" or a rate. -EINVAL, -ERANGE. */
int throttle_parse(const char *text, struct throttle *ret);
/* For people; returns buf. */
#define THROTTLE_TEXT_MAX 64
const char *throttle_format(const struct throttle *t, char buf[static THROTTLE_TEXT_MAX]);

/* Has it changed since the last call? Cheap: one stat(2). */
struct throttle_watch {
	struct timespec mtime;
	ino_t ino;			/* 0: not there */
};
bool throttle_changed(int jobfd, struct throttle_watch *w);

#endif
