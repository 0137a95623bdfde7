/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/mountgraph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "common/text.h"
#include "p2v-agent/quiesce/mountgraph_kinds.h"

struct edge {
	size_t above, below;	/* fs that rests on a file, fs that the file lies on */
};

struct build {
	const struct mountgraph_config *cfg;
	struct mountgraph g;
	struct edge *edges;
	size_t nedges;
	bool *seen;		/* of a walk, for each device of the stack */
	bool *lost;		/* for each fs: it rests on a file that lies nobody knows where */
};

static void build_done(struct build *b)
{
	mountgraph_done(&b->g);
	free(b->edges);
	free(b->seen);
	free(b->lost);
}
DEFINE_CLEANUP_VALUE(struct build, build_done)

static void say(struct mountgraph_fs *f, enum mountgraph_verdict v, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void say(struct mountgraph_fs *f, enum mountgraph_verdict v, const char *fmt, ...)
{
	char text[4 * sizeof(f->why)];
	va_list ap;

	f->verdict = v;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_escape_str(text, f->why, sizeof(f->why));
}

/* dir is path, or a folder that path is in. */
static bool inside(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	return strncmp(dir, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static size_t depth_of(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] && path[1] != '/';
	return n;
}

static const struct mountinfo_entry *entry_by_id(const struct mountinfo *m, uint64_t id)
{
	for (size_t i = 0; i < m->nmounts; i++)
		if (m->mounts[i].id == id)
			return &m->mounts[i];
	return NULL;
}

/* e is mounted on a, or on what is mounted on a, and so on. Circles have an end, too. */
static bool stands_on(const struct mountinfo *m, const struct mountinfo_entry *e,
		      const struct mountinfo_entry *a)
{
	for (size_t steps = 0; e && steps <= m->nmounts; steps++) {
		if (e == a)
			return true;
		if (e->parent == e->id)
			return false;
		e = entry_by_id(m, e->parent);
	}
	return false;
}

/* Whoever opens the path of e gets into another mount, over it or over a folder above it. */
static bool is_covered(const struct mountinfo *m, const struct mountinfo_entry *e)
{
	for (size_t i = 0; i < m->nmounts; i++) {
		const struct mountinfo_entry *o = &m->mounts[i];

		if (o != e && inside(o->path, e->path) && !stands_on(m, e, o))
			return true;
	}
	return false;
}

static bool entry_dev(const struct mountinfo_entry *e, dev_t *ret)
{
	unsigned int major, minor;
	char rest;

	if (sscanf(e->dev, "%u:%u%c", &major, &minor, &rest) != 2)
		return false;
	*ret = makedev(major, minor);
	return true;
}

static size_t fs_by_dev(const struct build *b, dev_t dev)
{
	size_t i = 0;

	while (i < b->g.nfs && b->g.fs[i].dev != dev)
		i++;
	return i;
}

static void *grow(void *list, size_t n, size_t size)
{
	void *more = reallocarray(*(void **)list, n + 1, size);

	if (more)
		*(void **)list = more;
	return more;
}

static int add_mount(struct mountgraph_fs *f, const struct mountgraph_view *v, bool system,
		     const struct mountinfo_entry *e)
{
	struct mountgraph_mount m = { .id = e->id, .hidden = system ? strlen(v->prefix) : 0 };
	size_t depth = depth_of(e->path), at = f->nmounts;

	if (!grow(&f->mounts, f->nmounts, sizeof(*f->mounts)))
		return -ENOMEM;
	m.path = text_format("%s%s", v->prefix, e->path);
	if (!m.path)
		return -ENOMEM;
	/* The shortest in front: that is the name people know it by. */
	while (at > 0 && depth_of(f->mounts[at - 1].path) > depth_of(m.path))
		at--;
	memmove(&f->mounts[at + 1], &f->mounts[at], (f->nmounts - at) * sizeof(m));
	f->mounts[at] = m;
	f->nmounts++;
	f->depth = f->nmounts == 1 ? depth : MIN(f->depth, depth);
	return 0;
}

static int add_fs(struct build *b, dev_t dev, const struct mountinfo_entry *e)
{
	struct mountgraph_fs f = { .dev = dev };

	if (!grow(&b->g.fs, b->g.nfs, sizeof(*b->g.fs)))
		return -ENOMEM;
	f.kind = strdup(e->fs);
	f.source = strdup(e->source ? e->source : "none");
	if (!f.kind || !f.source) {
		free(f.kind);
		free(f.source);
		return -ENOMEM;
	}
	b->g.fs[b->g.nfs++] = f;
	return 0;
}

/* Of further namespaces only what no earlier one has. */
static int add_view(struct build *b, const struct mountgraph_view *v)
{
	size_t before = b->g.nfs;

	for (size_t i = 0; i < v->info->nmounts; i++) {
		const struct mountinfo_entry *e = &v->info->mounts[i];
		size_t at;
		dev_t dev;

		if (e->path[0] != '/' || !entry_dev(e, &dev))
			continue;
		at = fs_by_dev(b, dev);
		if (at < before)
			continue;
		if ((at == b->g.nfs && add_fs(b, dev, e) < 0) ||
		    add_mount(&b->g.fs[at], v, v == b->cfg->views, e) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct mountinfo_entry *entry_of(const struct build *b, const struct mountgraph_fs *f)
{
	dev_t dev;

	for (size_t v = 0; v < b->cfg->nviews; v++) {
		const struct mountinfo *m = b->cfg->views[v].info;

		for (size_t i = 0; i < m->nmounts; i++)
			if (entry_dev(&m->mounts[i], &dev) && dev == f->dev)
				return &m->mounts[i];
	}
	return NULL;
}

/* The filesystem that a file of the system lies on; nfs when there is none. */
static size_t fs_of_path(const struct build *b, const char *path)
{
	const struct mountinfo *m = b->cfg->views[0].info;
	size_t best = b->g.nfs, longest = 0;
	dev_t dev;

	for (size_t i = 0; i < m->nmounts; i++) {
		const struct mountinfo_entry *e = &m->mounts[i];

		/* Of two at the same place the later one is on top. */
		if (!inside(e->path, path) || strlen(e->path) < longest || !entry_dev(e, &dev))
			continue;
		longest = strlen(e->path);
		best = fs_by_dev(b, dev);
	}
	return best;
}

/* What a walk down from a filesystem to the disks has found. */
struct walk {
	size_t from;			/* the filesystem */
	bool converted;
};

static int walk_fs(struct build *b, size_t at, struct walk *w);

static int walk_file(struct build *b, const char *file, struct walk *w)
{
	size_t at = file[0] == '/' ? fs_of_path(b, file) : b->g.nfs;

	if (at == b->g.nfs) {
		b->lost[w->from] = true;
		w->converted = true;
		return 0;
	}
	/* A file on itself is a circle, which the order finds. */
	if (!grow(&b->edges, b->nedges, sizeof(*b->edges)))
		return -ENOMEM;
	b->edges[b->nedges++] = (struct edge){ w->from, at };
	return at == w->from ? 0 : walk_fs(b, at, w);
}

static int walk_dev(struct build *b, const struct blockstack_dev *d, struct walk *w)
{
	const struct blockstack *s = b->cfg->stack;
	int r = 0;

	if (!d) {
		w->converted = true;
		return 0;
	}
	if (b->seen[d - s->v])
		return 0;
	b->seen[d - s->v] = true;
	for (size_t i = 0; i < b->cfg->ndisks; i++)
		w->converted |= b->cfg->disks[i] == d->dev;
	if (d->file)
		return walk_file(b, d->file, w);
	for (size_t i = 0; r == 0 && i < d->nbelow; i++)
		r = walk_dev(b, blockstack_by_name(s, d->below[i]), w);
	return r;
}

/*
 * btrfs has a number of its own in the mount table; its devices go by the name of the source and
 * what sysfs says belongs to the same filesystem.
 */
static int walk_fs(struct build *b, size_t at, struct walk *w)
{
	const struct mountgraph_fs *f = &b->g.fs[at];
	const struct blockstack *s = b->cfg->stack;
	const struct blockstack_dev *d = blockstack_by_dev(s, f->dev);
	char *const *group;
	int r;

	if (!d && !mountgraph_kinds_on_device(f->kind, f->source, f->dev))
		return 0;
	if (!d)
		d = blockstack_by_path(s, f->source);
	r = walk_dev(b, d, w);
	group = d ? blockstack_group(s, d) : NULL;
	for (; r == 0 && group && *group; group++)
		r = walk_dev(b, blockstack_by_name(s, *group), w);
	return r;
}

static void judge_overlay(const struct build *b, struct mountgraph_fs *f)
{
	static const char key[] = "upperdir=";
	const struct mountinfo_entry *e = entry_of(b, f);
	const char *upper = e ? strstr(e->options, key) : NULL;
	char path[4096];
	size_t at;

	if (!upper) {
		say(f, MOUNTGRAPH_LEAVE, "nothing is written to it");
		return;
	}
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(upper + strlen(key), ","),
		 upper + strlen(key));
	at = fs_of_path(b, path);
	say(f, MOUNTGRAPH_THROUGH, "still when %s is, where its changes are",
	    at < b->g.nfs ? mountgraph_fs_path(&b->g.fs[at]) : "the filesystem below it");
}

static void judge_device(struct mountgraph_fs *f, bool converted)
{
	if (!converted) {
		say(f, MOUNTGRAPH_LEAVE, "not on a disk that is converted");
		return;
	}
	switch (mountgraph_kinds_of(f->kind)) {
	case KIND_FREEZES:
		say(f, MOUNTGRAPH_FREEZE, "%s", "");
		break;
	case KIND_SYNCS:
		say(f, MOUNTGRAPH_SYNC, "%s cannot be frozen: written back just before, and what "
		    "is written to it meanwhile may be in the image by halves", f->kind);
		break;
	case KIND_USER_SPACE:
	case KIND_POOL:
		say(f, MOUNTGRAPH_STOPS, "%s cannot be frozen, and is writable: unmount it, or "
		    "mount it read-only", f->kind);
		break;
	default:
		say(f, MOUNTGRAPH_TRY, "not known here whether %s can be frozen", f->kind);
	}
}

static int judge(struct build *b, size_t at)
{
	struct mountgraph_fs *f = &b->g.fs[at];
	const struct mountinfo_entry *e = entry_of(b, f);
	enum mountgraph_kind kind = mountgraph_kinds_of(f->kind);
	struct walk w = { .from = at, .converted = b->cfg->ndisks == 0 };
	int r;

	memset(b->seen, 0, b->cfg->stack->n);
	r = walk_fs(b, at, &w);
	if (r < 0)
		return r;
	if (kind == KIND_OVERLAY)
		judge_overlay(b, f);
	else if (e && e->fs_readonly)
		say(f, MOUNTGRAPH_LEAVE, "read-only");
	else if (kind == KIND_POOL)
		judge_device(f, true);
	else if (mountgraph_kinds_on_device(f->kind, f->source, f->dev))
		judge_device(f, w.converted);
	else if (kind == KIND_NETWORK)
		say(f, MOUNTGRAPH_LEAVE, "its data is on another machine, and not in the image");
	else if (strncmp(f->kind, "fuse", 4) == 0)
		say(f, MOUNTGRAPH_LEAVE, "has no device: what its program keeps on disks is still "
		    "when these are");
	else
		say(f, MOUNTGRAPH_LEAVE, "not on a disk");
	return 0;
}

static void trim(const char *path, char *buf, size_t size)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	snprintf(buf, size, "%.*s", (int)MIN(n, size - 1), path);
}

static bool is_mounted_at(const struct mountgraph_fs *f, const char *path)
{
	for (size_t i = 0; i < f->nmounts; i++)
		if (!f->mounts[i].covered &&
		    strcmp(f->mounts[i].path + f->mounts[i].hidden, path) == 0)
			return true;
	return false;
}

static bool to_be_frozen(const struct mountgraph_fs *f)
{
	return f->verdict == MOUNTGRAPH_FREEZE || f->verdict == MOUNTGRAPH_TRY;
}

static int keep_only(struct build *b, struct err *err)
{
	const struct mountgraph_config *cfg = b->cfg;
	char path[4096];

	for (size_t k = 0; k < cfg->nonly; k++) {
		bool found = false;

		trim(cfg->only[k], path, sizeof(path));
		for (size_t i = 0; i < b->g.nfs; i++)
			found |= is_mounted_at(&b->g.fs[i], path);
		if (!found)
			return err_set(err, ENOENT, "nothing is mounted at %s",
				       text_escape_str(path, (char[256]){ 0 }, 256));
	}
	for (size_t i = 0; cfg->nonly > 0 && i < b->g.nfs; i++) {
		bool wanted = false;

		for (size_t k = 0; k < cfg->nonly; k++) {
			trim(cfg->only[k], path, sizeof(path));
			wanted |= is_mounted_at(&b->g.fs[i], path);
		}
		if (!wanted)
			say(&b->g.fs[i], MOUNTGRAPH_LEAVE, "not asked for");
	}
	return 0;
}

/* Those that can be opened in front, and the order of before among them. */
static void find_covered(const struct build *b, struct mountgraph_fs *f)
{
	for (size_t i = 0; i < f->nmounts; i++)
		for (size_t v = 0; v < b->cfg->nviews; v++) {
			const struct mountinfo_entry *e =
				entry_by_id(b->cfg->views[v].info, f->mounts[i].id);

			if (e)
				f->mounts[i].covered = is_covered(b->cfg->views[v].info, e);
		}
	for (size_t i = 1; i < f->nmounts; i++) {
		struct mountgraph_mount m = f->mounts[i];
		size_t at = i;

		for (; at > 0 && f->mounts[at - 1].covered && !m.covered; at--)
			f->mounts[at] = f->mounts[at - 1];
		f->mounts[at] = m;
	}
}

/* Something that is yet to be frozen rests on a file of it. */
static bool has_to_wait(const struct build *b, const bool *left, size_t at)
{
	for (size_t i = 0; i < b->nedges; i++)
		if (b->edges[i].below == at && left[b->edges[i].above])
			return true;
	return false;
}

static bool goes_before(const struct build *b, size_t i, size_t k)
{
	if (b->lost[i] != b->lost[k])
		return b->lost[i];
	return b->g.fs[i].depth > b->g.fs[k].depth;
}

static int make_order(struct build *b, struct err *err)
{
	CLEANUP(mem_free) bool *left = calloc(b->g.nfs + 1, sizeof(bool));
	size_t n = 0;

	b->g.order = calloc(b->g.nfs + 1, sizeof(*b->g.order));
	if (!left || !b->g.order)
		return err_nomem(err);
	for (size_t i = 0; i < b->g.nfs; i++) {
		left[i] = to_be_frozen(&b->g.fs[i]);
		n += left[i];
	}
	while (b->g.norder < n) {
		size_t best = b->g.nfs;

		for (size_t i = 0; i < b->g.nfs; i++)
			if (left[i] && !has_to_wait(b, left, i) &&
			    (best == b->g.nfs || goes_before(b, i, best)))
				best = i;
		if (best == b->g.nfs)
			return err_set(err, ELOOP, "filesystems rest on files of each other in a "
				       "circle: they cannot be frozen");
		left[best] = false;
		b->g.order[b->g.norder++] = best;
	}
	return 0;
}

static int take_swaps(struct build *b)
{
	const struct machine_strv *swaps = &b->cfg->views[0].info->swaps;

	for (size_t i = 0; i < swaps->n; i++) {
		struct mountgraph_swap s = { .file = strncmp(swaps->v[i], "/dev/", 5) != 0 };

		if (!grow(&b->g.swaps, b->g.nswaps, sizeof(*b->g.swaps)))
			return -ENOMEM;
		s.path = strdup(swaps->v[i]);
		if (!s.path)
			return -ENOMEM;
		b->g.swaps[b->g.nswaps++] = s;
	}
	return 0;
}

int mountgraph_make(const struct mountgraph_config *cfg, struct mountgraph *ret, struct err *err)
{
	CLEANUP(build_done) struct build b = { .cfg = cfg };
	int r = 0;

	for (size_t i = 0; r == 0 && i < cfg->nviews; i++)
		r = add_view(&b, &cfg->views[i]);
	if (r < 0)
		return err_nomem(err);
	b.seen = calloc(cfg->stack->n + 1, sizeof(bool));
	b.lost = calloc(b.g.nfs + 1, sizeof(bool));
	if (!b.seen || !b.lost)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < b.g.nfs; i++)
		r = judge(&b, i);
	if (r == 0 && cfg->nviews > 0)
		r = take_swaps(&b);
	if (r < 0)
		return err_nomem(err);
	for (size_t i = 0; i < b.g.nfs; i++)
		if (b.g.fs[i].verdict != MOUNTGRAPH_LEAVE)
			find_covered(&b, &b.g.fs[i]);
	r = keep_only(&b, err);
	if (r == 0)
		r = make_order(&b, err);
	if (r < 0)
		return r;
	*ret = b.g;
	b.g = (struct mountgraph){ 0 };
	return 0;
}

void mountgraph_done(struct mountgraph *g)
{
	for (size_t i = 0; i < g->nfs; i++) {
		for (size_t k = 0; k < g->fs[i].nmounts; k++)
			free(g->fs[i].mounts[k].path);
		free(g->fs[i].mounts);
		free(g->fs[i].kind);
		free(g->fs[i].source);
	}
	free(g->fs);
	free(g->order);
	for (size_t i = 0; i < g->nswaps; i++)
		free(g->swaps[i].path);
	free(g->swaps);
	*g = (struct mountgraph){ 0 };
}

const char *mountgraph_verdict_word(enum mountgraph_verdict v)
{
	static const char *const words[] = {
		[MOUNTGRAPH_FREEZE] = "freeze", [MOUNTGRAPH_TRY] = "try",
		[MOUNTGRAPH_SYNC] = "sync", [MOUNTGRAPH_STOPS] = "stops",
		[MOUNTGRAPH_THROUGH] = "through", [MOUNTGRAPH_LEAVE] = "leave",
	};

	return words[v];
}

const char *mountgraph_fs_path(const struct mountgraph_fs *fs)
{
	return fs->nmounts > 0 ? fs->mounts[0].path + fs->mounts[0].hidden : "?";
}
