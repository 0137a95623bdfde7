/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "convert/qcow2_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"

#define BOUNCE		((size_t)64 * KIB)

/* Not blocking: a FIFO in its place must not hang us before it is refused. */
#define OPEN_FLAGS	(O_RDONLY | O_NONBLOCK | O_CLOEXEC)

int qcow2_file_open(struct qcow2_file *f, int dirfd, const char *name, struct err *err)
{
	struct stat st;

	*f = (struct qcow2_file){ .fd = openat(dirfd, name, OPEN_FLAGS | O_DIRECT) };
	f->direct = f->fd >= 0;
	if (!f->direct && errno == EINVAL)
		f->fd = openat(dirfd, name, OPEN_FLAGS);
	if (f->fd < 0)
		return err_errno(err, "cannot open %s", name);
	if (fstat(f->fd, &st) < 0)
		return err_errno(err, "cannot examine the image");
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "not a regular file");
	f->size = (uint64_t)st.st_size;
	if (!f->direct)
		(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	f->bounce = fdio_alloc(BOUNCE);
	return f->bounce ? 0 : err_nomem(err);
}

void qcow2_file_done(struct qcow2_file *f)
{
	fd_close(f->fd);
	free(f->bounce);
	*f = (struct qcow2_file){ .fd = -1 };
}

static bool give_direct_up(struct qcow2_file *f)
{
	int flags = f->direct ? fcntl(f->fd, F_GETFL) : -1;

	f->direct = false;
	if (flags < 0 || fcntl(f->fd, F_SETFL, flags & ~O_DIRECT) < 0)
		return false;
	(void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	return true;
}

/* All is aligned. At least min bytes of len have to be there: a file may end in the middle. */
static int read_aligned(struct qcow2_file *f, uint8_t *p, size_t len, size_t min, uint64_t offset)
{
	size_t got = 0;

	while (got < min) {
		ssize_t n = pread(f->fd, p + got, len - got, (off_t)(offset + got));

		if (n > 0) {
			got += (size_t)n;
			continue;
		}
		if (n == 0)
			return -ENODATA;
		if (errno != EINTR && !(errno == EINVAL && give_direct_up(f)))
			return -errno;
	}
	return 0;
}

int qcow2_file_read(struct qcow2_file *f, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	if (!range_inside(offset, len, f->size))
		return -ENODATA;
	if (((uintptr_t)buf | len | offset) % FDIO_ALIGN == 0)
		return read_aligned(f, p, len, len, offset);
	while (len > 0) {
		size_t skip = offset % FDIO_ALIGN, n = MIN(len, BOUNCE - skip);
		int r = read_aligned(f, f->bounce, ALIGN_UP(skip + n, FDIO_ALIGN), skip + n,
				     offset - skip);

		if (r < 0)
			return r;
		memcpy(p, f->bounce + skip, n);
		p += n;
		len -= n;
		offset += n;
	}
	return 0;
}

int qcow2_file_readv(struct qcow2_file *f, const struct iovec *iov, int n, uint64_t offset)
{
	size_t sum = 0;
	bool aligned = offset % FDIO_ALIGN == 0;
	int r = 0;

	for (int i = 0; i < n; i++) {
		aligned &= ((uintptr_t)iov[i].iov_base | iov[i].iov_len) % FDIO_ALIGN == 0;
		sum += iov[i].iov_len;
	}
	if (!range_inside(offset, sum, f->size))
		return -ENODATA;
	/* What comes short or fails is read again piece by piece, which tells what is wrong. */
	if (n > 1 && aligned && preadv(f->fd, iov, n, (off_t)offset) == (ssize_t)sum)
		return 0;
	for (int i = 0; r >= 0 && i < n; i++) {
		r = qcow2_file_read(f, iov[i].iov_base, iov[i].iov_len, offset);
		offset += iov[i].iov_len;
	}
	return r;
}
