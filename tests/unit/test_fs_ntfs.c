/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The used-block map of NTFS: volumes by mkntfs, with a life given to them by ntfs-3g through FUSE.
 * Where nothing can be mounted, ntfscp puts files there.
 */
#include "tests/images/mounted.h"
#include "tests/images/ntfs.h"
#include "tests/images/property.h"

#define IMAGE	"ntfs.img"
#define MOUNT	"ntfs-3g -o no_detach,big_writes"
#define MOUNT_RO "ntfs-3g -o no_detach,ro"
#define SMALL	(16u << 20)

/* As test_content_ntfs.c: the library forgets a buffer when it refuses some volumes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libntfs-3g\n";
}

struct flavour {
	const char *name, *options;
	uint64_t size;
	unsigned int steps;
};

static const struct flavour flavours[] = {
	{ "4k", "-c 4096", 40 * MIB + 512, 90 },	/* a last cluster that is not whole */
	{ "512", "-c 512", 24 * MIB, 60 },
	{ "1k", "-c 1024", 30 * MIB, 60 },
	{ "64k", "-c 65536", 96 * MIB, 60 },
	{ "2M", "-c 2097152", 160 * MIB, 40 },
	{ "4Kn", "-s 4096 -c 4096", 40 * MIB, 60 },
	{ "compressed", "-c 4096 -C", 40 * MIB, 60 },
};

static bool can_mount;

static void make(const struct flavour *v, unsigned int seed)
{
	image_make(IMAGE, v->size);
	ck_assert_int_eq(image_run("mkntfs -qFf %s %s", v->options, IMAGE), 0);
	can_mount = geteuid() == 0 && mounted_run(MOUNT, IMAGE, "true") == 0;
	if (can_mount) {
		ck_assert_int_eq(mounted_make(MOUNT, IMAGE, seed, v->steps), 0);
		return;
	}
	for (unsigned int i = 1; i < 20; i++)
		ck_assert_int_eq(image_run("head -c %u /dev/urandom >f; ntfscp -f %s f f%u",
					   i * i * 977, IMAGE, i % 15), 0);
}

static int run_map(const char *image, uint64_t size, uint64_t granularity, struct bitmap **ret,
		   char **why)
{
	return image_map(image, 0, size, granularity, fs_ntfs_map, ret, why);
}

static void copy_property(const struct flavour *v, uint8_t fill)
{
	property_embedded(IMAGE, v->size, fs_ntfs_map, fill);
	ck_assert_msg(image_run("ntfsfix -n copy.img") == 0, "%s: the copy is damaged", v->name);
	ck_assert_int_eq(image_run("ntfsinfo -fm copy.img"), 0);
	if (!can_mount)
		return;
	mounted_same(MOUNT_RO, IMAGE, "copy.img", v->name);
}

static struct {
	uint64_t mft, mirror, bitmap, bitmap_len, record, records;
} places;

static uint64_t where(unsigned int i, uint64_t random)
{
	uint64_t r = random >> 8;

	switch (i % 5) {
	case 0:
		return r % 90;
	case 1:
		return places.mft + random % 21 * places.record + r % 500;
	case 2:
		return places.mft + random % places.records * places.record + r % 600;
	case 3:
		return places.mirror + r % 4096;
	default:
		return places.bitmap + r % places.bitmap_len;
	}
}

static void corruption_property(const struct flavour *v, uint64_t seed)
{
	CLEANUP(bitmap_free) struct bitmap *truth = NULL;
	CLEANUP(mem_free) char *why = NULL;

	places.mft = ntfs_mft(IMAGE);
	places.mirror = ntfs_mirror(IMAGE);
	places.bitmap = ntfs_data(IMAGE, 6);
	places.bitmap_len = v->size / ntfs_cluster(IMAGE) / 8 + 1;
	places.record = ntfs_record_size(IMAGE);
	places.records = 90;
	ck_assert_int_eq(run_map(IMAGE, v->size, 512, &truth, &why), 1);
	ck_assert_uint_gt(property_corrupt(IMAGE, fs_ntfs_map, v->size, truth, 100, seed, where),
			  20);
}

START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];

	IMAGE_NEED("mkntfs");
	make(v, (unsigned int)_i + 11);
	copy_property(v, _i % 2 ? 0 : 0xa5);
	corruption_property(v, (uint64_t)_i);
	if (!can_mount)
		UNIT_LEAVE("cannot mount");
}
END_TEST

/*
 * So many holes in the free space that $MFT grows in hundreds of pieces, and its list of runs needs
 * records of its own, and a list of these.
 */
START_TEST(file_table_in_pieces)
{
	static const struct flavour v = { "pieces", "-c 512 -z 1", 10 * MIB, 0 };

	IMAGE_NEED("mkntfs");
	make(&v, 1);
	if (!can_mount)
		UNIT_LEAVE("cannot mount");
	/* Full, then every other file away, then many that lie in their records. */
	ck_assert_int_eq(mounted_run(MOUNT, IMAGE,
		"cd mnt; mkdir a b; i=0; while printf %01500d 0 >a/$i; do i=$((i + 1)); done;"
		" rm -f a/*[02468]; j=0;"
		" while [ $j -lt 4000 ] && echo $j >b/$j; do j=$((j + 1)); done; rm -rf a;"
		" head -c 300000 /dev/urandom >c; cd ..; true"), 0);
	ck_assert_int_eq(image_run("ntfsinfo -f -i 0 ntfs.img | grep ATTRIBUTE_LIST"), 0);
	copy_property(&v, 0xa5);
}
END_TEST

/* --- doubts --- */

static void expect(uint64_t size, const char *phrase)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	ck_assert_msg(run_map(IMAGE, size, 4096, &map, &why) == 0, "no doubt: %s", phrase);
	ck_assert_msg(strstr(why, phrase) != NULL && strstr(why, "all used"), "%s: %s", phrase,
		      why);
}

static void expect_trust(void)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;

	ck_assert_msg(run_map(IMAGE, SMALL, 4096, &map, &why) == 1, "%s", why);
}

/* A small volume with a file; as it was before the first, each time it is called. */
static void fresh(void)
{
	if (access(image_path("fresh.img"), F_OK) != 0) {
		image_make("fresh.img", SMALL);
		ck_assert_int_eq(image_run("mkntfs -qFf -c 4096 fresh.img; head -c 300000 "
					   "/dev/urandom >f; ntfscp -f fresh.img f file"), 0);
	}
	ck_assert_int_eq(image_run("cp --sparse=always fresh.img %s", IMAGE), 0);
}

static void poke8(uint64_t at, uint8_t v)
{
	image_write(IMAGE, &v, 1, at);
}

/* Offset in the record of a field of an attribute, and the record. */
static size_t field(uint32_t number, uint32_t type, size_t at)
{
	uint8_t record[NTFS_RECORD_MAX];

	ntfs_record_read(IMAGE, number, record);
	return ntfs_attribute(record, type) + at;
}

static void poke64(uint32_t number, uint32_t type, size_t at, uint64_t v)
{
	uint8_t raw[8];

	put_le64(raw, v);
	ntfs_poke(IMAGE, number, field(number, type, at), raw, 8);
}

START_TEST(doubts)
{
	uint8_t b[1024];
	size_t at;

	IMAGE_NEED("mkntfs");
	fresh();
	expect_trust();

	expect(4096, "too small");
	expect(SMALL - 4096, "larger than its partition");
	poke8(3, 'X');
	expect(SMALL, "no NTFS boot sector");
	fresh();
	poke8(13, 3);
	expect(SMALL, "no NTFS boot sector");
	fresh();
	poke8(72, 1);
	expect(SMALL, "the boot sector and its copy differ");
	fresh();
	memset(b, 0xe5, 512);
	image_write(IMAGE, b, 512, SMALL - 512);
	expect(SMALL, "the boot sector and its copy differ");

	fresh();
	poke8(ntfs_mirror(IMAGE) + 2 * 1024 + 100, 0x5a);
	expect(SMALL, "mirror differ");
	/* The place of the mirror, in both boot sectors. */
	fresh();
	poke8(56, 200);
	poke8(SMALL - 512 + 56, 200);
	expect(SMALL, "contradict each other");

	fresh();
	at = field(NTFS_VOLUME, 0x70, 24 + 8);
	ntfs_poke(IMAGE, NTFS_VOLUME, at, "\4", 1);
	expect(SMALL, "unknown version, 4.1");
	fresh();
	ntfs_set_flags(IMAGE, 1);
	expect(SMALL, "marked dirty");
	ntfs_set_flags(IMAGE, 0x8000);
	expect_trust();
	ntfs_write_log(IMAGE, 0, 0);
	expect(SMALL, "log was not closed");
	ntfs_write_log(IMAGE, 0xffff, 0);
	expect_trust();
	ck_assert_int_eq(image_run("printf hibr >h; ntfscp -f %s h hiberfil.sys", IMAGE), 0);
	expect(SMALL, "hibernated");
	fresh();
	ck_assert_int_eq(image_run("printf wake >h; ntfscp -f %s h hiberfil.sys", IMAGE), 0);
	expect_trust();

	/* $AttrDef of 2 GiB; the root's record torn away from the library. */
	fresh();
	poke64(4, 0x80, 48, UINT64_C(2) << 30);
	expect(SMALL, "$AttrDef has an impossible size");
	fresh();
	poke64(6, 0x80, 40, 4096 * 100);
	expect(SMALL, "a system file has impossible sizes");
	fresh();
	poke8(ntfs_mft(IMAGE) + 5 * 1024 + 22, 0);
	expect(SMALL, "cannot be understood");
	fresh();
	poke8(ntfs_mft(IMAGE) + 6 * 1024 + 510, 0x77);
	expect(SMALL, "file record 6 is damaged");
	fresh();
	poke8(ntfs_mft(IMAGE) + 64 * 1024 + 510, 0x77);
	expect(SMALL, "file record 64 is damaged");
}
END_TEST

START_TEST(doubts_about_the_bitmap)
{
	uint64_t bitmap, clusters = SMALL / 4096 - 1, size;
	uint8_t v;

	IMAGE_NEED("mkntfs");
	fresh();
	bitmap = ntfs_data(IMAGE, 6);
	image_read(IMAGE, &v, 1, bitmap + clusters / 8);
	poke8(bitmap + clusters / 8, v & 0x7f);
	expect(SMALL, "padding of the cluster bitmap");
	fresh();
	size = DIV_ROUND_UP(clusters, 64) * 8;
	poke64(6, 0x80, 56, size - 8);
	expect(SMALL, "cluster bitmap has a wrong size");
	fresh();
	poke8(bitmap, 0xfc);
	expect(SMALL, "metadata is not marked used");
	/* The file's own. */
	fresh();
	v = (uint8_t)(ntfs_data(IMAGE, 64) / 4096 % 8);
	poke8(bitmap + ntfs_data(IMAGE, 64) / 4096 / 8, (uint8_t)~(1u << v));
	expect(SMALL, "file record 64 has clusters that are marked free");
}
END_TEST

START_TEST(doubts_about_the_file_table)
{
	uint8_t list[72];
	size_t at;

	IMAGE_NEED("mkntfs");
	fresh();
	poke64(0, 0x80, 56, 4096);
	expect(SMALL, "file table has an impossible size");
	fresh();
	/* Of the runs of $Bitmap: a hole; nowhere; a length that is too large. */
	at = field(6, 0x80, 0);
	ck_assert_uint_lt(at, 400);
	ntfs_poke(IMAGE, 6, field(6, 0x80, 64), "\1\1\0\0", 4);
	expect(SMALL, "has holes");
	fresh();
	ntfs_poke(IMAGE, 6, field(6, 0x80, 64), "\x41\1\xff\xff\xff\x7f\0", 7);
	expect(SMALL, "lies nowhere");
	fresh();
	ntfs_poke(IMAGE, 6, field(6, 0x80, 64), "\x11\2", 2);
	expect(SMALL, "lies nowhere");
	/* A list of attributes that is none; one that names a record that is not there. */
	fresh();
	at = field(6, 0x10, 0);
	ntfs_poke(IMAGE, 6, at, "\x20", 1);
	expect(SMALL, "an impossible list of attributes");
	fresh();
	memset(list, 0, sizeof(list));
	put_le32(list, 0x80);
	put_le16(list + 4, sizeof(list));
	put_le32(list + 16, 5000);
	ntfs_poke(IMAGE, 6, at, "\x20", 1);
	ntfs_poke(IMAGE, 6, at + 24, list, sizeof(list));
	expect(SMALL, "a system file ends too early");
	put_le32(list + 16, 5);
	ntfs_poke(IMAGE, 6, at + 24, list, sizeof(list));
	expect(SMALL, "a part of a system file is missing");
	/* The data of $Bitmap is of another type. */
	fresh();
	at = field(6, 0x80, 0);
	ntfs_poke(IMAGE, 6, at, "\xc0", 1);
	expect(SMALL, "a part of a system file is missing");
	/* Clusters smaller than records: the last one alone is none. */
	image_make(IMAGE, SMALL);
	ck_assert_int_eq(image_run("mkntfs -qFf -c 512 %s", IMAGE), 0);
	put_le64(list, SMALL / 512 - 2);
	image_write(IMAGE, list, 8, 48);
	image_write(IMAGE, list, 8, SMALL - 512 + 48);
	expect(SMALL, "file table lies nowhere");
}
END_TEST

/* Noise in records, with fixups that are right: an answer, never a crash. */
START_TEST(noise)
{
	uint64_t rnd = (uint64_t)_i + 99;
	unsigned int n = unit_slow() ? 20 : 150;

	IMAGE_NEED("mkntfs");
	fresh();
	for (unsigned int i = 0; i < n; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		uint8_t was[1024], is[1024];
		uint32_t number = (uint32_t)(image_random(&rnd) % 12);
		uint64_t at = ntfs_mft(IMAGE) + number * 1024;

		image_read(IMAGE, was, sizeof(was), at);
		memcpy(is, was, sizeof(is));
		for (unsigned int k = 0; k <= i % 3; k++) {
			size_t to = 20 + image_random(&rnd) % 480;

			is[to] = image_random(&rnd) % 3 ? (uint8_t)image_random(&rnd) : 0xff;
		}
		ntfs_poke(IMAGE, number, 0, is, sizeof(is));
		run_map(IMAGE, SMALL, 4096, &map, &why);
		ntfs_poke(IMAGE, number, 0, was, sizeof(was));
	}
	expect_trust();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fs_ntfs");
	TCase *t = tcase_create("fs_ntfs");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 180);
	tcase_add_loop_test(t, properties, 0, (int)ARRAY_SIZE(flavours));
	tcase_add_test(t, file_table_in_pieces);
	tcase_add_test(t, doubts);
	tcase_add_test(t, doubts_about_the_bitmap);
	tcase_add_test(t, doubts_about_the_file_table);
	tcase_add_loop_test(t, noise, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
