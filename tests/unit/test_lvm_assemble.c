/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recorded volume groups: their volumes must read as they were written, and copies that are old,
 * twins or out of sync must not be trusted. (Texts made up: test_lvm_made.c.)
 */
#include <dirent.h>
#include "tests/unit/test_lvm_rig.h"
#include "disk/usedmap.h"

#define BLOCK	4096u

/* --- recorded --- */

/* Block N begins with "NAME N". */
static void expect_pattern(const char *volume, const char *name)
{
	const struct assembly_volume *v = rig_volume(volume);
	uint8_t b[BLOCK];
	char want[64];

	rig_expect(volume, NULL);
	for (uint64_t i = 0; i < v->space->size / BLOCK; i++) {
		snprintf(want, sizeof(want), "%s %" PRIu64 " ", name, i);
		/* Each assertion of check writes a mark, so there are few. */
		if (space_read(v->space, b, BLOCK, i * BLOCK, NULL) < 0 ||
		    memcmp(b, want, strlen(want)) != 0)
			ck_abort_msg("%s: block %" PRIu64 " reads %.20s", volume, i,
				     (const char *)b);
	}
}

/* What is released of it comes down to so many bytes of each disk. */
static void expect_release(const char *volume, size_t members, uint64_t copies)
{
	const struct assembly_volume *v = rig_volume(volume);
	uint64_t cleared = 0;

	ck_assert_uint_eq(v->nmembers, members);
	space_release(v->space, 0, v->space->size);
	for (size_t i = 0; i < rig.n; i++) {
		uint64_t here;

		space_disk_settle(rig.bottom[i]);
		here = rig.map[i]->size - bitmap_bytes(rig.map[i]);
		if (members == rig.n)
			ck_assert_uint_gt(here, 0);
		cleared += here;
		bitmap_set_all(rig.map[i]);
	}
	ck_assert_uint_eq(cleared, copies * v->space->size);
}

#define NEED_ZSTD()	IMAGE_NEED("zstd")

static void load_two(void)
{
	rig_load("two1", "two1");
	rig_load("two2", "two2");
}

START_TEST(as_written)
{
	static const struct {
		const char *name;
		size_t members;
		uint64_t copies, size;
	} two[] = {
		{ "linear", 1, 1, 1536 * KIB }, { "wide", 2, 1, 1536 * KIB },
		{ "narrow", 2, 1, 1536 * KIB }, { "pieces", 2, 1, 1408 * KIB },
		{ "other", 1, 1, 256 * KIB }, { "raid", 2, 2, MIB }, { "mirror", 2, 2, MIB },
		{ "zero", 2, 1, 512 * KIB }, { "zerometa", 2, 1, 512 * KIB },
	};
	char name[64];

	NEED_ZSTD();
	load_two();
	for (int turn = 0; turn < 2; turn++) {
		/* In whichever order. */
		if (turn)
			RIG_OPEN("two2", "two1");
		else
			RIG_OPEN("two1", "two2");
		for (size_t i = 0; i < 2; i++)
			rig_expect_member(i, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
			snprintf(name, sizeof(name), "two/%s", two[i].name);
			expect_pattern(name, two[i].name);
			ck_assert_uint_eq(rig_volume(name)->space->size, two[i].size);
			expect_release(name, two[i].members, two[i].copies);
		}
		rig_expect("two/core", "without a log");
		rig_expect("two/nothing", "of type zero");
		ck_assert_uint_eq(rig.a.nvolumes, ARRAY_SIZE(two) + 2);
	}
	/* Where it is all in one piece, libraries may have a descriptor. */
	{
		const struct disk *d;
		uint64_t at;

		ck_assert(space_is_linear(rig_volume("two/linear")->space, &d, &at));
		ck_assert(!space_is_linear(rig_volume("two/wide")->space, &d, &at));
	}
	rig_close();
}
END_TEST

START_TEST(no_areas)
{
	NEED_ZSTD();
	rig_load("bare1", "bare1");
	rig_load("bare2", "bare2");
	RIG_OPEN("bare2", "bare1");
	rig_expect_member(0, NULL);
	rig_expect_member(1, NULL);
	expect_pattern("bare/both", "both");
	RIG_OPEN("bare2");
	rig_expect_member(0, "no volume group lists the PV");
	ck_assert_uint_eq(rig.a.nvolumes, 0);
	RIG_OPEN("bare1");
	rig_expect_member(0, NULL);
	rig_expect("bare/both", "is not here");
	/* Another group lists it, too. */
	ck_assert_int_eq(image_run("cp bare1 other"), 0);
	{
		char *text = rig_text("bare1"), id[8], changed[8], uuid[32];
		uint8_t label[512];

		memcpy(id, strstr(text, "id = \"") + 6, 6);
		id[6] = '\0';
		memcpy(changed, id, sizeof(id));
		changed[0] = changed[0] == 'x' ? 'y' : 'x';
		rig_edit("other", "{", id, changed);
		/* Its own PV has another UUID. */
		image_read("other", label, sizeof(label), 512);
		snprintf(uuid, sizeof(uuid), "id = \"%.6s", (const char *)label + 32);
		label[32] = label[32] == 'x' ? 'y' : 'x';
		put_le32(label + 16, crc32_bare(LVM_CRC_INITIAL, label + 20, 492));
		image_write("other", label, sizeof(label), 512);
		free(text);
		text = strdup(uuid);
		text[6] = (char)label[32];
		rig_edit("other", "physical_volumes", uuid, text);
		free(text);
	}
	RIG_OPEN("bare1", "bare2", "other");
	rig_expect_member(0, NULL);
	rig_expect_member(1, "two volume groups list");
	rig_expect_member(2, NULL);
	rig_expect("bare/both", "in doubt");
	rig_close();
}
END_TEST

START_TEST(half_truths)
{
	NEED_ZSTD();
	rig_load("snap", "snap");
	RIG_OPEN("snap");
	rig_expect_member(0, NULL);
	ck_assert_uint_eq(rig.a.nvolumes, 2);
	rig_expect("snap/origin", "snapshots need");
	rig_expect("snap/snap", "shares blocks");
	rig_load("cached", "cached");
	RIG_OPEN("cached");
	rig_expect_member(0, NULL);
	ck_assert_uint_eq(rig.a.nvolumes, 2);
	rig_expect("cached/slow", "a cache may");
	rig_expect("cached/five", "RAID 5 in LVM");
	rig_close();
}
END_TEST

/* Chunks of volumes that are there are in use, those of the one that was removed are not. */
START_TEST(thin_pool)
{
	const struct assembly_volume *v;
	unsigned int kept = 0, gone = 0;
	uint8_t b[BLOCK];
	uint64_t chunk = 64 * KIB;

	NEED_ZSTD();
	rig_load("pool", "pool");
	RIG_OPEN("pool");
	rig_expect_member(0, NULL);
	ck_assert_uint_eq(rig.a.nvolumes, 4);
	v = rig_volume("pool/pool");
	ck_assert_msg(v->trusted, "%s", v->why);
	ck_assert_str_eq(v->kind, "thin pool");
	ck_assert_str_eq(v->why, "thin pool space map");
	ck_assert_uint_eq(v->space->size, 8 * MIB);
	for (uint64_t at = 0; at < v->space->size; at += chunk) {
		bool is_free = extents_find(&v->free, at);

		ck_assert_int_eq(space_read(v->space, b, BLOCK, at, NULL), 0);
		if (memcmp(b, "one ", 4) == 0 || memcmp(b, "two ", 4) == 0 ||
		    memcmp(b, "new ", 4) == 0) {
			ck_assert_msg(!is_free, "%.20s", (const char *)b);
			kept++;
		} else if (memcmp(b, "gone ", 5) == 0) {
			ck_assert_msg(is_free, "%.20s", (const char *)b);
			gone++;
		}
	}
	/* 300 blocks, 200, and the 16 that were written again, in chunks of 16. */
	ck_assert_uint_eq(kept, 19 + 13 + 1);
	ck_assert_uint_ge(gone, 11);
	ck_assert_uint_eq(extents_bytes(&v->free), 8 * MIB - kept * chunk);
	v = rig_volume("pool/one-before");
	ck_assert(!v->space && v->trusted);
	ck_assert_str_eq(v->kind, "thin volume");

	rig_edit("pool", "type = \"thin-pool\"", "transaction_id = ", "transaction_id = 1");
	RIG_OPEN("pool");
	rig_expect("pool/pool", "last transaction");
	ck_assert(!rig_volume("pool/one")->trusted);
	rig_close();
}
END_TEST

/* Through the whole map: the pool's free chunks are clusters of the disk. */
START_TEST(thin_pool_on_a_disk)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = NULL;
	CLEANUP(disk_free) struct disk *d = NULL;
	struct err err = ERR_INIT;
	const struct usedmap_volume *pool = NULL;

	NEED_ZSTD();
	rig_load("pool", "pool");
	ck_assert_int_eq(disk_open(image_path("pool"), 0, &d, &err), 0);
	ck_assert_msg(usedmap_build((const struct disk *const *)&d, 1, &set, &err) == 0, "%s",
		      err.text);
	for (size_t i = 0; i < set->nvolumes; i++)
		if (strcmp(set->volumes[i].name, "pool/pool") == 0)
			pool = &set->volumes[i];
	ck_assert_ptr_nonnull(pool);
	ck_assert(pool->trusted);
	ck_assert_uint_eq(pool->free, 8 * MIB - 33 * 64 * KIB);
	/* The PV: 24 MiB less label and rest; 2 MiB metadata twice, and the used chunks. */
	ck_assert_uint_eq(set->maps[0]->parts[0].used, MIB + MIB + 4 * MIB + 33 * 64 * KIB);
}
END_TEST

/* --- groups that do not agree --- */

START_TEST(not_all_there)
{
	NEED_ZSTD();
	load_two();
	RIG_OPEN("two1");
	rig_expect_member(0, NULL);
	expect_pattern("two/other", "other");
	rig_expect("two/linear", "is not here");
	rig_expect("two/wide", "is not here");
	rig_expect("two/pieces", "is not here");
	rig_expect("two/raid", "is not here");
	rig_expect("two/mirror", "is not here");
	/* Marked, although it is here: then its copy may be an old one. */
	for (int i = 0; i < 2; i++)
		rig_edit(i ? "two1" : "two2", "pv1 {", "flags = []", "flags = [\"MISSING\"]");
	RIG_OPEN("two1", "two2");
	rig_expect_member(0, NULL);
	rig_expect_member(1, "marked missing");
	rig_expect("two/linear", "in doubt");
	expect_pattern("two/other", "other");
	rig_close();
}
END_TEST

static uint64_t seqno_of(const char *image)
{
	char *text = rig_text(image);
	uint64_t n = strtoull(strstr(text, "seqno = ") + 8, NULL, 10);

	free(text);
	return n;
}

START_TEST(an_older_copy)
{
	char from[32], to[32];

	NEED_ZSTD();
	load_two();
	snprintf(from, sizeof(from), "seqno = %" PRIu64, seqno_of("two2"));
	snprintf(to, sizeof(to), "seqno = %" PRIu64, seqno_of("two2") - 1);
	rig_edit("two2", "{", from, to);
	for (int turn = 0; turn < 2; turn++) {
		if (turn)
			RIG_OPEN("two2", "two1");
		else
			RIG_OPEN("two1", "two2");
		rig_expect_member((size_t)turn, NULL);
		rig_expect_member((size_t)!turn, "older than that of");
		expect_pattern("two/other", "other");
		rig_expect("two/linear", "in doubt");
		rig_expect("two/narrow", "in doubt");
		rig_expect("two/raid", "in doubt");
	}
	rig_edit("two2", "{", to, "seqno = 0");
	RIG_OPEN("two1", "two2");
	rig_expect_member(0, NULL);
	rig_expect_member(1, "no id or no number");
	rig_close();
}
END_TEST

START_TEST(other_copies)
{
	NEED_ZSTD();
	load_two();
	rig_edit("two2", "other {", "\"WRITE\", ", "");
	RIG_OPEN("two1", "two2");
	rig_expect_member(0, "disagree");
	rig_expect_member(1, "disagree");
	ck_assert_uint_eq(rig.a.nvolumes, 0);
	/* Alone each is fine. */
	RIG_OPEN("two2");
	rig_expect_member(0, NULL);
	expect_pattern("two/linear", "linear");
	rig_close();
}
END_TEST

START_TEST(twins)
{
	NEED_ZSTD();
	load_two();
	ck_assert_int_eq(image_run("cp two2 copy"), 0);
	RIG_OPEN("two2", "two1", "copy");
	rig_expect_member(0, "same UUID");
	rig_expect_member(1, NULL);
	rig_expect_member(2, "same UUID");
	expect_pattern("two/other", "other");
	rig_expect("two/linear", "in doubt");
	RIG_OPEN("two2", "copy");
	rig_expect_member(0, "same UUID");
	rig_expect_member(1, "same UUID");
	ck_assert_uint_eq(rig.a.nvolumes, 0);
	rig_close();
}
END_TEST

START_TEST(two_groups)
{
	NEED_ZSTD();
	load_two();
	rig_load("snap", "snap");
	rig_load("bare1", "bare1");
	RIG_OPEN("snap", "two2", "bare1", "two1");
	for (size_t i = 0; i < 4; i++)
		rig_expect_member(i, NULL);
	expect_pattern("two/wide", "wide");
	rig_expect("snap/origin", "snapshots");
	rig_expect("bare/both", "is not here");
	rig_close();
}
END_TEST

/* --- are the copies in sync? --- */

/* Where the first sector with that beginning is, at or behind "from". */
static uint64_t find(const char *image, const char *magic, uint64_t from)
{
	uint8_t b[512];

	for (uint64_t at = from; at < 24 * MIB; at += 512) {
		image_read(image, b, sizeof(b), at);
		if (memcmp(b, magic, strlen(magic)) == 0)
			return at;
	}
	ck_abort_msg("no %s", magic);
	return 0;
}

static void try_bytes(const char *image, uint64_t at, const void *p, size_t len,
		      const char *volume, const char *phrase)
{
	uint8_t was[16];

	ck_assert_uint_le(len, sizeof(was));
	image_read(image, was, len, at);
	ck_assert_msg(memcmp(was, p, len) != 0, "%s: nothing changes", phrase);
	image_write(image, p, len, at);
	RIG_OPEN("two1", "two2");
	rig_expect(volume, phrase);
	/* Nothing else was touched. */
	expect_pattern("two/other", "other");
	image_write(image, was, len, at);
}

START_TEST(raid1_states)
{
	static const struct {
		const char *phrase;
		unsigned int offset;
		uint8_t byte;
	} fields[] = {
		{ "no superblock", 0, 'd' },
		{ "unknown features", 4, 2 },
		{ "another array", 8, 3 },
		{ "another array", 12, 5 },
		{ "missed changes", 16, 200 },
		{ "a leg failed", 24, 1 },
		{ "not in sync", 32, 0 },
		{ "not in sync", 40, 0 },
		{ "another array", 48, 10 },
		{ "being reshaped", 60, 1 },
		{ "being reshaped", 64, 0 },
		{ "being reshaped", 72, 5 },
		{ "being reshaped", 84, 1 },
		{ "being reshaped", 96, 8 },
		{ "being reshaped", 104, 8 },
		{ "another array", 113, 7 },
		{ "a leg failed", 120, 1 },
		{ "a leg failed", 143, 1 },
		{ "unknown features", 144, 1 },
		{ "no bitmap", 4096, 'B' },
		{ "no bitmap", 4096 + 4, 5 },
		{ "no bitmap", 4096 + 41, 9 },
		{ "no bitmap", 4096 + 52, 1 },
		{ "out of date", 4096 + 24, 200 },
		{ "out of date", 4096 + 48, 2 },
		{ "in use when", 4096 + 256, 1 },
	};

	NEED_ZSTD();
	load_two();
	for (int leg = 0; leg < 2; leg++) {
		const char *image = leg ? "two2" : "two1";
		uint64_t sb = find(image, "DmRd", 0);

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			try_bytes(image, sb + fields[i].offset, &fields[i].byte, 1, "two/raid",
				  leg == 0 && fields[i].offset == 16 ? "out of date" :
				  fields[i].phrase);
	}
	/* Never brought in sync, rebuilt now, and a leg that is read seldom. */
	for (int i = 0; i < 2; i++)
		rig_edit(i ? "two1" : "two2", "\nraid {", "\"VISIBLE\"",
			 "\"VISIBLE\", \"NOTSYNCED\"");
	RIG_OPEN("two1", "two2");
	rig_expect("two/raid", "never brought in sync");
	load_two();
	for (int i = 0; i < 2; i++)
		rig_edit(i ? "two1" : "two2", "raid_rimage_1 {", "\"READ\"",
			 "\"REBUILD\", \"READ\"");
	RIG_OPEN("two1", "two2");
	rig_expect("two/raid", "marked in an unknown way");
	load_two();
	for (int i = 0; i < 2; i++)
		rig_edit(i ? "two1" : "two2", "raid_rimage_1 {", "\"READ\"",
			 "\"WRITEMOSTLY\", \"READ\"");
	RIG_OPEN("two1", "two2");
	expect_pattern("two/raid", "raid");
	rig_close();
}
END_TEST

START_TEST(mirror_log)
{
	static const uint8_t zero = 0, other = 9;
	uint64_t at;
	const char *image = "two2";

	NEED_ZSTD();
	load_two();
	at = find(image, "rRiM", 0);
	try_bytes(image, at, &other, 1, "two/mirror", "another mirror");
	try_bytes(image, at + 4, &other, 1, "two/mirror", "another mirror");
	try_bytes(image, at + 8, &other, 1, "two/mirror", "another mirror");
	try_bytes(image, at + 1024, &zero, 1, "two/mirror", "not in sync");
	rig_close();
}
END_TEST

/* --- a filesystem's life on a volume --- */

/* Where byte "at" of recorded LV pair/striped is: lvm2's stripes of 64 KiB, from extent 0 on. */
static unsigned int place(uint64_t at, uint64_t *ret)
{
	uint64_t stripe = at >> 16;

	*ret = MIB + (stripe / 2 << 16) + (at & 0xffff);
	return stripe & 1;
}

static const char *const pair[] = { "pair1", "pair2" };

static void carry(const char *fs, const char *const *disks, uint64_t size, bool to_disks)
{
	uint8_t b[BLOCK];

	for (uint64_t at = 0; at < size; at += BLOCK) {
		uint64_t where;
		const char *disk = disks[place(at, &where)];

		if (to_disks) {
			image_read(fs, b, BLOCK, at);
			image_write(disk, b, BLOCK, where);
		} else {
			image_read(disk, b, BLOCK, where);
			image_write(fs, b, BLOCK, at);
		}
	}
}

static void expect_truth(const struct image_pv *rec)
{
	/* What place() thinks of: ten extents on each from the first on, or five. */
	ck_assert_uint_ge(rec->n, 1);
	ck_assert_uint_eq(rec->start[0], 0);
	ck_assert_uint_eq(rec->count[0], 5);
}

START_TEST(a_life_on_stripes)
{
	static const char *const copies[] = { "copy1", "copy2" };
	uint64_t size = 10 * MIB, free_ = 0;
	struct disk *disks[2] = { NULL, NULL };
	struct usedmap_set *set = NULL;
	const struct usedmap_volume *v = NULL;
	struct err err = ERR_INIT;
	static const char here[] = __FILE__;
	char top[512];

	IMAGE_NEED("mke2fs");
	if (image_run("truncate -s 1M try && mke2fs -q -F try && mkdir -p m && "
		      "mount -o loop try m && umount m") != 0)
		UNIT_LEAVE("no loop mounts");
	ck_assert_ptr_nonnull(getcwd(top, sizeof(top)));
	if (here[0] == '/')
		top[0] = '\0';
	for (unsigned int i = 0; i < 2; i++) {
		struct image_pv rec;

		unlink(image_path(pair[i]));
		image_load_pv(pair[i], pair[i], 0, &rec);
		ck_assert_int_eq(truncate(image_path(pair[i]), (off_t)rec.size), 0);
		expect_truth(&rec);
	}
	ck_assert_int_eq(image_run("rm -f fs; truncate -s 10M fs; mke2fs -q -F -t ext4 %s fs "
				   "&& mount -o loop fs m && { sh %s/%.*s../images/history.sh make "
				   "m %d 60; sync -f m; sh %s/%.*s../images/history.sh list "
				   "m > before; umount m; }",
				   _i ? "-O ^has_journal -b 4096" : "-J size=1 -b 1024", top,
				   (int)(strrchr(here, '/') - here + 1), here, 17 + _i, top,
				   (int)(strrchr(here, '/') - here + 1), here), 0);
	carry("fs", pair, size, true);

	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(disk_open(image_path(pair[i]), 0, &disks[i], &err), 0);
	ck_assert_msg(usedmap_build((const struct disk *const *)disks, 2, &set, &err) == 0, "%s",
		      err.text);
	for (size_t i = 0; i < set->nvolumes; i++)
		if (strcmp(set->volumes[i].name, "pair/striped") == 0)
			v = &set->volumes[i];
	ck_assert_ptr_nonnull(v);
	ck_assert_msg(v->trusted, "%s", v->why);
	ck_assert_str_eq(v->kind, "ext4");
	ck_assert_uint_eq(v->size, size);
	ck_assert_uint_gt(v->free, MIB);
	for (unsigned int i = 0; i < 2; i++) {
		struct bitmap *map = set->maps[i]->map;

		for (uint64_t at = 0; at < size / 2; at += USEDMAP_GRANULARITY)
			free_ += bitmap_test(map, MIB + at) ? 0 : USEDMAP_GRANULARITY;
		property_copy(pair[i], copies[i], 0, disks[i]->size, map, 0x5a);
		/* Label and metadata are kept, too. */
		ck_assert(bitmap_all(map, 0, MIB));
	}
	/* A stripe is as large as a cluster, so this is not little. */
	ck_assert_uint_gt(free_, MIB);
	image_make("back", size);
	carry("back", copies, size, false);
	ck_assert_int_eq(image_run("e2fsck -fn back"), 0);
	ck_assert_int_eq(image_run("mount -o loop,ro back m && { sh %s/%.*s../images/history.sh "
				   "list m > after; umount m; } && cmp before after", top,
				   (int)(strrchr(here, '/') - here + 1), here), 0);
	usedmap_set_free(set);
	disk_free(disks[0]);
	disk_free(disks[1]);
}
END_TEST

static Suite *suite_lvm_assemble(void)
{
	Suite *s = suite_create("lvm_assemble");
	TCase *tc = tcase_create("lvm_assemble");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, as_written);
	tcase_add_test(tc, no_areas);
	tcase_add_test(tc, half_truths);
	tcase_add_test(tc, thin_pool);
	tcase_add_test(tc, thin_pool_on_a_disk);
	tcase_add_test(tc, not_all_there);
	tcase_add_test(tc, an_older_copy);
	tcase_add_test(tc, other_copies);
	tcase_add_test(tc, twins);
	tcase_add_test(tc, two_groups);
	tcase_add_test(tc, raid1_states);
	tcase_add_test(tc, mirror_log);
	tcase_add_loop_test(tc, a_life_on_stripes, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_lvm_assemble)
