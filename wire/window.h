/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in flight on one connection, as the agent counts it.
 *
 * An ACK of id N means: every message with an id <= N has been given to its image in order. It
 * says nothing about durability. A FLUSHED of id N means: everything up to and including N is on
 * stable storage *and* in the journal. Resume trusts only the journal, so what is acknowledged but
 * not flushed is sent again after a lost connection, and nothing else is.
 *
 *	sent ids     1  2  3  4  5  6  7  8
 *	                  ^durable  ^acked   ^last
 *
 * Ids rise by one. Credit bounds the frame bytes that are sent and not acknowledged; that is the
 * server's memory bound, and the server treats a breach as a protocol error. A frame larger than
 * what is left may be sent only when nothing is in flight. The number of messages in flight is
 * bounded too (PROTO_UNACKED_MAX), so that small ones cannot pile up.
 *
 * The server keeps the same window over what it received, to judge the agent by the same sums.
 */
#ifndef P2V_WIRE_WINDOW_H
#define P2V_WIRE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct window;

int window_new(uint32_t credit, struct window **ret) WARN_UNUSED;
void window_free(struct window *w);
DEFINE_CLEANUP(struct window *, window_free)

uint64_t window_next_id(const struct window *w);		/* 1, 2, 3... */
bool window_may_send(const struct window *w, uint32_t bytes);
/* Count in the message window_next_id(): frame bytes for credit, payload for progress. -ENOMEM. */
int window_sent(struct window *w, uint32_t bytes, uint64_t payload);
/* -EBADMSG: id never sent, or falling. *ret_payload (may be NULL): payload newly acknowledged. */
int window_acked(struct window *w, uint64_t id, uint64_t *ret_payload);
/* Same for durability. A FLUSHED acknowledges too: *ret_payload_acked is what it acknowledged. */
int window_flushed(struct window *w, uint64_t id, uint64_t *ret_payload_acked);
uint64_t window_in_flight(const struct window *w);		/* frame bytes */
uint64_t window_acked_id(const struct window *w);
uint64_t window_durable_id(const struct window *w);
uint64_t window_last_id(const struct window *w);		/* 0 when nothing was sent */

#endif
