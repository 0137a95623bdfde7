/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap. The signature is the last ten bytes of the first page, of whatever size the pages of the
 * machine that made it are; who hibernates into it puts another one there.
 */
#include <string.h>
#include "disk/swap_signature.h"
#include "inventory/content/content.h"

int content_swap(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	fs->hibernated = false;
	for (uint64_t page = SWAP_PAGE_MIN; page <= SWAP_PAGE_MAX && page <= s->size; page *= 2) {
		uint8_t signature[SWAP_SIGNATURE_LEN];
		int r = content_read(s, page - SWAP_SIGNATURE_LEN, signature, sizeof(signature),
				     err);

		if (r < 0)
			return r;
		if (swap_signature_is_image(signature)) {
			fs->hibernated = true;
			return 0;
		}
		/* Behind the header everything is what somebody swapped out. */
		if (memcmp(signature, "SWAPSPACE2", SWAP_SIGNATURE_LEN) == 0 ||
		    memcmp(signature, "SWAP-SPACE", SWAP_SIGNATURE_LEN) == 0)
			return 0;
	}
	return err_set(err, EBADMSG, "the swap header has no signature");
}
