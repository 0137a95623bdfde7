/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts that messages are made of; each one's contract is in the header. */
#include "wire/msg_field.h"

#include <errno.h>
#include <string.h>

#include "common/bytes.h"

int msg_field_fault(struct err *err, const struct msg *m, const char *what)
{
	return err_set(err, EBADMSG, "%s message: %s", msg_type_name(m->type), what);
}

int msg_field_cut(struct err *err, const struct msg *m)
{
	return msg_field_fault(err, m, "too short");
}

int msg_field_get_reserved(struct iobuf *b, struct msg *m, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t v;

		MSG_GET(iobuf_get_u8(b, &v));
		if (v != 0)
			return msg_field_fault(err, m, "a reserved field is not zero");
	}
	return 0;
}

int msg_field_put_reserved(struct iobuf *b, size_t len)
{
	static const uint8_t zeroes[8];

	return iobuf_put(b, zeroes, len);
}

int msg_field_get_blob(struct iobuf *b, struct msg *m, uint32_t max, const char *what,
		       struct msg_blob *ret, struct err *err)
{
	struct msg_blob v;
	uint32_t len;

	/* Peek, to tell a text that is too long from a message that is cut. */
	if (iobuf_len(b) < 4)
		return msg_field_cut(err, m);
	len = get_be32(iobuf_ptr(b));
	if (len > max)
		return err_set(err, EBADMSG,
			       "%s message: %s of %u bytes is longer than the %u allowed",
			       msg_type_name(m->type), what, len, max);
	MSG_GET(iobuf_get_blob(b, max, &v.p, &v.len));
	*ret = v;
	return 0;
}

int msg_field_check_blob(const struct msg *m, const struct msg_blob *b, uint32_t max,
			 const char *what, struct err *err)
{
	if (b->len > max)
		return err_set(err, EBADMSG,
			       "%s message: %s of %u bytes is longer than the %u allowed",
			       msg_type_name(m->type), what, b->len, max);
	return 0;
}

int msg_field_get_text(struct iobuf *b, struct msg *m, uint32_t max, const char *what, char *ret,
		       struct err *err)
{
	struct msg_blob v;
	int r;

	r = msg_field_get_blob(b, m, max, what, &v, err);
	if (r < 0)
		return r;
	if (v.len > 0 && memchr(v.p, 0, v.len))
		return err_set(err, EBADMSG, "%s message: %s has a NUL inside",
			       msg_type_name(m->type), what);
	if (v.len > 0)
		memcpy(ret, v.p, v.len);
	ret[v.len] = '\0';
	return 0;
}

int msg_field_check_range(const struct msg *m, uint64_t offset, uint64_t length, uint32_t align,
			  struct err *err)
{
	if (offset % align != 0)
		return msg_field_fault(err, m, "misaligned offset");
	if (length == 0 || length % MSG_SECTOR != 0)
		return msg_field_fault(err, m, "length is zero or not whole sectors");
	if (!range_inside(offset, length, PROTO_DISK_SIZE_MAX))
		return msg_field_fault(err, m, "range beyond any disk");
	return 0;
}

int msg_field_check_id(const struct msg *m, uint64_t id, struct err *err)
{
	return id == 0 ? msg_field_fault(err, m, "id 0") : 0;
}
