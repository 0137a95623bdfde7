/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exFAT, as in Microsoft's "exFAT file system specification", revision 1.00.
 *
 *	boot region	12 sectors, the last one full of a checksum over the others; then a copy
 *	FAT		32 bits for each cluster: the next one. Not for files in one piece
 *			(NoFatChain)
 *	cluster heap	files, folders, and the bitmap of allocated clusters, which is found through
 *			an entry of the root folder
 *
 * What must hold before a single cluster counts as free: both boot regions have a good checksum and
 * say the same; one FAT; the volume is neither dirty nor has had media failures; the bitmap has a
 * bit for each cluster. Since it has no checksum, all folders are walked (fs_chain.h): every set of
 * entries has a checksum, and what it names must be marked used. PercentInUse is not looked at.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "disk/fs/fs_chain.h"
#include "disk/fs/fs_sweep.h"

#define REGION_SECTORS	12u
#define SECTOR_MIN	512u
#define SECTOR_MAX	4096u
#define SETS_MAX	256u		/* entries of one set */
#define CLUSTER_SHIFT_MAX 25u
#define CLUSTERS_MAX	0xfffffff5u
#define FAT_END		0xffffffffu
#define PIECE		(64u << 10)

enum { VOLUME_ACTIVE_FAT = 1, VOLUME_DIRTY = 2, MEDIA_FAILURE = 4 };

enum {
	ENTRY_IN_USE = 0x80, ENTRY_SECONDARY = 0x40,
	ENTRY_BITMAP = 0x81, ENTRY_UPCASE = 0x82, ENTRY_LABEL = 0x83, ENTRY_FILE = 0x85,
	ENTRY_GUID = 0xa0, ENTRY_STREAM = 0xc0,
	ALLOCATION_POSSIBLE = 1, NO_FAT_CHAIN = 2,
	ATTRIBUTE_FOLDER = 0x10,
};

struct exfat {
	struct fs_chain chain;
	uint32_t sector;
	uint64_t fat;			/* where it is */
	uint32_t root;
};

static int doubt(struct exfat *x, const char *what)
{
	return fs_doubt(x->chain.why, x->chain.err, "%s", what);
}

/* VolumeFlags and PercentInUse: they change while it is mounted, in the main one only. */
static bool is_volatile(size_t i)
{
	return i == 106 || i == 107 || i == 112;
}

static uint32_t sum32(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		if (!is_volatile(i))
			sum = (sum << 31 | sum >> 1) + p[i];
	return sum;
}

static bool same_regions(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && !is_volatile(i))
			return false;
	return true;
}

static int check_regions(struct exfat *x)
{
	size_t len = (size_t)REGION_SECTORS * x->sector, data = len - x->sector;
	CLEANUP(mem_free) uint8_t *both = fdio_alloc((size_t)2 * REGION_SECTORS * SECTOR_MAX);
	uint32_t sum;
	int r;

	if (!both)
		return err_nomem(x->chain.err);
	if (2 * len > x->chain.space->size)
		return doubt(x, "larger than its partition");
	r = space_read(x->chain.space, both, 2 * len, 0, x->chain.err);
	if (r < 0)
		return r;
	sum = sum32(both, data);
	for (size_t i = data; i < len; i += 4)
		if (get_le32(both + i) != sum)
			return doubt(x, "the checksum of the boot region is wrong");
	if (!same_regions(both, both + len, len))
		return doubt(x, "the boot region and its copy differ");
	return 1;
}

static int check_boot(struct exfat *x)
{
	struct fs_chain *c = &x->chain;
	uint8_t b[512];
	uint64_t volume, fat_end, heap;
	uint32_t flags;
	int r;

	if (c->space->size < sizeof(b))
		return doubt(x, "too small for exFAT");
	r = space_read(c->space, b, sizeof(b), 0, c->err);
	if (r < 0)
		return r;
	if (memcmp(b + 3, "EXFAT   ", 8) != 0 || get_le16(b + 510) != 0xaa55 || b[108] < 9 ||
	    b[108] > 12 || b[109] > CLUSTER_SHIFT_MAX - b[108])
		return doubt(x, "no exFAT boot sector, or an impossible one");
	x->sector = UINT32_C(1) << b[108];
	c->cluster = (uint64_t)x->sector << b[109];
	r = check_regions(x);
	if (r <= 0)
		return r;
	if (get_le16(b + 104) >> 8 != 1)
		return doubt(x, "exFAT of an unknown version");
	flags = get_le16(b + 106);
	if (b[110] != 1 || flags & VOLUME_ACTIVE_FAT)
		return doubt(x, "more than one FAT");
	if (flags & VOLUME_DIRTY)
		return doubt(x, "the volume is marked dirty");
	if (flags & MEDIA_FAILURE)
		return doubt(x, "media failures are recorded");

	volume = get_le64(b + 72);
	fat_end = (uint64_t)get_le32(b + 80) + get_le32(b + 84);
	heap = get_le32(b + 88);
	c->clusters = get_le32(b + 92);
	x->root = get_le32(b + 96);
	if (volume > c->space->size / x->sector)
		return doubt(x, "larger than its partition");
	if (get_le32(b + 80) < 2 * REGION_SECTORS || fat_end > heap || heap > volume ||
	    c->clusters == 0 || c->clusters > CLUSTERS_MAX ||
	    ((uint64_t)c->clusters << b[109]) > volume - heap ||
	    ((uint64_t)c->clusters + 2) * 4 > (uint64_t)get_le32(b + 84) * x->sector ||
	    !fs_chain_valid(c, x->root))
		return doubt(x, "impossible layout");
	x->fat = (uint64_t)get_le32(b + 80) * x->sector;
	c->heap = heap * x->sector;
	return 1;
}

static int fat_next(struct fs_chain *c, uint32_t cluster, uint32_t *ret)
{
	struct exfat *x = container_of(c, struct exfat, chain);
	uint8_t raw[4];
	uint32_t next;
	int r = fs_chain_read(c, raw, sizeof(raw), x->fat + (uint64_t)cluster * 4);

	if (r <= 0)
		return r;
	next = get_le32(raw);
	if (next != FAT_END && !fs_chain_valid(c, next))
		return doubt(x, "a chain of clusters leads nowhere");
	*ret = next == FAT_END ? 0 : next;
	return 1;
}

static uint64_t clusters_of(const struct exfat *x, uint64_t bytes)
{
	return DIV_ROUND_UP(bytes, x->chain.cluster);
}

/* --- the bitmap --- */

static int open_root(struct exfat *x)
{
	struct fs_folder root = { .first = x->root };
	uint64_t n;
	int r;

	x->chain.claimed = 0;
	r = fs_chain_claim(&x->chain, x->root, 1, false, &n);
	if (r <= 0)
		return r;
	root.length = n * x->chain.cluster;
	return fs_folder_push(&x->chain, &root);
}

/* Its entry in the root: the first cluster and the length. */
static int find_bitmap(struct exfat *x, uint32_t *ret_first, uint64_t *ret_length)
{
	uint8_t entry[FS_ENTRY];
	bool more, found = false;
	int r = open_root(x);

	while (r > 0) {
		r = fs_folder_next(&x->chain, entry, &more);
		if (r <= 0 || !more)
			break;
		if (entry[0] == 0) {
			fs_folder_pop(&x->chain);
			break;
		}
		if (entry[0] != ENTRY_BITMAP)
			continue;
		if (found || entry[1] & 1)
			return doubt(x, "more than one allocation bitmap");
		found = true;
		*ret_first = get_le32(entry + 20);
		*ret_length = get_le64(entry + 24);
	}
	if (r > 0 && !found)
		return doubt(x, "no allocation bitmap");
	return r;
}

static int clear_free(struct exfat *x)
{
	struct fs_chain *c = &x->chain;
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(PIECE);
	struct fs_sweep sweep = { .map = c->map, .offset = c->heap, .cluster = c->cluster };
	uint64_t length = 0, done = 0, need = DIV_ROUND_UP((uint64_t)c->clusters, 8), n;
	uint32_t at = 0;
	int r;

	if (!buf)
		return err_nomem(c->err);
	r = find_bitmap(x, &at, &length);
	if (r <= 0)
		return r;
	if (length < need || clusters_of(x, length) != clusters_of(x, need))
		return doubt(x, "the allocation bitmap has a wrong size");
	/* Nothing is cleared yet: this is about the chain alone. */
	r = fs_chain_claim(c, at, clusters_of(x, need), false, &n);
	while (r > 0 && done < need) {
		uint64_t in = done % c->cluster;
		size_t len = (size_t)MIN(MIN((uint64_t)PIECE, c->cluster - in), need - done);

		r = space_read(c->space, buf, len, fs_chain_offset(c, at) + in, c->err);
		if (r < 0)
			return r;
		fs_sweep_bytes(&sweep, buf, len, c->clusters);
		done += len;
		r = done % c->cluster == 0 && done < need ? fat_next(c, at, &at) : 1;
	}
	if (r > 0)
		fs_sweep_end(&sweep);
	return r;
}

/* --- the tree --- */

static uint16_t set_sum(uint16_t sum, const uint8_t *entry, bool first)
{
	for (unsigned int i = 0; i < FS_ENTRY; i++)
		if (!first || (i != 2 && i != 3))
			sum = (uint16_t)((sum << 15 | sum >> 1) + entry[i]);
	return sum;
}

/* What a secondary entry or one of the root's own names. */
static int claim(struct exfat *x, const uint8_t *entry, unsigned int flags, bool is_folder)
{
	struct fs_folder f = { .first = get_le32(entry + 20), .contiguous = flags & NO_FAT_CHAIN };
	uint64_t length = get_le64(entry + 24), n;
	int r;

	if (!(flags & ALLOCATION_POSSIBLE) || (f.first == 0 && length == 0))
		return 1;
	r = fs_chain_claim(&x->chain, f.first, clusters_of(x, length), f.contiguous, &n);
	if (r > 0 && n != clusters_of(x, length))
		return doubt(x, "a file has more clusters than its size needs");
	if (r <= 0 || !is_folder || n == 0)
		return r;
	f.length = n * x->chain.cluster;
	return fs_folder_push(&x->chain, &f);
}

/* A file, a folder: all the entries of its set, then what they name. */
static int take_set(struct exfat *x, const uint8_t *file)
{
	uint8_t streams[SETS_MAX][FS_ENTRY];
	uint16_t sum = set_sum(0, file, true);
	unsigned int n = file[1];
	bool more;
	int r = 1;

	for (unsigned int i = 0; i < n; i++) {
		r = fs_folder_next(&x->chain, streams[i], &more);
		if (r <= 0)
			return r;
		if (!more || (streams[i][0] & (ENTRY_IN_USE | ENTRY_SECONDARY)) !=
			     (ENTRY_IN_USE | ENTRY_SECONDARY))
			return doubt(x, "a folder's entry is incomplete");
		sum = set_sum(sum, streams[i], false);
	}
	if (n < 2 || streams[0][0] != ENTRY_STREAM || sum != get_le16(file + 2))
		return doubt(x, "the checksum of a folder's entry is wrong");
	for (unsigned int i = 0; i < n && r > 0; i++)
		r = claim(x, streams[i], streams[i][1],
			  i == 0 && get_le16(file + 4) & ATTRIBUTE_FOLDER);
	return r;
}

static int take_entry(struct fs_chain *c, const uint8_t *entry)
{
	struct exfat *x = container_of(c, struct exfat, chain);
	bool in_root = x->chain.nopen == 1;

	if (entry[0] == 0) {
		fs_folder_pop(&x->chain);
		return 1;
	}
	if (!(entry[0] & ENTRY_IN_USE))
		return 1;
	if (entry[0] == ENTRY_FILE)
		return take_set(x, entry);
	if (in_root && (entry[0] == ENTRY_BITMAP || entry[0] == ENTRY_UPCASE))
		return claim(x, entry, ALLOCATION_POSSIBLE, false);
	if (in_root && (entry[0] == ENTRY_LABEL || (entry[0] == ENTRY_GUID && entry[1] == 0)))
		return 1;
	return fs_doubt(x->chain.why, x->chain.err, "a folder has an entry of the unknown kind "
			"0x%02x", entry[0]);
}

static int walk(struct exfat *x)
{
	int r = open_root(x);

	if (r > 0)
		r = fs_folder_walk(&x->chain, take_entry);
	return r;
}

int fs_exfat_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(mem_free) char *why = NULL;
	struct exfat x = {
		.chain = { .space = s, .map = map, .why = &why, .err = err, .next = fat_next },
	};
	int r = fs_chain_init(&x.chain);

	if (r > 0)
		r = check_boot(&x);
	if (r > 0)
		r = clear_free(&x);
	if (r > 0)
		r = walk(&x);
	fs_chain_done(&x.chain);
	return fs_conclude(r, "allocation bitmap and folders", map, &why, ret_why, err);
}
