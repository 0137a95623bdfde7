/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The free extents of each PV. */
#include "disk/lvm/lvm_assemble.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "common/text.h"
#include "disk/lvm/lvm_meta.h"

static int free_extents(const struct lvm_pv *pv, struct extents *ret, struct err *err)
{
	uint64_t at = pv->pe_start, end = at + pv->extents * pv->extent_size;

	/* lvm_pv_read() has checked that all of this lies in the PV, in order. */
	for (size_t i = 0; i <= pv->allocated.n; i++) {
		const struct extent *x = i < pv->allocated.n ? &pv->allocated.v[i] : NULL;
		uint64_t to = x ? x->offset : end;

		assert(to >= at && to <= end);
		if (extents_add(ret, at, to - at, 0) < 0)
			return err_nomem(err);
		at = x ? x->offset + x->length : end;
	}
	return 0;
}

static int read_member(const struct space *s, struct assembly_member *m, struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(mem_free) char *why = NULL;
	int r;

	r = lvm_pv_read(s, &pv, &why, err);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && err)
		err_reset(err);
	m->trusted = r == 1;
	m->why = r == 1 ? strdup("LVM extent map") :
		 text_format("%s: all used", r == 0 ? why : "its metadata is unreadable");
	if (!m->why)
		return err_nomem(err);
	return m->trusted ? free_extents(&pv, &m->free, err) : 0;
}

int lvm_assemble(struct space *const *pvs, size_t n, struct assembly *ret, struct err *err)
{
	CLEANUP(assembly_done) struct assembly a = { 0 };
	int r;

	r = assembly_init(&a, n, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_member(pvs[i], &a.members[i], err);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct assembly){ 0 };
	return 0;
}
