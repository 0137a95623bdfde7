/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/lvm/lvm_raid.h"

#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define SECTOR		512u
#define NEVER		UINT64_MAX	/* an offset that a resync has passed */

#define BITMAP_OFFSET	4096u
#define BITMAP_HEADER	256u
#define BITMAP_MAGIC	0x6d746962u	/* "bitm" */

#define LOG_MAGIC	0x4d695272u	/* "MiRr" */
#define LOG_BITS	1024u

static int differs(const char **ret_why, const char *why)
{
	*ret_why = why;
	return 0;
}

/* Are bits [0, n), from byte "offset" on, all of that value? 1, 0, -errno. */
static int all_bits(const struct space *s, uint64_t offset, uint64_t n, bool value,
		    struct err *err)
{
	uint8_t buf[4096];

	for (uint64_t done = 0; done < n; done += sizeof(buf) * 8) {
		uint64_t bits = MIN(n - done, (uint64_t)sizeof(buf) * 8);
		int r = space_read(s, buf, (size_t)DIV_ROUND_UP(bits, 8), offset + done / 8, err);

		if (r < 0)
			return r;
		for (uint64_t i = 0; i < bits; i++)
			if ((buf[i / 8] >> i % 8 & 1) != value)
				return 0;
	}
	return 1;
}

static int check_bitmap(const struct space *meta, uint64_t size, uint64_t events,
			const char **ret_why, struct err *err)
{
	uint8_t h[BITMAP_HEADER];
	uint64_t chunk, bits;
	uint32_t version;
	int r;

	if (!range_inside(BITMAP_OFFSET, sizeof(h), meta->size))
		return differs(ret_why, "it has no room for a bitmap");
	r = space_read(meta, h, sizeof(h), BITMAP_OFFSET, err);
	if (r < 0)
		return r;
	version = get_le32(h + 4);
	chunk = get_le32(h + 52);
	if (get_le32(h) != BITMAP_MAGIC || (version != 3 && version != 4) ||
	    get_le64(h + 40) != size / SECTOR || chunk < SECTOR || (chunk & (chunk - 1)) != 0)
		return differs(ret_why, "it has no bitmap");
	/* Stale, or a write to it failed; or others wrote to the array since. */
	if (get_le32(h + 48) != 0 || get_le64(h + 24) != events)
		return differs(ret_why, "its bitmap is out of date");
	bits = DIV_ROUND_UP(size, chunk);
	if (!range_inside(BITMAP_OFFSET + BITMAP_HEADER, DIV_ROUND_UP(bits, 8), meta->size))
		return differs(ret_why, "it has no room for a bitmap");
	r = all_bits(meta, BITMAP_OFFSET + BITMAP_HEADER, bits, false, err);
	return r != 0 ? r : differs(ret_why, "it was in use when it stopped");
}

/* Of one leg. Level 0 has nothing to be in sync with, but may be on its way to another level. */
static int check_super(const uint8_t *b, size_t leg, size_t n, uint32_t level, uint64_t size,
		       const char **ret_why)
{
	static const uint8_t none[24];
	uint32_t compat = get_le32(b + 4);

	if (memcmp(b, "DmRd", 4) != 0)
		return differs(ret_why, "a leg has no superblock");
	if (compat > 1 || get_le32(b + 144) != 0)
		return differs(ret_why, "it has unknown features");
	if (get_le32(b + 8) != n || get_le32(b + 12) != leg || get_le32(b + 48) != level)
		return differs(ret_why, "a leg's superblock is that of another array");
	if (get_le64(b + 24) != 0)
		return differs(ret_why, "a leg failed");
	if (level != 0 && (get_le64(b + 32) != NEVER || get_le64(b + 40) != NEVER))
		return differs(ret_why, "it is not in sync");
	if (compat == 0)
		return 1;
	if (memcmp(b + 120, none, sizeof(none)) != 0)
		return differs(ret_why, "a leg failed");
	if (get_le32(b + 60) != 0 || get_le64(b + 64) != NEVER || get_le32(b + 84) != 0 ||
	    get_le32(b + 72) != level || get_le64(b + 96) != 0 || get_le64(b + 104) != 0)
		return differs(ret_why, "it is being reshaped");
	if (get_le64(b + 112) != size / SECTOR)
		return differs(ret_why, "a leg's superblock is that of another array");
	return 1;
}

int lvm_raid_check(struct space *const *metas, size_t n, uint32_t level, uint64_t size,
		   const char **ret_why, struct err *err)
{
	uint8_t first[SECTOR], b[SECTOR];
	int r = 1;

	for (size_t i = 0; i < n && r > 0; i++) {
		if (metas[i]->size < sizeof(b))
			return differs(ret_why, "a leg has no superblock");
		r = space_read(metas[i], b, sizeof(b), 0, err);
		if (r < 0)
			return r;
		r = check_super(b, i, n, level, size, ret_why);
		if (r <= 0)
			return r;
		if (i == 0)
			memcpy(first, b, sizeof(b));
		else if (memcmp(first + 16, b + 16, 8) != 0)
			return differs(ret_why, "a leg has missed changes");
		if (level != 0)
			r = check_bitmap(metas[i], size, get_le64(b + 16), ret_why, err);
	}
	return r;
}

int lvm_raid_check_log(const struct space *log, uint64_t size, uint64_t region,
		       const char **ret_why, struct err *err)
{
	uint8_t h[16];
	uint64_t n;
	int r;

	if (region == 0 || log->size < LOG_BITS)
		return differs(ret_why, "its log is too small");
	r = space_read(log, h, sizeof(h), 0, err);
	if (r < 0)
		return r;
	n = DIV_ROUND_UP(size, region);
	if (get_le32(h) != LOG_MAGIC || get_le32(h + 4) != 2 || get_le64(h + 8) != n)
		return differs(ret_why, "its log is that of another mirror");
	if (!range_inside(LOG_BITS, DIV_ROUND_UP(n, 8), log->size))
		return differs(ret_why, "its log is too small");
	r = all_bits(log, LOG_BITS, n, true, err);
	return r != 0 ? r : differs(ret_why, "it is not in sync");
}
