/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See guest_tree.h. */
#include "tests/lib/guest_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/spawn.h"
#include "common/text.h"
#include "postfix/linux/ramdisk_write.h"

/* One at a time, as tests have it: guest_free() knows nothing of a tree. */
static struct tree {
	int root;
	char path[PATH_MAX];
	const char *runner;
	unsigned int commands;
} tree = { .root = -1 };

static int fail(struct err *err, const char *what, const char *path)
{
	int code = errno == ENOTDIR ? ENOENT : errno;

	return err_set(err, code, "%s %s: %s", what, path, strerror(code));
}

static int open_in(const char *path, int flags, unsigned int mode)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.mode = flags & O_CREAT ? mode : 0,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, tree.root, path, &how, sizeof(how));
}

/* The folder of path, and in *ret_name what follows its last slash. */
static int open_parent(const char *path, const char **ret_name)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path) {
		*ret_name = slash ? slash + 1 : path;
		return open_in("/", O_PATH | O_DIRECTORY, 0);
	}
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	*ret_name = slash + 1;
	return open_in(dir, O_PATH | O_DIRECTORY, 0);
}

static int tree_stat(void *fs, const char *path, bool follow, struct guest_stat *ret,
		     struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
	struct stat st;

	(void)fs;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(err, "cannot look at", path);
	*ret = (struct guest_stat){
		.kind = S_ISREG(st.st_mode)   ? GUEST_FILE
			: S_ISDIR(st.st_mode) ? GUEST_DIR
			: S_ISLNK(st.st_mode) ? GUEST_LINK
					      : GUEST_OTHER,
		.size = (uint64_t)st.st_size,
		.mode = st.st_mode & 07777,
		.inode = st.st_ino,
		.device = st.st_dev,
	};
	return 0;
}

static int tree_readlink(void *fs, const char *path, char **ret, struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_PATH | O_NOFOLLOW, 0);
	char target[4096];
	ssize_t n;

	(void)fs;
	if (fd < 0)
		return fail(err, "cannot read the link", path);
	n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return fail(err, "cannot read the link", path);
	*ret = strndup(target, (size_t)n);
	return *ret ? 0 : err_nomem(err);
}

static int tree_realpath(void *fs, const char *path, char **ret, struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_PATH, 0);
	char proc[64], real[4096];
	ssize_t n;

	(void)fs;
	if (fd < 0)
		return fail(err, "cannot follow", path);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	if (n < 0 || strncmp(real, tree.path, strlen(tree.path)) != 0)
		return fail(err, "cannot follow", path);
	real[n] = '\0';
	*ret = strdup(real[strlen(tree.path)] ? real + strlen(tree.path) : "/");
	return *ret ? 0 : err_nomem(err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int tree_list(void *fs, const char *dir, char ***ret, struct err *err)
{
	int fd = open_in(dir, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char **list = NULL;
	struct dirent *e;
	size_t n = 0;

	(void)fs;
	if (!d)
		return fail(err, "cannot list", dir);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		list = realloc(list, (n + 2) * sizeof(*list));
		list[n++] = strdup(e->d_name);
	}
	closedir(d);
	if (!list)
		list = calloc(1, sizeof(*list));
	list[n] = NULL;
	qsort(list, n, sizeof(*list), by_name);
	*ret = list;
	return 0;
}

static int tree_read(void *fs, const char *path, char **ret, size_t *ret_len, struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_RDONLY | O_NONBLOCK, 0);

	(void)fs;
	if (fd < 0 || fdio_read_fd(fd, (size_t)1 << 30, ret, ret_len) < 0)
		return fail(err, "cannot read", path);
	return 0;
}

/* One entry for a line, and for the folders on the way to it. */
static int pack_line(int fd, char *line, struct machine_strv *have, struct err *err)
{
	struct ramdisk_put put = { .name = line, .mode = S_IFREG | 0644, .data = "", .len = 0 };

	for (char *slash = strchr(line, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct ramdisk_put dir = { .name = line, .mode = S_IFDIR | 0755 };
		int r = 0;

		*slash = '\0';
		if (!machine_strv_has(have, line))
			r = machine_strv_add(have, line) < 0 ?
				    err_nomem(err) :
				    ramdisk_write_append(fd, 0, &dir, 1, false, err);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return ramdisk_write_append(fd, 0, &put, 1, false, err);
}

/* An initramfs may be written down as a text: the paths in it, a line for each. */
static int pack_listing(int fd, char *text, struct err *err)
{
	struct machine_strv have = { 0 };
	char *save = NULL;
	int r = 0;

	for (char *l = strtok_r(text, "\n", &save); l && r >= 0; l = strtok_r(NULL, "\n", &save))
		r = pack_line(fd, l, &have, err);
	machine_strv_done(&have);
	return r;
}

static bool is_listing(const char *path, const char *data, size_t n)
{
	const char *base = strrchr(path, '/') + 1;

	return n && strncmp(base, "init", 4) == 0 && !memchr(data, '\0', n) &&
	       strncmp(data, "damaged", 7) != 0;
}

static int tree_download(void *fs, const char *path, int to, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t n = 0;
	int r = tree_read(fs, path, &data, &n, err);

	if (r < 0)
		return r;
	if (is_listing(path, data, n))
		return pack_listing(to, data, err);
	return fdio_pwrite_full(to, data, n, 0) < 0 ? fail(err, "cannot keep", path) : 0;
}

static int tree_write(void *fs, const char *path, const void *data, size_t len, struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	(void)fs;
	if (fd < 0 || fdio_write_full(fd, data, len) < 0)
		return fail(err, "cannot write", path);
	return 0;
}

static int tree_upload(void *fs, int from, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t n = 0;

	if (lseek(from, 0, SEEK_SET) < 0 || fdio_read_fd(from, (size_t)1 << 30, &data, &n) < 0)
		return fail(err, "cannot read what is to become", path);
	return tree_write(fs, path, data, n, err);
}

static int tree_chmod(void *fs, const char *path, unsigned int mode, struct err *err)
{
	CLEANUP(fd_close) int fd = open_in(path, O_RDONLY | O_NONBLOCK, 0);

	(void)fs;
	return fd < 0 || fchmod(fd, mode) < 0 ? fail(err, "cannot set the mode of", path) : 0;
}

static int tree_copy_attributes(void *fs, const char *from, const char *to, struct err *err)
{
	struct guest_stat st;
	int r = tree_stat(fs, from, true, &st, err);

	return r < 0 ? r : tree_chmod(fs, to, st.mode, err);
}

/* A folder of the host has no labels of the guest. */
static int tree_copy_label(void *fs, const char *from, const char *to, struct err *err)
{
	(void)fs;
	(void)from;
	(void)to;
	(void)err;
	return 0;
}

static int tree_mkdir_p(void *fs, const char *path, struct err *err)
{
	char part[4096];

	(void)fs;
	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1;; p++) {
		const char *name;
		char end = *p;

		if (end && end != '/')
			continue;
		*p = '\0';
		CLEANUP(fd_close) int dir = open_parent(part, &name);

		if (dir < 0 || (mkdirat(dir, name, 0755) < 0 && errno != EEXIST))
			return fail(err, "cannot make the folder", path);
		if (!end)
			return 0;
		*p = end;
	}
}

static int tree_remove(void *fs, const char *path, struct err *err)
{
	const char *name;
	CLEANUP(fd_close) int dir = open_parent(path, &name);

	(void)fs;
	return dir < 0 || unlinkat(dir, name, 0) < 0 ? fail(err, "cannot remove", path) : 0;
}

static int tree_rename(void *fs, const char *from, const char *to, struct err *err)
{
	const char *a, *b;
	CLEANUP(fd_close) int x = open_parent(from, &a);
	CLEANUP(fd_close) int y = open_parent(to, &b);

	(void)fs;
	return x < 0 || y < 0 || renameat(x, a, y, b) < 0 ? fail(err, "cannot replace", to) : 0;
}

static int tree_symlink(void *fs, const char *target, const char *path, struct err *err)
{
	const char *name;
	CLEANUP(fd_close) int dir = open_parent(path, &name);

	(void)fs;
	return dir < 0 || symlinkat(target, dir, name) < 0 ? fail(err, "cannot make the link", path)
							   : 0;
}

static int tree_copy(void *fs, const char *from, const char *to, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	size_t n = 0;
	int r = tree_read(fs, from, &data, &n, err);

	return r < 0 ? r : tree_write(fs, to, data, n, err);
}

/* Always the same, so that reports are. */
static int tree_free_bytes(void *fs, const char *path, uint64_t *ret, struct err *err)
{
	(void)fs;
	(void)path;
	(void)err;
	*ret = (uint64_t)1 << 30;
	return 0;
}

static int tree_shell(void *fs, const char *script, char **ret_out, struct err *err)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char *const argv[] = { "sh", (char *)(uintptr_t)tree.runner, tree.path,
			       (char *)(uintptr_t)script, NULL };
	int r;

	(void)fs;
	tree.commands++;
	if (!tree.runner) {
		*ret_out = strdup("sh: not found\np2v-status=127\n");
		return *ret_out ? 0 : err_nomem(err);
	}
	r = spawn_run(argv, NULL, 0, 60, (size_t)1 << 20, &res, err);
	if (r < 0)
		return r;
	*ret_out = text_format("%sp2v-status=%d\n", res.out ? res.out : "", res.status);
	return *ret_out ? 0 : err_nomem(err);
}

static const struct guest_fs_ops tree_ops = {
	.stat = tree_stat,
	.readlink = tree_readlink,
	.realpath = tree_realpath,
	.list = tree_list,
	.read = tree_read,
	.download = tree_download,
	.upload = tree_upload,
	.write = tree_write,
	.copy_attributes = tree_copy_attributes,
	.copy_label = tree_copy_label,
	.chmod = tree_chmod,
	.mkdir_p = tree_mkdir_p,
	.remove = tree_remove,
	.rename = tree_rename,
	.symlink = tree_symlink,
	.copy = tree_copy,
	.free_bytes = tree_free_bytes,
	.shell = tree_shell,
};

static bool skipped(const struct machine *m, const char *disk)
{
	for (size_t i = 0; m->plan && i < m->plan->ndisks; i++)
		if (strcmp(m->plan->disks[i].name, disk) == 0)
			return m->plan->disks[i].skip;
	return false;
}

static int add_part(struct guest *guest, const char *disk, unsigned int number, const char *path,
		    const struct machine_fs *fs, const char *partuuid)
{
	struct devmap_part p = {
		.disk = (char *)(uintptr_t)disk,
		.number = number,
		.device = (char *)(uintptr_t)(path ? path : "/dev/none"),
		.type = fs->type,
		.uuid = fs->uuid,
		.label = fs->label,
		.partuuid = (char *)(uintptr_t)partuuid,
	};

	return devmap_add(&guest->map, &p);
}

static int add_parts(struct guest *guest, const struct machine *m)
{
	int r = 0;

	for (size_t d = 0; d < m->ndisks && r >= 0; d++) {
		const struct machine_disk *disk = &m->disks[d];

		if (skipped(m, disk->name))
			continue;
		r = add_part(guest, disk->name, 0, disk->path, &disk->fs, NULL);
		for (size_t i = 0; i < disk->npartitions && r >= 0; i++) {
			const struct machine_partition *p = &disk->partitions[i];

			r = add_part(guest, disk->name, p->number, p->path, &p->fs, p->uuid);
		}
	}
	for (size_t i = 0; i < m->nvolumes && r >= 0; i++)
		r = add_part(guest, NULL, 0, m->volumes[i].path, &m->volumes[i].fs, NULL);
	return r;
}

/* What libguestfs would say of the system. */
static int inspect(struct guest *guest, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	char id[64] = "unknown", version[64] = "", name[128] = "a system";

	if (guest_read(guest, "/etc/os-release", GUEST_TEXT_MAX, &text, NULL, NULL) >= 0)
		for (char *save = NULL, *l = strtok_r(text, "\n", &save); l;
		     l = strtok_r(NULL, "\n", &save)) {
			sscanf(l, "ID=%*1[\"]%63[^\"]", id);
			sscanf(l, "ID=%63[a-z-]", id);
			sscanf(l, "VERSION_ID=%*1[\"]%63[^\"]", version);
			sscanf(l, "VERSION_ID=%63[0-9.]", version);
			sscanf(l, "PRETTY_NAME=\"%127[^\"]", name);
		}
	sscanf(version, "%d.%d", &guest->major, &guest->minor);
	guest->type = strdup(guest_is_dir(guest, "/Windows") || guest_is_dir(guest, "/WINDOWS")
				     ? "windows"
				     : "linux");
	guest->distro = strdup(id);
	guest->arch = strdup("x86_64");
	guest->osinfo = text_format("%s%s", id, version);
	guest->os_name = strdup(name);
	guest->root = strdup("/dev/sda1");
	return guest->type && guest->distro && guest->arch && guest->osinfo && guest->os_name &&
			       guest->root
		       ? 0
		       : err_nomem(err);
}

int guest_tree_open(const char *root, const struct machine *m, const char *runner,
		    struct guest **ret, struct err *err)
{
	CLEANUP(guest_free) struct guest *guest = calloc(1, sizeof(*guest));
	int r;

	if (!guest)
		return err_nomem(err);
	if (tree.root >= 0)
		close(tree.root);
	tree = (struct tree){ .root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC),
			      .runner = runner };
	if (tree.root < 0 || !realpath(root, tree.path))
		return fail(err, "cannot open the folder", root);
	guest->fs = &tree_ops;
	guest->fs_arg = &tree;
	guest->machine = m;
	guest->map.machine = m;
	guest->major = guest->minor = -1;
	r = m ? add_parts(guest, m) : 0;
	if (r < 0)
		return err_nomem(err);
	r = inspect(guest, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(guest);
	return 0;
}

unsigned int guest_tree_commands(void)
{
	return tree.commands;
}
