/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NTFS as the map needs it; internal to fs_ntfs*.c. Facts from <ntfs-3g/layout.h>.
 *
 *	boot sector	at 0, and a copy in the last sector of the partition
 *	$MFT		a file of records, "FILE", one or more for each file; it describes itself in
 *			record 0, whose place the boot sector knows. $MFTMirr is a copy of the
 *			first four records
 *	record		header, then attributes (name, data, ...); an attribute that does not fit
 *			lies outside, in runs of clusters (LCN: on the volume, VCN: in the
 *			attribute). A file with many has further records of its own, and a list of
 *			all its attributes in the first
 *	fixup		the last word of each 512 bytes of a record is a number, the same in all;
 *			the words that belong there are in the header. A torn record shows by it
 *	$Bitmap		record 6: one bit for each cluster, 1 is used. It has no checksum
 *
 *	fs_ntfs_record.c	bytes: records, attributes, runs; no reading
 *	fs_ntfs_stream.c	attributes outside their record, read by offset
 *	fs_ntfs.c		the checks, in order, and the map
 */
#ifndef P2V_DISK_FS_NTFS_H
#define P2V_DISK_FS_NTFS_H

#include <stdbool.h>
#include <stdint.h>
#include "disk/fs/fs.h"

#define NTFS_BLOCK	512u		/* of fixups, whatever the sector size */
#define NTFS_BOOT_LEN	512u

enum { NTFS_REC_MFT, NTFS_REC_MIRROR, NTFS_REC_LOG, NTFS_REC_VOLUME, NTFS_REC_ATTRDEF,
	NTFS_REC_BITMAP = 6, NTFS_REC_BOOT };

enum { NTFS_AT_LIST = 0x20, NTFS_AT_VOLUME = 0x70, NTFS_AT_DATA = 0x80 };

struct fs_ntfs_layout {
	uint32_t sector, cluster, record;	/* bytes */
	uint64_t sectors;			/* as the boot sector counts: one less */
	uint64_t clusters;
	uint64_t mft_lcn, mirror_lcn;
};

/* --- bytes --- */

/* False: not a boot sector, or an impossible one. */
bool fs_ntfs_boot(const uint8_t boot[static NTFS_BOOT_LEN], struct fs_ntfs_layout *ret);

/*
 * Undo the fixups of a record and hold its header against itself and its number. False: torn, or no
 * record at all; it is changed then, too.
 */
bool fs_ntfs_record(uint8_t *rec, uint32_t size, uint64_t number);
bool fs_ntfs_record_in_use(const uint8_t *rec);
uint64_t fs_ntfs_record_base(const uint8_t *rec);	/* 0: it is the first */

struct fs_ntfs_attr {
	uint32_t type;
	bool named, outside;
	const uint8_t *value;		/* resident: its bytes; outside: the run list */
	uint32_t len;
	/* outside */
	uint64_t first_vcn, end_vcn;
	uint64_t allocated, size, initialized;	/* true when first_vcn is 0 */
};

/* *at is 0 to begin. 1 an attribute, 0 there are no more, -1 nonsense. */
int fs_ntfs_attr_next(const uint8_t *rec, uint32_t *at, struct fs_ntfs_attr *ret);

struct fs_ntfs_run {
	uint64_t lcn, n;
	bool hole;
};

struct fs_ntfs_runs {
	const uint8_t *p, *end;
	int64_t lcn;
	uint64_t vcn, clusters;
};

void fs_ntfs_runs_init(struct fs_ntfs_runs *x, const struct fs_ntfs_attr *a, uint64_t clusters);
/* 1 a run that lies on the volume, 0 there are no more, -1 nonsense. */
int fs_ntfs_runs_next(struct fs_ntfs_runs *x, struct fs_ntfs_run *ret);

/* --- streams --- */

struct fs_ntfs_stream {
	struct fs_ntfs_run *v;
	size_t n, cap;
	uint64_t clusters;		/* of all runs */
	uint64_t allocated, size, initialized;
	size_t at;			/* where the last read was: run, and its first VCN */
	uint64_t at_vcn;
};

struct fs_ntfs {
	const struct space *space;
	struct bitmap *map;
	struct fs_ntfs_layout l;
	struct fs_ntfs_stream mft;
	char **why;
	struct err *err;
};

void fs_ntfs_stream_done(struct fs_ntfs_stream *s);
DEFINE_CLEANUP_VALUE(struct fs_ntfs_stream, fs_ntfs_stream_done)
/* All of these: 1, 0 in doubt, -errno. */
int fs_ntfs_stream_read(struct fs_ntfs *c, struct fs_ntfs_stream *s, void *buf, size_t len,
			uint64_t offset);
/*
 * The unnamed data of a file. For $MFT s is c->mft: its first runs are needed to read the records
 * that tell the rest.
 */
int fs_ntfs_stream_open(struct fs_ntfs *c, uint64_t number, struct fs_ntfs_stream *s);
/* Record number of $MFT, fixed up, into buf of l.record bytes. */
int fs_ntfs_read_record(struct fs_ntfs *c, uint64_t number, uint8_t *buf);

#endif
