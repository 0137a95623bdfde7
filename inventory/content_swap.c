/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap. The signature is the last ten bytes of the first page, of whatever size the pages of the
 * machine that made it are; who hibernates into it puts another one there.
 */
#include <string.h>
#include "common/compiler.h"
#include "inventory/content.h"

#define PAGE_MIN	4096u
#define PAGE_MAX	65536u
#define SIGNATURE_LEN	10

static bool is_image(const uint8_t *signature)
{
	static const struct {
		const char *text;
		size_t len;
	} marks[] = {
		{ "S1SUSPEND", 9 },				/* the kernel */
		{ "S2SUSPEND", 9 },
		{ "ULSUSPEND", 9 },				/* uswsusp */
		{ "LINHIB0001", 10 },
		{ "\xed\xc3\x02\xe9\x98\x56\xe5\x0c", 8 },	/* TuxOnIce */
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (memcmp(signature, marks[i].text, marks[i].len) == 0)
			return true;
	return false;
}

int content_swap(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	fs->hibernated = false;
	for (uint64_t page = PAGE_MIN; page <= PAGE_MAX && page <= s->size; page *= 2) {
		uint8_t signature[SIGNATURE_LEN];
		int r = content_read(s, page - SIGNATURE_LEN, signature, sizeof(signature), err);

		if (r < 0)
			return r;
		if (is_image(signature)) {
			fs->hibernated = true;
			return 0;
		}
		/* Behind the header everything is what somebody swapped out. */
		if (memcmp(signature, "SWAPSPACE2", SIGNATURE_LEN) == 0 ||
		    memcmp(signature, "SWAP-SPACE", SIGNATURE_LEN) == 0)
			return 0;
	}
	return err_set(err, EBADMSG, "the swap header has no signature");
}
