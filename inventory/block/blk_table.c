/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libblkid does not say of a partition table. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <unistd.h>
#include "common/bytes.h"

/* Four entries of 16 bytes; the byte at 4 is the type, 0 for an unused entry. */
#define MBR_SIZE	512
#define MBR_ENTRIES	446
#define MBR_SIGNATURE	0xaa55		/* little-endian at 510 */
#define TYPE_PROTECTIVE	0xee		/* UEFI specification 2.10, 5.2.3 */

static bool is_hybrid(const uint8_t *mbr)
{
	if (get_le16(mbr + 510) != MBR_SIGNATURE)
		return false;
	for (int i = 0; i < 4; i++) {
		uint8_t type = mbr[MBR_ENTRIES + i * 16 + 4];

		if (type != 0 && type != TYPE_PROTECTIVE)
			return true;
	}
	return false;
}

int blk_table_hybrid(const struct blk_walk *b, const char *sysname, int fd, bool *ret)
{
	CLEANUP(mem_free) char *record = NULL;
	uint8_t mbr[MBR_SIZE];
	size_t len = 0;
	int r;

	if (fd >= 0) {
		if (pread(fd, mbr, sizeof(mbr), 0) == (ssize_t)sizeof(mbr))
			*ret = is_hybrid(mbr);
		return 0;
	}
	r = sysroot_read(b->root, &record, &len, "/p2v/mbr/%s", sysname);
	if (r >= 0 && len >= MBR_SIZE)
		*ret = is_hybrid((const uint8_t *)record);
	return r == -ENOMEM ? r : 0;
}
