/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that the reader of XFS doubts: one thing after the other is changed in a sound image,
 * with checksums put right where that is the point, and the reader has to name it.
 */
#include "test_fs_xfs.h"
#include "disk/fs/fs_xfs.h"

/* Files in it, a log that mkfs has made, btrees of one block each. */
static void make(const char *name, const char *options)
{
	FILE *f = fopen(image_path("proto"), "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "/none\n0 0\nd--755 0 0\n");
	for (unsigned int i = 0; i < 20; i++)
		fprintf(f, "f%u ---644 0 0 %s\n", i, image_path("data"));
	fprintf(f, "$\n");
	fclose(f);
	ck_assert_int_eq(image_run("head -c 9000 /dev/urandom > data; rm -f %s; "
				   "truncate -s 40M %s; " XFS_MKFS "-p proto -b size=1024 "
				   "-d agcount=2 %s %s", name, name, options, name), 0);
}

static void fresh_copy(const char *from)
{
	ck_assert_int_eq(image_run("cp --sparse=always %s work.img", from), 0);
}

struct change {
	enum xfs_at at;
	unsigned int ag, offset, width;
	uint64_t value;
	const char *phrase;
	enum { SET, ADD, UNSEALED } how;
};

static void try_changes(const char *from, const struct change *c, size_t n)
{
	struct xfs_image x;
	char what[64];

	fresh_copy(from);
	x = xfs_look("work.img");
	for (size_t i = 0; i < n; i++, c++) {
		uint64_t start = xfs_where(&x, c->at, c->ag), value = c->value;
		uint8_t was[1024];

		image_read("work.img", was, sizeof(was), start);
		if (c->how == ADD)
			value += xfs_peek(&x, c->at, c->ag, c->offset, c->width);
		if (c->how == UNSEALED)
			image_write("work.img", "?", 1, start + c->offset);
		else
			xfs_patch(&x, c->at, c->ag, c->offset, c->width, value);
		snprintf(what, sizeof(what), "row %zu, at %d offset %u", i, (int)c->at, c->offset);
		xfs_doubtful("work.img", what, c->phrase);
		image_write("work.img", was, sizeof(was), start);
	}
}

static const struct change of_v5[] = {
	{ XFS_SB, 0, 0, 4, 0, "no XFS superblock", SET },
	{ XFS_SB, 0, 100, 2, 0xb4a3, "unknown version 3", SET },
	{ XFS_SB, 0, 100, 2, 0xb6a5, "unknown features 0xb6a5", SET },
	{ XFS_SB, 0, 204, 4, 0, "contradicting features", SET },
	{ XFS_SB, 0, 216, 4, 0x10, "in need of repair", ADD },
	{ XFS_SB, 0, 216, 4, 0x100, "unknown incompatible features 0x100", ADD },
	{ XFS_SB, 0, 212, 4, 0x10, "unknown features 0x10", ADD },
	{ XFS_SB, 0, 220, 4, 2, "unknown features of the log 0x2", SET },
	{ XFS_SB, 0, 126, 1, 1, "mkfs has not finished", SET },
	{ XFS_SB, 0, 4, 4, 256, "layout: block size", SET },
	{ XFS_SB, 0, 120, 1, 11, "layout: block size", SET },
	{ XFS_SB, 0, 102, 2, 4096, "layout: sector size", SET },
	{ XFS_SB, 0, 104, 2, 128, "layout: inode size", SET },
	{ XFS_SB, 0, 84, 4, 10, "layout: groups", SET },
	{ XFS_SB, 0, 88, 4, 0, "layout: groups", SET },
	{ XFS_SB, 0, 88, 4, 1, "layout: groups", ADD },
	{ XFS_SB, 0, 8, 8, UINT64_MAX, "layout: groups", SET },
	{ XFS_SB, 0, 96, 4, 0, "layout: log", SET },
	{ XFS_SB, 0, 48, 8, 1u << 30, "layout: log", SET },
	{ XFS_SB, 0, 48, 8, 0, "another device", SET },
	{ XFS_SB, 0, 108, 1, 0, "checksum of the superblock is wrong", UNSEALED },
	{ XFS_SB, 1, 108, 1, 0, "checksum of superblock copy 1", UNSEALED },
	{ XFS_SB, 1, 40, 1, 1, "copy 1 differ", ADD },
	{ XFS_SB, 1, 100, 2, 0x400, "copy 1 differ", SET },
	{ XFS_SB, 0, 144, 8, 1, "free count of the superblock", ADD },
	{ XFS_SB, 0, 128, 8, 1, "inode counts of the superblock", ADD },
	{ XFS_SB, 0, 136, 8, 1, "inode counts of the superblock", ADD },

	{ XFS_AGF, 1, 0, 4, 0, "group 1: its AGF is damaged", SET },
	{ XFS_AGF, 1, 8, 4, 0, "group 1: its AGF is damaged", SET },
	{ XFS_AGF, 1, 12, 4, 1, "its AGF is damaged", ADD },
	{ XFS_AGF, 1, 70, 1, 1, "its AGF is damaged", ADD },
	{ XFS_AGF, 1, 208, 4, 9, "its AGF is damaged", SET },
	{ XFS_AGF, 1, 53, 1, 0, "its AGF is damaged", UNSEALED },
	{ XFS_AGF, 0, 28, 4, 0, "impossible number of levels", SET },
	{ XFS_AGF, 0, 28, 4, 10, "impossible number of levels", SET },
	{ XFS_AGF, 0, 28, 4, 2, "a block is not what it should be", SET },
	{ XFS_AGF, 0, 16, 4, 0xfffff, "a pointer leads nowhere", SET },
	{ XFS_AGF, 0, 16, 4, UINT32_MAX, "a pointer leads nowhere", SET },
	{ XFS_AGF, 0, 40, 4, 500, "AGFL is not a ring", SET },
	{ XFS_AGF, 0, 48, 4, 1, "AGFL is not a ring", ADD },
	{ XFS_AGF, 0, 52, 4, 1, "group 0: free count is wrong", ADD },
	{ XFS_AGF, 0, 56, 4, 1, "longest free extent is wrong", ADD },
	{ XFS_AGF, 0, 60, 4, 1, "size of its btrees is wrong", ADD },
	{ XFS_AGF, 0, 80, 4, 1, "btree of owners: its size", ADD },
	{ XFS_AGF, 0, 84, 4, 1, "btree of shared extents: its size", ADD },
	{ XFS_AGI, 0, 4, 4, 2, "its AGI is damaged", SET },
	{ XFS_AGI, 0, 300, 1, 1, "its AGI is damaged", ADD },
	{ XFS_AGI, 0, 16, 4, 1, "group 0: inode counts are wrong", ADD },
	{ XFS_AGI, 0, 336, 4, 1, "inode btree: its size", ADD },
	{ XFS_AGI, 0, 340, 4, 1, "btree of free inodes: its size", ADD },
	{ XFS_AGFL, 0, 4, 4, 1, "its AGFL is damaged", SET },
	{ XFS_AGFL, 0, 10, 1, 1, "its AGFL is damaged", ADD },

	{ XFS_BNO, 0, 0, 4, 0, "a block is not what it should be", SET },
	{ XFS_BNO, 0, 4, 2, 1, "a block is not what it should be", SET },
	{ XFS_BNO, 0, 6, 2, 200, "impossible number of records", SET },
	{ XFS_BNO, 0, 8, 4, 3, "neighbours", SET },
	{ XFS_BNO, 0, 12, 4, 3, "neighbours", SET },
	{ XFS_BNO, 0, 16, 8, 0, "checksum or owner", SET },
	{ XFS_BNO, 0, 24, 4, 9, "newer than the log", SET },
	{ XFS_BNO, 0, 36, 1, 1, "checksum or owner", ADD },
	{ XFS_BNO, 0, 48, 4, 1, "checksum or owner", SET },
	{ XFS_BNO, 0, 500, 1, 0, "checksum or owner", UNSEALED },
	{ XFS_BNO, 0, 56, 4, 0, "impossible free extent", SET },
	{ XFS_BNO, 0, 60, 4, 0, "impossible free extent", SET },
	{ XFS_BNO, 0, 60, 4, UINT32_MAX, "impossible free extent", SET },
	{ XFS_CNT, 0, 60, 4, UINT64_MAX, "by place and by size differ", ADD },
	/* As many, as large. */
	{ XFS_BNO, 1, 56, 4, UINT64_MAX, "by place and by size differ", ADD },
	{ XFS_RMAP, 0, 60, 4, 0, "owners are not in order", SET },
	{ XFS_RMAP, 0, 60, 4, UINT64_MAX, "used blocks have no owner", ADD },
	{ XFS_RMAP, 0, 60, 4, 20000, "free space has an owner", SET },
	{ XFS_INO, 0, 60, 2, 1, "impossible chunk of inodes", SET },
	{ XFS_INO, 0, 62, 1, 60, "impossible chunk of inodes", SET },
	{ XFS_INO, 0, 63, 1, 1, "impossible chunk of inodes", ADD },
	{ XFS_FINO, 0, 6, 2, 0, "inode btrees differ", SET },
	{ XFS_FINO, 0, 56, 4, UINT32_MAX, "inodes lie in free space", SET },

	{ XFS_LOG, 0, 4, 4, 0, "log needs recovery", SET },
	{ XFS_LOG, 0, 8, 4, 1, "log needs recovery", SET },
	{ XFS_LOG, 0, 12, 4, 0, "log needs recovery", SET },
	{ XFS_LOG, 0, 12, 4, 513, "log needs recovery", SET },
	{ XFS_LOG, 0, 12, 4, 1u << 30, "log needs recovery", SET },
	{ XFS_LOG, 0, 16, 8, 1, "log needs recovery", ADD },
	{ XFS_LOG, 0, 32, 4, 1, "checksum of the log's last record", SET },
	{ XFS_LOG, 0, 40, 4, 2, "log needs recovery", SET },
	{ XFS_LOG, 0, 304, 1, 1, "the log is another filesystem's", ADD },
	{ XFS_LOG, 0, 320, 4, 65536, "log needs recovery", SET },
	{ XFS_LOG, 0, 512, 4, 7, "log needs recovery", SET },
	{ XFS_LOG, 0, 512 + 9, 1, 1, "log needs recovery", SET },
	{ XFS_LOG, 0, 512 + 12, 1, 1, "log needs recovery", SET },
};

START_TEST(changed_v5)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;
	struct xfs_image x;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", "-m rmapbt=1,reflink=1,inobtcount=1");
	ck_assert_msg(xfs_map("fs.img", 40 * MIB, 512, &map, &why) == 1, "%s", why);
	try_changes("fs.img", of_v5, ARRAY_SIZE(of_v5));

	/* A shared extent: of free blocks, of none; its root is empty at first. */
	fresh_copy("fs.img");
	x = xfs_look("work.img");
	xfs_patch(&x, XFS_REFC, 0, 6, 2, 1);
	xfs_doubtful("work.img", "no blocks", "shared extents are not in order");
	xfs_patch(&x, XFS_REFC, 0, 56, 4, x.ag_blocks - 1);
	xfs_patch(&x, XFS_REFC, 0, 60, 8, UINT64_C(0x100000002));
	xfs_doubtful("work.img", "free blocks", "free space is shared");
	/* The root of a btree in its own free space. */
	fresh_copy("fs.img");
	ck_assert_int_eq(image_run("dd if=work.img of=work.img bs=1024 count=1 conv=notrunc "
				   "skip=%" PRIu64 " seek=%u", xfs_where(&x, XFS_BNO, 0) / 1024,
				   x.ag_blocks - 1), 0);
	xfs_patch(&x, XFS_AGF, 0, 16, 4, x.ag_blocks - 1);
	xfs_patch(&x, XFS_BNO, 0, 16, 8, (uint64_t)(x.ag_blocks - 1) * 2);
	xfs_doubtful("work.img", "root moved", "free space by place lies in free space");
}
END_TEST

/* --- blocks that both btrees and all counts call free --- */

static int by_place(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static int by_size(const void *a, const void *b)
{
	int r = memcmp((const uint8_t *)a + 4, (const uint8_t *)b + 4, 4);

	return r ? r : memcmp(a, b, 4);
}

static void insert_free(const struct xfs_image *x, enum xfs_at at, uint32_t ag, uint32_t block)
{
	unsigned int head = x->v5 ? 56 : 16, n = (unsigned int)xfs_peek(x, at, ag, 6, 2);
	uint64_t start = xfs_where(x, at, ag);
	uint8_t records[1024];

	ck_assert_uint_eq(xfs_peek(x, at, ag, 4, 2), 0);
	ck_assert_uint_lt(n, 100);
	image_read(x->name, records, n * 8, start + head);
	put_be32(records + n * 8, block);
	put_be32(records + n * 8 + 4, 1);
	qsort(records, n + 1, 8, at == XFS_BNO ? by_place : by_size);
	image_write(x->name, records, n * 8 + 8, start + head);
	xfs_patch(x, at, ag, 6, 2, n + 1);
}

static void call_free(const struct xfs_image *x, uint32_t ag, uint32_t block)
{
	insert_free(x, XFS_BNO, ag, block);
	insert_free(x, XFS_CNT, ag, block);
	xfs_patch(x, XFS_AGF, ag, 52, 4, xfs_peek(x, XFS_AGF, ag, 52, 4) + 1);
	xfs_patch(x, XFS_SB, 0, 144, 8, xfs_peek(x, XFS_SB, 0, 144, 8) + 1);
}

static void try_call_free(const char *from, uint64_t offset, const char *phrase)
{
	struct xfs_image x;
	uint64_t block;

	fresh_copy(from);
	x = xfs_look("work.img");
	block = offset / x.block;
	call_free(&x, (uint32_t)(block / x.ag_blocks), (uint32_t)(block % x.ag_blocks));
	xfs_doubtful("work.img", phrase, phrase);
}

/* What xfs_db says of a file, the number behind a word. */
static uint64_t ask(const char *image, const char *commands, const char *word)
{
	char line[512] = "", *p;
	FILE *f;

	ck_assert_int_eq(image_run("xfs_db -r -f %s %s > said", commands, image), 0);
	f = fopen(image_path("said"), "r");
	ck_assert_ptr_nonnull(f);
	do {
		p = strstr(line, word);
	} while (!p && fgets(line, sizeof(line), f));
	fclose(f);
	ck_assert_msg(p != NULL, "%s: no %s", commands, word);
	return strtoull(p + strlen(word), NULL, 10);
}

static uint64_t chunk_offset(const char *image)
{
	struct xfs_image x = xfs_look(image);

	return xfs_peek(&x, XFS_INO, 0, x.v5 ? 56 : 16, 4) * x.inode;
}

START_TEST(used_called_free)
{
	struct xfs_image x;
	uint64_t file;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", "-m crc=0");
	x = xfs_look("fs.img");
	file = ask("fs.img", "-c 'path /f7' -c bmap", "startblock ") * x.block;
	try_call_free("fs.img", file, "has blocks that are marked free");
	try_call_free("fs.img", chunk_offset("fs.img") + 2048, "inodes lie in free space");
	try_call_free("fs.img", x.log + 20 * x.block, "the log lies in free space");
	try_call_free("fs.img", xfs_where(&x, XFS_BNO, 0), "free space by place lies in free");
	try_call_free("fs.img", xfs_where(&x, XFS_CNT, 1), "free space by size lies in free");
	try_call_free("fs.img", xfs_where(&x, XFS_INO, 0), "inode btree lies in free space");
	try_call_free("fs.img", xfs_block(&x, 0, xfs_peek(&x, XFS_AGFL, 0, 4, 4)),
		      "AGFL lies in free space");
	try_call_free("fs.img", 1024, "impossible free extent");
	/* Right beside free blocks: one extent would be the way to say so. */
	try_call_free("fs.img", xfs_block(&x, 1, xfs_peek(&x, XFS_BNO, 1, 16, 4) - 1),
		      "free extents are not in order");

	make("owned.img", "-m rmapbt=1");
	x = xfs_look("owned.img");
	file = ask("owned.img", "-c 'path /f7' -c bmap", "startblock ") * x.block;
	try_call_free("owned.img", file, "free space has an owner");
	make("plain.img", "-m finobt=1,rmapbt=0,reflink=0");
	x = xfs_look("plain.img");
	try_call_free("plain.img", xfs_where(&x, XFS_FINO, 1), "btree of free inodes lies in");
}
END_TEST

/* --- inodes of v4 --- */

static void doubt_inode(uint64_t at, unsigned int offset, unsigned int width, uint64_t value,
			const char *phrase)
{
	uint8_t was[256], v[8];
	char what[64];

	image_read("work.img", was, sizeof(was), at);
	put_be64(v, value);
	image_write("work.img", v + 8 - width, width, at + offset);
	snprintf(what, sizeof(what), "offset %u value %" PRIu64, offset, value);
	xfs_doubtful("work.img", what, phrase);
	image_write("work.img", was, sizeof(was), at);
}

/* The file of one extent gets a btree of one block, which was its last. */
static uint64_t give_btree(uint64_t inode, const uint8_t extent[16])
{
	uint64_t lo = get_be64(extent + 8), place = (get_be64(extent) & 0x1ff) << 43 | lo >> 21;
	uint64_t count = lo & 0x1fffff, leaf = place + count - 1, max = (256 - 100 - 4) / 16;
	uint8_t root[156] = { 0 }, block[1024] = { 0 };

	put_be16(root, 1);
	put_be16(root + 2, 1);
	put_be64(root + 4 + max * 8, leaf);
	image_write("work.img", root, sizeof(root), inode + 100);
	image_write("work.img", "\3", 1, inode + 5);
	memcpy(block, "BMAP", 4);
	put_be16(block + 6, 1);
	memset(block + 8, 0xff, 16);
	memcpy(block + 24, extent, 8);
	put_be64(block + 32, (lo & ~UINT64_C(0x1fffff)) | (count - 1));
	image_write("work.img", block, sizeof(block), leaf * 1024);
	return leaf * 1024;
}

START_TEST(inodes_v4)
{
	struct bitmap *map;
	uint8_t extent[16];
	uint64_t at, leaf;
	struct xfs_image x;
	char *why;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", "-m crc=0");
	fresh_copy("fs.img");
	x = xfs_look("work.img");
	at = ask("work.img", "-c 'path /f7' -c inode", "current inode number is ") * x.inode;
	image_read("work.img", extent, sizeof(extent), at + 100);

	doubt_inode(at, 0, 2, 0, "impossible inode");
	doubt_inode(at, 2, 2, 0, "impossible inode");
	doubt_inode(at, 4, 1, 3, "impossible inode");
	doubt_inode(at, 5, 1, 9, "impossible inode");
	doubt_inode(at, 76, 4, 2, "impossible inode");
	doubt_inode(at, 76, 4, 0, "impossible inode");
	doubt_inode(at, 64, 8, 10, "impossible inode");
	doubt_inode(at, 76, 4, 1000000, "impossible inode");
	doubt_inode(at, 80, 2, 1, "impossible inode");
	doubt_inode(at, 82, 1, 255, "impossible inode");
	doubt_inode(at, 108, 8, get_be64(extent + 8) & ~UINT64_C(0x1fffff), "impossible inode");
	doubt_inode(at, 108, 8, get_be64(extent + 8) + 0x1ffff, "blocks that are marked free");
	doubt_inode(at, 108, 8, UINT64_MAX, "blocks that are marked free");

	/* A btree: sound, then not. AG 0, so that places are blocks. */
	leaf = give_btree(at, extent);
	ck_assert_msg(xfs_map("work.img", 40 * MIB, 512, &map, &why) == 1, "%s", why);
	bitmap_free(map);
	free(why);
	doubt_inode(at, 100, 2, 0, "impossible inode");
	doubt_inode(at, 100, 2, 9, "impossible inode");
	doubt_inode(at, 102, 2, 0, "impossible inode");
	doubt_inode(at, 102, 2, 99, "impossible inode");
	doubt_inode(at, 102, 2, 2, "btree of a file");
	doubt_inode(at, 104 + 9 * 8, 8, UINT64_MAX, "btree of a file: a pointer leads nowhere");
	doubt_inode(at, 104 + 9 * 8, 8, x.ag_blocks - 2, "btree of a file lies in free space");
	doubt_inode(at, 104 + 9 * 8, 8, leaf / 1024 - 1, "btree of a file: a block is not");
	doubt_inode(leaf, 6, 2, 0, "btree of a file: impossible number");
	doubt_inode(leaf, 16, 8, 5, "btree of a file: neighbours");
	doubt_inode(leaf, 24, 8, 0x1ff, "blocks that are marked free");
}
END_TEST

/* --- the log, wherever its head is --- */

/* A log that ends with the record of mkfs, moved to sector start, in the round cycle. */
static void move_log(const struct xfs_image *x, uint64_t start, uint32_t cycle)
{
	uint64_t n = x->log_length / 512, head = start + 2;
	uint8_t record[1024], *log = calloc(n, 512);

	ck_assert_ptr_nonnull(log);
	image_read("fs.img", record, sizeof(record), x->log);
	for (uint64_t i = 0; i < n; i++) {
		memset(log + i * 512, 0x3c, 512);
		put_be32(log + i * 512, i < (head > n ? head - n : head) ? cycle : cycle - 1);
	}
	put_be32(record + 4, start + 1 == n ? cycle - 1 : cycle);
	put_be64(record + 16, (uint64_t)(start + 1 == n ? cycle - 1 : cycle) << 32 | start);
	put_be32(record + 512, cycle);
	memcpy(log + start * 512, record, 512);
	memcpy(log + (start + 1) % n * 512, record + 512, 512);
	image_write(x->name, log, n * 512, x->log);
	free(log);
}

START_TEST(log_positions)
{
	static const char *const options[] = { "", "-m crc=0", "-m crc=0 -l version=1" };
	struct xfs_image x;
	uint64_t n;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", options[_i]);
	fresh_copy("fs.img");
	x = xfs_look("work.img");
	n = x.log_length / 512;
	for (unsigned int i = 0; i < 5; i++) {
		uint64_t start = (uint64_t[]){ 0, 77, n - 2, n - 1, 2047 }[i];
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		uint8_t word[4];

		move_log(&x, start, 5 + i);
		ck_assert_msg(xfs_map("work.img", x.size, 4096, &map, &why) == 1, "%" PRIu64 ": %s",
			      start, why);
		ck_assert_msg(image_run("xfs_logprint -t work.img | grep -q CLEAN") == 0,
			      "%" PRIu64 ": xfs_logprint does not agree", start);
		/* One more sector has been written since. */
		put_be32(word, start == n - 2 ? 6 + i : 5 + i);
		image_write("work.img", word, 4, x.log + (start + 2) % n * 512);
		xfs_doubtful("work.img", "one more", "log needs recovery");
	}
	/* Not one record; nothing at all. */
	move_log(&x, 77, 5);
	image_write("work.img", "\0\0\0\5", 4, x.log + 77 * 512);
	xfs_doubtful("work.img", "no record", "log needs recovery");
	ck_assert_int_eq(image_run("dd if=/dev/zero of=work.img bs=1024 seek=%" PRIu64 " count=%"
				   PRIu64 " conv=notrunc", x.log / 1024, x.log_length / 1024), 0);
	xfs_doubtful("work.img", "zeroes", "log needs recovery");
}
END_TEST

/* --- and the rest --- */

START_TEST(places_and_devices)
{
	struct bitmap *map;
	char *why;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", "");
	ck_assert_int_eq(xfs_map("fs.img", 40 * MIB - 1024, 4096, &map, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "larger than its partition"));
	bitmap_free(map);
	free(why);
	ck_assert_int_eq(image_map("fs.img", 0, 256, 4096, fs_xfs_map, &map, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "too small for XFS"));
	bitmap_free(map);
	free(why);
	/* What is behind it stays. */
	ck_assert_int_eq(image_run("truncate -s 41M fs.img"), 0);
	ck_assert_int_eq(xfs_map("fs.img", 41 * MIB, 4096, &map, &why), 1);
	ck_assert(bitmap_all(map, 40 * MIB, MIB));
	bitmap_free(map);
	free(why);

	ck_assert_int_eq(image_run("truncate -s 40M log.img"), 0);
	make("fs.img", "-l logdev=log.img");
	xfs_doubtful("fs.img", "external", "its log is on another device");
	ck_assert_ptr_eq(fs_reader("xfs"), fs_xfs_map);
}
END_TEST

/* More blocks than can be: neighbours give a circle away before, so the walk is asked itself. */
static void count_blocks(const char *image)
{
	static const struct fs_xfs_btree kind = {
		"free space by place", { "ABTB", "AB3B" }, false, 8, 8, 8
	};
	CLEANUP(disk_free) struct disk *d = NULL;
	CLEANUP(space_free) struct space *s = NULL;
	CLEANUP(mem_free) char *why = NULL;
	struct xfs_image look = xfs_look(image);
	struct fs_xfs x = { .why = &why };
	struct fs_xfs_walk w = { .kind = &kind };
	uint32_t root = (uint32_t)xfs_peek(&look, XFS_AGF, 0, 16, 4);

	ck_assert_int_eq(disk_open(image_path(image), 0, &d, NULL), 0);
	ck_assert_int_eq(space_on_disk(d, NULL, image, &s, NULL), 0);
	x.space = s;
	ck_assert_int_eq(fs_xfs_super_read(&x), 1);
	w.blocks_max = x.blocks;
	ck_assert_int_eq(fs_xfs_btree_walk(&x, &w, root, 2), 1);
	ck_assert_uint_ge(w.blocks, 3);
	w.blocks_max = w.blocks - 1;
	ck_assert_int_eq(fs_xfs_btree_walk(&x, &w, root, 2), 0);
	ck_assert_ptr_nonnull(strstr(why, "too many blocks"));
	fs_xfs_walk_done(&w);
}

/* A btree of two levels, and all that holds it together. */
START_TEST(two_levels)
{
	static const struct change of_node[] = {
		{ XFS_BNO, 0, 6, 2, 0, "impossible number of records", SET },
		{ XFS_BNO, 0, 6, 2, 2000, "impossible number of records", SET },
		{ XFS_BNO, 0, 16, 1, 1, "a key is wrong", ADD },
		{ XFS_CNT, 0, 24, 4, 1, "a key is wrong", ADD },
		{ XFS_BNO, 0, 6, 2, UINT64_MAX, "neighbours do not know each other", ADD },
	};
	struct xfs_image x;
	uint64_t pointers;
	FILE *f;

	IMAGE_NEED("mkfs.xfs");
	ck_assert_int_eq(image_run("head -c 600 /dev/urandom > data"), 0);
	f = fopen(image_path("proto"), "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "/none\n0 0\nd--755 0 0\n");
	for (unsigned int i = 0; i < 400; i++)
		fprintf(f, "f%u ---644 0 0 %s\n", i, image_path("data"));
	fprintf(f, "$\n");
	fclose(f);
	f = fopen(image_path("script"), "w");
	ck_assert_ptr_nonnull(f);
	for (unsigned int i = 0; i < 400; i += 2)
		fprintf(f, "path /f%u\nwrite core.mode 0\n", i);
	fclose(f);
	ck_assert_int_eq(image_run("rm -f fs.img; truncate -s 40M fs.img; " XFS_MKFS "-p proto "
				   "-m crc=0 -b size=512 -d agcount=2 fs.img"), 0);
	image_run("xfs_db -x -f fs.img < script; xfs_repair -f fs.img");
	x = xfs_look("fs.img");
	ck_assert_uint_eq(xfs_peek(&x, XFS_BNO, 0, 4, 2), 1);
	try_changes("fs.img", of_node, ARRAY_SIZE(of_node));
	count_blocks("fs.img");
	/* The second child in place of the first, and the first twice. */
	pointers = xfs_where(&x, XFS_BNO, 0) + 16 + (512 - 16) / 12 * 8;
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t p[8];

		fresh_copy("fs.img");
		image_read("work.img", p, 8, pointers);
		image_write("work.img", i ? p : p + 4, 4, i ? pointers + 4 : pointers);
		xfs_doubtful("work.img", "children", "neighbours do not know each other");
	}
}
END_TEST

/* Noise in the metadata: an answer, never a crash, and no endless work. */
START_TEST(noise)
{
	uint64_t rnd = (uint64_t)_i + 4242;
	struct xfs_image x;

	IMAGE_NEED("mkfs.xfs");
	make("fs.img", _i ? "-m crc=0" : "-m rmapbt=1");
	fresh_copy("fs.img");
	x = xfs_look("work.img");
	for (unsigned int i = 0; i < 150; i++) {
		enum xfs_at which = (enum xfs_at)(image_random(&rnd) % (_i ? 6 : 11));
		uint32_t ag = (uint32_t)(image_random(&rnd) % 2);
		uint64_t at = xfs_where(&x, which == XFS_RMAP && _i ? XFS_INO : which, ag), from;
		size_t len = 1 + image_random(&rnd) % 64;
		uint8_t was[1024], is[1024];
		struct bitmap *map;
		char *why;

		image_read("work.img", was, sizeof(was), at);
		memcpy(is, was, sizeof(is));
		from = image_random(&rnd) % 300;
		for (size_t k = 0; k < len; k++)
			is[from + k] = i % 3 == 0 ? 0xff : i % 3 == 1 ? 0 :
				       (uint8_t)image_random(&rnd);
		image_write("work.img", is, sizeof(is), at);
		xfs_seal(&x, which, at);
		xfs_map("work.img", x.size, 4096, &map, &why);
		image_write("work.img", was, sizeof(was), at);
		bitmap_free(map);
		free(why);
	}
}
END_TEST

static Suite *suite_fs_xfs_doubt(void)
{
	Suite *s = suite_create("fs_xfs_doubt");
	TCase *tc = tcase_create("fs_xfs_doubt");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, changed_v5);
	tcase_add_test(tc, used_called_free);
	tcase_add_test(tc, inodes_v4);
	tcase_add_loop_test(tc, log_positions, 0, 3);
	tcase_add_test(tc, places_and_devices);
	tcase_add_test(tc, two_levels);
	tcase_add_loop_test(tc, noise, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_xfs_doubt)
