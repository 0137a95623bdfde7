/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DDF firmware RAID (SNIA, Common RAID Disk Data Format 2.0). The anchor is a header in the disk's
 * last sector (with some firmware 256 before it), which says where the primary and secondary
 * headers are; a header names sections by sectors from its own place:
 *
 *	this disk		its reference number
 *	configuration		a record per volume the disk has a part of: level, members in order
 *	virtual disks		a record per volume of the group: name
 *
 * Big-endian, but some firmware writes little-endian; the magic number tells.
 */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/content/content.h"

#define SECTOR		512u
#define GUID_LEN	24

#define MAGIC_HEADER	0xde11de11u
#define H_PRIMARY	96
#define H_SECONDARY	104
#define H_RECORD_LEN	134		/* of a configuration record, in sectors */
#define H_MEMBERS_MAX	136		/* that a record has room for */
#define H_VIRTUAL	208		/* u32 offset, u32 length, in sectors; so the next two */
#define H_CONFIG	216
#define H_DATA		224

#define MAGIC_DATA	0x33333333u
#define DATA_REFERENCE	32

#define MAGIC_CONFIG	0xeeeeeeeeu
#define MAGIC_SPARE	0x55555555u
#define CONFIG_GUID	8
#define CONFIG_MEMBERS	64
#define CONFIG_LEVEL	67
#define CONFIG_SPANS	69		/* secondary elements: raid1 + 0 and the like */
#define CONFIG_REFS	512
#define RECORDS_MAX	64

#define MAGIC_VIRTUAL	0xddddddddu
#define VIRTUAL_MAX	10
#define VIRTUAL_ENTRIES	64
#define ENTRY_LEN	64
#define ENTRY_NAME	48
#define ENTRY_NAME_LEN	16
#define ENTRIES_MAX	1024

struct ddf {
	const struct content_source *s;
	struct err *err;
	bool little;
	uint64_t at;			/* of the header in use */
	uint8_t header[SECTOR];
};

static uint32_t u16_at(const struct ddf *d, const uint8_t *p)
{
	return d->little ? get_le16(p) : get_be16(p);
}

static uint32_t u32_at(const struct ddf *d, const uint8_t *p)
{
	return d->little ? get_le32(p) : get_be32(p);
}

static uint64_t u64_at(const struct ddf *d, const uint8_t *p)
{
	return d->little ? get_le64(p) : get_be64(p);
}

/* Bytes at an offset from the start of a section. */
static int read_section(const struct ddf *d, unsigned int section, uint64_t offset, void *buf,
			size_t len)
{
	uint64_t start = (uint64_t)u32_at(d, d->header + section) * SECTOR, at;
	uint64_t length = (uint64_t)u32_at(d, d->header + section + 4) * SECTOR;

	if (!range_inside(offset, len, length) || !u64_add(d->at, start + offset, &at))
		return err_set(d->err, EBADMSG, "a section of the DDF metadata is too small");
	return content_read(d->s, at, buf, len, d->err);
}

static int find_header(struct ddf *d)
{
	static const uint64_t from_end[] = { SECTOR, 257 * SECTOR };
	static const unsigned int copies[] = { H_PRIMARY, H_SECONDARY };
	uint8_t anchor[SECTOR];
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(from_end) && !found; i++) {
		int r;

		if (d->s->size < from_end[i])
			break;
		r = content_read(d->s, d->s->size - from_end[i], anchor, sizeof(anchor), d->err);
		if (r < 0)
			return r;
		d->little = get_le32(anchor) == MAGIC_HEADER;
		found = d->little || get_be32(anchor) == MAGIC_HEADER;
	}
	if (!found)
		return err_set(d->err, EBADMSG, "there is no DDF metadata at its end");
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		if (!u64_mul(u64_at(d, anchor + copies[i]), SECTOR, &d->at) ||
		    content_read(d->s, d->at, d->header, sizeof(d->header), NULL) < 0)
			continue;
		if (u32_at(d, d->header) == MAGIC_HEADER)
			return 0;
	}
	return err_set(d->err, EBADMSG, "the DDF headers are not where its anchor says");
}

static const char *level_name(unsigned int level, unsigned int spans)
{
	switch (level) {
	case 0x00:
		return "raid0";
	case 0x01:
		return spans > 1 ? "raid10" : "raid1";
	case 0x03:
		return "raid3";
	case 0x04:
		return "raid4";
	case 0x05:
		return spans > 1 ? "raid50" : "raid5";
	case 0x06:
		return spans > 1 ? "raid60" : "raid6";
	case 0x11:
		return "raid10";
	case 0x0f:
		return "jbod";
	case 0x1f:
		return "linear";
	default:
		return NULL;
	}
}

/* The name of the volume with that GUID. */
static int take_name(const struct ddf *d, const uint8_t *guid, struct machine_fs *fs)
{
	uint8_t entry[ENTRY_LEN];
	uint32_t n;
	int r = read_section(d, H_VIRTUAL, 0, entry, sizeof(entry));

	if (r < 0)
		return r;
	if (u32_at(d, entry) != MAGIC_VIRTUAL)
		return err_set(d->err, EBADMSG, "the DDF metadata has no list of volumes");
	n = MIN(u16_at(d, entry + VIRTUAL_MAX), ENTRIES_MAX);
	for (uint32_t i = 0; i < n; i++) {
		r = read_section(d, H_VIRTUAL, VIRTUAL_ENTRIES + (uint64_t)i * ENTRY_LEN, entry,
				 sizeof(entry));
		if (r < 0)
			return r;
		if (memcmp(entry, guid, GUID_LEN) == 0)
			return content_text(entry + ENTRY_NAME, ENTRY_NAME_LEN, &fs->group, d->err);
	}
	return 0;
}

static int take_config(const struct ddf *d, const uint8_t *record, uint32_t place,
		       struct machine_fs *fs)
{
	unsigned int spans = record[CONFIG_SPANS];
	const char *level = level_name(record[CONFIG_LEVEL], spans);
	const uint8_t *g = record + CONFIG_GUID;
	int r;

	fs->members = u16_at(d, record + CONFIG_MEMBERS) * MAX(spans, 1u);
	/* As mdadm writes it: words of a GUID that is text in its first half. */
	r = content_set(&fs->group_uuid, d->err, "%08x:%08x:%08x:%08x:%08x:%08x", get_be32(g),
			get_be32(g + 4), get_be32(g + 8), get_be32(g + 12), get_be32(g + 16),
			get_be32(g + 20));
	if (r == 0)
		r = content_set(&fs->role, d->err, "%" PRIu32, place);
	if (r == 0 && level)
		r = content_set(&fs->level, d->err, "%s", level);
	return r == 0 ? take_name(d, g, fs) : r;
}

/* Which of the record's members has the reference number? 1 and *ret_place, 0 none. */
static int find_member(const struct ddf *d, uint64_t record, uint32_t reference,
		       uint32_t *ret_place)
{
	uint32_t n = u16_at(d, d->header + H_MEMBERS_MAX);
	uint8_t refs[SECTOR];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t in_sector = i % (SECTOR / 4);

		if (in_sector == 0) {
			int r = read_section(d, H_CONFIG, record + CONFIG_REFS + (uint64_t)i * 4,
					     refs, MIN(sizeof(refs), (size_t)(n - i) * 4));

			if (r < 0)
				return r;
		}
		if (u32_at(d, refs + 4 * in_sector) == reference) {
			*ret_place = i;
			return 1;
		}
	}
	return 0;
}

int content_ddf(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	struct ddf d = { .s = s, .err = err };
	uint8_t buf[SECTOR];
	uint32_t reference, place;
	uint64_t step, n;
	int r = find_header(&d);

	if (r == 0)
		r = read_section(&d, H_DATA, 0, buf, sizeof(buf));
	if (r < 0)
		return r;
	if (u32_at(&d, buf) != MAGIC_DATA)
		return err_set(err, EBADMSG, "the DDF metadata does not say which disk it is on");
	reference = u32_at(&d, buf + DATA_REFERENCE);
	step = (uint64_t)u16_at(&d, d.header + H_RECORD_LEN) * SECTOR;
	if (step == 0)
		return err_set(err, EBADMSG, "the DDF configuration records have no length");
	n = (uint64_t)u32_at(&d, d.header + H_CONFIG + 4) * SECTOR / step;
	for (uint64_t i = 0; i < MIN(n, RECORDS_MAX); i++) {
		r = read_section(&d, H_CONFIG, i * step, buf, sizeof(buf));
		if (r < 0)
			return r;
		if (u32_at(&d, buf) == MAGIC_SPARE)
			return content_set(&fs->role, err, "spare");
		if (u32_at(&d, buf) != MAGIC_CONFIG)
			continue;
		r = find_member(&d, i * step, reference, &place);
		if (r < 0)
			return r;
		if (r > 0)
			return take_config(&d, buf, place, fs);
	}
	return 0;
}
