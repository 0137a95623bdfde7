/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The launcher of the bundle: linked statically, without anything else of ours, because it has to
 * run where nothing is. See bundle.h.
 *
 * Nothing is written to a disk, and nothing is left when the agent has ended, however it ends:
 * memory files have no name, and are gone with the last process that uses them. Where the kernel
 * has no memory files (before 3.17) or lets none be executed (vm.memfd_noexec=2), a child makes
 * files in a tmpfs that it mounts in a mount namespace of its own, and hands their descriptors
 * over. So the agent runs in the caller's namespace in either way, where what it mounts and pins
 * is seen by everybody, and the tmpfs is gone with its last descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>
#include "p2v-agent/bundle/bundle.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

enum {
	LOADER,
	AGENT,
	LIBRARIES,
	/* The kernel's limit of descriptors in one message. */
	FILES_MAX = 253,
	/* Callers count their descriptors from 3: --events-fd=3. */
	FD_LOW = 100,
	PATH_LEN = sizeof("/proc/self/fd/2147483647"),
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list args;

	fputs("p2v-agent: error: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		die("cannot unpack the agent: %s", strerror(errno));
	return p;
}

/* ---- unpacking */

/* Into fd, an empty file in memory that is open for reading and writing. */
static void unpack(const struct bundle_file *f, int fd)
{
	size_t packed = (size_t)(f->end - f->start), got;
	unsigned long long size = ZSTD_getFrameContentSize(f->start, packed);
	void *to;
	int r;

	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size == 0)
		die("this file is damaged: %s in it is no zstd frame; copy it again", f->name);
	/* All of it at once: a page that cannot be had later would be a SIGBUS. */
	r = posix_fallocate(fd, 0, (off_t)size);
	if (r != 0)
		die("cannot unpack the agent, which needs %llu KiB of memory for %s: %s",
		    size >> 10, f->name, strerror(r));
	to = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (to == MAP_FAILED)
		die("cannot unpack the agent: %s", strerror(errno));
	got = ZSTD_decompress(to, (size_t)size, f->start, packed);
	if (ZSTD_isError(got) || got != size)
		die("this file is damaged: %s in it cannot be unpacked (%s); copy it again",
		    f->name, ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong size");
	munmap(to, (size_t)size);
}

/* Away from 0 to 2, which may be closed, and from those that a caller may count on. */
static int move_up(int fd)
{
	int up = fcntl(fd, F_DUPFD, FD_LOW);

	if (up < 0)
		up = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);
	if (up < 0)
		die("cannot unpack the agent, which needs %zu descriptors: %s (see ulimit -n)",
		    bundle_count, strerror(errno));
	close(fd);
	return up;
}

/* Returns 0, or an errno when this kernel has no memory files that can be executed. */
static int unpack_to_memory(int fds[])
{
	for (size_t i = 0; i < bundle_count; i++) {
		int fd = memfd_create(bundle_files[i].name, MFD_EXEC);

		/* Before 6.3 all of them can be executed, and there is no flag that says so. */
		if (fd < 0 && errno == EINVAL)
			fd = memfd_create(bundle_files[i].name, 0);
		if (fd < 0 && i > 0)
			die("cannot unpack the agent: %s", strerror(errno));
		if (fd < 0)
			return errno;
		fds[i] = move_up(fd);
		unpack(&bundle_files[i], fds[i]);
	}
	return 0;
}

/* ---- a tmpfs that nobody else sees */

/* In the child. why: what memory files failed with. */
static void mount_tmpfs(int why)
{
	static const char *const over[] = { "/run", "/dev/shm", "/tmp", "/mnt", "/var", "/proc" };
	int ns, last = ENOENT;

	if (unshare(CLONE_NEWNS) < 0)
		die("this kernel lets no file in memory be executed (%s), and without that the "
		    "agent can only unpack into a tmpfs of its own, which it cannot mount (%s): "
		    "run it as root", strerror(why), strerror(errno));
	/*
	 * Entering one's own namespace leads to its root. In a chroot that is no mount point, what
	 * is mounted could not be kept from being seen outside.
	 */
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || syscall(SYS_setns, ns, CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		die("cannot make a mount namespace to unpack the agent in: %s", strerror(errno));
	close(ns);
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		if (mount("p2v-agent", over[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") == 0) {
			if (chdir(over[i]) == 0)
				return;
		}
		last = errno;
	}
	die("cannot mount a tmpfs to unpack the agent in: %s", strerror(last));
}

static void send_files(int to, const int fds[])
{
	char byte = 0;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FILES_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(bundle_count * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bundle_count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, bundle_count * sizeof(int));
	if (sendmsg(to, &msg, 0) < 0)
		die("cannot hand the unpacked agent over: %s", strerror(errno));
}

/* Returns whether they came. */
static bool receive_files(int from, int fds[])
{
	char byte;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FILES_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(from, &msg, 0);
	} while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS || (msg.msg_flags & MSG_CTRUNC) ||
	    c->cmsg_len != CMSG_LEN(bundle_count * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(c), bundle_count * sizeof(int));
	for (size_t i = 0; i < bundle_count; i++)
		fds[i] = move_up(fds[i]);
	return true;
}

static void child(int to, int why) __attribute__((noreturn));
static void child(int to, int why)
{
	int *fds = allocate(bundle_count, sizeof(*fds));

	mount_tmpfs(why);
	for (size_t i = 0; i < bundle_count; i++) {
		int fd = open(bundle_files[i].name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

		if (fd < 0)
			die("cannot unpack the agent: %s: %s", bundle_files[i].name,
			    strerror(errno));
		unpack(&bundle_files[i], fd);
		close(fd);
		/* What is open for writing cannot be executed. */
		fds[i] = open(bundle_files[i].name, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			die("cannot unpack the agent: %s: %s", bundle_files[i].name,
			    strerror(errno));
	}
	send_files(to, fds);
	exit(0);
}

static void unpack_to_tmpfs(int fds[], int why)
{
	int ends[2], status = 0;
	bool came;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("cannot unpack the agent: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("cannot unpack the agent: %s", strerror(errno));
	if (pid == 0) {
		close(ends[0]);
		child(ends[1], why);
	}
	close(ends[1]);
	came = receive_files(ends[0], fds);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (came)
		return;
	if (WIFSIGNALED(status))
		die("cannot unpack the agent: the process that does it was killed by signal %d",
		    WTERMSIG(status));
	/* It has said why. */
	exit(1);
}

/* ---- handing over */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Variables by which the loader, the C library or OpenSSL would take something of the host's. */
static bool leads_away(const char *line)
{
	return starts(line, "LD_") || starts(line, "GLIBC_TUNABLES=") ||
	       starts(line, "GCONV_PATH=") || starts(line, "LOCPATH=") ||
	       starts(line, "OPENSSL_CONF=") || starts(line, "OPENSSL_MODULES=") ||
	       starts(line, "OPENSSL_ENGINES=");
}

/* The caller's, with those that lead away put aside, and what the agent has to know. */
static char **environment(const int fds[])
{
	size_t n = 0, room = sizeof(BUNDLE_FDS) + 1 + bundle_count * PATH_LEN;
	char **env, *list = allocate(room, 1), *end;

	while (environ[n])
		n++;
	env = allocate(n + 5, sizeof(*env));
	n = 0;
	for (char **line = environ; *line; line++) {
		if (starts(*line, BUNDLE_FDS) || starts(*line, BUNDLE_SAVED))
			continue;
		env[n++] = *line;
		if (leads_away(*line) && asprintf(&env[n - 1], "%s%s", BUNDLE_SAVED, *line) < 0)
			die("cannot start the agent: no memory");
	}
	end = stpcpy(list, BUNDLE_FDS "=");
	for (size_t i = 0; i < bundle_count; i++)
		end += sprintf(end, "%s%d", i ? "," : "", fds[i]);
	env[n++] = list;
	/* No policy of the host's OpenSSL, and none of its modules, which are for that one. */
	env[n++] = "OPENSSL_CONF=" BUNDLE_NOWHERE;
	env[n++] = "OPENSSL_MODULES=" BUNDLE_NOWHERE;
	env[n] = "OPENSSL_ENGINES=" BUNDLE_NOWHERE;
	return env;
}

/*
 * The loader takes what it finds among the preloaded libraries by their own names, so it opens no
 * other file, and --inhibit-cache keeps it from the host's list of libraries. Returns the errno.
 */
static int start(const int fds[], int argc, char **argv)
{
	char loader[PATH_LEN], agent[PATH_LEN], *preload = allocate(bundle_count, PATH_LEN + 1);
	char **args = allocate((size_t)argc + 8, sizeof(*args)), *end = preload;
	size_t n = 0;

	snprintf(loader, sizeof(loader), "/proc/self/fd/%d", fds[LOADER]);
	snprintf(agent, sizeof(agent), "/proc/self/fd/%d", fds[AGENT]);
	for (size_t i = LIBRARIES; i < bundle_count; i++)
		end += sprintf(end, "%s/proc/self/fd/%d", i > LIBRARIES ? ":" : "", fds[i]);
	args[n++] = loader;
	args[n++] = "--inhibit-cache";
	args[n++] = "--preload";
	args[n++] = preload;
	args[n++] = "--argv0";
	args[n++] = argc > 0 ? argv[0] : "p2v-agent";
	args[n++] = agent;
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	execve(loader, args, environment(fds));
	return errno;
}

int main(int argc, char **argv)
{
	const char *way = getenv("P2V_BUNDLE_WAY");
	int *fds = allocate(bundle_count, sizeof(*fds)), r;

	if (bundle_count <= LIBRARIES || bundle_count > FILES_MAX)
		die("this file was not made by tools/agent-bundle");
	if (way && strcmp(way, "memory") != 0 && strcmp(way, "tmpfs") != 0)
		die("P2V_BUNDLE_WAY=%s: memory or tmpfs", way);
	if (access("/proc/self/fd", X_OK) < 0)
		die("there is no /proc here, and the agent needs it: mount -t proc proc /proc");
	r = ENOSYS;
	if (!way || strcmp(way, "memory") == 0)
		r = unpack_to_memory(fds);
	if (r == 0) {
		r = start(fds, argc, argv);
		for (size_t i = 0; i < bundle_count; i++)
			close(fds[i]);
	}
	if (way && strcmp(way, "memory") == 0)
		die("cannot run the agent from memory: %s", strerror(r));
	unpack_to_tmpfs(fds, r);
	r = start(fds, argc, argv);
	die("cannot run the agent from a tmpfs: %s", strerror(r));
}
