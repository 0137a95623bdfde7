/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The metadata of thin pools, as thin_restore writes it: what is free is what no device has; after
 * any byte is changed it is a doubt, or nothing more is free; and contradictions with right
 * checksums, made by hand.
 */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "common/digest.h"
#include "disk/lvm/lvm_thin.h"

#define BLOCK		4096u
#define META_SIZE	(4 * MIB)
#define CHUNKS		34000u		/* three bitmap blocks */
#define CHUNK		(64 * KIB)
#define DEVICES		6u
#define TRANSACTION	7u

static uint8_t *meta, *saved;
static unsigned int count[CHUNKS];	/* references */
static const uint64_t devices[] = { 3, 5, 6 };
static const struct lvm_thin_pool fine = {
	.data_size = CHUNKS * CHUNK + 5 * MIB, .chunk = CHUNK, .transaction = TRANSACTION,
	.devices = devices, .ndevices = ARRAY_SIZE(devices),
};

static int read_memory(void *arg, void *buf, size_t len, uint64_t offset, struct err *err UNUSED)
{
	memcpy(buf, (const uint8_t *)arg + offset, len);
	return 0;
}

static int run(const struct lvm_thin_pool *say, uint64_t size, struct extents *ret, char **why)
{
	struct err err = ERR_INIT;
	const struct lvm_source s = {
		.read = read_memory, .arg = meta, .length = size, .why = why, .err = &err,
	};
	int r;

	*ret = (struct extents){ 0 };
	*why = NULL;
	r = lvm_thin_read(&s, say, ret);
	if (r < 0 || (r == 0) != (*why != NULL))
		ck_abort_msg("%d: %s", r, err.text);
	return r;
}

/* Each in a tree of its own, in large and small runs; later ones share much with earlier ones. */
static void write_xml(FILE *f, uint64_t rnd)
{
	fprintf(f, "<superblock uuid=\"\" time=\"2\" transaction=\"%u\" flags=\"0\" version=\"2\" "
		"data_block_size=\"128\" nr_data_blocks=\"%u\">\n", TRANSACTION, CHUNKS);
	for (unsigned int d = 1; d <= DEVICES; d++) {
		static unsigned int v[CHUNKS];
		unsigned int n = 0;

		for (unsigned int b = 0; b < CHUNKS && n < CHUNKS; b++) {
			if (image_random(&rnd) % 200 == 0)
				b += (unsigned int)(image_random(&rnd) % 900);
			/* The third bitmap block has nothing free at its start. */
			if (b < CHUNKS && (image_random(&rnd) % (d * 8) == 0 ||
					   (b > 32700 && b < 33000)))
				v[n++] = b;
		}
		fprintf(f, "<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"0\" "
			"creation_time=\"0\" snap_time=\"1\">\n", d, n);
		for (unsigned int i = 0; i < n; i++) {
			fprintf(f, "<single_mapping origin_block=\"%u\" data_block=\"%u\" "
				"time=\"0\"/>\n", i * 3, v[i]);
			count[v[i]]++;
		}
		fprintf(f, "</device>\n");
	}
	fprintf(f, "</superblock>\n");
}

static void make_pool(void)
{
	FILE *f = fopen(image_path("pool.xml"), "w");

	ck_assert_ptr_nonnull(f);
	memset(count, 0, sizeof(count));
	write_xml(f, 99);
	fclose(f);
	image_make("meta", META_SIZE);
	ck_assert_int_eq(image_run("thin_restore -i pool.xml -o meta"), 0);
	ck_assert_int_eq(image_run("thin_check meta"), 0);
	meta = malloc(META_SIZE);
	saved = malloc(META_SIZE);
	ck_assert(meta && saved);
	image_read("meta", meta, META_SIZE, 0);
	memcpy(saved, meta, META_SIZE);
}

#define POOL() \
	do { \
		IMAGE_NEED("thin_restore"); \
		if (!meta) \
			make_pool(); \
	} while (0)

static bool is_free(const struct extents *x, uint64_t chunk)
{
	return extents_find(x, chunk * CHUNK) != NULL;
}

START_TEST(truth)
{
	struct extents got;
	uint64_t free_ = 0;
	char *why;

	POOL();
	ck_assert_msg(run(&fine, META_SIZE, &got, &why) == 1, "%s", why);
	for (unsigned int i = 0; i < CHUNKS; i++) {
		if (is_free(&got, i) != (count[i] == 0))
			ck_abort_msg("chunk %u", i);
		free_ += count[i] == 0;
	}
	/* What lies behind the map's end is not free. */
	ck_assert_uint_eq(extents_bytes(&got), free_ * CHUNK);
	ck_assert_uint_gt(free_, 1000);
	extents_done(&got);
}
END_TEST

/* Doubt, or nothing is free that was not. */
static bool doubts(const char *what)
{
	struct extents got;
	char *why;
	int r = run(&fine, META_SIZE, &got, &why);

	/* Each assertion of check writes a mark, so there are few. */
	for (size_t i = 0; i < got.n; i++)
		for (uint64_t c = got.v[i].offset / CHUNK; r > 0 &&
		     c < (got.v[i].offset + got.v[i].length) / CHUNK; c++)
			if (count[c] != 0)
				ck_abort_msg("%s: chunk %" PRIu64, what, c);
	free(why);
	extents_done(&got);
	return r == 0;
}

/* --- the trees, once more --- */

#define SUPER_MAP	80u
#define SUPER_MAPPING	320u
#define SUPER_DETAILS	328u

static uint8_t *block(uint64_t n)
{
	if (n >= META_SIZE / BLOCK)
		ck_abort_msg("block %" PRIu64, n);
	return meta + n * BLOCK;
}

static uint8_t *value(uint8_t *node, uint32_t i, uint32_t size)
{
	return node + 32 + get_le32(node + 20) * 8 + (size_t)i * size;
}

static uint8_t *key(uint8_t *node, uint32_t i)
{
	return node + 32 + (size_t)i * 8;
}

static uint8_t *root(unsigned int field)
{
	return block(get_le64(meta + field));
}

static void seal(uint8_t *b, uint32_t mix)
{
	put_le32(b, ~digest_crc32c(0, b + 4, BLOCK - 4) ^ mix);
}

static void restore(void)
{
	memcpy(meta, saved, META_SIZE);
}

static void expect(const struct lvm_thin_pool *say, const char *phrase)
{
	struct extents got;
	char *why;

	ck_assert_msg(run(say, META_SIZE, &got, &why) == 0, "not \"%s\"", phrase);
	ck_assert_msg(strstr(why, phrase) != NULL, "%s, not %s", why, phrase);
	ck_assert_uint_eq(got.n, 0);
	free(why);
	extents_done(&got);
	restore();
}

/* Every byte of superblock, index and a bitmap; of the whole volume some. */
START_TEST(every_byte)
{
	uint64_t rnd = 1, blocks[3] = { 0 };
	unsigned int step = UNIT_SANITIZED || unit_slow() ? 41 : 1, doubted = 0;

	POOL();
	blocks[1] = get_le64(meta + SUPER_MAP);
	ck_assert_uint_eq(get_le32(block(blocks[1]) + 16), 3);
	blocks[2] = get_le64(value(block(blocks[1]), 2, 16));
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		for (unsigned int at = 0; at < BLOCK; at += step) {
			uint8_t *p = block(blocks[i]) + at, was = *p;

			*p ^= (uint8_t)(1 + image_random(&rnd) % 255);
			if (!doubts("a byte"))
				ck_abort_msg("byte %u of block %" PRIu64, at, blocks[i]);
			*p = was;
		}
	}
	for (unsigned int i = 0; i < 1200 / step; i++) {
		uint8_t *p = meta + image_random(&rnd) % META_SIZE, was = *p;

		*p ^= (uint8_t)(1 + image_random(&rnd) % 255);
		doubted += doubts("a byte");
		*p = was;
	}
	/* Most of the volume is not in use. */
	ck_assert_uint_lt(doubted, 1200 / step);
}
END_TEST

/* The same with right checksums: then only what contradicts is seen. */
START_TEST(bytes_with_checksums)
{
	uint64_t rnd = 2;
	unsigned int n = UNIT_SANITIZED || unit_slow() ? 40 : 400, doubted = 0;

	POOL();
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *b = i % 2 ? meta : root(i % 4 ? SUPER_MAPPING : SUPER_DETAILS);

		b[4 + image_random(&rnd) % (b == meta ? 360 : 200)] ^=
			(uint8_t)(1 + image_random(&rnd) % 255);
		seal(b, b == meta ? LVM_THIN_XOR_SUPER : LVM_THIN_XOR_TREE);
		doubted += doubts("a sealed byte");
		memcpy(b, saved + (b - meta), BLOCK);
		restore();
	}
	ck_assert_uint_gt(doubted, n / 3);
}
END_TEST

START_TEST(superblock)
{
	static const struct {
		const char *phrase;
		unsigned int offset, length;
		uint64_t value;
	} fields[] = {
		{ "needs a check", 4, 4, 1 },
		{ "unknown features", 4, 4, 2 },
		{ "unknown features", 356, 4, 1 },
		{ "unknown features", 360, 4, 1 },
		{ "is another", 8, 8, 1 },
		{ "not a thin pool's", 32, 8, 27022011 },
		{ "version 1", 40, 4, 1 },
		{ "last transaction", 48, 8, TRANSACTION - 1 },
		{ "is held", 56, 8, 5 },
		{ "larger than its data", 64, 8, CHUNKS + 81 },
		{ "larger than its data", 64, 8, UINT64_MAX },
		{ "larger than its data", 72, 8, CHUNKS + 1 },
		{ "does not add up", 72, 8, 5 },
		{ "has gaps", 64, 8, 16320 * 2 },
		{ "does not add up", 64, 8, 16320 * 3 + 1 },
		{ "outside itself", SUPER_MAP, 8, META_SIZE / BLOCK },
		{ "wrong checksum", SUPER_MAP, 8, 0 },
		{ "outside itself", SUPER_MAPPING, 8, UINT64_MAX },
		{ "outside itself", SUPER_DETAILS, 8, META_SIZE / BLOCK },
		{ "size of a chunk", 336, 4, 256 },
		{ "does not fit", 340, 4, 16 },
		{ "does not fit", 344, 8, META_SIZE / BLOCK + 1 },
	};
	struct lvm_thin_pool say;

	POOL();
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].length == 4)
			put_le32(meta + fields[i].offset, (uint32_t)fields[i].value);
		else
			put_le64(meta + fields[i].offset, fields[i].value);
		seal(meta, LVM_THIN_XOR_SUPER);
		/* A larger volume, where the map's end is what is tried. */
		say = fine;
		if (i >= 13 && i <= 14)
			say.data_size = 4 * fine.data_size;
		expect(&say, fields[i].phrase);
	}
	say = fine;
	say.chunk = 96 * KIB;
	expect(&say, "size of a chunk");
	say.chunk = 0;
	expect(&say, "size of a chunk");
	say = fine;
	say.ndevices = 1;
	say.devices = (const uint64_t[]){ DEVICES + 1 };
	expect(&say, "lacks thin device 7");
	say.devices = (const uint64_t[]){ 0 };
	expect(&say, "lacks thin device 0");
}
END_TEST

/* Is it a smaller volume than the metadata thinks? */
START_TEST(cut_short)
{
	struct extents got;
	char *why;

	POOL();
	for (uint64_t size = 0; size < META_SIZE; size += META_SIZE / 64) {
		ck_assert_int_eq(run(&fine, size, &got, &why), 0);
		free(why);
	}
}
END_TEST

START_TEST(space_map)
{
	uint8_t *index, *b;
	unsigned int used = 0;

	POOL();
	index = root(SUPER_MAP);
	put_le64(key(index, 2), 3);
	seal(index, LVM_THIN_XOR_TREE);
	expect(&fine, "has gaps");
	put_le64(value(index, 1, 16), get_le64(value(index, 0, 16)));
	seal(index, LVM_THIN_XOR_TREE);
	expect(&fine, "a block twice");
	put_le64(value(index, 1, 16), UINT64_MAX);
	seal(index, LVM_THIN_XOR_TREE);
	expect(&fine, "outside itself");
	put_le32(value(index, 1, 16) + 8, get_le32(value(index, 1, 16) + 8) + 1);
	seal(index, LVM_THIN_XOR_TREE);
	expect(&fine, "does not add up");
	/* A chunk less, and all counts say so. */
	while (count[used] == 0)
		used++;
	b = block(get_le64(value(index, 0, 16)));
	b[16 + used / 4] &= (uint8_t)~(3 << used % 4 * 2);
	seal(b, LVM_THIN_XOR_BITMAP);
	put_le32(value(index, 0, 16) + 8, get_le32(value(index, 0, 16) + 8) + 1);
	seal(index, LVM_THIN_XOR_TREE);
	put_le64(meta + 72, get_le64(meta + 72) - 1);
	seal(meta, LVM_THIN_XOR_SUPER);
	expect(&fine, "marked free");
}
END_TEST

START_TEST(trees)
{
	uint8_t *top, *node, *details;
	uint64_t n;

	POOL();
	top = root(SUPER_MAPPING);
	details = root(SUPER_DETAILS);
	node = block(get_le64(value(top, 0, 8)));
	ck_assert_uint_eq(get_le32(node + 4), 1);	/* has nodes below */
	put_le32(node + 4, 3);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "is damaged");
	put_le32(node + 16, get_le32(node + 20) + 1);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "is damaged");
	put_le32(node + 16, 0);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "is damaged");
	put_le32(node + 20, UINT32_MAX);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "is damaged");
	put_le32(node + 24, 16);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "is damaged");
	put_le64(key(node, 1), get_le64(key(node, 0)));
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "out of order");
	/* Its child has keys that are too large then. */
	put_le64(key(node, 1), get_le64(key(node, 0)) + 1);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "out of order");
	node = block(get_le64(value(node, 0, 8)));
	put_le64(value(node, 0, 8), (uint64_t)CHUNKS << 24);
	seal(node, LVM_THIN_XOR_TREE);
	expect(&fine, "marked free");
	put_le64(key(details, 5), 9);
	seal(details, LVM_THIN_XOR_TREE);
	expect(&fine, "lists of devices");
	put_le32(details + 16, DEVICES - 1);
	seal(details, LVM_THIN_XOR_TREE);
	expect(&fine, "lists of devices");
	put_le64(meta + SUPER_DETAILS, get_le64(meta + SUPER_MAPPING));
	seal(meta, LVM_THIN_XOR_SUPER);
	expect(&fine, "share a block");

	/* Chains of nodes with one child each, in blocks that nobody uses; the last is a circle. */
	for (int circle = 0; circle < 2; circle++) {
		for (n = META_SIZE / BLOCK - 20; n < META_SIZE / BLOCK; n++) {
			uint8_t *b = block(n);

			memset(b, 0, BLOCK);
			put_le32(b + 4, 1);
			put_le64(b + 8, n);
			put_le32(b + 16, 1);
			put_le32(b + 20, 252);
			put_le32(b + 24, 8);
			put_le64(value(b, 0, 8), circle ? META_SIZE / BLOCK - 20 : n + 1);
			seal(b, LVM_THIN_XOR_TREE);
		}
		put_le64(meta + SUPER_DETAILS, META_SIZE / BLOCK - 20);
		seal(meta, LVM_THIN_XOR_SUPER);
		expect(&fine, circle ? "share a block" : "too deep");
	}
}
END_TEST

/* Nodes full of links to one another: each is read no more often than something points at it. */
START_TEST(a_lattice)
{
	uint64_t first = META_SIZE / BLOCK - 7;
	uint8_t *top;

	POOL();
	for (uint64_t n = first; n < META_SIZE / BLOCK; n++) {
		uint8_t *b = block(n);

		memset(b, 0, BLOCK);
		put_le32(b + 4, 1);
		put_le64(b + 8, n);
		put_le32(b + 16, 252);
		put_le32(b + 20, 252);
		put_le32(b + 24, 8);
		for (uint32_t i = 0; i < 252; i++) {
			put_le64(key(b, i), (uint64_t)i << 8 * (first + 6 - n));
			put_le64(value(b, i, 8), n + 1 < META_SIZE / BLOCK ? n + 1 : first);
		}
		seal(b, LVM_THIN_XOR_TREE);
	}
	top = root(SUPER_MAPPING);
	put_le64(value(top, 0, 8), first);
	seal(top, LVM_THIN_XOR_TREE);
	ck_assert(!doubts("a lattice"));
	restore();
}
END_TEST

static void teardown(void)
{
	free(meta);
	free(saved);
	image_teardown();
}

static Suite *suite_lvm_thin(void)
{
	Suite *s = suite_create("lvm_thin");
	TCase *tc = tcase_create("lvm_thin");

	tcase_add_unchecked_fixture(tc, image_setup, teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, truth);
	tcase_add_test(tc, every_byte);
	tcase_add_test(tc, bytes_with_checksums);
	tcase_add_test(tc, superblock);
	tcase_add_test(tc, cut_short);
	tcase_add_test(tc, space_map);
	tcase_add_test(tc, trees);
	tcase_add_test(tc, a_lattice);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_lvm_thin)
