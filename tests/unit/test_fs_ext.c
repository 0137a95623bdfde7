/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heart of the used-block map: ext filesystems with random histories, made without mounting.
 *
 * Copy property: what the map calls used, with rubbish or zeroes in the rest, is a filesystem that
 * e2fsck finds nothing wrong with and that holds the same files.
 *
 * Corruption property: after any one byte of superblock, group descriptors or block bitmaps is
 * changed, the map is refused or still covers all that was used before.
 */
#include "tests/images/property.h"
#include "disk/usedmap.h"

struct flavour {
	const char *name, *options;
	unsigned int size_kib;
};

static const struct flavour flavours[] = {
	{ "ext2", "-t ext2", 12000 },
	{ "ext2-1k", "-t ext2 -b 1024", 20001 },		/* last group partial */
	{ "ext3", "-t ext3 -J size=1", 24000 },
	{ "ext3-1k", "-t ext3 -b 1024 -J size=1 -g 2048", 17003 },
	{ "ext4", "-t ext4 -J size=1", 24000 },
	{ "ext4-1k", "-t ext4 -b 1024 -J size=1 -g 1024 -N 512", 16111 },
	{ "ext4-64bit", "-t ext4 -O 64bit,metadata_csum -J size=1 -g 2048", 30000 },
	{ "ext4-32bit", "-t ext4 -O ^64bit,metadata_csum -J size=1 -g 2048", 30000 },
	{ "ext4-nocsum", "-t ext4 -O ^metadata_csum,^uninit_bg,^64bit -J size=1", 24000 },
	{ "rhel6", "-t ext4 -O ^metadata_csum,uninit_bg,^64bit -J size=1 -g 2048", 40000 },
	{ "noflex", "-t ext4 -O ^flex_bg,^resize_inode -b 1024 -J size=1 -g 2048", 20000 },
	{ "bigalloc", "-t ext4 -O bigalloc -C 16384 -J size=1", 32000 },
	{ "bigalloc-1k", "-t ext4 -b 1024 -O bigalloc,^metadata_csum -C 8192 -J size=1", 20000 },
	{ "metabg", "-t ext4 -b 1024 -O meta_bg,^resize_inode -J size=1 -g 1024 -N 512", 20000 },
	{ "sparse2", "-t ext4 -O sparse_super2 -J size=1 -g 2048", 24000 },
	{ "inline", "-t ext4 -O inline_data,quota -J size=1", 16000 },
	{ "tiny", "-t ext2 -b 1024 -N 16", 256 },
};

#define FLAVOURS ((int)ARRAY_SIZE(flavours))

static void put_file(const char *dir, const char *name, uint64_t size, uint64_t *rnd)
{
	char path[256];
	uint8_t buf[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", image_dir, dir, name);
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	while (size > 0) {
		size_t n = MIN(size, sizeof(buf));

		for (size_t i = 0; i < sizeof(buf); i += 8) {
			uint64_t v = image_random(rnd);

			memcpy(buf + i, &v, 8);
		}
		/* Now and then a hole. */
		if (image_random(rnd) % 9 == 0)
			ck_assert_int_eq(fseek(f, (long)n, SEEK_CUR), 0);
		else
			ck_assert_uint_eq(fwrite(buf, 1, n, f), n);
		size -= n;
	}
	fclose(f);
}

/* A tree to start from, then a debugfs script that writes, removes and links at random. */
static void make_fs(const struct flavour *v, uint64_t seed)
{
	uint64_t rnd = seed * 977 + 13, budget = v->size_kib * UINT64_C(1024) / 4;
	char name[64];
	FILE *f;

	ck_assert_int_eq(image_run("rm -rf tree extra fs.img; mkdir -p tree/a/b tree/c extra"), 0);
	for (int i = 0; budget > 4096 && i < 40 && v->size_kib > 1000; i++) {
		uint64_t size = MIN(budget, image_random(&rnd) % (i % 8 == 0 ? 900000 : 30000));

		snprintf(name, sizeof(name), "%sf%d",
			 i % 3 == 0   ? "a/"
			 : i % 3 == 1 ? "a/b/"
				      : "",
			 i);
		put_file("tree", name, size, &rnd);
		budget -= size;
	}
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		put_file("extra", name, v->size_kib < 1000 ? 3000 : image_random(&rnd) % 300000,
			 &rnd);
	}
	ck_assert_int_eq(
		image_run("ln -s $(printf '%%0100d' 7) tree/c/long && ln -s short tree/c/short"),
		0);
	ck_assert_int_eq(image_run("mke2fs -q -F -E lazy_itable_init=1 %s -d tree fs.img %uk",
				   v->options, v->size_kib), 0);

	f = fopen(image_path("script"), "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 60; i++) {
		unsigned int n = (unsigned int)(image_random(&rnd) % 6);

		switch (image_random(&rnd) % 5) {
		case 0:
			fprintf(f, "mkdir d%d\n", i);
			break;
		case 1:
			fprintf(f, "rm a/f%u\nrm f%u\nrm a/b/f%u\n", n * 3, n * 3 + 2, n * 3 + 1);
			break;
		case 2:
			fprintf(f, "rm w%u\n", n);
			break;
		default:
			fprintf(f, "rm w%u\nwrite extra/x%u w%u\n", n, n, n);
		}
	}
	fprintf(f, "ea_set w1 user.big %0500d\n", 5);
	fclose(f);
	ck_assert_int_eq(image_run("debugfs -w -f script fs.img"), 0);
	/*
	 * inline_data and quota leave small things to set right; a filesystem at rest is the
	 * point.
	 */
	ck_assert_int_le(image_run("e2fsck -fy fs.img"), 1);
	ck_assert_int_eq(image_run("e2fsck -fn fs.img"), 0);
}

/* Put fs.img at an offset into a larger disk.img, with rubbish around it. */
static void embed(uint64_t offset)
{
	struct stat st;
	uint8_t rubbish[4096];

	ck_assert_int_eq(stat(image_path("fs.img"), &st), 0);
	memset(rubbish, 0xa5, sizeof(rubbish));
	image_make("disk.img", offset + (uint64_t)st.st_size + 131072);
	image_write("disk.img", rubbish, sizeof(rubbish), offset - sizeof(rubbish));
	image_write("disk.img", rubbish, sizeof(rubbish), offset + (uint64_t)st.st_size);
	ck_assert_int_eq(image_run("dd if=fs.img of=disk.img bs=64K seek=%" PRIu64
				   " conv=notrunc,sparse oflag=seek_bytes", offset), 0);
}

static int run_map(const char *name, uint64_t offset, uint64_t length, uint64_t granularity,
		   struct bitmap **ret, char **ret_why)
{
	return image_map(name, offset, length, granularity, fs_ext_map, ret, ret_why);
}

static void compare_with_original(const char *what)
{
	ck_assert_msg(image_run("e2fsck -fn copy.img") == 0, "%s: the copy is damaged", what);
	ck_assert_int_eq(image_run("rm -rf d1 d2; mkdir d1 d2; debugfs -R 'rdump / d1' fs.img && "
				   "debugfs -R 'rdump / d2' copy.img"), 0);
	ck_assert_msg(image_run("diff -r --no-dereference d1 d2") == 0,
		      "%s: the copy's files differ", what);
}

static void copy_property(const struct flavour *v, uint8_t fill)
{
	uint64_t length = v->size_kib * UINT64_C(1024), offset = 3 * MIB + 512, whole, used;
	struct bitmap *map;
	char *why;

	embed(offset);
	/* As fine as it gets, so that every single block is judged. */
	ck_assert_msg(run_map("disk.img", offset, length, 512, &map, &why) == 1, "%s: %s", v->name,
		      why);
	ck_assert(bitmap_all(map, 0, offset));
	ck_assert(bitmap_all(map, offset + length, map->size - offset - length));
	used = bitmap_bytes(map) - (map->size - length);
	/* There must be something to save, or the test proves nothing. */
	ck_assert_msg(used < length * 9 / 10, "%s: only %" PRIu64 " free", v->name, length - used);
	property_copy("disk.img", "copy.img", offset, length, map, fill);
	compare_with_original(v->name);
	bitmap_free(map);
	free(why);

	/* And with the granularity of the product: a superset. */
	ck_assert_int_eq(run_map("disk.img", offset, length, USEDMAP_GRANULARITY, &map, &why), 1);
	whole = bitmap_bytes(map) - (map->size - length);
	ck_assert_uint_ge(whole, used);
	bitmap_free(map);
	free(why);
}

/* Where the metadata is, as dumpe2fs sees it. */
struct places {
	uint64_t v[4096];
	size_t n;
};

static void add_place(struct places *p, uint64_t offset)
{
	if (p->n < ARRAY_SIZE(p->v))
		p->v[p->n++] = offset;
}

static void find_places(struct places *bitmaps, struct places *descriptors)
{
	char line[512];
	unsigned long long a, block_size = 0;
	FILE *f;

	ck_assert_int_eq(image_run("dumpe2fs fs.img >dump"), 0);
	f = fopen(image_path("dump"), "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		char *p;

		if (sscanf(line, "Block size: %llu", &a) == 1)
			block_size = a;
		p = strstr(line, "Block bitmap at ");
		if (p && sscanf(p, "Block bitmap at %llu", &a) == 1)
			add_place(bitmaps, a * block_size);
		p = strstr(line, "Inode bitmap at ");
		if (p && sscanf(p, "Inode bitmap at %llu", &a) == 1)
			add_place(bitmaps, a * block_size);
		p = strstr(line, "Group descriptors at ");
		if (p && sscanf(p, "Group descriptors at %llu", &a) == 1)
			add_place(descriptors, a * block_size);
		p = strstr(line, "Group descriptor at ");
		if (p && sscanf(p, "Group descriptor at %llu", &a) == 1)
			add_place(descriptors, a * block_size);
	}
	fclose(f);
	ck_assert_uint_gt(bitmaps->n, 0);
	ck_assert_uint_gt(descriptors->n, 0);
}

/* From here on, in this kilobyte of bitmap, the first byte with both set and clear bits. */
static uint64_t find_mixed(uint64_t at)
{
	uint8_t buf[1024];
	size_t i = at % sizeof(buf);

	image_read("fs.img", buf, sizeof(buf), at - i);
	for (; i < sizeof(buf); i++)
		if (buf[i] != 0 && buf[i] != 0xff)
			return ALIGN_DOWN(at, sizeof(buf)) + i;
	return at;
}

static void corruption_property(const struct flavour *v, uint64_t seed)
{
	uint64_t length = v->size_kib * UINT64_C(1024), rnd = seed * 31 + 7;
	struct places bitmaps = { .n = 0 }, descriptors = { .n = 0 };
	struct bitmap *truth, *map;
	unsigned int refused = 0, n = 100;
	char *why;

	find_places(&bitmaps, &descriptors);
	ck_assert_int_eq(run_map("fs.img", 0, length, 1024, &truth, &why), 1);
	free(why);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t at, r = image_random(&rnd);
		uint8_t was, is;

		/* The first bytes of a bitmap and of the descriptors are where things happen. */
		switch (i % 3) {
		case 0:
			at = 1024 + r % 1024;
			break;
		case 1:
			at = descriptors.v[r % descriptors.n] + (r >> 32) % 256;
			break;
		default:
			at = bitmaps.v[r % bitmaps.n] + (r >> 32) % 256;
			if (i % 2)
				at = find_mixed(at);
		}
		image_read("fs.img", &was, 1, at);
		/* Half of them keep the number of set bits, and with it all free counts. */
		is = was ^ (uint8_t)(1 + image_random(&rnd) % 255);
		if (i % 2 && was != 0 && was != 0xff)
			while (__builtin_popcount(is) != __builtin_popcount(was) || is == was)
				is = (uint8_t)image_random(&rnd);
		image_write("fs.img", &is, 1, at);
		if (run_map("fs.img", 0, length, 1024, &map, &why) == 0)
			refused++;
		else
			ck_assert_msg(property_covers(map, truth),
				      "%s: byte %" PRIu64 " %02x -> %02x (%s)", v->name, at, was,
				      is, why);
		image_write("fs.img", &was, 1, at);
		bitmap_free(map);
		free(why);
	}
	/* The checks must bite; how often depends on how much of the metadata is in use. */
	ck_assert_msg(refused > 0, "%s: none of %u refused", v->name, n);
	bitmap_free(truth);
}

/* Making a filesystem with a history takes longer than either property, so they share it. */
START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];

	IMAGE_NEED("mke2fs");
	make_fs(v, (uint64_t)_i + 1);
	copy_property(v, _i % 2 ? 0xa5 : 0);
	corruption_property(v, (uint64_t)_i);
}
END_TEST

/* What the map says, when one thing was done to a sound filesystem. */
static void expect_doubt(const char *command, const char *phrase)
{
	struct bitmap *map;
	char *why;
	int r;

	ck_assert_int_eq(image_run("cp fs.img work.img"), 0);
	ck_assert_msg(image_run("%s", command) == 0, "%s", command);
	r = run_map("work.img", 0, 16000 * KIB, 4096, &map, &why);
	ck_assert_msg(r == 0, "trusted after %s", command);
	ck_assert_msg(strstr(why, phrase) != NULL, "%s: %s", command, why);
	ck_assert_msg(strstr(why, "all used") != NULL, "%s", why);
	bitmap_free(map);
	free(why);
}

START_TEST(doubts)
{
	static const struct flavour v = { "plain", "-t ext4 -O ^metadata_csum -J size=1", 16000 };

	IMAGE_NEED("mke2fs");
	make_fs(&v, 55);
	expect_doubt("debugfs -w -R 'feature needs_recovery' work.img", "journal needs recovery");
	expect_doubt("debugfs -w -R 'ssv state 0' work.img", "not cleanly unmounted");
	expect_doubt("debugfs -w -R 'ssv state 3' work.img", "errors are recorded");
	expect_doubt("debugfs -w -R 'ssv error_count 1' work.img", "errors are recorded");
	expect_doubt("debugfs -w -R 'ssv free_blocks_count 1' work.img", "free count");
	expect_doubt("debugfs -w -R 'feature FEATURE_I30' work.img", "unknown incompatible");
	expect_doubt("debugfs -w -R 'feature FEATURE_R30' work.img", "unknown features");
	expect_doubt("debugfs -w -R 'ssv blocks_count 100000000' work.img",
		     "larger than its partition");
	expect_doubt("dd if=/dev/zero of=work.img bs=1 seek=1080 count=2 conv=notrunc",
		     "no ext superblock");
	/*
	 * A file's block that its bitmap calls free, with all counts put right: only the inodes
	 * know.
	 */
	expect_doubt("b=$(debugfs -R 'blocks w1' work.img 2>&1 | tail -n 1 | cut -d' ' -f1); "
		     "n=$(debugfs -R 'ffb 1' work.img 2>&1 | sed -n 's/.*: //p' | tr -d ' '); "
		     "test -n \"$b\" && test -n \"$n\" && "
		     "printf 'freeb %s\\nsetb %s\\n' $b $n | debugfs -w -f - work.img",
		     "marked free");
}
END_TEST

/* A filesystem cut short, and one that is larger than what the partition says. */
START_TEST(too_large_for_its_partition)
{
	static const struct flavour v = { "plain", "-t ext4 -J size=1", 16000 };
	struct bitmap *map;
	char *why;

	IMAGE_NEED("mke2fs");
	make_fs(&v, 56);
	embed(MIB);
	ck_assert_int_eq(run_map("disk.img", MIB, 16000 * KIB - 4096, 4096, &map, &why), 0);
	bitmap_free(map);
	free(why);
	ck_assert_int_eq(run_map("disk.img", MIB, 512, 4096, &map, &why), 0);
	bitmap_free(map);
	free(why);
	/* A tail behind the filesystem proves nothing and stays. */
	ck_assert_int_eq(run_map("disk.img", MIB, 16000 * KIB + 65536, 4096, &map, &why), 1);
	ck_assert(bitmap_all(map, MIB + 16000 * KIB, 65536));
	bitmap_free(map);
	free(why);
}
END_TEST

/* Whole sectors of noise in the metadata: an answer, never a crash. */
START_TEST(noise)
{
	uint64_t rnd = (uint64_t)_i + 991;
	const struct flavour *v = &flavours[_i * 5 % FLAVOURS];

	IMAGE_NEED("mke2fs");
	make_fs(v, (uint64_t)_i + 300);
	for (int i = 0; i < 60; i++) {
		uint8_t was[2048], is[2048];
		size_t len = 1 + image_random(&rnd) % sizeof(is);
		uint64_t at = 1024 + image_random(&rnd) % (i % 2 ? 1024 : 60000);
		struct bitmap *map;
		char *why;

		image_read("fs.img", was, len, at);
		for (size_t j = 0; j < len; j++)
			is[j] = (uint8_t)image_random(&rnd);
		if (at == 1024 || image_random(&rnd) % 2)
			memset(is, i % 3 ? 0 : 0xff, len);
		image_write("fs.img", is, len, at);
		run_map("fs.img", 0, v->size_kib * UINT64_C(1024), 4096, &map, &why);
		image_write("fs.img", was, len, at);
		bitmap_free(map);
		free(why);
	}
}
END_TEST

/* The kernel's own work, where a loop device can be mounted. */
START_TEST(mounted_history)
{
	static const struct flavour v[] = {
		{ "mounted ext4", "-t ext4 -J size=1", 40000 },
		{ "mounted ext3", "-t ext3 -J size=1", 40000 },
		{ "mounted rhel6", "-t ext4 -O ^metadata_csum,uninit_bg,^64bit -J size=1", 40000 },
		{ "mounted bigalloc", "-t ext4 -O bigalloc -C 16384 -J size=1", 40000 },
	};
	uint64_t length = v[_i].size_kib * UINT64_C(1024);
	struct bitmap *map;
	char *why;

	IMAGE_NEED("mke2fs");
	make_fs(&v[_i], (uint64_t)_i + 700);
	if (geteuid() != 0 || image_run("mkdir -p mnt && mount -o loop fs.img mnt") != 0) {
		UNIT_LEAVE("cannot mount");
	}
	/* Always unmounted, whatever the commands say. */
	image_run("i=0; while [ $i -lt 120 ]; do "
		  "head -c $((i * 7919 %% 90000)) /dev/urandom >mnt/n$((i * 31 %% 47)); "
		  "[ $((i %% 5)) = 0 ] && rm -f mnt/n$((i * 17 %% 47)); "
		  "mkdir -p mnt/q$((i %% 7))/r; i=$((i + 1)); done; "
		  "rm -rf mnt/a mnt/q3; fallocate -l 300K mnt/preallocated; "
		  "truncate -s 5M mnt/sparse; setfattr -n user.x -v $(printf '%%0900d' 1) "
		  "mnt/sparse");
	ck_assert_int_eq(image_run("umount mnt"), 0);
	ck_assert_int_eq(image_run("e2fsck -fn fs.img"), 0);
	ck_assert_msg(run_map("fs.img", 0, length, 512, &map, &why) == 1, "%s: %s", v[_i].name,
		      why);
	property_copy("fs.img", "copy.img", 0, length, map, 0xa5);
	compare_with_original(v[_i].name);
	/* The kernel goes on in it: inodes and journal begin where there was rubbish. */
	ck_assert_int_eq(image_run("mount -o loop copy.img mnt"), 0);
	image_run("i=0; while [ $i -lt 400 ]; do echo $i >mnt/after$i; i=$((i + 1)); done; sync; "
		  "mkdir mnt/after && mv mnt/after?* mnt/after/");
	ck_assert_int_eq(image_run("umount mnt"), 0);
	ck_assert_int_eq(image_run("e2fsck -fn copy.img"), 0);
	bitmap_free(map);
	free(why);
}
END_TEST

static Suite *suite_fs_ext(void)
{
	Suite *s = suite_create("fs_ext");
	TCase *tc = tcase_create("fs_ext");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, properties, 0, FLAVOURS);
	tcase_add_test(tc, doubts);
	tcase_add_test(tc, too_large_for_its_partition);
	tcase_add_loop_test(tc, noise, 0, 3);
	tcase_add_loop_test(tc, mounted_history, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_ext)
