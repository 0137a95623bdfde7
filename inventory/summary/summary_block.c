/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks and volumes. */
#include "inventory/summary/summary_parts.h"

#include <inttypes.h>
#include <string.h>
#include "common/size.h"

static void say_fs(struct para *p, const struct machine_fs *fs,
		   const struct machine_strv *mountpoints)
{
	char text[SIZE_TEXT_MAX];

	para_text(p, "  ", fs->type);
	para_strv(p, "  ", NULL, mountpoints);
	if (fs->size && fs->used)
		para_item(p, "  ", "%s used", size_format(fs->used, text));
	para_named(p, "  ", "label", fs->label);
	para_named(p, "  ", "part of", fs->group);
	if (fs->keyslots)
		para_item(p, "  ", "%u key slot%s", fs->keyslots, fs->keyslots == 1 ? "" : "s");
	para_strv(p, "  ", "token", &fs->tokens);
	if (fs->hibernated)
		para_item(p, "  ", "%s", fs->fast_startup ? "FAST STARTUP" : "HIBERNATED");
	else if (fs->dirty)
		para_item(p, "  ", "not cleanly unmounted");
}

/* The type of a partition where there is no filesystem to speak for it. */
static const char *type_name(const char *type)
{
	static const struct {
		const char *type, *name;
	} names[] = {
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system" },
		{ "21686148-6449-6e6f-744e-656564454649", "BIOS boot" },
		{ "9e1a2d38-c612-4316-aa26-8b49521e5a8b", "PReP boot" },
		{ "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved" },
		{ "0x5", "extended" }, { "0xf", "extended" }, { "0x85", "extended" },
	};

	for (size_t i = 0; type && i < ARRAY_SIZE(names); i++)
		if (strcmp(type, names[i].type) == 0)
			return names[i].name;
	return NULL;
}

static void say_partition(struct strbuf *b, const struct machine_partition *pt)
{
	struct para p = para_line(b, 4, 4);
	char text[SIZE_TEXT_MAX];
	const char *type = type_name(pt->type);

	para_text(&p, "", pt->name);
	para_pad(&p, 16);
	para_item(&p, "  ", "%10s", size_format(pt->size, text));
	if (type)
		para_text(&p, "  ", type);
	else if (!pt->fs.type)
		para_named(&p, "  ", "type", pt->type);
	say_fs(&p, &pt->fs, &pt->mountpoints);
	if (pt->boot)
		para_item(&p, "  ", "active");
	para_end(&p);
}

/* Nothing is said of a disk that is well. */
static void say_health(struct para *p, const struct machine_smart *s)
{
	if (s->status && strcmp(s->status, "failed") == 0) {
		para_item(p, ", ", "FAILING");
		para_text(p, ": ", s->detail);
	}
	if (s->pending)
		para_item(p, ", ", "%" PRIu64 " unreadable sectors", s->pending);
	if (s->percentage_used > 80)
		para_item(p, ", ", "worn by %u %%", s->percentage_used);
}

static void say_disk(struct strbuf *b, const struct machine_disk *d)
{
	struct para p = para_line(b, 2, 4);
	char text[SIZE_TEXT_MAX];

	para_text(&p, "", d->name);
	para_pad(&p, 16);
	para_item(&p, "  ", "%10s", size_format(d->size, text));
	para_text(&p, "  ", d->vendor);
	para_text(&p, d->vendor ? " " : "  ", d->model);
	para_named(&p, ", ", "serial", d->serial);
	para_text(&p, ", ", d->transport);
	if (!d->transport || !d->driver || strcmp(d->transport, d->driver) != 0)
		para_named(&p, " ", "by", d->driver);
	para_item(&p, ", ", "%s", d->rotational ? "rotating" : "solid state");
	if (d->logical_sector && d->logical_sector != 512)
		para_item(&p, ", ", "%u-byte sectors", d->logical_sector);
	para_text(&p, ", ", d->table);
	if (d->hybrid_mbr)
		para_item(&p, " ", "with a hybrid MBR");
	para_named(&p, ", ", "zoned", d->zoned);
	if (d->dax)
		para_item(&p, ", ", "DAX");
	if (d->paths > 1)
		para_item(&p, ", ", "%u paths", d->paths);
	say_health(&p, &d->smart);
	if (d->removable)
		para_item(&p, ", ", "removable");
	if (d->readonly)
		para_item(&p, ", ", "read-only");
	say_fs(&p, &d->fs, &d->mountpoints);
	para_end(&p);
	for (size_t i = 0; i < d->npartitions; i++)
		say_partition(b, &d->partitions[i]);
}

static void say_volume(struct strbuf *b, const struct machine_volume *v)
{
	struct para p = para_line(b, 2, 4);
	char text[SIZE_TEXT_MAX];

	para_text(&p, "", v->path && v->kind && strcmp(v->kind, "md") != 0 ? v->path : v->name);
	para_pad(&p, 30);
	para_item(&p, "  ", "%10s", size_format(v->size, text));
	para_text(&p, "  ", v->kind);
	para_text(&p, " ", v->level);
	para_named(&p, " ", "of", v->group);
	para_strv(&p, " ", "on", &v->slaves);
	if (v->missing)
		para_item(&p, "  ", "%u of %u devices missing", v->missing, v->devices);
	para_named(&p, "  ", "cache", v->cache_mode);
	if (v->state && (strcmp(v->state, "inactive") == 0 || strcmp(v->state, "suspended") == 0))
		para_text(&p, "  ", v->state);
	say_fs(&p, &v->fs, &v->mountpoints);
	para_end(&p);
}

void summary_storage(struct strbuf *b, const struct machine *m)
{
	para_heading(b, "Disks");
	for (size_t i = 0; i < m->ndisks; i++)
		say_disk(b, &m->disks[i]);
	if (m->ndisks == 0)
		strbuf_add(b, "  none found\n");
	if (m->nvolumes > 0)
		para_heading(b, "Volumes");
	for (size_t i = 0; i < m->nvolumes; i++)
		say_volume(b, &m->volumes[i]);
}
