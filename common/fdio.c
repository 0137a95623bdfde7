/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The temporary file of a replacement has a fixed name, ".NAME.tmp", and is held with flock(2)
 * while it is written. So a process killed in between leaves at most one such file per name, and
 * the next replacement takes it over; two replacements at the same time queue up.
 */
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "common/cleanup.h"

#define CHUNK_MAX ((size_t)1 << 30) /* read(2) and write(2) move less than 2 GiB at once */

/* A non-blocking descriptor is waited for: the caller asked for the whole transfer. */
static int retry(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return -errno;
	if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

void *fdio_alloc(size_t len)
{
	void *p;

	return posix_memalign(&p, FDIO_ALIGN, MAX(len, (size_t)1)) == 0 ? p : NULL;
}

int fdio_read_full(int fd, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = read(fd, p, MIN(len, CHUNK_MAX));

		if (n < 0) {
			int r = retry(fd, POLLIN);

			if (r < 0)
				return r;
			continue;
		}
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fdio_write_full(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, MIN(len, CHUNK_MAX));

		if (n < 0) {
			int r = retry(fd, POLLOUT);

			if (r < 0)
				return r;
			continue;
		}
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool offsets_fit(uint64_t offset, size_t len)
{
	return offset <= INT64_MAX && len <= INT64_MAX - offset;
}

int fdio_pread_full(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	if (!offsets_fit(offset, len))
		return -EOVERFLOW;
	while (len > 0) {
		ssize_t n = pread(fd, p, MIN(len, CHUNK_MAX), (off_t)offset);

		if (n < 0) {
			int r = retry(fd, POLLIN);

			if (r < 0)
				return r;
			continue;
		}
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int fdio_pwrite_full(int fd, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *p = buf;

	if (!offsets_fit(offset, len))
		return -EOVERFLOW;
	while (len > 0) {
		ssize_t n = pwrite(fd, p, MIN(len, CHUNK_MAX), (off_t)offset);

		if (n < 0) {
			int r = retry(fd, POLLOUT);

			if (r < 0)
				return r;
			continue;
		}
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int open_restart(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int fdio_read_fd(int fd, size_t max, char **ret_data, size_t *ret_len)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t len = 0, cap = 0;

	/* The size of a file in /proc or /sys is not to be believed: read until the end. */
	for (;;) {
		ssize_t n;

		if (cap - len < 2) {
			size_t want = cap ? cap * 2 : 4096;
			char *bigger;

			/* One byte for the NUL, one to notice that there is more than max. */
			if (want < cap || want > max)
				want = max > SIZE_MAX - 2 ? SIZE_MAX : max + 2;
			bigger = realloc(data, want);
			if (!bigger)
				return -ENOMEM;
			data = bigger;
			cap = want;
		}
		n = read(fd, data + len, MIN(cap - len - 1, CHUNK_MAX));
		if (n < 0) {
			int r = retry(fd, POLLIN);

			if (r < 0)
				return r;
			continue;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	data[len] = '\0';
	*ret_data = TAKE_PTR(data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fdio_read_file_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
		      struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	int r;

	fd = open_restart(dirfd, path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return err_errno(err, "cannot open %s", path);
	r = fdio_read_fd(fd, max, ret_data, ret_len);
	if (r == -EFBIG)
		return err_set(err, EFBIG, "%s is larger than %zu bytes", path, max);
	if (r < 0)
		return err_code(err, -r, "cannot read %s", path);
	return 0;
}

int fdio_read_file(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	return fdio_read_file_at(AT_FDCWD, path, max, ret_data, ret_len, err);
}

static bool plain_name(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Through a descriptor of its own, as dirfd may be AT_FDCWD or opened with O_PATH. */
static int sync_folder(int dirfd)
{
	CLEANUP(fd_close) int fd = open_restart(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return -errno;
	/* EINVAL: a filesystem that has no notion of syncing a folder. */
	while (fsync(fd) < 0) {
		if (errno == EINVAL)
			break;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int fdio_rename_durable(int dirfd, const char *from, const char *to, struct err *err)
{
	int r;

	if (!plain_name(from) || !plain_name(to))
		return err_set(err, EINVAL, "cannot rename %s to %s: not plain names", from, to);
	if (renameat(dirfd, from, dirfd, to) < 0)
		return err_errno(err, "cannot rename %s to %s", from, to);
	r = sync_folder(dirfd);
	if (r < 0)
		return err_code(err, -r, "cannot sync the folder of %s", to);
	return 0;
}

/* Open and lock the temporary file; whoever held it may have renamed it away meanwhile. */
static int open_temp(int dirfd, const char *temp)
{
	for (;;) {
		CLEANUP(fd_close) int fd = -1;
		struct stat held, named;

		fd = open_restart(dirfd, temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return -errno;
		}
		if (fstat(fd, &held) < 0)
			return -errno;
		if (!S_ISREG(held.st_mode))
			return -EEXIST;
		if (fstatat(dirfd, temp, &named, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (held.st_dev == named.st_dev && held.st_ino == named.st_ino)
			return TAKE_FD(fd);
	}
}

static int fill_temp(int fd, const void *data, size_t len, mode_t mode)
{
	int r;

	/* Mode first: what is written must never be readable by more people than asked for. */
	if (ftruncate(fd, 0) < 0 || fchmod(fd, mode) < 0)
		return -errno;
	r = fdio_write_full(fd, data, len);
	if (r < 0)
		return r;
	while (fsync(fd) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int fdio_replace_file_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			 struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char temp[NAME_MAX + 1];
	int r;

	if (!plain_name(name))
		return err_set(err, EINVAL, "cannot write %s: not a plain name", name);
	if ((size_t)snprintf(temp, sizeof(temp), ".%s.tmp", name) >= sizeof(temp))
		return err_code(err, ENAMETOOLONG, "cannot write %s", name);
	fd = open_temp(dirfd, temp);
	if (fd < 0)
		return err_code(err, -fd, "cannot create %s", temp);
	r = fill_temp(fd, data, len, mode);
	if (r < 0) {
		unlinkat(dirfd, temp, 0);
		return err_code(err, -r, "cannot write %s", temp);
	}
	if (renameat(dirfd, temp, dirfd, name) < 0) {
		r = err_errno(err, "cannot rename %s to %s", temp, name);
		unlinkat(dirfd, temp, 0);
		return r;
	}
	r = sync_folder(dirfd);
	if (r < 0)
		return err_code(err, -r, "cannot sync the folder of %s", name);
	return 0;
}

int fdio_replace_file(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	CLEANUP(mem_free) char *folder = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	const char *slash = strrchr(path, '/'), *name;
	int r;

	if (!slash)
		folder = strdup(".");
	else
		folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		return err_nomem(err);
	name = slash ? slash + 1 : path;
	dirfd = open_restart(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	if (dirfd < 0)
		return err_errno(err, "cannot open %s", folder);
	r = fdio_replace_file_at(dirfd, name, data, len, mode, err);
	if (r < 0)
		err_prefix(err, "in %s", folder);
	return r;
}

int fdio_mkdir_p(const char *path, mode_t mode, struct err *err)
{
	CLEANUP(mem_free) char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return err_nomem(err);
	if (!copy[0])
		return err_set(err, EINVAL, "cannot create a folder without a name");
	for (char *p = copy + 1;; p++) {
		char was = *p;

		if (was != '/' && was != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST) {
			int saved = errno;

			/* A read-only or foreign parent is fine as long as it is there. */
			if (stat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
				return err_code(err, saved, "cannot create folder %s", copy);
		}
		if (was == '\0')
			break;
		*p = was;
	}
	if (stat(path, &st) < 0)
		return err_errno(err, "cannot create folder %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_code(err, ENOTDIR, "cannot create folder %s", path);
	return 0;
}

int fdio_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}
