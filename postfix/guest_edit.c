/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/guest_edit.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

static void edit_done(struct guest_edit *x)
{
	free(x->path);
	free(x->old_text);
	free(x->new_text);
}

void guest_edit_done(struct guest_edits *e)
{
	for (size_t i = 0; i < e->n; i++)
		edit_done(&e->v[i]);
	free(e->v);
	e->v = NULL;
	e->n = 0;
}

/* The last staged or done change of path; later ones win. */
static struct guest_edit *find(struct guest_edits *e, const char *path)
{
	for (size_t i = e->n; i > 0; i--)
		if (strcmp(e->v[i - 1].path, path) == 0 && e->v[i - 1].kind != EDIT_REBUILD)
			return &e->v[i - 1];
	return NULL;
}

/* The file behind a path in the guest; path itself when there is nothing yet. malloc'd. */
static char *resolve(struct guest_edits *e, const char *path)
{
	char *real;

	if (find(e, path))
		return strdup(path);
	real = guestfs_realpath(e->guest->g, path);
	return real ? real : strdup(path);
}

int guest_edit_read(struct guest_edits *e, const char *path, char **ret, struct err *err)
{
	CLEANUP(mem_free) char *real = resolve(e, path), *text = NULL;
	struct guest_edit *x;
	size_t len = 0;
	int r;

	if (!real)
		return err_nomem(err);
	x = find(e, real);
	if (x && x->kind == EDIT_REMOVE)
		return err_set(err, ENOENT, "%s is removed", path);
	if (x && x->kind == EDIT_WRITE) {
		text = strdup(x->new_text);
		if (!text)
			return err_nomem(err);
		*ret = TAKE_PTR(text);
		return 0;
	}
	r = guest_read(e->guest, real, GUEST_TEXT_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (memchr(text, '\0', len))
		return err_set(err, EILSEQ, "%s is not a text file", path);
	*ret = TAKE_PTR(text);
	return 0;
}

static bool exists_now(struct guest *guest, const char *path)
{
	struct guestfs_statns *st = guestfs_lstatns(guest->g, path);

	if (!st)
		return false;
	guestfs_free_statns(st);
	return true;
}

bool guest_edit_exists(struct guest_edits *e, const char *path)
{
	struct guest_edit *x = find(e, path);

	return x ? x->kind != EDIT_REMOVE : exists_now(e->guest, path);
}

/* Takes over the strings, also when it fails. */
static int stage(struct guest_edits *e, struct guest_edit x, struct err *err)
{
	struct guest_edit *slot = machine_grow(&e->v, &e->n, sizeof(*e->v));

	if (!slot) {
		edit_done(&x);
		return err_nomem(err);
	}
	x.owner = e->owner;
	*slot = x;
	return 0;
}

int guest_edit_write(struct guest_edits *e, const char *path, const char *text, int mode,
		     struct err *err)
{
	struct guest_edit x = { .kind = EDIT_WRITE, .mode = mode };
	int r;

	if (strlen(text) > GUEST_TEXT_MAX)
		return err_set(err, EFBIG, "%s would become too large", path);
	x.path = resolve(e, path);
	x.new_text = strdup(text);
	if (!x.path || !x.new_text) {
		edit_done(&x);
		return err_nomem(err);
	}
	/* Following a link out of the real files would change something else than a file. */
	if (strncmp(x.path, "/proc/", 6) == 0 || strncmp(x.path, "/sys/", 5) == 0 ||
	    strncmp(x.path, "/dev/", 5) == 0) {
		r = err_set(err, EINVAL, "%s leads to %s: not changed", path, x.path);
		edit_done(&x);
		return r;
	}
	r = guest_edit_read(e, x.path, &x.old_text, NULL);
	if (r < 0 && r != -ENOENT) {
		edit_done(&x);
		return err_set(err, -r, "%s is not a text file that could be changed", path);
	}
	x.existed = r >= 0;
	return stage(e, x, err);
}

int guest_edit_remove(struct guest_edits *e, const char *path, struct err *err)
{
	struct guest_edit x = { .kind = EDIT_REMOVE, .existed = true };

	x.path = strdup(path);
	if (!x.path)
		return err_nomem(err);
	x.old_text = guest_readlink(e->guest, path);
	if (x.old_text) {
		/* A link's "content" is where it leads. */
		char *line;

		if (asprintf(&line, "-> %s\n", x.old_text) < 0) {
			edit_done(&x);
			return err_nomem(err);
		}
		free(x.old_text);
		x.old_text = line;
	} else if (guest_edit_read(e, path, &x.old_text, NULL) < 0) {
		x.old_text = NULL;
	}
	return stage(e, x, err);
}

int guest_edit_symlink(struct guest_edits *e, const char *path, const char *target, struct err *err)
{
	struct guest_edit x = { .kind = EDIT_SYMLINK };

	x.path = strdup(path);
	x.new_text = strdup(target);
	if (!x.path || !x.new_text) {
		edit_done(&x);
		return err_nomem(err);
	}
	x.existed = guest_edit_exists(e, path);
	return stage(e, x, err);
}

int guest_edit_copy(struct guest_edits *e, const char *from, const char *path, struct err *err)
{
	struct guest_edit x = { .kind = EDIT_COPY };

	x.path = strdup(path);
	x.new_text = strdup(from);
	if (!x.path || !x.new_text) {
		edit_done(&x);
		return err_nomem(err);
	}
	x.existed = exists_now(e->guest, path);
	return stage(e, x, err);
}

int guest_edit_rebuilt(struct guest_edits *e, const char *path, struct err *err)
{
	struct guest_edit x = { .kind = EDIT_REBUILD, .existed = true, .done = !e->guest->dry_run };

	x.path = strdup(path);
	if (!x.path)
		return err_nomem(err);
	return stage(e, x, err);
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
	if (guest_is_dir(guest, dir))
		return 0;
	if (guestfs_mkdir_p(guest->g, dir) < 0)
		return guest_fail(guest, err, "cannot make the folder %s", dir);
	return 0;
}

/* A new file gets the SELinux label of its folder, as it would have when made by the guest. */
static void label_like_parent(struct guest *guest, const char *path, const char *tmp)
{
	CLEANUP(mem_free) char *dir = strdup(path), *label = NULL;
	size_t n = 0;
	char *slash;

	if (!dir || !(slash = strrchr(dir, '/')))
		return;
	*(slash == dir ? slash + 1 : slash) = '\0';
	label = guestfs_lgetxattr(guest->g, dir, "security.selinux", &n);
	if (label && n && n <= 1024)
		guestfs_lsetxattr(guest->g, "security.selinux", label, (int)n, tmp);
}

static int do_write(struct guest *guest, const struct guest_edit *x, struct err *err)
{
	CLEANUP(mem_free) char *tmp = NULL;
	guestfs_h *g = guest->g;
	int r;

	r = make_parent(guest, x->path, err);
	if (r < 0)
		return r;
	if (asprintf(&tmp, "%s.p2v-new", x->path) < 0)
		return err_nomem(err);
	/* Not through a link that someone left under this name. */
	if (exists_now(guest, tmp) && guestfs_rm_f(g, tmp) < 0)
		return guest_fail(guest, err, "cannot remove %s", tmp);
	if (guestfs_write(g, tmp, x->new_text, strlen(x->new_text)) < 0)
		return guest_fail(guest, err, "cannot write %s", x->path);
	if (x->existed) {
		/*
		 * vfat has neither owners nor extended attributes: what it has is kept by itself.
		 */
		if (guestfs_copy_attributes(g, x->path, tmp, GUESTFS_COPY_ATTRIBUTES_ALL, 1, -1) <
		    0)
			guestfs_copy_attributes(g, x->path, tmp, GUESTFS_COPY_ATTRIBUTES_MODE, 1,
						GUESTFS_COPY_ATTRIBUTES_OWNERSHIP, 1, -1);
	} else {
		if (guestfs_chmod(g, x->mode, tmp) < 0)
			return guest_fail(guest, err, "cannot set the mode of %s", x->path);
		label_like_parent(guest, x->path, tmp);
	}
	if (guestfs_mv(g, tmp, x->path) < 0) {
		r = guest_fail(guest, err, "cannot replace %s", x->path);
		guestfs_rm_f(g, tmp);
		return r;
	}
	return 0;
}

static int do_copy(struct guest *guest, const struct guest_edit *x, struct err *err)
{
	CLEANUP(mem_free) char *keep = NULL;
	guestfs_h *g = guest->g;
	int r = make_parent(guest, x->path, err);

	if (r < 0)
		return r;
	if (x->existed) {
		if (asprintf(&keep, "%s.p2v", x->path) < 0)
			return err_nomem(err);
		if (!exists_now(guest, keep) && guestfs_mv(g, x->path, keep) < 0)
			return guest_fail(guest, err, "cannot keep the old %s", x->path);
	}
	if (guestfs_cp(g, x->new_text, x->path) < 0)
		return guest_fail(guest, err, "cannot copy %s to %s", x->new_text, x->path);
	return 0;
}

static int commit_one(struct guest *guest, const struct guest_edit *x, struct err *err)
{
	guestfs_h *g = guest->g;
	int r;

	switch (x->kind) {
	case EDIT_WRITE:
		return do_write(guest, x, err);
	case EDIT_REMOVE:
		if (guestfs_rm_f(g, x->path) < 0)
			return guest_fail(guest, err, "cannot remove %s", x->path);
		return 0;
	case EDIT_SYMLINK:
		r = make_parent(guest, x->path, err);
		if (r < 0)
			return r;
		if (guestfs_ln_sf(g, x->new_text, x->path) < 0)
			return guest_fail(guest, err, "cannot make the link %s", x->path);
		return 0;
	case EDIT_COPY:
		return do_copy(guest, x, err);
	case EDIT_REBUILD:
		return 0;
	}
	return 0;
}

int guest_edit_commit(struct guest_edits *e, struct err *err)
{
	for (size_t i = 0; i < e->n; i++) {
		int r;

		if (e->v[i].done || e->v[i].owner != e->owner)
			continue;
		r = commit_one(e->guest, &e->v[i], err);
		if (r < 0)
			return r;
		e->v[i].done = true;
	}
	return 0;
}

void guest_edit_drop(struct guest_edits *e)
{
	size_t keep = 0;

	/* What is dropped is at the end: steps run one after another. */
	for (size_t i = 0; i < e->n; i++) {
		if (e->v[i].owner != e->owner || e->v[i].done) {
			e->v[keep++] = e->v[i];
			continue;
		}
		edit_done(&e->v[i]);
	}
	/*
	 * machine_grow() takes a power-of-two count to mean that the room is full and doubles it
	 * from the count, so giving up elements at the end is safe.
	 */
	e->n = keep;
}
