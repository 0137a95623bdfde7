/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux software RAID: the first superblock that is intact (disk/md/md_super.h). */
#include <inttypes.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/md/md_super.h"
#include "inventory/content/content.h"

#define MINOR_MAX	((1u << 20) - 1)

static int set_level(int32_t level, struct machine_fs *fs, struct err *err)
{
	switch (level) {
	case MD_LEVEL_FAULTY:
		return content_set(&fs->level, err, "faulty");
	case MD_LEVEL_MULTIPATH:
		return content_set(&fs->level, err, "multipath");
	case MD_LEVEL_LINEAR:
		return content_set(&fs->level, err, "linear");
	case MD_LEVEL_CONTAINER:
		return content_set(&fs->level, err, "container");
	default:
		return level >= 0 && level <= 10 ?
		       content_set(&fs->level, err, "raid%" PRId32, level) : 0;
	}
}

static int set_role(const struct md_super *s, struct machine_fs *fs, struct err *err)
{
	/* 0.90 has 32 bits for it, all of them numbers when the member is active. */
	if (s->role < MD_ROLE_MAX || s->role > MD_ROLE_SPARE)
		return content_set(&fs->role, err, "%" PRIu32, s->role);
	return content_set(&fs->role, err, "%s", s->role == MD_ROLE_FAULTY ? "faulty" :
			   s->role == MD_ROLE_JOURNAL ? "journal" : "spare");
}

static int take(const struct md_super *s, struct machine_fs *fs, struct err *err)
{
	int r;

	fs->members = s->raid_disks;
	r = content_uuid(s->uuid, &fs->group_uuid, err);
	if (r == 0 && s->major == 1)
		r = content_text(s->name, sizeof(s->name), &fs->group, err);
	else if (r == 0 && s->wanted <= MINOR_MAX)
		r = content_set(&fs->group, err, "md%" PRIu32, s->wanted);
	if (r == 0)
		r = set_level(s->level, fs, err);
	return r < 0 ? r : set_role(s, fs, err);
}

int content_md(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint64_t places[MD_SUPER_PLACES];
	unsigned int n = md_super_places(s->size, places);
	int unread = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct err first = ERR_INIT;
		uint8_t sb[MD_SUPER_SIZE];
		struct md_super found;
		int r;

		/* The others may still be readable, or have been recorded. */
		r = content_read(s, places[i], sb, sizeof(sb), &first);
		if (r < 0) {
			if (unread == 0)
				unread = err_set(err, first.code, "%s", first.text);
			continue;
		}
		if (md_super_parse(sb, places[i], &found))
			return take(&found, fs, err);
	}
	return unread < 0 ? unread : err_set(err, EBADMSG, "no md superblock is intact");
}
