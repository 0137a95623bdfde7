/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/fs/fs_sweep.h"

#include "common/bytes.h"
#include "common/compiler.h"

void fs_sweep_bits(struct fs_sweep *s, uint64_t word, unsigned int n)
{
	for (unsigned int i = 0; i < n;) {
		bool is_free = !(word >> i & 1);
		uint64_t other = (is_free ? word : ~word) >> i;
		unsigned int step = other ? (unsigned int)__builtin_ctzll(other) : 64 - i;

		step = MIN(step, n - i);
		if (is_free && !s->in_free)
			s->free_from = s->at;
		if (!is_free)
			fs_sweep_end(s);
		s->in_free = is_free;
		s->at += step;
		i += step;
	}
}

void fs_sweep_bytes(struct fs_sweep *s, const uint8_t *buf, size_t len, uint64_t clusters)
{
	for (size_t i = 0; i < len && s->at < clusters; i += 8) {
		size_t n = MIN((size_t)8, len - i);
		uint8_t raw[8] = { 0 };

		memcpy(raw, buf + i, n);
		fs_sweep_bits(s, get_le64(raw),
			      (unsigned int)MIN((uint64_t)n * 8, clusters - s->at));
	}
}

void fs_sweep_end(struct fs_sweep *s)
{
	if (s->in_free)
		bitmap_clear_range(s->map, s->offset + s->free_from * s->cluster,
				   (s->at - s->free_from) * s->cluster);
	s->in_free = false;
}
