/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data of $MFT and $Bitmap: all their runs, also those in further records. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/fs/fs_ntfs.h"

#define RUNS_MAX	(64u << 10)
#define LIST_MAX	(256u << 10)	/* as NTFS has it */
#define LIST_ENTRY	26u

void fs_ntfs_stream_done(struct fs_ntfs_stream *s)
{
	free(s->v);
	*s = (struct fs_ntfs_stream){ 0 };
}

int fs_ntfs_stream_read(struct fs_ntfs *c, struct fs_ntfs_stream *s, void *buf, size_t len,
			uint64_t offset)
{
	uint32_t cluster = c->l.cluster;
	uint8_t *to = buf;

	if (!range_inside(offset, len, s->clusters * cluster))
		return fs_doubt(c->why, c->err, "a system file ends too early");
	if (offset / cluster < s->at_vcn)
		s->at = s->at_vcn = 0;
	while (len > 0) {
		const struct fs_ntfs_run *run = &s->v[s->at];
		uint64_t in = offset - s->at_vcn * cluster, n;
		int r;

		if (in >= run->n * cluster) {
			s->at_vcn += run->n;
			s->at++;
			continue;
		}
		n = MIN((uint64_t)len, run->n * cluster - in);
		r = space_read(c->space, to, n, run->lcn * cluster + in, c->err);
		if (r < 0)
			return r;
		to += n;
		offset += n;
		len -= n;
	}
	return 1;
}

int fs_ntfs_read_record(struct fs_ntfs *c, uint64_t number, uint8_t *buf)
{
	/* 48 bits of number, 16 of size. */
	int r = fs_ntfs_stream_read(c, &c->mft, buf, c->l.record, number * c->l.record);

	if (r > 0 && (!fs_ntfs_record(buf, c->l.record, number) || !fs_ntfs_record_in_use(buf)))
		return fs_doubt(c->why, c->err, "file record %" PRIu64 " is damaged", number);
	return r;
}

static int add_run(struct fs_ntfs *c, struct fs_ntfs_stream *s, const struct fs_ntfs_run *run)
{
	if (run->hole || s->n >= RUNS_MAX)
		return fs_doubt(c->why, c->err, "a system file has holes, or too many pieces");
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct fs_ntfs_run *v = reallocarray(s->v, cap, sizeof(*v));

		if (!v)
			return err_nomem(c->err);
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *run;
	s->clusters += run->n;
	return 1;
}

/* The part of the data that this record has and that begins at vcn. */
static int add_part(struct fs_ntfs *c, struct fs_ntfs_stream *s, const uint8_t *rec, uint64_t vcn)
{
	struct fs_ntfs_runs runs;
	struct fs_ntfs_attr a;
	struct fs_ntfs_run run;
	uint32_t at = 0;
	int r;

	while ((r = fs_ntfs_attr_next(rec, &at, &a)) > 0)
		if (a.type == NTFS_AT_DATA && !a.named && a.outside && a.first_vcn == vcn)
			break;
	if (r <= 0 || vcn != s->clusters)
		return fs_doubt(c->why, c->err, "a part of a system file is missing");
	if (vcn == 0) {
		s->allocated = a.allocated;
		s->size = a.size;
		s->initialized = a.initialized;
	}
	fs_ntfs_runs_init(&runs, &a, c->l.clusters);
	while ((r = fs_ntfs_runs_next(&runs, &run)) > 0) {
		r = add_run(c, s, &run);
		if (r <= 0)
			return r;
	}
	if (r < 0)
		return fs_doubt(c->why, c->err, "a system file lies nowhere");
	return 1;
}

/* The list of attributes, wherever it is. */
static int read_list(struct fs_ntfs *c, const struct fs_ntfs_attr *a, uint8_t **ret, uint32_t *len)
{
	CLEANUP(fs_ntfs_stream_done) struct fs_ntfs_stream s = { 0 };
	uint64_t size = a->outside ? a->size : a->len;
	struct fs_ntfs_runs runs;
	struct fs_ntfs_run run;
	int r;

	if (size > LIST_MAX || (a->outside && a->initialized != size))
		return fs_doubt(c->why, c->err, "an impossible list of attributes");
	*ret = malloc(size + 1);
	if (!*ret)
		return err_nomem(c->err);
	*len = (uint32_t)size;
	if (!a->outside) {
		memcpy(*ret, a->value, size);
		return 1;
	}
	fs_ntfs_runs_init(&runs, a, c->l.clusters);
	while ((r = fs_ntfs_runs_next(&runs, &run)) > 0) {
		r = add_run(c, &s, &run);
		if (r <= 0)
			return r;
	}
	if (r < 0)
		return fs_doubt(c->why, c->err, "an impossible list of attributes");
	return fs_ntfs_stream_read(c, &s, *ret, size, 0);
}

static int add_listed(struct fs_ntfs *c, struct fs_ntfs_stream *s, uint64_t number,
		      const uint8_t *base, const uint8_t *list, uint32_t len)
{
	CLEANUP(mem_free) uint8_t *rec = malloc(c->l.record);
	uint32_t step;
	int r = 1;

	if (!rec)
		return err_nomem(c->err);
	for (uint32_t at = 0; at < len && r > 0; at += step) {
		const uint8_t *p = list + at;
		uint64_t where, vcn;

		if (len - at < LIST_ENTRY)
			return fs_doubt(c->why, c->err, "an impossible list of attributes");
		step = get_le16(p + 4);
		if (step < LIST_ENTRY || step > len - at)
			return fs_doubt(c->why, c->err, "an impossible list of attributes");
		if (get_le32(p) != NTFS_AT_DATA || p[6] != 0)
			continue;
		vcn = get_le64(p + 8);
		where = get_le64(p + 16) & UINT64_C(0xffffffffffff);
		if (where == number) {
			/* $MFT: that part is there already, to read the others with. */
			if (vcn != 0 || s->n == 0)
				r = add_part(c, s, base, vcn);
			continue;
		}
		r = fs_ntfs_read_record(c, where, rec);
		if (r > 0 && fs_ntfs_record_base(rec) != number)
			return fs_doubt(c->why, c->err, "a part of a system file is missing");
		if (r > 0)
			r = add_part(c, s, rec, vcn);
	}
	return r;
}

int fs_ntfs_stream_open(struct fs_ntfs *c, uint64_t number, struct fs_ntfs_stream *s)
{
	CLEANUP(mem_free) uint8_t *base = malloc(c->l.record), *list = NULL;
	struct fs_ntfs_attr a, list_attr = { 0 };
	bool listed = false;
	uint32_t at = 0, len = 0;
	int r;

	if (!base)
		return err_nomem(c->err);
	if (number == NTFS_REC_MFT) {
		/* It begins with one run as long as itself. */
		struct fs_ntfs_run first = { c->l.mft_lcn, DIV_ROUND_UP(c->l.record, c->l.cluster),
					     false };

		if (!range_inside(first.lcn, first.n, c->l.clusters))
			return fs_doubt(c->why, c->err, "the file table lies nowhere");
		r = add_run(c, s, &first);
	} else {
		r = 1;
	}
	if (r > 0)
		r = fs_ntfs_read_record(c, number, base);
	if (r <= 0)
		return r;
	if (number == NTFS_REC_MFT)
		fs_ntfs_stream_done(s);
	while ((r = fs_ntfs_attr_next(base, &at, &a)) > 0)
		if (a.type == NTFS_AT_LIST && !listed) {
			listed = true;
			list_attr = a;
		}
	if (r < 0 || fs_ntfs_record_base(base) != 0)
		return fs_doubt(c->why, c->err, "file record %" PRIu64 " is damaged", number);
	r = 1;
	if (!listed || number == NTFS_REC_MFT)
		r = add_part(c, s, base, 0);
	if (r > 0 && listed)
		r = read_list(c, &list_attr, &list, &len);
	if (r > 0 && listed)
		r = add_listed(c, s, number, base, list, len);
	if (r <= 0)
		return r;
	if (s->n == 0 || s->clusters > c->l.clusters ||
	    s->allocated != s->clusters * c->l.cluster || s->size > s->allocated ||
	    s->initialized > s->size)
		return fs_doubt(c->why, c->err, "a system file has impossible sizes");
	return 1;
}
