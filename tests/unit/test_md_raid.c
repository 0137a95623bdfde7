/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arrays of every level with an ext4 that has a history: what the map of their disks calls used,
 * with zeroes for the rest, is the same array: in sync, with the same filesystem.
 */
#include "disk/md/md_assemble.h"
#include "disk/md/md_raid.h"
#include "disk/usedmap.h"
#include "tests/images/md.h"
#include "tests/images/property.h"

#define FS_SIZE	(20 * MIB)
#define G	((uint64_t)USEDMAP_GRANULARITY)

static const char *const images[MDW_MAX] = { "m0.img", "m1.img", "m2.img", "m3.img", "m4.img",
					     "m5.img" };
static const char *const copies[MDW_MAX] = { "c0.img", "c1.img", "c2.img", "c3.img", "c4.img",
					     "c5.img" };

/*
 * Made once, out of rubbish: fs.img with a history, plain.img with a free end. What was mounted is
 * copied: somebody else's mount namespace may still hold it.
 */
static void make_fs(void)
{
	static const char here[] = __FILE__;
	char script[512], cwd[256];

	image_setup();
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	snprintf(script, sizeof(script), "%s%s%.*s../images/history.sh", here[0] == '/' ? "" : cwd,
		 here[0] == '/' ? "" : "/", (int)(strrchr(here, '/') - here + 1), here);
	image_run("mkdir -p tree/a mnt; head -c 3000000 /dev/urandom >tree/a/f; "
		  "head -c 700000 /dev/urandom >tree/g; "
		  "head -c %" PRIu64 " /dev/urandom >plain.img; "
		  "mke2fs -q -F -E nodiscard -t ext4 -J size=1 -d tree plain.img; "
		  "cp plain.img made.img", FS_SIZE);
	if (geteuid() == 0)
		image_run("mount -o loop made.img mnt && "
			  "{ sh %s make mnt 77 60; sync -f mnt; umount mnt; }", script);
	image_run("mv made.img old.img; cp old.img fs.img; e2fsck -fy fs.img");
}

/* -- disks -- */

struct disks {
	struct disk *disk[MDW_MAX];
	struct space *whole[MDW_MAX], *part[MDW_MAX];
	unsigned int n;
};

static void open_disks(struct disks *d, const char *const *names, unsigned int n, uint64_t at,
		       uint64_t member_size)
{
	struct err err = ERR_INIT;

	d->n = n;
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_msg(disk_open(image_path(names[i]), 0, &d->disk[i], &err) == 0, "%s",
			      err.text);
		ck_assert_int_eq(space_on_disk(d->disk[i], NULL, names[i], &d->whole[i], &err), 0);
		ck_assert_msg(space_slice(d->whole[i], at, member_size, names[i], &d->part[i],
					  &err) == 0, "%s", err.text);
	}
}

static void close_disks(struct disks *d)
{
	for (unsigned int i = 0; i < d->n; i++) {
		space_free(d->part[i]);
		space_free(d->whole[i]);
		disk_free(d->disk[i]);
	}
}

/* The array's bytes into a file. */
static void read_array(const char *const *names, unsigned int n, uint64_t at, uint64_t member_size,
		       const char *to, uint64_t length)
{
	CLEANUP(assembly_done) struct assembly a = { 0 };
	struct disks d = { .n = 0 };
	struct err err = ERR_INIT;
	uint8_t *buf = malloc(MIB);

	open_disks(&d, names, n, at, member_size);
	ck_assert_msg(md_assemble(d.part, n, &a, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(a.nvolumes, 1);
	ck_assert_msg(a.volumes[0].space != NULL, "%s", a.volumes[0].why);
	ck_assert_uint_ge(a.volumes[0].space->size, length);
	image_make(to, length);
	/* Odd lengths, so that chunks are met in the middle. */
	for (uint64_t o = 0; o < length;) {
		size_t len = (size_t)MIN(length - o, UINT64_C(777216));

		ck_assert_msg(space_read(a.volumes[0].space, buf, len, o, &err) == 0, "%s",
			      err.text);
		image_write(to, buf, len, o);
		o += len;
	}
	free(buf);
	assembly_done(&a);
	close_disks(&d);
}

static struct usedmap_set *set;

static void build(const char *const *names, unsigned int n)
{
	struct disk *d[MDW_MAX];
	struct err err = ERR_INIT;

	usedmap_set_free(set);
	set = NULL;
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(disk_open(image_path(names[i]), 0, &d[i], &err), 0);
	ck_assert_msg(usedmap_build((const struct disk *const *)d, n, &set, &err) == 0, "%s",
		      err.text);
	for (unsigned int i = 0; i < n; i++)
		disk_free(d[i]);
}

static const struct usedmap_part *raid_part(unsigned int disk)
{
	const struct usedmap *m = set->maps[disk];

	for (size_t i = 0; i < m->nparts; i++)
		if (strcmp(m->parts[i].kind, "linux_raid_member") == 0)
			return &m->parts[i];
	ck_abort_msg("disk %u has no member", disk);
	return NULL;
}

static uint64_t freed(unsigned int n)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += raid_part(i)->free;
	return sum;
}

/* What the maps call used; the rest is zero. */
static void copy_disks(unsigned int n)
{
	uint8_t *buf = malloc(G);

	for (unsigned int i = 0; i < n; i++) {
		const struct bitmap *m = set->maps[i]->map;

		image_make(copies[i], m->size);
		for (uint64_t at = 0; at < m->size; at += G) {
			size_t len = (size_t)MIN(G, m->size - at);

			if (!bitmap_test(m, at))
				continue;
			image_read(images[i], buf, len, at);
			image_write(copies[i], buf, len, at);
		}
	}
	free(buf);
}

/* Every block that the filesystem uses is in the copy as it was. */
static void same_used_blocks(const char *fs, const char *what)
{
	CLEANUP(bitmap_free) struct bitmap *used = NULL;
	CLEANUP(mem_free) char *why = NULL;
	uint8_t a[4096], b[4096];

	ck_assert_int_eq(image_map(fs, 0, FS_SIZE, 4096, fs_ext_map, &used, &why), 1);
	for (uint64_t at = 0; at < FS_SIZE; at += sizeof(a)) {
		if (!bitmap_test(used, at))
			continue;
		image_read(fs, a, sizeof(a), at);
		image_read("back.img", b, sizeof(b), at);
		ck_assert_msg(memcmp(a, b, sizeof(a)) == 0, "%s: block at %" PRIu64, what, at);
	}
	ck_assert_msg(image_run("e2fsck -fn back.img") == 0, "%s: e2fsck", what);
}

/* -- the property -- */

#define OFFSET10	(1u << 16)

static const struct mdw specs[] = {
	{ "raid0", 0, 0, 3, 64, 12, 8 * MIB, MIB, NULL },
	{ "raid0-4k", 0, 0, 4, 4, 90, 8 * MIB, 0, NULL },
	{ "linear", -1, 0, 3, 0, 12, 8 * MIB, 2 * MIB, NULL },
	{ "linear-090", -1, 0, 2, 64, 90, 12 * MIB, 0, NULL },
	{ "raid1", 1, 0, 2, 0, 12, 24 * MIB, MIB, NULL },
	{ "raid1-1.0", 1, 0, 2, 0, 10, 24 * MIB, 0, NULL },
	{ "raid1-1.1", 1, 0, 3, 0, 11, 24 * MIB, 64 * KIB, NULL },
	{ "raid1-090", 1, 0, 2, 0, 90, 24 * MIB, 0, NULL },
	{ "raid4", 4, 5, 3, 64, 12, 12 * MIB, MIB, NULL },
	{ "raid5-la", 5, 0, 4, 64, 12, 8 * MIB, MIB, NULL },
	{ "raid5-ra", 5, 1, 4, 16, 12, 8 * MIB, MIB, NULL },
	{ "raid5-ls", 5, 2, 4, 512, 12, 8 * MIB, MIB, NULL },
	{ "raid5-rs", 5, 3, 3, 128, 12, 12 * MIB, 132 * KIB, NULL },
	{ "raid5-pf", 5, 4, 3, 64, 11, 12 * MIB, MIB + 512, NULL },
	{ "raid5-pl", 5, 5, 4, 4, 10, 8 * MIB, 0, NULL },
	{ "raid5-090", 5, 2, 3, 32, 90, 12 * MIB, 0, NULL },
	{ "raid6-la", 6, 0, 5, 64, 12, 8 * MIB, MIB, NULL },
	{ "raid6-ra", 6, 1, 4, 16, 12, 12 * MIB, MIB, NULL },
	{ "raid6-ls", 6, 2, 5, 64, 12, 8 * MIB, MIB + 4096, NULL },
	{ "raid6-rs", 6, 3, 6, 32, 12, 6 * MIB, MIB, NULL },
	{ "raid6-pf", 6, 4, 4, 128, 12, 12 * MIB, MIB, NULL },
	{ "raid6-pl", 6, 5, 5, 64, 12, 8 * MIB, MIB, NULL },
	{ "raid10-n2", 10, 0x102, 4, 64, 12, 12 * MIB, MIB, NULL },
	{ "raid10-n2x3", 10, 0x102, 3, 64, 12, 16 * MIB, MIB, NULL },
	{ "raid10-n3x5", 10, 0x103, 5, 16, 12, 16 * MIB, MIB, NULL },
	{ "raid10-f2", 10, 0x201, 3, 64, 12, 16 * MIB, MIB, NULL },
	{ "raid10-f3x4", 10, 0x301, 4, 64, 12, 18 * MIB, MIB, NULL },
	{ "raid10-o2", 10, OFFSET10 | 0x201, 4, 64, 12, 12 * MIB, MIB, NULL },
	{ "raid10-o3x5", 10, OFFSET10 | 0x301, 5, 64, 12, 18 * MIB, MIB, NULL },
};

/* Disks: a DOS table with one partition, or the member alone; `more` of disk behind the member. */
static void make_disks(const struct mdw *v, const char *fs, uint64_t at, uint64_t member_size,
		       const uint64_t more[static MDW_MAX])
{
	uint64_t ats[MDW_MAX];

	for (unsigned int i = 0; i < v->n; i++) {
		ats[i] = at;
		image_make(images[i], at + member_size + more[i]);
		if (at > 0)
			ck_assert_int_eq(image_run("echo 'start=%" PRIu64 ", size=%" PRIu64
						   ", type=fd' | sfdisk -q -X dos %s", at / 512,
						   member_size / 512, images[i]), 0);
	}
	mdw_write(v, fs, images, ats, member_size);
}

static void property(const struct mdw *v, const char *fs, uint64_t at,
		     const uint64_t more[static MDW_MAX])
{
	/* Behind the data there is room for superblocks and a little more; not in 0.90. */
	uint64_t behind = v->version == 90 ? 64 * KIB : 256 * KIB;
	uint64_t member_size = v->offset + v->size + behind, data_at[MDW_MAX];
	const struct usedmap_volume *vol;

	for (unsigned int i = 0; i < v->n; i++)
		data_at[i] = at + v->offset;
	make_disks(v, fs, at, member_size, more);
	ck_assert_uint_eq(mdw_mismatches(v, images, data_at), 0);
	build(images, v->n);
	ck_assert_uint_eq(set->nvolumes, 1);
	vol = &set->volumes[0];
	ck_assert_str_eq(vol->name, v->version == 90 ? "md3" : "md/data");
	ck_assert_msg(vol->trusted, "%s: %s", v->label, vol->why);
	ck_assert_str_eq(vol->kind, "ext4");
	for (unsigned int i = 0; i < v->n; i++) {
		const struct usedmap_part *p = raid_part(i);

		ck_assert_msg(p->trusted && strncmp(p->why, "member of md", 12) == 0, "%s: %s",
			      v->label, p->why);
		/* Before and behind the data. */
		ck_assert(bitmap_all(set->maps[i]->map, at, v->offset));
		ck_assert(bitmap_all(set->maps[i]->map, at + v->offset + v->size,
				     member_size - v->offset - v->size));
	}
	ck_assert_msg(freed(v->n) > vol->free / 3, "%s: %" PRIu64 " of %" PRIu64, v->label,
		      freed(v->n), vol->free);
	copy_disks(v->n);
	read_array(copies, v->n, at, member_size, "back.img", FS_SIZE);
	same_used_blocks(fs, v->label);
	/* Copies of small chunks lie differently within clusters: see md_raid.h. */
	if (v->level != 10 || mdw_chunk(v) >= G)
		ck_assert_msg(mdw_mismatches(v, copies, data_at) == 0,
			      "%s: the copy is not in sync", v->label);
}

START_TEST(copies_are_arrays)
{
	static const uint64_t behind[MDW_MAX] = { 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB,
						  3 * MIB };

	IMAGE_NEED("mke2fs");
	IMAGE_NEED("sfdisk");
	property(&specs[_i], "fs.img", MIB, behind);
}
END_TEST

/* The edge of each disk at another place of the data, where the filesystem is free. */
START_TEST(edges_of_disks)
{
	static const uint64_t behind[MDW_MAX] = { 0, 3 * MIB, 512, 64 * KIB, 700 * KIB, 0 };
	static const struct mdw v[] = {
		{ "raid5", 5, 2, 3, 64, 12, FS_SIZE / 2, 64 * KIB, NULL },
		{ "raid5-1.0", 5, 0, 4, 64, 10, 107 * 64 * KIB, 0, NULL },
		{ "raid6", 6, 2, 4, 32, 90, FS_SIZE / 2, 0, NULL },
	};

	IMAGE_NEED("mke2fs");
	/* A label at the end needs a partition: the disks' ends are not the members'. */
	if (v[_i].version == 12) {
		property(&v[_i], "plain.img", 0, behind);
	} else {
		IMAGE_NEED("sfdisk");
		property(&v[_i], "plain.img", 256 * KIB, behind);
	}
}
END_TEST

/* -- what is not released -- */

static int all_used(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (raid_part(i)->free > 0)
			return 0;
	return 1;
}

/* Members of RAID 5 that lie differently within clusters: read, but nothing left out. */
START_TEST(parity_of_unlike_members)
{
	static const struct mdw v = { "raid5", 5, 2, 3, 64, 12, 12 * MIB, MIB, NULL };
	uint64_t at[MDW_MAX] = { MIB, MIB + 512, MIB }, size = v.offset + v.size + 256 * KIB;

	IMAGE_NEED("mke2fs");
	IMAGE_NEED("sfdisk");
	for (unsigned int i = 0; i < v.n; i++) {
		image_make(images[i], at[i] + size + 3 * MIB);
		ck_assert_int_eq(image_run("echo 'start=%" PRIu64 ", size=%" PRIu64
					   ", type=fd' | sfdisk -q -X dos %s", at[i] / 512,
					   size / 512, images[i]), 0);
	}
	mdw_write(&v, "fs.img", images, at, size);
	build(images, v.n);
	ck_assert_msg(set->volumes[0].trusted, "%s", set->volumes[0].why);
	ck_assert_str_eq(set->volumes[0].kind, "ext4");
	ck_assert_int_eq(all_used(v.n), 1);
	ck_assert(strstr(raid_part(0)->why, "placed differently"));
}
END_TEST

struct witness {			/* a space that notes what is released */
	struct space space;
	uint8_t *freed;			/* per 4 KiB */
};

static int witness_read(const struct space *s, void *buf, size_t len, uint64_t offset,
			struct err *err)
{
	(void)s, (void)offset, (void)err;
	memset(buf, 0, len);
	return 0;
}

static void witness_release(struct space *s, uint64_t offset, uint64_t length)
{
	struct witness *w = container_of(s, struct witness, space);

	ck_assert(offset % 4096 == 0 && length % 4096 == 0);
	memset(w->freed + offset / 4096, 1, length / 4096);
}

static const struct space_ops witness_ops = { .read = witness_read, .release = witness_release };

/* Not on a disk: a member of an array on arrays. Nothing comes down. */
START_TEST(parity_on_what_is_no_disk)
{
	struct witness w[3];
	struct space_piece p[3];
	struct space *s;

	for (unsigned int i = 0; i < 3; i++) {
		space_init(&w[i].space, &witness_ops, MIB, 512, "w%u", i);
		w[i].freed = calloc(1, MIB / 4096);
		p[i] = (struct space_piece){ &w[i].space, 0, MIB };
	}
	ck_assert_int_eq(md_parity_new(p, 3, 1, 2, 65536, "md/x", &s, NULL), 0);
	ck_assert(!md_parity_releases(s));
	space_release(s, 0, s->size);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_ptr_null(memchr(w[i].freed, 1, MIB / 4096));
		free(w[i].freed);
	}
	space_free(s);
	ck_assert_int_eq(md_parity_new(p, 3, 1, 6, 65536, "md/x", &s, NULL), -EINVAL);
	ck_assert_int_eq(md_parity_new(p, 1, 1, 2, 65536, "md/x", &s, NULL), -EINVAL);
}
END_TEST

/*
 * Releases in pieces: what comes down is what comes down of the runs that they make, and a row that
 * is partly released stays.
 */
START_TEST(rows_in_pieces)
{
	enum { N = 4, SIZE = 16 << 20, CHUNK = 16384, ROW = (N - 1) * CHUNK };
	static const char *const names[] = { "r0.img", "r1.img", "r2.img", "r3.img" };
	struct bitmap *map[N];
	struct disk *disk[N];
	struct space *whole[N], *s;
	struct space_piece p[N];
	uint64_t rnd = 4711 + (uint64_t)_i;
	uint8_t *free_ = calloc(1, SIZE * (N - 1) / 512 + 1);

	for (unsigned int i = 0; i < N; i++) {
		image_make(names[i], SIZE + 2 * MIB + i * 65536);
		ck_assert_int_eq(disk_open(image_path(names[i]), 0, &disk[i], NULL), 0);
		ck_assert_int_eq(bitmap_new(disk[i]->size, G, &map[i]), 0);
		bitmap_set_all(map[i]);
		ck_assert_int_eq(space_on_disk(disk[i], map[i], names[i], &whole[i], NULL), 0);
		p[i] = (struct space_piece){ whole[i], MIB + 4096, SIZE - 65536 };
	}
	ck_assert_int_eq(md_parity_new(p, N, 1, (uint32_t)_i % 6, CHUNK, "md/x", &s, NULL), 0);
	ck_assert(md_parity_releases(s));
	for (uint64_t at = 0; at < s->size;) {
		uint64_t run = (1 + image_random(&rnd) % 2000) * 512, cut;

		run = MIN(run, s->size - at);
		if (image_random(&rnd) % 3 > 0) {
			memset(free_ + at / 512, 1, run / 512);
			for (uint64_t o = 0; o < run; o += cut) {
				cut = (1 + image_random(&rnd) % 300) * 512;
				cut = MIN(run - o, cut);
				space_release(s, at + o, cut);
			}
		}
		at += run;
	}
	for (unsigned int i = 0; i < N; i++)
		space_disk_settle(whole[i]);
	/* Each cluster of the data: clear on all members exactly when all of its rows are free. */
	for (uint64_t c = MIB; c < SIZE + MIB; c += G) {
		uint64_t from = c - MIB - 4096, to = from + G;
		bool whole_free = c >= MIB + G && to <= SIZE - 65536 && c + G <= SIZE + MIB;

		for (uint64_t x = from / CHUNK; whole_free && x * CHUNK < to; x++)
			for (uint64_t o = 0; o < ROW && whole_free; o += 512)
				whole_free = free_[(x * ROW + o) / 512];
		for (unsigned int i = 0; i < N; i++)
			ck_assert_msg(bitmap_test(map[i], c) == !whole_free,
				      "member %u at %" PRIu64 ": %d", i, c, whole_free);
	}
	for (unsigned int i = 0; i < N; i++) {
		ck_assert(bitmap_all(map[i], 0, MIB + G));
		space_free(whole[i]);
		disk_free(disk[i]);
		bitmap_free(map[i]);
	}
	space_free(s);
	free(free_);
}
END_TEST

/* -- labels at the end: a leg of a mirror looks like its filesystem, too -- */

START_TEST(mirror_of_two_partitions)
{
	static const struct mdw v[] = {
		{ "raid1-090", 1, 0, 2, 0, 90, 24 * MIB, 0, NULL },
		{ "raid1-1.0", 1, 0, 2, 0, 10, 24 * MIB, 0, NULL },
	};
	static const uint64_t behind[MDW_MAX] = { 2 * MIB, 2 * MIB };
	uint64_t size = v[_i].size + 256 * KIB;
	uint8_t byte;

	IMAGE_NEED("mke2fs");
	IMAGE_NEED("sfdisk");
	make_disks(&v[_i], "fs.img", MIB, size, behind);
	build(images, 2);
	ck_assert_uint_eq(set->nvolumes, 1);
	ck_assert_msg(set->volumes[0].trusted, "%s", set->volumes[0].why);
	ck_assert_str_eq(set->volumes[0].kind, "ext4");
	ck_assert_uint_gt(raid_part(0)->free, 4 * MIB);
	ck_assert_uint_eq(raid_part(0)->free, raid_part(1)->free);
	/* One alone: the other may be newer. */
	build(images + _i, 1);
	ck_assert_str_eq(raid_part(0)->kind, "linux_raid_member");
	ck_assert_msg(strstr(raid_part(0)->why, "is not here, or in doubt: all used"), "%s",
		      raid_part(0)->why);
	ck_assert_uint_eq(raid_part(0)->free, 0);
	ck_assert_uint_eq(set->nvolumes, 1);
	ck_assert(!set->volumes[0].trusted);
	/* A filesystem beside the label that is not what the array holds, by its first leg. */
	image_read(images[0], &byte, 1, MIB + 1024 + 0x38);
	byte ^= 0xff;
	image_write(images[0], &byte, 1, MIB + 1024 + 0x38);
	build(images, 2);
	ck_assert_msg(strstr(raid_part(0)->why, "contradict"), "%s", raid_part(0)->why);
	ck_assert_int_eq(all_used(2), 1);
}
END_TEST

/* RAID 1+0 by hand: a stripe over two mirrors. */
START_TEST(arrays_on_arrays)
{
	static const struct mdw outer = { "0", 0, 0, 2, 64, 12, 11 * MIB, MIB, "box:top" };
	static const char *const middle[] = { "o0.img", "o1.img" };
	static const uint64_t none[MDW_MAX] = { 0 };
	static const uint64_t behind[MDW_MAX] = { 2 * MIB, 2 * MIB, 2 * MIB, 2 * MIB };
	struct mdw inner = { "1", 1, 0, 2, 0, 12, 12 * MIB + 256 * KIB, MIB, NULL };
	uint64_t size = outer.offset + outer.size + 256 * KIB, in = inner.offset + inner.size + MIB;
	const struct usedmap_volume *top;

	IMAGE_NEED("mke2fs");
	IMAGE_NEED("sfdisk");
	for (unsigned int i = 0; i < 2; i++)
		image_make(middle[i], size);
	mdw_write(&outer, "fs.img", middle, none, size);
	for (unsigned int k = 0; k < 2; k++) {
		static const uint64_t at[] = { MIB, MIB };
		uint8_t sb[4096];

		for (unsigned int i = 0; i < 2; i++) {
			const char *name = images[2 * k + i];

			image_make(name, MIB + in + behind[i]);
			ck_assert_int_eq(image_run("echo 'start=2048, size=%" PRIu64
						   ", type=fd' | sfdisk -q -X dos %s", in / 512,
						   name), 0);
		}
		inner.name = k ? "box:b" : "box:a";
		mdw_write(&inner, middle[k], images + 2 * k, at, in);
		for (unsigned int i = 0; k == 1 && i < 2; i++) {
			image_read(images[2 + i], sb, sizeof(sb), MIB + 4096);
			sb[16] = 1;
			mdw_checksum(sb, false);
			image_write(images[2 + i], sb, sizeof(sb), MIB + 4096);
		}
	}
	build(images, 4);
	ck_assert_uint_eq(set->nvolumes, 3);
	ck_assert_str_eq(set->volumes[0].name, "md/a");
	ck_assert_str_eq(set->volumes[1].name, "md/b");
	ck_assert_str_eq(set->volumes[0].kind, "linux_raid_member");
	top = &set->volumes[2];
	ck_assert_str_eq(top->name, "md/top");
	ck_assert_msg(top->trusted, "%s", top->why);
	ck_assert_str_eq(top->kind, "ext4");
	ck_assert_uint_gt(freed(4), 8 * MIB);
	copy_disks(4);
	read_array(copies, 2, MIB, in, "o0.img", size);
	read_array(copies + 2, 2, MIB, in, "o1.img", size);
	read_array(middle, 2, 0, size, "back.img", FS_SIZE);
	same_used_blocks("fs.img", "1+0");
}
END_TEST

static void done(void)
{
	usedmap_set_free(set);
	set = NULL;
}

static Suite *suite(void)
{
	Suite *s = suite_create("md_raid");
	TCase *t = tcase_create("md_raid");

	tcase_add_unchecked_fixture(t, make_fs, image_teardown);
	tcase_add_checked_fixture(t, NULL, done);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, copies_are_arrays, 0, ARRAY_SIZE(specs));
	tcase_add_loop_test(t, edges_of_disks, 0, 3);
	tcase_add_test(t, parity_of_unlike_members);
	tcase_add_test(t, parity_on_what_is_no_disk);
	tcase_add_loop_test(t, rows_in_pieces, 0, 12);
	tcase_add_loop_test(t, mirror_of_two_partitions, 0, 2);
	tcase_add_test(t, arrays_on_arrays);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
