/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See summary.h. */
#include "p2v-agent/summary.h"

#include "common/jsonx.h"
#include "p2v-agent/sender.h"

char *summary_make(const struct source *source, const char *consistency, bool takeover)
{
	CLEANUP(json_unref)
	json_t *root = json_pack("{s:s, s:s, s:[]}", "software", SENDER_SOFTWARE, "consistency",
				 consistency, "disks");
	json_t *disks = json_object_get(root, "disks");

	if (takeover)
		json_object_set_new(root, "takeover", json_true());

	for (size_t i = 0; i < source->n; i++) {
		const struct source_disk *sd = &source->disks[i];
		json_t *jd = json_pack("{s:s, s:s, s:I, s:[]}", "name", sd->name, "source",
				       sd->disk->path, "size", (json_int_t)sd->disk->size, "parts");

		for (size_t k = 0; sd->used && k < sd->used->nparts; k++) {
			const struct usedmap_part *up = &sd->used->parts[k];

			json_array_append_new(json_object_get(jd, "parts"),
					      json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:b}",
							"name", up->name, "kind", up->kind,
							"offset", (json_int_t)up->offset, "length",
							(json_int_t)up->length, "used",
							(json_int_t)up->used, "free",
							(json_int_t)up->free, "why", up->why,
							"trusted", up->trusted));
		}
		json_array_append_new(disks, jd);
	}
	return root ? json_dumps(root, JSON_COMPACT) : NULL;
}
