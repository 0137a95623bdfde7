/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HELLO, OPEN, JOB, HAVE, DIGESTS: who is there, which disks, and what of them the server has
 * already.
 */
#include "wire/msg_layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "wire/msg_field.h"
#include "wire/msg_lists.h"

/* Fixed parts of the payloads. */
#define HELLO_FIXED	32
#define OPEN_FIXED	16
#define DISK_FIXED	24
#define JOB_FIXED	24

/* HELLO */

static int get_hello(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_hello *h = &m->hello;
	uint64_t magic;
	int r;

	MSG_GET(iobuf_get_u64(b, &magic));
	if (magic != PROTO_MAGIC)
		return msg_field_fault(err, m, "wrong magic number");
	MSG_GET(iobuf_get_u16(b, &h->version));
	MSG_GET(iobuf_get_u8(b, &h->role));
	r = msg_field_get_reserved(b, m, 1, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &h->must));
	MSG_GET(iobuf_get_u64(b, &h->may));
	return msg_field_get_blob(b, m, PROTO_SOFTWARE_MAX, "software name", &h->software, err);
}

static int check_hello(const struct msg *m, struct err *err)
{
	if (m->hello.role != PROTO_ROLE_AGENT && m->hello.role != PROTO_ROLE_SERVER)
		return msg_field_fault(err, m, "unknown role");
	return msg_field_check_blob(m, &m->hello.software, PROTO_SOFTWARE_MAX, "software name",
				    err);
}

static int put_hello(struct iobuf *b, const struct msg *m)
{
	const struct msg_hello *h = &m->hello;

	MSG_PUT(iobuf_put_u64(b, PROTO_MAGIC));
	MSG_PUT(iobuf_put_u16(b, h->version));
	MSG_PUT(iobuf_put_u8(b, h->role));
	MSG_PUT(msg_field_put_reserved(b, 1));
	MSG_PUT(iobuf_put_u64(b, h->must));
	MSG_PUT(iobuf_put_u64(b, h->may));
	MSG_PUT(iobuf_put_blob(b, h->software.p, h->software.len));
	return 0;
}

static uint64_t size_hello(const struct msg *m)
{
	return HELLO_FIXED + (uint64_t)m->hello.software.len;
}

const struct msg_layout msg_opening_hello = {
	.get = get_hello,
	.check = check_hello,
	.put = put_hello,
	.size = size_hello,
};

/* OPEN */

static int get_disk(struct iobuf *b, struct msg *m, struct msg_disk *d, struct err *err)
{
	int r;

	r = msg_field_get_text(b, m, PROTO_NAME_MAX, "disk name", d->name, err);
	if (r < 0)
		return r;
	r = msg_field_get_text(b, m, PROTO_PATH_MAX, "disk source", d->source, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &d->size));
	MSG_GET(iobuf_get_u32(b, &d->logical_sector));
	MSG_GET(iobuf_get_u32(b, &d->physical_sector));
	return 0;
}

static int get_open(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_open *o = &m->open;
	uint16_t n;
	int r;

	MSG_GET(iobuf_get_u32(b, &o->flags));
	r = msg_field_get_text(b, m, PROTO_NAME_MAX, "job name", o->name, err);
	if (r < 0)
		return r;
	r = msg_field_get_blob(b, m, PROTO_MACHINE_MAX, "machine", &o->machine, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u16(b, &n));
	r = msg_field_get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	/* Before memory is set aside for them. */
	if (n == 0 || n > PROTO_DISKS_MAX)
		return msg_field_fault(err, m, "number of disks out of range");
	if ((uint64_t)n * DISK_FIXED > iobuf_len(b))
		return msg_field_cut(err, m);
	o->disks = calloc(n, sizeof(*o->disks));
	if (!o->disks)
		return err_nomem(err);
	o->ndisks = n;
	for (uint16_t i = 0; i < n; i++) {
		r = get_disk(b, m, &o->disks[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool sector_valid(uint32_t v)
{
	return v >= MSG_SECTOR && v <= 65536 && (v & (v - 1)) == 0;
}

static bool name_valid(const char *s)
{
	return memchr(s, 0, PROTO_NAME_MAX + 1) && text_name_valid(s);
}

static int check_disk(const struct msg *m, const struct msg_disk *d, struct err *err)
{
	if (!name_valid(d->name))
		return msg_field_fault(err, m, "disk name not acceptable");
	if (!memchr(d->source, 0, sizeof(d->source)))
		return msg_field_fault(err, m, "disk source too long");
	if (d->size == 0 || d->size > PROTO_DISK_SIZE_MAX || d->size % MSG_SECTOR != 0)
		return msg_field_fault(err, m, "disk size out of range");
	if (!sector_valid(d->logical_sector) || !sector_valid(d->physical_sector) ||
	    d->physical_sector < d->logical_sector)
		return msg_field_fault(err, m, "sector size out of range");
	return 0;
}

static int check_open(const struct msg *m, struct err *err)
{
	const struct msg_open *o = &m->open;
	int r;

	if (o->flags & ~PROTO_OPEN_FLAGS)
		return msg_field_fault(err, m, "unknown flags");
	if ((o->flags & PROTO_OPEN_JOIN) && (o->flags & PROTO_OPEN_COMPARE))
		return msg_field_fault(err, m, "joins and compares");
	if ((o->flags & PROTO_OPEN_JOIN) && (o->flags & PROTO_OPEN_LIVE))
		return msg_field_fault(err, m, "joins with live disks");
	if ((o->flags & PROTO_OPEN_JOIN) && o->machine.len != PROTO_UUID_LEN)
		return msg_field_fault(err, m, "joins without a uuid");
	if (!name_valid(o->name))
		return msg_field_fault(err, m, "job name not acceptable");
	r = msg_field_check_blob(m, &o->machine, PROTO_MACHINE_MAX, "machine", err);
	if (r < 0)
		return r;
	if (o->ndisks == 0 || o->ndisks > PROTO_DISKS_MAX)
		return msg_field_fault(err, m, "number of disks out of range");
	for (uint16_t i = 0; i < o->ndisks; i++) {
		r = check_disk(m, &o->disks[i], err);
		if (r < 0)
			return r;
		for (uint16_t j = 0; j < i; j++)
			if (strcmp(o->disks[i].name, o->disks[j].name) == 0)
				return msg_field_fault(err, m, "two disks with one name");
	}
	return 0;
}

static int put_open(struct iobuf *b, const struct msg *m)
{
	const struct msg_open *o = &m->open;

	MSG_PUT(iobuf_put_u32(b, o->flags));
	MSG_PUT(iobuf_put_blob(b, o->name, (uint32_t)strlen(o->name)));
	MSG_PUT(iobuf_put_blob(b, o->machine.p, o->machine.len));
	MSG_PUT(iobuf_put_u16(b, o->ndisks));
	MSG_PUT(msg_field_put_reserved(b, 2));
	for (uint16_t i = 0; i < o->ndisks; i++) {
		const struct msg_disk *d = &o->disks[i];

		MSG_PUT(iobuf_put_blob(b, d->name, (uint32_t)strlen(d->name)));
		MSG_PUT(iobuf_put_blob(b, d->source, (uint32_t)strlen(d->source)));
		MSG_PUT(iobuf_put_u64(b, d->size));
		MSG_PUT(iobuf_put_u32(b, d->logical_sector));
		MSG_PUT(iobuf_put_u32(b, d->physical_sector));
	}
	return 0;
}

static uint64_t size_open(const struct msg *m)
{
	const struct msg_open *o = &m->open;
	uint64_t n = OPEN_FIXED + strnlen(o->name, sizeof(o->name)) + o->machine.len;

	for (uint16_t i = 0; i < o->ndisks; i++) {
		const struct msg_disk *d = &o->disks[i];

		n += DISK_FIXED + strnlen(d->name, sizeof(d->name)) +
		     strnlen(d->source, sizeof(d->source));
	}
	return n;
}

const struct msg_layout msg_opening_open = {
	.get = get_open,
	.check = check_open,
	.put = put_open,
	.size = size_open,
};

/* JOB */

static int get_job(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	MSG_GET(iobuf_get(b, m->job.uuid, sizeof(m->job.uuid)));
	MSG_GET(iobuf_get_u8(b, &m->job.state));
	r = msg_field_get_reserved(b, m, 3, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u32(b, &m->job.credit));
	return 0;
}

static int check_job(const struct msg *m, struct err *err)
{
	if (m->job.state < PROTO_JOB_NEW || m->job.state > PROTO_JOB_COMPLETE)
		return msg_field_fault(err, m, "unknown state");
	if (m->job.credit < PROTO_CREDIT_MIN || m->job.credit > PROTO_CREDIT_MAX)
		return msg_field_fault(err, m, "credit out of range");
	return 0;
}

static int put_job(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put(b, m->job.uuid, sizeof(m->job.uuid)));
	MSG_PUT(iobuf_put_u8(b, m->job.state));
	MSG_PUT(msg_field_put_reserved(b, 3));
	MSG_PUT(iobuf_put_u32(b, m->job.credit));
	return 0;
}

static uint64_t size_job(const struct msg *m UNUSED)
{
	return JOB_FIXED;
}

const struct msg_layout msg_opening_job = {
	.get = get_job,
	.check = check_job,
	.put = put_job,
	.size = size_job,
};

/* HAVE */

static int get_have(struct iobuf *b, struct msg *m, struct err *err)
{
	return msg_lists_get_ranges(b, m, &m->have, err);
}

static int check_have(const struct msg *m, struct err *err)
{
	return msg_lists_check_ranges(m, &m->have, err);
}

static int put_have(struct iobuf *b, const struct msg *m)
{
	return msg_lists_put_ranges(b, &m->have);
}

static uint64_t size_have(const struct msg *m)
{
	return msg_lists_size_ranges(&m->have);
}

const struct msg_layout msg_opening_have = {
	.get = get_have,
	.check = check_have,
	.put = put_have,
	.size = size_have,
};

/* DIGESTS */

static int get_digests(struct iobuf *b, struct msg *m, struct err *err)
{
	return msg_lists_get_digests(b, m, &m->digests, err);
}

static int check_digests(const struct msg *m, struct err *err)
{
	return msg_lists_check_digests(m, &m->digests, err);
}

static int put_digests(struct iobuf *b, const struct msg *m)
{
	return msg_lists_put_digests(b, &m->digests);
}

static uint64_t size_digests(const struct msg *m)
{
	return msg_lists_size_digests(&m->digests);
}

const struct msg_layout msg_opening_digests = {
	.get = get_digests,
	.check = check_digests,
	.put = put_digests,
	.size = size_digests,
};
