/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The used-block map of FAT: filesystems by mkfs.vfat, filled and emptied by mtools. */
#include "tests/images/property.h"
#include "common/bytes.h"

#define IMAGE	"fat.img"
#define SMALL	(16u << 20)
#define LARGE	(40u << 20)		/* of 32 bits: mtools wants 65525 clusters */

struct flavour {
	const char *name, *options;
	uint64_t size;
};

static const struct flavour flavours[] = {
	{ "floppy", "-F 12", 1474560 },
	{ "12", "-F 12 -s 8", 8 * MIB + 512 },
	{ "16", "-F 16 -s 4", SMALL },
	{ "16-4Kn", "-F 16 -S 4096 -s 1", 40 * MIB },
	{ "16-one", "-F 16 -f 1", SMALL },
	{ "32", "-F 32 -s 1", 40 * MIB },
	{ "32-one", "-F 32 -f 1 -s 1", 36 * MIB + 1536 },
};

static int mtools(const char *commands)
{
	return image_run("export MTOOLS_SKIP_CHECK=1; i=%s; %s", IMAGE, commands);
}

/* Files of many sizes come, are replaced, grow apart and go. */
static void make(const struct flavour *v)
{
	image_make(IMAGE, v->size);
	ck_assert_int_eq(image_run("mkfs.vfat %s %s", v->options, IMAGE), 0);
	ck_assert_int_eq(mtools("mkdir -p in; for k in 1 2 3 4 5 6 7 8 9; do "
				"head -c $((k * k * k * 211)) /dev/urandom >in/f$k; done; "
				": >in/empty; mmd -i $i ::a ::a/b '::a long name' ::gone; "
				"mcopy -i $i in/* ::a; mcopy -i $i in/* ::gone; "
				"mdel -i $i ::a/f3 ::a/f8 ::a/f6; mcopy -i $i in/f9 ::a/b/again; "
				"mdeltree -i $i ::gone; "
				"mcopy -i $i in/f7 '::a long name/another long name.text'; "
				"mkdir -p many; for k in $(seq 60); do echo $k >many/name$k; done;"
				" mcopy -i $i many/* ::a/b; mdel -i $i '::a/b/name3*'; "
				"mcopy -i $i in/f5 ::in-root"), 0);
	ck_assert_int_eq(image_run("fsck.vfat -n %s", IMAGE), 0);
}

static int run_map(uint64_t size, struct bitmap **ret, char **why)
{
	return image_map(IMAGE, 0, size, 512, fs_fat_map, ret, why);
}

static void copy_property(const struct flavour *v, uint8_t fill)
{
	property_embedded(IMAGE, v->size, fs_fat_map, fill);
	ck_assert_msg(image_run("fsck.vfat -n copy.img") == 0, "%s: the copy is damaged", v->name);
	ck_assert_int_eq(mtools("rm -rf d1 d2; mkdir d1 d2; mcopy -snm -i $i :: d1; "
				"mcopy -snm -i copy.img :: d2"), 0);
	ck_assert_int_eq(image_run("test $(find d1 | wc -l) -gt 40"), 0);
	ck_assert_msg(image_run("diff -r d1 d2") == 0, "%s: the copy's files differ", v->name);
}

/* --- where things are --- */

static struct {
	uint64_t fat, fat_len, root, heap, cluster;
} at;

static void find_places(void)
{
	uint8_t b[512];
	uint64_t sector;

	image_read(IMAGE, b, sizeof(b), 0);
	sector = get_le16(b + 11);
	at.fat = get_le16(b + 14) * sector;
	at.fat_len = (get_le16(b + 22) ? get_le16(b + 22) : get_le32(b + 36)) * sector;
	at.root = at.fat + b[16] * at.fat_len;
	at.heap = at.root + get_le16(b + 17) * UINT64_C(32);
	at.cluster = b[13] * sector;
}

static uint64_t where(unsigned int i, uint64_t random)
{
	uint64_t r = random >> 8;

	switch (i % 5) {
	case 0:
		return r % 90;
	case 1:
		return at.fat + r % 16;
	case 2:
		return at.fat + r % 400;
	case 3:
		return at.fat + at.fat_len + r % 400;
	default:
		return at.root + r % 3000;
	}
}

START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];
	CLEANUP(bitmap_free) struct bitmap *truth = NULL;
	CLEANUP(mem_free) char *why = NULL;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	make(v);
	copy_property(v, _i % 2 ? 0 : 0xa5);
	find_places();
	ck_assert_int_eq(run_map(v->size, &truth, &why), 1);
	ck_assert_uint_gt(property_corrupt(IMAGE, fs_fat_map, v->size, truth,
					   unit_slow() ? 30 : 400, (uint64_t)_i, where), 20);
}
END_TEST

/*
 * Each byte of the parameters with each of its bits: 12 and 16 bits have no copy of them. A layout
 * that is not the right one must not be believed.
 */
START_TEST(every_bit_of_the_boot_sector)
{
	const struct flavour *v = &flavours[_i];
	CLEANUP(bitmap_free) struct bitmap *truth = NULL;
	CLEANUP(mem_free) char *why = NULL;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	if (unit_slow())
		UNIT_LEAVE("too slow here");
	make(v);
	ck_assert_int_eq(run_map(v->size, &truth, &why), 1);
	for (unsigned int i = 11 * 8; i < 52 * 8; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *text = NULL;
		uint8_t was, is;

		image_read(IMAGE, &was, 1, i / 8);
		is = was ^ (uint8_t)(1u << i % 8);
		image_write(IMAGE, &is, 1, i / 8);
		if (run_map(v->size, &map, &text) == 1)
			ck_assert_msg(property_covers(map, truth), "%s: byte %u, bit %u: %s",
				      v->name, i / 8, i % 8, text);
		image_write(IMAGE, &was, 1, i / 8);
	}
}
END_TEST

/* --- doubts --- */

static void expect(uint64_t size, const char *phrase)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	ck_assert_msg(run_map(size, &map, &why) == 0, "no doubt: %s", phrase);
	ck_assert_msg(strstr(why, phrase) != NULL && strstr(why, "all used"), "%s: %s", phrase,
		      why);
}

/* A volume with a folder "d" in cluster 3 or so, and in it "f" of 3000 bytes. */
static void fresh(unsigned int bits)
{
	char name[16];

	snprintf(name, sizeof(name), "fresh%u", bits);
	if (access(image_path(name), F_OK) != 0) {
		image_make(IMAGE, bits == 32 ? LARGE : SMALL);
		ck_assert_int_eq(image_run("mkfs.vfat -F %u -s %u %s", bits, bits == 12 ? 16 : 1,
					   IMAGE), 0);
		ck_assert_int_eq(mtools("head -c 3000 /dev/urandom >f; mcopy -i $i f ::first; "
					"mmd -i $i ::d; mcopy -i $i f ::d/f"), 0);
		ck_assert_int_eq(image_run("mv %s %s", IMAGE, name), 0);
	}
	ck_assert_int_eq(image_run("cp --sparse=always %s %s", name, IMAGE), 0);
	find_places();
}

static void poke(uint64_t offset, const void *p, size_t len)
{
	image_write(IMAGE, p, len, offset);
}

static void poke8(uint64_t offset, uint8_t v)
{
	poke(offset, &v, 1);
}

/* In both FATs of 16 bits. */
static void put16(uint32_t cluster, uint16_t v)
{
	uint8_t raw[2];

	put_le16(raw, v);
	poke(at.fat + cluster * 2, raw, 2);
	poke(at.fat + at.fat_len + cluster * 2, raw, 2);
}

static uint16_t get16(uint32_t cluster)
{
	uint8_t raw[2];

	image_read(IMAGE, raw, 2, at.fat + cluster * 2);
	return get_le16(raw);
}

/* Offset of the entry of that short name in a folder, and its first cluster. */
static uint64_t find_entry(uint64_t folder, const char *name, uint32_t *ret_first)
{
	uint8_t entry[32];

	for (uint64_t i = 0; i < 16; i++) {
		image_read(IMAGE, entry, sizeof(entry), folder + i * 32);
		if (memcmp(entry, name, 11) == 0 && entry[11] != 15) {
			*ret_first = get_le16(entry + 26);
			return folder + i * 32;
		}
	}
	ck_abort_msg("no %s", name);
}

static uint64_t place(uint32_t cluster)
{
	return at.heap + (cluster - 2) * at.cluster;
}

START_TEST(doubts_about_the_boot_sector)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(16);
	ck_assert_int_eq(image_map(IMAGE, 512, 0, 512, fs_fat_map, &map, &why), 0);
	ck_assert_msg(strstr(why, "too small") != NULL, "%s", why);
	expect(SMALL - 4096, "larger than its partition");
	poke8(510, 0);
	expect(SMALL, "no FAT boot sector");
	fresh(16);
	poke8(13, 3);
	expect(SMALL, "no FAT boot sector");
	fresh(16);
	poke8(22, 1);
	poke8(23, 0);
	expect(SMALL, "impossible layout");
	fresh(16);
	poke8(37, 1);
	expect(SMALL, "marked dirty");
	fresh(32);
	poke8(65, 1);
	expect(LARGE, "marked dirty");
	fresh(32);
	poke8(42, 1);
	expect(LARGE, "unknown version");
	fresh(32);
	poke8(40, 0x81);
	expect(LARGE, "not copies of each other");
	fresh(32);
	poke8(50, 0);
	expect(LARGE, "no copy of the boot sector");
	fresh(32);
	poke8(6 * 512 + 13, 2);
	expect(LARGE, "boot sector and its copy differ");
}
END_TEST

START_TEST(doubts_about_the_table)
{
	uint32_t first;
	uint64_t clusters;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(16);
	find_entry(at.root, "FIRST      ", &first);
	put16(1, 0x7fff);
	expect(SMALL, "marked dirty");
	put16(1, 0xbfff);
	expect(SMALL, "errors are recorded");
	put16(1, 0xffff);
	put16(0, 0xfff0);
	expect(SMALL, "does not begin like one");
	fresh(32);
	poke8(at.fat + 7, 0x07);
	poke8(at.fat + at.fat_len + 7, 0x07);
	expect(LARGE, "marked dirty");
	fresh(16);
	poke8(at.fat + 700, 1);
	expect(SMALL, "the FATs differ");
	fresh(16);
	put16(first, 1);
	expect(SMALL, "leads nowhere");
	fresh(16);
	clusters = (SMALL - at.heap) / at.cluster;
	put16((uint32_t)clusters + 2, 0xffff);
	expect(SMALL, "behind the last cluster");
	/* A chain that nobody owns. */
	fresh(16);
	put16(5000, 5001);
	expect(SMALL, "leads to a free one");
}
END_TEST

START_TEST(doubts_about_the_tree)
{
	uint32_t first, dir, f;
	uint64_t entry;
	uint8_t raw[32];

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(16);
	find_entry(at.root, "FIRST      ", &first);
	find_entry(at.root, "D          ", &dir);
	entry = find_entry(place(dir), "F          ", &f);
	ck_assert_uint_gt(dir, 2);
	/* The file's first cluster is free, and its second: no entry leads to these. */
	put16(f, 0);
	expect(SMALL, "is marked free");
	fresh(16);
	put16(get16(f), 0xffff);
	expect(SMALL, "too few clusters");
	fresh(16);
	put_le16(raw, 0xf000);
	poke(entry + 26, raw, 2);
	expect(SMALL, "outside of the filesystem");
	/* A bad cluster in the middle of a chain. */
	fresh(16);
	put16(f, 0xfff7);
	expect(SMALL, "leads nowhere");
	/* A circle; and a folder that is its own child. */
	fresh(16);
	put16(f, (uint16_t)f);
	expect(SMALL, "more than one file");
	fresh(16);
	put_le16(raw, (uint16_t)dir);
	poke(entry + 26, raw, 2);
	poke8(entry + 11, 0x10);
	expect(SMALL, "too deep");
	fresh(16);
	poke8(place(dir) + 26, 99);
	expect(SMALL, "a folder is not where it should be");
	fresh(16);
	ck_assert_int_eq(mtools("mdeltree -i $i ::d"), 0);
	expect(SMALL, "nothing confirms its layout");
	/* With one FAT the folders alone know. */
	image_make(IMAGE, SMALL);
	ck_assert_int_eq(image_run("mkfs.vfat -F 16 -s 1 -f 1 %s", IMAGE), 0);
	ck_assert_int_eq(mtools("mcopy -i $i f ::first; mmd -i $i ::d"), 0);
	find_places();
	find_entry(at.root, "FIRST      ", &first);
	memset(raw, 0, sizeof(raw));
	poke(at.fat + first * 2, raw, 2);
	expect(SMALL, "is marked free");
}
END_TEST

START_TEST(endless_folder)
{
	uint32_t dir;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(16);
	find_entry(at.root, "D          ", &dir);
	put16(dir, 10000);
	for (uint32_t i = 0; i < 5000; i++)
		put16(10000 + i, (uint16_t)(i < 4999 ? 10001 + i : 0xffff));
	expect(SMALL, "a folder is too large");
}
END_TEST

/*
 * FAT32 with fewer clusters than Microsoft's book has it, as mkfs.vfat -F 32 makes it of a small
 * partition: the form of the boot sector counts. mtools cannot write these.
 */
START_TEST(few_clusters_of_32_bits)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;
	uint8_t raw[64] = { 0 };

	IMAGE_NEED("mkfs.vfat");
	image_make(IMAGE, SMALL);
	ck_assert_int_eq(image_run("mkfs.vfat -F 32 -s 1 %s", IMAGE), 0);
	find_places();
	/* A file of two clusters in the root, which is cluster 2. */
	memcpy(raw, "FILE       ", 11);
	put_le16(raw + 26, 9000);
	put_le32(raw + 28, 1000);
	poke(place(2), raw, sizeof(raw));
	for (uint64_t k = 0; k < 2; k++) {
		put_le32(raw, 9001);
		put_le32(raw + 4, 0x0fffffff);
		poke(at.fat + k * at.fat_len + 9000 * 4, raw, 8);
	}
	ck_assert_msg(run_map(SMALL, &map, &why) == 1, "%s", why);
	ck_assert_str_eq(why, "FAT32 and folders");
	ck_assert(bitmap_all(map, 0, at.heap + at.cluster));
	ck_assert(bitmap_all(map, place(9000), 1024));
	ck_assert(!bitmap_any(map, place(3), (9000 - 3) * 512));
	ck_assert(!bitmap_any(map, place(9002), 1000 * 512));
}
END_TEST

/* Bad clusters, and chains that nobody owns, are used. */
START_TEST(nobodys_clusters)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(16);
	put16(7000, 0xfff7);
	put16(8000, 8001);
	put16(8001, 0xffff);
	ck_assert_msg(run_map(SMALL, &map, &why) == 1, "%s", why);
	ck_assert_str_eq(why, "FAT16 and folders");
	ck_assert(bitmap_all(map, place(7000), at.cluster));
	ck_assert(bitmap_all(map, place(8000), 2 * at.cluster));
	ck_assert(!bitmap_any(map, place(7001), 900 * at.cluster));
	ck_assert(bitmap_all(map, 0, at.heap));
}
END_TEST

/* Noise in table and folders: any answer will do, as long as there is one. */
START_TEST(noise)
{
	uint64_t rnd = (uint64_t)_i * 7 + 3;
	unsigned int bits = _i == 0 ? 12 : _i == 1 ? 16 : 32, n = unit_slow() ? 20 : 300;

	IMAGE_NEED("mkfs.vfat");
	IMAGE_NEED("mcopy");
	fresh(bits);
	for (unsigned int i = 0; i < n; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		uint8_t was[512], is[512];
		uint64_t to = i % 4 == 0 ? 0 : i % 4 == 1 ? at.fat : i % 4 == 2 ? at.root : at.heap;
		size_t len = 1 + image_random(&rnd) % 12, from = image_random(&rnd) % 500;

		image_read(IMAGE, was, sizeof(was), to);
		memcpy(is, was, sizeof(is));
		for (size_t k = from; k < from + len; k++)
			is[k] = (uint8_t)image_random(&rnd);
		poke(to, is, sizeof(is));
		if (to == at.fat)
			poke(to + at.fat_len, is, sizeof(is));
		run_map(bits == 32 ? LARGE : SMALL, &map, &why);
		poke(to, was, sizeof(was));
		if (to == at.fat)
			poke(to + at.fat_len, was, sizeof(was));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fs_fat");
	TCase *t = tcase_create("fs_fat");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 180);
	tcase_add_loop_test(t, properties, 0, (int)ARRAY_SIZE(flavours));
	tcase_add_loop_test(t, every_bit_of_the_boot_sector, 0, (int)ARRAY_SIZE(flavours));
	tcase_add_test(t, doubts_about_the_boot_sector);
	tcase_add_test(t, doubts_about_the_table);
	tcase_add_test(t, doubts_about_the_tree);
	tcase_add_test(t, endless_folder);
	tcase_add_test(t, few_clusters_of_32_bits);
	tcase_add_test(t, nobodys_clusters);
	tcase_add_loop_test(t, noise, 0, 3);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
