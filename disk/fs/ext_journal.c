/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/digest.h"
#include "disk/fs/ext_journal.h"

/* The journal's superblock, big-endian. */
#define JOURNAL_MAGIC		0xc03b3998u
#define JOURNAL_SUPER_V2	4u
#define JOURNAL_SUPER_LEN	1024u
#define JOURNAL_CSUM_V2_V3	(0x8u | 0x10u)		/* incompatible features */
#define JOURNAL_CRC32C		4u
#define AT_TYPE			4
#define AT_BLOCK_SIZE		12
#define AT_LENGTH		16
#define AT_START		28
#define AT_ERROR		32
#define AT_INCOMPAT		40
#define AT_CSUM_TYPE		80
#define AT_CSUM			252

/* Backup of the inode: its block map of 15 words, then its size, high word first. */
#define BACKUP_OF_MAP		1u
#define MAP_WORDS		15

struct visit {
	ext2_filsys fs;
	struct extents *unused;
	uint64_t first, blocks;		/* the block of its superblock; how many there are */
	bool odd;
	int code;
};

/* Is it empty, and does it say so in a way that can be believed? */
static bool says_empty(const uint8_t *super, const struct visit *v)
{
	uint8_t copy[JOURNAL_SUPER_LEN];

	if (get_be32(super) != JOURNAL_MAGIC || get_be32(super + AT_TYPE) != JOURNAL_SUPER_V2 ||
	    get_be32(super + AT_BLOCK_SIZE) != v->fs->blocksize ||
	    get_be32(super + AT_LENGTH) > v->blocks || get_be32(super + AT_START) != 0 ||
	    get_be32(super + AT_ERROR) != 0)
		return false;
	if (!(get_be32(super + AT_INCOMPAT) & JOURNAL_CSUM_V2_V3))
		return true;
	memcpy(copy, super, sizeof(copy));
	memset(copy + AT_CSUM, 0, 4);
	return super[AT_CSUM_TYPE] == JOURNAL_CRC32C &&
	       get_be32(super + AT_CSUM) == ~digest_crc32c(0, copy, sizeof(copy));
}

static int visit_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t number, blk64_t ref UNUSED,
		       int ref_offset UNUSED, void *opaque)
{
	struct visit *v = opaque;

	if (!ext2fs_test_block_bitmap2(fs->block_map, *block)) {
		v->odd = true;
		return BLOCK_ABORT;
	}
	v->blocks++;
	if (number == 0) {
		v->first = *block;
		return 0;
	}
	v->code = extents_add(v->unused, *block * fs->blocksize, fs->blocksize, 0);
	return v->code < 0 ? BLOCK_ABORT : 0;
}

int ext_journal_unused(ext2_filsys fs, struct extents *ret)
{
	struct ext2_super_block *super = fs->super;
	CLEANUP(extents_done) struct extents unused = { 0 };
	CLEANUP(mem_free) uint8_t *block = NULL;
	struct visit v = { .fs = fs, .unused = &unused };
	struct ext2_inode inode;
	errcode_t e;

	if (!ext2fs_has_feature_journal(super) || !ext2fs_has_feature_metadata_csum(super) ||
	    super->s_journal_inum != EXT2_JOURNAL_INO || super->s_journal_dev != 0 ||
	    super->s_jnl_backup_type != BACKUP_OF_MAP)
		return 0;
	if (ext2fs_read_inode(fs, EXT2_JOURNAL_INO, &inode) != 0 ||
	    memcmp(inode.i_block, super->s_jnl_blocks, MAP_WORDS * sizeof(inode.i_block[0])) != 0)
		return 0;
	/* The blocks of the map itself (with BLOCK_FLAG_DATA_ONLY not visited) stay used. */
	e = ext2fs_block_iterate3(fs, EXT2_JOURNAL_INO, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY,
				  NULL, visit_block, &v);
	if (v.code < 0)
		return v.code;
	if (e != 0 || v.odd || v.first == 0)
		return 0;
	block = malloc(fs->blocksize);
	if (!block)
		return -ENOMEM;
	if (io_channel_read_blk64(fs->io, v.first, 1, block) != 0 || !says_empty(block, &v))
		return 0;
	*ret = unused;
	unused = (struct extents){ 0 };
	return 0;
}
