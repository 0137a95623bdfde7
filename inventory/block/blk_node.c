/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a device holds: asked of its node, or of the records. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "inventory/block/blk_content.h"
#include "inventory/collect.h"

int blk_node_open(const struct blk_walk *b, const char *name)
{
	CLEANUP(fd_close) int fd = sysroot_openf(b->root, O_NONBLOCK, "/dev/%s", name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode) || (S_ISREG(st.st_mode) && !sysroot_is_live(b->root)))
		return TAKE_FD(fd);
	return -ENOTBLK;
}

int blk_node_records(const struct blk_walk *b, const char *dev, const char *sysname,
		     char **ret_udev, char **ret_blkid)
{
	int r = 0;

	if (dev)
		r = sysroot_read(b->root, ret_udev, NULL, "/run/udev/data/b%s", dev);
	if (r != -ENOMEM)
		r = sysroot_read(b->root, ret_blkid, NULL, "/p2v/blkid/%s", sysname);
	return r == -ENOMEM ? r : 0;
}

int blk_node_fs(const struct blk_walk *b, const char *name, const char *udev, const char *blkid,
		bool may_open, int disk_fd, uint64_t offset, uint64_t size, struct machine_fs *fs)
{
	CLEANUP(fd_close) int fd = may_open ? blk_node_open(b, name) : -1;
	bool ambiguous = false;
	int r = 0;

	if (fd >= 0)
		r = blk_probe_fs(fd, 0, 0, fs, &ambiguous);
	else if (disk_fd >= 0 && size > 0)
		r = blk_probe_fs(disk_fd, offset, size, fs, &ambiguous);
	if (r == -EIO)
		r = collect_warn(b->m, "cannot read %s to see what is on it", name);
	if (r == 0 && ambiguous)
		r = collect_warn(b->m, "%s carries the marks of more than one filesystem", name);
	/* The device had its say; a record that contradicts "ambiguous" would be a guess. */
	if (r < 0 || ambiguous)
		return r;
	if (!fs->type) {
		r = blk_probe_parse_fs(blkid, fs);
		if (r == 0)
			r = blk_probe_parse_fs(udev, fs);
	}
	if (r < 0)
		return r;
	return fd >= 0 ? blk_content_add(b, name, fd, 0, 0, fs) :
			 blk_content_add(b, name, size > 0 ? disk_fd : -1, offset, size, fs);
}
