/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One type at a time: get_foo() takes the fields out of a payload and looks at what only the bytes
 * can show (reserved fields, lengths of text), check_foo() judges the values and serves both
 * directions, put_foo() lays the fields out, size_foo() is their length. The table at the end of
 * that part ties them to the types.
 */
#include "wire/msg.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

#define SECTOR		512u

/* Fixed parts of the payloads. */
#define HELLO_FIXED	32
#define OPEN_FIXED	16
#define DISK_FIXED	24
#define JOB_FIXED	24
#define HAVE_FIXED	8
#define RANGE_FIXED	16
#define DATA_FIXED	56
#define CLUSTER_FIXED	8
#define ZERO_FIXED	32
#define BAD_FIXED	32
#define FINISH_FIXED	12
#define FINISHED_FIXED	4
#define STATUS_FIXED	24
#define ERROR_FIXED	8
#define ID_FIXED	8
#define CLOSE_FIXED	1

static int fault(struct err *err, const struct msg *m, const char *what)
{
	return err_set(err, EBADMSG, "%s message: %s", msg_type_name(m->type), what);
}

static int cut(struct err *err, const struct msg *m)
{
	return fault(err, m, "too short");
}

/* -EBADMSG from an iobuf getter means only "not enough bytes" or "blob too long". */
#define GET(call) \
	do { \
		if ((call) < 0) \
			return cut(err, m); \
	} while (0)

#define PUT(call) \
	do { \
		int put_r_ = (call); \
		if (put_r_ < 0) \
			return put_r_; \
	} while (0)

static int get_reserved(struct iobuf *b, struct msg *m, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t v;

		GET(iobuf_get_u8(b, &v));
		if (v != 0)
			return fault(err, m, "a reserved field is not zero");
	}
	return 0;
}

static int put_reserved(struct iobuf *b, size_t len)
{
	static const uint8_t zeroes[8];

	return iobuf_put(b, zeroes, len);
}

static int get_blob(struct iobuf *b, struct msg *m, uint32_t max, const char *what,
		    struct msg_blob *ret, struct err *err)
{
	struct msg_blob v;
	uint32_t len;

	/* Peek, to tell a text that is too long from a message that is cut. */
	if (iobuf_len(b) < 4)
		return cut(err, m);
	len = get_be32(iobuf_ptr(b));
	if (len > max)
		return err_set(err, EBADMSG,
			       "%s message: %s of %u bytes is longer than the %u allowed",
			       msg_type_name(m->type), what, len, max);
	GET(iobuf_get_blob(b, max, &v.p, &v.len));
	*ret = v;
	return 0;
}

static int check_blob(const struct msg *m, const struct msg_blob *b, uint32_t max, const char *what,
		      struct err *err)
{
	if (b->len > max)
		return err_set(err, EBADMSG,
			       "%s message: %s of %u bytes is longer than the %u allowed",
			       msg_type_name(m->type), what, b->len, max);
	return 0;
}

/* Text into an array that holds max bytes and a NUL. */
static int get_text(struct iobuf *b, struct msg *m, uint32_t max, const char *what, char *ret,
		    struct err *err)
{
	struct msg_blob v;
	int r;

	r = get_blob(b, m, max, what, &v, err);
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

/* Arithmetic that every range shares; no overflow after this. */
static int check_range(const struct msg *m, uint64_t offset, uint64_t length, uint32_t align,
		       struct err *err)
{
	if (offset % align != 0)
		return fault(err, m, "misaligned offset");
	if (length == 0 || length % SECTOR != 0)
		return fault(err, m, "length is zero or not whole sectors");
	if (!range_inside(offset, length, PROTO_DISK_SIZE_MAX))
		return fault(err, m, "range beyond any disk");
	return 0;
}

static int check_nonzero_id(const struct msg *m, uint64_t id, struct err *err)
{
	return id == 0 ? fault(err, m, "id 0") : 0;
}

/* HELLO */

static int get_hello(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_hello *h = &m->hello;
	uint64_t magic;
	int r;

	GET(iobuf_get_u64(b, &magic));
	if (magic != PROTO_MAGIC)
		return fault(err, m, "wrong magic number");
	GET(iobuf_get_u16(b, &h->version));
	GET(iobuf_get_u8(b, &h->role));
	r = get_reserved(b, m, 1, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u64(b, &h->must));
	GET(iobuf_get_u64(b, &h->may));
	return get_blob(b, m, PROTO_SOFTWARE_MAX, "software name", &h->software, err);
}

static int check_hello(const struct msg *m, struct err *err)
{
	if (m->hello.role != PROTO_ROLE_AGENT && m->hello.role != PROTO_ROLE_SERVER)
		return fault(err, m, "unknown role");
	return check_blob(m, &m->hello.software, PROTO_SOFTWARE_MAX, "software name", err);
}

static int put_hello(struct iobuf *b, const struct msg *m)
{
	const struct msg_hello *h = &m->hello;

	PUT(iobuf_put_u64(b, PROTO_MAGIC));
	PUT(iobuf_put_u16(b, h->version));
	PUT(iobuf_put_u8(b, h->role));
	PUT(put_reserved(b, 1));
	PUT(iobuf_put_u64(b, h->must));
	PUT(iobuf_put_u64(b, h->may));
	PUT(iobuf_put_blob(b, h->software.p, h->software.len));
	return 0;
}

static uint64_t size_hello(const struct msg *m)
{
	return HELLO_FIXED + (uint64_t)m->hello.software.len;
}

/* OPEN */

static int get_disk(struct iobuf *b, struct msg *m, struct msg_disk *d, struct err *err)
{
	int r;

	r = get_text(b, m, PROTO_NAME_MAX, "disk name", d->name, err);
	if (r < 0)
		return r;
	r = get_text(b, m, PROTO_PATH_MAX, "disk source", d->source, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u64(b, &d->size));
	GET(iobuf_get_u32(b, &d->logical_sector));
	GET(iobuf_get_u32(b, &d->physical_sector));
	return 0;
}

static int get_open(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_open *o = &m->open;
	uint16_t n;
	int r;

	GET(iobuf_get_u32(b, &o->flags));
	r = get_text(b, m, PROTO_NAME_MAX, "job name", o->name, err);
	if (r < 0)
		return r;
	r = get_blob(b, m, PROTO_MACHINE_MAX, "machine", &o->machine, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u16(b, &n));
	r = get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	/* Before memory is set aside for them. */
	if (n == 0 || n > PROTO_DISKS_MAX)
		return fault(err, m, "number of disks out of range");
	if ((uint64_t)n * DISK_FIXED > iobuf_len(b))
		return cut(err, m);
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
	return v >= SECTOR && v <= 65536 && (v & (v - 1)) == 0;
}

static bool name_valid(const char *s)
{
	return memchr(s, 0, PROTO_NAME_MAX + 1) && text_name_valid(s);
}

static int check_disk(const struct msg *m, const struct msg_disk *d, struct err *err)
{
	if (!name_valid(d->name))
		return fault(err, m, "disk name not acceptable");
	if (!memchr(d->source, 0, sizeof(d->source)))
		return fault(err, m, "disk source too long");
	if (d->size == 0 || d->size > PROTO_DISK_SIZE_MAX || d->size % SECTOR != 0)
		return fault(err, m, "disk size out of range");
	if (!sector_valid(d->logical_sector) || !sector_valid(d->physical_sector) ||
	    d->physical_sector < d->logical_sector)
		return fault(err, m, "sector size out of range");
	return 0;
}

static int check_open(const struct msg *m, struct err *err)
{
	const struct msg_open *o = &m->open;
	int r;

	if (o->flags & ~PROTO_OPEN_FLAGS)
		return fault(err, m, "unknown flags");
	if (!name_valid(o->name))
		return fault(err, m, "job name not acceptable");
	r = check_blob(m, &o->machine, PROTO_MACHINE_MAX, "machine", err);
	if (r < 0)
		return r;
	if (o->ndisks == 0 || o->ndisks > PROTO_DISKS_MAX)
		return fault(err, m, "number of disks out of range");
	for (uint16_t i = 0; i < o->ndisks; i++) {
		r = check_disk(m, &o->disks[i], err);
		if (r < 0)
			return r;
		for (uint16_t j = 0; j < i; j++)
			if (strcmp(o->disks[i].name, o->disks[j].name) == 0)
				return fault(err, m, "two disks with one name");
	}
	return 0;
}

static int put_open(struct iobuf *b, const struct msg *m)
{
	const struct msg_open *o = &m->open;

	PUT(iobuf_put_u32(b, o->flags));
	PUT(iobuf_put_blob(b, o->name, (uint32_t)strlen(o->name)));
	PUT(iobuf_put_blob(b, o->machine.p, o->machine.len));
	PUT(iobuf_put_u16(b, o->ndisks));
	PUT(put_reserved(b, 2));
	for (uint16_t i = 0; i < o->ndisks; i++) {
		const struct msg_disk *d = &o->disks[i];

		PUT(iobuf_put_blob(b, d->name, (uint32_t)strlen(d->name)));
		PUT(iobuf_put_blob(b, d->source, (uint32_t)strlen(d->source)));
		PUT(iobuf_put_u64(b, d->size));
		PUT(iobuf_put_u32(b, d->logical_sector));
		PUT(iobuf_put_u32(b, d->physical_sector));
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

/* JOB */

static int get_job(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	GET(iobuf_get(b, m->job.uuid, sizeof(m->job.uuid)));
	GET(iobuf_get_u8(b, &m->job.state));
	r = get_reserved(b, m, 3, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u32(b, &m->job.credit));
	return 0;
}

static int check_job(const struct msg *m, struct err *err)
{
	if (m->job.state < PROTO_JOB_NEW || m->job.state > PROTO_JOB_COMPLETE)
		return fault(err, m, "unknown state");
	if (m->job.credit < PROTO_CREDIT_MIN || m->job.credit > PROTO_CREDIT_MAX)
		return fault(err, m, "credit out of range");
	return 0;
}

static int put_job(struct iobuf *b, const struct msg *m)
{
	PUT(iobuf_put(b, m->job.uuid, sizeof(m->job.uuid)));
	PUT(iobuf_put_u8(b, m->job.state));
	PUT(put_reserved(b, 3));
	PUT(iobuf_put_u32(b, m->job.credit));
	return 0;
}

static uint64_t size_job(const struct msg *m UNUSED)
{
	return JOB_FIXED;
}

/* HAVE */

static int get_have(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_have *h = &m->have;
	uint32_t n;
	int r;

	GET(iobuf_get_u16(b, &h->disk));
	r = get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u32(b, &n));
	if (n == 0 || n > PROTO_HAVE_MAX)
		return fault(err, m, "number of ranges out of range");
	if ((uint64_t)n * RANGE_FIXED > iobuf_len(b))
		return cut(err, m);
	h->ranges = calloc(n, sizeof(*h->ranges));
	if (!h->ranges)
		return err_nomem(err);
	h->n = n;
	for (uint32_t i = 0; i < n; i++) {
		GET(iobuf_get_u64(b, &h->ranges[i].offset));
		GET(iobuf_get_u64(b, &h->ranges[i].length));
	}
	return 0;
}

static int check_have(const struct msg *m, struct err *err)
{
	const struct msg_have *h = &m->have;
	uint64_t end = 0;

	if (h->n == 0 || h->n > PROTO_HAVE_MAX)
		return fault(err, m, "number of ranges out of range");
	for (uint32_t i = 0; i < h->n; i++) {
		const struct msg_range *range = &h->ranges[i];
		int r = check_range(m, range->offset, range->length, PROTO_CHUNK_SIZE, err);

		if (r < 0)
			return r;
		if (i > 0 && range->offset <= end)
			return fault(err, m, "ranges touch or are not in order");
		end = range->offset + range->length;
	}
	return 0;
}

static int put_have(struct iobuf *b, const struct msg *m)
{
	const struct msg_have *h = &m->have;

	PUT(iobuf_put_u16(b, h->disk));
	PUT(put_reserved(b, 2));
	PUT(iobuf_put_u32(b, h->n));
	for (uint32_t i = 0; i < h->n; i++) {
		PUT(iobuf_put_u64(b, h->ranges[i].offset));
		PUT(iobuf_put_u64(b, h->ranges[i].length));
	}
	return 0;
}

static uint64_t size_have(const struct msg *m)
{
	return HAVE_FIXED + (uint64_t)m->have.n * RANGE_FIXED;
}

/* DATA */

static int get_clusters(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_data *d = &m->data;
	int r;

	for (uint16_t i = 0; i < d->nclusters; i++) {
		struct msg_cluster *k = &d->clusters[i];

		GET(iobuf_get_u8(b, &k->codec));
		r = get_reserved(b, m, 3, err);
		if (r < 0)
			return r;
		GET(iobuf_get_u32(b, &k->stored));
	}
	for (uint16_t i = 0; i < d->nclusters; i++) {
		struct msg_cluster *k = &d->clusters[i];

		if (k->stored > iobuf_len(b))
			return cut(err, m);
		k->p = k->stored > 0 ? iobuf_ptr(b) : NULL;
		iobuf_consume(b, k->stored);
	}
	return 0;
}

static int get_data(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_data *d = &m->data;

	GET(iobuf_get_u64(b, &d->id));
	GET(iobuf_get_u16(b, &d->disk));
	GET(iobuf_get_u16(b, &d->nclusters));
	GET(iobuf_get_u32(b, &d->length));
	GET(iobuf_get_u64(b, &d->offset));
	GET(iobuf_get(b, d->sha256, sizeof(d->sha256)));
	if (d->nclusters > PROTO_CHUNK_CLUSTERS)
		return fault(err, m, "too many clusters");
	return get_clusters(b, m, err);
}

static bool cluster_valid(const struct msg_cluster *k, uint32_t len)
{
	switch (k->codec) {
	case PROTO_CODEC_RAW:
		return k->stored == len;
	case PROTO_CODEC_ZSTD:
		return len == PROTO_CLUSTER_SIZE && k->stored >= 1 && k->stored < len;
	case PROTO_CODEC_ZERO:
		return k->stored == 0;
	default:
		return false;
	}
}

static int check_data(const struct msg *m, struct err *err)
{
	const struct msg_data *d = &m->data;
	int r;

	r = check_nonzero_id(m, d->id, err);
	if (r < 0)
		return r;
	if (d->length > PROTO_CHUNK_SIZE)
		return fault(err, m, "longer than a chunk");
	r = check_range(m, d->offset, d->length, PROTO_CHUNK_SIZE, err);
	if (r < 0)
		return r;
	if (d->nclusters != DIV_ROUND_UP(d->length, PROTO_CLUSTER_SIZE))
		return fault(err, m, "wrong number of clusters");
	for (uint16_t i = 0; i < d->nclusters; i++) {
		uint32_t pos = i * PROTO_CLUSTER_SIZE;

		if (!cluster_valid(&d->clusters[i], MIN(d->length - pos, PROTO_CLUSTER_SIZE)))
			return fault(err, m, "a cluster has an unknown codec or a wrong size");
	}
	return 0;
}

static int put_data(struct iobuf *b, const struct msg *m)
{
	const struct msg_data *d = &m->data;

	PUT(iobuf_put_u64(b, d->id));
	PUT(iobuf_put_u16(b, d->disk));
	PUT(iobuf_put_u16(b, d->nclusters));
	PUT(iobuf_put_u32(b, d->length));
	PUT(iobuf_put_u64(b, d->offset));
	PUT(iobuf_put(b, d->sha256, sizeof(d->sha256)));
	for (uint16_t i = 0; i < d->nclusters; i++) {
		PUT(iobuf_put_u8(b, d->clusters[i].codec));
		PUT(put_reserved(b, 3));
		PUT(iobuf_put_u32(b, d->clusters[i].stored));
	}
	for (uint16_t i = 0; i < d->nclusters; i++)
		if (d->clusters[i].stored > 0)
			PUT(iobuf_put(b, d->clusters[i].p, d->clusters[i].stored));
	return 0;
}

static uint64_t size_data(const struct msg *m)
{
	uint64_t n = DATA_FIXED + (uint64_t)m->data.nclusters * CLUSTER_FIXED;

	for (uint16_t i = 0; i < m->data.nclusters && i < PROTO_CHUNK_CLUSTERS; i++)
		n += m->data.clusters[i].stored;
	return n;
}

/* ZERO and BAD */

static int get_zero(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_zero *z = &m->zero;
	int r;

	GET(iobuf_get_u64(b, &z->id));
	GET(iobuf_get_u16(b, &z->disk));
	GET(iobuf_get_u8(b, &z->reason));
	r = get_reserved(b, m, 5, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u64(b, &z->offset));
	GET(iobuf_get_u64(b, &z->length));
	return 0;
}

static int check_zero(const struct msg *m, struct err *err)
{
	const struct msg_zero *z = &m->zero;
	int r;

	r = check_nonzero_id(m, z->id, err);
	if (r < 0)
		return r;
	if (z->reason != PROTO_ZERO_FREE && z->reason != PROTO_ZERO_ZERO)
		return fault(err, m, "unknown reason");
	return check_range(m, z->offset, z->length, PROTO_CHUNK_SIZE, err);
}

static int put_zero(struct iobuf *b, const struct msg *m)
{
	const struct msg_zero *z = &m->zero;

	PUT(iobuf_put_u64(b, z->id));
	PUT(iobuf_put_u16(b, z->disk));
	PUT(iobuf_put_u8(b, z->reason));
	PUT(put_reserved(b, 5));
	PUT(iobuf_put_u64(b, z->offset));
	PUT(iobuf_put_u64(b, z->length));
	return 0;
}

static uint64_t size_zero(const struct msg *m UNUSED)
{
	return ZERO_FIXED;
}

static int get_bad(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	GET(iobuf_get_u64(b, &m->bad.id));
	GET(iobuf_get_u16(b, &m->bad.disk));
	r = get_reserved(b, m, 6, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u64(b, &m->bad.offset));
	GET(iobuf_get_u64(b, &m->bad.length));
	return 0;
}

static int check_bad(const struct msg *m, struct err *err)
{
	int r = check_nonzero_id(m, m->bad.id, err);

	return r < 0 ? r : check_range(m, m->bad.offset, m->bad.length, SECTOR, err);
}

static int put_bad(struct iobuf *b, const struct msg *m)
{
	PUT(iobuf_put_u64(b, m->bad.id));
	PUT(iobuf_put_u16(b, m->bad.disk));
	PUT(put_reserved(b, 6));
	PUT(iobuf_put_u64(b, m->bad.offset));
	PUT(iobuf_put_u64(b, m->bad.length));
	return 0;
}

static uint64_t size_bad(const struct msg *m UNUSED)
{
	return BAD_FIXED;
}

/* FINISH and FINISHED */

static int get_finish(struct iobuf *b, struct msg *m, struct err *err)
{
	GET(iobuf_get_u64(b, &m->finish.id));
	return get_blob(b, m, PROTO_SUMMARY_MAX, "summary", &m->finish.summary, err);
}

static int check_finish(const struct msg *m, struct err *err)
{
	int r = check_nonzero_id(m, m->finish.id, err);

	return r < 0 ? r : check_blob(m, &m->finish.summary, PROTO_SUMMARY_MAX, "summary", err);
}

static int put_finish(struct iobuf *b, const struct msg *m)
{
	PUT(iobuf_put_u64(b, m->finish.id));
	PUT(iobuf_put_blob(b, m->finish.summary.p, m->finish.summary.len));
	return 0;
}

static uint64_t size_finish(const struct msg *m)
{
	return FINISH_FIXED + (uint64_t)m->finish.summary.len;
}

static int get_finished(struct iobuf *b, struct msg *m, struct err *err)
{
	return get_blob(b, m, PROTO_SUMMARY_MAX, "summary", &m->finished.summary, err);
}

static int check_finished(const struct msg *m, struct err *err)
{
	return check_blob(m, &m->finished.summary, PROTO_SUMMARY_MAX, "summary", err);
}

static int put_finished(struct iobuf *b, const struct msg *m)
{
	return iobuf_put_blob(b, m->finished.summary.p, m->finished.summary.len);
}

static uint64_t size_finished(const struct msg *m)
{
	return FINISHED_FIXED + (uint64_t)m->finished.summary.len;
}

/* STATUS */

static int get_status(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	GET(iobuf_get_u8(b, &m->status.phase));
	r = get_reserved(b, m, 7, err);
	if (r < 0)
		return r;
	GET(iobuf_get_u64(b, &m->status.done));
	GET(iobuf_get_u64(b, &m->status.total));
	return 0;
}

static int check_status(const struct msg *m, struct err *err)
{
	if (m->status.phase != PROTO_PHASE_FLUSHING && m->status.phase != PROTO_PHASE_VERIFYING)
		return fault(err, m, "unknown phase");
	if (m->status.done > m->status.total)
		return fault(err, m, "more done than there is");
	return 0;
}

static int put_status(struct iobuf *b, const struct msg *m)
{
	PUT(iobuf_put_u8(b, m->status.phase));
	PUT(put_reserved(b, 7));
	PUT(iobuf_put_u64(b, m->status.done));
	PUT(iobuf_put_u64(b, m->status.total));
	return 0;
}

static uint64_t size_status(const struct msg *m UNUSED)
{
	return STATUS_FIXED;
}

/* ERROR */

static int get_error(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	GET(iobuf_get_u16(b, &m->error.code));
	r = get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	return get_blob(b, m, PROTO_ERROR_TEXT_MAX, "text", &m->error.text, err);
}

static int check_error(const struct msg *m, struct err *err)
{
	/* Any code but 0: a later version may have more of them. */
	if (m->error.code == 0)
		return fault(err, m, "code 0");
	return check_blob(m, &m->error.text, PROTO_ERROR_TEXT_MAX, "text", err);
}

static int put_error(struct iobuf *b, const struct msg *m)
{
	PUT(iobuf_put_u16(b, m->error.code));
	PUT(put_reserved(b, 2));
	PUT(iobuf_put_blob(b, m->error.text.p, m->error.text.len));
	return 0;
}

static uint64_t size_error(const struct msg *m)
{
	return ERROR_FIXED + (uint64_t)m->error.text.len;
}

/* ACK, FLUSH, FLUSHED, PING, PONG: an id and nothing else */

static int get_id(struct iobuf *b, struct msg *m, struct err *err)
{
	GET(iobuf_get_u64(b, &m->id.id));
	return 0;
}

static int check_id(const struct msg *m, struct err *err)
{
	return check_nonzero_id(m, m->id.id, err);
}

static int put_id(struct iobuf *b, const struct msg *m)
{
	return iobuf_put_u64(b, m->id.id);
}

static uint64_t size_id(const struct msg *m UNUSED)
{
	return ID_FIXED;
}

static int check_nothing(const struct msg *m UNUSED, struct err *err UNUSED)
{
	return 0;
}

/* READY and CLOSE */

static int get_ready(struct iobuf *b UNUSED, struct msg *m UNUSED, struct err *err UNUSED)
{
	return 0;
}

static int put_ready(struct iobuf *b UNUSED, const struct msg *m UNUSED)
{
	return 0;
}

static uint64_t size_ready(const struct msg *m UNUSED)
{
	return 0;
}

static int get_close(struct iobuf *b, struct msg *m, struct err *err)
{
	return get_reserved(b, m, CLOSE_FIXED, err);
}

static int check_close(const struct msg *m, struct err *err)
{
	return m->close.reserved ? fault(err, m, "a reserved field is not zero") : 0;
}

static int put_close(struct iobuf *b, const struct msg *m UNUSED)
{
	return put_reserved(b, CLOSE_FIXED);
}

static uint64_t size_close(const struct msg *m UNUSED)
{
	return CLOSE_FIXED;
}

static const struct kind {
	const char *name;
	int (*get)(struct iobuf *b, struct msg *m, struct err *err);
	int (*check)(const struct msg *m, struct err *err);
	int (*put)(struct iobuf *b, const struct msg *m);
	uint64_t (*size)(const struct msg *m);
} kinds[] = {
	[PROTO_HELLO] = { "HELLO", get_hello, check_hello, put_hello, size_hello },
	[PROTO_OPEN] = { "OPEN", get_open, check_open, put_open, size_open },
	[PROTO_JOB] = { "JOB", get_job, check_job, put_job, size_job },
	[PROTO_HAVE] = { "HAVE", get_have, check_have, put_have, size_have },
	[PROTO_READY] = { "READY", get_ready, check_nothing, put_ready, size_ready },
	[PROTO_DATA] = { "DATA", get_data, check_data, put_data, size_data },
	[PROTO_ZERO] = { "ZERO", get_zero, check_zero, put_zero, size_zero },
	[PROTO_ACK] = { "ACK", get_id, check_id, put_id, size_id },
	[PROTO_FLUSH] = { "FLUSH", get_id, check_id, put_id, size_id },
	[PROTO_FLUSHED] = { "FLUSHED", get_id, check_id, put_id, size_id },
	[PROTO_BAD] = { "BAD", get_bad, check_bad, put_bad, size_bad },
	[PROTO_FINISH] = { "FINISH", get_finish, check_finish, put_finish, size_finish },
	[PROTO_FINISHED] = { "FINISHED", get_finished, check_finished, put_finished,
			     size_finished },
	[PROTO_ERROR] = { "ERROR", get_error, check_error, put_error, size_error },
	[PROTO_STATUS] = { "STATUS", get_status, check_status, put_status, size_status },
	[PROTO_PING] = { "PING", get_id, check_nothing, put_id, size_id },
	[PROTO_PONG] = { "PONG", get_id, check_nothing, put_id, size_id },
	[PROTO_CLOSE] = { "CLOSE", get_close, check_close, put_close, size_close },
};

static const struct kind *kind_of(uint16_t type)
{
	return type < ARRAY_SIZE(kinds) && kinds[type].name ? &kinds[type] : NULL;
}

int msg_decode(const struct frame *f, struct msg *ret, struct err *err)
{
	const struct kind *k = kind_of(f->type);
	struct msg m = { .type = f->type, .wire_size = (uint32_t)frame_size(f) };
	struct iobuf b;
	int r;

	if (!k)
		return err_set(err, EBADMSG, "unknown message type %u", f->type);
	iobuf_view(&b, f->payload, f->len);
	r = k->get(&b, &m, err);
	if (r >= 0 && iobuf_len(&b) > 0)
		r = fault(err, &m, "bytes after its end");
	if (r >= 0)
		r = k->check(&m, err);
	if (r < 0) {
		msg_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void msg_done(struct msg *m)
{
	if (m->type == PROTO_OPEN) {
		free(m->open.disks);
		m->open.disks = NULL;
		m->open.ndisks = 0;
	} else if (m->type == PROTO_HAVE) {
		free(m->have.ranges);
		m->have.ranges = NULL;
		m->have.n = 0;
	}
}

/* Forget what was appended since the buffer held len bytes. */
static void take_back(struct iobuf *out, size_t len)
{
	out->tail = out->head + len;
}

int msg_encode(struct iobuf *out, const struct msg *m, struct err *err)
{
	const struct kind *k = kind_of(m->type);
	size_t before = iobuf_len(out), mark;
	uint8_t *room;
	int r;

	if (!k)
		return err_set(err, EBADMSG, "unknown message type %u", m->type);
	r = k->check(m, err);
	if (r < 0)
		return r;
	/* All the room at once: the buffer grows, and copies what it holds, at most one time. */
	r = iobuf_reserve(out, msg_wire_size(m), &room);
	if (r >= 0)
		r = frame_begin(out, &mark);
	if (r >= 0)
		r = k->put(out, m);
	if (r < 0) {
		take_back(out, before);
		return err_code(err, -r, "cannot queue a %s message", k->name);
	}
	assert(iobuf_len(out) - before == msg_wire_size(m));
	return frame_end(out, mark, m->type, err);
}

uint32_t msg_wire_size(const struct msg *m)
{
	const struct kind *k = kind_of(m->type);

	return PROTO_FRAME_HEADER + (k ? (uint32_t)k->size(m) : 0);
}

uint64_t *msg_counted_id(struct msg *m)
{
	switch (m->type) {
	case PROTO_DATA:
		return &m->data.id;
	case PROTO_ZERO:
		return &m->zero.id;
	case PROTO_BAD:
		return &m->bad.id;
	case PROTO_FLUSH:
		return &m->id.id;
	case PROTO_FINISH:
		return &m->finish.id;
	default:
		return NULL;
	}
}

const char *msg_type_name(uint16_t type)
{
	static _Thread_local char unknown[sizeof("type 65535")];
	const struct kind *k = kind_of(type);

	if (k)
		return k->name;
	snprintf(unknown, sizeof(unknown), "type %u", type);
	return unknown;
}

static const struct {
	const char *name;
	int code;
} errors[] = {
	[PROTO_ERR_PROTOCOL]	= { "protocol violation", EBADMSG },
	[PROTO_ERR_VERSION]	= { "protocol version not supported", EPROTONOSUPPORT },
	[PROTO_ERR_FEATURE]	= { "protocol feature not supported", EPROTONOSUPPORT },
	[PROTO_ERR_NAME]	= { "name not acceptable", EINVAL },
	[PROTO_ERR_BUSY]	= { "job busy", EBUSY },
	[PROTO_ERR_MISMATCH]	= { "job exists with other disks", EEXIST },
	[PROTO_ERR_SPACE]	= { "target full", ENOSPC },
	[PROTO_ERR_IO]		= { "input/output error", EIO },
	[PROTO_ERR_DIGEST]	= { "data damaged on the way", EILSEQ },
	[PROTO_ERR_DENIED]	= { "permission denied", EACCES },
	[PROTO_ERR_CANCELLED]	= { "cancelled", ECANCELED },
	[PROTO_ERR_INTERNAL]	= { "internal error", EREMOTEIO },
	[PROTO_ERR_VERIFY]	= { "verification failed", EILSEQ },
};

const char *msg_error_name(uint16_t code)
{
	return code < ARRAY_SIZE(errors) && errors[code].name ? errors[code].name : "unknown error";
}

int msg_error_errno(uint16_t code)
{
	return code < ARRAY_SIZE(errors) && errors[code].name ? errors[code].code : EREMOTEIO;
}

uint16_t msg_error_from_errno(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return PROTO_ERR_SPACE;
	case EIO:
		return PROTO_ERR_IO;
	case EBADMSG:
		return PROTO_ERR_PROTOCOL;
	case EILSEQ:
		return PROTO_ERR_DIGEST;
	case ECANCELED:
		return PROTO_ERR_CANCELLED;
	default:
		return PROTO_ERR_INTERNAL;
	}
}
