/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hiberfil.sys in the root begins with "hibr" or "HIBR" while it holds a system that sleeps, "RSTR"
 * once Windows began to resume it; "wake" or "WAKE", or zeroes, when that was done.
 */
#include "disk/ntfs_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <ntfs-3g/param.h>
#include <ntfs-3g/types.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/layout.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/volume.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct reader {
	const struct ntfs_source *s;
	uint64_t at;
	uint64_t left;			/* of what may be read */
	int failed;			/* -errno of the first read that the source refused */
};

static struct reader *of(struct ntfs_device *dev)
{
	return dev->d_private;
}

static int dev_open(struct ntfs_device *dev, int flags UNUSED)
{
	NDevSetOpen(dev);
	NDevSetReadOnly(dev);
	return 0;
}

static int dev_close(struct ntfs_device *dev)
{
	NDevClearOpen(dev);
	return 0;
}

static s64 dev_seek(struct ntfs_device *dev, s64 offset, int whence)
{
	struct reader *x = of(dev);
	uint64_t base = whence == SEEK_CUR ? x->at : whence == SEEK_END ? x->s->size : 0, at;

	if (__builtin_add_overflow(base, offset, &at) || at > x->s->size) {
		errno = EINVAL;
		return -1;
	}
	x->at = at;
	return (s64)at;
}

static s64 dev_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
	struct reader *x = of(dev);
	size_t len;
	int r;

	if (count < 0 || offset < 0 || (uint64_t)offset > x->s->size) {
		errno = EINVAL;
		return -1;
	}
	len = (size_t)MIN((uint64_t)count, x->s->size - (uint64_t)offset);
	r = len > x->left ? -EBADMSG : x->s->read_at(x->s->arg, (uint64_t)offset, buf, len);
	if (r < 0) {
		if (x->failed == 0)
			x->failed = r;
		errno = -r;
		return -1;
	}
	x->left -= len;
	return (s64)len;
}

static s64 dev_read(struct ntfs_device *dev, void *buf, s64 count)
{
	struct reader *x = of(dev);
	s64 n = dev_pread(dev, buf, count, (s64)x->at);

	if (n > 0)
		x->at += (uint64_t)n;
	return n;
}

static s64 dev_write(struct ntfs_device *dev UNUSED, const void *buf UNUSED, s64 count UNUSED)
{
	errno = EROFS;
	return -1;
}

static s64 dev_pwrite(struct ntfs_device *dev UNUSED, const void *buf UNUSED, s64 count UNUSED,
		      s64 offset UNUSED)
{
	errno = EROFS;
	return -1;
}

static int dev_sync(struct ntfs_device *dev UNUSED)
{
	return 0;
}

static int dev_stat(struct ntfs_device *dev, struct stat *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->st_mode = S_IFREG | 0400;
	ret->st_size = (off_t)of(dev)->s->size;
	return 0;
}

static int dev_ioctl(struct ntfs_device *dev UNUSED, unsigned long request UNUSED,
		     void *argp UNUSED)
{
	errno = ENOTTY;
	return -1;
}

static struct ntfs_device_operations operations = {
	.open = dev_open, .close = dev_close, .seek = dev_seek, .read = dev_read,
	.write = dev_write, .pread = dev_pread, .pwrite = dev_pwrite, .sync = dev_sync,
	.stat = dev_stat, .ioctl = dev_ioctl,
};

static inline void volume_close(ntfs_volume *v)
{
	if (v)
		ntfs_umount(v, TRUE);
}
DEFINE_CLEANUP(ntfs_volume *, volume_close)

static inline void inode_close(ntfs_inode *ni)
{
	if (ni)
		ntfs_inode_close(ni);
}
DEFINE_CLEANUP(ntfs_inode *, inode_close)

static inline void attr_close(ntfs_attr *na)
{
	if (na)
		ntfs_attr_close(na);
}
DEFINE_CLEANUP(ntfs_attr *, attr_close)

/* 1 it was closed, 0 not or it makes no sense, -EBADMSG it cannot be read. */
static int log_clean(ntfs_volume *v)
{
	CLEANUP(inode_close) ntfs_inode *ni = ntfs_inode_open(v, FILE_LogFile);
	CLEANUP(attr_close) ntfs_attr *na = NULL;
	CLEANUP(mem_free) RESTART_PAGE_HEADER *page = NULL;

	na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
	if (!na)
		return -EBADMSG;
	return ntfs_check_logfile(na, &page) && ntfs_is_logfile_clean(na, page);
}

/* 1 holds a system, 0 does not or there is none, -EBADMSG it cannot be read. */
static int holds_system(ntfs_volume *v)
{
	static const char name[] = "hiberfil.sys";
	static const char *const marks[] = { "hibr", "HIBR", "rstr", "RSTR" };
	CLEANUP(inode_close) ntfs_inode *root = ntfs_inode_open(v, FILE_root), *ni = NULL;
	CLEANUP(attr_close) ntfs_attr *na = NULL;
	ntfschar wide[sizeof(name) - 1];
	char head[4];
	u64 number;
	s64 n;

	if (!root)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		wide[i] = htole16((uint16_t)name[i]);
	errno = 0;
	number = ntfs_inode_lookup_by_name(root, wide, ARRAY_SIZE(wide));
	if (number == (u64)-1)
		return errno == ENOENT ? 0 : -EBADMSG;
	ni = ntfs_inode_open(v, MREF(number));
	na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
	if (!na)
		return -EBADMSG;
	n = ntfs_attr_pread(na, 0, sizeof(head), head);
	if (n < 0)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(marks) && n == sizeof(head); i++)
		if (memcmp(head, marks[i], sizeof(head)) == 0)
			return 1;
	return 0;
}

static int damaged(const struct reader *x, struct err *err, const char *what)
{
	/* -ENOMEM is not taken from the library: a damaged size asks for too much, too. */
	if (x->failed < 0 && x->failed != -EBADMSG && x->failed != -ENOMEM)
		return err_code(err, -x->failed, "cannot read %s of the NTFS volume", what);
	return err_set(err, EBADMSG, "%s of the NTFS volume cannot be understood", what);
}

int ntfs_state_read(const struct ntfs_source *s, struct ntfs_state *ret, struct err *err)
{
	CLEANUP(volume_close) ntfs_volume *v = NULL;
	struct reader x = { .s = s, .left = NTFS_STATE_READ_MAX };
	struct ntfs_device *dev;
	int clean, system_;

	ntfs_log_set_handler(ntfs_log_handler_null);
	dev = ntfs_device_alloc("volume", 0, &operations, &x);
	if (!dev)
		return err_nomem(err);
	v = ntfs_device_mount(dev, NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC);
	if (!v) {
		NDevClearOpen(dev);
		ntfs_device_free(dev);
		return damaged(&x, err, "the system files");
	}
	/* As Windows reads names; the library's own default is another. */
	if (ntfs_set_ignore_case(v) < 0)
		return damaged(&x, err, "the table of upper case");
	clean = log_clean(v);
	ret->dirty = v->flags & VOLUME_IS_DIRTY;
	ret->log_open = clean == 0;
	system_ = holds_system(v);
	ret->hibernated = system_ > 0;
	if (system_ < 0)
		return damaged(&x, err, "hiberfil.sys");
	return clean < 0 ? damaged(&x, err, "the log") : 0;
}
