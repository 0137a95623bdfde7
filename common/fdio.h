/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole transfers on descriptors, and files that last. Every function restarts after EINTR, and
 * waits where a non-blocking descriptor says EAGAIN. A short read is -ENODATA; an offset past what
 * off_t holds is -EOVERFLOW. Any thread.
 */
#ifndef P2V_COMMON_FDIO_H
#define P2V_COMMON_FDIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/compiler.h"
#include "common/err.h"

int fdio_read_full(int fd, void *buf, size_t len);			/* 0 or -errno */
int fdio_write_full(int fd, const void *buf, size_t len);
int fdio_pread_full(int fd, void *buf, size_t len, uint64_t offset);
int fdio_pwrite_full(int fd, const void *buf, size_t len, uint64_t offset);

/*
 * Read a whole file; -EFBIG when it holds more than max bytes. The result has a NUL after it that
 * len does not count.
 */
int fdio_read_file(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err);
int fdio_read_file_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
		      struct err *err);
/* The same from where an open descriptor stands to its end. ret_len may be NULL in all three. */
int fdio_read_fd(int fd, size_t max, char **ret_data, size_t *ret_len);

/*
 * Replace dir/name atomically and durably: written to a temporary name in the same folder,
 * fsynced, renamed, folder fsynced. After a crash the old or the new content is there, whole, and
 * at most one file ".NAME.tmp", which the next replacement takes over. mode is set whatever the
 * umask. name has no slash. On failure the old content is there (or the new one, when all that
 * failed was the sync of the folder) and no temporary file.
 */
int fdio_replace_file_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			 struct err *err);
int fdio_replace_file(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
/* rename(2) within a folder, then fsync of the folder. */
int fdio_rename_durable(int dirfd, const char *from, const char *to, struct err *err);
int fdio_mkdir_p(const char *path, mode_t mode, struct err *err);
int fdio_set_nonblock(int fd, bool on);

#define FDIO_ALIGN 4096u	/* of buffer, offset and length: satisfies every O_DIRECT device */
void *fdio_alloc(size_t len);	/* memory aligned so; free() it; NULL on ENOMEM */

#endif
