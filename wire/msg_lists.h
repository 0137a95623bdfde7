/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two lists that more than one message has: ranges of whole chunks (HAVE, STALE, DIFFER) and the
 * digests of chunks (DIGESTS, CHECK). Internal to msg*.c; as the functions of a layout
 * (msg_layout.h), of a part of the message m.
 */
#ifndef P2V_WIRE_MSG_LISTS_H
#define P2V_WIRE_MSG_LISTS_H

#include <stdint.h>
#include "common/err.h"
#include "common/iobuf.h"
#include "wire/msg.h"

int msg_lists_get_ranges(struct iobuf *b, struct msg *m, struct msg_have *h, struct err *err);
int msg_lists_check_ranges(const struct msg *m, const struct msg_have *h, struct err *err);
int msg_lists_put_ranges(struct iobuf *b, const struct msg_have *h);
uint64_t msg_lists_size_ranges(const struct msg_have *h);

int msg_lists_get_digests(struct iobuf *b, struct msg *m, struct msg_digests *d, struct err *err);
int msg_lists_check_digests(const struct msg *m, const struct msg_digests *d, struct err *err);
int msg_lists_put_digests(struct iobuf *b, const struct msg_digests *d);
uint64_t msg_lists_size_digests(const struct msg_digests *d);

#endif
