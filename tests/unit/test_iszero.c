/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/iszero.h"

#include <stdint.h>
#include "tests/lib/unit.h"

/* Every length, every alignment of a vector, one stray byte at every place. */
START_TEST(one_stray_byte)
{
	for (size_t len = 0; len <= 400; len += len < 150 ? 1 : 37) {
		for (size_t align = 0; align < 16; align += 5) {
			/* Exactly len bytes at the end of a block: a read past them is seen. */
			uint8_t *block = calloc(1, align + len + 1);
			uint8_t *p = realloc(block, align + len ? align + len : 1);
			size_t bad = 0;

			if (!is_zero(p + align, len))
				bad++;
			for (size_t i = 0; i < len; i++) {
				p[align + i] = (uint8_t)(1 << (i % 8));
				if (is_zero(p + align, len))
					bad++;
				p[align + i] = 0;
			}
			/* What is in front does not count. */
			if (align) {
				p[align - 1] = 0xff;
				if (!is_zero(p + align, len))
					bad++;
			}
			ck_assert_msg(bad == 0, "%zu wrong at length %zu, offset %zu", bad, len,
				      align);
			free(p);
		}
	}
}
END_TEST

START_TEST(large_block)
{
	size_t len = 1 << 20;
	uint8_t *p = calloc(1, len);

	ck_assert(is_zero(p, len));
	for (size_t i = 1; i < len; i += i / 3 + 1) {
		p[i] = 0x80;
		ck_assert(!is_zero(p, len));
		p[i] = 0;
	}
	p[len - 1] = 1;
	ck_assert(!is_zero(p, len));
	ck_assert(is_zero(p, len - 1));
	free(p);
}
END_TEST

static Suite *iszero_suite(void)
{
	Suite *s = suite_create("iszero");
	TCase *t = tcase_create("iszero");

	tcase_add_test(t, one_stray_byte);
	tcase_add_test(t, large_block);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(iszero_suite)
