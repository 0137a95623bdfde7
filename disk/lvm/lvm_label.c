/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "LABELONE" in one of the first four sectors, with the PV header in it: UUID and areas. */
#include "disk/lvm/lvm_label.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "disk/crc32.h"

/* A list of areas that ends with a zero one. *pos moves behind it. */
static int parse_areas(const struct lvm_source *s, const uint8_t *sector, size_t *pos,
		       struct lvm_area *list, unsigned int max, unsigned int *ret_n)
{
	for (unsigned int n = 0;; n++) {
		struct lvm_area a;

		if (*pos + 16 > LVM_SECTOR)
			return lvm_source_doubt(s, "the PV header does not end");
		a = (struct lvm_area){ get_le64(sector + *pos), get_le64(sector + *pos + 8) };
		*pos += 16;
		if (a.offset == 0) {
			*ret_n = n;
			return 1;
		}
		if (n == max)
			return lvm_source_doubt(s, "the PV header names too many areas");
		if (!range_inside(a.offset, a.length, s->length))
			return lvm_source_doubt(s, "the PV header names an area outside the "
						   "partition");
		list[n] = a;
	}
}

static int parse_header(const struct lvm_source *s, const uint8_t *sector, struct lvm_header *ret)
{
	struct lvm_header h = { 0 };
	unsigned int n;
	size_t pos = get_le32(sector + 20);
	uint32_t version;
	int r;

	if (pos < 32 || pos > LVM_SECTOR - 40)
		return lvm_source_doubt(s, "the PV header is not in its label sector");
	memcpy(h.uuid, sector + pos, 32);
	for (int i = 0; i < 32; i++)
		if (h.uuid[i] <= ' ' || h.uuid[i] > '~')
			return lvm_source_doubt(s, "the PV has an impossible UUID");
	h.device_size = get_le64(sector + pos + 32);
	pos += 40;
	r = parse_areas(s, sector, &pos, &h.data, 1, &n);
	if (r <= 0)
		return r;
	if (n != 1)
		return lvm_source_doubt(s, "the PV has no data area");
	r = parse_areas(s, sector, &pos, h.mda, LVM_MDAS_MAX, &h.mdas);
	if (r <= 0)
		return r;
	/* The header extension; version 0 is an older LVM2 that knew none. */
	if (pos + 8 > LVM_SECTOR)
		return lvm_source_doubt(s, "the PV header does not end");
	version = get_le32(sector + pos);
	if (version > 2)
		return lvm_source_doubt(s, "the PV header extension has version %" PRIu32, version);
	if (h.device_size > s->length)
		return lvm_source_doubt(s, "the PV is larger than its partition");
	*ret = h;
	return 1;
}

int lvm_label_read(const struct lvm_source *s, struct lvm_header *ret)
{
	uint8_t sectors[LVM_LABEL_SECTORS * LVM_SECTOR];
	const uint8_t *label = NULL;
	int r;

	if (s->length < sizeof(sectors))
		return lvm_source_doubt(s, "too small for LVM");
	r = lvm_source_read(s, sectors, sizeof(sectors), 0);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < LVM_LABEL_SECTORS; i++) {
		const uint8_t *p = sectors + i * LVM_SECTOR;

		if (memcmp(p, "LABELONE", 8) != 0)
			continue;
		if (label)
			return lvm_source_doubt(s, "two LVM labels");
		if (memcmp(p + 24, "LVM2 001", 8) != 0)
			return lvm_source_doubt(s, "an LVM label of unknown kind");
		if (get_le64(p + 8) != i)
			return lvm_source_doubt(s, "the LVM label is not where it was written");
		if (crc32_bare(LVM_CRC_INITIAL, p + 20, LVM_SECTOR - 20) != get_le32(p + 16))
			return lvm_source_doubt(s, "the LVM label has a wrong checksum");
		label = p;
	}
	if (!label)
		return lvm_source_doubt(s, "no LVM label");
	return parse_header(s, label, ret);
}
