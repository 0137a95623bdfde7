/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An LVM physical volume: extents that no logical volume has are free. Everything else, from the
 * label to the rest behind the last extent, stays used.
 */
#include <assert.h>
#include <string.h>
#include "common/bytes.h"
#include "disk/lvm_meta.h"
#include "disk/usedmap.h"

int usedmap_lvm(const struct disk *d, uint64_t offset, uint64_t length, struct bitmap *map,
		char **ret_why, struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(mem_free) char *why = NULL;
	uint64_t at, end;
	int r;

	r = lvm_pv_read(d, offset, length, &pv, &why, err);
	if (r < 0)
		return r;
	if (r == 0) {
		char *text;

		if (asprintf(&text, "%s: all used", why) < 0)
			return err_nomem(err);
		*ret_why = text;
		return 0;
	}
	*ret_why = strdup("LVM extent map");
	if (!*ret_why)
		return err_nomem(err);

	/* lvm_pv_read() has checked that all of this lies in the partition, in order. */
	at = pv.pe_start;
	end = pv.pe_start + pv.extents * pv.extent_size;
	assert(end <= length);
	for (size_t i = 0; i < pv.allocated.n; i++) {
		const struct extent *x = &pv.allocated.v[i];

		assert(x->offset >= at && x->offset + x->length <= end);
		bitmap_clear_range(map, offset + at, x->offset - at);
		at = x->offset + x->length;
	}
	bitmap_clear_range(map, offset + at, end - at);
	return 1;
}
