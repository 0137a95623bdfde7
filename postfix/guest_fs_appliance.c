/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operations of guest_fs.h on filesystems that are mounted in a libguestfs appliance. Symlinks
 * are followed there, below the guest's root.
 */
#include "postfix/guest_fs.h"

#include <errno.h>
#include <guestfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "postfix/guest.h"

/* What one message of libguestfs can carry is 4 MiB, with its head. */
#define MESSAGE_MAX ((size_t)3 << 20)

#define READ_MAX ((int)1 << 20)

static int fail(guestfs_h *g, struct err *err, const char *what, const char *path)
{
	int code = guestfs_last_errno(g);
	char text[300];

	if (code == ENOENT || code == ENOTDIR)
		return err_set(err, ENOENT, "%s: there is no %s", what, path);
	snprintf(text, sizeof(text), "%s %s", what, path);
	return guest_handle_fail(g, err, text);
}

static int fs_stat(void *fs, const char *path, bool follow, struct guest_stat *ret, struct err *err)
{
	struct guestfs_statns *st = follow ? guestfs_statns(fs, path) : guestfs_lstatns(fs, path);

	if (!st)
		return fail(fs, err, "cannot look at", path);
	*ret = (struct guest_stat){
		.kind = S_ISREG(st->st_mode)   ? GUEST_FILE
			: S_ISDIR(st->st_mode) ? GUEST_DIR
			: S_ISLNK(st->st_mode) ? GUEST_LINK
					       : GUEST_OTHER,
		.size = st->st_size > 0 ? (uint64_t)st->st_size : 0,
		.mode = (unsigned int)st->st_mode & 07777,
		.inode = (uint64_t)st->st_ino,
		.device = (uint64_t)st->st_dev,
	};
	guestfs_free_statns(st);
	return 0;
}

static int fs_readlink(void *fs, const char *path, char **ret, struct err *err)
{
	char *s = guestfs_readlink(fs, path);

	if (!s)
		return fail(fs, err, "cannot read the link", path);
	*ret = s;
	return 0;
}

/* Is there no link on the way to path, and nothing to be tidied up in it? -ENOENT, -EIO. */
static int is_plain(void *fs, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *part = strdup(path);
	size_t len = strlen(path);

	if (!part)
		return err_nomem(err);
	if (path[0] != '/' || strstr(path, "//") || strstr(path, "/.") || path[len - 1] == '/')
		return 0;
	for (char *end = part; end;) {
		struct guest_stat st;
		int r;

		end = strchr(end + 1, '/');
		if (end)
			*end = '\0';
		r = fs_stat(fs, part, false, &st, err);
		if (r < 0 || st.kind == GUEST_LINK)
			return MIN(r, 0);
		if (end)
			*end = '/';
	}
	return 1;
}

/* guestfs_realpath() forks the appliance's daemon, ten times as slow as looking at each folder. */
static int fs_realpath(void *fs, const char *path, char **ret, struct err *err)
{
	int plain = is_plain(fs, path, err);
	char *s;

	if (plain < 0)
		return plain;
	s = plain ? strdup(path) : guestfs_realpath(fs, path);
	if (plain && !s)
		return err_nomem(err);
	if (!s)
		return fail(fs, err, "cannot follow", path);
	*ret = s;
	return 0;
}

static int fs_list(void *fs, const char *dir, char ***ret, struct err *err)
{
	char **list = guestfs_ls(fs, dir);

	if (!list)
		return fail(fs, err, "cannot list", dir);
	*ret = list;
	return 0;
}

/*
 * Not guestfs_read_file(): that is a download through a file of the host, and takes a third of a
 * second on an emulated appliance however small the file is.
 */
static int fs_read(void *fs, const char *path, char **ret, size_t *ret_len, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t len = 0, n;

	do {
		CLEANUP(mem_free) char *part = guestfs_pread(fs, path, READ_MAX, (int64_t)len, &n);
		char *more;

		if (!part)
			return fail(fs, err, "cannot read", path);
		more = realloc(data, len + n + 1);
		if (!more)
			return err_nomem(err);
		data = more;
		memcpy(data + len, part, n);
		len += n;
		data[len] = '\0';
	} while (n == READ_MAX);
	*ret = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

/* libguestfs takes file names of the host; this one stands for a descriptor. */
static void name_of(int fd, char name[32])
{
	snprintf(name, 32, "/dev/fd/%d", fd);
}

static int fs_download(void *fs, const char *path, int fd, struct err *err)
{
	char name[32];

	name_of(fd, name);
	return guestfs_download(fs, path, name) < 0 ? fail(fs, err, "cannot read", path) : 0;
}

static int fs_upload(void *fs, int fd, const char *path, struct err *err)
{
	char name[32];

	name_of(fd, name);
	return guestfs_upload(fs, name, path) < 0 ? fail(fs, err, "cannot write", path) : 0;
}

static int fs_write(void *fs, const char *path, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	size_t n = len < MESSAGE_MAX ? len : MESSAGE_MAX;
	int r = guestfs_write(fs, path, p, n);

	while (r >= 0 && (p += n, len -= n) > 0) {
		n = len < MESSAGE_MAX ? len : MESSAGE_MAX;
		r = guestfs_write_append(fs, path, p, n);
	}
	return r < 0 ? fail(fs, err, "cannot write", path) : 0;
}

static int fs_copy_attributes(void *fs, const char *from, const char *to, struct err *err)
{
	(void)err;
	/* vfat has neither owners nor extended attributes: what there is is kept by itself. */
	if (guestfs_copy_attributes(fs, from, to, GUESTFS_COPY_ATTRIBUTES_ALL, 1, -1) < 0)
		guestfs_copy_attributes(fs, from, to, GUESTFS_COPY_ATTRIBUTES_MODE, 1,
					GUESTFS_COPY_ATTRIBUTES_OWNERSHIP, 1, -1);
	return 0;
}

static int fs_copy_label(void *fs, const char *from, const char *to, struct err *err)
{
	size_t n = 0;
	char *label = guestfs_lgetxattr(fs, from, "security.selinux", &n);
	int r = 0;

	if (label && n && n <= 1024 &&
	    guestfs_lsetxattr(fs, "security.selinux", label, (int)n, to) < 0)
		r = fail(fs, err, "cannot label", to);
	free(label);
	return r;
}

static int fs_chmod(void *fs, const char *path, unsigned int mode, struct err *err)
{
	return guestfs_chmod(fs, (int)mode, path) < 0
		       ? fail(fs, err, "cannot set the mode of", path)
		       : 0;
}

static int fs_mkdir_p(void *fs, const char *path, struct err *err)
{
	return guestfs_mkdir_p(fs, path) < 0 ? fail(fs, err, "cannot make the folder", path) : 0;
}

static int fs_remove(void *fs, const char *path, struct err *err)
{
	return guestfs_rm(fs, path) < 0 ? fail(fs, err, "cannot remove", path) : 0;
}

static int fs_rename(void *fs, const char *from, const char *to, struct err *err)
{
	return guestfs_rename(fs, from, to) < 0 ? fail(fs, err, "cannot replace", to) : 0;
}

static int fs_symlink(void *fs, const char *target, const char *path, struct err *err)
{
	return guestfs_ln_s(fs, target, path) < 0 ? fail(fs, err, "cannot make the link", path) : 0;
}

static int fs_copy(void *fs, const char *from, const char *to, struct err *err)
{
	return guestfs_cp(fs, from, to) < 0 ? fail(fs, err, "cannot make a copy as", to) : 0;
}

static int fs_free_bytes(void *fs, const char *path, uint64_t *ret, struct err *err)
{
	struct guestfs_statvfs *v = guestfs_statvfs(fs, path);
	uint64_t n = 0;

	if (!v)
		return fail(fs, err, "cannot tell the free space of", path);
	if (v->bavail > 0 && v->bsize > 0 &&
	    __builtin_mul_overflow((uint64_t)v->bavail, (uint64_t)v->bsize, &n))
		n = UINT64_MAX;
	guestfs_free_statvfs(v);
	*ret = n;
	return 0;
}

static int fs_shell(void *fs, const char *script, char **ret_out, struct err *err)
{
	char *out = guestfs_sh(fs, script);

	if (!out)
		return guest_handle_fail(fs, err, "cannot run a command in the guest");
	*ret_out = out;
	return 0;
}

const struct guest_fs_ops guest_fs_appliance = {
	.stat = fs_stat,
	.readlink = fs_readlink,
	.realpath = fs_realpath,
	.list = fs_list,
	.read = fs_read,
	.download = fs_download,
	.upload = fs_upload,
	.write = fs_write,
	.copy_attributes = fs_copy_attributes,
	.copy_label = fs_copy_label,
	.chmod = fs_chmod,
	.mkdir_p = fs_mkdir_p,
	.remove = fs_remove,
	.rename = fs_rename,
	.symlink = fs_symlink,
	.copy = fs_copy,
	.free_bytes = fs_free_bytes,
	.shell = fs_shell,
};
