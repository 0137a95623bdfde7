/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See item.h. */
#include "p2v-agent/item.h"

#include <stdlib.h>

struct item *item_new(enum item_kind kind, size_t disk, uint64_t offset, uint64_t length)
{
	struct item *it = calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->kind = kind;
	it->disk = (uint16_t)disk;
	it->offset = offset;
	it->length = length;
	return it;
}

void item_free(struct item *it)
{
	if (!it)
		return;
	if (it->bufs) {
		bufs_give(it->bufs, it->raw);
		bufs_give(it->bufs, it->scratch);
	}
	extents_done(&it->bad);
	free(it->patch);
	free(it);
}
