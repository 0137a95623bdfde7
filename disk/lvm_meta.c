/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three layers, each of which may end in doubt (0), success (1) or an error:
 *
 *	lvm_label	label and PV header: where the data area and the metadata areas are
 *	lvm_area	the metadata areas' rings: the committed text
 *	lvm_text	the text parsed into a tree, which lvm_group walks
 */
#include <inttypes.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "disk/lvm_group.h"
#include "disk/lvm_label.h"
#include "disk/lvm_meta.h"
#include "disk/lvm_text.h"

struct place {				/* the PV on its disk */
	const struct disk *d;
	uint64_t offset;
};

static int read_disk(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	const struct place *p = arg;

	return disk_read(p->d, buf, len, p->offset + offset, err);
}

int lvm_pv_read(const struct disk *d, uint64_t offset, uint64_t length, struct lvm_pv *ret,
		char **ret_why, struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct place place = { d, offset };
	struct lvm_source s = {
		.read = read_disk, .arg = &place, .length = length, .why = &why, .err = err
	};
	struct lvm_header h;
	size_t len = 0;
	int r;

	if (!range_inside(offset, length, d->size))
		return err_set(err, ERANGE,
			       "0x%" PRIx64 " bytes at 0x%" PRIx64 " are not inside %s",
			       length, offset, d->path);
	r = lvm_label_read(&s, &h);
	if (r > 0)
		r = lvm_area_read(&s, &h, &text, &len);
	if (r > 0)
		r = lvm_text_parse(&s, text, len, &root);
	if (r > 0)
		r = lvm_group_walk(&s, root, &h, &pv);
	if (r > 0) {
		*ret = pv;
		pv = (struct lvm_pv){ 0 };
	} else if (r == 0) {
		*ret_why = TAKE_PTR(why);
	}
	return r;
}

void lvm_pv_done(struct lvm_pv *pv)
{
	extents_done(&pv->allocated);
	extents_done(&pv->metadata);
	free(pv->vg_name);
	*pv = (struct lvm_pv){ 0 };
}
