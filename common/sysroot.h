/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every read of /sys, /proc, /dev, /etc goes through a root folder, so that a recorded machine
 * (tests/sysroots) is inventoried by the same code as a live one. The root of the live machine is
 * "/". Paths given here are absolute ("/sys/block") and are resolved *below* the root: symbolic
 * links are followed inside it (an absolute target restarts at the root, ".." cannot leave it).
 *
 * One thread at a time reads through a sysroot.
 *
 * A missing file is -ENOENT, and never more than that: callers decide what absence means.
 */
#ifndef P2V_COMMON_SYSROOT_H
#define P2V_COMMON_SYSROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <dirent.h>
#include <sys/stat.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

struct sysroot;

/*
 * Files and folders that are there but hidden or broken: not to be read by this user, too large, a
 * pipe or folder instead of a file, links in a circle, an error of the disk. sysroot_read*() and
 * sysroot_list() keep the first of them, each once, and count what else happened.
 */
#define SYSROOT_TROUBLES_MAX	64
struct sysroot_troubles {
	struct {
		char *path;
		int code;		/* errno */
	} v[SYSROOT_TROUBLES_MAX];
	size_t n, more;
};

int sysroot_open(const char *root, struct sysroot **ret, struct err *err);
void sysroot_free(struct sysroot *s);
DEFINE_CLEANUP(struct sysroot *, sysroot_free)
bool sysroot_is_live(const struct sysroot *s);		/* the root is "/" */
const char *sysroot_path(const struct sysroot *s);
const struct sysroot_troubles *sysroot_troubles(const struct sysroot *s);	/* never NULL */

/*
 * All take printf-style paths, and return 0 (openf: the descriptor) or -errno: -EINVAL for a path
 * that is not absolute, -ELOOP after 40 links. fd is O_RDONLY | O_CLOEXEC | flags; with O_NOFOLLOW
 * the last name is not followed.
 */
int sysroot_openf(const struct sysroot *s, int flags, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool sysroot_exists(const struct sysroot *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/*
 * Whole content of a regular file; NUL-terminated. -EFBIG past 1 MiB, of /proc, whose lists grow
 * with the machine, past 16 MiB; -EISDIR; -EBADF for a pipe or a device. ret_len may be NULL.
 */
int sysroot_read(const struct sysroot *s, char **ret, size_t *ret_len, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* First line without the newline and without blanks around it. */
int sysroot_read_line(const struct sysroot *s, char **ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Decimal, or hexadecimal after 0x, alone on the first line; -EBADMSG, -ERANGE. */
int sysroot_read_u64(const struct sysroot *s, uint64_t *ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The link's text. */
int sysroot_readlink(const struct sysroot *s, char **ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The absolute path inside the root after all links are followed ("/sys/devices/..."). */
int sysroot_realpath(const struct sysroot *s, char **ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * Names in a folder, without "." and "..", in version order (sda, sdb, sdaa). Caller frees with
 * strv_free.
 */
int sysroot_list(const struct sysroot *s, char ***ret, const char *fmt, ...) PRINTF_LIKE(3, 4);

void strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)

#endif
