/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All places are looked at, since an old superblock of another version may lie beside the right. */
#include "disk/md/md_member.h"

#include <errno.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "common/text.h"

#define SECTOR		512u
#define RESERVED	65536u
/* As the kernel: one page. */
#define BAD_SECTORS_MAX	8u
#define FEATURES_KNOWN	(MD_FEATURE_BITMAP | MD_FEATURE_BAD_BLOCKS | MD_FEATURE_RAID0_LAYOUT)

int md_doubt(char **why, struct err *err, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (!text)
		return err_nomem(err);
	free(*why);
	*why = text;
	return 0;
}

static int find_super(struct md_member *m, char **why, struct err *err)
{
	uint64_t places[MD_SUPER_PLACES];
	unsigned int n = md_super_places(m->space->size, places), found = 0;
	uint8_t sb[MD_SUPER_SIZE];
	uint64_t at = 0;
	int r;

	for (unsigned int i = 0; i < n; i++) {
		struct md_super s;

		if (found > 0 && places[i] == at)
			continue;
		r = space_read(m->space, sb, sizeof(sb), places[i], err);
		if (r < 0)
			return r;
		if (!md_super_like(sb))
			continue;
		if (!md_super_parse(sb, places[i], &s))
			return md_doubt(why, err, "an md superblock is damaged");
		if (found++ > 0)
			return md_doubt(why, err, "there are several md superblocks");
		at = places[i];
		m->super = s;
	}
	return found ? 1 : md_doubt(why, err, "no md superblock is intact");
}

static int check_state(const struct md_super *s, char **why, struct err *err)
{
	if (s->big_endian)
		return md_doubt(why, err, "md of a machine with another byte order");
	if (s->reshaping)
		return md_doubt(why, err, "the md array is being reshaped");
	if (s->recovering || (s->features & MD_FEATURE_RECOVERY))
		return md_doubt(why, err, "an md member is being recovered");
	if (s->features & (MD_FEATURE_JOURNAL | MD_FEATURE_PPL | MD_FEATURE_PPLS))
		return md_doubt(why, err, "the md array has a journal");
	if (s->features & MD_FEATURE_CLUSTERED)
		return md_doubt(why, err, "the md array belongs to a cluster");
	if (s->features & ~FEATURES_KNOWN)
		return md_doubt(why, err, "md features are unknown (0x%x)",
				s->features & ~FEATURES_KNOWN);
	return 1;
}

/* Something of md's own, so many sectors from the superblock. */
static bool beside_data(const struct md_member *m, int32_t offset, uint64_t length,
			uint64_t *ret)
{
	const struct md_super *s = &m->super;
	int64_t at = (int64_t)s->at + (int64_t)offset * SECTOR;
	uint64_t from = (uint64_t)at;

	if (at < 0 || !range_inside(from, length, m->space->size))
		return false;
	*ret = from;
	return from + length <= s->data_offset || from >= s->data_offset + s->data_size;
}

static bool places_fit(const struct md_member *m)
{
	const struct md_super *s = &m->super;
	uint64_t size = m->space->size, end;

	if (!u64_add(s->data_offset, s->data_size, &end) || s->data_size == 0)
		return false;
	if (s->major == 0)
		return s->at == ALIGN_DOWN(size, (uint64_t)RESERVED) - RESERVED;
	if (s->minor == 0)
		return end <= s->at;
	return s->data_offset >= s->at + MD_SUPER_SIZE && end <= size;
}

/* Entries of 64 bits, the first one of all ones ends it. */
static int bad_blocks(const struct md_member *m, char **why, struct err *err)
{
	const struct md_super *s = &m->super;
	uint8_t log[BAD_SECTORS_MAX * SECTOR];
	uint64_t at;
	int r;

	if (s->bad_offset == 0 || s->bad_sectors == 0 || s->bad_sectors > BAD_SECTORS_MAX ||
	    !beside_data(m, s->bad_offset, (uint64_t)s->bad_sectors * SECTOR, &at))
		return md_doubt(why, err, "md's log of bad blocks has no place");
	r = space_read(m->space, log, s->bad_sectors * SECTOR, at, err);
	if (r < 0)
		return r;
	if (get_le64(log) != UINT64_MAX)
		return md_doubt(why, err, "md has bad blocks in its log");
	return 1;
}

int md_member_read(struct space *s, struct md_member *ret, char **why, struct err *err)
{
	const struct md_super *super = &ret->super;
	uint64_t at;
	int r;

	ret->space = s;
	r = find_super(ret, why, err);
	if (r > 0)
		r = check_state(super, why, err);
	if (r <= 0)
		return r;
	if (!places_fit(ret) || (super->level > 0 && super->size > super->data_size))
		return md_doubt(why, err, "the md superblock does not fit its device");
	/* The kernel writes the bitmap as it goes; how long it is does not matter before data. */
	if (super->bitmap_offset != 0 && !beside_data(ret, super->bitmap_offset, SECTOR, &at))
		return md_doubt(why, err, "md's bitmap does not lie beside the data");
	if (super->features & MD_FEATURE_BAD_BLOCKS)
		return bad_blocks(ret, why, err);
	return 1;
}
