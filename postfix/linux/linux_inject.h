/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest agent from a package of the host (fix_options.inject): the file that fits the guest's
 * kind of packages and its processor is copied into the guest, and installed there by the guest's
 * own package manager, without a network.
 */
#ifndef P2V_POSTFIX_LINUX_INJECT_H
#define P2V_POSTFIX_LINUX_INJECT_H

#include "postfix/fixer.h"

/*
 * The file that would be installed, malloc'd, in *ret; NULL, and said why, when there is none that
 * fits.
 */
int linux_inject_choose(struct fixer *f, char **ret, struct err *err);
/* Install it. What failed is taken out again. */
int linux_inject_install(struct fixer *f, const char *file, struct err *err);

#endif
