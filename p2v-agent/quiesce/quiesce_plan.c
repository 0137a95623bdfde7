/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/quiesce_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "common/fdio.h"

#define MOUNTINFO_MAX	((size_t)16 << 20)

/* What is read for a plan, and not needed after. */
struct look {
	struct mountinfo *infos;
	char **namespaces, **prefixes;
	struct mountgraph_view *views;
	size_t n;
	struct blockstack stack;
	dev_t *disks;
};

static void look_done(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mountinfo_done(&l->infos[i]);
		free(l->namespaces[i]);
		free(l->prefixes[i]);
	}
	free(l->infos);
	free(l->namespaces);
	free(l->prefixes);
	free(l->views);
	free(l->disks);
	blockstack_done(&l->stack);
}
DEFINE_CLEANUP_VALUE(struct look, look_done)

static int grow(void *list, size_t n, size_t size)
{
	void *more = reallocarray(*(void **)list, n + 1, size);

	if (!more)
		return -ENOMEM;
	*(void **)list = more;
	return 0;
}

/* Takes info, and copies the texts. */
static int add(struct look *l, const char *namespace, const char *prefix, struct mountinfo *info)
{
	if (grow(&l->infos, l->n, sizeof(*l->infos)) < 0 ||
	    grow(&l->namespaces, l->n, sizeof(char *)) < 0 ||
	    grow(&l->prefixes, l->n, sizeof(char *)) < 0) {
		mountinfo_done(info);
		return -ENOMEM;
	}
	l->infos[l->n] = *info;
	*info = (struct mountinfo){ 0 };
	l->namespaces[l->n] = strdup(namespace);
	l->prefixes[l->n] = strdup(prefix);
	l->n++;
	return l->namespaces[l->n - 1] && l->prefixes[l->n - 1] ? 0 : -ENOMEM;
}

static bool known(const struct look *l, const char *namespace)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->namespaces[i], namespace) == 0)
			return true;
	return false;
}

/* A process may end at any moment, and its namespace with it: then there is nothing to look at. */
static int add_process(const struct sysroot *root, const char *pid, struct look *l)
{
	CLEANUP(mem_free) char *namespace = NULL, *text = NULL;
	struct mountinfo info = { 0 };
	char prefix[64];

	if (strspn(pid, "0123456789") != strlen(pid) ||
	    sysroot_readlink(root, &namespace, "/proc/%s/ns/mnt", pid) < 0 || known(l, namespace) ||
	    sysroot_read(root, &text, NULL, "/proc/%s/mountinfo", pid) < 0)
		return 0;
	if (mountinfo_parse(text, NULL, &info) < 0)
		return -ENOMEM;
	snprintf(prefix, sizeof(prefix), "/proc/%s/root", pid);
	return add(l, namespace, prefix, &info);
}

static int read_mounts(const struct sysroot *root, struct look *l)
{
	CLEANUP(mem_free) char *system = NULL, *own = NULL;
	CLEANUP(strv_free) char **pids = NULL;
	struct mountinfo info = { 0 };
	bool elsewhere;
	int r;

	r = mountinfo_read(root, &info);
	if (r < 0)
		return r;
	sysroot_readlink(root, &system, "/proc/1/ns/mnt");
	sysroot_readlink(root, &own, "/proc/self/ns/mnt");
	/* The agent may run in a namespace of its own; what counts is the system's. */
	elsewhere = system && own && strcmp(system, own) != 0;
	r = add(l, system ? system : "", elsewhere ? "/proc/1/root" : "", &info);
	if (r == 0 && sysroot_is_live(root) && sysroot_list(root, &pids, "/proc") == -ENOMEM)
		r = -ENOMEM;
	for (char **pid = pids; r == 0 && pid && *pid; pid++)
		r = add_process(root, *pid, l);
	return r;
}

static int find_disks(const struct quiesce_wanted *w, struct look *l, struct err *err)
{
	l->disks = calloc(w->ndisks + 1, sizeof(dev_t));
	if (!l->disks)
		return err_nomem(err);
	for (size_t i = 0; i < w->ndisks; i++) {
		CLEANUP(mem_free) char *real = sysroot_is_live(w->root) ?
			realpath(w->disks[i], NULL) : NULL;
		const char *name = real ? real : w->disks[i];
		const struct blockstack_dev *d = blockstack_by_path(&l->stack, name);
		char shown[256];

		if (!d)
			d = blockstack_by_name(&l->stack, name);
		if (!d)
			return err_set(err, ENODEV, "%s is no block device of this machine",
				       text_escape_str(w->disks[i], shown, sizeof(shown)));
		l->disks[i] = d->dev;
	}
	return 0;
}

int quiesce_plan_make(const struct quiesce_wanted *w, struct quiesce_plan *ret, struct err *err)
{
	CLEANUP(quiesce_plan_done) struct quiesce_plan p = { 0 };
	CLEANUP(look_done) struct look l = { 0 };
	struct mountgraph_config cfg = {
		.stack = &l.stack, .ndisks = w->ndisks, .only = w->mounts, .nonly = w->nmounts,
	};
	int r;

	if (read_mounts(w->root, &l) < 0 || blockstack_read(w->root, &l.stack) < 0)
		return err_nomem(err);
	r = find_disks(w, &l, err);
	if (r < 0)
		return r;
	l.views = calloc(l.n, sizeof(*l.views));
	if (!l.views)
		return err_nomem(err);
	for (size_t i = 0; i < l.n; i++)
		l.views[i] = (struct mountgraph_view){ l.prefixes[i], &l.infos[i] };
	cfg.views = l.views;
	cfg.nviews = l.n;
	cfg.disks = l.disks;
	r = mountgraph_make(&cfg, &p.graph, err);
	for (size_t i = 0; r == 0 && i < w->nhook_dirs; i++)
		r = hooks_find(w->hook_dirs[i], &p.hooks, err);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct quiesce_plan){ 0 };
	return 0;
}

void quiesce_plan_done(struct quiesce_plan *p)
{
	mountgraph_done(&p->graph);
	hooks_done(&p->hooks);
}

/* For a shell: in quotes, and a quote as '\''. */
static void add_quoted(struct strbuf *b, const char *s)
{
	if (s[0] && !s[strcspn(s, " \t\n'\"\\$`&|;<>()*?[]#~=%!{}")]) {
		strbuf_add(b, s);
		return;
	}
	strbuf_add(b, "'");
	for (; *s; s++)
		if (*s == '\'')
			strbuf_add(b, "'\\''");
		else
			strbuf_addn(b, s, 1);
	strbuf_add(b, "'");
}

void quiesce_plan_by_hand(const struct quiesce_plan *p, struct strbuf *b)
{
	for (size_t i = p->graph.norder; i-- > 0;) {
		strbuf_add(b, "fsfreeze -u ");
		add_quoted(b, mountgraph_fs_path(&p->graph.fs[p->graph.order[i]]));
		strbuf_add(b, "\n");
	}
	strbuf_add(b, "echo j >/proc/sysrq-trigger\t# all at once; at the console: Alt-SysRq-j\n");
}

/* Folders, and files (bind mounts of those); never a device or a pipe, which opening would wake. */
static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0)
		return fd;
	if (errno != ENOTDIR)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTDIR;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * By the number of the mount, which Linux 5.8 and later tell; else by that of the device, which
 * btrfs does not have.
 */
static bool is_it(int fd, const struct mountgraph_fs *fs, const struct mountgraph_mount *m)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &x) < 0)
		return false;
	if (x.stx_mask & STATX_MNT_ID)
		return x.stx_mnt_id == m->id;
	return major(fs->dev) == 0 ||
	       makedev(x.stx_dev_major, x.stx_dev_minor) == fs->dev;
}

int quiesce_plan_open(const struct mountgraph_fs *fs, struct err *err)
{
	char shown[256];
	int r = -ENOENT;

	text_escape_str(mountgraph_fs_path(fs), shown, sizeof(shown));
	for (size_t i = 0; i < fs->nmounts; i++) {
		CLEANUP(fd_close) int fd = open_path(fs->mounts[i].path);

		if (fd >= 0 && is_it(fd, fs, &fs->mounts[i]))
			return TAKE_FD(fd);
		r = fd < 0 ? fd : -ESTALE;
	}
	if (r == -ESTALE)
		return err_set(err, ESTALE, "no mount point leads to the filesystem of %s: others "
			       "lie over it, or it was unmounted just now", shown);
	return err_code(err, -r, "cannot open the mount point %s", shown);
}
