/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kinds without a reader: all used, and the reason that people are given. */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "disk/usedmap.h"

static void expect(const char *kind, const char *why)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = NULL;
	CLEANUP(disk_free) struct disk *d = NULL;
	struct err err = ERR_INIT;
	const struct usedmap_part *p;

	ck_assert_msg(disk_open(image_path("disk.img"), 0, &d, &err) == 0, "%s", err.text);
	ck_assert_msg(usedmap_build((const struct disk *const[]){ d }, 1, &set, &err) == 0, "%s",
		      err.text);
	ck_assert_uint_ge(set->maps[0]->nparts, 1);
	p = &set->maps[0]->parts[0];
	ck_assert_str_eq(p->kind, kind);
	ck_assert_str_eq(p->why, why);
	ck_assert(!p->trusted);
	ck_assert_uint_eq(p->free, 0);
}

START_TEST(luks)
{
	uint8_t head[592] = "LUKS\xba\xbe\0\1aes";

	memcpy(head + 40, "xts-plain64", 11);
	memcpy(head + 72, "sha256", 6);
	put_be32(head + 104, 4096);
	put_be32(head + 108, 64);
	memcpy(head + 168, "00112233-4455-6677-8899-aabbccddeeff", 36);
	image_make("disk.img", 8 * MIB);
	image_write("disk.img", head, sizeof(head), 0);
	expect("crypto_LUKS", "encrypted: all used");
}
END_TEST

START_TEST(read_only)
{
	uint8_t head[96] = "hsqs";

	put_le32(head + 4, 1);
	put_le32(head + 12, 131072);
	put_le16(head + 28, 4);
	image_make("disk.img", 8 * MIB);
	image_write("disk.img", head, sizeof(head), 0);
	expect("squashfs", "a read-only filesystem without free space: all used");
}
END_TEST

START_TEST(others)
{
	image_make("disk.img", 8 * MIB);
	image_write("disk.img", "-rom1fs-", 8, 0);
	expect("romfs", "no reader for this kind: all used");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("contents");
	TCase *t = tcase_create("contents");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_add_test(t, luks);
	tcase_add_test(t, read_only);
	tcase_add_test(t, others);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
