/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a pure rewriter noted, told to the user by the row that called it. */
#ifndef P2V_POSTFIX_LINUX_NOTES_H
#define P2V_POSTFIX_LINUX_NOTES_H

#include "postfix/fixer.h"

/* Each note becomes a line of the row's report. Frees them; returns r, or -ENOMEM. */
int linux_notes_say(struct fixer *f, struct machine_strv *notes, int r);
/* And a warning, too: something is left for the user to do. */
int linux_notes_warn(struct fixer *f, struct machine_strv *notes, int r);

#endif
