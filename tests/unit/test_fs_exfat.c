/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The used-block map of exFAT: filesystems by mkfs.exfat, with a life given to them through FUSE.
 * Where nothing can be mounted, they are as mkfs left them.
 */
#include "tests/images/mounted.h"
#include "tests/images/property.h"
#include "common/bytes.h"

#define IMAGE	"exfat.img"
#define MOUNT	"mount.exfat-fuse -d"
#define MOUNT_RO "mount.exfat-fuse -d -o ro"
#define SMALL	(16u << 20)

struct flavour {
	const char *name, *options;
	unsigned int sector;
	uint64_t size;
	unsigned int steps;
};

static const struct flavour flavours[] = {
	{ "4k", "-c 4096", 512, 32 * MIB + 512, 150 },
	{ "512", "-c 512", 512, 20 * MIB, 100 },
	{ "32k", "-c 32768", 512, 64 * MIB, 150 },
	{ "256k", "-c 262144", 512, 160 * MIB, 60 },
	{ "4Kn", "-c 4096", 4096, 32 * MIB, 100 },
	{ "packed", "-c 16384 --pack-bitmap", 512, 48 * MIB, 100 },
};

static bool can_mount;

static void make(const struct flavour *v, unsigned int seed)
{
	image_make(IMAGE, v->size);
	if (v->sector == 512)
		ck_assert_int_eq(image_run("mkfs.exfat %s %s", v->options, IMAGE), 0);
	else
		ck_assert_int_eq(image_run("d=$(losetup -b %u -f --show %s); mkfs.exfat %s $d; "
					   "r=$?; losetup -d $d; exit $r", v->sector, IMAGE,
					   v->options), 0);
	can_mount = geteuid() == 0 && mounted_run(MOUNT, MOUNTED_LOOP(IMAGE), "true") == 0;
	if (can_mount)
		ck_assert_int_eq(mounted_make(MOUNT, MOUNTED_LOOP(IMAGE), seed, v->steps), 0);
}

static int run_map(uint64_t size, struct bitmap **ret, char **why)
{
	return image_map(IMAGE, 0, size, 512, fs_exfat_map, ret, why);
}

static void copy_property(const struct flavour *v, uint8_t fill)
{
	property_embedded(IMAGE, v->size, fs_exfat_map, fill);
	ck_assert_msg(image_run("fsck.exfat -n copy.img") == 0, "%s: the copy is damaged", v->name);
	if (!can_mount)
		return;
	mounted_same(MOUNT_RO, MOUNTED_LOOP(IMAGE), MOUNTED_LOOP("copy.img"), v->name);
}

/* --- where things are --- */

static struct {
	uint32_t sector;
	uint64_t fat, heap, cluster, root, bitmap, upcase;
} at;

static uint64_t place(uint32_t cluster)
{
	return at.heap + (cluster - 2) * at.cluster;
}

/* The n-th entry of that type in the root. */
static uint64_t find_entry(uint8_t type, unsigned int n, uint8_t entry[static 32])
{
	for (uint64_t i = 0; i < 16; i++) {
		image_read(IMAGE, entry, 32, at.root + i * 32);
		if (entry[0] == type && n-- == 0)
			return at.root + i * 32;
	}
	ck_abort_msg("no entry %02x", type);
}

static void find_places(void)
{
	uint8_t b[512];

	image_read(IMAGE, b, sizeof(b), 0);
	at.sector = 1u << b[108];
	at.cluster = (uint64_t)at.sector << b[109];
	at.fat = (uint64_t)get_le32(b + 80) * at.sector;
	at.heap = (uint64_t)get_le32(b + 88) * at.sector;
	at.root = place(get_le32(b + 96));
	find_entry(0x81, 0, b);
	at.bitmap = place(get_le32(b + 20));
	find_entry(0x82, 0, b);
	at.upcase = place(get_le32(b + 20));
}

static uint64_t where(unsigned int i, uint64_t random)
{
	uint64_t r = random >> 8;

	switch (i % 6) {
	case 0:
		return r % 120;
	case 1:
		return r % 24 * at.sector + random % 16;
	case 2:
		return at.fat + r % 256;
	case 3:
		return at.bitmap + r % 64;
	default:
		return at.root + r % 600;
	}
}

START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];
	CLEANUP(bitmap_free) struct bitmap *truth = NULL;
	CLEANUP(mem_free) char *why = NULL;

	IMAGE_NEED("mkfs.exfat");
	if (v->sector != 512 && geteuid() != 0)
		UNIT_LEAVE("no loop device");
	make(v, (unsigned int)_i + 3);
	copy_property(v, _i % 2 ? 0 : 0xa5);
	find_places();
	ck_assert_int_eq(run_map(v->size, &truth, &why), 1);
	ck_assert_uint_gt(property_corrupt(IMAGE, fs_exfat_map, v->size, truth,
					   unit_slow() ? 30 : 300, (uint64_t)_i, where), 20);
	if (!can_mount)
		UNIT_LEAVE("cannot mount");
}
END_TEST

/* --- doubts, on a volume made by hand on top of mkfs: it needs no mounting --- */

static void expect(uint64_t size, const char *phrase)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	ck_assert_msg(run_map(size, &map, &why) == 0, "no doubt: %s", phrase);
	ck_assert_msg(strstr(why, phrase) != NULL && strstr(why, "all used"), "%s: %s", phrase,
		      why);
}

static void expect_trust(void)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	ck_assert_msg(run_map(SMALL, &map, &why) == 1, "%s", why);
	ck_assert_str_eq(why, "allocation bitmap and folders");
}

static void poke(uint64_t offset, const void *p, size_t len)
{
	image_write(IMAGE, p, len, offset);
}

static void put32(uint64_t offset, uint32_t v)
{
	uint8_t raw[4];

	put_le32(raw, v);
	poke(offset, raw, 4);
}

static void set_fat(uint32_t cluster, uint32_t v)
{
	put32(at.fat + cluster * UINT64_C(4), v);
}

static void mark(uint32_t cluster, bool used)
{
	uint64_t byte = at.bitmap + (cluster - 2) / 8;
	uint8_t v, bit = (uint8_t)(1u << (cluster - 2) % 8);

	image_read(IMAGE, &v, 1, byte);
	v = used ? v | bit : v & (uint8_t)~bit;
	poke(byte, &v, 1);
}

/* Change the boot sector, in both regions, with their checksums. */
static void poke_boot(size_t offset, const void *p, size_t len)
{
	uint8_t region[12 * 512];
	uint32_t sum = 0;

	image_read(IMAGE, region, sizeof(region), 0);
	memcpy(region + offset, p, len);
	for (size_t i = 0; i < 11 * 512; i++)
		if (i != 106 && i != 107 && i != 112)
			sum = (sum << 31 | sum >> 1) + region[i];
	for (size_t i = 11 * 512; i < sizeof(region); i += 4)
		put_le32(region + i, sum);
	poke(0, region, sizeof(region));
	poke(sizeof(region), region, sizeof(region));
}

/* A set of three entries: file or folder, stream, name. */
static void put_set(uint64_t offset, bool folder, unsigned int flags, uint32_t first,
		    uint64_t length)
{
	uint8_t set[96] = { 0x85, 2 };
	uint16_t sum = 0;

	set[4] = folder ? 0x10 : 0x20;
	set[32] = 0xc0;
	set[33] = (uint8_t)flags;
	set[35] = 1;
	put_le64(set + 40, length);
	put_le32(set + 52, first);
	put_le64(set + 56, length);
	set[64] = 0xc1;
	set[66] = 'x';
	for (size_t i = 0; i < sizeof(set); i++)
		if (i != 2 && i != 3)
			sum = (uint16_t)((sum << 15 | sum >> 1) + set[i]);
	put_le16(set + 2, sum);
	poke(offset, set, sizeof(set));
}

#define CHAINED		100u		/* clusters of the three */
#define FOLDER		200u
#define ROW		300u
#define SET(n)		(at.root + 96 + (n) * 96)

/*
 * A chain 100 > 102 > 101, a folder in cluster 200 with an empty file in it, and a file in a row
 * 300, 301, 302.
 */
static void fresh(void)
{
	image_make(IMAGE, SMALL);
	ck_assert_int_eq(image_run("mkfs.exfat -c 4096 %s", IMAGE), 0);
	find_places();
	put_set(SET(0), false, 1, CHAINED, 3 * 4096 - 5);
	set_fat(CHAINED, CHAINED + 2);
	set_fat(CHAINED + 2, CHAINED + 1);
	set_fat(CHAINED + 1, UINT32_MAX);
	put_set(SET(1), true, 3, FOLDER, 4096);
	put_set(place(FOLDER), false, 1, 0, 0);
	put_set(SET(2), false, 3, ROW, 3 * 4096);
	for (uint32_t i = 0; i < 3; i++) {
		mark(CHAINED + i, true);
		mark(ROW + i, true);
	}
	mark(FOLDER, true);
}

START_TEST(doubts_about_the_boot_region)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;
	uint8_t v[4] = { 0 };

	IMAGE_NEED("mkfs.exfat");
	fresh();
	expect_trust();
	ck_assert_int_eq(image_map(IMAGE, 512, 0, 512, fs_exfat_map, &map, &why), 0);
	ck_assert_msg(strstr(why, "too small") != NULL, "%s", why);
	expect(SMALL - 4096, "larger than its partition");
	expect(8192, "larger than its partition");
	poke(3, "NOFAT", 5);
	expect(SMALL, "no exFAT boot sector");
	fresh();
	poke(108, "\x0d", 1);
	expect(SMALL, "no exFAT boot sector");
	fresh();
	poke(200, "?", 1);
	expect(SMALL, "checksum of the boot region is wrong");
	fresh();
	poke(12 * 512 + 200, "?", 1);
	expect(SMALL, "boot region and its copy differ");
	fresh();
	poke_boot(104, "\0\2", 2);
	expect(SMALL, "unknown version");
	fresh();
	poke_boot(110, "\2", 1);
	expect(SMALL, "more than one FAT");
	fresh();
	poke_boot(96, v, 4);
	expect(SMALL, "impossible layout");
	fresh();
	poke_boot(92, "\xff\xff\xff\x7f", 4);
	expect(SMALL, "impossible layout");
	/* These are not part of the checksum; the full percentage is nothing to go by. */
	fresh();
	poke(112, "\x64", 1);
	expect_trust();
	poke(106, "\2", 1);
	expect(SMALL, "marked dirty");
	poke(106, "\4", 1);
	expect(SMALL, "media failures");
	poke(106, "\1", 1);
	expect(SMALL, "more than one FAT");
}
END_TEST

START_TEST(doubts_about_the_bitmap)
{
	uint8_t entry[32];
	uint64_t bitmap;

	IMAGE_NEED("mkfs.exfat");
	fresh();
	bitmap = find_entry(0x81, 0, entry);
	poke(bitmap, "\1", 1);
	expect(SMALL, "no allocation bitmap");
	fresh();
	entry[1] = 1;
	poke(bitmap, entry, 32);
	expect(SMALL, "more than one allocation bitmap");
	fresh();
	put32(bitmap + 24, 100);
	expect(SMALL, "allocation bitmap has a wrong size");
	fresh();
	mark((uint32_t)((at.bitmap - at.heap) / at.cluster + 2), false);
	expect(SMALL, "is marked free");
	fresh();
	mark((uint32_t)((at.upcase - at.heap) / at.cluster + 2), false);
	expect(SMALL, "is marked free");
	fresh();
	mark((uint32_t)((at.root - at.heap) / at.cluster + 2), false);
	expect(SMALL, "is marked free");
	for (uint32_t i = 0; i < 3; i++) {
		fresh();
		mark(CHAINED + i, false);
		expect(SMALL, "is marked free");
		fresh();
		mark(ROW + i, false);
		expect(SMALL, "is marked free");
	}
	/* A cluster that nobody owns is used. */
	fresh();
	mark(500, true);
	expect_trust();
}
END_TEST

START_TEST(doubts_about_the_tree)
{
	IMAGE_NEED("mkfs.exfat");
	fresh();
	poke(SET(0) + 33, "\3", 1);
	expect(SMALL, "the checksum of a folder's entry is wrong");
	fresh();
	poke(SET(1) - 32, "\x85", 1);
	expect(SMALL, "a folder's entry is incomplete");
	fresh();
	poke(SET(0), "\x9f", 1);
	expect(SMALL, "unknown kind 0x9f");
	fresh();
	set_fat(CHAINED + 2, UINT32_MAX);
	expect(SMALL, "too few clusters");
	fresh();
	set_fat(CHAINED + 1, 400);
	mark(400, true);
	set_fat(400, UINT32_MAX);
	expect(SMALL, "more clusters than its size needs");
	fresh();
	set_fat(CHAINED + 1, 0);
	expect(SMALL, "leads nowhere");
	fresh();
	set_fat(CHAINED + 1, CHAINED);
	expect(SMALL, "clusters belong to more than one file");
	fresh();
	put_set(SET(2), false, 3, ROW, UINT64_MAX);
	expect(SMALL, "outside of the filesystem");
	fresh();
	put_set(SET(2), false, 3, 1, 4096);
	expect(SMALL, "outside of the filesystem");
	/* It is in itself. */
	fresh();
	put_set(place(FOLDER), true, 3, FOLDER, 4096);
	expect(SMALL, "too deep");
	/* The root's chain is a circle. */
	fresh();
	set_fat((uint32_t)((at.root - at.heap) / at.cluster + 2),
		(uint32_t)((at.root - at.heap) / at.cluster + 2));
	expect(SMALL, "clusters belong to more than one file");
}
END_TEST

/* Any answer will do, as long as there is one. */
START_TEST(noise)
{
	uint64_t rnd = 77;
	unsigned int n = unit_slow() ? 20 : 600;

	IMAGE_NEED("mkfs.exfat");
	fresh();
	for (unsigned int i = 0; i < n; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		uint8_t was[512], is[512];
		uint64_t to = i % 4 == 0 ? at.fat + 256 : i % 4 == 1 ? at.root :
			      i % 4 == 2 ? place(FOLDER) : 0;

		image_read(IMAGE, was, sizeof(was), to);
		memcpy(is, was, sizeof(is));
		for (unsigned int k = 0; k <= i % 3; k++)
			is[image_random(&rnd) % 480] = (uint8_t)image_random(&rnd);
		if (to == 0)
			poke_boot(0, is, sizeof(is));
		else if (i % 4 == 1 || i % 4 == 2)
			put_set(to + (i % 4 == 1 ? 96 : 0), image_random(&rnd) % 2,
				image_random(&rnd) % 4, (uint32_t)image_random(&rnd) % 5000,
				image_random(&rnd) % 100000);
		else
			poke(to, is, sizeof(is));
		run_map(SMALL, &map, &why);
		if (to == 0)
			poke_boot(0, was, sizeof(was));
		else
			poke(to, was, sizeof(was));
	}
	expect_trust();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fs_exfat");
	TCase *t = tcase_create("fs_exfat");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 180);
	tcase_add_loop_test(t, properties, 0, (int)ARRAY_SIZE(flavours));
	tcase_add_test(t, doubts_about_the_boot_region);
	tcase_add_test(t, doubts_about_the_bitmap);
	tcase_add_test(t, doubts_about_the_tree);
	tcase_add_test(t, noise);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
