/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bad and slow disk, loaded into the agent with LD_PRELOAD: no kernel module, no FUSE, no root.
 *
 *	P2V_TEST_FILE=PATH	only reads of this file are touched
 *	P2V_TEST_DELAY_US=N	each read takes this much longer, one after the other
 *	P2V_TEST_BAD=FROM-TO	reads that touch these bytes fail with EIO
 *
 * Reads by io_uring would go past all this, so there is none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef ssize_t pread_fn(int, void *, size_t, off64_t);

ssize_t pread64(int fd, void *buf, size_t count, off64_t offset);
ssize_t __pread64_chk(int fd, void *buf, size_t count, off64_t offset, size_t size);

struct io_uring;

static pthread_mutex_t spindle = PTHREAD_MUTEX_INITIALIZER;

int io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);

int io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	(void)entries;
	(void)ring;
	(void)flags;
	return -ENOSYS;
}

static int is_ours(int fd)
{
	const char *wanted = getenv("P2V_TEST_FILE");
	char link[64], path[PATH_MAX + 1];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX);
	if (!wanted || n < 0)
		return 0;
	path[n] = '\0';
	return strcmp(path, wanted) == 0;
}

ssize_t pread64(int fd, void *buf, size_t count, off64_t offset)
{
	static pread_fn *next;
	const char *delay = getenv("P2V_TEST_DELAY_US"), *bad = getenv("P2V_TEST_BAD");
	long long from, to;

	if (!next)
		next = (pread_fn *)dlsym(RTLD_NEXT, "pread64");
	if (is_ours(fd)) {
		if (delay) {
			pthread_mutex_lock(&spindle);
			usleep((unsigned int)atoi(delay));
			pthread_mutex_unlock(&spindle);
		}
		if (bad && sscanf(bad, "%lld-%lld", &from, &to) == 2 && offset < to &&
		    offset + (off64_t)count > from) {
			errno = EIO;
			return -1;
		}
	}
	return next(fd, buf, count, offset);
}

/* What a fortified build calls. */
ssize_t __pread64_chk(int fd, void *buf, size_t count, off64_t offset, size_t size)
{
	if (count > size)
		abort();
	return pread64(fd, buf, count, offset);
}
