/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/absent.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/lines.h"

/* ---- members of something larger */

struct member {
	const char *name;		/* of the device */
	const struct machine_fs *fs;
	bool copied;
};

struct members {
	struct member *v;
	size_t n;
};

static void members_done(struct members *l)
{
	free(l->v);
}
DEFINE_CLEANUP_VALUE(struct members, members_done)

static bool is_copied(const char *const *copied, const char *disk)
{
	char made[TEXT_NAME_MAX + 1];

	text_name_make(disk, made);
	for (; *copied; copied++)
		if (strcmp(*copied, disk) == 0 || strcmp(*copied, made) == 0)
			return true;
	return false;
}

static int add(struct members *l, const char *name, const struct machine_fs *fs, bool copied)
{
	struct member *m;

	if (!fs->type || !fs->group_uuid)
		return 0;
	m = machine_grow(&l->v, &l->n, sizeof(*l->v));
	if (!m)
		return -ENOMEM;
	*m = (struct member){ .name = name, .fs = fs, .copied = copied };
	return 0;
}

static int collect(const struct machine *m, const char *const *copied, struct members *ret)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];
		bool have = d->name && is_copied(copied, d->name);

		if (d->name && add(ret, d->name, &d->fs, have) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < d->npartitions; k++) {
			const struct machine_partition *p = &d->partitions[k];

			if (p->name && add(ret, p->name, &p->fs, have) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static bool same_group(const struct member *a, const struct member *b)
{
	return strcasecmp(a->fs->group_uuid, b->fs->group_uuid) == 0 &&
	       strcmp(a->fs->type, b->fs->type) == 0;
}

/* How many members an array of that level can be without. */
static size_t spare(const struct machine_fs *fs, size_t members)
{
	const char *level = fs->level;

	if (!level || strcmp(fs->type, "linux_raid_member") != 0)
		return 0;
	if (strcmp(level, "raid1") == 0)
		return members - 1;
	if (strcmp(level, "raid4") == 0 || strcmp(level, "raid5") == 0)
		return 1;
	return strcmp(level, "raid6") == 0 ? 2 : 0;
}

static bool is_spare(const struct member *m)
{
	return m->fs->role && strcmp(m->fs->role, "spare") == 0;
}

static int judge(const struct members *l, const struct member *gone, struct machine_strv *notes,
		 struct err *err)
{
	CLEANUP(mem_free) char *s = NULL;
	const struct member *kept = NULL;
	size_t missing = 0, members = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (!same_group(&l->v[i], gone) || is_spare(&l->v[i]))
			continue;
		members++;
		missing += !l->v[i].copied;
		if (l->v[i].copied)
			kept = &l->v[i];
	}
	/* All of it stayed behind: then it is one thing that is absent, not a broken one. */
	if (!kept || is_spare(gone))
		return 0;
	if (missing > spare(gone->fs, members)) {
		err_set(err, ENOTSUP,
			"%s was not copied, but is a part of %s %s with %s, which was", gone->name,
			gone->fs->type,
			gone->fs->group ? gone->fs->group : gone->fs->group_uuid, kept->name);
		err_hint(err, "copy all its disks, or take the volume apart on the machine first");
		return -ENOTSUP;
	}
	s = text_format("%s was not copied: the array %s of it runs degraded", gone->name,
			gone->fs->group ? gone->fs->group : gone->fs->group_uuid);
	return s ? machine_strv_add(notes, s) : -ENOMEM;
}

int absent_check(const struct machine *m, const char *const *copied, struct machine_strv *notes,
		 struct err *err)
{
	CLEANUP(members_done) struct members list = { 0 };
	int r = collect(m, copied, &list);

	for (size_t i = 0; i < list.n && r >= 0; i++)
		if (!list.v[i].copied)
			r = judge(&list, &list.v[i], notes, err);
	return r == -ENOMEM ? err_nomem(err) : r;
}

/* ---- fstab */

struct pass {
	const struct devmap *map;
	struct machine_strv *notes;
	bool comment;
};

static int is_absent(const struct devmap *map, struct span spec)
{
	CLEANUP(mem_free) char *name = lines_span_dup(spec), *to = NULL;
	bool copied = true;
	int answer;

	if (!name)
		return -ENOMEM;
	answer = devmap_translate(map, name, DEVMAP_TAG, &to, &copied);
	if (answer < 0)
		return answer;
	if (answer == DEVMAP_UNKNOWN)
		return 1;
	return answer == DEVMAP_KEEP ? devmap_is_missing(map, name) : !copied;
}

static int fstab_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct pass *pass = opaque;
	const char *p = l->s, *end = l->s + l->len;
	CLEANUP(mem_free) char *s = NULL;
	struct span f[4];
	char safe[100];
	size_t n = 0;
	int r = 0;

	while (n < ARRAY_SIZE(f) && lines_word(&p, end, &f[n]))
		n++;
	if (!lines_is_comment(l, "#") && n >= 3 && !fstab_is_vital(f[1]) &&
	    (pass->comment || n == 3))
		r = is_absent(pass->map, f[0]);
	if (r <= 0) {
		strbuf_addn(out, l->s, l->full);
		return r;
	}
	text_escape(f[0].s, f[0].len, safe, sizeof(safe));
	s = text_format("/etc/fstab: %s was not copied: %s", safe,
			pass->comment ? "commented out" : "the boot does not wait for it");
	if (!s || machine_strv_add(pass->notes, s) < 0)
		return -ENOMEM;
	if (pass->comment) {
		strbuf_add(out, ABSENT_MARKER);
		strbuf_addn(out, l->s, l->full);
		return 1;
	}
	p = f[2].s + f[2].len;
	strbuf_addn(out, l->s, (size_t)(p - l->s));
	strbuf_add(out, " defaults,nofail,x-systemd.device-timeout=5s");
	strbuf_addn(out, p, (size_t)(l->s + l->full - p));
	return 1;
}

int absent_comment_fstab(const char *text, const struct devmap *map, char **ret,
			 struct machine_strv *notes)
{
	struct pass pass = { .map = map, .notes = notes, .comment = true };

	return lines_rewrite(text, fstab_line, &pass, ret);
}

int absent_optional_fstab(const char *text, const struct devmap *map, char **ret,
			  struct machine_strv *notes)
{
	struct pass pass = { .map = map, .notes = notes };

	return lines_rewrite(text, fstab_line, &pass, ret);
}
