/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the server has of a disk, chunk by chunk, for a copy that sends only what differs.
 *
 *	DIGESTS --known_add()--> known --known_settle()--> have (not read)
 *					\--known_same()--> this one was read, and need not be sent
 *
 * Memory: 32 bytes for each chunk that has a digest, 32 MiB for a full TiB, and two bits a chunk.
 * It is filled by one thread and then only read, by any.
 */
#ifndef P2V_AGENT_KNOWN_H
#define P2V_AGENT_KNOWN_H

#include "common/bitmap.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "wire/msg.h"

struct known;

int known_new(uint64_t size, struct known **ret) WARN_UNUSED;
void known_free(struct known *k);
DEFINE_CLEANUP(struct known *, known_free)

/* A message that the session has let through. */
void known_add(struct known *k, const struct msg_digests *d);
/*
 * Set in have (granularity PROTO_CHUNK_SIZE) the chunks in which nothing is used here and that
 * are all zeroes there. used NULL: everything is. Returns their bytes.
 */
uint64_t known_settle(const struct known *k, const struct bitmap *used, struct bitmap *have);
/* Is the chunk the same there? sha256 NULL: it is all zeroes here. */
bool known_same(const struct known *k, uint64_t offset, const uint8_t *sha256);

#endif
