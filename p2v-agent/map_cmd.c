/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent map: what of a disk is used, and why we believe it. */
#include <inttypes.h>
#include <stdio.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/size.h"
#include "disk/usedmap.h"
#include "p2v-agent/commands.h"

struct map_config {
	bool json;
};

const struct opt map_opts[] = { { "json", 'j', NULL, "print the map's parts as JSON", OPT_FLAG,
				  offsetof(struct map_config, json) },
				{ 0 } };

static int print_json(const struct disk *d, const struct usedmap *u, struct err *err)
{
	CLEANUP(json_unref)
	json_t *root =
		json_pack("{s:s, s:I, s:s, s:b, s:I, s:[]}", "disk", d->path, "size",
			  (json_int_t)d->size, "table", u->table.kind, "table_understood",
			  u->table.understood, "used", (json_int_t)bitmap_bytes(u->map), "parts");
	CLEANUP(mem_free) char *text = NULL;

	for (size_t i = 0; i < u->nparts; i++) {
		const struct usedmap_part *p = &u->parts[i];

		json_array_append_new(
			json_object_get(root, "parts"),
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}", "name", p->name,
				  "kind", p->kind, "offset", (json_int_t)p->offset, "length",
				  (json_int_t)p->length, "used", (json_int_t)p->used, "free",
				  (json_int_t)p->free, "trusted", p->trusted, "why", p->why));
	}
	text = root ? jsonx_dump(root) : NULL;
	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

static void print_table(const struct disk *d, const struct usedmap *u)
{
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX], c[SIZE_TEXT_MAX];

	printf("%s  %s  table %s\n\n", d->path, size_format(d->size, a),
	       u->table.kind[0] ? u->table.kind : "none");
	printf("%-6s %-14s %10s %10s %10s  %s\n", "PART", "KIND", "SIZE", "USED", "FREE", "WHY");
	for (size_t i = 0; i < u->nparts; i++) {
		const struct usedmap_part *p = &u->parts[i];

		printf("%-6s %-14s %10s %10s %10s  %s\n", p->name, p->kind,
		       size_format(p->length, a), size_format(p->used, b), size_format(p->free, c),
		       p->why);
	}
	printf("\n%s of %s would be copied\n", size_format(bitmap_bytes(u->map), a),
	       size_format(d->size, b));
}

int map_run(int argc, char **argv)
{
	CLEANUP(usedmap_free) struct usedmap *u = NULL;
	CLEANUP(disk_free) struct disk *d = NULL;
	struct map_config cfg = { 0 };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&agent_program, "map", argc, argv, &cfg, 1, &first);
	if (r >= 0)
		return r;
	r = disk_open(argv[first], 0, &d, &err);
	if (r >= 0)
		r = usedmap_build(d, &u, &err);
	if (r >= 0 && cfg.json)
		r = print_json(d, u, &err);
	else if (r >= 0)
		print_table(d, u);
	if (r < 0) {
		log_err(&err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
