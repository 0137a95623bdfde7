/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Layers, each of which may end in doubt (0), success (1) or an error:
 *
 *	lvm_label	label and PV header: where the data area and the metadata areas are
 *	lvm_area	the metadata areas' rings: the committed text
 *	lvm_text	the text parsed into a tree
 *	lvm_vg		what of it is one volume group, which lvm_group walks
 */
#include <inttypes.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "disk/lvm/lvm_group.h"
#include "disk/lvm/lvm_label.h"
#include "disk/lvm/lvm_meta.h"
#include "disk/lvm/lvm_text.h"

static int read_space(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return space_read(arg, buf, len, offset, err);
}

int lvm_pv_read(const struct space *space, struct lvm_pv *ret, char **ret_why, struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(lvm_vg_done) struct lvm_vg vg = { 0 };
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct lvm_source s = {
		.read = read_space,
		.arg = (void *)(uintptr_t)space,
		.length = space->size,
		.why = &why,
		.err = err,
	};
	struct lvm_header h;
	size_t len = 0;
	int r;

	r = lvm_label_read(&s, &h);
	if (r > 0)
		r = lvm_area_read(&s, &h, &text, &len);
	if (r > 0)
		r = lvm_text_parse(&s, text, len, &root);
	if (r > 0)
		r = lvm_vg_read(&s, root, &vg);
	if (r > 0)
		r = lvm_group_walk(&s, &vg, &h, &pv);
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
