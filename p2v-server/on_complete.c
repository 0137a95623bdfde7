/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See on_complete.h. */
#include "p2v-server/on_complete.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/spawn.h"
#include "common/text.h"

#define TICK_MS		500
#define GRACE_S		30u	/* to undo what it has begun */
#define LINE_MAX_	200u

struct last_line {
	char text[LINE_MAX_];
	size_t n;
	bool ended;			/* the next byte begins another line */
};

static void take(struct last_line *l, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			l->ended = true;
			continue;
		}
		if (l->ended)
			l->n = 0;
		l->ended = false;
		if (l->n < sizeof(l->text))
			l->text[l->n++] = p[i];
	}
}

/* Until the end of its output, which is its own end. */
static int follow(int fd, struct last_line *l, int (*tick)(void *opaque), void *opaque)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char buf[4096];
		ssize_t n = 0;
		int r = poll(&p, 1, TICK_MS);

		if (r > 0)
			n = read(fd, buf, sizeof(buf));
		if (r > 0 && n == 0)
			return 0;
		if (n > 0)
			take(l, buf, (size_t)n);
		r = tick(opaque);
		if (r < 0)
			return r;
	}
}

int on_complete_run(const char *command, const struct job *j, int (*tick)(void *opaque),
		    void *opaque, char why[static ON_COMPLETE_WHY_MAX], struct err *err)
{
	struct spawn_child c = { 0 };
	struct last_line l = { .n = 0 };
	int r, status;

	/* Two lines of it may be meant for us; stderr is the job's own, as ever. */
	if (setenv("P2V_JOB", j->name, 1) < 0 || setenv("P2V_STORE", j->store, 1) < 0)
		return err_nomem(err);
	r = spawn_pipe(command, &c, err);
	if (r < 0)
		return r;
	r = follow(c.out, &l, tick, opaque);
	status = spawn_child_end(&c, r < 0 ? 0 : GRACE_S);
	if (r < 0)
		return r;
	text_escape((const uint8_t *)l.text, l.n, why, ON_COMPLETE_WHY_MAX);
	if (status != 0 && !why[0])
		snprintf(why, ON_COMPLETE_WHY_MAX, "exit status %d", status);
	return status == 0;
}
