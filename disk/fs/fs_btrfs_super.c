/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every device has superblocks, and all of them say the same, but for the part about the device
 * itself. The kernel writes all with each commit, the first before its copies; with an fsync only
 * the first ones, and then they name a log tree, whose blocks the extent tree does not know. So
 * any difference is a doubt: a commit that was not finished, a device that stayed behind, rot.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>
#include <string.h>

/* BTRFS_SUPER_MIRROR_MAX, btrfs_sb_offset() */
const uint64_t fs_btrfs_super_offsets[BTRFS_SUPER_COPIES] = { 64 * KIB, 64 * MIB, 256 * GIB };

/* Where in the superblock; struct btrfs_super_block. */
enum {
	AT_FSID = 0x20, AT_BYTENR = 0x30, AT_FLAGS = 0x38, AT_MAGIC = 0x40, AT_GENERATION = 0x48,
	AT_ROOT = 0x50, AT_CHUNK_ROOT = 0x58, AT_LOG_ROOT = 0x60, AT_TOTAL_BYTES = 0x70,
	AT_BYTES_USED = 0x78, AT_NUM_DEVICES = 0x88, AT_SECTOR = 0x90, AT_NODE = 0x94,
	AT_LEAF = 0x98, AT_CHUNKS_LEN = 0xa0, AT_CHUNK_ROOT_GENERATION = 0xa4, AT_COMPAT = 0xac,
	AT_RO_COMPAT = 0xb4, AT_INCOMPAT = 0xbc, AT_CSUM_TYPE = 0xc4, AT_ROOT_LEVEL = 0xc6,
	AT_CHUNK_ROOT_LEVEL = 0xc7, AT_DEV_ITEM = 0xc9, AT_LABEL = 0x12b,
	AT_METADATA_UUID = 0x23b, AT_CHUNKS = 0x32b,
};
#define CHUNKS_LEN		2048u

/* BTRFS_HEADER_FLAG_WRITTEN, _RELOC. All others mean trouble or "not at rest". */
#define FLAGS_KNOWN		UINT64_C(0x3)
#define FLAG_ERROR		(UINT64_C(1) << 2)
#define FLAG_SEEDING		(UINT64_C(1) << 32)

/* Mixed backrefs to metadata UUID, RAID 1C3 and 1C4, simple quota (include/uapi/linux/btrfs.h). */
#define INCOMPAT_KNOWN		UINT64_C(0x10fff)
#define INCOMPAT_MIXED_BACKREF	(UINT64_C(1) << 0)
#define INCOMPAT_ZONED		(UINT64_C(1) << 12)
#define INCOMPAT_EXTENT_TREE_V2	(UINT64_C(1) << 13)
#define INCOMPAT_STRIPE_TREE	(UINT64_C(1) << 14)
/* Free space tree, that it is valid, verity, block group tree. */
#define RO_COMPAT_KNOWN		UINT64_C(0xf)

void fs_btrfs_super_parse_dev(const uint8_t *p, struct btrfs_dev_item *ret)
{
	*ret = (struct btrfs_dev_item){
		.devid = get_le64(p),
		.total_bytes = get_le64(p + 8),
		.bytes_used = get_le64(p + 16),
		.uuid = p + 66,
		.fsid = p + 82,
	};
}

/* What nobody can do without; NULL when all is well. */
static const char *look_at(const struct btrfs_super *s, uint64_t offset)
{
	const uint8_t *p = s->raw;

	if (memcmp(p + AT_MAGIC, "_BHRfS_M", 8) != 0)
		return "no superblock of btrfs";
	if (get_le64(p + AT_BYTENR) != offset)
		return "a superblock that belongs elsewhere";
	if (s->sector < 4096 || s->sector > BTRFS_NODE_MAX || (s->sector & (s->sector - 1)) != 0 ||
	    s->node < s->sector || s->node > BTRFS_NODE_MAX || (s->node & (s->node - 1)) != 0 ||
	    get_le32(p + AT_LEAF) != s->node || get_le32(p + AT_CHUNKS_LEN) > CHUNKS_LEN ||
	    p[AT_ROOT_LEVEL] >= BTRFS_LEVELS || p[AT_CHUNK_ROOT_LEVEL] >= BTRFS_LEVELS)
		return "impossible layout";
	if (s->dev.devid == 0)
		return "a device replacement that is not finished";
	if (s->num_devices == 0 || s->num_devices > BTRFS_DEVICES_MAX)
		return "an impossible number of devices";
	return NULL;
}

int fs_btrfs_super_read(const struct space *s, uint64_t offset, struct btrfs_super *ret,
			const char **ret_bad, struct err *err)
{
	uint8_t *p = ret->raw;
	int r;

	*ret_bad = "too small for btrfs";
	if (!range_inside(offset, BTRFS_SUPER_LEN, s->size))
		return 0;
	r = space_read(s, p, BTRFS_SUPER_LEN, offset, err);
	if (r < 0)
		return r;
	ret->fsid = p + AT_FSID;
	ret->generation = get_le64(p + AT_GENERATION);
	ret->total_bytes = get_le64(p + AT_TOTAL_BYTES);
	ret->bytes_used = get_le64(p + AT_BYTES_USED);
	ret->num_devices = get_le64(p + AT_NUM_DEVICES);
	ret->incompat = get_le64(p + AT_INCOMPAT);
	ret->ro_compat = get_le64(p + AT_RO_COMPAT);
	ret->sector = get_le32(p + AT_SECTOR);
	ret->node = get_le32(p + AT_NODE);
	ret->csum_type = get_le16(p + AT_CSUM_TYPE);
	/* The fsid for people may be changed; the one in all tree blocks stays. */
	ret->tree_fsid = ret->incompat & BTRFS_INCOMPAT_METADATA_UUID ? p + AT_METADATA_UUID :
			 ret->fsid;
	fs_btrfs_super_parse_dev(p + AT_DEV_ITEM, &ret->dev);
	*ret_bad = look_at(ret, offset);
	if (*ret_bad)
		return 0;
	*ret_bad = "an unknown checksum";
	if (!fs_btrfs_csum_known(ret->csum_type))
		return 0;
	*ret_bad = "the superblock's checksum is wrong";
	r = fs_btrfs_csum_verify(ret->csum_type, p, BTRFS_SUPER_LEN);
	return r < 0 ? err_code(err, -r, "cannot verify a checksum") : r;
}

static int check_features(struct btrfs *b)
{
	const struct btrfs_super *s = b->super;
	uint64_t flags = get_le64(s->raw + AT_FLAGS);

	if (flags & FLAG_SEEDING)
		return fs_btrfs_doubt(b, "a seed for other filesystems");
	if (flags & FLAG_ERROR)
		return fs_btrfs_doubt(b, "errors are recorded in the superblock");
	if (flags & ~FLAGS_KNOWN)
		return fs_btrfs_doubt(b, "superblock flags 0x%" PRIx64, flags & ~FLAGS_KNOWN);
	if (s->incompat & INCOMPAT_ZONED)
		return fs_btrfs_doubt(b, "zoned");
	if (s->incompat & INCOMPAT_EXTENT_TREE_V2)
		return fs_btrfs_doubt(b, "extent tree v2");
	if (s->incompat & INCOMPAT_STRIPE_TREE)
		return fs_btrfs_doubt(b, "a RAID stripe tree");
	if (s->incompat & ~INCOMPAT_KNOWN)
		return fs_btrfs_doubt(b, "unknown incompatible features 0x%" PRIx64,
				      s->incompat & ~INCOMPAT_KNOWN);
	if (!(s->incompat & INCOMPAT_MIXED_BACKREF))
		return fs_btrfs_doubt(b, "back references of the old kind");
	if (s->ro_compat & ~RO_COMPAT_KNOWN || get_le64(s->raw + AT_COMPAT) != 0)
		return fs_btrfs_doubt(b, "unknown features 0x%" PRIx64,
				      s->ro_compat & ~RO_COMPAT_KNOWN);
	if (get_le64(s->raw + AT_LOG_ROOT) != 0)
		return fs_btrfs_doubt(b, "log tree needs replay");
	return 1;
}

/* All but the checksum, the address and the device's own item. */
static bool same_super(const uint8_t *x, const uint8_t *y)
{
	return memcmp(x + AT_FSID, y + AT_FSID, AT_BYTENR - AT_FSID) == 0 &&
	       memcmp(x + AT_FLAGS, y + AT_FLAGS, AT_DEV_ITEM - AT_FLAGS) == 0 &&
	       memcmp(x + AT_LABEL, y + AT_LABEL, BTRFS_SUPER_LEN - AT_LABEL) == 0;
}

static int check_copies(struct btrfs *b, const struct btrfs_device *d)
{
	CLEANUP(mem_free) struct btrfs_super *copy = malloc(sizeof(*copy));
	const char *bad;
	int r;

	if (!copy)
		return err_nomem(b->err);
	for (unsigned int i = 1; i < BTRFS_SUPER_COPIES; i++) {
		uint64_t offset = fs_btrfs_super_offsets[i];

		/* The kernel writes none that would end where the device ends, or behind. */
		if (offset + BTRFS_SUPER_LEN >= d->super.dev.total_bytes)
			break;
		r = fs_btrfs_super_read(d->space, offset, copy, &bad, b->err);
		if (r < 0)
			return r;
		if (r == 0)
			return fs_btrfs_doubt(b, "copy %u of the superblock: %s", i, bad);
		if (!same_super(copy->raw, d->super.raw) ||
		    memcmp(copy->raw + AT_DEV_ITEM, d->super.raw + AT_DEV_ITEM,
			   BTRFS_DEV_ITEM_LEN) != 0)
			return fs_btrfs_doubt(b, "the superblock and its copies differ");
	}
	return 1;
}

static int check_device(struct btrfs *b, struct btrfs_device *d)
{
	const struct btrfs_super *s = &d->super;

	if (!same_super(s->raw, b->super->raw))
		return fs_btrfs_doubt(b, "the superblocks of its devices differ");
	if (memcmp(s->dev.fsid, s->tree_fsid, FS_BTRFS_UUID_LEN) != 0)
		return fs_btrfs_doubt(b, "a device of another filesystem");
	if (s->dev.total_bytes > d->space->size)
		return fs_btrfs_doubt(b, "larger than its partition");
	for (const struct btrfs_device *x = b->devices; x < d; x++)
		if (x->super.dev.devid == s->dev.devid)
			return fs_btrfs_doubt(b, "device %" PRIu64 " is there twice", s->dev.devid);
	return check_copies(b, d);
}

int fs_btrfs_super_check(struct btrfs *b)
{
	const struct btrfs_super *s;
	uint64_t total = 0;
	const char *bad;
	int r;

	for (size_t i = 0; i < b->n; i++) {
		r = fs_btrfs_super_read(b->devices[i].space, fs_btrfs_super_offsets[0],
					&b->devices[i].super, &bad, b->err);
		if (r <= 0)
			return r < 0 ? r : fs_btrfs_doubt(b, "%s", bad);
	}
	s = b->super = &b->devices[0].super;
	r = check_features(b);
	if (r <= 0)
		return r;
	if (b->n != s->num_devices)
		return fs_btrfs_doubt(b, "%zu of its %" PRIu64 " devices are there", b->n,
				      s->num_devices);
	for (size_t i = 0; i < b->n; i++) {
		r = check_device(b, &b->devices[i]);
		if (r <= 0)
			return r;
		total += b->devices[i].super.dev.total_bytes;	/* each within its space */
	}
	if (total != s->total_bytes)
		return fs_btrfs_doubt(b, "the sizes of its devices do not add up");
	if (s->bytes_used > total)
		return fs_btrfs_doubt(b, "more is used than there is");
	b->roots[BTRFS_ROOT_TREE] = (struct btrfs_root){
		true, get_le64(s->raw + AT_ROOT), s->generation, s->raw[AT_ROOT_LEVEL],
	};
	b->roots[BTRFS_CHUNK_TREE] = (struct btrfs_root){
		true, get_le64(s->raw + AT_CHUNK_ROOT), get_le64(s->raw + AT_CHUNK_ROOT_GENERATION),
		s->raw[AT_CHUNK_ROOT_LEVEL],
	};
	return 1;
}

int fs_btrfs_super_chunks(struct btrfs *b)
{
	const uint8_t *p = b->super->raw + AT_CHUNKS;
	size_t left = get_le32(b->super->raw + AT_CHUNKS_LEN);

	while (left > 0) {
		uint32_t len = left > 17 ? fs_btrfs_chunk_item_len(p + 17, left - 17) : 0;
		int r;

		if (len == 0 || get_le64(p) != BTRFS_FIRST_CHUNK || p[8] != BTRFS_CHUNK_ITEM ||
		    !(get_le64(p + 17 + 24) & BTRFS_SYSTEM))
			return fs_btrfs_doubt(b, "the superblock's list of chunks is damaged");
		r = fs_btrfs_chunk_add(b, &b->system, get_le64(p + 9), p + 17, len);
		if (r <= 0)
			return r;
		p += 17 + len;
		left -= 17 + len;
	}
	return 1;
}
