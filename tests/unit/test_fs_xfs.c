/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Used-block maps of XFS, with histories made by the kernel, or where it has no v4 any more, by
 * xfs_repair: many files are made, every other one is wiped, and what the repair frees is a free
 * space of many extents.
 *
 * Judges are xfs_repair, xfs_db (what it lists as free is what the map has clear) and the kernel.
 */
#include "test_fs_xfs.h"
#include "disk/usedmap.h"

struct flavour {
	const char *name, *options;
	unsigned int size_mib;
	bool syncs;			/* until the log has gone round */
};

static const struct flavour flavours[] = {
	{ "default", "", 40, false },
	{ "v5 plain", "-m finobt=0,rmapbt=0,reflink=0 -i sparse=0", 40, false },
	{ "rmapbt", "-m rmapbt=1,reflink=1 -b size=1024 -d agcount=2", 40, false },
	{ "rmapbt 4k sectors", "-m rmapbt=1 -s size=4096", 40, false },
	{ "1k", "-b size=1024 -i size=512 -n size=4096", 36, false },
	{ "2k", "-b size=2048 -m bigtime=1,inobtcount=1 -i nrext64=1,size=1024", 40, false },
	{ "one AG", "-d agcount=1 -m inobtcount=0,bigtime=0", 24, false },
	{ "five AGs", "-d agcount=5 -l agnum=3", 81, false },
	{ "log stripe", "-b size=1024 -l su=128k", 40, true },
	{ "log stripe 4k", "-l su=4k", 40, false },
	{ "64k", "-b size=65536", 160, false },
};

static const struct flavour old_flavours[] = {
	{ "v4", "-m crc=0 -d agcount=2", 40, false },
	{ "v4 512", "-m crc=0 -b size=512 -d agcount=2", 40, false },
	{ "v4 1k", "-m crc=0 -b size=1024 -l version=1 -d agcount=2", 40, false },
	{ "v4 not lazy", "-m crc=0 -b size=512 -l lazy-count=0 -d agcount=2", 40, false },
	{ "v4 4k sectors", "-m crc=0 -s size=4096 -i size=1024 -n version=ci -d agcount=2",
	  40, false },
};

static void make(const struct flavour *v)
{
	ck_assert_msg(image_run("rm -rf fs.img copy.img; truncate -s %uM fs.img; "
				XFS_MKFS "%s fs.img", v->size_mib, v->options) == 0, "%s", v->name);
}

/* -r: for those that have a realtime device. One AG alone is not believed without being told. */
static int repair(const char *options, const char *image)
{
	return image_run("if [ -e rt.img ]; then set -- -r rt.img; fi; "
			 "xfs_repair %s -f -o force_geometry \"$@\" %s", options, image);
}

static const char *history(void)
{
	static const char here[] = __FILE__;
	static char path[4096];
	char relative[512];

	snprintf(relative, sizeof(relative), "%.*s../images/history.sh",
		 (int)(strrchr(here, '/') ? strrchr(here, '/') - here + 1 : 0), here);
	ck_assert_ptr_nonnull(realpath(relative, path));
	return path;
}

static bool can_mount(void)
{
	return geteuid() == 0 &&
	       image_run("mkdir -p mnt && mount -o loop fs.img mnt && umount mnt") == 0;
}

/* A life, a free space in pieces, a few shared extents; what is there goes into the file list. */
static void live(const struct flavour *v, unsigned int seed)
{
	ck_assert_int_eq(image_run("mount -o loop fs.img mnt"), 0);
	image_run("sh %s make mnt %u 30; mkdir -p mnt/p; i=0; "
		  "while [ $i -lt 400 ]; do echo $i > mnt/p/$i; i=$((i + 1)); done; "
		  "rm -f mnt/p/*[02468]; "
		  "setfattr -n user.x -v $(printf '%%03000d' 1) mnt/p/1; "
		  "head -c 500000 /dev/urandom > mnt/shared; "
		  "for i in 1 2 3; do cp --reflink=always mnt/shared mnt/s$i; "
		  "dd if=/dev/urandom of=mnt/s$i bs=4096 seek=$((i * 7)) count=3 conv=notrunc; "
		  "done",
		  history(), seed);
	if (v->syncs)
		image_run("i=0; while [ $i -lt 80 ]; do echo $i > mnt/p/s; sync -f mnt/p/s; "
			  "i=$((i + 1)); done");
	image_run("sh %s list mnt > list", history());
	ck_assert_int_eq(image_run("umount mnt"), 0);
	ck_assert_int_eq(repair("-n", "fs.img"), 0);
}

/* What goes into a v4: a list of files for mkfs, and what xfs_db does to them. */
static void plan_old(void)
{
	FILE *f;

	f = fopen(image_path("proto"), "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "/none\n0 0\nd--755 0 0\n");
	for (unsigned int i = 0; i < 400; i++)
		fprintf(f, "f%u ---644 0 0 %s\n", i, image_path(i % 3 ? "small" : "large"));
	fprintf(f, "$\n");
	fclose(f);
	f = fopen(image_path("script"), "w");
	ck_assert_ptr_nonnull(f);
	for (unsigned int i = 0; i < 400; i += 2)
		fprintf(f, "path /f%u\nwrite core.mode 0\n", i);
	fprintf(f, "path /f1\nattr_set -v 30 name\n");
	fclose(f);
	ck_assert_int_eq(image_run("head -c 700 /dev/urandom > small; "
				   "head -c 9000 /dev/urandom > large"), 0);
}

static void make_old(const struct flavour *v)
{
	plan_old();
	ck_assert_msg(image_run("rm -f fs.img copy.img; truncate -s %uM fs.img; " XFS_MKFS
				"-p proto %s fs.img", v->size_mib, v->options) == 0, "%s", v->name);
	ck_assert_int_eq(image_run("xfs_db -x -f fs.img < script"), 0);
	repair("", "fs.img");
	ck_assert_int_eq(repair("-n", "fs.img"), 0);
}

/* Clear is what xfs_db has in its list of free extents, less the blocks of the AGFLs. */
static void compare_with_freesp(const char *what, const struct bitmap *map)
{
	struct xfs_image x = xfs_look("fs.img");
	CLEANUP(bitmap_free) struct bitmap *listed = NULL;
	uint64_t spare = 0;
	char line[256];
	FILE *f;

	ck_assert_int_eq(bitmap_new(map->size, map->granularity, &listed), 0);
	bitmap_set_all(listed);
	ck_assert_int_eq(image_run("xfs_db -r -f -c 'freesp -d' fs.img > freesp"), 0);
	f = fopen(image_path("freesp"), "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned int ag, start, n;

		if (strstr(line, "from"))
			break;
		if (sscanf(line, " %u %u %u", &ag, &start, &n) == 3)
			bitmap_clear_range(listed, xfs_block(&x, ag, start), (uint64_t)n * x.block);
	}
	fclose(f);
	for (uint32_t ag = 0; ag < x.ag_count; ag++)
		spare += xfs_peek(&x, XFS_AGF, ag, 48, 4) * x.block;
	ck_assert_msg(property_covers(map, listed), "%s: more is clear than is free", what);
	ck_assert_msg(bitmap_bytes(map) == bitmap_bytes(listed) + spare, "%s: less is clear", what);
}

static void copy_property(const struct flavour *v, bool mount, uint8_t fill)
{
	uint64_t size = v->size_mib * MIB;
	struct bitmap *map, *coarse;
	char *why;

	ck_assert_msg(xfs_map("fs.img", size, 512, &map, &why) == 1, "%s: %s", v->name, why);
	free(why);
	ck_assert_msg(bitmap_bytes(map) < size * 9 / 10, "%s: nothing free", v->name);
	compare_with_freesp(v->name, map);
	property_copy("fs.img", "copy.img", 0, size, map, fill);
	ck_assert_msg(repair("-n", "copy.img") == 0, "%s: the copy is damaged",
		      v->name);
	if (mount) {
		ck_assert_int_eq(image_run("mount -o loop,ro,norecovery copy.img mnt"), 0);
		image_run("sh %s list mnt > list2", history());
		ck_assert_int_eq(image_run("umount mnt"), 0);
		ck_assert_msg(image_run("test -s list && cmp list list2") == 0,
			      "%s: the copy's files differ", v->name);
	}
	ck_assert_int_eq(xfs_map("fs.img", size, USEDMAP_GRANULARITY, &coarse, &why), 1);
	ck_assert_uint_ge(bitmap_bytes(coarse), bitmap_bytes(map));
	free(why);
	bitmap_free(coarse);
	bitmap_free(map);
}

static struct xfs_image places;
static uint64_t places_head;

/* Superblocks, headers, roots and their first children, the log on both sides of its head. */
static uint64_t where(unsigned int i, uint64_t random)
{
	static const enum xfs_at at[] = {
		XFS_BNO, XFS_CNT, XFS_AGF, XFS_BNO, XFS_CNT, XFS_AGI, XFS_SB, XFS_INO, XFS_AGFL,
		XFS_LOG
	};
	enum xfs_at which = at[i % ARRAY_SIZE(at)];
	uint32_t ag = (uint32_t)(random >> 40) % places.ag_count, head = places.v5 ? 56 : 16;
	uint64_t start;
	uint8_t child[4];

	if (which == XFS_LOG)
		return places_head + (random >> 8) % 1536 - 1024;
	start = xfs_where(&places, which, ag);
	if (which <= XFS_AGI)
		return start + random % 344;
	if (which == XFS_AGFL)
		return start + random % 64;
	/* Into a child, half of the time, where there are any. */
	if (random & 1 && xfs_peek(&places, which, ag, 4, 2) > 0) {
		uint32_t max = (places.block - head) / (which == XFS_INO ? 8 : 12);

		image_read("fs.img", child, 4, start + head + max * (which == XFS_INO ? 4 : 8));
		start = xfs_block(&places, ag, get_be32(child));
	}
	return start + (random >> 8) % 256;
}

static uint64_t find_head(const struct xfs_image *x)
{
	uint32_t first = 0;

	for (uint64_t i = 0; i < x->log_length; i += 512) {
		uint8_t w[8];
		uint32_t cycle;

		image_read(x->name, w, 8, x->log + i);
		cycle = get_be32(w) == 0xfeedbabe ? get_be32(w + 4) : get_be32(w);
		if (i == 0)
			first = cycle;
		else if (cycle != first)
			return x->log + i;
	}
	return x->log + x->log_length;
}

static void corruption_property(const struct flavour *v, uint64_t seed)
{
	uint64_t size = v->size_mib * MIB;
	struct bitmap *truth;
	unsigned int doubts;
	char *why;

	ck_assert_int_eq(xfs_map("fs.img", size, 1024, &truth, &why), 1);
	places = xfs_look("fs.img");
	places_head = find_head(&places);
	doubts = property_corrupt("fs.img", fs_xfs_map, size, truth, 60, seed, where);
	/* Nothing but what is never looked at (and the log's slack) goes unnoticed in v5. */
	ck_assert_msg(doubts > (places.v5 ? 40 : 5), "%s: only %u refused", v->name, doubts);
	bitmap_free(truth);
	free(why);
}

START_TEST(properties)
{
	const struct flavour *v = &flavours[_i];
	struct xfs_image x;

	IMAGE_NEED("mkfs.xfs");
	make(v);
	if (!can_mount())
		UNIT_LEAVE("cannot mount");
	live(v, (unsigned int)_i + 1);
	if (v->syncs) {
		x = xfs_look("fs.img");
		ck_assert_msg(xfs_peek(&x, XFS_LOG, 0, 0, 4) != 1 &&
			      xfs_peek(&x, XFS_LOG, 0, 4, 4) != 1, "the log has not gone round");
	}
	copy_property(v, true, _i % 2 ? 0xa5 : 0);
	corruption_property(v, (uint64_t)_i);
}
END_TEST

START_TEST(properties_v4)
{
	const struct flavour *v = &old_flavours[_i];

	IMAGE_NEED("mkfs.xfs");
	make_old(v);
	copy_property(v, false, _i % 2 ? 0 : 0xa5);
	corruption_property(v, (uint64_t)_i + 50);
}
END_TEST

/* Right after mkfs, which also makes what the kernel here cannot mount. */
START_TEST(fresh)
{
	static const struct flavour v[] = {
		{ "v4", "-m crc=0", 16, false },
		{ "v4 log stripe", "-m crc=0 -l su=64k", 40, false },
		{ "v4 small log", "-m crc=0 -l version=1", 24, false },
		{ "realtime", "-r rtdev=rt.img", 40, false },
		{ "v4 realtime", "-m crc=0 -r rtdev=rt.img", 40, false },
		{ "32k", "-b size=32768", 130, false },
		{ "stripes", "-d su=64k,sw=4", 64, false },
	};

	IMAGE_NEED("mkfs.xfs");
	if (strstr(v[_i].options, "rtdev"))
		image_make("rt.img", 20 * MIB);
	make(&v[_i]);
	copy_property(&v[_i], false, 0xa5);
	unlink(image_path("rt.img"));
}
END_TEST

/* Tools that leave a filesystem at rest in another way than unmounting does. */
START_TEST(tools)
{
	static const struct flavour v = { "default", "-b size=1024", 40, false };

	IMAGE_NEED("mkfs.xfs");
	make(&v);
	if (!can_mount())
		UNIT_LEAVE("cannot mount");
	live(&v, 77);
	/* The log begins anew, with a later cycle and a gap. */
	ck_assert_int_eq(repair("-L", "fs.img"), 0);
	copy_property(&v, true, 0xa5);
	/* Another UUID: metadata keeps the old one. */
	ck_assert_int_eq(image_run("xfs_admin -U generate fs.img"), 0);
	copy_property(&v, true, 0);
	/* Larger than before. */
	ck_assert_int_eq(image_run("truncate -s 90M fs.img; mount -o loop fs.img mnt"), 0);
	image_run("xfs_growfs mnt");
	ck_assert_int_eq(image_run("umount mnt"), 0);
	ck_assert_uint_gt(xfs_look("fs.img").ag_count, 4);
	copy_property(&(struct flavour){ "grown", "", 90, false }, true, 0xa5);
}
END_TEST

START_TEST(not_at_rest)
{
	static const struct flavour v = { "default", "", 40, false };
	int r;

	IMAGE_NEED("mkfs.xfs");
	make(&v);
	if (!can_mount())
		UNIT_LEAVE("cannot mount");
	/* Images are taken from the device, as the disk of a crashed machine would be. */
	ck_assert_int_eq(image_run("mount -o loop fs.img mnt"), 0);
	r = image_run("sh %s make mnt 5 30; echo > mnt/a; sync -f mnt/a; cp fs.img busy.img && "
		      "xfs_freeze -f mnt && cp fs.img frozen.img; xfs_freeze -u mnt; echo > mnt/b; "
		      "xfs_io -x -c 'shutdown -f' mnt", history());
	ck_assert_int_eq(image_run("umount mnt"), 0);
	ck_assert_int_eq(r, 0);
	xfs_doubtful("busy.img", "busy", "log needs recovery");
	xfs_doubtful("frozen.img", "frozen", "log needs recovery");
	xfs_doubtful("fs.img", "shut down", "log needs recovery");
	ck_assert_int_eq(image_run("mount -o loop fs.img mnt && umount mnt"), 0);
	copy_property(&v, false, 0xa5);
}
END_TEST

static Suite *suite_fs_xfs(void)
{
	Suite *s = suite_create("fs_xfs");
	TCase *tc = tcase_create("fs_xfs");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, properties, 0, (int)ARRAY_SIZE(flavours));
	tcase_add_loop_test(tc, properties_v4, 0, (int)ARRAY_SIZE(old_flavours));
	tcase_add_loop_test(tc, fresh, 0, 7);
	tcase_add_test(tc, tools);
	tcase_add_test(tc, not_at_rest);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_xfs)
