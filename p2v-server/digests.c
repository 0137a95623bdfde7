/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digests.h. */
#include "p2v-server/digests.h"

#include <string.h>

#include "common/compiler.h"
#include "wire/proto.h"

/* enum proto_digests, or 0: not to be named. */
static uint8_t kind_of(const struct journal_disk *d, uint64_t chunk)
{
	uint64_t offset = chunk * PROTO_CHUNK_SIZE;

	if (d->state[chunk] == CHUNK_ABSENT ||
	    extents_any(&d->bad, offset, MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - offset)))
		return 0;
	return d->state[chunk] == CHUNK_DATA ? PROTO_DIGESTS_DATA : PROTO_DIGESTS_ZERO;
}

bool digests_next(const struct journal *j, uint16_t disk, uint64_t *chunk, uint8_t *sha256,
		  struct msg_digests *ret)
{
	const struct journal_disk *d = &j->disks[disk];
	struct msg_digests m = { .disk = disk };

	while (*chunk < d->nchunks && (m.kind = kind_of(d, *chunk)) == 0)
		++*chunk;
	m.offset = *chunk * PROTO_CHUNK_SIZE;
	while (*chunk < d->nchunks && kind_of(d, *chunk) == m.kind) {
		if (m.kind == PROTO_DIGESTS_DATA && m.n == PROTO_DIGESTS_MAX)
			break;
		if (m.kind == PROTO_DIGESTS_DATA)
			memcpy(sha256 + (size_t)m.n * SHA256_LEN, d->sha256[*chunk], SHA256_LEN);
		m.n++;
		++*chunk;
	}
	if (m.kind == PROTO_DIGESTS_DATA)
		m.sha256 = sha256;
	*ret = m;
	return m.n > 0;
}
