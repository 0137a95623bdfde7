/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Swap: free but for its header, never when somebody sleeps in it. */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "disk/usedmap.h"

#define G	USEDMAP_GRANULARITY
#define AT	(2 * MIB)
#define LENGTH	(16 * MIB)

/* A hand-made header, so that every page size can be tested on every machine. */
static void make_swap(uint64_t page, uint32_t last_page, const char *signature,
		      size_t signature_len)
{
	uint8_t head[65536] = { 0 };

	image_make("disk.img", AT + LENGTH + MIB);
	put_le32(head + 1024, 1);
	put_le32(head + 1028, last_page);
	memcpy(head + page - 10, signature, signature_len);
	image_write("disk.img", head, sizeof(head), AT);
}

static int run_map(uint64_t length, struct bitmap **ret, char **why)
{
	return image_map("disk.img", AT, length, G, fs_swap_map, ret, why);
}

static void expect_doubt(uint64_t length, const char *phrase)
{
	struct bitmap *b;
	char *why;

	ck_assert_int_eq(run_map(length, &b, &why), 0);
	ck_assert_msg(strstr(why, phrase) != NULL, "%s", why);
	bitmap_free(b);
	free(why);
}

START_TEST(page_sizes)
{
	uint64_t page = UINT64_C(4096) << _i;
	struct bitmap *b;
	char *why;

	make_swap(page, (uint32_t)(LENGTH / page - 1), "SWAPSPACE2", 10);
	ck_assert_msg(run_map(LENGTH, &b, &why) == 1, "%s", why);
	ck_assert(bitmap_all(b, 0, AT + G));
	ck_assert(!bitmap_any(b, AT + G, LENGTH - G));
	ck_assert(bitmap_all(b, AT + LENGTH, MIB));
	bitmap_free(b);
	free(why);
}
END_TEST

START_TEST(made_by_mkswap)
{
	struct bitmap *b;
	char *why;

	IMAGE_NEED("mkswap");
	image_make("disk.img", AT + LENGTH + MIB);
	ck_assert_int_eq(image_run("truncate -s %" PRIu64 " s.img && mkswap -L x s.img && "
				   "dd if=s.img of=disk.img bs=1M seek=2 conv=notrunc", LENGTH), 0);
	ck_assert_msg(run_map(LENGTH, &b, &why) == 1, "%s", why);
	ck_assert_uint_eq(bitmap_bytes(b), AT + G + MIB);
	bitmap_free(b);
	free(why);
}
END_TEST

/* Swap that is smaller than its partition: the tail stays. */
START_TEST(smaller_than_partition)
{
	struct bitmap *b;
	char *why;

	make_swap(4096, LENGTH / 2 / 4096 - 1, "SWAPSPACE2", 10);
	ck_assert_int_eq(run_map(LENGTH, &b, &why), 1);
	ck_assert(!bitmap_any(b, AT + G, LENGTH / 2 - G));
	ck_assert(bitmap_all(b, AT + LENGTH / 2, LENGTH / 2));
	bitmap_free(b);
	free(why);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
} sleepers[] = {
	{ "S1SUSPEND", 9 }, { "S2SUSPEND", 9 }, { "ULSUSPEND", 9 }, { "LINHIB0001", 10 },
	{ "\xed\xc3\x02\xe9\x98\x56\xe5\x0c", 8 },
};

START_TEST(hibernated)
{
	for (uint64_t page = 4096; page <= 65536; page *= 2) {
		make_swap(page, (uint32_t)(LENGTH / page - 1), sleepers[_i].text, sleepers[_i].len);
		expect_doubt(LENGTH, "hibernated");
	}
	/* Also when a stale signature of another page size says all is well. */
	make_swap(4096, LENGTH / 4096 - 1, "SWAPSPACE2", 10);
	image_write("disk.img", sleepers[_i].text, sleepers[_i].len, AT + 8192 - 10);
	expect_doubt(LENGTH, "hibernated");
}
END_TEST

START_TEST(doubts)
{
	make_swap(4096, LENGTH / 4096 - 1, "SWAP-SPACE", 10);
	expect_doubt(LENGTH, "no swap signature");
	make_swap(4096, LENGTH / 4096, "SWAPSPACE2", 10);
	expect_doubt(LENGTH, "impossible size");
	make_swap(4096, UINT32_MAX, "SWAPSPACE2", 10);
	expect_doubt(LENGTH, "impossible size");
	make_swap(4096, 0, "SWAPSPACE2", 10);
	expect_doubt(LENGTH, "impossible size");
	make_swap(4096, LENGTH / 4096 - 1, "SWAPSPACE2", 10);
	image_write("disk.img", "SWAPSPACE2", 10, AT + 65536 - 10);
	expect_doubt(LENGTH, "two swap signatures");
	make_swap(4096, LENGTH / 4096 - 1, "SWAPSPACE2", 10);
	image_write("disk.img", "\0\0\0\1", 4, AT + 1024);	/* of a big-endian machine */
	expect_doubt(LENGTH, "unknown version");
	expect_doubt(4096, "too small");
}
END_TEST

static Suite *suite_fs_swap(void)
{
	Suite *s = suite_create("fs_swap");
	TCase *tc = tcase_create("fs_swap");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_add_loop_test(tc, page_sizes, 0, 5);
	tcase_add_test(tc, made_by_mkswap);
	tcase_add_test(tc, smaller_than_partition);
	tcase_add_loop_test(tc, hibernated, 0, (int)ARRAY_SIZE(sleepers));
	tcase_add_test(tc, doubts);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_fs_swap)
