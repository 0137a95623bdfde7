/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The logical volumes of one group, as volumes of an assembly. Internal to lvm_*.c.
 *
 *	lvm_volumes.c	which LVs are volumes, and what is said of those that have no space
 *	lvm_layout.c	an LV's space out of its segments; raid.c and thin.c help
 *
 * An LV that no other is made of and that is read as it lies there becomes a space. All others stay
 * used, with a reason. That includes what is only half of the truth: an origin whose snapshot still
 * needs blocks that are free by now, an LV with newer data in a cache.
 */
#ifndef P2V_DISK_LVM_VOLUMES_H
#define P2V_DISK_LVM_VOLUMES_H

#include "disk/assembly.h"
#include "disk/lvm/lvm_vg.h"

struct lvm_slot {			/* for a PV of the group */
	struct space *space;		/* NULL: not here, or in doubt */
	size_t member;			/* which member of the assembly it is */
	uint64_t pe_start;		/* bytes; lvm_group_walk() has checked what lies on it */
	bool in_doubt;			/* a member has its UUID */
};

/* slots: one for each of vg->pvs. Adds volumes to a. -ENOMEM. */
int lvm_volumes_make(const struct lvm_vg *vg, const struct lvm_slot *slots, struct assembly *a,
		     struct err *err);

/* --- between the two files --- */

/* Who names an LV: the worst that was found. */
enum lvm_user { LVM_FREE, LVM_POOL, LVM_PART, LVM_EXTERNAL, LVM_COW, LVM_ORIGIN };

struct lvm_lv {
	const char *name;
	const struct lvm_node *node;
	bool visible, known_flags, in_sync;
	enum lvm_user user;
	size_t parts;			/* how often it is a part of others */
	enum { LVM_NEW, LVM_BUSY, LVM_DONE } state;
	struct space *space;		/* when it is done: this or why not */
	char *why;
};

struct lvm_maker {
	const struct lvm_vg *vg;
	const struct lvm_slot *slots;
	struct assembly *a;
	struct lvm_lv *lvs;		/* one for each of vg->lvs */
	unsigned int depth;		/* of parts of parts, now */
	struct err *err;
};

/* Sets space or why; -ENOMEM. */
int lvm_layout_resolve(struct lvm_maker *m, struct lvm_lv *lv);
/* The LV of that name, resolved, when it is a part of nothing but this; NULL with why set. */
int lvm_layout_part(struct lvm_maker *m, struct lvm_lv *of, const char *name,
		    struct lvm_lv **ret);
/* Forgets the space. 0, -ENOMEM. */
int lvm_layout_none(struct lvm_maker *m, struct lvm_lv *lv, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The members that an LV with a space lies on. */
int lvm_layout_members(struct lvm_maker *m, const struct lvm_lv *lv, struct assembly_volume *v);

#endif
