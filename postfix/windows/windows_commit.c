/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last row: what the others prepared is written. Files come first, then SOFTWARE, then SYSTEM,
 * which decides what the next start loads: whatever happens on the way, no registry names a driver
 * that is not there.
 */
#include "postfix/windows/windows_commit.h"

#include <fcntl.h>

int windows_commit_detect(struct fixer *f, struct err *err)
{
	const struct windows *w = f->windows;
	static const char *const names[] = { "SYSTEM", "SOFTWARE" };
	struct hive *const hives[] = { w->system, w->software };

	for (size_t i = 0; i < w->nfiles; i++)
		if (guest_edit_rebuilt(&f->edits, w->files[i].path, err) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < 2; i++) {
		size_t n = hive_changes(hives[i])->n;

		if (!n)
			continue;
		fixer_say(f, "%zu changes of the registry hive %s", n, names[i]);
		if (guest_edit_rebuilt(&f->edits, hive_path(hives[i]), err) < 0)
			return -ENOMEM;
	}
	if (w->nfiles)
		fixer_say(f, "%zu files put into the guest", w->nfiles);
	return f->edits.n && (w->nfiles || hive_changes(w->system)->n ||
			      hive_changes(w->software)->n);
}

static int put_file(struct fixer *f, const struct windows_file *x, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (!x->host_path)
		return guest_put(f->guest, x->path, x->data, x->len, 0644, err);
	fd = open(x->host_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open %s", x->host_path);
	return guest_put_fd(f->guest, x->path, fd, 0644, err);
}

int windows_commit_apply(struct fixer *f, struct err *err)
{
	struct windows *w = f->windows;
	int r = 0;

	for (size_t i = 0; i < w->nfiles && r >= 0; i++)
		r = put_file(f, &w->files[i], err);
	if (r >= 0)
		r = hive_commit(w->software, err);
	if (r >= 0)
		r = hive_commit(w->system, err);
	return r;
}
