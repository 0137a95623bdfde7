/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A volume group as its text metadata has it: its own values, and its PVs and LVs by name. Internal
 * to lvm_*.c. Names point into the tree, which must outlive this. There may be very many of them,
 * so they are sorted; a name that comes twice is a doubt.
 */
#ifndef P2V_DISK_LVM_VG_H
#define P2V_DISK_LVM_VG_H

#include "disk/lvm/lvm_source.h"
#include "disk/lvm/lvm_text.h"

#define LVM_NOBODY	SIZE_MAX

struct lvm_item {
	const char *name;
	const struct lvm_node *node;	/* a section */
};

struct lvm_items {
	struct lvm_item *v;		/* by name */
	size_t n;
};

struct lvm_vg {
	const struct lvm_node *node;
	const char *id;			/* may be NULL: only those who compare groups need it */
	uint64_t seqno;			/* 0: none */
	uint64_t extent_size;		/* bytes */
	struct lvm_items pvs, lvs;
};

/* 1, 0 (doubt), -ENOMEM. */
int lvm_vg_read(const struct lvm_source *s, const struct lvm_node *root, struct lvm_vg *ret);
void lvm_vg_done(struct lvm_vg *vg);
DEFINE_CLEANUP_VALUE(struct lvm_vg, lvm_vg_done)

/* The one group's section in the tree of a text; 0 (doubt) when there is none, or two. */
int lvm_vg_find(const struct lvm_source *s, const struct lvm_node *root,
		const struct lvm_node **ret);
/* Its number in the list, or LVM_NOBODY. */
size_t lvm_items_find(const struct lvm_items *items, const char *name);
/* "4Tcj7o-5f0B-...": 32 characters as the header has them, with dashes. */
void lvm_vg_dashed(const char *plain, char ret[static 40]);
/* The child behind prev (NULL: the first) that is a segment's section; NULL at the end. */
const struct lvm_node *lvm_vg_segment(const struct lvm_node *lv, const struct lvm_node *prev);

#endif
