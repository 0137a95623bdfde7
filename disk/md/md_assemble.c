/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which members make which array, and whether they may. */
#include "disk/md/md_assemble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "disk/md/md_array.h"

struct group {
	struct md_array array;
	size_t *place;			/* of each slot's member, by index */
};

static void group_done(struct group *g)
{
	free(g->array.slots);
	free(g->place);
}
DEFINE_CLEANUP_VALUE(struct group, group_done)

struct assembling {
	struct md_member **found;	/* NULL: has no superblock that is trusted */
	size_t n;
	struct assembly *out;
	struct err *err;
};

static void found_free(struct assembling *x)
{
	for (size_t i = 0; x->found && i < x->n; i++)
		free(x->found[i]);
	free(x->found);
}
DEFINE_CLEANUP_VALUE(struct assembling, found_free)

/* The verdict of a member that stays used. */
static int refuse(const struct assembling *x, size_t i, const char *reason)
{
	struct assembly_member *m = &x->out->members[i];

	free(m->why);
	m->trusted = false;
	m->why = text_format("%s: all used", reason);
	return m->why ? 0 : err_nomem(x->err);
}

static int read_member(const struct assembling *x, struct space *s, size_t i)
{
	CLEANUP(mem_free) struct md_member *m = calloc(1, sizeof(*m));
	CLEANUP(mem_free) char *why = NULL;
	int r;

	if (!m)
		return err_nomem(x->err);
	r = md_member_read(s, m, &why, x->err);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && x->err)
		err_reset(x->err);
	if (r <= 0)
		return refuse(x, i, r == 0 ? why : "its metadata is unreadable");
	x->found[i] = TAKE_PTR(m);
	return 0;
}

/* --- names --- */

static void name_array(const struct md_super *s, char *buf, size_t size)
{
	const uint8_t *name = s->name, *end = memchr(name, 0, MD_NAME_LEN);
	const uint8_t *colon;

	if (s->major == 0) {
		snprintf(buf, size, "md%" PRIu32, s->wanted);
		return;
	}
	if (!end)
		end = name + MD_NAME_LEN;
	/* "host:name" */
	colon = memchr(name, ':', (size_t)(end - name));
	if (colon && colon + 1 < end)
		name = colon + 1;
	memcpy(buf, "md/", 3);
	if (name == end)
		snprintf(buf + 3, size - 3, "%02x%02x%02x%02x", s->uuid[0], s->uuid[1], s->uuid[2],
			 s->uuid[3]);
	else
		text_escape(name, (size_t)(end - name), buf + 3, size - 3);
}

static char *name_uuid(const struct md_super *s)
{
	struct strbuf b = { 0 };

	/* As mdadm writes it. */
	for (unsigned int i = 0; i < sizeof(s->uuid); i++)
		strbuf_addf(&b, "%s%02x", i > 0 && i % 4 == 0 ? ":" : "", s->uuid[i]);
	return strbuf_take(&b);
}

/* --- who belongs to it --- */

static bool same_array(const struct md_super *a, const struct md_super *b)
{
	return memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0;
}

static bool is_active(const struct md_super *s)
{
	return s->role < MD_ROLE_MAX;
}

/* The newest one with a place in the array; NULL: none has one. */
static const struct md_super *newest(const struct assembling *x, const struct md_super *one)
{
	const struct md_super *best = NULL;

	for (size_t i = 0; i < x->n; i++) {
		const struct md_super *s = x->found[i] ? &x->found[i]->super : NULL;

		if (s && same_array(s, one) && is_active(s) && (!best || s->events > best->events))
			best = s;
	}
	return best;
}

static int refuse_bystander(const struct assembling *x, size_t i, const char *what)
{
	CLEANUP(mem_free) char *uuid = name_uuid(&x->found[i]->super);
	CLEANUP(mem_free) char *reason = uuid ? text_format("%s of md %s", what, uuid) : NULL;

	return reason ? refuse(x, i, reason) : err_nomem(x->err);
}

static const char *bystander(const struct md_super *s, const struct md_super *best)
{
	if (s->role == MD_ROLE_FAULTY)
		return "faulty member";
	if (s->role == MD_ROLE_JOURNAL)
		return "journal";
	if (!is_active(s))
		return "spare";
	return s->events < best->events ? "stale member" : NULL;
}

static bool agree(const struct md_super *a, const struct md_super *b)
{
	/* A log of bad blocks is each member's own; and it was empty. */
	uint32_t differ = (a->features ^ b->features) & ~MD_FEATURE_BAD_BLOCKS;

	return differ == 0 && a->major == b->major && a->minor == b->minor &&
	       memcmp(a->name, b->name, sizeof(a->name)) == 0 && a->wanted == b->wanted &&
	       a->level == b->level && a->layout == b->layout && a->chunk == b->chunk &&
	       a->raid_disks == b->raid_disks && a->size == b->size && a->events == b->events &&
	       a->clean == b->clean && a->nroles == b->nroles &&
	       memcmp(a->roles, b->roles, a->nroles * sizeof(a->roles[0])) == 0;
}

static bool is_listed(const struct md_super *s, size_t slot)
{
	for (uint32_t i = 0; i < s->nroles; i++)
		if (s->roles[i] == slot)
			return true;
	return false;
}

/* Fills the slots. 1, 0 (doubt), -ENOMEM. */
static int place_members(const struct assembling *x, const struct md_super *best, struct group *g,
			 char **why)
{
	struct md_array *a = &g->array;

	for (size_t i = 0; i < x->n; i++) {
		const struct md_member *m = x->found[i];

		if (!m || !same_array(&m->super, best) || bystander(&m->super, best))
			continue;
		if (!agree(&m->super, best))
			return md_doubt(why, x->err, "the members of %s contradict each other",
					a->name);
		if (m->super.number >= m->super.nroles ||
		    m->super.roles[m->super.number] != m->super.role || m->super.role >= a->n)
			return md_doubt(why, x->err, "a member of %s has an impossible place",
					a->name);
		if (a->slots[m->super.role])
			return md_doubt(why, x->err, "two are the same member of %s", a->name);
		a->slots[m->super.role] = m;
		g->place[m->super.role] = i;
	}
	return 1;
}

static int check_group(const struct assembling *x, const struct md_super *best, struct group *g,
		       char **why)
{
	struct md_array *a = &g->array;
	int r;

	if (best->raid_disks == 0 || best->raid_disks > best->nroles)
		return md_doubt(why, x->err, "%s has an impossible number of members", a->name);
	a->n = best->raid_disks;
	a->super = best;
	a->slots = calloc(a->n, sizeof(struct md_member *));
	g->place = calloc(a->n, sizeof(*g->place));
	if (!a->slots || !g->place)
		return err_nomem(x->err);
	r = place_members(x, best, g, why);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < a->n; i++)
		if (!a->slots[i] && is_listed(best, i))
			return md_doubt(why, x->err, "member %zu of %s is not here, or in doubt", i,
					a->name);
	/*
	 * A write to free space of a live array changes parity by what lay there before: parity and
	 * data of such a row belong together, and the copy would have only a part of them.
	 */
	for (size_t i = 0; i < a->n; i++)
		if (a->slots[i] && a->slots[i]->space->view && best->level >= 4 && best->level <= 6)
			return md_doubt(why, x->err, "%s has parity and is in use", a->name);
	/* Linear and RAID 0 have nothing that could be out of sync. */
	if (!best->clean && best->level > 0)
		return md_doubt(why, x->err, "%s was not stopped in sync", a->name);
	return 1;
}

/* --- one array --- */

static int trust(const struct assembling *x, const struct group *g, struct space *s, bool stuck)
{
	struct assembly_volume *v = assembly_add_volume(x->out, g->array.name, x->err);
	int r = v ? 0 : -ENOMEM;

	if (v)
		v->space = s;
	for (size_t i = 0; i < g->array.n && r == 0; i++) {
		struct assembly_member *m = &x->out->members[g->place[i]];

		if (!g->array.slots[i])
			continue;
		r = assembly_volume_on(v, g->place[i], x->err);
		m->trusted = true;
		m->why = text_format(stuck ? "member of %s, of which nothing can be left out: its "
				     "members are placed differently" : "member of %s",
				     g->array.name);
		if (!m->why)
			r = err_nomem(x->err);
	}
	return r;
}

/* All of them, with the same reason; the bystanders keep theirs. */
static int distrust(const struct assembling *x, const struct md_super *best, const char *name,
		    const char *why)
{
	struct assembly_volume *v = assembly_add_volume(x->out, name, x->err);
	int r = 0;

	if (!v)
		return -ENOMEM;
	v->why = strdup(why);
	if (!v->why)
		return err_nomem(x->err);
	for (size_t i = 0; i < x->n && r == 0; i++)
		if (x->found[i] && same_array(&x->found[i]->super, best) &&
		    !bystander(&x->found[i]->super, best))
			r = refuse(x, i, why);
	return r;
}

static int assemble_group(const struct assembling *x, const struct md_super *best)
{
	CLEANUP(group_done) struct group g = { 0 };
	CLEANUP(mem_free) char *why = NULL;
	struct space *s = NULL;
	bool stuck;
	int r;

	name_array(best, g.array.name, sizeof(g.array.name));
	r = check_group(x, best, &g, &why);
	if (r > 0)
		r = md_array_space(&g.array, x->out, &s, &stuck, &why, x->err);
	if (r < 0)
		return r;
	return r > 0 ? trust(x, &g, s, stuck) : distrust(x, best, g.array.name, why);
}

/* The member's own verdict when it is none of the array's; the array, when it is the first one. */
static int judge(const struct assembling *x, size_t i)
{
	const struct md_super *s = &x->found[i]->super, *best = newest(x, s);
	const char *what = bystander(s, best);

	if (what)
		return refuse_bystander(x, i, what);
	for (size_t k = 0; k < i; k++) {
		const struct md_super *o = x->found[k] ? &x->found[k]->super : NULL;

		if (o && same_array(o, s) && !bystander(o, best))
			return 0;
	}
	return assemble_group(x, best);
}

int md_assemble(struct space *const *members, size_t n, struct assembly *ret, struct err *err)
{
	CLEANUP(assembly_done) struct assembly a = { 0 };
	CLEANUP(found_free) struct assembling x = {
		.found = calloc(n + 1, sizeof(struct md_member *)), .n = n, .out = &a, .err = err,
	};
	int r;

	if (!x.found)
		return err_nomem(err);
	r = assembly_init(&a, n, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_member(&x, members[i], i);
	for (size_t i = 0; i < n && r == 0; i++)
		if (x.found[i])
			r = judge(&x, i);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct assembly){ 0 };
	return 0;
}
