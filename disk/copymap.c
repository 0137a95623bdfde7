/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk over "used and not yet there". */
#include <assert.h>
#include "common/compiler.h"
#include "disk/copymap.h"

void copymap_init(struct copymap *c, const struct bitmap *used, const struct bitmap *have,
		  uint64_t chunk)
{
	assert(chunk > 0 && (chunk & (chunk - 1)) == 0 && chunk >= used->granularity);
	assert(!have || (have->granularity == chunk && have->size == used->size));
	*c = (struct copymap){ .used = used, .have = have, .chunk = chunk };
}

static bool is_there(const struct copymap *c, uint64_t offset)
{
	return c->have && bitmap_test(c->have, offset);
}

/* The end of the run of free chunks that starts at the chunk boundary offset, which is free. */
static uint64_t free_end(const struct copymap *c, uint64_t offset)
{
	uint64_t end = c->used->size, run, length;

	if (bitmap_next_run(c->used, true, offset, &run, &length))
		end = ALIGN_DOWN(run, c->chunk);
	if (c->have && bitmap_next_run(c->have, true, offset, &run, &length))
		end = MIN(end, run);
	return end;
}

bool copymap_next(struct copymap *c, struct copymap_step *ret)
{
	uint64_t size = c->used->size, length, run, run_length;

	while (c->pos < size && is_there(c, c->pos)) {
		/* The run of chunks that are there starts here: to its end in one go. */
		if (!bitmap_next_run(c->have, true, c->pos, &run, &run_length))
			return false;
		c->pos = run + run_length;
	}
	if (c->pos >= size)
		return false;

	length = MIN(c->chunk, size - c->pos);
	ret->data = bitmap_any(c->used, c->pos, length);
	ret->offset = c->pos;
	ret->length = ret->data ? length : free_end(c, c->pos) - c->pos;
	c->pos += ret->length;
	return true;
}

void copymap_totals(const struct copymap *c, uint64_t *ret_data, uint64_t *ret_free,
		    uint64_t *ret_have)
{
	struct copymap walk;
	struct copymap_step step;
	uint64_t data = 0, free_bytes = 0;

	copymap_init(&walk, c->used, c->have, c->chunk);
	while (copymap_next(&walk, &step)) {
		if (step.data)
			data += step.length;
		else
			free_bytes += step.length;
	}
	*ret_data = data;
	*ret_free = free_bytes;
	*ret_have = c->used->size - data - free_bytes;
}
