/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ext2, ext3 and ext4, read with libext2fs through ext_channel.h.
 *
 * What must hold before a single block counts as free:
 *
 *  - the superblock's checksum (where there is one), state clean, no recorded errors, no journal to
 *    replay, no feature that is not known here, size inside the partition; the layout fields of a
 *    backup superblock say the same;
 *  - the checksum of every group descriptor, and of every block bitmap (where there is one);
 *  - the free counts of the bitmaps, of the group descriptors and of the superblock agree;
 *  - superblocks, descriptors, bitmaps and inode tables are marked used in the bitmap;
 *  - without metadata_csum bitmaps have no checksum, and one flipped byte in them may keep all
 *    counts. So every block of every inode is looked up in the bitmap, which costs a reading of the
 *    inode tables, as in the first pass of e2fsck.
 *
 * Bits are cleared only after all of it, and only for clusters that are free in the bitmap, and for
 * the end of a group's inode table that was never used; what lies behind the filesystem in its
 * partition stays used.
 *
 * The end of an inode table: with checksums of descriptors each says how many inodes at its end
 * were never used. Neither the kernel nor e2fsck reads those: the kernel makes the first inode of a
 * block in a block of zeroes. So mke2fs leaves them as they are (lazy_itable_init), and what they
 * hold is nothing: 16 GiB on 1 TiB. It counts only when the inode bitmap, which has a checksum or
 * a count of its own, says the same. What an empty journal holds is left out, too (ext_journal.h).
 */
#include <assert.h>
#include <ext2fs/ext2fs.h>
#include <inttypes.h>
#include <stdarg.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/fs/ext_channel.h"
#include "disk/fs/ext_journal.h"
#include "disk/fs/ext_live.h"
#include "disk/fs/fs.h"

#define SUPER_OFFSET		1024u
#define SUPER_LEN		1024u
#define GROUP_BLOCKS_MIN	256u		/* mke2fs makes no smaller groups */

/* What libext2fs 1.47 handles, less what means "not at rest" or changes the meaning of "free". */
#define INCOMPAT_KNOWN \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG | \
	 EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP | \
	 EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE | \
	 EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR | \
	 EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_ENCRYPT | \
	 EXT4_FEATURE_INCOMPAT_CASEFOLD)
#define RO_COMPAT_KNOWN \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
	 EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM | \
	 EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | \
	 EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC | \
	 EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_READONLY | \
	 EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_VERITY)

/* Those that decide where things lie; others are set by a running kernel in the primary only. */
#define INCOMPAT_LAYOUT \
	(EXT2_FEATURE_INCOMPAT_META_BG | EXT4_FEATURE_INCOMPAT_64BIT | \
	 EXT4_FEATURE_INCOMPAT_FLEX_BG)
#define RO_COMPAT_LAYOUT \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT4_FEATURE_RO_COMPAT_GDT_CSUM | \
	 EXT4_FEATURE_RO_COMPAT_BIGALLOC | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

static void fs_free(ext2_filsys fs)
{
	if (fs)
		ext2fs_free(fs);
}
DEFINE_CLEANUP(ext2_filsys, fs_free)

/* --- checks: 1 passed, 0 doubt, -errno --- */

struct check {
	struct ext_channel *channel;
	ext2_filsys fs;
	uint64_t free_clusters;
	bool any_version;		/* what is read may be of any moment: ext_live.h */
	char **why;
	struct err *err;
};

static int doubt(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int doubt(struct check *c, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fs_vdoubt(c->why, c->err, fmt, ap);
	va_end(ap);
	return r;
}

/* libext2fs failed: the disk's fault, ours for want of memory, or the filesystem's. */
static int failed(struct check *c, errcode_t e, const char *what)
{
	if (c->channel->code < 0) {
		if (c->err)
			*c->err = c->channel->err;
		return c->channel->code;
	}
	if (e == EXT2_ET_NO_MEMORY || e == ENOMEM)
		return err_nomem(c->err);
	initialize_ext2_error_table();
	return doubt(c, "%s: %s", what, error_message(e));
}

/* What can be read from the superblock without believing it too much. */
static int check_superblock(struct check *c)
{
	uint8_t super[SUPER_LEN];
	uint32_t incompat, ro_compat, log_block, log_cluster, state;
	uint64_t blocks, bytes;
	int r;

	if (c->channel->space->size < SUPER_OFFSET + SUPER_LEN)
		return doubt(c, "too small for ext");
	r = space_read(c->channel->space, super, sizeof(super), SUPER_OFFSET, c->err);
	if (r < 0)
		return r;
	if (get_le16(super + 56) != EXT2_SUPER_MAGIC)
		return doubt(c, "no ext superblock");
	incompat = get_le32(super + 96);
	ro_compat = get_le32(super + 100);
	if (incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
		return doubt(c, "an external journal");
	if (incompat & EXT3_FEATURE_INCOMPAT_RECOVER)
		return doubt(c, "journal needs recovery");
	/* What is deleted and still open is there when it is frozen, and marked used. */
	if ((ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT) && !c->channel->space->frozen)
		return doubt(c, "orphan file needs clean-up");
	if (incompat & ~INCOMPAT_KNOWN)
		return doubt(c, "unknown incompatible features 0x%" PRIx32,
			     incompat & ~INCOMPAT_KNOWN);
	ro_compat &= ~(uint32_t)EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT;
	if (ro_compat & ~RO_COMPAT_KNOWN)
		return doubt(c, "unknown features 0x%" PRIx32, ro_compat & ~RO_COMPAT_KNOWN);
	if ((ro_compat & EXT4_FEATURE_RO_COMPAT_GDT_CSUM) &&
	    (ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM))
		return doubt(c, "contradicting checksum features");

	c->any_version = c->channel->space->frozen &&
			 (ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM);

	state = get_le16(super + 58);
	if (state & EXT2_ERROR_FS || get_le32(super + 404) != 0)
		return doubt(c, "errors are recorded in the superblock");
	/* Without a journal a mounted one is never "valid", and needs no more than the freeze. */
	if (!(state & EXT2_VALID_FS) && !c->channel->space->frozen)
		return doubt(c, "not cleanly unmounted");

	log_block = get_le32(super + 24);
	log_cluster = get_le32(super + 28);
	if (log_block > 6 || log_cluster > 20 || get_le32(super + 32) < GROUP_BLOCKS_MIN)
		return doubt(c, "impossible layout");
	if (!(ro_compat & EXT4_FEATURE_RO_COMPAT_BIGALLOC) && log_cluster != log_block)
		return doubt(c, "clusters without bigalloc");
	blocks = get_le32(super + 4);
	if (incompat & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)get_le32(super + 336) << 32;
	if (!u64_mul(blocks, 1024u << log_block, &bytes) || bytes > c->channel->space->size)
		return doubt(c, "larger than its partition");
	return 1;
}

static int check_backup(struct check *c)
{
	static const struct {
		unsigned int offset, length;
	} same[] = {
		{ 4, 4 },		/* blocks */
		{ 20, 24 },		/* first block, sizes, per-group numbers */
		{ 56, 2 },		/* magic */
		{ 88, 2 },		/* inode size */
		{ 254, 2 },		/* descriptor size */
		{ 260, 4 },		/* first meta group */
		{ 372, 1 },		/* groups per flex */
	};
	uint8_t primary[SUPER_LEN], backup[SUPER_LEN];
	ext2_filsys fs = c->fs;
	dgrp_t g;
	int r;

	for (g = 1; g < fs->group_desc_count && !ext2fs_bg_has_super(fs, g); g++)
		;
	if (g >= fs->group_desc_count)
		return 1;
	r = space_read(c->channel->space, primary, sizeof(primary), SUPER_OFFSET, c->err);
	if (r == 0)
		r = space_read(c->channel->space, backup, sizeof(backup),
			       ext2fs_group_first_block2(fs, g) * fs->blocksize, c->err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (memcmp(primary + same[i].offset, backup + same[i].offset, same[i].length) != 0)
			return doubt(c, "superblock and its backup differ");
	if (((get_le32(primary + 96) ^ get_le32(backup + 96)) & INCOMPAT_LAYOUT) ||
	    ((get_le32(primary + 100) ^ get_le32(backup + 100)) & RO_COMPAT_LAYOUT))
		return doubt(c, "superblock and its backup differ");
	if (ext2fs_has_feature_64bit(fs->super) && memcmp(primary + 336, backup + 336, 4) != 0)
		return doubt(c, "superblock and its backup differ");
	return 1;
}

/*
 * Before libext2fs reads the bitmaps: it marks what the descriptors of uninitialised groups point
 * at, and complains on stderr when that is nowhere.
 */
static int check_descriptors(struct check *c)
{
	ext2_filsys fs = c->fs;
	uint64_t blocks = ext2fs_blocks_count(fs->super), first = fs->super->s_first_data_block;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t table = ext2fs_inode_table_loc(fs, g);
		uint64_t bitmap = ext2fs_block_bitmap_loc(fs, g);
		uint64_t inodes = ext2fs_inode_bitmap_loc(fs, g);

		if (!ext2fs_group_desc_csum_verify(fs, g))
			return doubt(c, "group %" PRIu32 ": descriptor checksum is wrong", g);
		if (bitmap < first || bitmap >= blocks || inodes < first || inodes >= blocks ||
		    table < first || !range_inside(table, fs->inode_blocks_per_group, blocks))
			return doubt(c, "group %" PRIu32 ": its descriptor points nowhere", g);
	}
	return 1;
}

static uint64_t total_clusters(ext2_filsys fs)
{
	return EXT2FS_NUM_B2C(fs, ext2fs_blocks_count(fs->super) - fs->super->s_first_data_block);
}

/* The clusters of a group, numbered as in the bitmap. */
static void group_clusters(ext2_filsys fs, dgrp_t g, uint64_t *ret_first, uint64_t *ret_n)
{
	uint64_t per_group = fs->super->s_clusters_per_group, before = g * per_group;

	*ret_first = EXT2FS_B2C(fs, fs->super->s_first_data_block) + before;
	*ret_n = MIN(per_group, total_clusters(fs) - before);
}

/* A group's bits, into buf of blocksize bytes. */
static int group_bits(struct check *c, dgrp_t g, uint8_t *buf, uint64_t *ret_first, uint64_t *ret_n)
{
	ext2_filsys fs = c->fs;
	errcode_t e;

	group_clusters(fs, g, ret_first, ret_n);
	if (*ret_n > (uint64_t)fs->blocksize * 8)
		return doubt(c, "impossible layout");
	memset(buf, 0xff, fs->blocksize);
	e = ext2fs_get_block_bitmap_range2(fs->block_map, *ret_first, *ret_n, buf);
	if (e)
		return failed(c, e, "block bitmap");
	/* The bits behind the last cluster are not what the bitmap says but what memory held. */
	for (uint64_t i = *ret_n; i < (uint64_t)fs->blocksize * 8 && i < ALIGN_UP(*ret_n, 8u); i++)
		buf[i / 8] |= (uint8_t)(1u << i % 8);
	return 1;
}

static uint64_t count_zero_bits(const uint8_t *buf, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += 8 - (unsigned int)__builtin_popcount(buf[i]);
	return n;
}

static int check_counts(struct check *c)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	ext2_filsys fs = c->fs;
	uint64_t sum = 0, first, n;
	int r;

	buf = malloc(fs->blocksize);
	if (!buf)
		return err_nomem(c->err);
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t zero;

		r = group_bits(c, g, buf, &first, &n);
		if (r <= 0)
			return r;
		zero = count_zero_bits(buf, fs->blocksize);
		if (zero != ext2fs_bg_free_blocks_count(fs, g))
			return doubt(c, "group %" PRIu32 ": free count is wrong", g);
		sum += zero;
	}
	if (EXT2FS_C2B(fs, sum) != ext2fs_free_blocks_count(fs->super))
		return doubt(c, "free count of the superblock is wrong");
	c->free_clusters = sum;
	return 1;
}

/* Are all of [block, block + n) inside the filesystem and used? */
static bool all_marked(ext2_filsys fs, uint64_t block, uint64_t n)
{
	uint64_t blocks = ext2fs_blocks_count(fs->super);

	if (block < fs->super->s_first_data_block || !range_inside(block, n, blocks))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!ext2fs_test_block_bitmap2(fs->block_map, block + i))
			return false;
	return true;
}

static int check_metadata(struct check *c)
{
	ext2_filsys fs = c->fs;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t old_len = ext2fs_has_feature_meta_bg(fs->super) ?
				   fs->super->s_first_meta_bg :
				   fs->desc_blocks + fs->super->s_reserved_gdt_blocks;
		blk64_t super, old_desc, new_desc;
		blk_t used;
		errcode_t e;

		e = ext2fs_super_and_bgd_loc2(fs, g, &super, &old_desc, &new_desc, &used);
		if (e)
			return failed(c, e, "group layout");
		if ((super && !all_marked(fs, super, 1)) ||
		    (old_desc && !all_marked(fs, old_desc, old_len)) ||
		    (new_desc && !all_marked(fs, new_desc, 1)) ||
		    !all_marked(fs, ext2fs_block_bitmap_loc(fs, g), 1) ||
		    !all_marked(fs, ext2fs_inode_bitmap_loc(fs, g), 1) ||
		    !all_marked(fs, ext2fs_inode_table_loc(fs, g), fs->inode_blocks_per_group))
			return doubt(c, "group %" PRIu32 ": metadata is not marked used", g);
	}
	if (!all_marked(fs, fs->super->s_first_data_block, 1))
		return doubt(c, "the superblock is not marked used");
	return 1;
}

/* A block of the table is left out only whole: the last one in use may have unused inodes, too. */
static uint64_t unused_table_blocks(ext2_filsys fs, dgrp_t g)
{
	return ext2fs_bg_itable_unused(fs, g) / EXT2_INODES_PER_BLOCK(fs->super);
}

/* Does the inode bitmap say the same of the end of each inode table? */
static int check_inode_tables(struct check *c)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	ext2_filsys fs = c->fs;
	uint32_t per_group = fs->super->s_inodes_per_group;
	errcode_t e;

	/* No two tables in the same place: the unused end of one could be in use by the other. */
	e = ext2fs_check_desc(fs);
	if (!e)
		e = ext2fs_read_inode_bitmap(fs);
	if (e)
		return failed(c, e, "inode bitmaps");
	if ((fs->flags & EXT2_FLAG_IBITMAP_TAIL_PROBLEM) || per_group % 8 != 0)
		return doubt(c, "the padding of an inode bitmap is wrong");
	buf = malloc(per_group / 8);
	if (!buf)
		return err_nomem(c->err);
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint32_t unused = ext2fs_bg_itable_unused(fs, g);
		uint64_t first = (uint64_t)g * per_group + 1;

		e = ext2fs_get_inode_bitmap_range2(fs->inode_map, first, per_group, buf);
		if (e)
			return failed(c, e, "inode bitmaps");
		if (count_zero_bits(buf, per_group / 8) != ext2fs_bg_free_inodes_count(fs, g))
			return doubt(c, "group %" PRIu32 ": count of free inodes is wrong", g);
		if (unused > per_group)
			return doubt(c, "group %" PRIu32 ": more unused inodes than there are", g);
		for (uint32_t i = per_group - unused; i < per_group; i++)
			if (buf[i / 8] >> i % 8 & 1)
				return doubt(c, "group %" PRIu32 ": an unused inode is used", g);
	}
	return 1;
}

static int visit_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t count UNUSED, blk64_t ref UNUSED,
		       int ref_offset UNUSED, void *opaque)
{
	bool *missing = opaque;

	if (all_marked(fs, *block, 1))
		return 0;
	*missing = true;
	return BLOCK_ABORT;
}

static int check_inode(struct check *c, ext2_ino_t ino, struct ext2_inode *inode)
{
	ext2_filsys fs = c->fs;
	uint64_t xattr = ext2fs_file_acl_block(fs, inode);
	bool missing = false;
	errcode_t e;

	if (xattr && !all_marked(fs, xattr, 1))
		missing = true;
	if (!missing && ext2fs_inode_has_valid_blocks2(fs, inode)) {
		e = ext2fs_block_iterate3(fs, ino, BLOCK_FLAG_READ_ONLY, NULL, visit_block,
					  &missing);
		if (e)
			return failed(c, e, "reading the blocks of an inode");
	}
	if (missing)
		return doubt(c, "inode %" PRIu32 " has blocks that are marked free", ino);
	return 1;
}

static int check_inodes(struct check *c)
{
	CLEANUP(mem_free) struct ext2_inode *inode = NULL;
	ext2_filsys fs = c->fs;
	ext2_inode_scan scan = NULL;
	errcode_t e;
	int r = 1;

	inode = malloc(EXT2_INODE_SIZE(fs->super));
	if (!inode)
		return err_nomem(c->err);
	e = ext2fs_open_inode_scan(fs, 0, &scan);
	if (e)
		return failed(c, e, "inode tables");
	while (r > 0) {
		ext2_ino_t ino;

		e = ext2fs_get_next_inode_full(scan, &ino, inode, (int)EXT2_INODE_SIZE(fs->super));
		if (e)
			r = failed(c, e, "inode tables");
		if (e || ino == 0)
			break;
		/* The list of bad blocks has no links and is a file like any other. */
		if (inode->i_links_count > 0 || (ino == EXT2_BAD_INO && inode->i_blocks > 0))
			r = check_inode(c, ino, inode);
	}
	ext2fs_close_inode_scan(scan);
	return r;
}

/* --- and then --- */

static int clear_free(struct check *c, struct bitmap *map)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	ext2_filsys fs = c->fs;
	uint64_t blocks = ext2fs_blocks_count(fs->super), cleared = 0;
	int r;

	buf = malloc(fs->blocksize);
	if (!buf)
		return err_nomem(c->err);
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t first, n;

		r = group_bits(c, g, buf, &first, &n);
		assert(r != 0);
		if (r < 0)
			return r;
		for (uint64_t i = 0; i < n;) {
			uint64_t run = i, from, to;

			while (i < n && !(buf[i / 8] >> i % 8 & 1))
				i++;
			from = EXT2FS_C2B(fs, first + run);
			to = MIN((uint64_t)EXT2FS_C2B(fs, first + i), blocks);
			cleared += i - run;
			if (from < to)
				bitmap_clear_range(map, from * fs->blocksize,
						   (to - from) * fs->blocksize);
			while (i < n && (buf[i / 8] >> i % 8 & 1))
				i++;
		}
	}
	assert(cleared == c->free_clusters);
	return 1;
}

static void clear_unused_tables(struct check *c, struct bitmap *map)
{
	ext2_filsys fs = c->fs;

	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t n = unused_table_blocks(fs, g);
		uint64_t end = ext2fs_inode_table_loc(fs, g) + fs->inode_blocks_per_group;

		assert(n <= fs->inode_blocks_per_group);
		bitmap_clear_range(map, (end - n) * fs->blocksize, n * fs->blocksize);
	}
}

static int clear_journal(struct check *c, struct bitmap *map)
{
	CLEANUP(extents_done) struct extents unused = { 0 };

	if (ext_journal_unused(c->fs, &unused) < 0)
		return err_nomem(c->err);
	for (size_t i = 0; i < unused.n; i++)
		bitmap_clear_range(map, unused.v[i].offset, unused.v[i].length);
	return 1;
}

/* Up to the descriptors. */
static int open_checked(struct check *c)
{
	errcode_t e;

	e = ext_channel_open_fs(c->channel, &c->fs);
	if (e)
		return failed(c, e, "cannot be opened");
	if (ext2fs_blocks_count(c->fs->super) * c->fs->blocksize > c->channel->space->size ||
	    ext2fs_blocks_count(c->fs->super) <= c->fs->super->s_first_data_block)
		return doubt(c, "larger than its partition");
	/* Groups begin at whole bytes of the bitmap in memory. */
	if (c->fs->super->s_clusters_per_group % 8 != 0)
		return doubt(c, "impossible layout");
	return check_backup(c);
}

/* A frozen one with checksums: see ext_live.h. */
static int run_live(struct check *c, struct bitmap *map)
{
	struct ext_live_result result;
	uint32_t bad = 0;
	int r;

	r = ext_live_map(c->channel, c->fs, map, &result, &bad);
	if (r == 0)
		return doubt(c, "group %" PRIu32 ": free count is wrong", bad);
	if (r < 0) {
		if (r == -ENOMEM)
			return err_nomem(c->err);
		if (c->err)
			*c->err = c->channel->err;
		return r;
	}
	if (result.kept == result.groups)
		return doubt(c, "no block bitmap has a good checksum");
	return 1;
}

static int run_checks(struct check *c)
{
	errcode_t e;
	int r;

	r = check_descriptors(c);
	if (r <= 0)
		return r;
	e = ext2fs_read_block_bitmap(c->fs);
	if (e)
		return failed(c, e, "block bitmaps");
	if (c->fs->flags & EXT2_FLAG_BBITMAP_TAIL_PROBLEM)
		return doubt(c, "the padding of a block bitmap is wrong");
	r = check_counts(c);
	if (r > 0)
		r = check_metadata(c);
	if (r > 0 && ext2fs_has_group_desc_csum(c->fs))
		r = check_inode_tables(c);
	if (r > 0 && !ext2fs_has_feature_metadata_csum(c->fs->super))
		r = check_inodes(c);
	return r;
}

int fs_ext_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(ext_channel_done) struct ext_channel channel = { .space = s };
	CLEANUP(fs_free) ext2_filsys fs = NULL;
	CLEANUP(mem_free) char *why = NULL;
	struct check c = {
		.channel = &channel,
		.why = &why,
		.err = err,
	};
	int r;

	r = check_superblock(&c);
	if (r > 0 && c.any_version) {
		view_set_reader(s->view, VIEW_NOBODY);
		r = open_checked(&c);
		fs = c.fs;
		if (r > 0)
			r = run_live(&c, map);
		return fs_conclude(r, "block bitmaps of a mounted filesystem", map, &why, ret_why,
				   err);
	}
	if (r > 0)
		r = open_checked(&c);
	fs = c.fs;
	if (r > 0)
		r = run_checks(&c);
	if (r > 0)
		r = clear_free(&c, map);
	if (r > 0 && ext2fs_has_group_desc_csum(fs))
		clear_unused_tables(&c, map);
	/* The journal of one that may be mounted is not believed to stay empty. */
	if (r > 0 && !s->view)
		r = clear_journal(&c, map);
	return fs_conclude(r, r > 0 && ext2fs_has_feature_metadata_csum(fs->super) ?
			   "block bitmaps" : "block bitmaps and inodes", map, &why, ret_why, err);
}
