/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * modules.dep: the modules of a kernel, and what each of them needs.
 *
 *	kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz ...
 *
 * Paths are below /lib/modules/VERSION; those with that folder in front, as old systems write them,
 * are cut. Pure.
 */
#ifndef P2V_POSTFIX_MODDEP_H
#define P2V_POSTFIX_MODDEP_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"
#include "inventory/machine.h"
#include "postfix/linux/lines.h"

struct moddep_line {
	struct span path, needs;
};

struct moddep {
	struct moddep_line *v;		/* sorted by path; spans of the text */
	size_t n;
};

/* The text must outlive the result. -ENOMEM. */
int moddep_parse(const char *text, const char *version, struct moddep *ret);
void moddep_done(struct moddep *d);
DEFINE_CLEANUP_VALUE(struct moddep, moddep_done)
bool moddep_has_path(const struct moddep *d, const char *path);
/*
 * The files of these modules (names as lsmod shows them) and of all that they need, each once, added
 * to ret. Names that are not there are passed over: they may be built in. -ENOMEM.
 */
int moddep_closure(const struct moddep *d, const char *const *names, size_t n,
		   struct machine_strv *ret);

#endif
