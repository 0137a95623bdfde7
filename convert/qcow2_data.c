/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "convert/qcow2_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "convert/qcow2_format.h"

#define CLUSTER		QCOW2_CLUSTER_SIZE
#define WRITE_OUT	(8 * MIB)
#define DIRECT_MAX	((size_t)1 << 30)	/* pwrite(2) moves less than 2 GiB at once */

int qcow2_data_init(struct qcow2_data *d, int fd)
{
	*d = (struct qcow2_data){ .fd = fd, .direct = -1 };
	d->bounce = fdio_alloc(CLUSTER);
	return d->bounce ? 0 : -ENOMEM;
}

void qcow2_data_done(struct qcow2_data *d)
{
	fd_close(d->direct);
	d->direct = -1;
	free(d->bounce);
	d->bounce = NULL;
}

void qcow2_data_open_direct(struct qcow2_data *d, int dirfd, const char *name)
{
	struct stat is, was;

	d->direct = openat(dirfd, name,
			   O_RDWR | O_DIRECT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (d->direct < 0)
		return;
	if (fstat(d->direct, &is) < 0 || fstat(d->fd, &was) < 0 || is.st_dev != was.st_dev ||
	    is.st_ino != was.st_ino)
		fd_close(TAKE_FD(d->direct));
}

/* --- past the page cache --- */

static int write_aligned(struct qcow2_data *d, const uint8_t *p, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(d->direct, p, MIN(len, DIRECT_MAX), (off_t)offset);
		size_t done;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* Where a short write ends it may not go on; the page cache says what is wrong. */
		done = ALIGN_DOWN((size_t)n, FDIO_ALIGN);
		if (done == 0)
			return fdio_pwrite_full(d->fd, p, len, offset);
		p += done;
		len -= done;
		offset += done;
	}
	return 0;
}

/* -EINVAL: the filesystem does not do this. */
static int write_direct(struct qcow2_data *d, const uint8_t *p, size_t len, uint64_t offset)
{
	int r = 0;

	if ((uintptr_t)p % FDIO_ALIGN == 0)
		return write_aligned(d, p, len, offset);
	for (; r >= 0 && len > 0; p += CLUSTER, len -= CLUSTER, offset += CLUSTER) {
		memcpy(d->bounce, p, CLUSTER);
		r = write_aligned(d, d->bounce, CLUSTER, offset);
	}
	return r;
}

/* --- through the page cache --- */

static void begin_write_out(struct qcow2_data *d)
{
	/* A page that the next frame goes on with is left alone. */
	uint64_t end = ALIGN_DOWN(d->run_end, FDIO_ALIGN);

	if (end > d->run)
		(void)sync_file_range(d->fd, (off_t)d->run, (off_t)(end - d->run),
				      SYNC_FILE_RANGE_WRITE);
	d->run = MAX(d->run, end);
}

static int write_cached(struct qcow2_data *d, const uint8_t *p, size_t len, uint64_t offset)
{
	int r = fdio_pwrite_full(d->fd, p, len, offset);

	if (r < 0)
		return r;
	d->cached = true;
	if (offset != d->run_end) {
		begin_write_out(d);
		d->run = offset;
	}
	d->run_end = offset + len;
	if (d->run_end - d->run >= WRITE_OUT)
		begin_write_out(d);
	return 0;
}

/* --- */

static int write_clusters(struct qcow2_data *d, const uint8_t *p, size_t len, uint64_t offset)
{
	int r = d->direct >= 0 ? write_direct(d, p, len, offset) : -EINVAL;

	if (r != -EINVAL)
		return r;
	fd_close(TAKE_FD(d->direct));
	return write_cached(d, p, len, offset);
}

int qcow2_data_write(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *p = buf;
	size_t whole = ALIGN_DOWN(len, CLUSTER), rest = len - whole;
	int r = 0;

	if (whole > 0)
		r = write_clusters(d, p, whole, offset);
	if (r < 0 || rest == 0)
		return r;
	memcpy(d->bounce, p + whole, rest);
	memset(d->bounce + rest, 0, CLUSTER - rest);
	return write_clusters(d, d->bounce, CLUSTER, offset + whole);
}

static bool is_direct(const struct qcow2_data *d, const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if ((uintptr_t)iov[i].iov_base % FDIO_ALIGN || iov[i].iov_len % CLUSTER)
			return false;
	return d->direct >= 0;
}

int qcow2_data_writev(struct qcow2_data *d, const struct iovec *iov, int n, uint64_t offset)
{
	size_t sum = 0;
	int r = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	/* A short write is done again, piece by piece, which finds out what is wrong. */
	if (n > 1 && is_direct(d, iov, n) &&
	    pwritev(d->direct, iov, n, (off_t)offset) == (ssize_t)sum)
		return 0;
	for (int i = 0; r >= 0 && i < n; i++) {
		r = qcow2_data_write(d, iov[i].iov_base, iov[i].iov_len, offset);
		offset += iov[i].iov_len;
	}
	return r;
}

int qcow2_data_patch(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset)
{
	d->cached = true;
	return fdio_pwrite_full(d->fd, buf, len, offset);
}

static int read_direct(struct qcow2_data *d, uint8_t *p, size_t len, uint64_t offset)
{
	while (len > 0) {
		size_t step = (uintptr_t)p % FDIO_ALIGN ? MIN(len, CLUSTER) : len;
		void *to = step == len && (uintptr_t)p % FDIO_ALIGN == 0 ? p : d->bounce;
		int r = fdio_pread_full(d->direct, to, step, offset);

		if (r < 0)
			return r;
		if (to != p)
			memcpy(p, to, step);
		p += step;
		len -= step;
		offset += step;
	}
	return 0;
}

int qcow2_data_read(struct qcow2_data *d, void *buf, size_t len, uint64_t offset)
{
	int r = d->direct >= 0 ? read_direct(d, buf, len, offset) : -EINVAL;

	return r == -EINVAL ? fdio_pread_full(d->fd, buf, len, offset) : r;
}

int qcow2_data_write_frame(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset)
{
	return write_cached(d, buf, len, offset);
}

void qcow2_data_drop(struct qcow2_data *d)
{
	if (d->cached)
		(void)posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
	d->cached = false;
	d->run = d->run_end;
}
