/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See stale.h. */
#include "p2v-agent/stale.h"

#include "common/compiler.h"

void stale_init(struct stale *s, const struct bitmap *const *maps, size_t n)
{
	*s = (struct stale){ .maps = maps, .n = n };
}

/* At most STALE_RANGES of one disk, from s->pos on. */
static uint32_t collect(struct stale *s, const struct bitmap *map, struct msg_range *v)
{
	uint32_t n = 0;
	uint64_t off, len;

	while (s->pos < map->size && bitmap_next_run(map, true, s->pos, &off, &len)) {
		uint64_t from = ALIGN_DOWN(off, (uint64_t)PROTO_CHUNK_SIZE);
		uint64_t to = MIN(ALIGN_UP(off + len, (uint64_t)PROTO_CHUNK_SIZE), map->size);

		if (n > 0 && from <= v[n - 1].offset + v[n - 1].length)
			v[n - 1].length = to - v[n - 1].offset;
		else if (n == STALE_RANGES)
			return n;
		else
			v[n++] = (struct msg_range){ from, to - from };
		s->pos = to;
	}
	s->pos = map->size;
	return n;
}

bool stale_next(struct stale *s, struct msg_have *ret)
{
	static _Thread_local struct msg_range ranges[STALE_RANGES];

	while (s->disk < s->n) {
		const struct bitmap *map = s->maps[s->disk];
		uint32_t n = collect(s, map, ranges);

		*ret = (struct msg_have){ .disk = (uint16_t)s->disk, .n = n, .ranges = ranges };
		if (s->pos == map->size) {
			s->disk++;
			s->pos = 0;
		}
		if (n > 0)
			return true;
	}
	return false;
}
