/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mounts that cannot write: a read-only loop device below, the journal left alone. See systems.h
 * for why. loop(4); linux/loop.h.
 */
#include "inventory/systems/systems_look.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include "common/text.h"

#define LOOP_TRIES	64		/* others take free numbers, too */

int systems_mount_begin(const char **ret, struct err *err)
{
	/* Any folder that is there will do: it is covered for us alone. */
	static const char *const places[] = { "/mnt", "/media", "/srv", "/tmp", "/var" };

	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "cannot make the mounts private");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (mount("tmpfs", places[i], "tmpfs", MS_NOSUID | MS_NODEV,
			  "mode=0700,size=1m") < 0)
			continue;
		*ret = places[i];
		return 0;
	}
	return err_errno(err, "cannot mount a filesystem of memory");
}

static int configure(int backing, const struct systems_device *d, const char *path,
		     struct err *err)
{
	struct loop_config config = {
		.fd = (unsigned int)backing,
		.info = {
			.lo_offset = d->offset,
			.lo_sizelimit = d->size,
			.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
		},
	};
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "cannot open %s", path);
	if (ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return err_errno(err, "cannot set up %s", path);
	return TAKE_FD(fd);
}

/* Attach the device to a loop device, once; it goes when our descriptor and the mounts are gone. */
static int attach(const struct systems_set *s, struct systems_device *d, struct err *err)
{
	CLEANUP(fd_close) int control = -1, own = -1;
	int backing = s->image;

	if (d->loop_fd >= 0)
		return 0;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return err_errno(err, "cannot open /dev/loop-control");
	if (backing < 0) {
		own = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (own < 0)
			return err_errno(err, "cannot open %s", d->path);
		backing = own;
	}
	for (int i = 0; i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), r;

		if (number < 0)
			return err_errno(err, "no loop device is free");
		snprintf(d->loop, sizeof(d->loop), "/dev/loop%d", number);
		r = configure(backing, d, d->loop, err);
		if (r == -EBUSY)
			continue;
		if (r >= 0)
			d->loop_fd = r;
		return MIN(r, 0);
	}
	return err_set(err, EBUSY, "every loop device was taken by others");
}

/* btrfs: "device=/dev/loop1,..." for the other members; each needs a loop device, too. */
static int add_members(struct systems_set *s, const struct systems_device *d, struct strbuf *b,
		       struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		struct systems_device *other = &s->v[i];
		int r;

		if (other == d || !other->fs->type || strcmp(other->fs->type, "btrfs") != 0 ||
		    !other->fs->uuid || !d->fs->uuid || strcmp(other->fs->uuid, d->fs->uuid) != 0)
			continue;
		r = attach(s, other, err);
		if (r < 0)
			return r;
		strbuf_addf(b, ",device=%s", other->loop);
	}
	return 0;
}

static const struct {
	const char *type, *driver, *options;
} ways[] = {				/* of one type, tried in turn; unknown options are EINVAL */
	{ "ext4", "ext4", "noload" },
	{ "ext3", "ext4", "noload" },
	{ "ext3", "ext3", "noload" },
	{ "ext2", "ext4", "noload" },
	{ "ext2", "ext2", "" },
	{ "xfs", "xfs", "norecovery,nouuid" },
	{ "btrfs", "btrfs", "rescue=nologreplay" },
	{ "btrfs", "btrfs", "nologreplay" },
	{ "btrfs", "btrfs", "" },
	{ "vfat", "vfat", "" },
	{ "ntfs", "ntfs3", "" },
	{ "ntfs", "ntfs", "" },
};

int systems_mount(struct systems_set *s, struct systems_device *d, int target_fd,
		  const char *options, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf extra = { 0 };
	int r = attach(s, d, err), last = ENODEV;
	char target[40];

	if (r == 0 && strcmp(d->fs->type, "btrfs") == 0)
		r = add_members(s, d, &extra, err);
	if (r < 0)
		return r;
	if (options && *options)
		strbuf_addf(&extra, ",%s", options);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", target_fd);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		CLEANUP(mem_free) char *data = NULL;
		const char *p;

		if (strcmp(ways[i].type, d->fs->type) != 0)
			continue;
		data = text_format("%s%s", ways[i].options, extra.s ? extra.s : "");
		if (!data || extra.failed)
			return err_nomem(err);
		p = data[0] == ',' ? data + 1 : data;
		if (mount(d->loop, target, ways[i].driver,
			  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, p) == 0)
			return 0;
		/* What a driver said matters more than that another one is not there. */
		if (errno != ENODEV)
			last = errno;
	}
	return err_code(err, last, "cannot mount it as %s", d->fs->type);
}
