/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of a guest, behind a table of operations: so that the fixes do not know where they are.
 *
 *	guest.h, guest_edit.h --> guest_fs_ops --> guest_fs_appliance.c  libguestfs: the real thing
 *	                                      `-> tests/lib/guest_tree.c a folder of the host
 *
 * Paths are absolute in the guest. No operation leaves the guest's root, whatever its symlinks say.
 * An operation returns 0 or -errno; -ENOENT (also for -ENOTDIR) says that there is nothing at the
 * path, and is no failure of the operation. Why another one failed is in err; err may be NULL.
 */
#ifndef P2V_POSTFIX_GUEST_FS_H
#define P2V_POSTFIX_GUEST_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

enum guest_kind { GUEST_FILE, GUEST_DIR, GUEST_LINK, GUEST_OTHER /* FIFO, device, socket */ };

struct guest_stat {
	enum guest_kind kind;
	uint64_t size;			/* bytes */
	unsigned int mode;		/* permission bits, 07777 */
	uint64_t inode, device;		/* the same for two names of one file */
};

struct guest_fs_ops {
	int (*stat)(void *fs, const char *path, bool follow, struct guest_stat *ret,
		    struct err *err);
	/* -EINVAL when it is no symlink. */
	int (*readlink)(void *fs, const char *path, char **ret, struct err *err);
	/* The path without symlinks; what it names must be there. */
	int (*realpath)(void *fs, const char *path, char **ret, struct err *err);
	/* Names, sorted, NULL-terminated, without . and ..; a symlink to a folder is followed. */
	int (*list)(void *fs, const char *dir, char ***ret, struct err *err);
	/* The whole file, a NUL behind it. The caller has looked at its kind and size. */
	int (*read)(void *fs, const char *path, char **ret, size_t *ret_len, struct err *err);
	/* Whole files to and from a descriptor of the host, of any size. */
	int (*download)(void *fs, const char *path, int fd, struct err *err);
	int (*upload)(void *fs, int fd, const char *path, struct err *err);
	/* Make or overwrite; not atomic: guest_put() is. */
	int (*write)(void *fs, const char *path, const void *data, size_t len, struct err *err);
	/* Owner, mode, ACL and label of from, as far as the filesystem has them. */
	int (*copy_attributes)(void *fs, const char *from, const char *to, struct err *err);
	/* The SELinux label of from, if it has one. */
	int (*copy_label)(void *fs, const char *from, const char *to, struct err *err);
	int (*chmod)(void *fs, const char *path, unsigned int mode, struct err *err);
	int (*mkdir_p)(void *fs, const char *path, struct err *err);
	int (*remove)(void *fs, const char *path, struct err *err);	/* a file or a link */
	int (*rename)(void *fs, const char *from, const char *to, struct err *err);
	int (*symlink)(void *fs, const char *target, const char *path, struct err *err);
	int (*copy)(void *fs, const char *from, const char *to, struct err *err);
	/* Bytes free in the filesystem that holds path. */
	int (*free_bytes)(void *fs, const char *path, uint64_t *ret, struct err *err);
	/* Run a script in the guest's root; both streams go to *ret_out, its status is lost. */
	int (*shell)(void *fs, const char *script, char **ret_out, struct err *err);
};

extern const struct guest_fs_ops guest_fs_appliance; /* fs is a guestfs_h */

#endif
