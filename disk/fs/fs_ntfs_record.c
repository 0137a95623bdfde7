/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of NTFS, each held against the length of what it lies in. */
#include "disk/fs/fs_ntfs.h"

#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define CLUSTER_MAX	(2u << 20)
#define RECORD_MAX	(64u << 10)
#define RECORD_HEAD	42u		/* without the number, which came with NTFS 3.1 */
#define RESIDENT_HEAD	24u
#define OUTSIDE_HEAD	64u
#define LCN_BYTES_MAX	8u

static bool is_power(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* A byte that counts, or that is the negative exponent of two. 0: impossible. */
static uint64_t size_byte(uint8_t v, uint64_t positive, unsigned int limit)
{
	if (v <= limit)
		return v * positive;
	return 256u - v < 32 ? UINT64_C(1) << (256u - v) : 0;
}

bool fs_ntfs_boot(const uint8_t boot[static NTFS_BOOT_LEN], struct fs_ntfs_layout *ret)
{
	struct fs_ntfs_layout l = { .sector = get_le16(boot + 11) };
	uint64_t per_cluster, record, cluster;

	if (memcmp(boot + 3, "NTFS    ", 8) != 0 || get_le16(boot + 510) != 0xaa55)
		return false;
	/* What FAT has there is zero here: reserved sectors, FATs, root entries, sectors, ... */
	if (get_le16(boot + 14) || boot[16] || get_le16(boot + 17) || get_le16(boot + 19) ||
	    get_le16(boot + 22) || get_le32(boot + 32))
		return false;
	if (!is_power(l.sector) || l.sector < 512 || l.sector > 4096)
		return false;
	per_cluster = size_byte(boot[13], 1, 128);
	cluster = per_cluster * l.sector;
	if (!is_power(per_cluster) || cluster > CLUSTER_MAX)
		return false;
	record = size_byte(boot[64], cluster, 127);
	if (!is_power(record) || record < NTFS_BLOCK || record > RECORD_MAX)
		return false;
	l.cluster = (uint32_t)cluster;
	l.record = (uint32_t)record;
	l.sectors = get_le64(boot + 40);
	l.clusters = l.sectors / per_cluster;
	l.mft_lcn = get_le64(boot + 48);
	l.mirror_lcn = get_le64(boot + 56);
	if (l.sectors > INT64_MAX / l.sector || l.clusters == 0 || l.mft_lcn >= l.clusters ||
	    l.mirror_lcn >= l.clusters)
		return false;
	*ret = l;
	return true;
}

bool fs_ntfs_record_in_use(const uint8_t *rec)
{
	return get_le16(rec + 22) & 1;
}

bool fs_ntfs_record(uint8_t *rec, uint32_t size, uint64_t number)
{
	uint32_t usa = get_le16(rec + 4), n = size / NTFS_BLOCK, first = get_le16(rec + 20);

	if (memcmp(rec, "FILE", 4) != 0 || get_le16(rec + 6) != n + 1 || usa % 2 != 0 ||
	    usa < RECORD_HEAD || usa + 2 * (n + 1) > NTFS_BLOCK - 2)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *last = rec + (i + 1) * NTFS_BLOCK - 2;

		if (memcmp(last, rec + usa, 2) != 0)
			return false;
		memcpy(last, rec + usa + 2 * (i + 1), 2);
	}
	/* mkntfs leaves the number out of records that are not in use. */
	if (usa >= RECORD_HEAD + 6 && fs_ntfs_record_in_use(rec) &&
	    get_le32(rec + 44) != (uint32_t)number)
		return false;
	return get_le32(rec + 28) == size && get_le32(rec + 24) <= size && first % 8 == 0 &&
	       first >= usa + 2 * (n + 1) && first + 4 <= get_le32(rec + 24);
}

uint64_t fs_ntfs_record_base(const uint8_t *rec)
{
	return get_le64(rec + 32) & UINT64_C(0xffffffffffff);
}

int fs_ntfs_attr_next(const uint8_t *rec, uint32_t *at, struct fs_ntfs_attr *ret)
{
	uint32_t used = get_le32(rec + 24), off = *at ? *at : get_le16(rec + 20), len, value;
	const uint8_t *p = rec + off;

	if (!range_inside(off, 4, used))
		return -1;
	*ret = (struct fs_ntfs_attr){ .type = get_le32(p) };
	if (ret->type == UINT32_MAX)
		return 0;
	if (!range_inside(off, RESIDENT_HEAD, used))
		return -1;
	len = get_le32(p + 4);
	if (len < RESIDENT_HEAD || len % 8 != 0 || !range_inside(off, len, used) || p[8] > 1)
		return -1;
	ret->named = p[9] != 0;
	ret->outside = p[8];
	if (ret->outside && len < OUTSIDE_HEAD)
		return -1;
	value = ret->outside ? get_le16(p + 32) : get_le16(p + 20);
	ret->len = ret->outside ? len - MIN(value, len) : get_le32(p + 16);
	if (value < (ret->outside ? OUTSIDE_HEAD : RESIDENT_HEAD) ||
	    !range_inside(value, ret->len, len))
		return -1;
	ret->value = p + value;
	if (ret->outside) {
		ret->first_vcn = get_le64(p + 16);
		/* The last one is stored; nothing at all is -1. */
		ret->end_vcn = get_le64(p + 24) + 1;
		ret->allocated = get_le64(p + 40);
		ret->size = get_le64(p + 48);
		ret->initialized = get_le64(p + 56);
		if (ret->first_vcn > ret->end_vcn || ret->end_vcn > INT64_MAX)
			return -1;
	}
	*at = off + len;
	return 1;
}

void fs_ntfs_runs_init(struct fs_ntfs_runs *x, const struct fs_ntfs_attr *a, uint64_t clusters)
{
	*x = (struct fs_ntfs_runs){
		.p = a->value,
		.end = a->value + a->len,
		.vcn = a->end_vcn - a->first_vcn,	/* counts down */
		.clusters = clusters,
	};
}

/* Little-endian of n bytes, signed. */
static int64_t get_signed(const uint8_t *p, unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	if (n < 8 && p[n - 1] & 0x80)
		v |= UINT64_MAX << 8 * n;
	return (int64_t)v;
}

/*
 * A byte of two lengths, then the run's length, then its place, relative to the one before. Without
 * a place it is a hole; NT 4 writes a place that comes out as -1.
 */
int fs_ntfs_runs_next(struct fs_ntfs_runs *x, struct fs_ntfs_run *ret)
{
	unsigned int nlen, nlcn;
	int64_t n;

	if (x->p == x->end)
		return -1;
	nlen = *x->p & 15;
	nlcn = *x->p >> 4;
	if (*x->p == 0)
		return x->vcn == 0 ? 0 : -1;
	x->p++;
	if (nlen == 0 || nlen > 8 || nlcn > LCN_BYTES_MAX || (size_t)(x->end - x->p) < nlen + nlcn)
		return -1;
	n = get_signed(x->p, nlen);
	if (n <= 0 || (uint64_t)n > x->vcn)
		return -1;
	*ret = (struct fs_ntfs_run){ .n = (uint64_t)n, .hole = nlcn == 0 };
	if (nlcn != 0) {
		if (__builtin_add_overflow(x->lcn, get_signed(x->p + nlen, nlcn), &x->lcn))
			return -1;
		ret->hole = x->lcn == -1;
	}
	if (!ret->hole) {
		if (x->lcn < 0 || !range_inside((uint64_t)x->lcn, ret->n, x->clusters))
			return -1;
		ret->lcn = (uint64_t)x->lcn;
	}
	x->vcn -= ret->n;
	x->p += nlen + nlcn;
	return 1;
}
