/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks, their partitions, and the volumes made of them: the walk itself. See blk_walk.h. */
#include "inventory/collect.h"

#include <errno.h>
#include "common/text.h"
#include "inventory/block/blk_content.h"
#include "inventory/block/blk_text.h"
#include "inventory/block/blk_walk.h"

static int add_one(struct blk_walk *b, const char *sysname)
{
	char shown[64];

	if (!blk_text_is_device(sysname))
		return collect_warn(b->m, "block device %s has no usable name and is left out",
				    text_escape_str(sysname, shown, sizeof(shown)));
	return blk_volume_is(sysname) ? blk_volume_add(b, sysname) : blk_disk_add(b, sysname);
}

int collect_block(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(blk_walk_done) struct blk_walk b = { .root = root, .m = m };
	char **names = NULL;
	int r;

	r = sysroot_list(root, &names, "/sys/block");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return collect_warn(m, "cannot read /sys/block: the disks are not known") < 0 ?
		       err_nomem(err) : 0;
	if (blk_walk_load(&b, names) < 0)
		return err_nomem(err);
	for (char **p = b.names; *p; p++)
		if (add_one(&b, *p) < 0)
			return err_nomem(err);
	blk_content_settle(m);
	return 0;
}
