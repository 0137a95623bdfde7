/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See kernelfs.h. */
#include "track/kernelfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/text.h"

#define FILE_MAX	(1u << 20)

static const struct {
	const char *type;
	uint32_t magic;
	const char *usual[3];
} kinds[] = {
	[KERNELFS_TRACE] = { "tracefs", TRACEFS_MAGIC,
			     { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" } },
	[KERNELFS_DEBUG] = { "debugfs", DEBUGFS_MAGIC, { "/sys/kernel/debug" } },
};

static bool is_there(enum kernelfs which, const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && (uint32_t)fs.f_type == kinds[which].magic;
}

int kernelfs_find(enum kernelfs which, const char *run_dir, bool may_mount, char **ret,
		  struct err *err)
{
	CLEANUP(mem_free) char *ours = text_format("%s/%s", run_dir, kinds[which].type);
	int r;

	if (!ours)
		return err_nomem(err);
	for (const char *const *p = kinds[which].usual; *p; p++) {
		if (!is_there(which, *p))
			continue;
		*ret = strdup(*p);
		return *ret ? 0 : err_nomem(err);
	}
	if (!is_there(which, ours)) {
		if (!may_mount)
			return err_set(err, ENOENT, "%s is not mounted", kinds[which].type);
		r = fdio_mkdir_p(ours, 0700, err);
		if (r < 0)
			return r;
		if (mount("p2v-track", ours, kinds[which].type, MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  "mode=0700") < 0) {
			r = err_errno(err, "cannot mount %s", kinds[which].type);
			rmdir(ours);
			return r;
		}
	}
	*ret = TAKE_PTR(ours);
	return 0;
}

void kernelfs_remove(enum kernelfs which, const char *run_dir)
{
	CLEANUP(mem_free) char *ours = text_format("%s/%s", run_dir, kinds[which].type);

	if (!ours)
		return;
	if (is_there(which, ours))
		umount2(ours, UMOUNT_NOFOLLOW);
	rmdir(ours);
}

int kernelfs_read(char **ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	return path ? fdio_read_file(path, FILE_MAX, ret, &len, NULL) : -ENOMEM;
}

int kernelfs_write(const char *text, struct err *err, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	CLEANUP(fd_close) int fd = -1;
	va_list ap;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	if (!path)
		return err_nomem(err);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* One write: the kernel takes a word at a time. */
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_errno(err, "cannot write %s", path);
	return 0;
}
