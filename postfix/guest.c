/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into a guest and changing it at once, through the operations of guest_fs.h. */
#include "postfix/guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/log.h"
#include "common/text.h"

int guest_fail(struct guest *guest, struct err *err, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return guest_handle_fail(guest->g, err, what);
}

void guest_strings_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

int guest_close(struct guest *guest, struct err *err)
{
	guest_scratch_unmount(guest);
	if (guestfs_umount_all(guest->g) < 0)
		return guest_fail(guest, err, "cannot unmount the guest");
	if (guestfs_shutdown(guest->g) < 0)
		return guest_fail(guest, err, "cannot stop the appliance");
	return 0;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	if (guest->g)
		guestfs_close(guest->g);
	free(guest->root);
	free(guest->os_name);
	free(guest->type);
	free(guest->distro);
	free(guest->arch);
	free(guest->osinfo);
	free(guest->scratch);
	free(guest->esp);
	devmap_done(&guest->map);
	free(guest);
}

/* ---- looking */

int guest_stat(struct guest *guest, const char *path, struct guest_stat *ret, struct err *err)
{
	return guest->fs->stat(guest->fs_arg, path, true, ret, err);
}

int guest_lstat(struct guest *guest, const char *path, struct guest_stat *ret, struct err *err)
{
	return guest->fs->stat(guest->fs_arg, path, false, ret, err);
}

static bool is_kind(struct guest *guest, const char *path, enum guest_kind kind)
{
	struct guest_stat st;

	return guest_stat(guest, path, &st, NULL) == 0 && st.kind == kind;
}

bool guest_is_file(struct guest *guest, const char *path)
{
	return is_kind(guest, path, GUEST_FILE);
}

bool guest_is_dir(struct guest *guest, const char *path)
{
	return is_kind(guest, path, GUEST_DIR);
}

char *guest_readlink(struct guest *guest, const char *path)
{
	struct guest_stat st;
	char *target = NULL;

	if (guest_lstat(guest, path, &st, NULL) < 0 || st.kind != GUEST_LINK ||
	    guest->fs->readlink(guest->fs_arg, path, &target, NULL) < 0)
		return NULL;
	return target;
}

char *guest_realpath(struct guest *guest, const char *path)
{
	char *real = NULL;

	return guest->fs->realpath(guest->fs_arg, path, &real, NULL) < 0 ? NULL : real;
}

char **guest_list(struct guest *guest, const char *dir, size_t *ret_n)
{
	char **list = NULL;
	size_t n = 0;

	if (!guest_is_dir(guest, dir) || guest->fs->list(guest->fs_arg, dir, &list, NULL) < 0)
		list = calloc(1, sizeof(*list));
	while (list && list[n])
		n++;
	if (ret_n)
		*ret_n = n;
	return list;
}

/* A file that may be read whole; nothing else is ever opened, as a FIFO would hang. */
static int check_file(struct guest *guest, const char *path, uint64_t max, struct guest_stat *st,
		      struct err *err)
{
	int r = guest_stat(guest, path, st, err);

	if (r < 0)
		return r;
	if (st->kind != GUEST_FILE)
		return err_set(err, EISDIR, "%s is not a regular file", path);
	if (st->size > max)
		return err_set(err, EFBIG, "%s is larger than %llu bytes", path,
			       (unsigned long long)max);
	return 0;
}

int guest_read(struct guest *guest, const char *path, size_t max, char **ret, size_t *ret_len,
	       struct err *err)
{
	struct guest_stat st;
	size_t n = 0;
	int r = check_file(guest, path, max, &st, err);

	if (r < 0)
		return r;
	r = guest->fs->read(guest->fs_arg, path, ret, &n, err);
	if (r >= 0 && ret_len)
		*ret_len = n;
	return r;
}

int guest_download(struct guest *guest, const char *path, uint64_t max, int fd, struct err *err)
{
	struct guest_stat st;
	int r = check_file(guest, path, max, &st, err);

	return r < 0 ? r : guest->fs->download(guest->fs_arg, path, fd, err);
}

bool guest_same(struct guest *guest, const char *a, const char *b)
{
	CLEANUP(fd_close) int x = memfd_create("p2v-same", MFD_CLOEXEC);
	CLEANUP(fd_close) int y = memfd_create("p2v-same", MFD_CLOEXEC);
	struct guest_stat sa, sb;
	char p[16384], q[16384];
	uint64_t done = 0;

	if (x < 0 || y < 0 || check_file(guest, a, GUEST_SAME_MAX, &sa, NULL) < 0 ||
	    check_file(guest, b, GUEST_SAME_MAX, &sb, NULL) < 0 || sa.size != sb.size ||
	    guest->fs->download(guest->fs_arg, a, x, NULL) < 0 ||
	    guest->fs->download(guest->fs_arg, b, y, NULL) < 0)
		return false;
	while (done < sa.size) {
		size_t n = (size_t)MIN((uint64_t)sizeof(p), sa.size - done);

		if (fdio_pread_full(x, p, n, done) < 0 ||
		    fdio_pread_full(y, q, n, done) < 0 || memcmp(p, q, n) != 0)
			return false;
		done += n;
	}
	return true;
}

uint64_t guest_file_size(struct guest *guest, const char *path)
{
	struct guest_stat st;

	return guest_stat(guest, path, &st, NULL) < 0 ? 0 : st.size;
}

uint64_t guest_free_bytes(struct guest *guest, const char *path)
{
	uint64_t n = 0;

	return guest->fs->free_bytes(guest->fs_arg, path, &n, NULL) < 0 ? 0 : n;
}

/* ---- changing */

int guest_mkdir(struct guest *guest, const char *path, struct err *err)
{
	return guest_is_dir(guest, path) ? 0 : guest->fs->mkdir_p(guest->fs_arg, path, err);
}

static int make_parent(struct guest *guest, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *dir = strdup(path);
	char *slash;

	if (!dir)
		return err_nomem(err);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return guest_mkdir(guest, dir, err);
}

/* A new file gets the SELinux label of its folder, as it would have when made by the guest. */
static int new_attributes(struct guest *guest, const char *path, const char *tmp,
			  unsigned int mode, struct err *err)
{
	CLEANUP(mem_free) char *dir = strdup(path);
	char *slash;
	int r;

	if (!dir)
		return err_nomem(err);
	r = guest->fs->chmod(guest->fs_arg, tmp, mode, err);
	if (r < 0)
		return r;
	slash = strrchr(dir, '/');
	if (slash)
		*(slash == dir ? slash + 1 : slash) = '\0';
	guest->fs->copy_label(guest->fs_arg, dir, tmp, NULL);
	return 0;
}

/* What is at tmp takes the place and the attributes of path. */
static int replace(struct guest *guest, const char *tmp, const char *path, unsigned int mode,
		   struct err *err)
{
	struct guest_stat st;
	int r;

	if (guest_stat(guest, path, &st, NULL) == 0)
		r = guest->fs->copy_attributes(guest->fs_arg, path, tmp, err);
	else
		r = new_attributes(guest, path, tmp, mode, err);
	if (r >= 0)
		r = guest->fs->rename(guest->fs_arg, tmp, path, err);
	return r;
}

/* Fill a temporary file beside path by data, or from fd when data is NULL; then it is path. */
static int put(struct guest *guest, const char *path, const void *data, size_t size, int fd,
	       unsigned int mode, struct err *err)
{
	CLEANUP(mem_free) char *tmp = text_format("%s.p2v-new", path);
	struct guest_stat st;
	int r;

	if (!tmp)
		return err_nomem(err);
	r = make_parent(guest, path, err);
	/* Not through a link that someone left under this name. */
	if (r >= 0 && guest_lstat(guest, tmp, &st, NULL) == 0)
		r = guest->fs->remove(guest->fs_arg, tmp, err);
	if (r < 0)
		return r;
	r = data ? guest->fs->write(guest->fs_arg, tmp, data, size, err)
		 : guest->fs->upload(guest->fs_arg, fd, tmp, err);
	if (r >= 0)
		r = replace(guest, tmp, path, mode, err);
	if (r < 0) {
		guest->fs->remove(guest->fs_arg, tmp, NULL);
		err_prefix(err, "cannot write %s", path);
	}
	return r;
}

int guest_put(struct guest *guest, const char *path, const void *data, size_t size,
	      unsigned int mode, struct err *err)
{
	return put(guest, path, data ? data : "", size, -1, mode, err);
}

int guest_put_fd(struct guest *guest, const char *path, int fd, unsigned int mode, struct err *err)
{
	return put(guest, path, NULL, 0, fd, mode, err);
}

int guest_copy(struct guest *guest, const char *from, const char *to, struct err *err)
{
	int r = make_parent(guest, to, err);

	return r < 0 ? r : guest->fs->copy(guest->fs_arg, from, to, err);
}

int guest_rename(struct guest *guest, const char *from, const char *to, struct err *err)
{
	return guest->fs->rename(guest->fs_arg, from, to, err);
}

int guest_remove(struct guest *guest, const char *path, struct err *err)
{
	int r = guest->fs->remove(guest->fs_arg, path, err);

	return r == -ENOENT ? 0 : r;
}

int guest_symlink(struct guest *guest, const char *path, const char *target, struct err *err)
{
	int r = make_parent(guest, path, err);

	if (r >= 0)
		r = guest_remove(guest, path, err);
	return r < 0 ? r : guest->fs->symlink(guest->fs_arg, target, path, err);
}

/* The end of a long output is where the reason stands. */
static const char *tail(const char *s, size_t max)
{
	size_t n = strlen(s);

	return n > max ? s + n - max : s;
}

int guest_run(struct guest *guest, const char *command, char **ret_out, struct err *err)
{
	CLEANUP(mem_free) char *line = NULL, *out = NULL;
	char safe[400], *status;
	int r;

	/* The status comes with the output, so that a failure still shows what was printed. */
	if (asprintf(&line,
		     "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin; "
		     "if command -v timeout >/dev/null; then t='timeout -k 10 3600'; else t=; fi; "
		     "$t sh -c '%s' </dev/null 2>&1; echo \"p2v-status=$?\"",
		     command) < 0)
		return err_nomem(err);
	r = guest->fs->shell(guest->fs_arg, line, &out, err);
	if (r < 0)
		return r;
	log_debug("postfix", "%s: %s", command, tail(out, 2000));
	status = strstr(tail(out, 40), "p2v-status=");
	if (!status || strcmp(status, "p2v-status=0\n") != 0) {
		if (status)
			*status = '\0';
		text_escape_str(tail(out, 300), safe, sizeof(safe));
		return err_set(err, EIO, "in the guest, %.60s failed: %s", command, safe);
	}
	*status = '\0';
	if (ret_out)
		*ret_out = TAKE_PTR(out);
	return 0;
}

int guest_scratch_mount(struct guest *guest, struct err *err)
{
	if (guest->scratch_mounted || !guest->g)
		return 0;
	if (!guest_is_dir(guest, "/var/tmp"))
		return 0;
	if (guestfs_mkfs(guest->g, "ext4", guest->scratch) < 0 ||
	    guestfs_mount_options(guest->g, "rw", guest->scratch, "/var/tmp") < 0)
		return guest_fail(guest, err, "cannot prepare the scratch disk");
	guest->scratch_mounted = true;
	if (guestfs_chmod(guest->g, 01777, "/var/tmp") < 0)
		return guest_fail(guest, err, "cannot prepare the scratch disk");
	return 0;
}

void guest_scratch_unmount(struct guest *guest)
{
	if (guest->scratch_mounted && guestfs_umount(guest->g, "/var/tmp") == 0)
		guest->scratch_mounted = false;
}
