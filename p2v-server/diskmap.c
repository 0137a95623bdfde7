/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A grid of COLUMNS x rows cells in reading order. A cell takes the colour of the most important
 * thing in it: unreadable before data before zero before free; its opacity for data is the share.
 */
#include "p2v-server/diskmap.h"

#include <inttypes.h>

#include "wire/proto.h"

#define COLUMNS		96u
#define MAX_ROWS	16u
#define CELL		10u

struct cell {
	uint64_t bytes[4];		/* by enum chunk_state */
	bool bad;
};

static void fill(const struct journal_disk *d, struct cell *cells, uint64_t n)
{
	for (uint64_t i = 0; i < d->nchunks; i++)
		cells[(unsigned __int128)i * n / d->nchunks].bytes[d->state[i]] += PROTO_CHUNK_SIZE;
	for (size_t i = 0; i < d->bad.n; i++) {
		uint64_t first = d->bad.v[i].offset / PROTO_CHUNK_SIZE;
		uint64_t last = (d->bad.v[i].offset + d->bad.v[i].length - 1) / PROTO_CHUNK_SIZE;

		for (uint64_t k = first; k <= last && k < d->nchunks; k++)
			cells[(unsigned __int128)k * n / d->nchunks].bad = true;
	}
}

static const char *cell_class(const struct cell *c)
{
	if (c->bad)
		return "bad";
	if (c->bytes[CHUNK_DATA])
		return "data";
	if (c->bytes[CHUNK_ZERO])
		return "zero";
	return c->bytes[CHUNK_FREE] ? "free" : "absent";
}

void diskmap_svg(struct strbuf *b, const struct journal_disk *d, const char *title)
{
	uint64_t n = MIN(d->nchunks, (uint64_t)COLUMNS * MAX_ROWS), rows;
	CLEANUP(mem_free) struct cell *cells = NULL;
	CLEANUP(mem_free) char *safe = text_escape_xml(title ? title : "");

	if (n == 0)
		return;
	cells = calloc(n, sizeof(*cells));
	if (!cells || !safe) {
		b->failed = true;
		return;
	}
	fill(d, cells, n);
	rows = DIV_ROUND_UP(n, COLUMNS);
	strbuf_addf(b,
		    "<svg class=\"map\" role=\"img\" viewBox=\"0 0 %u %" PRIu64
		    "\"><title>%s</title>\n",
		    COLUMNS * CELL, rows * CELL, safe);
	for (uint64_t i = 0; i < n; i++) {
		const struct cell *c = &cells[i];
		uint64_t all = c->bytes[0] + c->bytes[1] + c->bytes[2] + c->bytes[3];
		double share = all ? (double)c->bytes[CHUNK_DATA] / (double)all : 0;

		strbuf_addf(b,
			    "<rect class=\"%s\" x=\"%" PRIu64 "\" y=\"%" PRIu64
			    "\" width=\"%u\" height=\"%u\"",
			    cell_class(c), i % COLUMNS * CELL, i / COLUMNS * CELL, CELL - 1,
			    CELL - 1);
		if (!c->bad && share > 0 && share < 1)
			strbuf_addf(b, " opacity=\"%.2f\"", 0.35 + 0.65 * share);
		strbuf_add(b, "/>\n");
	}
	strbuf_add(b, "</svg>\n");
}
