/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fork and exec by hand rather than posix_spawn, for the process group, for closing every other
 * descriptor, and for telling "no such program" from a program that exits with 127: the child
 * writes errno to a close-on-exec pipe when exec fails.
 *
 * Between fork and exec the child only makes calls that are safe in a copy of a threaded process.
 * Signals are blocked around fork so that the parent's handlers cannot run in the child.
 */
#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "common/fdio.h"

#define STATUS_FD	3		/* where the child keeps the status pipe */
#define LOW_FDS 10 /* our ends live at or above this, clear of what dup2 sets up */
#define TICK_MS		50
#define KILL_WAIT_MS	5000		/* for a killed process to be gone */
#define DRAIN_MAX 256 /* reads after the end, lest a grandchild's output keeps us */

enum { END_READ, END_WRITE };

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static void close_take(int *fd)
{
	fd_close(*fd);
	*fd = -1;
}

static int move_up(int *fd)
{
	int up = fcntl(*fd, F_DUPFD_CLOEXEC, LOW_FDS);

	if (up < 0)
		return -errno;
	fd_close(*fd);
	*fd = up;
	return 0;
}

static char *const *environment;	/* of the children; NULL: ours */

void spawn_environment(char *const *env)
{
	environment = env;
}

static int make_pipe(int ends[2])
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = move_up(&fds[0]);
	if (r == 0)
		r = move_up(&fds[1]);
	if (r < 0) {
		fd_close(fds[0]);
		fd_close(fds[1]);
		return r;
	}
	ends[0] = fds[0];
	ends[1] = fds[1];
	return 0;
}

static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned int)first, ~0u, 0u) == 0)
		return;
#endif
	/* An older kernel. sysconf is safe here, and the limit bounds what can be open. */
	long max = sysconf(_SC_OPEN_MAX);

	for (int fd = first; fd < (max > 0 ? max : 65536); fd++)
		close(fd);
}

/* Runs in the child and does not return. in, out, errfd -1: leave ours. */
static NORETURN void become(char *const argv[], int in, int out, int errfd, int status)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int code;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	setpgid(0, 0);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		goto fail;
	if (errfd >= 0 && dup2(errfd, STDERR_FILENO) < 0)
		goto fail;
	if (dup3(status, STATUS_FD, O_CLOEXEC) < 0)
		goto fail;
	status = STATUS_FD;
	close_from(STATUS_FD + 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (environment)
		environ = (char **)environment;
	execvp(argv[0], argv);
fail:
	code = errno;
	if (write(status, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* Start it; on success the child has run exec and leads its own process group. */
static int start(char *const argv[], int in, int out, int errfd, pid_t *ret_pid, struct err *err)
{
	int status[2] = { -1, -1 }, code = 0, r;
	sigset_t all, old;
	pid_t pid;

	r = make_pipe(status);
	if (r < 0)
		return err_code(err, -r, "cannot make a pipe");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		become(argv, in, out, errfd, status[END_WRITE]);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close_take(&status[END_WRITE]);
	if (r < 0) {
		close_take(&status[END_READ]);
		return err_code(err, -r, "cannot start %s", argv[0]);
	}
	r = fdio_read_full(status[END_READ], &code, sizeof(code));
	close_take(&status[END_READ]);
	if (r == -ENODATA) {
		*ret_pid = pid;
		return 0;
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_code(err, -r, "cannot start %s", argv[0]);
	return err_code(err, code, "cannot run %s", argv[0]);
}

static int exit_status(int wstatus)
{
	return WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) : WEXITSTATUS(wstatus);
}

/* 1 and the status when it has ended, 0 when not yet. */
static int try_wait(pid_t pid, int *ret_status)
{
	int wstatus;
	pid_t p = waitpid(pid, &wstatus, WNOHANG);

	if (p == 0 || (p < 0 && errno == EINTR))
		return 0;
	if (p < 0)
		return -errno;
	*ret_status = exit_status(wstatus);
	return 1;
}

void spawn_result_done(struct spawn_result *r)
{
	free(r->out);
	free(r->errtext);
	*r = (struct spawn_result){ 0 };
}

/* One of the child's output streams. */
struct capture {
	int fd;
	char *text;
	size_t len, cap, max;
};

/* 1 when something was read, 0 when nothing is there now or ever again (then fd is -1). */
static int capture_read(struct capture *c)
{
	char chunk[16384];
	ssize_t n;
	size_t keep;

	do {
		n = read(c->fd, chunk, sizeof(chunk));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		close_take(&c->fd);
		return 0;
	}
	/* What is past the limit is read and dropped, so that the child does not block on us. */
	keep = MIN((size_t)n, c->max - c->len);
	if (c->len + keep + 1 > c->cap) {
		size_t cap = MAX(c->cap * 2, c->len + keep + 1);
		char *bigger = realloc(c->text, cap);

		if (!bigger)
			return -ENOMEM;
		c->text = bigger;
		c->cap = cap;
	}
	memcpy(c->text + c->len, chunk, keep);
	c->len += keep;
	c->text[c->len] = '\0';
	return 1;
}

static int capture_drain(struct capture *c)
{
	for (int i = 0; c->fd >= 0 && i < DRAIN_MAX; i++) {
		int r = capture_read(c);

		if (r <= 0)
			return r;
	}
	return 0;
}

static void capture_done(struct capture *c)
{
	fd_close(c->fd);
	free(c->text);
}

/* What spawn_run has open and running; its end kills what still runs. */
struct run {
	pid_t pid;			/* 0 once it has been waited for */
	int in;				/* -1 once all input is written */
	const uint8_t *input;
	size_t input_left;
	struct capture out, err;
	int64_t deadline;		/* ms, or INT64_MAX */
	int status;
};

/* 1 and the status, 0 when the time is over, -errno. */
static int wait_until(pid_t pid, int64_t deadline, int *ret_status)
{
	unsigned int pause = 1;

	for (;;) {
		int r = try_wait(pid, ret_status);

		if (r != 0)
			return r;
		if (now_ms() >= deadline)
			return 0;
		sleep_ms(pause);
		pause = MIN(pause * 2, TICK_MS);
	}
}

/*
 * A process that sits in the kernel waiting for a dead disk does not die before the disk answers:
 * it is left behind then, as waiting for it would hang us too.
 */
static void kill_group(pid_t pid)
{
	int status;

	kill(-pid, SIGKILL);
	wait_until(pid, now_ms() + KILL_WAIT_MS, &status);
}

static void run_done(struct run *run)
{
	fd_close(run->in);
	capture_done(&run->out);
	capture_done(&run->err);
	if (run->pid > 0)
		kill_group(run->pid);
}
DEFINE_CLEANUP_VALUE(struct run, run_done)

static int feed_input(struct run *run)
{
	ssize_t n = write(run->in, run->input, MIN(run->input_left, (size_t)65536));

	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return 0;
		if (errno != EPIPE)
			return -errno;
		/* It has read what it wanted; that is not an error. */
		run->input_left = 0;
	} else {
		run->input += n;
		run->input_left -= (size_t)n;
	}
	if (run->input_left == 0)
		close_take(&run->in);
	return 0;
}

static int step(struct run *run)
{
	struct pollfd pfd[3] = {
		{ .fd = run->in, .events = POLLOUT },
		{ .fd = run->out.fd, .events = POLLIN },
		{ .fd = run->err.fd, .events = POLLIN },
	};
	int r;

	/* The tick finds a child that has ended while a grandchild holds the pipes open. */
	if (run->out.fd < 0 && run->err.fd < 0 && run->in < 0)
		sleep_ms(2);
	else if (poll(pfd, ARRAY_SIZE(pfd), TICK_MS) < 0 && errno != EINTR)
		return -errno;
	if (run->in >= 0 && pfd[0].revents) {
		r = feed_input(run);
		if (r < 0)
			return r;
	}
	if (run->out.fd >= 0 && pfd[1].revents) {
		r = capture_read(&run->out);
		if (r < 0)
			return r;
	}
	if (run->err.fd >= 0 && pfd[2].revents) {
		r = capture_read(&run->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_to_end(struct run *run)
{
	for (;;) {
		int r = try_wait(run->pid, &run->status);

		if (r < 0)
			return r;
		if (r > 0) {
			run->pid = 0;
			r = capture_drain(&run->out);
			return r < 0 ? r : capture_drain(&run->err);
		}
		if (now_ms() >= run->deadline)
			return -ETIMEDOUT;
		r = step(run);
		if (r < 0)
			return r;
	}
}

/* A SIGPIPE of ours, from feeding input, must not reach a program that does not ignore it. */
static bool block_sigpipe(sigset_t *old)
{
	sigset_t pending, pipe_set;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_set, old);
	return sigismember(&pending, SIGPIPE) == 1;
}

static void unblock_sigpipe(const sigset_t *old, bool was_pending)
{
	static const struct timespec no_wait;
	sigset_t pipe_set;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	while (!was_pending && sigtimedwait(&pipe_set, NULL, &no_wait) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static int start_run(char *const argv[], bool has_input, struct run *run, struct err *err)
{
	CLEANUP(fd_close) int child_in = -1;
	CLEANUP(fd_close) int child_out = -1;
	CLEANUP(fd_close) int child_err = -1;
	int ends[2], r;

	if (has_input) {
		r = make_pipe(ends);
		if (r < 0)
			return err_code(err, -r, "cannot make a pipe");
		child_in = ends[END_READ];
		run->in = ends[END_WRITE];
		r = fdio_set_nonblock(run->in, true);
	} else {
		child_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		r = child_in < 0 ? -errno : move_up(&child_in);
	}
	if (r < 0)
		return err_code(err, -r, "cannot prepare the input of %s", argv[0]);
	r = make_pipe(ends);
	if (r < 0)
		return err_code(err, -r, "cannot make a pipe");
	run->out.fd = ends[END_READ];
	child_out = ends[END_WRITE];
	r = make_pipe(ends);
	if (r < 0)
		return err_code(err, -r, "cannot make a pipe");
	run->err.fd = ends[END_READ];
	child_err = ends[END_WRITE];
	r = fdio_set_nonblock(run->out.fd, true);
	if (r == 0)
		r = fdio_set_nonblock(run->err.fd, true);
	if (r < 0)
		return err_code(err, -r, "cannot prepare the output of %s", argv[0]);
	return start(argv, child_in, child_out, child_err, &run->pid, err);
}

static int take_result(struct run *run, bool timed_out, struct spawn_result *ret, struct err *err)
{
	if (!ret)
		return 0;
	if (!run->out.text)
		run->out.text = strdup("");
	if (!run->err.text)
		run->err.text = strdup("");
	if (!run->out.text || !run->err.text)
		return err_nomem(err);
	*ret = (struct spawn_result){
		.status = timed_out ? 128 + SIGKILL : run->status,
		.out = TAKE_PTR(run->out.text),
		.out_len = run->out.len,
		.errtext = TAKE_PTR(run->err.text),
		.timed_out = timed_out,
	};
	return 0;
}

int spawn_run(char *const argv[], const void *input, size_t input_len, unsigned int timeout_s,
	      size_t out_max, struct spawn_result *ret, struct err *err)
{
	CLEANUP(run_done) struct run run = {
		.in = -1,
		.input = input,
		.input_left = input ? input_len : 0,
		.out = { .fd = -1, .max = out_max },
		.err = { .fd = -1, .max = out_max },
		.deadline = timeout_s ? now_ms() + (int64_t)timeout_s * 1000 : INT64_MAX,
	};
	bool was_pending;
	sigset_t old;
	int r, r2;

	r = start_run(argv, run.input_left > 0, &run, err);
	if (r < 0)
		return r;
	was_pending = block_sigpipe(&old);
	r = run_to_end(&run);
	unblock_sigpipe(&old, was_pending);
	if (r < 0 && r != -ETIMEDOUT)
		return err_code(err, -r, "cannot talk to %s", argv[0]);
	r2 = take_result(&run, r == -ETIMEDOUT, ret, err);
	if (r2 < 0)
		return r2;
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "%s was killed: it did not end within %u s", argv[0],
			       timeout_s);
	return 0;
}

int spawn_pipe(const char *shell_command, struct spawn_child *ret, struct err *err)
{
	CLEANUP(fd_close) int child_in = -1;
	CLEANUP(fd_close) int child_out = -1;
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	char *command = strdup(shell_command);
	char *argv[] = { "/bin/sh", "-c", command, NULL };
	int ends[2], r;
	pid_t pid;

	if (!command)
		return err_nomem(err);
	r = make_pipe(ends);
	if (r == 0) {
		child_in = ends[END_READ];
		in = ends[END_WRITE];
		r = make_pipe(ends);
	}
	if (r < 0) {
		free(command);
		return err_code(err, -r, "cannot make a pipe");
	}
	out = ends[END_READ];
	child_out = ends[END_WRITE];
	r = start(argv, child_in, child_out, -1, &pid, err);
	free(command);
	if (r < 0)
		return r;
	*ret = (struct spawn_child){ .pid = pid, .in = TAKE_FD(in), .out = TAKE_FD(out) };
	return 0;
}

int spawn_child_end(struct spawn_child *c, unsigned int grace_s)
{
	pid_t pid = c->pid;
	int r, status = 0;

	close_take(&c->in);
	close_take(&c->out);
	if (pid <= 0)
		return -ECHILD;
	c->pid = 0;
	r = wait_until(pid, now_ms() + (int64_t)grace_s * 1000, &status);
	if (r == 0) {
		kill(-pid, SIGTERM);
		r = wait_until(pid, now_ms() + MAX((int64_t)grace_s * 1000, (int64_t)1000),
			       &status);
	}
	if (r == 0) {
		kill(-pid, SIGKILL);
		r = wait_until(pid, now_ms() + KILL_WAIT_MS, &status);
	}
	if (r == 0)
		return -ETIMEDOUT;
	return r < 0 ? r : status;
}
