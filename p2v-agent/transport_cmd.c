/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A transport_fd over the child's pipes, plus the child. */
#include "p2v-agent/transport_cmd.h"

#include <stdlib.h>

#include "common/spawn.h"
#include "wire/transport_fd.h"

/* How long the far end may take to make things durable after we closed, before it is told to. */
#define GRACE_S 30

struct transport_cmd {
	struct transport base;
	struct transport *fd;
	struct spawn_child child;
	bool ended;
	int status;
};

static struct transport_cmd *self(struct transport *t)
{
	return (struct transport_cmd *)t;
}

static ssize_t cmd_read(struct transport *t, void *buf, size_t len, struct err *err)
{
	return self(t)->fd->ops->read(self(t)->fd, buf, len, err);
}

static ssize_t cmd_write(struct transport *t, const void *buf, size_t len, struct err *err)
{
	return self(t)->fd->ops->write(self(t)->fd, buf, len, err);
}

static int cmd_wait(struct transport *t, bool want_write, const int *extra, size_t n,
		    int timeout_ms, struct err *err)
{
	return self(t)->fd->ops->wait(self(t)->fd, want_write, extra, n, timeout_ms, err);
}

static int cmd_shutdown(struct transport *t, struct err *err)
{
	return self(t)->fd->ops->shutdown(self(t)->fd, err);
}

static void end(struct transport_cmd *c)
{
	if (c->ended)
		return;
	transport_free(c->fd);		/* closes both pipes: the child sees the end */
	c->fd = NULL;
	c->child.in = c->child.out = -1;
	c->status = spawn_child_end(&c->child, GRACE_S);
	c->ended = true;
}

static int cmd_exit_status(struct transport *t)
{
	end(self(t));
	return self(t)->status;
}

static void cmd_free(struct transport *t)
{
	end(self(t));
	free(t);
}

static const struct transport_ops cmd_ops = {
	.name = "command",
	.read = cmd_read,
	.write = cmd_write,
	.wait = cmd_wait,
	.shutdown = cmd_shutdown,
	.exit_status = cmd_exit_status,
	.free = cmd_free,
};

int transport_cmd_new(const char *command, struct transport **ret, struct err *err)
{
	struct transport_cmd *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_nomem(err);
	c->base.ops = &cmd_ops;
	r = spawn_pipe(command, &c->child, err);
	if (r < 0) {
		free(c);
		return r;
	}
	r = transport_fd_new(c->child.out, c->child.in, true, &c->fd, err);
	if (r < 0) {
		(void)spawn_child_end(&c->child, 0);
		free(c);
		return r;
	}
	*ret = &c->base;
	return 0;
}
