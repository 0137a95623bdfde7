/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a journal says of a disk's chunks, as DIGESTS messages for an agent that compares. */
#ifndef P2V_SERVER_DIGESTS_H
#define P2V_SERVER_DIGESTS_H

#include "p2v-server/journal.h"
#include "wire/msg.h"

/*
 * The next run of chunks of one kind, from *chunk on; false: there is none. Left out is what is
 * not durable, and what was unreadable on the source in part. sha256: room for PROTO_DIGESTS_MAX
 * digests; *ret points there.
 */
bool digests_next(const struct journal *j, uint16_t disk, uint64_t *chunk, uint8_t *sha256,
		  struct msg_digests *ret);

#endif
