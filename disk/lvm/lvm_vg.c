/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/lvm/lvm_vg.h"

#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"

int lvm_vg_find(const struct lvm_source *s, const struct lvm_node *root,
		const struct lvm_node **ret)
{
	const char *contents = lvm_text_child_string(root, "contents");
	const struct lvm_node *vg = NULL;
	uint64_t version;

	if (!contents || strcmp(contents, "Text Format Volume Group") != 0 ||
	    !lvm_text_child_number(root, "version", &version) || version != 1)
		return lvm_source_doubt(s, "the LVM metadata has an unknown version");
	for (const struct lvm_node *n = root->children; n; n = n->next) {
		if (n->kind != LVM_SECTION)
			continue;
		if (vg)
			return lvm_source_doubt(s, "the LVM metadata describes two volume groups");
		vg = n;
	}
	if (!vg)
		return lvm_source_doubt(s, "the LVM metadata describes no volume group");
	*ret = vg;
	return 1;
}

static int by_name(const void *a, const void *b)
{
	const struct lvm_item *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int list_items(const struct lvm_source *s, const struct lvm_node *parent, const char *what,
		      struct lvm_items *ret)
{
	size_t n = 0;

	for (const struct lvm_node *c = parent ? parent->children : NULL; c; c = c->next)
		n++;
	ret->v = calloc(n + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_nomem(s->err);
	for (const struct lvm_node *c = parent ? parent->children : NULL; c; c = c->next) {
		if (c->kind != LVM_SECTION)
			return lvm_source_doubt(s, "%s cannot be understood", what);
		ret->v[ret->n++] = (struct lvm_item){ c->name, c };
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	for (size_t i = 1; i < ret->n; i++)
		if (strcmp(ret->v[i - 1].name, ret->v[i].name) == 0)
			return lvm_source_doubt(s, "two %ss are called %s", what, ret->v[i].name);
	return 1;
}

static int read_lists(const struct lvm_source *s, struct lvm_vg *vg)
{
	const struct lvm_node *pvs = lvm_text_child(vg->node, "physical_volumes", LVM_SECTION);
	const struct lvm_node *lvs = lvm_text_child(vg->node, "logical_volumes", LVM_SECTION);
	int r;

	if (!pvs)
		return lvm_source_doubt(s, "volume group %s lists no PVs", vg->node->name);
	for (const struct lvm_node *n = vg->node->children; n && !lvs; n = n->next)
		if (strcmp(n->name, "logical_volumes") == 0)
			return lvm_source_doubt(s, "volume group %s lists its LVs in an odd way",
						vg->node->name);
	r = list_items(s, pvs, "PV", &vg->pvs);
	return r <= 0 ? r : list_items(s, lvs, "LV", &vg->lvs);
}

int lvm_vg_read(const struct lvm_source *s, const struct lvm_node *root, struct lvm_vg *ret)
{
	static const char *const vg_status[] = {
		"RESIZEABLE", "READ", "WRITE", "WRITE_LOCKED", "EXPORTED", "CLUSTERED", "SHARED",
		NULL
	};
	static const char *const no_words[] = { NULL };
	CLEANUP(lvm_vg_done) struct lvm_vg vg = { 0 };
	uint64_t sectors;
	int r;

	r = lvm_vg_find(s, root, &vg.node);
	if (r <= 0)
		return r;
	if (!lvm_text_only_words(vg.node, "status", vg_status) ||
	    !lvm_text_only_words(vg.node, "flags", no_words))
		return lvm_source_doubt(s, "volume group %s is marked in an unknown way",
					vg.node->name);
	if (!lvm_text_child_number(vg.node, "extent_size", &sectors) || sectors == 0 ||
	    !u64_mul(sectors, LVM_SECTOR, &vg.extent_size))
		return lvm_source_doubt(s, "volume group %s has no extent size", vg.node->name);
	vg.id = lvm_text_child_string(vg.node, "id");
	(void)lvm_text_child_number(vg.node, "seqno", &vg.seqno);
	r = read_lists(s, &vg);
	if (r <= 0)
		return r;
	*ret = vg;
	vg = (struct lvm_vg){ 0 };
	return 1;
}

void lvm_vg_done(struct lvm_vg *vg)
{
	free(vg->pvs.v);
	free(vg->lvs.v);
	*vg = (struct lvm_vg){ 0 };
}

size_t lvm_items_find(const struct lvm_items *items, const char *name)
{
	const struct lvm_item key = { .name = name };
	const struct lvm_item *found;

	found = items->n ? bsearch(&key, items->v, items->n, sizeof(key), by_name) : NULL;
	return found ? (size_t)(found - items->v) : LVM_NOBODY;
}

void lvm_vg_dashed(const char *plain, char ret[static 40])
{
	char *to = ret;

	for (int i = 0; i < 32; i++) {
		/* Dashes after 6, 10, 14, ... 26. */
		if (i >= 6 && i <= 26 && (i - 6) % 4 == 0)
			*to++ = '-';
		*to++ = plain[i];
	}
	*to = '\0';
}

const struct lvm_node *lvm_vg_segment(const struct lvm_node *lv, const struct lvm_node *prev)
{
	const struct lvm_node *n = prev ? prev->next : lv->children;

	while (n && (n->kind != LVM_SECTION || strncmp(n->name, "segment", 7) != 0))
		n = n->next;
	return n;
}
