/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LVM2's text metadata, parsed into a tree, and questions to the tree. Internal to lvm_*.c. The
 * text passed its checksum, but whoever wrote it may be hostile: depth and numbers are bounded.
 *
 *	vg0 {				LVM_SECTION "vg0"
 *		extent_size = 8192		LVM_NUMBER "extent_size"
 *		status = ["READ", "WRITE"]	LVM_ARRAY "status" of two LVM_STRING
 */
#ifndef P2V_DISK_LVM_TEXT_H
#define P2V_DISK_LVM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "disk/lvm/lvm_source.h"

enum lvm_kind { LVM_SECTION, LVM_NUMBER, LVM_STRING, LVM_ARRAY };

struct lvm_node {
	struct lvm_node *next, *children;
	char *name;			/* NULL in an array */
	enum lvm_kind kind;
	uint64_t number;
	char *string;
};

/* 1 and the tree's root, a section without a name; 0 (doubt); -ENOMEM. s is for the doubt only. */
int lvm_text_parse(const struct lvm_source *s, const char *text, size_t len, struct lvm_node **ret);
void lvm_text_free(struct lvm_node *n);
DEFINE_CLEANUP(struct lvm_node *, lvm_text_free)

/* The one child of that name and kind; NULL when there is none, or more than one of the name. */
const struct lvm_node *lvm_text_child(const struct lvm_node *parent, const char *name,
				      enum lvm_kind kind);
/* False, and *ret untouched, when there is no such child. */
bool lvm_text_child_number(const struct lvm_node *parent, const char *name, uint64_t *ret);
const char *lvm_text_child_string(const struct lvm_node *parent, const char *name);
/* Is every word of the array in the (NULL-ended) list? A missing array is not. */
bool lvm_text_only_words(const struct lvm_node *parent, const char *name,
			 const char *const *allowed);
bool lvm_text_has_word(const struct lvm_node *parent, const char *name, const char *word);
/* parent may be NULL, and then has none. */
bool lvm_text_has_section(const struct lvm_node *parent, const char *name);

#endif
