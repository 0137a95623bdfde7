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
#include "common/fdio.h"
#include "disk/swap_signature.h"
#include "disk/fs/fs.h"

#define PAGES_MIN	10		/* mkswap refuses less */

int fs_swap_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(mem_free) uint8_t *head = NULL;
	uint64_t page = 0, end;
	uint32_t last_page;
	int r;

	if (s->size < SWAP_PAGE_MAX)
		return fs_doubt(ret_why, err, "too small for swap");
	head = fdio_alloc(SWAP_PAGE_MAX);
	if (!head)
		return err_nomem(err);
	r = space_read(s, head, SWAP_PAGE_MAX, 0, err);
	if (r < 0)
		return r;

	for (uint64_t p = SWAP_PAGE_MIN; p <= SWAP_PAGE_MAX; p *= 2) {
		const uint8_t *signature = head + p - SWAP_SIGNATURE_LEN;

		if (swap_signature_is_image(signature))
			return fs_doubt(ret_why, err, "holds a hibernated system");
		if (memcmp(signature, "SWAPSPACE2", SWAP_SIGNATURE_LEN) != 0)
			continue;
		if (page != 0)
			return fs_doubt(ret_why, err, "two swap signatures");
		page = p;
	}
	if (page == 0)
		return fs_doubt(ret_why, err, "no swap signature");
	if (get_le32(head + 1024) != 1)
		return fs_doubt(ret_why, err, "swap header of an unknown version");
	last_page = get_le32(head + 1028);
	end = ((uint64_t)last_page + 1) * page;
	if (last_page < PAGES_MIN || end > s->size)
		return fs_doubt(ret_why, err, "swap header with an impossible size");

	*ret_why = strdup("swap header");
	if (!*ret_why)
		return err_nomem(err);
	if (end > SWAP_PAGE_MAX)
		bitmap_clear_range(map, SWAP_PAGE_MAX, end - SWAP_PAGE_MAX);
	return 1;
}
