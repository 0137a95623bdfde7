/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/guest_edit.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"

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
	real = guest_realpath(e->guest, path);
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
	struct guest_stat st;

	return guest_lstat(guest, path, &st, NULL) == 0;
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

static int do_copy(struct guest *guest, const struct guest_edit *x, struct err *err)
{
	CLEANUP(mem_free) char *keep = NULL;
	int r = 0;

	if (x->existed) {
		keep = text_format("%s.p2v", x->path);
		if (!keep)
			return err_nomem(err);
		if (!exists_now(guest, keep))
			r = guest_rename(guest, x->path, keep, err);
	}
	return r < 0 ? r : guest_copy(guest, x->new_text, x->path, err);
}

static int commit_one(struct guest *guest, const struct guest_edit *x, struct err *err)
{
	switch (x->kind) {
	case EDIT_WRITE:
		return guest_put(guest, x->path, x->new_text, strlen(x->new_text),
				 (unsigned int)x->mode, err);
	case EDIT_REMOVE:
		return guest_remove(guest, x->path, err);
	case EDIT_SYMLINK:
		return guest_symlink(guest, x->path, x->new_text, err);
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
