/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking for systems on one filesystem; all of this runs in the child (systems.h). The folders
 * are hostile: every path is resolved inside the system's own root, and mounts go onto descriptors,
 * so that a link "/boot -> ../../etc" leads nowhere else.
 */
#include "inventory/systems/systems_look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/os/os.h"
#include "inventory/systems/systems.h"

#define SUBVOLUME_INODE	256	/* of every btrfs subvolume's top (BTRFS_FIRST_FREE_OBJECTID) */
#define SUBVOLUMES_MAX	64

/* -- a system's own mounts -- */

/* Nothing is there: 0. What cannot be mounted is a warning. -ENOMEM. */
static int mount_below(struct systems_set *s, const struct sysroot *root,
		       const struct systems_fstab *fstab, const char *dir, struct machine *m,
		       char **ret_source)
{
	const struct systems_fstab_entry *e = systems_fstab_find(fstab, dir);
	struct systems_device *d = e ? systems_set_find(s, e->spec) : NULL;
	CLEANUP(mem_free) char *options = NULL;
	CLEANUP(fd_close) int fd = -1;
	struct err err = ERR_INIT;
	const char *subvol;

	if (!d)
		return 0;
	fd = sysroot_openf(root, O_PATH | O_DIRECTORY, "%s", dir);
	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	subvol = strcmp(d->fs->type, "btrfs") == 0 ? strstr(e->options, "subvol") : NULL;
	if (subvol) {
		options = strndup(subvol, strcspn(subvol, ","));
		if (!options)
			return -ENOMEM;
	}
	/* Which device it is stays true when this kernel cannot mount it. */
	if (ret_source && collect_util_text(d->path, strlen(d->path), ret_source) < 0)
		return -ENOMEM;
	if (systems_mount(s, d, fd, options, &err) < 0)
		return collect_warn(m, "cannot look into %s for %s: %s", d->name, dir, err.text);
	return 0;
}

/* The ESP, which may be /boot itself; boot: the device that is mounted there, or NULL. */
static int mount_esp(struct systems_set *s, const struct sysroot *root,
		     const struct systems_fstab *fstab, const char *boot, struct machine *m,
		     char **ret_source)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };

	for (size_t i = 0; i < ARRAY_SIZE(places) && !*ret_source; i++) {
		const struct systems_fstab_entry *e = systems_fstab_find(fstab, places[i]);
		bool own = strcmp(places[i], "/boot") != 0;
		int r = 0;

		if (!e || strcmp(e->type, "vfat") != 0)
			continue;
		if (own)
			r = mount_below(s, root, fstab, places[i], m, ret_source);
		else if (boot)
			r = collect_util_text(boot, strlen(boot), ret_source);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_system(const struct sysroot *root)
{
	static const char *const releases[] = {
		"/etc/os-release", "/usr/lib/os-release", "/etc/redhat-release",
		"/etc/SuSE-release", "/etc/debian_version", "/etc/slackware-version",
	};
	static const char *const inits[] = { "/sbin/init", "/usr/lib/systemd/systemd",
					     "/lib/systemd/systemd" };
	bool release = false, init = false;

	for (size_t i = 0; i < ARRAY_SIZE(releases) && !release; i++)
		release = sysroot_exists(root, "%s", releases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(inits) && !init; i++)
		init = sysroot_exists(root, "%s", inits[i]);
	return release && init;
}

static int set_root(struct machine_os *os, const struct systems_device *d, const char *subvolume)
{
	int r = collect_util_text(d->path, strlen(d->path), &os->root_source);

	if (r == 0)
		r = collect_util_text(d->fs->type, strlen(d->fs->type), &os->root_fs);
	if (r == 0 && d->fs->uuid)
		r = collect_util_text(d->fs->uuid, strlen(d->fs->uuid), &os->root_uuid);
	if (r == 0 && subvolume)
		r = collect_util_text(subvolume, strlen(subvolume), &os->root_subvolume);
	return r;
}

static int look_at_root(struct systems_set *s, const struct systems_device *d, const char *path,
			const char *subvolume, struct machine *m)
{
	CLEANUP(systems_fstab_done) struct systems_fstab fstab = { 0 };
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(mem_free) char *text = NULL, *boot = NULL, *esp = NULL;
	struct os_look o = { .m = m };
	int r = sysroot_open(path, &root, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	o.root = root;
	r = os_read(&o, &text, "/etc/fstab");
	if (r == 0)
		r = systems_fstab_parse(text, &fstab);
	if (r < 0 || (!is_system(root) && !systems_fstab_find(&fstab, "/usr")))
		return r;
	r = mount_below(s, root, &fstab, "/usr", m, NULL);
	if (r < 0 || !is_system(root))
		return r;
	r = mount_below(s, root, &fstab, "/var", m, NULL);
	if (r >= 0)
		r = mount_below(s, root, &fstab, "/boot", m, &boot);
	if (r >= 0)
		r = mount_esp(s, root, &fstab, boot, m, &esp);
	if (r < 0)
		return r;
	o.os = machine_grow(&m->systems, &m->nsystems, sizeof(*o.os));
	if (!o.os)
		return -ENOMEM;
	o.os->boot_source = TAKE_PTR(boot);
	o.os->esp_source = TAKE_PTR(esp);
	r = set_root(o.os, d, subvolume);
	if (r == 0)
		r = os_identity_collect(&o);
	return r == 0 ? os_look_all(&o) : r;
}

/* -- btrfs -- */

static bool is_subvolume(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino == SUBVOLUME_INODE;
}

/* The path of the subvolume that is mounted when none is asked for, from the top; NULL: the top. */
static int find_default(struct systems_set *s, struct systems_device *d, const char *base,
			char **ret)
{
	CLEANUP(mountinfo_done) struct mountinfo info = { 0 };
	CLEANUP(mem_free) char *path = text_format("%s/default", base);
	CLEANUP(fd_close) int fd = -1;

	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0)
		return 0;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || systems_mount(s, d, fd, NULL, NULL) < 0)
		return 0;
	if (mountinfo_read_self(&info, NULL) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < info.nmounts; i++)
		if (strcmp(info.mounts[i].target, path) == 0 && strlen(info.mounts[i].root) > 1)
			return collect_util_text(info.mounts[i].root + 1,
						 strlen(info.mounts[i].root + 1), ret);
	return 0;
}

static int look_at_subvolume(struct systems_set *s, const struct systems_device *d,
			     const char *top, const char *name, struct machine *m)
{
	CLEANUP(mem_free) char *path = text_format("%s/%s", top, name);

	if (!path)
		return -ENOMEM;
	return is_subvolume(path) ? look_at_root(s, d, path, name, m) : 0;
}

static int look_at_btrfs(struct systems_set *s, struct systems_device *d, const char *base,
			 const char *top, struct machine *m)
{
	CLEANUP(mem_free) char *chosen = NULL;
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(strv_free) char **names = NULL;
	unsigned int n = 0;
	int r = find_default(s, d, base, &chosen);

	if (r == 0)
		r = look_at_root(s, d, top, NULL, m);
	if (r == 0 && chosen)
		r = look_at_subvolume(s, d, top, chosen, m);
	if (r == 0 && sysroot_open(top, &root, NULL) == 0)
		r = sysroot_list(root, &names, "/") == -ENOMEM ? -ENOMEM : 0;
	/* Snapshots are of systems, but nobody boots them in place: names of their keepers. */
	for (char **p = names; p && *p && r == 0 && n < SUBVOLUMES_MAX; p++) {
		if ((*p)[0] == '.' || strstr(*p, "snapshot") || strstr(*p, "timeshift") ||
		    (chosen && strcmp(*p, chosen) == 0))
			continue;
		r = look_at_subvolume(s, d, top, *p, m);
		n++;
	}
	return r;
}

/* -- NTFS: names without regard to case -- */

static bool has_folder(const struct sysroot *root, const char *const *names, size_t n)
{
	char path[PATH_MAX] = "/";

	for (size_t i = 0; i < n; i++) {
		CLEANUP(strv_free) char **list = NULL;
		char **p;

		if (sysroot_list(root, &list, "%s", path) < 0)
			return false;
		for (p = list; *p && strcasecmp(*p, names[i]) != 0;)
			p++;
		if (!*p || strlen(path) + strlen(*p) + 2 > sizeof(path))
			return false;
		strcat(path, *p);
		strcat(path, "/");
	}
	return true;
}

static int look_at_ntfs(const struct systems_device *d, const char *top, struct machine *m)
{
	static const char *const registry[] = { "Windows", "System32", "config" };
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct machine_os *os;
	int r = sysroot_open(top, &root, NULL);

	if (r < 0 || !has_folder(root, registry, ARRAY_SIZE(registry)))
		return r == -ENOMEM ? r : 0;
	os = machine_grow(&m->systems, &m->nsystems, sizeof(*os));
	if (!os)
		return -ENOMEM;
	r = set_root(os, d, NULL);
	return r == 0 ? collect_util_text("windows", strlen("windows"), &os->kind) : r;
}

int systems_look(struct systems_set *s, struct systems_device *d, struct machine *m,
		 struct err *err)
{
	bool btrfs = strcmp(d->fs->type, "btrfs") == 0;
	CLEANUP(mem_free) char *top = NULL;
	CLEANUP(fd_close) int fd = -1;
	const char *base;
	int r = systems_mount_begin(&base, err);

	if (r < 0)
		return r;
	top = text_format("%s/top", base);
	if (!top)
		return err_nomem(err);
	if (mkdir(top, 0700) < 0)
		return err_errno(err, "cannot make %s", top);
	fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open %s", top);
	r = systems_mount(s, d, fd, btrfs ? "subvolid=5" : NULL, err);
	if (r < 0)
		return r;
	if (btrfs)
		r = look_at_btrfs(s, d, base, top, m);
	else if (strcmp(d->fs->type, "ntfs") == 0)
		r = look_at_ntfs(d, top, m);
	else
		r = look_at_root(s, d, top, NULL, m);
	return r == -ENOMEM ? err_nomem(err) : r;
}
