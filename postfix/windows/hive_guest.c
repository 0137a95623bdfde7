/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/mman.h>

#include "common/fdio.h"
#include "postfix/windows/hive_parts.h"

static int fetch(struct guest *guest, const char *path, int *ret, struct err *err)
{
	CLEANUP(fd_close) int fd = memfd_create("p2v-hive", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, "cannot make room for %s", path);
	r = guest_download(guest, path, HIVE_MAX, fd, err);
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return 0;
}

static int upload(struct hive *h, int fd, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, "cannot read the new %s", h->name);
	return h->guest->fs->upload(h->guest->fs_arg, fd, h->name, err);
}

/*
 * Over the file that is there, not a new one renamed over it: a new file on NTFS would get the
 * access rights of any other new file, and every user could read the passwords in the registry.
 * When it fails half-way, the old content is put back.
 */
static int store_guest(struct hive *h, int fd, struct err *err)
{
	CLEANUP(fd_close) int old = -1;
	struct err again = ERR_INIT;
	int r = fetch(h->guest, h->name, &old, err);

	if (r >= 0)
		r = upload(h, fd, err);
	if (r >= 0 || old < 0)
		return r;
	if (upload(h, old, &again) < 0)
		err_prefix(err, "%s is lost, and cannot be put back", h->name);
	return r;
}

int hive_open(struct guest *guest, const char *path, bool writable, struct hive **ret,
	      struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct hive *h;
	int r = fetch(guest, path, &fd, err);

	if (r >= 0)
		r = hive_open_fd(fd, path, writable, &h, err);
	if (r < 0)
		return r;
	h->guest = guest;
	h->store = store_guest;
	*ret = h;
	return 0;
}
