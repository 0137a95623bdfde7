/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes to a guest's files, staged first and committed later, so that a dry run and a real run
 * are the same code up to the last step.
 *
 *	guest_edit_read()    the file as it is, or as an earlier staged change leaves it
 *	guest_edit_write()   stage new text         \
 *	guest_edit_remove()  stage a removal         >  a struct guest_edit each, with both sides
 *	guest_edit_symlink() stage a symlink        /
 *	guest_edit_commit()  do what is staged and not yet done
 *	guest_edit_drop()    forget what is staged and not yet done (the fix failed)
 *
 * A file is replaced by a temporary one renamed over it, which takes over owner, mode, ACLs and
 * SELinux label; a symlink is followed to the file it names, inside the guest. Edits stay in the
 * list after the commit: the report is made from them.
 */
#ifndef P2V_POSTFIX_GUEST_EDIT_H
#define P2V_POSTFIX_GUEST_EDIT_H

#include <stdbool.h>
#include "common/err.h"
#include "postfix/guest.h"

enum edit_kind { EDIT_WRITE, EDIT_REMOVE, EDIT_SYMLINK, EDIT_COPY, EDIT_REBUILD };

struct guest_edit {
	enum edit_kind kind;
	char *path;			/* symlinks resolved for EDIT_WRITE */
	char *old_text;			/* NULL: there was nothing (or no text) */
	char *new_text; /* EDIT_WRITE: content; SYMLINK: target; COPY: source path */
	int mode;			/* of a new file */
	bool existed;
	bool done;
	unsigned int owner;		/* the step that made it */
};

struct guest_edits {
	struct guest_edit *v;
	size_t n;
	unsigned int owner;		/* the step that is staging now */
	struct guest *guest;		/* borrowed */
};

void guest_edit_done(struct guest_edits *e);
/*
 * A text file: at most GUEST_TEXT_MAX, no NUL in it. -ENOENT, -EFBIG, -EILSEQ (not text) as they
 * are; err may be NULL.
 */
int guest_edit_read(struct guest_edits *e, const char *path, char **ret, struct err *err);
/* Is there a file (or a symlink of any kind) after what is staged? */
bool guest_edit_exists(struct guest_edits *e, const char *path);
/* mode is for a file that is not there yet; its folder is made when it is missing. */
int guest_edit_write(struct guest_edits *e, const char *path, const char *text, int mode,
		     struct err *err);
/* A file or a symlink (not what it points to). */
int guest_edit_remove(struct guest_edits *e, const char *path, struct err *err);
int guest_edit_symlink(struct guest_edits *e, const char *path, const char *target,
		       struct err *err);
/* Copy a file of the guest over path; a different file in the way is kept as path.p2v. */
int guest_edit_copy(struct guest_edits *e, const char *from, const char *path, struct err *err);
/* Record that a command changed path; nothing is left to be done at commit. */
int guest_edit_rebuilt(struct guest_edits *e, const char *path, struct err *err);

int guest_edit_commit(struct guest_edits *e, struct err *err);
void guest_edit_drop(struct guest_edits *e);

#endif
