/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See overlay.h. qemu-img makes the overlay: it knows every option a backing file wants. */
#include "p2v-server/overlay.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/spawn.h"

#define QEMU_IMG_S 120

static char *overlay_name(const struct job_image *im, bool fresh)
{
	return text_format("%s" OVERLAY_SUFFIX ".qcow2%s", im->disk, fresh ? ".new" : "");
}

static int create_one(const struct job_image *im, uint64_t size, const char *path,
		      struct err *err)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	CLEANUP(mem_free) char *backing = job_image_name(im, false);
	CLEANUP(mem_free) char *bytes = text_format("%" PRIu64, size);
	char *argv[] = { "qemu-img", "create", "-q", "-f",    "qcow2",
			 "-F",	     "qcow2",  "-b", backing, (char *)(uintptr_t)path,
			 bytes,	     NULL };
	int r;

	if (!backing || !bytes)
		return err_nomem(err);
	r = spawn_run(argv, NULL, 0, QEMU_IMG_S, 4096, &res, err);
	if (r < 0)
		return r;
	if (res.status != 0) {
		char text[256];

		return err_set(err, EIO, "cannot make the overlay %s: %s", path,
			       text_escape_str(res.errtext ? res.errtext : "", text, sizeof(text)));
	}
	return 0;
}

static int remove_name(const struct job *j, const char *name, struct err *err)
{
	if (!name)
		return err_nomem(err);
	if (unlinkat(j->dirfd, name, 0) < 0 && errno != ENOENT)
		return err_errno(err, "cannot remove %s", name);
	return 0;
}

int overlay_remove(struct job *j, bool with_final, struct err *err)
{
	for (size_t i = 0; i < j->nimages; i++) {
		CLEANUP(mem_free) char *fresh = overlay_name(&j->images[i], true);
		CLEANUP(mem_free) char *final = overlay_name(&j->images[i], false);
		int r = remove_name(j, fresh, err);

		if (r >= 0 && with_final) {
			r = remove_name(j, final, err);
			free(j->images[i].fixed);
			j->images[i].fixed = NULL;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int overlay_create(const struct job *j, const uint64_t *sizes, char **paths, struct err *err)
{
	for (size_t i = 0; i < j->nimages; i++) {
		CLEANUP(mem_free) char *name = overlay_name(&j->images[i], true);
		int r = remove_name(j, name, err);

		if (r < 0)
			return r;
		paths[i] = job_path(j, name);
		if (!paths[i])
			return err_nomem(err);
		r = create_one(&j->images[i], sizes[i], paths[i], err);
		if (r < 0)
			return r;
		/*
		 * The folder can be passed through: what is in it must not be readable for
		 * everybody.
		 */
		if (fchmodat(j->dirfd, name, 0600, 0) < 0)
			return err_errno(err, "cannot protect %s", name);
	}
	return 0;
}

static uint64_t mtime_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

/*
 * qemu locks bytes from 100 and from 200 on of an image it has open, one for each permission that
 * it has or does not share (qemu's block/file-posix.c, RAW_LOCK_PERM_BASE and
 * RAW_LOCK_SHARED_BASE).
 */
static bool held_by_qemu(const struct job *j, const char *name)
{
	CLEANUP(fd_close) int fd = openat(j->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 164
	};

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int overlay_used(const struct job *j, const char **ret_name)
{
	for (size_t i = 0; i < j->nimages; i++) {
		const struct job_image *im = &j->images[i];
		struct stat st;

		if (!im->fixed || fstatat(j->dirfd, im->fixed, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (mtime_of(&st) != im->fixed_mtime || held_by_qemu(j, im->fixed)) {
			*ret_name = im->fixed;
			return 1;
		}
	}
	return 0;
}

int overlay_commit(struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->nimages; i++) {
		CLEANUP(mem_free) char *fresh = overlay_name(&j->images[i], true);
		CLEANUP(mem_free) char *final = overlay_name(&j->images[i], false);
		CLEANUP(fd_close) int fd = -1;
		struct stat st;
		int r;

		if (!fresh || !final)
			return err_nomem(err);
		fd = openat(j->dirfd, fresh, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0)
			return err_errno(err, "cannot sync %s", fresh);
		r = fdio_rename_durable(j->dirfd, fresh, final, err);
		if (r < 0)
			return r;
		free(j->images[i].fixed);
		j->images[i].fixed = TAKE_PTR(final);
		j->images[i].fixed_mtime = mtime_of(&st);
	}
	return 0;
}
