/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mappings. Who made one is told by the prefix of its UUID, a convention of libdevmapper's users:
 * LVM-, CRYPT-LUKS2-, mpath-, DMRAID-, VDO-; kpartx puts "part1-" in front of its parent's.
 */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

static const char *kind_of(const char *uuid)
{
	/* The longer prefixes first. */
	static const struct {
		const char *prefix, *kind;
	} kinds[] = {
		{ "CRYPT-VERITY-", "verity" }, { "CRYPT-INTEGRITY-", "integrity" },
		{ "CRYPT-", "crypt" }, { "LVM-", "lvm" }, { "mpath-", "mpath" },
		{ "DMRAID-", "dmraid" }, { "VDO-", "vdo" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (blk_text_starts(uuid, kinds[i].prefix))
			return kinds[i].kind;
	if (blk_text_starts(uuid, "part")) {
		size_t n = strspn(uuid + 4, "0123456789");

		if (n > 0 && uuid[4 + n] == '-')
			return "part";
	}
	return "dm";
}

/*
 * LVM's names are VG-LV, with '-' doubled inside each: "my--vg-root" is my-vg/root. No LV begins
 * with '-', so the first single one divides.
 */
static int volume_group(const char *name, char **ret)
{
	char *s = malloc(strlen(name) + 1), *out = s;

	if (!s)
		return -ENOMEM;
	for (const char *p = name; *p; p++) {
		if (*p == '-' && *++p != '-') {
			if (!*p || out == s)
				break;
			*out = '\0';
			*ret = s;
			return 0;
		}
		*out++ = *p;
	}
	free(s);
	return 0;
}

int blk_dm_facts(const struct blk_walk *b, const char *dir, struct machine_volume *v,
		 char **ret_name)
{
	int r = blk_attr_line(b, ret_name, "/sys/block/%s/dm/name", dir);

	if (r == 0)
		r = blk_attr_line(b, &v->uuid, "/sys/block/%s/dm/uuid", dir);
	if (r < 0)
		return r;
	v->kind = strdup(v->uuid ? kind_of(v->uuid) : "dm");
	if (!v->kind)
		return -ENOMEM;
	if (strcmp(v->kind, "lvm") == 0 && *ret_name)
		r = volume_group(*ret_name, &v->group);
	if (r == 0 && collect_util_flag(b->root, "/sys/block/%s/dm/suspended", dir)) {
		v->state = strdup("suspended");
		r = v->state ? 0 : -ENOMEM;
	}
	return r;
}
