/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts share: see os.h. */
#include "inventory/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include "common/fdio.h"
#include "inventory/block/blk_text.h"

#define TEXT_MAX	((size_t)16 << 20)

int os_look_load(struct os_look *o)
{
	int r = 0;

	if (!o->running)
		return 0;
	r = mountinfo_read(o->root, &o->mounts);
	if (r == 0 && !sysroot_is_live(o->root)) {
		r = os_read(o, &o->statvfs, "/p2v/statvfs");
		if (r == 0)
			r = os_read(o, &o->boot, "/p2v/boot");
	}
	return r;
}

void os_look_done(struct os_look *o)
{
	mountinfo_done(&o->mounts);
	free(o->statvfs);
	free(o->boot);
	o->statvfs = o->boot = NULL;
}

/* May not answer, or mounts something when it is asked. */
static bool waits(const char *fs)
{
	static const char *const kinds[] = {
		"autofs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs",
		"lustre", "ncpfs", "coda", "beegfs", "gpfs",
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(fs, kinds[i]) == 0)
			return true;
	return blk_text_starts(fs, "fuse.");
}

bool os_reachable(const struct os_look *o, const char *path)
{
	const struct mountinfo_entry *found = NULL;
	size_t longest = 0;

	/* The longest target that the path is below; of equal ones the last is on top. */
	for (size_t i = 0; i < o->mounts.nmounts; i++) {
		const struct mountinfo_entry *e = &o->mounts.mounts[i];
		size_t n = strcmp(e->target, "/") == 0 ? 0 : strlen(e->target);

		if (strncmp(path, e->target, n) == 0 && (path[n] == '/' || !path[n]) &&
		    n >= longest) {
			longest = n;
			found = e;
		}
	}
	return !found || longest == 0 || !waits(found->fs);
}

/* The path is one, and asking for it waits for nobody. */
static bool path_of(const struct os_look *o, const char *fmt, va_list ap,
		    char path[static PATH_MAX])
{
	int n = vsnprintf(path, PATH_MAX, fmt, ap);

	return n >= 0 && n < PATH_MAX && os_reachable(o, path);
}

bool os_exists(const struct os_look *o, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	bool good;

	va_start(ap, fmt);
	good = path_of(o, fmt, ap, path);
	va_end(ap);
	return good && sysroot_exists(o->root, "%s", path);
}

int os_list(const struct os_look *o, char ***ret, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	bool good;
	int r;

	va_start(ap, fmt);
	good = path_of(o, fmt, ap, path);
	va_end(ap);
	if (!good)
		return 0;
	r = sysroot_list(o->root, ret, "%s", path);
	return r == -ENOMEM ? r : 0;
}

int os_read(const struct os_look *o, char **ret, const char *fmt, ...)
{
	CLEANUP(fd_close) int fd = -1;
	char path[PATH_MAX];
	va_list ap;
	bool good;
	int r;

	va_start(ap, fmt);
	good = path_of(o, fmt, ap, path);
	va_end(ap);
	if (!good)
		return 0;
	fd = sysroot_openf(o->root, O_NONBLOCK, "%s", path);
	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	r = fdio_read_fd(fd, TEXT_MAX, ret, NULL);
	return r == -ENOMEM ? r : 0;
}

int os_look_all(struct os_look *o)
{
	static int (*const parts[])(struct os_look *o) = {
		os_kernels_collect, os_boot_collect, os_services_collect, os_software_collect,
		os_space_collect,
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
		r = parts[i](o);
	return r;
}
