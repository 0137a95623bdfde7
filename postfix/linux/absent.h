/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks of the machine that were not copied: may the system do without them? Pure.
 */
#ifndef P2V_POSTFIX_ABSENT_H
#define P2V_POSTFIX_ABSENT_H

#include <stdbool.h>
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/devmap.h"

/*
 * copied: the names of the disks that there are images of, NULL-terminated. A disk that was left
 * out is told in notes. -ENOTSUP with the reason: it is a part of a volume group, an array without
 * redundancy, or a filesystem whose other parts were copied.
 */
int absent_check(const struct machine *m, const char *const *copied, struct machine_strv *notes,
		 struct err *err);
/*
 * fstab lines whose device was not copied, and that the system can start without, go behind a
 * marker. 1 and *ret (malloc'd), 0, or -ENOMEM.
 */
int absent_comment_fstab(const char *text, const struct devmap *map, char **ret,
			 struct machine_strv *notes);
/* Lines of such devices that have no field for options get one, with nofail in it. As above. */
int absent_optional_fstab(const char *text, const struct devmap *map, char **ret,
			  struct machine_strv *notes);

#define ABSENT_MARKER	"#p2v: not copied: "

#endif
