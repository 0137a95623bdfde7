/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A short queue of ids, oldest first: what waits for an answer. Internal to session*.c. */
#ifndef P2V_WIRE_SESSION_IDS_H
#define P2V_WIRE_SESSION_IDS_H

#include <stdint.h>
#include "wire/proto.h"

#define SESSION_IDS_MAX	16

struct session_ids {
	uint64_t id[SESSION_IDS_MAX];
	unsigned int n;
};

_Static_assert(PROTO_FLUSH_MAX <= SESSION_IDS_MAX && PROTO_PING_MAX <= SESSION_IDS_MAX,
	       "struct session_ids is too short");

/* The caller has seen to it that there is room. */
void session_ids_push(struct session_ids *q, uint64_t id);
/* Drop the oldest n. */
void session_ids_drop(struct session_ids *q, unsigned int n);
/* How many to drop so that id is the last one dropped; 0 when it is not there. */
unsigned int session_ids_find(const struct session_ids *q, uint64_t id);

#endif
