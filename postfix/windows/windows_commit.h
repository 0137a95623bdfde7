/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last row of the table of fixes for Windows. Internal to postfix/. */
#ifndef P2V_POSTFIX_WINDOWS_COMMIT_H
#define P2V_POSTFIX_WINDOWS_COMMIT_H

#include "postfix/windows/windows.h"

int windows_commit_detect(struct fixer *f, struct err *err);
int windows_commit_apply(struct fixer *f, struct err *err);

#endif
