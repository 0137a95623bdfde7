/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First all labels and texts are read, which tells the groups; only the newest text of a group
 * counts, and of texts no more than two are in memory at a time. Then each group is taken by
 * itself: its PVs are held against it, and its volumes made.
 */
#include "disk/lvm/lvm_assemble.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "disk/lvm/lvm_group.h"
#include "disk/lvm/lvm_volumes.h"

#define NO_GROUP	SIZE_MAX

struct pv {
	struct space *space;
	struct lvm_header header;
	bool labelled;			/* header is filled */
	bool bare;			/* no text of its own */
	bool twin;
	size_t group;			/* NO_GROUP: in doubt, or nobody lists it */
	bool claimed_twice;		/* bare, and listed in two groups */
	uint64_t seqno;			/* of its own text */
	char *why;			/* the doubt; NULL: none so far */
};

struct group {
	char id[40];
	uint64_t seqno;			/* the highest */
	size_t holder;			/* a PV with that text */
	bool differ;			/* texts with that number */
};

struct state {
	struct pv *pvs;
	size_t n;
	struct group *groups;		/* at most as many as PVs */
	size_t ngroups;
	struct assembly *a;
	struct err *err;
};

static int read_space(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return space_read(arg, buf, len, offset, err);
}

static struct lvm_source source_of(struct state *st, struct pv *p)
{
	return (struct lvm_source){
		.read = read_space, .arg = p->space, .length = p->space->size, .why = &p->why,
		.err = st->err,
	};
}

/* An error of the disk is a doubt about the PV. */
static int as_doubt(struct state *st, struct pv *p, int r)
{
	const struct lvm_source s = source_of(st, p);

	if (r >= 0 || r == -ENOMEM)
		return r;
	if (st->err)
		err_reset(st->err);
	return lvm_source_doubt(&s, "its metadata is unreadable");
}

static int doubt(struct state *st, struct pv *p, const char *why)
{
	const struct lvm_source s = source_of(st, p);

	return lvm_source_doubt(&s, "%s", why);
}

/* --- which groups are there --- */

static int read_text(struct state *st, struct pv *p, char **ret, size_t *ret_len)
{
	const struct lvm_source s = source_of(st, p);

	return as_doubt(st, p, lvm_area_find(&s, &p->header, ret, ret_len));
}

/* The copy has the same number as the group's holder: is it the same? */
static int compare(struct state *st, struct group *g, const char *text, size_t len)
{
	CLEANUP(mem_free) char *other = NULL;
	size_t other_len = 0;
	struct pv *holder = &st->pvs[g->holder];
	int r = read_text(st, holder, &other, &other_len);

	if (r < 0)
		return r;
	/* It was read before, so the disk fails now: doubt for the holder is doubt for all. */
	if (r == 0 || !other || len != other_len || memcmp(text, other, len) != 0)
		g->differ = true;
	return 0;
}

static int join_group(struct state *st, size_t i, const char *id, const char *text, size_t len)
{
	struct pv *p = &st->pvs[i];
	struct group *g;
	size_t k = 0;

	while (k < st->ngroups && strcmp(st->groups[k].id, id) != 0)
		k++;
	p->group = k;
	g = &st->groups[k];
	if (k == st->ngroups) {
		st->ngroups++;
		strcpy(g->id, id);
	} else if (p->seqno == g->seqno) {
		return compare(st, g, text, len);
	}
	if (g->seqno == 0 || p->seqno > g->seqno) {
		g->seqno = p->seqno;
		g->holder = i;
		g->differ = false;
	}
	return 0;
}

/* Bare PVs belong to whom lists them. */
static void claim_bare(struct state *st, const struct lvm_node *vg, size_t group)
{
	const struct lvm_node *pvs = lvm_text_child(vg, "physical_volumes", LVM_SECTION);

	for (size_t i = 0; i < st->n && pvs; i++) {
		struct pv *p = &st->pvs[i];
		char uuid[40];

		if (!p->bare)
			continue;
		lvm_vg_dashed(p->header.uuid, uuid);
		for (const struct lvm_node *n = pvs->children; n; n = n->next) {
			const char *id = n->kind == LVM_SECTION ?
					 lvm_text_child_string(n, "id") : NULL;

			if (!id || strcmp(id, uuid) != 0)
				continue;
			if (p->group != NO_GROUP && p->group != group)
				p->claimed_twice = true;
			p->group = group;
		}
	}
}

/* Of PVs with a label: the group by its text. */
static int scan_text(struct state *st, size_t i)
{
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(mem_free) char *text = NULL;
	struct pv *p = &st->pvs[i];
	const struct lvm_source s = source_of(st, p);
	const struct lvm_node *vg;
	const char *id;
	size_t len = 0;
	int r;

	r = read_text(st, p, &text, &len);
	if (r <= 0)
		return r;
	r = lvm_text_parse(&s, text, len, &root);
	if (r > 0)
		r = lvm_vg_find(&s, root, &vg);
	if (r <= 0)
		return r;
	id = lvm_text_child_string(vg, "id");
	if (!id || id[0] == '\0' || strlen(id) >= sizeof(st->groups[0].id) ||
	    !lvm_text_child_number(vg, "seqno", &p->seqno) || p->seqno == 0)
		return lvm_source_doubt(&s, "the volume group has no id or no number");
	r = join_group(st, i, id, text, len);
	if (r == 0)
		claim_bare(st, vg, p->group);
	return r;
}

static int scan_label(struct state *st, size_t i)
{
	struct pv *p = &st->pvs[i];
	const struct lvm_source s = source_of(st, p);
	CLEANUP(mem_free) char *text = NULL;
	size_t len = 0;
	int r = as_doubt(st, p, lvm_label_read(&s, &p->header));

	if (r <= 0)
		return r;
	p->labelled = true;
	for (size_t k = 0; k < i; k++) {
		if (!st->pvs[k].labelled ||
		    memcmp(st->pvs[k].header.uuid, p->header.uuid, 32) != 0)
			continue;
		st->pvs[k].twin = true;
		p->twin = true;
	}
	r = read_text(st, p, &text, &len);
	if (r > 0)
		p->bare = !text;
	return r;
}

static int scan(struct state *st)
{
	int r = 0;

	/* All labels first: who is bare must be known when the lists are seen. */
	for (size_t i = 0; i < st->n && r >= 0; i++)
		r = scan_label(st, i);
	for (size_t i = 0; i < st->n && r >= 0; i++)
		if (!st->pvs[i].why && !st->pvs[i].bare)
			r = scan_text(st, i);
	for (size_t i = 0; i < st->n && r >= 0; i++) {
		struct pv *p = &st->pvs[i];

		if (p->why)
			continue;
		if (p->twin)
			r = doubt(st, p, "another PV has the same UUID");
		else if (p->claimed_twice)
			r = doubt(st, p, "two volume groups list the PV");
		else if (p->group == NO_GROUP)
			r = doubt(st, p, "no volume group lists the PV, and it has no metadata "
				  "of its own");
	}
	return r < 0 ? r : 0;
}

/* --- one group --- */

static int free_extents(const struct lvm_pv *pv, struct extents *ret, struct err *err)
{
	uint64_t at = pv->pe_start, end = at + pv->extents * pv->extent_size;

	/* lvm_group_walk() has checked that all of this lies in the PV, in order. */
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

/* Hold one PV against the group. A slot of it, when there is no doubt. */
static int take_pv(struct state *st, const struct lvm_vg *vg, size_t i, struct lvm_slot *slots)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	struct pv *p = &st->pvs[i];
	const struct lvm_source s = source_of(st, p);
	int r = lvm_group_walk(&s, vg, &p->header, &pv);

	if (r <= 0)
		return r;
	for (size_t k = 0; k < vg->pvs.n; k++) {
		const char *id = lvm_text_child_string(vg->pvs.v[k].node, "id");

		if (id && strcmp(id, pv.uuid) == 0)
			slots[k] = (struct lvm_slot){
				.space = p->space, .member = i, .pe_start = pv.pe_start,
			};
	}
	return free_extents(&pv, &st->a->members[i].free, st->err);
}

/* PVs of the group that are here, but in doubt: for the reason that is given of their volumes. */
static void mark_doubtful(const struct state *st, const struct lvm_vg *vg, struct lvm_slot *slots)
{
	for (size_t i = 0; i < st->n; i++) {
		char uuid[40];

		if (!st->pvs[i].labelled || !st->pvs[i].why)
			continue;
		lvm_vg_dashed(st->pvs[i].header.uuid, uuid);
		for (size_t k = 0; k < vg->pvs.n; k++) {
			const char *id = lvm_text_child_string(vg->pvs.v[k].node, "id");

			if (id && strcmp(id, uuid) == 0)
				slots[k].in_doubt = true;
		}
	}
}

/* All PVs of the group that are not in doubt already. */
static int doubt_group(struct state *st, size_t g, const char *why)
{
	int r = 0;

	for (size_t i = 0; i < st->n && r >= 0; i++)
		if (st->pvs[i].group == g && !st->pvs[i].why)
			r = doubt(st, &st->pvs[i], why);
	return r;
}

static int take_pvs(struct state *st, size_t g, const struct lvm_vg *vg, struct lvm_slot *slots,
		    size_t *ret_taken)
{
	int r = 0;

	*ret_taken = 0;
	for (size_t i = 0; i < st->n && r >= 0; i++) {
		struct pv *p = &st->pvs[i];

		if (p->group != g || p->why)
			continue;
		r = p->bare || p->seqno == st->groups[g].seqno ? take_pv(st, vg, i, slots) :
		    doubt(st, p, "its metadata is older than that of the group's other PVs");
		*ret_taken += !p->why;
	}
	return r;
}

static int take_group(struct state *st, size_t g)
{
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(lvm_vg_done) struct lvm_vg vg = { 0 };
	CLEANUP(mem_free) struct lvm_slot *slots = NULL;
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct pv *holder = &st->pvs[st->groups[g].holder];
	struct lvm_source s = source_of(st, holder);
	size_t len = 0, taken;
	int r;

	s.why = &why;
	if (st->groups[g].differ)
		return doubt_group(st, g, "the PVs of the group disagree on its metadata");
	r = lvm_area_find(&s, &holder->header, &text, &len);
	if (r > 0)
		r = text ? lvm_text_parse(&s, text, len, &root) :
		    lvm_source_doubt(&s, "its metadata is unreadable");
	if (r > 0)
		r = lvm_vg_read(&s, root, &vg);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && st->err)
		err_reset(st->err);
	if (r <= 0)
		return doubt_group(st, g, r == 0 ? why : "its metadata is unreadable");
	slots = calloc(vg.pvs.n + 1, sizeof(*slots));
	if (!slots)
		return err_nomem(st->err);
	r = take_pvs(st, g, &vg, slots, &taken);
	if (r < 0 || taken == 0)
		return r;
	mark_doubtful(st, &vg, slots);
	return lvm_volumes_make(&vg, slots, st->a, st->err);
}

static int finish(struct state *st)
{
	for (size_t i = 0; i < st->n; i++) {
		struct assembly_member *m = &st->a->members[i];
		const char *why = st->pvs[i].why;

		m->trusted = !why;
		m->why = why ? text_format("%s: all used", why) : strdup("LVM extent map");
		if (!m->why)
			return err_nomem(st->err);
	}
	return 0;
}

static int assemble(struct state *st, struct space *const *pvs)
{
	int r;

	for (size_t i = 0; i < st->n; i++)
		st->pvs[i] = (struct pv){ .space = pvs[i], .group = NO_GROUP };
	r = scan(st);
	for (size_t g = 0; g < st->ngroups && r >= 0; g++)
		r = take_group(st, g);
	return r < 0 ? r : finish(st);
}

int lvm_assemble(struct space *const *pvs, size_t n, struct assembly *ret, struct err *err)
{
	CLEANUP(assembly_done) struct assembly a = { 0 };
	struct state st = {
		.pvs = calloc(n + 1, sizeof(*st.pvs)), .n = n,
		.groups = calloc(n + 1, sizeof(*st.groups)), .a = &a, .err = err,
	};
	int r = st.pvs && st.groups ? assembly_init(&a, n, err) : err_nomem(err);

	if (r == 0)
		r = assemble(&st, pvs);
	for (size_t i = 0; st.pvs && i < n; i++)
		free(st.pvs[i].why);
	free(st.pvs);
	free(st.groups);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct assembly){ 0 };
	return 0;
}
