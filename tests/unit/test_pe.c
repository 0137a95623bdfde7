/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sections of EFI programs: a unified kernel image's parts. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/pe.h"
#include "tests/lib/mutate.h"

#define AT	0x80
#define TABLE	(AT + 24 + 112)

static void put_section(uint8_t *p, size_t i, const char *name, uint32_t used, uint32_t size,
			uint32_t offset)
{
	uint8_t *s = p + TABLE + i * 40;

	memcpy(s, name, strlen(name));
	put_le32(s + 8, used);
	put_le32(s + 16, size);
	put_le32(s + 20, offset);
}

static void make(uint8_t p[static 512])
{
	memset(p, 0, 512);
	memcpy(p, "MZ", 2);
	put_le32(p + 0x3c, AT);
	memcpy(p + AT, "PE\0\0", 4);
	put_le16(p + AT + 6, 3);
	put_le16(p + AT + 20, 112);
	put_le16(p + AT + 24, 0x20b);
	put_section(p, 0, ".linux", 5, 16, 400);
	put_section(p, 1, ".cmdline", 4, 16, 416);
	put_section(p, 2, ".initrd", 400, 80, 432);
}

START_TEST(sections_are_found)
{
	uint8_t p[512];
	size_t at = 0, n = 0;

	make(p);
	ck_assert_int_eq(pe_section(p, sizeof(p), ".linux", &at, &n, NULL), 0);
	ck_assert(at == 400 && n == 5);
	/* A name of eight bytes has no NUL behind it. */
	ck_assert_int_eq(pe_section(p, sizeof(p), ".cmdline", &at, &n, NULL), 0);
	ck_assert(at == 416 && n == 4);
	/* Longer in memory than in the file. */
	ck_assert_int_eq(pe_section(p, sizeof(p), ".initrd", &at, &n, NULL), 0);
	ck_assert(at == 432 && n == 80);
	ck_assert_int_eq(pe_section(p, sizeof(p), ".uname", &at, &n, NULL), -ENOENT);
	ck_assert_int_eq(pe_section(p, sizeof(p), ".cmdlines", &at, &n, NULL), -ENOENT);
	ck_assert_int_eq(pe_section(p, 511, ".initrd", &at, &n, NULL), -EBADMSG);
	ck_assert_int_eq(pe_section(p, TABLE + 119, ".linux", &at, &n, NULL), -EBADMSG);
	ck_assert_int_eq(pe_section("no", 2, ".linux", &at, &n, NULL), -EBADMSG);
}
END_TEST

static void one(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	size_t at = 0, n = 0;

	(void)opaque;
	if (pe_section(data, len, ".initrd", &at, &n, NULL) == 0)
		ck_assert_msg(at <= len && n <= len - at, "%s", what);
}

START_TEST(damage_leads_nowhere_outside)
{
	uint8_t p[512];

	make(p);
	ck_assert_uint_gt(mutate_each(p, sizeof(p), 0, one, NULL), 1000);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pe");
	TCase *tc = tcase_create("pe");

	tcase_add_test(tc, sections_are_found);
	tcase_add_test(tc, damage_leads_nowhere_outside);
	suite_add_tcase(s, tc);
	return s;
}
UNIT_MAIN(suite)
