/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fields that several messages have: taken out, put in, judged. Internal to msg*.c. Every failure
 * is -EBADMSG with a phrase that names the message, unless said otherwise.
 */
#ifndef P2V_WIRE_MSG_FIELD_H
#define P2V_WIRE_MSG_FIELD_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "common/iobuf.h"
#include "wire/msg.h"

#define MSG_SECTOR	512u	/* what all sizes and offsets are multiples of */

/* "DATA message: " and what. */
int msg_field_fault(struct err *err, const struct msg *m, const char *what);
/* The same for a payload that ends too early. */
int msg_field_cut(struct err *err, const struct msg *m);

/*
 * For get(), with its m and err: -EBADMSG from an iobuf getter means only "not enough bytes" or
 * "blob too long".
 */
#define MSG_GET(call) \
	do { \
		if ((call) < 0) \
			return msg_field_cut(err, m); \
	} while (0)

/* For put(). */
#define MSG_PUT(call) \
	do { \
		int put_r_ = (call); \
		if (put_r_ < 0) \
			return put_r_; \
	} while (0)

/* len bytes that must be zero. */
int msg_field_get_reserved(struct iobuf *b, struct msg *m, size_t len, struct err *err);
/* len <= 8; -errno of iobuf_put(). */
int msg_field_put_reserved(struct iobuf *b, size_t len);
/* A length and that many bytes, at most max; *ret points into b. what: its name in phrases. */
int msg_field_get_blob(struct iobuf *b, struct msg *m, uint32_t max, const char *what,
		       struct msg_blob *ret, struct err *err);
int msg_field_check_blob(const struct msg *m, const struct msg_blob *b, uint32_t max,
			 const char *what, struct err *err);
/* Text into an array that holds max bytes and a NUL. */
int msg_field_get_text(struct iobuf *b, struct msg *m, uint32_t max, const char *what, char *ret,
		       struct err *err);
/* Arithmetic that every range shares; no overflow after this. */
int msg_field_check_range(const struct msg *m, uint64_t offset, uint64_t length, uint32_t align,
			  struct err *err);
/* Ids begin at 1. */
int msg_field_check_id(const struct msg *m, uint64_t id, struct err *err);

#endif
