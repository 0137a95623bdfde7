/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks, their partitions, and the volumes made of them: the walk itself. See blk_walk.h. */
#include "inventory/collect.h"

#include <errno.h>
#include "inventory/blk_content.h"
#include "inventory/blk_text.h"
#include "inventory/blk_walk.h"

int collect_block(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(blk_walk_done) struct blk_walk b = { .root = root, .m = m };
	CLEANUP(strv_free) char **names = NULL;
	int r;

	r = sysroot_list(root, &names, "/sys/block");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return collect_warn(m, "cannot read /sys/block: the disks are not known") < 0 ?
		       err_nomem(err) : 0;
	if (blk_walk_load(&b) < 0)
		return err_nomem(err);
	for (char **p = names; *p; p++) {
		if (blk_text_starts(*p, "dm-") || blk_text_starts(*p, "md")) {
			r = blk_volume_add(&b, *p, *p, NULL);
			if (r == 0 && blk_text_starts(*p, "md"))
				r = blk_volume_add_md_partitions(&b, *p);
		} else {
			r = blk_disk_add(&b, *p);
		}
		if (r < 0)
			return err_nomem(err);
	}
	blk_content_settle(m);
	return 0;
}
