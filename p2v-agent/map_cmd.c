/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent map: what of the disks is used, and why we believe it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/size.h"
#include "disk/usedmap.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/map_picture.h"

struct map_config {
	bool json;
	const char *png;
};

const struct opt map_opts[] = {
	{ "json", 'j', NULL, "print the map's parts as JSON", OPT_FLAG,
	  offsetof(struct map_config, json) },
	{ "png", 'p', "FILE", "draw the map into FILE, a PNG picture", OPT_STR,
	  offsetof(struct map_config, png) },
	{ 0 }
};

struct disks {
	struct disk **v;
	size_t n;
};

static void disks_done(struct disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		disk_free(d->v[i]);
	free(d->v);
}
DEFINE_CLEANUP_VALUE(struct disks, disks_done)

static json_t *json_disk(const struct disk *d, const struct usedmap *u)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < u->nparts; i++) {
		const struct usedmap_part *p = &u->parts[i];

		json_array_append_new(
			parts,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}", "name", p->name,
				  "kind", p->kind, "offset", (json_int_t)p->offset, "length",
				  (json_int_t)p->length, "used", (json_int_t)p->used, "free",
				  (json_int_t)p->free, "trusted", p->trusted, "why", p->why));
	}
	return json_pack("{s:s, s:I, s:s, s:b, s:I, s:o}", "disk", d->path, "size",
			 (json_int_t)d->size, "table", u->table.kind, "table_understood",
			 u->table.understood, "used", (json_int_t)bitmap_bytes(u->map), "parts",
			 parts);
}

static int print_json(const struct disks *d, const struct usedmap_set *set, struct err *err)
{
	CLEANUP(json_unref) json_t *root = json_pack("{s:[], s:[]}", "disks", "volumes");
	CLEANUP(mem_free) char *text = NULL;

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(json_object_get(root, "disks"),
				      json_disk(d->v[i], set->maps[i]));
	for (size_t i = 0; i < set->nvolumes; i++) {
		const struct usedmap_volume *v = &set->volumes[i];

		json_array_append_new(json_object_get(root, "volumes"),
				      json_pack("{s:s, s:s, s:I, s:I, s:b, s:s}", "name", v->name,
						"kind", v->kind, "size", (json_int_t)v->size,
						"free", (json_int_t)v->free, "trusted", v->trusted,
						"why", v->why));
	}
	text = root ? jsonx_dump(root) : NULL;
	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

static void print_disk(const struct disk *d, const struct usedmap *u)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX], c[SIZE_TEXT_MAX];

	printf("%s  %s  table %s\n\n", d->path, size_format(d->size, a),
	       u->table.kind[0] ? u->table.kind : "none");
	printf("%-6s %-18s %10s %10s %10s  %s\n", "PART", "KIND", "SIZE", "USED", "FREE", "WHY");
	for (size_t i = 0; i < u->nparts; i++) {
		const struct usedmap_part *p = &u->parts[i];

		printf("%-6s %-18s %10s %10s %10s  %s\n", p->name, p->kind,
		       size_format(p->length, a), size_format(p->used, b), size_format(p->free, c),
		       p->why);
	}
	printf("\n%s of %s would be copied\n", size_format(bitmap_bytes(u->map), a),
	       size_format(d->size, b));
}

static void print_volumes(const struct usedmap_set *set)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX], c[SIZE_TEXT_MAX];

	if (set->nvolumes == 0)
		return;
	printf("\n%-20s %-10s %10s %10s %10s  %s\n", "VOLUME", "KIND", "SIZE", "USED", "FREE",
	       "WHY");
	for (size_t i = 0; i < set->nvolumes; i++) {
		const struct usedmap_volume *v = &set->volumes[i];

		printf("%-20s %-10s %10s %10s %10s  %s\n", v->name, v->kind,
		       size_format(v->size, a), size_format(v->size - v->free, b),
		       size_format(v->free, c), v->why);
	}
}

static int open_disks(char **paths, size_t n, struct disks *d, struct err *err)
{
	d->v = calloc(n, sizeof(struct disk *));
	if (!d->v)
		return err_nomem(err);
	for (; d->n < n; d->n++) {
		int r = disk_open(paths[d->n], 0, &d->v[d->n], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int show(const struct map_config *cfg, char **paths, size_t n, struct err *err)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = NULL;
	CLEANUP(disks_done) struct disks d = { 0 };
	int r;

	r = open_disks(paths, n, &d, err);
	if (r >= 0)
		r = usedmap_build((const struct disk *const *)d.v, d.n, &set, err);
	if (r >= 0 && cfg->png)
		r = map_picture_write(set, cfg->png, err);
	if (r < 0)
		return r;
	if (cfg->json)
		return print_json(&d, set, err);
	for (size_t i = 0; i < d.n; i++) {
		if (i > 0)
			putchar('\n');
		print_disk(d.v[i], set->maps[i]);
	}
	print_volumes(set);
	return 0;
}

int map_run(int argc, char **argv)
{
	struct map_config cfg = { 0 };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&agent_program, "map", argc, argv, &cfg, PROGRAM_ARGS_SOME,
			  &first);
	if (r >= 0)
		return r;
	if (show(&cfg, argv + first, (size_t)(argc - first), &err) < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
