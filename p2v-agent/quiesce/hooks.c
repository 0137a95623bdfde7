/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/compiler.h"
#include "common/spawn.h"
#include "common/text.h"
#include "p2v-agent/quiesce/solitary.h"

#define OUTPUT_MAX	4096

/* What editors and package managers leave beside a file, and samples. */
static bool left_behind(const char *name)
{
	static const char *const patterns[] = {
		".*", "*~", "*.bak", "*.bk", "*.orig", "*.swp", "*.sample", "*.rpmnew", "*.rpmorig",
		"*.rpmsave", "*.dpkg-*", "*.ucf-*",
	};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int distrust(const char *path, struct err *err)
{
	char shown[512];

	err_set(err, EPERM, "the hook %s belongs to, or may be changed by, somebody else than root",
		text_escape_str(path, shown, sizeof(shown)));
	err_hint(err, "chown root and chmod go-w, of the file and its folder; or remove it");
	return -EPERM;
}

static int add(struct hooks *h, const char *path)
{
	struct hook *more = reallocarray(h->v, h->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	h->v = more;
	h->v[h->n] = (struct hook){ .path = strdup(path), .step = -1 };
	return h->v[h->n].path ? (int)h->n++ : -ENOMEM;
}

static int take(const char *dir, const char *name, struct hooks *h, struct err *err)
{
	char path[4096];
	struct stat st;

	if (left_behind(name))
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "a hook's name is too long");
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return 0;
	if (!trusted(&st))
		return distrust(path, err);
	return add(h, path) < 0 ? err_nomem(err) : 0;
}

int hooks_find(const char *dir, struct hooks *h, struct err *err)
{
	struct dirent **names = NULL;
	struct stat st;
	int n, r = 0;

	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : err_errno(err, "cannot look for hooks in %s", dir);
	if (stat(dir, &st) < 0)
		r = err_errno(err, "cannot look for hooks in %s", dir);
	else if (!trusted(&st))
		r = distrust(dir, err);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = take(dir, names[i]->d_name, h, err);
		free(names[i]);
	}
	free(names);
	return r;
}

void hooks_done(struct hooks *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->v[i].path);
		free(h->v[i].output);
	}
	free(h->v);
	*h = (struct hooks){ 0 };
}

/* The first line of what it said, to standard error rather than to standard output. */
static int failed(const struct hook *k, const struct spawn_result *res, struct err *err)
{
	const char *said = res->errtext[0] ? res->errtext : res->out;
	char line[256], path[512];

	text_escape(said, strcspn(said, "\n"), line, sizeof(line));
	text_escape_str(k->path, path, sizeof(path));
	return err_set(err, ECANCELED, "the hook %s stops the freeze with status %d%s%s", path,
		       res->status, line[0] ? ": " : "", line);
}

static int freeze_one(struct hook *k, struct deadman *d, unsigned int timeout_s, struct err *err)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	const char *undo[] = { k->path, "thaw", NULL };
	char word[] = "freeze", *argv[] = { k->path, word, NULL };
	uint64_t before = solitary_now();
	int r;

	r = deadman_add(d, undo, NULL, timeout_s, err);
	if (r < 0)
		return r;
	k->step = r;
	r = spawn_run(argv, NULL, 0, timeout_s, OUTPUT_MAX, &res, err);
	k->freeze_ns = solitary_now() - before;
	if (r < 0)
		return r;
	if (deadman_fired(d) != DEADMAN_NOT) {
		/* Its thaw has run already, perhaps before its freeze was through. */
		deadman_again(d, k->step, NULL);
		return err_set(err, ETIME, "the hooks were thawed already: %s",
			       deadman_reason_text(deadman_fired(d)));
	}
	if (res.status != 0)
		return failed(k, &res, err);
	free(k->output);
	k->output = TAKE_PTR(res.out);
	return 0;
}

int hooks_freeze(struct hooks *h, struct deadman *d, unsigned int timeout_s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < h->n; i++)
		h->v[i].step = -1;
	for (size_t i = 0; r == 0 && i < h->n; i++)
		r = freeze_one(&h->v[i], d, timeout_s, err);
	return r;
}

int hooks_thaw(struct hooks *h, struct deadman *d, struct err *err)
{
	for (size_t i = 0; i < h->n; i++)
		h->v[i].step = -1;
	return deadman_undo(d, err);
}
