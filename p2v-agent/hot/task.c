/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See task.h. The descriptor tells the owner that the thread's result is there to be read. */
#include "p2v-agent/hot/task.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/fdio.h"

struct task {
	pthread_t thread;
	bool running;			/* started, and not taken */
	int fd;
	task_fn *fn;
	void *opaque;
	int code;
	struct err err;
};

int task_new(struct task **ret, struct err *err)
{
	CLEANUP(task_free) struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return err_nomem(err);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->fd < 0)
		return err_errno(err, "cannot make an event descriptor");
	*ret = TAKE_PTR(t);
	return 0;
}

void task_free(struct task *t)
{
	if (!t)
		return;
	if (t->running)
		pthread_join(t->thread, NULL);
	fd_close(t->fd);
	free(t);
}

static void *run(void *opaque)
{
	struct task *t = opaque;

	t->code = t->fn(t->opaque, &t->err);
	(void)!write(t->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	return NULL;
}

int task_start(struct task *t, task_fn *fn, void *opaque, struct err *err)
{
	sigset_t all, old;
	int r;

	if (t->running)
		return err_set(err, EBUSY, "something runs already");
	t->fn = fn;
	t->opaque = opaque;
	t->err = (struct err)ERR_INIT;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return err_code(err, r, "cannot start a thread");
	t->running = true;
	return 0;
}

bool task_busy(const struct task *t)
{
	return t->running;
}

int task_take(struct task *t, int *ret_code, struct err *err)
{
	uint64_t n;

	if (!t->running || read(t->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return 0;
	pthread_join(t->thread, NULL);
	t->running = false;
	*ret_code = t->code;
	if (t->code < 0 && err)
		*err = t->err;
	return 1;
}

int task_fd(const struct task *t)
{
	return t->fd;
}
