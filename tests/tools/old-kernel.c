/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program as on Linux 3.10, for tests/e2e/56-bundle.sh: old-kernel PROGRAM [ARGUMENT]...
 *
 * The system calls that came later (the last of then was finit_module) do not exist for the program
 * and all that it starts, and uname() says 3.10: OpenSSL looks there for what it may rely on. What
 * else an old kernel has not (flags of calls that it knows, files of /proc and /sys) is there all
 * the same. Needs root. The exit status is the program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void die(const char *what)
{
	fprintf(stderr, "old-kernel: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void become_old(int to)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_finit_module, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	char byte = 0;
	union control control = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Without no_new_privs, which a program could see. */
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &program);
	if (fd < 0)
		die("seccomp");
	control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(to, &msg, 0) < 0)
		die("sendmsg");
	close(fd);
	close(to);
}

static int listener(int from)
{
	char byte;
	union control control = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(from, &msg, 0) <= 0)
		return -1;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static void answer(int fd)
{
	struct seccomp_notif ask = { 0 };
	struct seccomp_notif_resp reply = { 0 };
	struct utsname name;
	char mem[64];
	int m;

	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &ask) < 0)
		return;
	reply.id = ask.id;
	uname(&name);
	strcpy(name.release, "3.10.0");
	snprintf(mem, sizeof(mem), "/proc/%u/mem", ask.pid);
	m = open(mem, O_WRONLY | O_CLOEXEC);
	if (m < 0 || pwrite(m, &name, sizeof(name), (off_t)ask.data.args[0]) < 0)
		reply.error = -EFAULT;
	if (m >= 0)
		close(m);
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

int main(int argc, char **argv)
{
	int ends[2], fd, status;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: old-kernel PROGRAM [ARGUMENT]...\n", stderr);
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || (pid = fork()) < 0)
		die("cannot start");
	if (pid == 0) {
		close(ends[0]);
		become_old(ends[1]);
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	close(ends[1]);
	fd = listener(ends[0]);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 20) > 0 && (p.revents & POLLIN))
			answer(fd);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
