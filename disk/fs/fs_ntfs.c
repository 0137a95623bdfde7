/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NTFS. Its bitmap of clusters has no checksum and there is no count of free ones to hold it
 * against. So the bitmap is believed only as far as the file records do not say otherwise: the
 * whole of $MFT is read once, and no run of any record may touch what would be released.
 *
 * What must hold before a single cluster counts as free:
 *
 *  - the boot sector makes sense, fits into the partition, and its copy says the same;
 *  - the first four records of $MFT and $MFTMirr are the same;
 *  - the version is known, the volume is not dirty, its log was closed, no system sleeps in
 *    hiberfil.sys;
 *  - the bitmap has a bit for each cluster, and those behind the last are set;
 *  - every record of $MFT is whole (fixups, header, number), every list of runs makes sense and is
 *    as long as its attribute says.
 *
 * Clusters that the bitmap calls used and no file owns stay used. What lies behind the last cluster
 * (the copy of the boot sector) stays used, too.
 */
#include "disk/fs/fs_ntfs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "disk/fs/fs_sweep.h"
#include "disk/ntfs_state.h"

#define PIECE		(256u << 10)
#define MIRRORED	4u		/* records in $MFTMirr */
#define BOOT_BYTES	8192u		/* that $Boot has at least */
#define ATTRDEF_MAX	MIB		/* 2560 bytes as made by Windows */

static int doubt_damaged(struct fs_ntfs *c, uint64_t number)
{
	return fs_doubt(c->why, c->err, "file record %" PRIu64 " is damaged", number);
}

/* But for where the partition lies on its disk, which tools correct in the first one. */
static bool same_boot(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a + 3, b + 3, 21) == 0 && memcmp(a + 40, b + 40, 40) == 0;
}

/* The copy is in the last sector of the partition; a partition that has grown has it further in. */
static int check_boot(struct fs_ntfs *c)
{
	uint8_t boot[NTFS_BOOT_LEN], copy[NTFS_BOOT_LEN];
	uint64_t places[2];
	int r;

	if (c->space->size < BOOT_BYTES)
		return fs_doubt(c->why, c->err, "too small for NTFS");
	r = space_read(c->space, boot, sizeof(boot), 0, c->err);
	if (r < 0)
		return r;
	if (!fs_ntfs_boot(boot, &c->l))
		return fs_doubt(c->why, c->err, "no NTFS boot sector, or an impossible one");
	if (c->l.sectors >= c->space->size / c->l.sector)
		return fs_doubt(c->why, c->err, "larger than its partition");
	places[0] = c->l.sectors * c->l.sector;
	places[1] = ALIGN_DOWN(c->space->size, (uint64_t)c->l.sector) - c->l.sector;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		r = space_read(c->space, copy, sizeof(copy), places[i], c->err);
		if (r < 0)
			return r;
		if (same_boot(boot, copy))
			return 1;
	}
	return fs_doubt(c->why, c->err, "the boot sector and its copy differ");
}

/* Where $MFT, its mirror and the boot sectors are, told a second time by their records. */
static int check_place(struct fs_ntfs *c, uint64_t number, uint64_t lcn)
{
	CLEANUP(fs_ntfs_stream_done) struct fs_ntfs_stream s = { 0 };
	int r = fs_ntfs_stream_open(c, number, &s);

	if (r > 0 && s.v[0].lcn != lcn)
		return fs_doubt(c->why, c->err, "file record %" PRIu64 " and the boot sector "
				"contradict each other", number);
	return r;
}

static int check_mirror(struct fs_ntfs *c)
{
	CLEANUP(mem_free) uint8_t *a = malloc(c->l.record), *b = malloc(c->l.record);
	int r = 1;

	if (!a || !b)
		return err_nomem(c->err);
	for (uint64_t i = 0; i < MIRRORED && r > 0; i++) {
		r = fs_ntfs_read_record(c, i, a);
		if (r <= 0)
			return r;
		r = space_read(c->space, b, c->l.record, c->l.mirror_lcn * c->l.cluster +
			       i * c->l.record, c->err);
		if (r < 0)
			return r;
		if (!fs_ntfs_record(b, c->l.record, i) ||
		    memcmp(a, b, get_le32(a + 24)) != 0)
			return fs_doubt(c->why, c->err, "$MFT and its mirror differ");
		r = 1;
	}
	return r;
}

/* The unnamed attribute of that type in a record; *ret_found false: it has none, or is damaged. */
static int find_attr(struct fs_ntfs *c, uint64_t number, uint32_t type, uint8_t *rec,
		     struct fs_ntfs_attr *ret, bool *ret_found)
{
	uint32_t at = 0;
	int r = fs_ntfs_read_record(c, number, rec);

	*ret_found = false;
	if (r <= 0)
		return r;
	while (!*ret_found && fs_ntfs_attr_next(rec, &at, ret) > 0)
		*ret_found = ret->type == type && !ret->named;
	return 1;
}

static int check_version(struct fs_ntfs *c)
{
	CLEANUP(mem_free) uint8_t *rec = malloc(c->l.record);
	struct fs_ntfs_attr a;
	bool found;
	int r;

	if (!rec)
		return err_nomem(c->err);
	r = find_attr(c, NTFS_REC_VOLUME, NTFS_AT_VOLUME, rec, &a, &found);
	if (r <= 0)
		return r;
	if (!found || a.outside || a.len < 12)
		return doubt_damaged(c, NTFS_REC_VOLUME);
	if (!(a.value[8] == 3 && a.value[9] <= 1) && !(a.value[8] == 1 && a.value[9] == 2))
		return fs_doubt(c->why, c->err, "NTFS of an unknown version, %u.%u", a.value[8],
				a.value[9]);
	return 1;
}

static int read_state(void *arg, uint64_t offset, void *buf, size_t len)
{
	return space_read(arg, buf, len, offset, NULL);
}

/* libntfs-3g takes as much memory as $AttrDef says. */
static int check_attrdef(struct fs_ntfs *c)
{
	CLEANUP(mem_free) uint8_t *rec = malloc(c->l.record);
	struct fs_ntfs_attr a;
	bool found;
	int r;

	if (!rec)
		return err_nomem(c->err);
	r = find_attr(c, NTFS_REC_ATTRDEF, NTFS_AT_DATA, rec, &a, &found);
	if (r <= 0)
		return r;
	if (!found || (a.outside && (a.first_vcn != 0 || a.size > ATTRDEF_MAX)))
		return fs_doubt(c->why, c->err, "$AttrDef has an impossible size");
	return 1;
}

static int check_state(struct fs_ntfs *c)
{
	const struct ntfs_source source = {
		.read_at = read_state, .arg = (void *)(uintptr_t)c->space, .size = c->space->size,
	};
	struct ntfs_state state = { 0 };
	int r = check_attrdef(c);

	if (r <= 0)
		return r;
	r = ntfs_state_read(&source, &state, c->err);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (state.dirty)
		return fs_doubt(c->why, c->err, "the volume is marked dirty");
	if (state.log_open)
		return fs_doubt(c->why, c->err, "its log was not closed");
	if (state.hibernated)
		return fs_doubt(c->why, c->err, "holds a hibernated system");
	if (r == 0)
		return 1;
	if (c->err)
		err_reset(c->err);
	return fs_doubt(c->why, c->err, "its system files cannot be understood");
}

/* --- the bitmap --- */

/* Bits behind the last cluster, from byte at on: all set? */
static bool padding_set(const uint8_t *buf, size_t len, uint64_t at, uint64_t clusters)
{
	size_t i = clusters / 8 > at ? (size_t)MIN(clusters / 8 - at, (uint64_t)len) : 0;

	if (i < len && clusters / 8 == at + i) {
		if (buf[i] >> clusters % 8 != 0xff >> clusters % 8)
			return false;
		i++;
	}
	for (; i < len; i++)
		if (buf[i] != 0xff)
			return false;
	return true;
}

static int clear_free(struct fs_ntfs *c)
{
	CLEANUP(fs_ntfs_stream_done) struct fs_ntfs_stream s = { 0 };
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(PIECE);
	struct fs_sweep sweep = { .map = c->map, .cluster = c->l.cluster };
	uint64_t clusters = c->l.clusters, need = DIV_ROUND_UP(clusters, 8);
	int r;

	if (!buf)
		return err_nomem(c->err);
	r = fs_ntfs_stream_open(c, NTFS_REC_BITMAP, &s);
	if (r <= 0)
		return r;
	if (s.size < need || s.size - need > c->l.cluster || s.initialized != s.size)
		return fs_doubt(c->why, c->err, "the cluster bitmap has a wrong size");
	for (uint64_t at = 0; at < s.size; at += PIECE) {
		size_t n = (size_t)MIN((uint64_t)PIECE, s.size - at);

		r = fs_ntfs_stream_read(c, &s, buf, n, at);
		if (r <= 0)
			return r;
		if (!padding_set(buf, n, at, clusters))
			return fs_doubt(c->why, c->err,
					"the padding of the cluster bitmap is wrong");
		fs_sweep_bytes(&sweep, buf, n, clusters);
	}
	fs_sweep_end(&sweep);
	return 1;
}

/* --- the file records --- */

static int check_record(struct fs_ntfs *c, uint8_t *rec, uint64_t number)
{
	struct fs_ntfs_attr a;
	uint32_t at = 0;
	int r, q;

	if (!fs_ntfs_record(rec, c->l.record, number))
		return doubt_damaged(c, number);
	if (!fs_ntfs_record_in_use(rec))
		return 1;
	while ((r = fs_ntfs_attr_next(rec, &at, &a)) > 0) {
		struct fs_ntfs_runs runs;
		struct fs_ntfs_run run;

		if (!a.outside)
			continue;
		fs_ntfs_runs_init(&runs, &a, c->l.clusters);
		while ((q = fs_ntfs_runs_next(&runs, &run)) > 0)
			if (!run.hole && !bitmap_all(c->map, run.lcn * c->l.cluster,
						     run.n * c->l.cluster))
				return fs_doubt(c->why, c->err, "file record %" PRIu64
						" has clusters that are marked free", number);
		if (q < 0)
			return doubt_damaged(c, number);
	}
	return r < 0 ? doubt_damaged(c, number) : 1;
}

static int check_records(struct fs_ntfs *c)
{
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(PIECE);
	uint64_t n = c->mft.initialized / c->l.record;
	uint32_t many = PIECE / c->l.record;
	int r = 1;

	if (!buf)
		return err_nomem(c->err);
	for (uint64_t i = 0; i < n && r > 0; i += many) {
		uint32_t k = (uint32_t)MIN((uint64_t)many, n - i);

		r = fs_ntfs_stream_read(c, &c->mft, buf, k * c->l.record, i * c->l.record);
		for (uint32_t j = 0; j < k && r > 0; j++)
			r = check_record(c, buf + j * c->l.record, i + j);
	}
	return r;
}

static int check_metadata(struct fs_ntfs *c)
{
	uint32_t cluster = c->l.cluster;

	if (!bitmap_all(c->map, 0, BOOT_BYTES) ||
	    !bitmap_all(c->map, c->l.mft_lcn * cluster, MIRRORED * c->l.record) ||
	    !bitmap_all(c->map, c->l.mirror_lcn * cluster, MIRRORED * c->l.record))
		return fs_doubt(c->why, c->err, "metadata is not marked used");
	return 1;
}

static int run_checks(struct fs_ntfs *c)
{
	int r = check_boot(c);

	if (r > 0)
		r = fs_ntfs_stream_open(c, NTFS_REC_MFT, &c->mft);
	/* The last record begun but not ended would be one that nobody looks at. */
	if (r > 0 && (c->mft.initialized % c->l.record != 0 ||
		      c->mft.initialized / c->l.record <= NTFS_REC_BOOT))
		return fs_doubt(c->why, c->err, "the file table has an impossible size");
	if (r > 0)
		r = check_place(c, NTFS_REC_MFT, c->l.mft_lcn);
	if (r > 0)
		r = check_place(c, NTFS_REC_MIRROR, c->l.mirror_lcn);
	if (r > 0)
		r = check_place(c, NTFS_REC_BOOT, 0);
	if (r > 0)
		r = check_mirror(c);
	if (r > 0)
		r = check_version(c);
	if (r > 0)
		r = clear_free(c);
	if (r > 0)
		r = check_metadata(c);
	if (r > 0)
		r = check_state(c);
	return r > 0 ? check_records(c) : r;
}

int fs_ntfs_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(mem_free) char *why = NULL;
	struct fs_ntfs c = { .space = s, .map = map, .why = &why, .err = err };
	int r = run_checks(&c);

	fs_ntfs_stream_done(&c.mft);
	return fs_conclude(r, "cluster bitmap and file records", map, &why, ret_why, err);
}
