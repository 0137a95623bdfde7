/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/linux_notes.h"

#include <stdlib.h>

static int tell(struct fixer *f, struct machine_strv *notes, int r, bool warn)
{
	for (size_t i = 0; i < notes->n; i++) {
		fixer_say(f, "%s", notes->v[i]);
		if (warn && fixer_warn(f, "%s", notes->v[i]) < 0)
			r = -ENOMEM;
		free(notes->v[i]);
	}
	free(notes->v);
	*notes = (struct machine_strv){ 0 };
	return r;
}

int linux_notes_say(struct fixer *f, struct machine_strv *notes, int r)
{
	return tell(f, notes, r, false);
}

int linux_notes_warn(struct fixer *f, struct machine_strv *notes, int r)
{
	return tell(f, notes, r, true);
}
