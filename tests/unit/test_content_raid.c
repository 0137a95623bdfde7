/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of RAID arrays and volume groups, as mdadm and LVM2 wrote them (tests/images/raid.sh,
 * lvm.sh): against what mdadm and pvs said, changed by hand for what they did not write, damaged.
 */
#include "inventory/block/blk_probe.h"
#include "tests/images/image.h"
#include "tests/lib/content.h"

#define IMAGE "member.img"

static const char *load(const char *name)
{
	struct image_pv rec;

	unlink(image_path(IMAGE));
	image_load_pv(IMAGE, name, 0, &rec);
	/* Members end where the recorded device ended. */
	ck_assert_int_eq(truncate(image_path(IMAGE), (off_t)rec.size), 0);
	return image_path(IMAGE);
}

static const struct expected {
	const char *name, *type;
	content_fn *decode;
	const char *group, *group_uuid;
	uint32_t members;
	const char *level, *role;
} table[] = {
	{ "../raid/md12", "linux_raid_member", content_md, "db1:data",
	  "fab6c078-9585-0bce-7074-6ef73b6f4c8d", 2, "raid1", "0" },
	{ "../raid/md090", "linux_raid_member", content_md, "md7",
	  "4d678156-fe38-f6b6-3d18-6b3c53958f34", 2, "raid1", "1" },
	{ "../raid/md10-0", "linux_raid_member", content_md, "(none):five",
	  "78715c82-0f89-4974-ccd3-630d7fc4dc3b", 3, "raid5", "0" },
	{ "../raid/md10-2", "linux_raid_member", content_md, "(none):five",
	  "78715c82-0f89-4974-ccd3-630d7fc4dc3b", 3, "raid5", "2" },
	{ "../raid/md10-spare", "linux_raid_member", content_md, "(none):five",
	  "78715c82-0f89-4974-ccd3-630d7fc4dc3b", 3, "raid5", "spare" },
	{ "../raid/md11", "linux_raid_member", content_md, "(none):stripe",
	  "6614c919-e70c-eb90-91bc-9cfc9f64bd81", 1, "raid0", "0" },
	{ "../raid/imsm0", "isw_raid_member", content_imsm, "fast", "f66320fa", 2, "raid0", NULL },
	{ "../raid/imsm1", "isw_raid_member", content_imsm, "fast", "f66320fa", 2, "raid0", NULL },
	{ "../raid/ddf0", "ddf_raid_member", content_ddf, "vol0",
	  "4c696e75:782d4d44:deadbeef:00000000:5835857f:dce58e74", 2, "raid1", "1" },
	{ "../raid/ddf1", "ddf_raid_member", content_ddf, "vol0",
	  "4c696e75:782d4d44:deadbeef:00000000:5835857f:dce58e74", 2, "raid1", "0" },
	{ "holes", "LVM2_member", content_lvm, "holes", NULL, 1, NULL, "pv0" },
	{ "pair1", "LVM2_member", content_lvm, "pair", NULL, 2, NULL, "pv0" },
	{ "pair2", "LVM2_member", content_lvm, "pair", NULL, 2, NULL, "pv1" },
	{ "thin", "LVM2_member", content_lvm, "thin", NULL, 1, NULL, "pv0" },
};

static void same(const char *is, const char *wanted, const char *name)
{
	ck_assert_msg((!is && !wanted) || (is && wanted && strcmp(is, wanted) == 0),
		      "%s: %s instead of %s", name, is ? is : "(null)", wanted ? wanted : "(null)");
}

START_TEST(recorded_members)
{
	const struct expected *e = &table[_i];
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 }, probed = { 0 };
	CLEANUP(fd_close) int fd = open(load(e->name), O_RDONLY | O_CLOEXEC);

	CONTENT_OK(e->decode, image_path(IMAGE), &fs);
	same(fs.group, e->group, e->name);
	if (e->decode == content_lvm)
		ck_assert(fs.group_uuid && strlen(fs.group_uuid) == 38);
	else
		same(fs.group_uuid, e->group_uuid, e->name);
	ck_assert_uint_eq(fs.members, e->members);
	same(fs.level, e->level, e->name);
	same(fs.role, e->role, e->name);
	ck_assert(!fs.dirty && !fs.hibernated && fs.keyslots == 0);

	/* The decoder is asked by this type, and libblkid knows an array by the same UUID. */
	ck_assert_int_eq(blk_probe_fs(fd, 0, 0, &probed, NULL), 0);
	same(probed.type, e->type, e->name);
	if (e->decode == content_md)
		same(fs.group_uuid, probed.uuid, e->name);
}
END_TEST

START_TEST(both_pvs_of_a_group_agree)
{
	CLEANUP(content_fs_done) struct machine_fs one = { 0 }, two = { 0 };

	CONTENT_OK(content_lvm, load("pair1"), &one);
	CONTENT_OK(content_lvm, load("pair2"), &two);
	ck_assert_str_eq(one.group_uuid, two.group_uuid);
}
END_TEST

START_TEST(a_pv_without_a_group)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(content_of(content_lvm, load("orphan"), &fs, &err), -EBADMSG);
	ck_assert_str_eq(err.text, "the PV belongs to no volume group");
	ck_assert_ptr_null(fs.group);
}
END_TEST

/* -- what mdadm did not write -- */

static uint32_t v1_checksum(const uint8_t *sb)
{
	size_t len = 256 + 2 * get_le32(sb + 220);
	uint64_t sum = 0;

	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += i == 216 ? 0 : get_le32(sb + i);
	if (len % 4)
		sum += get_le16(sb + len - 2);
	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static void change_v1(size_t at, uint32_t value, struct machine_fs *fs)
{
	uint8_t sb[4096];

	load("../raid/md12");
	image_read(IMAGE, sb, sizeof(sb), 4096);
	ck_assert_uint_eq(v1_checksum(sb), get_le32(sb + 216));
	if (at == 256)
		put_le16(sb + at, (uint16_t)value);
	else
		put_le32(sb + at, value);
	put_le32(sb + 216, v1_checksum(sb));
	image_write(IMAGE, sb, sizeof(sb), 4096);
	CONTENT_OK(content_md, image_path(IMAGE), fs);
}

START_TEST(roles_and_levels)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *level, *role;
	} changes[] = {
		{ 256, 0xfffe, "raid1", "faulty" },
		{ 256, 0xfffd, "raid1", "journal" },
		{ 256, 0xffff, "raid1", "spare" },
		{ 256, 0xfeff, "raid1", "65279" },
		{ 160, 1000, "raid1", "spare" },	/* a number without a role */
		{ 72, (uint32_t)-1, "linear", "0" },
		{ 72, (uint32_t)-4, "multipath", "0" },
		{ 72, 10, "raid10", "0" },
		{ 72, 11, NULL, "0" },
		{ 220, 0, "raid1", "spare" },		/* no roles at all */
		{ 220, 3, "raid1", "0" },		/* an odd number of them */
	};
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	change_v1(changes[_i].at, changes[_i].value, &fs);
	same(fs.level, changes[_i].level, "level");
	same(fs.role, changes[_i].role, "role");
}
END_TEST

/* A 0.90 superblock of a big-endian machine: the same words, turned. */
START_TEST(big_endian_words)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 }, turned = { 0 };
	uint64_t at = (48 << 20) - 65536;
	uint8_t sb[4096];

	CONTENT_OK(content_md, load("../raid/md090"), &fs);
	image_read(IMAGE, sb, sizeof(sb), at);
	for (size_t i = 0; i < sizeof(sb); i += 4)
		put_be32(sb + i, get_le32(sb + i));
	image_write(IMAGE, sb, sizeof(sb), at);
	CONTENT_OK(content_md, image_path(IMAGE), &turned);
	same(turned.role, fs.role, "role");
	same(turned.group, "md7", "group");
	same(turned.group_uuid, fs.group_uuid, "uuid");
	ck_assert_uint_eq(turned.members, fs.members);
}
END_TEST

START_TEST(small_devices)
{
	static content_fn *const decoders[] = { content_md, content_imsm, content_ddf,
						content_lvm };
	static const uint64_t sizes[] = { 0, 1, 511, 512, 1023, 1024, 4096, 8191, 8192, 16384,
					  65535, 65536, 69632 };

	for (size_t i = 0; i < ARRAY_SIZE(decoders); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
			struct err err = ERR_INIT;

			image_make(IMAGE, sizes[j]);
			ck_assert_int_eq(content_of(decoders[i], image_path(IMAGE), &fs, &err),
					 -EBADMSG);
			ck_assert(err.text[0]);
		}
	}
}
END_TEST

static int must_not_read(void *arg, uint64_t offset, void *buf, size_t len)
{
	(void)offset, (void)buf, (void)len;
	++*(unsigned int *)arg;
	return 0;
}

/* A part of a disk ends where it ends: what is behind it belongs to another. */
START_TEST(nothing_is_read_behind_the_end)
{
	static const struct {
		uint64_t offset;
		size_t len;
	} bad[] = {
		{ 0, 4097 }, { 4096, 1 }, { 4095, 2 }, { UINT64_MAX, 2 }, { UINT64_MAX - 1, 2 },
	};
	unsigned int calls = 0;
	struct content_source s = { .read_at = must_not_read, .arg = &calls, .size = 4096 };
	uint8_t buf[4097];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		ck_assert_int_eq(content_read(&s, bad[i].offset, buf, bad[i].len, &err), -EBADMSG);
		ck_assert(strstr(err.text, "behind the end"));
	}
	ck_assert_uint_eq(calls, 0);
	ck_assert_int_eq(content_read(&s, 0, buf, 4096, NULL), 0);
	ck_assert_int_eq(content_read(&s, 4096, buf, 0, NULL), 0);
	ck_assert_uint_eq(calls, 2);
}
END_TEST

/* -- damage -- */

static const struct {
	const char *name;
	content_fn *decode;
	uint64_t at;
	size_t len;
	bool checked;			/* a checksum covers it: every change must be seen */
} damaged[] = {
	{ "../raid/md12", content_md, 4096, 260, true },
	{ "../raid/md090", content_md, (48 << 20) - 65536, 256, true },
	{ "../raid/md10-1", content_md, (48 << 20) - 8192, 260, true },
	{ "../raid/imsm0", content_imsm, (48 << 20) - 1024, 492, true },
	{ "../raid/ddf0", content_ddf, (48 << 20) - 512, 512, false },
	{ "pair1", content_lvm, 512, 256, true },
	{ "pair1", content_lvm, 4096, 512, false },
};

START_TEST(damage_is_seen_or_harmless)
{
	size_t bad = content_mutate(damaged[_i].decode, load(damaged[_i].name), damaged[_i].at,
				    damaged[_i].len, 6000);

	if (damaged[_i].checked)
		/* Cut mutants leave the file's own bytes behind them and so are no damage. */
		ck_assert_uint_gt(bad, 2000);
}
END_TEST

/* The parts that the anchor of DDF points at, which nothing protects. */
START_TEST(damage_below_a_ddf_anchor)
{
	static const unsigned int sections[] = { 208, 216, 224 };
	uint64_t end = 48 << 20, header;
	uint8_t buf[512];

	load("../raid/ddf0");
	image_read(IMAGE, buf, sizeof(buf), end - 512);
	header = get_be64(buf + 96) * 512;
	image_read(IMAGE, buf, sizeof(buf), header);
	content_mutate(content_ddf, image_path(IMAGE), header, 512, 4000);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		content_mutate(content_ddf, image_path(IMAGE),
			       header + 512 * (uint64_t)get_be32(buf + sections[i]), 1024, 2000);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("content_raid");
	TCase *t = tcase_create("content_raid");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, recorded_members, 0, ARRAY_SIZE(table));
	tcase_add_test(t, both_pvs_of_a_group_agree);
	tcase_add_test(t, a_pv_without_a_group);
	tcase_add_loop_test(t, roles_and_levels, 0, 11);
	tcase_add_test(t, big_endian_words);
	tcase_add_test(t, small_devices);
	tcase_add_test(t, nothing_is_read_behind_the_end);
	tcase_add_loop_test(t, damage_is_seen_or_harmless, 0, ARRAY_SIZE(damaged));
	tcase_add_test(t, damage_below_a_ddf_anchor);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
