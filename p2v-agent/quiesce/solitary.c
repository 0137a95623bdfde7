/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/solitary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/compiler.h"

#define STACK_AHEAD	65536	/* bytes of stack that are touched before they are needed */
#define KEPT_FD		3	/* the child's end of the socket */

uint64_t solitary_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void *solitary_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void solitary_unshare(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

static void touch_stack(void)
{
	volatile char ahead[STACK_AHEAD];

	for (size_t i = 0; i < sizeof(ahead); i += 1024)
		ahead[i] = 0;
}

int solitary_lock_memory(void)
{
	touch_stack();
	return mlockall(MCL_CURRENT | MCL_FUTURE) < 0 ? -errno : 0;
}

static void write_text(const char *path, const char *text)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* Each of these is a precaution; the process does its work without. */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		return;
}

/*
 * systemd ends a service by the control group that it made for it: the one of its own hierarchy,
 * or of the unified one. The groups of other hierarchies only limit, and stay.
 */
static void leave_service(void)
{
	write_text("/sys/fs/cgroup/cgroup.procs", "0");
	write_text("/sys/fs/cgroup/systemd/cgroup.procs", "0");
	write_text("/sys/fs/cgroup/unified/cgroup.procs", "0");
}

static void close_others(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, KEPT_FD + 1u, ~0u, 0u) == 0)
		return;
#endif
	long max = sysconf(_SC_OPEN_MAX);

	for (int fd = KEPT_FD + 1; fd < (max > 0 ? max : 65536); fd++)
		close(fd);
}

/* What is held open at 0, 1 and 2 would keep a pipe from its end that somebody waits for. */
static int keep_only(int sock)
{
	int null = open("/dev/null", O_RDWR);

	if (dup2(sock, KEPT_FD) < 0)
		return -errno;
	for (int fd = 0; fd < KEPT_FD; fd++)
		if (null < 0)
			close(fd);
		else if (fd != null && dup2(null, fd) < 0)
			return -errno;
	close_others();
	return 0;
}

static void NORETURN live(const char *name, bool lock, solitary_fn *fn, void *arg, int sock)
{
	setsid();
	prctl(PR_SET_NAME, name);
	/* /proc is asked before its descriptors could be closed by a limit of none. */
	write_text("/proc/self/oom_score_adj", "-1000");
	leave_service();
	if (keep_only(sock) < 0 || (lock && solitary_lock_memory() < 0))
		_exit(125);
	_exit(fn(arg, KEPT_FD));
}

int solitary_start(const char *name, bool lock, solitary_fn *fn, void *arg, struct solitary *ret,
		   struct err *err)
{
	CLEANUP(fd_close) int ours = -1;
	CLEANUP(fd_close) int theirs = -1;
	sigset_t all, old;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "cannot make a socket for the watchdog");
	ours = pair[0];
	theirs = pair[1];
	/* Blocked in the child from its first moment to its last. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		live(name, lock, fn, arg, theirs);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return err_code(err, -r, "cannot start a process for the watchdog");
	*ret = (struct solitary){ .pid = pid, .sock = TAKE_FD(ours) };
	return 0;
}

int solitary_end(struct solitary *s, unsigned int wait_ms)
{
	uint64_t end = solitary_now() + (uint64_t)wait_ms * 1000000;
	pid_t pid = s->pid, p;
	int status;

	if (pid <= 0)
		return 0;
	fd_close(s->sock);
	*s = (struct solitary){ .sock = -1 };
	for (;;) {
		p = waitpid(pid, &status, WNOHANG);
		if (p == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (p < 0 && errno != EINTR)
			return -errno;
		if (solitary_now() >= end)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
}

bool solitary_wait(int sock, int ms, bool *ret_message)
{
	struct pollfd p = { .fd = sock, .events = POLLIN | POLLRDHUP };

	*ret_message = false;
	if (poll(&p, 1, ms) <= 0)
		return false;
	/* What was sent before the end is still taken. */
	*ret_message = p.revents & POLLIN;
	return p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL);
}
