/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap space (mkswap's header, version 1). Its pages mean nothing once the machine is off, unless
 * it has hibernated into them: then the header's signature was replaced, and a copy of the disk
 * without those pages would resume into nonsense.
 *
 *	page 0:  1024 bytes for a boot loader | version, last page, bad pages, UUID, label | ...
 *	         ... | signature in the page's last ten bytes
 *
 * The page size is the one of the machine that made it; it shows in where the signature is.
 */
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/usedmap.h"

#define PAGE_MIN	4096u
#define PAGE_MAX	65536u
#define SIGNATURE_LEN	10
#define PAGES_MIN	10		/* mkswap refuses less */

static int doubt(const char *why, char **ret_why, struct err *err)
{
	*ret_why = strdup(why);
	return *ret_why ? 0 : err_nomem(err);
}

static bool is_hibernated(const uint8_t *signature)
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

int usedmap_swap(const struct disk *d, uint64_t offset, uint64_t length, struct bitmap *map,
		 char **ret_why, struct err *err)
{
	CLEANUP(mem_free) uint8_t *head = NULL;
	uint64_t page = 0, end;
	uint32_t last_page;
	int r;

	if (length < PAGE_MAX)
		return doubt("too small for swap: all used", ret_why, err);
	head = disk_alloc(PAGE_MAX);
	if (!head)
		return err_nomem(err);
	r = disk_read(d, head, PAGE_MAX, offset, err);
	if (r < 0)
		return r;

	for (uint64_t p = PAGE_MIN; p <= PAGE_MAX; p *= 2) {
		const uint8_t *signature = head + p - SIGNATURE_LEN;

		if (is_hibernated(signature))
			return doubt("holds a hibernated system: all used", ret_why, err);
		if (memcmp(signature, "SWAPSPACE2", SIGNATURE_LEN) != 0)
			continue;
		if (page != 0)
			return doubt("two swap signatures: all used", ret_why, err);
		page = p;
	}
	if (page == 0)
		return doubt("no swap signature: all used", ret_why, err);
	if (get_le32(head + 1024) != 1)
		return doubt("swap header of an unknown version: all used", ret_why, err);
	last_page = get_le32(head + 1028);
	end = ((uint64_t)last_page + 1) * page;
	if (last_page < PAGES_MIN || end > length)
		return doubt("swap header with an impossible size: all used", ret_why, err);

	*ret_why = strdup("swap header");
	if (!*ret_why)
		return err_nomem(err);
	if (end > PAGE_MAX)
		bitmap_clear_range(map, offset + PAGE_MAX, end - PAGE_MAX);
	return 1;
}
